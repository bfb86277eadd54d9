//! Ledgers (台账) as data: the fields of each ledger, and the purpose and the roles by which the code finds ledgers and fields.

use crate::domain::register::record::{Cell, Columns, Record};
use crate::domain::register::snapshot::Growth;
use crate::domain::secrecy::Secrecy;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a field holds. `Date { planned: false }` is an event: a date after as_of has not happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldKind {
    Text,
    Date { planned: bool },
    Money,
    Decimal,
    Int,
    Bool,
}

/// Money units with the power of ten to 分; a longer one comes before one that it ends in.
pub(crate) const MONEY_UNITS: [(&str, i32); 5] = [("亿元", 10), ("千万元", 9), ("百万元", 8), ("万元", 6), ("元", 2)];

/// Whether a field is shown outside the office's own workbook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Privacy {
    #[default]
    None,
    Personal,
    Commercial,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Field {
    /// English name, as rules, templates and JSON use it.
    pub id: String,
    /// Chinese name, as the register and every report use it.
    pub title: String,
    pub kind: FieldKind,
    /// Other header spellings; `parent/leaf` matches the end of a joined header path.
    pub aliases: Vec<String>,
    pub required: bool,
    /// A unit may fill it in the feedback form.
    pub editable: bool,
    pub privacy: Privacy,
    pub role: Option<Role>,
    /// The values a register uses; empty = free text.
    pub values: Vec<String>,
    /// Other words that registers write for a value: each value with its words.
    #[serde(default)]
    pub words: Vec<(String, Vec<String>)>,
    /// Set by events only: no source has a column for it, and every row counts as having it.
    pub own: bool,
    /// Of the dates of an import and of an event the later one counts.
    pub latest: bool,
}

impl Field {
    /// The value that a text means: itself where it is one, else the value whose word it is, else the only value of which it holds the value or a
    /// word. A text that means none is itself.
    pub fn meaning<'t>(&'t self, text: &'t str) -> &'t str {
        self.value_of(text).unwrap_or(text)
    }

    /// The value that a text means; `None` = it means none of the field's.
    pub fn value_of(&self, text: &str) -> Option<&str> {
        if let Some(value) = self.values.iter().find(|value| *value == text) {
            return Some(value);
        }
        if let Some((value, _)) = self.words.iter().find(|(_, words)| words.iter().any(|word| word == text)) {
            return Some(value);
        }
        if self.words.is_empty() {
            return None;
        }
        let holds = |value: &&String| {
            let mut words = self.words.iter().filter(|(of, _)| of == *value).flat_map(|(_, words)| words);
            text.contains(value.as_str()) || words.any(|word| text.contains(word.as_str()))
        };
        let mut held = self.values.iter().filter(holds);
        let first = held.next()?;
        held.next().is_none().then_some(first)
    }
}

/// The meaning of a field to the code. The code finds fields by role, so an office may name them freely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    Code,
    Name,
    Industry,
    Event,
    City,
    Place,
    Agreement,
    Stage,
    Amount,
    Funds,
    Evaluated,
    Signed,
    Performed,
    PlannedStart,
    Started,
    PlannedProduction,
    Produced,
    Terminated,
    Progress,
    Leader,
    Officer,
    Phone,
    Difficulty,
    Project,
    Dispatched,
    /// The day a decision was taken.
    Assigned,
    Holder,
    Due,
    Received,
    FedBack,
    Completed,
    Category,
    Answered,
    /// The text of the answer to a difficulty, and what kind of answer it is.
    Answer,
    AnswerClass,
    Solved,
    SessionKind,
    Held,
    ExemptionKind,
    ExemptRule,
    ExemptKey,
    Granted,
    Expires,
    Mailbox,
    /// The unit in whose name a record was issued, decided or recorded.
    Issuer,
    /// The unit that raised a difficulty.
    RaisedBy,
    /// The record from which a difficulty was passed up.
    RaisedFrom,
    /// The order that was reassigned to this one.
    ReassignedFrom,
    /// The order of the unit above, of which this one is a part.
    Upper,
    /// The units that an enterprise was pushed to.
    PushedTo,
    /// 涉密 or 不便公开: see [`crate::domain::audience::is_restricted`].
    Restricted,
}

