//! Supervision rules (督办规则) as data: the scope, the dates and the ladder whose steps name the lights. The configuration has replaced all
//! names by indices. Which step applies to a record is decided in [`crate::domain::judging::verdict`], with [`Rule::step`].

use crate::domain::register::calendar::Span;
use crate::domain::register::levels::{Level, LevelWord, Levels};
use crate::domain::register::period::PeriodKind;
use crate::domain::register::record::{Columns, Decimal, Record};
use crate::domain::register::units::UnitId;
use crate::domain::rules::condition::Condition;
use chrono::NaiveDate;
use std::sync::Arc;

/// The light (灯) of a finding, ordered by severity: red is the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Light {
    Yellow,
    Orange,
    Red,
}

impl Light {
    pub const ALL: [Light; 3] = [Light::Yellow, Light::Orange, Light::Red];

    pub fn code(self) -> &'static str {
        match self {
            Light::Yellow => "yellow",
            Light::Orange => "orange",
            Light::Red => "red",
        }
    }

    pub fn from_code(code: &str) -> Option<Light> {
        Light::ALL.into_iter().find(|light| light.code() == code)
    }

    /// A mark and a word, readable in print without colour.
    pub fn title(self) -> &'static str {
        match self {
            Light::Yellow => "■黄",
            Light::Orange => "▲橙",
            Light::Red => "●红",
        }
    }

    /// The Chinese word alone.
    pub fn word(self) -> &'static str {
        match self {
            Light::Yellow => "黄",
            Light::Orange => "橙",
            Light::Red => "红",
        }
    }
}

/// The act (方式) taken on a finding, ordered by severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    Remind,
    Urge,
    Supervise,
    Circulate,
    Interview,
}

impl Act {
    pub const ALL: [Act; 5] = [Act::Remind, Act::Urge, Act::Supervise, Act::Circulate, Act::Interview];

    pub fn code(self) -> &'static str {
        match self {
            Act::Remind => "remind",
            Act::Urge => "urge",
            Act::Supervise => "supervise",
            Act::Circulate => "circulate",
            Act::Interview => "interview",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Act::Remind => "提醒",
            Act::Urge => "催办",
            Act::Supervise => "督办",
            Act::Circulate => "通报",
            Act::Interview => "约谈",
        }
    }
}

/// A recipient of findings, by its relation to the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    Owner,
    Superior,
    Lead,
    Raiser,
    Office,
}

impl Relation {
    pub const ALL: [Relation; 5] = [Relation::Owner, Relation::Superior, Relation::Lead, Relation::Raiser, Relation::Office];

    pub fn code(self) -> &'static str {
        match self {
            Relation::Owner => "owner",
            Relation::Superior => "superior",
            Relation::Lead => "lead",
            Relation::Raiser => "raiser",
            Relation::Office => "office",
        }
    }

    pub fn title(self, levels: &Levels) -> &str {
        match self {
            Relation::Owner => "责任单位",
            Relation::Superior => "上一级",
            Relation::Lead => "产业牵头部门",
            Relation::Raiser => "提请单位",
            Relation::Office => levels.top(LevelWord::Office),
        }
    }
}

/// One step of a ladder, reached when the measure is at least `from`. `relations` include those of all lower steps.
#[derive(Clone, Debug)]
pub struct Step {
    /// Days overdue, percentage points behind plan, or 1 for a missing field or record.
    pub from: Decimal,
    pub light: Light,
    pub act: Act,
    pub relations: Arc<[Relation]>,
}

/// A step reached after `periods` closed quarters in a row that each ended with this light or a worse one. It raises the act, never the
/// light, and adds no recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeat {
    pub periods: u32,
    pub light: Light,
    pub act: Act,
}

/// The dates from which a span counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Starts {
    /// The first of the fields whose date has come.
    First(Vec<usize>),
    /// The latest of the dates that have come; those in the set count once they lie behind.
    Latest(Vec<usize>, Columns),
}

/// Whether a span has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Began {
    /// No date is filled; the field that should be.
    Unknown(Option<usize>),
    NotYet,
    On(usize, NaiveDate),
}

impl Starts {
    pub fn fields(&self) -> &[usize] {
        match self {
            Starts::First(fields) | Starts::Latest(fields, _) => fields,
        }
    }

