//! Workbooks without a template: blank ledger forms, the import report, the accountability list.

pub mod accountability;
pub(crate) mod blank;
pub(crate) mod finding_list;
pub mod intake_report;
pub(crate) mod signing_list;