impl Role {
    /// Every role with its name in the ledger files.
    pub const NAMES: [(&'static str, Role); 51] = [
        ("code", Role::Code),
        ("name", Role::Name),
        ("industry", Role::Industry),
        ("event", Role::Event),
        ("city", Role::City),
        ("place", Role::Place),
        ("agreement", Role::Agreement),
        ("stage", Role::Stage),
        ("amount", Role::Amount),
        ("funds", Role::Funds),
        ("evaluated", Role::Evaluated),
        ("signed", Role::Signed),
        ("performed", Role::Performed),
        ("planned_start", Role::PlannedStart),
        ("started", Role::Started),
        ("planned_production", Role::PlannedProduction),
        ("produced", Role::Produced),
        ("terminated", Role::Terminated),
        ("progress", Role::Progress),
        ("leader", Role::Leader),
        ("officer", Role::Officer),
        ("phone", Role::Phone),
        ("difficulty", Role::Difficulty),
        ("project", Role::Project),
        ("dispatched", Role::Dispatched),
        ("assigned", Role::Assigned),
        ("holder", Role::Holder),
        ("due", Role::Due),
        ("received", Role::Received),
        ("fed_back", Role::FedBack),
        ("completed", Role::Completed),
        ("category", Role::Category),
        ("answered", Role::Answered),
        ("answer", Role::Answer),
        ("answer_class", Role::AnswerClass),
        ("solved", Role::Solved),
        ("session_kind", Role::SessionKind),
        ("held", Role::Held),
        ("exemption_kind", Role::ExemptionKind),
        ("exempt_rule", Role::ExemptRule),
        ("exempt_key", Role::ExemptKey),
        ("granted", Role::Granted),
        ("expires", Role::Expires),
        ("mailbox", Role::Mailbox),
        ("issuer", Role::Issuer),
        ("raised_by", Role::RaisedBy),
        ("raised_from", Role::RaisedFrom),
        ("reassigned_from", Role::ReassignedFrom),
        ("upper", Role::Upper),
        ("pushed_to", Role::PushedTo),
        ("restricted", Role::Restricted),
    ];

    pub fn name(self) -> &'static str {
        Role::NAMES.iter().find(|(_, role)| *role == self).map_or("", |(name, _)| name)
    }
}

/// How the one owner unit of a record is found. The values are field indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OwnerSpec {
    /// The unit of a place cell; `within` is the cell of the division it lies in.
    Place { place: usize, within: Option<usize> },
    /// The unit a cell names.
    Unit { unit: usize },
    /// The asked department at the asked level of the place of the linked project.
    Department { department: usize, level: usize, project: usize },
}

impl OwnerSpec {
    /// The fields of the record by which the owner is found.
    pub fn fields(self) -> impl Iterator<Item = usize> {
        let (first, others) = match self {
            OwnerSpec::Place { place, within } => (place, [within, None]),
            OwnerSpec::Unit { unit } => (unit, [None, None]),
            OwnerSpec::Department { department, level, project } => (department, [Some(level), Some(project)]),
        };
        std::iter::once(first).chain(others.into_iter().flatten())
    }

    /// The field in which a record names its owner.
    pub fn field(self) -> usize {
        match self {
            OwnerSpec::Place { place, .. } => place,
            OwnerSpec::Unit { unit } => unit,
            OwnerSpec::Department { department, .. } => department,
        }
    }
}

/// What a ledger is for. The code finds a ledger by its purpose, so an office may name the file freely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// The projects that the records of other ledgers belong to.
    Project,
    Order,
    Difficulty,
    Decision,
    Contact,
    Evaluation,
    Session,
    Exemption,
    Directory,
    /// A ledger of the office's own: rules, columns and sheets name it, the code does not ask for it.
    Other,
}

impl Purpose {
    /// Every purpose with its name in the ledger files.
    pub const NAMES: [(&'static str, Purpose); 10] = [
        ("project", Purpose::Project),
        ("order", Purpose::Order),
        ("difficulty", Purpose::Difficulty),
        ("decision", Purpose::Decision),
        ("contact", Purpose::Contact),
        ("evaluation", Purpose::Evaluation),
        ("session", Purpose::Session),
        ("exemption", Purpose::Exemption),
        ("directory", Purpose::Directory),
        ("other", Purpose::Other),
    ];

    /// The purposes that exactly one ledger has, because the code asks for that ledger.
    pub const UNIQUE: [Purpose; 5] = [Purpose::Project, Purpose::Order, Purpose::Difficulty, Purpose::Exemption, Purpose::Directory];

    /// Whether a ledger is a list of what there is, or of what has happened.
    pub fn growth(self) -> Growth {
        match self {
            Purpose::Project | Purpose::Directory | Purpose::Other => Growth::Steady,
            Purpose::Order
            | Purpose::Difficulty
            | Purpose::Decision
            | Purpose::Contact
            | Purpose::Evaluation
            | Purpose::Session
            | Purpose::Exemption => Growth::Growing,
        }
    }

    pub fn name(self) -> &'static str {
        Purpose::NAMES.iter().find(|(_, purpose)| *purpose == self).map_or("", |(name, _)| name)
    }
}

/// The field that fills each role.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(into = "Vec<Option<usize>>", try_from = "Vec<Option<usize>>")]
pub struct Roles([Option<usize>; Role::NAMES.len()]);

