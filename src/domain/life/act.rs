//! An act on a record, and the events that record it.

use crate::domain::life::event::{Event, Via};
use crate::domain::life::office::Office;
use crate::domain::register::ledger::Ledger;
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
    /// Ids and values.
    pub set: Vec<(String, Cell)>,
    pub numbering: Option<Numbering>,
}

/// An event that is to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The event without what it gets when it is written: see [`Placed`]. One that creates a record has no code yet.
    pub event: Event,
    /// Begins the code of a record that is created.
    pub prefix: String,
    pub numbering: Option<Numbering>,
    pub opens: Option<OpenedDraft>,
    /// Its place among the drafts, if it is a copy or a consequence of another one before it.
    pub follows: Option<usize>,
}

/// What an event gets when it is written.
#[derive(Clone, Debug)]
pub struct Placed {
    pub pos: i64,
    /// The position of the event that it follows; its own where it follows none.
    pub act: i64,
    /// UTC.
    pub recorded_at: String,
    pub code: String,
    /// Empty = the record gets none by it.
    pub number: String,
    /// Position, code and number of the record that it opens.
    pub opened: Option<(i64, String, String)>,
}

impl Draft {
    /// The event of an act on a record on a day, as far as the act states it: it writes nothing yet. `None` = it creates the record.
    pub(crate) fn of(office: &Office<'_>, act: &Act, code: Option<&str>, transition: &str, on: NaiveDate) -> Draft {
        let event = Event {
            pos: i64::MAX,
            act: i64::MAX,
            code: code.unwrap_or_default().to_owned(),
            no: 1,
            creates: code.is_none(),
            transition: transition.to_owned(),
            on,
            recorded_at: String::new(),
            by: act.by.trim().to_owned(),
            unit: office.name(act.unit).to_owned(),
            actor: act.actor.clone(),
            via: act.via,
            on_behalf: act.on_behalf,
            late: false,
            same_person: false,
            given: Vec::new(),
            set: Vec::new(),
            reason: act.reason.trim().to_owned(),
            key: act.key.clone(),
            number: String::new(),
            opened: Vec::new(),
            retracted: None,
        };
        Draft { event, prefix: String::new(), numbering: None, opens: None, follows: None }
    }

    /// The event as it is written, and the first event of the record that it opens.
    pub fn written(&self, placed: Placed) -> (Event, Option<Event>) {
        let Placed { pos, act, recorded_at, code, number, opened } = placed;
        let of_other = opened.iter().map(|(_, code, _)| code.clone()).collect();
        let event = Event { pos, act, recorded_at, code, number, opened: of_other, ..self.event.clone() };
        let birth = self.opens.as_ref().zip(opened).map(|(draft, (pos, code, number))| Event {
            pos,
            code,
            number,
            no: 1,
            creates: true,
            set: draft.set.clone(),
            given: Vec::new(),
            key: String::new(),
            opened: Vec::new(),
            ..event.clone()
        });
        (event, birth)
    }
}

/// The cells of fields (index) by the ids of the fields.
pub(crate) fn by_id(ledger: &Ledger, cells: &[(usize, Cell)]) -> Vec<(String, Cell)> {
    cells.iter().map(|(field, cell)| (ledger.fields[*field].id.clone(), cell.clone())).collect()
}

/// The events of the acts on one record that are written together.
#[derive(Clone, Debug)]
pub struct Decision {
    pub drafts: Vec<Draft>,
    /// The place of the event of the transition that was named last.
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
