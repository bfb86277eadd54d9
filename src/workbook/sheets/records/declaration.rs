//! What a template declares of a sheet of records.

use crate::domain::judging::roster::Selection;
use crate::domain::rules::rule::Light;
use crate::workbook::sheets::list::columns::ListColumn;
use crate::workbook::sheets::list::declaration::Group;

/// The records a sheet lists.
#[derive(Clone, Debug)]
pub struct RecordList {
    pub selection: Selection,
    /// Only records with an open finding of these rules (indices); empty = all.
    pub rules: Vec<usize>,
    /// Only records whose worst open finding has one of these lights; empty = all.
    pub lights: Vec<Light>,
    /// What a unit sees of the selection.
    pub reach: Reach,
    pub group: Option<Group>,
    pub order: Vec<Order>,
    pub columns: Vec<ListColumn>,
}

/// What a unit sees of a selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// What it and its subordinates hold.
    Held,
    /// Also what they asked of others, and what belongs to the industries it leads.
    Own,
    /// Every record.
    All,
}

impl Reach {
    pub const NAMES: [(&'static str, Reach); 3] = [("held", Reach::Held), ("own", Reach::Own), ("all", Reach::All)];
}

/// What rows are put in order by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// A field of the ledger; `None` = the worst light.
    pub field: Option<usize>,
    pub descending: bool,
}