impl Roles {
    pub fn of(fields: &[Field]) -> Roles {
        let mut roles = [None; Role::NAMES.len()];
        for (index, field) in fields.iter().enumerate() {
            if let Some(role) = field.role {
                roles[role as usize] = Some(index);
            }
        }
        Roles(roles)
    }
}

impl From<Roles> for Vec<Option<usize>> {
    fn from(Roles(roles): Roles) -> Vec<Option<usize>> {
        roles.to_vec()
    }
}

impl TryFrom<Vec<Option<usize>>> for Roles {
    type Error = &'static str;

    fn try_from(roles: Vec<Option<usize>>) -> Result<Roles, &'static str> {
        roles.try_into().map(Roles).map_err(|_| "roles of another program")
    }
}

/// A ledger as its file declares it. `roles` are those of `fields`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ledger {
    /// File stem, e.g. `work-order`: the key of its rows in the database, in JSON and in templates.
    pub id: String,
    pub purpose: Purpose,
    pub title: String,
    /// The measure word and noun for a number of its rows: `个项目`.
    pub counted: String,
    pub fields: Vec<Field>,
    pub roles: Roles,
    pub owner: OwnerSpec,
    /// Power of ten from the unit a bare amount is in to 分: 亿元 = 10, 万元 = 6, 元 = 2.
    pub money_power: i32,
    /// Whether every row is under negotiation: see [`crate::domain::audience::is_negotiation_only`].
    pub negotiation_only: bool,
    /// The fields that others fill in, if the ledger is append-only: the rows of a file are added to those of earlier files instead of
    /// replacing them, and a row with none of these fields filled is ignored. Empty = every file holds the whole ledger.
    pub append_only: Vec<usize>,
    /// After so many days its data are too old to be relied on; `None` = they never are.
    pub max_age_days: Option<u32>,
    /// The required roles that the office has left out on purpose, with its reason; empty where none is asked for.
    pub without: Vec<(Role, String)>,
    /// The fields that some rule needs, or by which a record finds its owner.
    #[serde(default)]
    pub judged: Columns,
    /// What the office has decided about headers of the source that is read: each in the form of [`compared_header`] with its field.
    ///
    /// [`compared_header`]: crate::domain::secrecy::compared_header
    #[serde(default)]
    pub decided_headers: Vec<(String, usize)>,
    /// By which headers and words its rows are restricted; those of the source that is read. They are not serialized, because all ledgers share
    /// them.
    #[serde(skip)]
    pub secrecy: Arc<Secrecy>,
}

impl Ledger {
    pub fn is_of_projects(&self) -> bool {
        self.purpose == Purpose::Project
    }

    /// The field that fills a role, if the ledger has one.
    pub fn role(&self, role: Role) -> Option<usize> {
        self.roles.0[role as usize]
    }

    /// The amount that a record states, in 分.
    pub fn amount_of(&self, record: &Record) -> Option<i64> {
        record.cell(self.role(Role::Amount)?).money()
    }

    /// The unit a bare amount is in, as a header names it.
    pub fn money_unit(&self) -> &'static str {
        MONEY_UNITS.iter().find(|(_, power)| *power == self.money_power).map_or("元", |(unit, _)| unit)
    }

    pub fn field(&self, id: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.id == id)
    }

    /// The field that a person means: by its title, its id or an alias, with or without the ledger before it: `项目编号`, `project.code`. A field
    /// of secrecy is none of them.
    pub fn field_meant(&self, word: &str) -> Option<usize> {
        let of_ledger = word.split_once('.').filter(|(ledger, _)| *ledger == self.id || *ledger == self.title);
        let word = of_ledger.map_or(word, |(_, field)| field);
        let find = |is_meant: &dyn Fn(&Field) -> bool| {
            self.fields.iter().position(|field| !field.own && field.role != Some(Role::Restricted) && is_meant(field))
        };
        find(&|field| field.title == word)
            .or_else(|| find(&|field| field.id == word))
            .or_else(|| find(&|field| field.aliases.iter().any(|alias| alias == word)))
    }

    /// The fields that only events set.
    pub fn own_fields(&self) -> Columns {
        self.fields.iter().enumerate().filter(|(_, field)| field.own).map(|(index, _)| index).collect()
    }

    /// The code of the project that a record of another ledger than that of the projects points to.
    pub fn project_of(&self, record: &Record) -> Option<String> {
        self.project_in(&record.cells)
    }

    /// The same of the cells of a row.
    pub fn project_in(&self, cells: &[Cell]) -> Option<String> {
        let field = self.role(Role::Project).filter(|_| !self.is_of_projects())?;
        cells.get(field)?.text().map(str::to_owned)
    }
}
