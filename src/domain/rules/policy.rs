//! The policy: everything that decides, besides the records and the day.

use crate::domain::life::declaration::Life;
use crate::domain::register::calendar::Calendar;
use crate::domain::register::ledger::{Ledger, Purpose};
use crate::domain::register::levels::Level;
use crate::domain::register::record::Record;
use crate::domain::register::units::Units;
use crate::domain::rules::condition::States;
use crate::domain::rules::rule::{Rule, RuleKind};
use crate::domain::rules::weight::Weights;
use crate::domain::secrecy::compared;
use crate::domain::secrecy_words::SecrecyWords;
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// All configuration that judging depends on. It is read once and stored with each run, so that a run can be rebuilt.
#[derive(Clone, Debug)]
pub struct Policy {
    pub ledgers: Vec<Ledger>,
    /// By ledger index: the life of its records, if it declares one.
    pub lives: Vec<Option<Arc<Life>>>,
    pub rules: Vec<Rule>,
    /// By what findings are put in order.
    pub weights: Weights,
    pub acts: ActTerms,
    pub units: Units,
    pub calendar: Calendar,
    /// Causes with the words that indicate them; the first match decides.
    pub causes: Vec<(Arc<str>, Vec<String>)>,
    pub exemptions: ExemptionTerms,
    /// Closed quarters in a row, red at their end, from which a finding may enter the accountability list.
    pub accountability_quarters: Option<u32>,
    /// Title of the document whose clauses findings cite, as printed in papers; empty = not named.
    pub document: String,
    /// By which headers and words rows are restricted, and how the office's own workbooks show it.
    pub secrecy: Arc<SecrecyWords>,
}

impl Policy {
    /// The policy with the units and industries that are valid on a day.
    pub fn on(&self, day: NaiveDate) -> Policy {
        let mut policy = Policy { units: self.units.on(day), ..self.clone() };
        for rule in &mut policy.rules {
            if let RuleKind::Periodic { units, .. } = &mut rule.kind {
                units.iter_mut().for_each(|unit| *unit = self.units.successor(*unit, day));
            }
        }
        policy
    }

    pub fn ledger(&self, id: &str) -> Option<usize> {
        self.ledgers.iter().position(|ledger| ledger.id == id)
    }

    /// The life of the records of a ledger (index).
    pub fn life(&self, ledger: usize) -> Option<&Life> {
        self.lives.get(ledger)?.as_deref()
    }

    /// The states of the records of a ledger (index), if it declares any.
    pub fn states(&self, ledger: usize) -> Option<&Arc<States>> {
        self.lives.get(ledger)?.as_ref().map(|life| &life.states)
    }

    pub fn rule(&self, id: &str) -> Option<usize> {
        self.rules.iter().position(|rule| rule.id == id)
    }

    pub fn project_ledger(&self) -> Option<usize> {
        self.ledger_for(Purpose::Project)
    }

    pub fn projects(&self) -> Option<&Ledger> {
        self.project_ledger().map(|index| &self.ledgers[index])
    }

    /// The ledger of a purpose; only purposes of [`Purpose::UNIQUE`] have just one.
    pub fn ledger_for(&self, purpose: Purpose) -> Option<usize> {
        self.ledgers.iter().position(|ledger| ledger.purpose == purpose)
    }

    /// Whether a name is no project's own: that of a unit or an industry, a value of a field, or one of the office's common words.
    pub fn is_common_name(&self, name: &str) -> bool {
        let is_value = || self.ledgers.iter().flat_map(|ledger| &ledger.fields).any(|field| field.values.iter().any(|value| value == name));
        self.units.find(name).is_some()
            || self.units.industry(name).is_some()
            || self.secrecy.texts.common_names.contains(&compared(name))
            || is_value()
    }

    /// The highest level whose major-project ledger lists a project: it belongs to a key industry and its amount reaches the level's bound.
    pub fn major_level(&self, ledger: &Ledger, record: &Record, industry: Option<usize>) -> Option<Level> {
        industry?;
        let amount = ledger.amount_of(record)?;
        self.units.levels.major().find(|(_, bound)| amount >= *bound).map(|(level, _)| level)
    }
}

/// The bounds of the acts above 催办, from `config/rules.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActTerms {
    /// The most units a run proposes to interview (约谈), the weightiest first; `None` = no bound. The others are listed.
    pub interviews_max: Option<usize>,
    /// Working days after which the office is reminded of drafts that nobody has decided on.
    pub unsigned_workdays: u32,
    /// Rules (indices) on which no act is taken, because signing is not pressed.
    pub without: BTreeSet<usize>,
    /// Who signs (落款), by the code of the act; the office itself where there is none.
    pub signed: BTreeMap<String, String>,
}

/// How long exemptions last, from `config/rules.toml`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExemptionTerms {
    /// Working days an objection lasts, at most; `None` = until its own date.
    pub objection_workdays: Option<u32>,
    /// Days before its end in which the owner gets a notice; 0 = no notice.
    pub warn_days: u32,
}

/// The finding that an approved 豁免, 延期 or 异议 applies to: rule id and key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExemptKey {
    pub rule: String,
    pub key: String,
}
