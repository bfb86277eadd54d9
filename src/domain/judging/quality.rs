//! Data quality: what a person should look at in a row, although it is no finding.

use crate::domain::register::units::UnitId;
use std::sync::Arc;

/// A doubt about a row that a person should look at; it is no finding. The type is small because most of a million rows may have one.
#[derive(Clone, Debug)]
pub struct Quality {
    pub ledger: usize,
    pub key: Arc<str>,
    pub owner: Option<UnitId>,
    pub kind: QualityKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum QualityKind {
    /// A cell that the scope of a rule reads is empty, so the row is out of its scope.
    BlankScope(usize),
    /// 已开工而仍为框架协议.
    StartedUnderFramework,
    /// A cell that a state or a rule reads differs from what was done here.
    DiffersFromEvent(usize),
    /// The owner cell names no known unit.
    UnknownOwner,
    /// The industry cell names no key industry.
    UnknownIndustry,
    /// An exemption that names no known rule, or no key.
    ExemptionOfNothing,
    /// An exemption without the day it was granted or the day it ends.
    ExemptionWithoutTerm,
    /// A second objection to one finding: it does not count.
    RepeatedObjection,
}