    /// Which of the dates counts on a day.
    pub fn began(&self, record: &Record, as_of: NaiveDate) -> Began {
        let dates = || self.fields().iter().filter_map(|field| Some((*field, record.cell(*field).date()?)));
        if dates().next().is_none() {
            return Began::Unknown(match self {
                Starts::First(fields) => fields.last().copied(),
                Starts::Latest(fields, _) => fields.first().copied(),
            });
        }
        let found = match self {
            Starts::First(_) => dates().find(|(_, date)| *date <= as_of),
            Starts::Latest(_, past) => {
                let has_come = |(field, date): &(usize, NaiveDate)| *date < as_of || *date == as_of && !past.contains(*field);
                dates().filter(has_come).reduce(|latest, next| if next.1 > latest.1 { next } else { latest })
            }
        };
        found.map_or(Began::NotYet, |(field, date)| Began::On(field, date))
    }
}

/// Whose unit answers for the findings of a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RuleOwner {
    /// The owner of the record.
    #[default]
    Record,
    Issuer,
    Raiser,
    /// The office of the record's level.
    LevelOffice,
    Office,
    /// The unit for whose act the state of the record waits.
    Waits,
}

impl RuleOwner {
    /// Every value with its word in the rules.
    pub const NAMES: [(&'static str, RuleOwner); 5] = [
        ("issuer", RuleOwner::Issuer),
        ("raiser", RuleOwner::Raiser),
        ("level-office", RuleOwner::LevelOffice),
        ("office", RuleOwner::Office),
        ("waits", RuleOwner::Waits),
    ];
}

#[derive(Clone, Debug)]
pub enum RuleKind {
    Deadline { from: Starts, within: Option<Span>, agreed: Vec<usize>, until: Vec<usize>, roll: bool },
    Lag { from: usize, to: usize, actual: usize, planned: Option<usize> },
    Missing { must: Vec<Condition> },
    Periodic { every: PeriodKind, levels: Vec<Level>, units: Vec<UnitId>, date: usize, matching: Vec<Condition> },
}

#[derive(Clone, Debug)]
pub struct Rule {
    pub id: String,
    pub title: String,
    /// Index of the ledger whose records it judges.
    pub ledger: usize,
    pub kind: RuleKind,
    pub scope: Vec<Condition>,
    pub ladder: Vec<Step>,
    pub repeated: Vec<Repeat>,
    /// The clause, e.g. `一(四)1`.
    pub basis: String,
    /// Rules (indices) under which a mail lists the findings of this one.
    pub under: Vec<usize>,
    /// The phase (index) that its findings are about.
    pub phase: Option<usize>,
    /// Its findings are services to offer: what they come to in words. No total of lights counts them.
    pub service: Option<Arc<str>>,
    /// The cause used when the record names none.
    pub cause: Arc<str>,
    /// Days before the due date in which the owner gets a notice; 0 = no notice.
    pub notice_days: u32,
    /// It finds that a record has not been updated, so it is judged on the day of the data where these cannot be relied on.
    pub is_freshness: bool,
    /// While a project has an open finding of this rule, it is waiting on the owner of that finding.
    pub waiting_on_owner: bool,
    pub owner: RuleOwner,
    /// How the rule judges records with events of ours, where it judges them in another way.
    pub handled: Option<Box<Rule>>,
    /// Of each set, the source of a row must have at least one column; otherwise the rule is off for that row.
    pub needs: Vec<Columns>,
}

impl Rule {
    /// The rule as it judges a record.
    pub fn of(&self, record: &Record) -> &Rule {
        self.handled.as_deref().filter(|_| record.has_events).unwrap_or(self)
    }

    /// The highest step that a measure of `numerator / denominator` (denominator positive) has reached; its light is the light of the finding.
    /// `None`: below the first step.
    pub fn step(&self, numerator: i128, denominator: i128) -> Option<&Step> {
        self.ladder.iter().rev().find(|step| {
            let scale = 10i128.pow(u32::from(step.from.scale));
            numerator * scale >= i128::from(step.from.mantissa) * denominator
        })
    }

    /// The first needed column that the source of a row lacks, if any.
    pub fn missing_column(&self, columns: Columns) -> Option<usize> {
        self.needs.iter().find(|set| !set.meets(columns)).and_then(|set| set.iter().next())
    }
}
