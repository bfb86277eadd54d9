//! What a template declares of a sheet of records.

use crate::domain::judging::roster::Selection;
use crate::domain::rules::rule::Light;
use crate::workbook::sheets::list::columns::ListColumn;
use crate::workbook::sheets::list::declaration::Group;

/// Which records a sheet lists, and how.
#[derive(Clone, Debug)]
pub struct RecordList {
    pub selection: Selection,
    /// Only records with an open finding of one of these rules (indices); empty = all records.
    pub rules: Vec<usize>,
    /// Only records whose worst open finding has one of these lights; empty = all records.
    pub lights: Vec<Light>,
    /// Which of the records a unit sees.
    pub reach: Reach,
    pub group: Option<Group>,
    pub order: Vec<Order>,
    pub columns: Vec<ListColumn>,
}

/// Which records of a selection a unit sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Records that the unit and its subordinates own.
    Held,
    /// Also records they raised, and records of the industries that the unit leads.
    Own,
    /// Every record.
    All,
}

impl Reach {
    pub const NAMES: [(&'static str, Reach); 3] = [("held", Reach::Held), ("own", Reach::Own), ("all", Reach::All)];
}

/// A sort key of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// A field of the ledger; `None` = the worst light.
    pub field: Option<usize>,
    pub descending: bool,
}
