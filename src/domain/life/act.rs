//! An act on a record, and the events that record it.

use crate::domain::life::event::Via;
use crate::domain::register::record::Cell;
use crate::domain::register::units::UnitId;
use chrono::NaiveDate;

/// What a person or the service wants to do with a record.
#[derive(Clone, Debug)]
pub struct Act {
    /// The code of the record; `None` = it is to be created.
    pub code: Option<String>,
    /// The id of the transition.
    pub transition: String,
    pub by: String,
    /// The unit that acts.
    pub unit: UnitId,
    /// A clerk of the office records it for the unit.
    pub on_behalf: bool,
    /// The day that is stated for it.
    pub stated_on: Option<NaiveDate>,
    /// Field (index) and value.
    pub given: Vec<(usize, Cell)>,
    /// The number, where it is typed.
    pub number: Option<String>,
    pub reason: String,
    pub key: String,
    pub actor: String,
    pub via: Via,
}

/// How a record gets its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// The next one of a series: the code of the issuer, empty for the office, and the text with {year} and {n}.
    Next {
        issuer: String,
        text: String,
    },
    Given {
        issuer: String,
        number: String,
    },
}

/// A record that an event opens.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenedDraft {
    /// Begins its code.
    pub prefix: String,
    pub set: Vec<(usize, Cell)>,
    pub numbering: Option<Numbering>,
}

/// An event that is to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The code of the record; `None` = it is created, and its code begins with `prefix`.
    pub code: Option<String>,
    pub prefix: String,
    /// Its number among the events of the record.
    pub no: u32,
    pub transition: String,
    pub on: NaiveDate,
    pub by: String,
    pub unit: String,
    pub actor: String,
    pub via: Via,
    pub on_behalf: bool,
    pub late: bool,
    pub same_person: bool,
    pub given: Vec<(String, Cell)>,
    pub set: Vec<(usize, Cell)>,
    pub reason: String,
    pub key: String,
    pub numbering: Option<Numbering>,
    pub opens: Option<OpenedDraft>,
    /// It is a copy or a consequence of the event that was named.
    pub follows: bool,
}

/// The events of one act.
#[derive(Clone, Debug)]
pub struct Decision {
    pub drafts: Vec<Draft>,
    /// The place of the event of the transition that was named.
    pub named: usize,
    /// The id of the state in which the record ends; empty where the ledger has no states.
    pub state: String,
}

/// Why an act is refused, and what was found instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The id of the state; empty where there is no record or no state.
    pub state: String,
    /// Who made the last event, and when.
    pub last: Option<(String, NaiveDate)>,
    pub possible: Vec<String>,
    pub reason: String,
}
