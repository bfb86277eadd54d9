//! The life (办理) of a ledger's records as its file declares it: the states, and the transitions (办理动作) with what each of them needs and sets.

use crate::domain::intake::text::half_width;
use crate::domain::register::record::{Cell, Columns};
use crate::domain::rules::condition::{Condition, States};
use std::sync::Arc;

/// A condition of a transition.
#[derive(Clone, Debug, PartialEq)]
pub enum Clause {
    /// A condition on the record.
    Record(Condition),
    /// The same condition on what is given.
    Given(Condition),
    /// The date lies at least so many working days ahead.
    WorkdaysAhead(DateOf, u32),
    /// The date lies at most so many working days back.
    WorkdaysBack(DateOf, u32),
    /// The record belongs to a level below the office's own.
    BelowTop,
    Not(Box<Clause>),
}

/// Where a clause takes a date from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOf {
    Field(usize),
    Given(usize),
    /// The due day in force.
    Due,
}

/// One of the lists has to hold; no list = always.
pub type Clauses = Vec<Vec<Clause>>;

/// What a transition writes to a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// The day of the event.
    Day,
    /// The name of the person who acts.
    By,
    /// The name of the unit that acts.
    Unit,
    /// The word of the next level up.
    Above,
    Given(usize),
    Field(usize),
    /// The due day in force.
    Due,
    /// The latest of the dates; empty where the first one is.
    Later(Vec<Value>),
    /// The first that is filled.
    First(Vec<Value>),
    /// So many working days after a date.
    Workdays(Box<Value>, Count),
    /// The number of the field, increased by one.
    Increment,
    Empty,
    Literal(Cell),
}

/// A number of working days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    Fixed(u32),
    Field(usize),
}

/// Who may make a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    Owner,
    /// The owner, if it has units below it.
    OwnerAbove,
    /// The owner of a difficulty.
    Asked,
    Raiser,
    Pushed,
    Superior,
    LevelClerk,
    IssuerClerk,
    IssuerReleaser,
    /// A unit, on a record whose project it owns.
    Any,
    Service,
}

impl Party {
    /// Every party with its word in the ledger files.
    pub const NAMES: [(&'static str, Party); 11] = [
        ("owner", Party::Owner),
        ("owner-above", Party::OwnerAbove),
        ("asked", Party::Asked),
        ("raiser", Party::Raiser),
        ("pushed", Party::Pushed),
        ("superior", Party::Superior),
        ("level-clerk", Party::LevelClerk),
        ("issuer-clerk", Party::IssuerClerk),
        ("issuer-releaser", Party::IssuerReleaser),
        ("any", Party::Any),
        ("service", Party::Service),
    ];

    /// Whether it acts for the unit in whose name the record was issued or decided.
    pub fn is_of_issuer(self) -> bool {
        matches!(self, Party::LevelClerk | Party::IssuerClerk | Party::IssuerReleaser)
    }

    /// Whether it acts for the unit that the record belongs to.
    pub fn is_of_owner(self) -> bool {
        matches!(self, Party::Owner | Party::OwnerAbove | Party::Asked)
    }
}

/// Who is notified of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    Owner,
    NewOwner,
    Superior,
    Issuer,
    Asked,
    Raiser,
    LevelClerk,
}

impl Audience {
    /// Every audience with its word in the ledger files.
    pub const NAMES: [(&'static str, Audience); 7] = [
        ("owner", Audience::Owner),
        ("new-owner", Audience::NewOwner),
        ("superior", Audience::Superior),
        ("issuer", Audience::Issuer),
        ("asked", Audience::Asked),
        ("raiser", Audience::Raiser),
        ("level-clerk", Audience::LevelClerk),
    ];
}

/// The records to which a transition is copied, of those that are linked and not in a final state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// Those from which the record came.
    Below,
    All,
}

/// A new record of the same ledger that a transition opens.
#[derive(Clone, Debug, PartialEq)]
pub struct Opening {
    pub set: Vec<(usize, Value)>,
    pub number: bool,
    /// What has to hold on the new record.
    pub need: Clauses,
}

