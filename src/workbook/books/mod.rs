//! Workbooks without a template: blank ledger forms, the import report, the accountability list.

pub mod accountability;
pub mod blank;
pub mod intake_report;
