//! Events (办理记录): transitions that happened. They are never edited; a wrong one is retracted.

use crate::domain::register::record::Cell;
use chrono::NaiveDate;

/// The door through which an event came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    CommandLine,
    Form,
    Link,
    Portal,
    Service,
}

impl Via {
    pub const ALL: [Via; 5] = [Via::CommandLine, Via::Form, Via::Link, Via::Portal, Via::Service];

    pub fn code(self) -> &'static str {
        match self {
            Via::CommandLine => "cli",
            Via::Form => "form",
            Via::Link => "link",
            Via::Portal => "portal",
            Via::Service => "service",
        }
    }

    pub fn from_code(code: &str) -> Option<Via> {
        Via::ALL.into_iter().find(|via| via.code() == code)
    }
}

/// Why an event no longer counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retraction {
    /// The position at which it was retracted: who pinned an earlier one still counts the event.
    pub pos: i64,
    pub by: String,
    pub recorded_at: String,
    pub reason: String,
}

/// One event of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// In the order in which the events of all ledgers were committed.
    pub pos: i64,
    /// The position of the event of which this one is a copy or a consequence; its own where it is none.
    pub act: i64,
    pub code: String,
    /// Counted for each record, from 1.
    pub no: u32,
    /// The record began with it.
    pub creates: bool,
    /// The id of the transition.
    pub transition: String,
    /// The day on which it takes effect.
    pub on: NaiveDate,
    /// UTC.
    pub recorded_at: String,
    /// The name as it was stated.
    pub by: String,
    /// The name of the unit that acted.
    pub unit: String,
    /// Account, link, form number or user of the system.
    pub actor: String,
    pub via: Via,
    /// A clerk recorded it for the unit (代录).
    pub on_behalf: bool,
    /// The unit stated an earlier day than the event may have (补录).
    pub late: bool,
    /// The only person the office knows of the unit did the owner's act and the issuer's (自办自结).
    pub same_person: bool,
    /// Ids and values.
    pub given: Vec<(String, Cell)>,
    pub set: Vec<(String, Cell)>,
    pub reason: String,
    /// By which a door repeats itself without effect; empty = none.
    pub key: String,
    /// The number that the record got; empty = none.
    pub number: String,
    /// The codes of the records that it opened.
    pub opened: Vec<String>,
    pub retracted: Option<Retraction>,
}

/// The key of `given` that holds the day a unit stated for an event that may not have it.
pub const STATED_DAY: &str = "on";

/// The key of `given` that holds the number of the event that a later one concerns.
pub const EVENT_NO: &str = "no";

impl Event {
    /// Whether it counts for a reader who knows all up to a position.
    pub fn counts_at(&self, pos: i64) -> bool {
        self.pos <= pos && self.retracted.as_ref().is_none_or(|retraction| retraction.pos > pos)
    }

    /// The event as a reader sees it who knows all up to a position; `None` where it came later.
    pub fn at(&self, pos: i64) -> Option<Event> {
        let known =
            |event: &Event| Event { retracted: event.retracted.clone().filter(|retraction| retraction.pos <= pos), ..event.clone() };
        (self.pos <= pos).then(|| known(self))
    }

    /// The value that it set for a field id.
    pub fn value_of(&self, id: &str) -> Option<&Cell> {
        self.set.iter().find(|(known, _)| known == id).map(|(_, cell)| cell)
    }
}