/// The states from which a transition may be made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct From {
    /// It creates a record.
    pub new: bool,
    /// The ledger has no states.
    pub any: bool,
    /// Places in the list of states.
    pub states: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    pub id: String,
    pub title: String,
    pub from: From,
    /// What has to hold on the record.
    pub when: Clauses,
    /// What has to hold on the record with what is given.
    pub need: Clauses,
    pub by: Vec<Party>,
    /// The fields that have to be given, and those that may be.
    pub ask: Vec<usize>,
    pub may: Vec<usize>,
    pub reason: bool,
    /// How often it may be made for one owner; `None` = without bound.
    pub limit: Option<u32>,
    /// Values of fields that may be given and are left out.
    pub default: Vec<(usize, Value)>,
    pub set: Vec<(usize, Value)>,
    /// The given fields that `set` and `opens` use and that are not written to their own field.
    pub unwritten: Columns,
    pub opens: Option<Opening>,
    /// Written to the record from which this one came.
    pub below: Vec<(usize, Value)>,
    pub chain: Option<Chain>,
    /// The states in which it may end; `None` = it stays in its state.
    pub to: Option<Vec<usize>>,
    pub tell: Vec<Audience>,
    /// The column of a feedback form that means it, with its words that do; no word = any.
    pub column: Option<usize>,
    pub answers: Vec<String>,
    /// A signed link may make it.
    pub link: bool,
    /// The record gets its number by it.
    pub number: bool,
    /// A transition (index) that is made before it on the same day, where it is possible.
    pub first: Option<usize>,
}

impl Transition {
    /// Whether a field may be given.
    pub fn takes(&self, field: usize) -> bool {
        self.ask.contains(&field) || self.may.contains(&field)
    }
}

/// How the records that a unit other than the office issues are numbered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSeries {
    /// A name of the unit.
    pub unit: String,
    pub prefix: String,
    pub number: String,
}

/// The life of the records of one ledger.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Life {
    pub states: Arc<States>,
    pub transitions: Vec<Transition>,
    /// Begins the codes that are made here; empty = none are made.
    pub prefix: String,
    /// The text of a number, with {year} and {n}; empty = the records have none.
    pub number: String,
    /// The number is typed by the person who releases the record.
    pub number_is_given: bool,
    pub issuers: Vec<IssuerSeries>,
}

/// The transitions that every ledger has.
pub const RETRACT: (&str, &str) = ("retract", "更正");
pub const CONFIRM_DAY: (&str, &str) = ("confirm-day", "核实日期");

/// The transition by which the service ends what depends on an ended record, and the only one on a record that left its source.
pub const WITHDRAW: &str = "withdraw";

impl Life {
    pub fn transition(&self, id: &str) -> Option<usize> {
        self.transitions.iter().position(|transition| transition.id == id)
    }

    /// The Chinese name of a transition; its id where the ledger has it no more.
    pub fn title<'a>(&'a self, id: &'a str) -> &'a str {
        let built_in = [RETRACT, CONFIRM_DAY].into_iter().find(|(known, _)| *known == id).map(|(_, title)| title);
        let declared = self.transitions.iter().find(|transition| transition.id == id).map(|transition| transition.title.as_str());
        declared.or(built_in).unwrap_or(id)
    }

    /// Whether a code has the form of those that are given here: prefix, year and number, such as `DB-2026-000012`. Codes that only begin with the
    /// letters of a prefix, such as `KN00001`, are none.
    pub fn has_form_of_own(&self, code: &str) -> bool {
        let code = half_width(code).to_ascii_uppercase();
        let prefixes = std::iter::once(&self.prefix).chain(self.issuers.iter().map(|series| &series.prefix));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let has_form = |prefix: &String| {
            let year_and_number = code.strip_prefix(prefix.as_str()).and_then(|rest| rest.strip_prefix('-')?.split_once('-'));
            year_and_number.is_some_and(|(year, number)| year.len() == 4 && is_number(year) && is_number(number))
        };
        prefixes.filter(|prefix| !prefix.is_empty()).any(has_form)
    }

    /// The fields whose filling ends a record.
    pub fn closing_fields(&self) -> Columns {
        let of_final = self.states.list.iter().filter(|state| state.is_final).flat_map(|state| state.when.iter().flatten());
        of_final.filter_map(|condition| if let Condition::Filled(field) = condition { Some(*field) } else { None }).collect()
    }

    /// Whether a transition takes the record to a state of the same id as one of these.
    pub fn is_final(&self, state: Option<usize>) -> bool {
        state.and_then(|state| self.states.list.get(state)).is_some_and(|state| state.is_final)
    }

    /// The id of a state; empty where there is none.
    pub fn state_id(&self, state: Option<usize>) -> &str {
        state.and_then(|state| self.states.list.get(state)).map_or("", |state| &state.id)
    }

    pub fn state_title(&self, state: Option<usize>) -> &str {
        state.and_then(|state| self.states.list.get(state)).map_or("", |state| &state.title)
    }

    /// The Chinese name of a state by its id; the id where there is no such state.
    pub fn title_of_state<'a>(&'a self, id: &'a str) -> &'a str {
        self.states.list.iter().find(|state| state.id == id).map_or(id, |state| &state.title)
    }

    /// Whether two states are the same one; a state may be declared in several parts.
    pub fn contains_state(&self, states: &[usize], state: Option<usize>) -> bool {
        state.is_some_and(|state| states.iter().any(|known| self.states.list[*known].id == self.states.list[state].id))
    }
}
