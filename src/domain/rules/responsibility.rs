//! Responsibility: which unit is responsible for a record, and which unit each relation (owner, superior, lead, raiser, office) names.
//! A relation that resolves to no unit is a result; it is never dropped.

use crate::domain::audience::{is_negotiation_only, is_restricted};
use crate::domain::register::ledger::{Ledger, Role};
use crate::domain::register::levels::Level;
use crate::domain::register::record::Record;
use crate::domain::register::units::{CompactUnit, UnitId};
use crate::domain::rules::context::Context;
use crate::domain::rules::owner::{Owner, owner_of};
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Relation;
use chrono::NaiveDate;
use std::cell::OnceCell;
use std::sync::Arc;

/// Who is responsible for a record, and its place in the hierarchy. Looked up once per record.
pub struct Responsibility {
    pub owner: Owner,
    /// The owner answers for what waits at its desk as issuer or office, and not for the record.
    pub is_of_desk: bool,
    /// The project a record of another ledger belongs to; empty where none.
    pub(crate) linked: Arc<str>,
    /// The record is a project itself.
    pub(crate) is_project: bool,
    pub industry: Option<usize>,
    pub raiser: Option<UnitId>,
    pub major: Option<Level>,
    /// The amount of the project, in 分.
    pub amount: Option<i64>,
    /// The record or its project is restricted: outside the office it is only counted.
    pub restricted: bool,
    /// Only its own unit, the recipients of its findings, and the office may see its row.
    pub negotiation_only: bool,
    /// The same of the project it belongs to.
    pub project_negotiation_only: bool,
    /// The cause that the reported difficulty indicates (index into the policy's causes). Computed only when there is a finding.
    cause: OnceCell<Option<usize>>,
}

impl Responsibility {
    /// A responsibility of which only the owner is known.
    pub fn bare(owner: Owner) -> Responsibility {
        Responsibility {
            owner,
            is_of_desk: false,
            linked: Arc::default(),
            is_project: false,
            industry: None,
            raiser: None,
            major: None,
            amount: None,
            restricted: false,
            negotiation_only: false,
            project_negotiation_only: false,
            cause: OnceCell::new(),
        }
    }

    pub fn of(context: &Context<'_>, ledger_index: usize, record: &Record) -> Responsibility {
        let policy = context.policy;
        let ledger = &policy.ledgers[ledger_index];
        let owner = owner_of(policy, ledger, record, context.projects);
        let mut responsibility = Responsibility::bare(owner);
        responsibility.negotiation_only = is_negotiation_only(ledger, record);
        let mut linked_project = None;
        if ledger.is_of_projects() {
            responsibility.is_project = true;
            responsibility.project_negotiation_only = responsibility.negotiation_only;
            responsibility.industry = policy.units.industry(record.text(ledger.role(Role::Industry)));
            responsibility.major = policy.major_level(ledger, record, responsibility.industry);
            responsibility.amount = ledger.amount_of(record);
        } else if let Some(field) = ledger.role(Role::Project) {
            responsibility.linked = record.text(Some(field)).into();
            linked_project = context.projects.get(&*responsibility.linked);
            if let Some(linked) = linked_project {
                responsibility.industry = linked.industry;
                responsibility.major = linked.major;
                responsibility.amount = linked.amount;
                responsibility.raiser = linked.owner.unit;
                responsibility.project_negotiation_only = linked.negotiation_only;
            }
        } else {
            responsibility.industry = policy.units.industry(record.text(ledger.role(Role::Industry)));
        }
        responsibility.restricted = is_restricted(ledger, record, || linked_project.is_some_and(|linked| linked.restricted));
        responsibility
    }

    /// The cause that the difficulty reported on a project indicates; the first matching cause of the policy counts.
    pub fn cause<'p>(&self, policy: &'p Policy, ledger: &Ledger, record: &Record) -> Option<&'p Arc<str>> {
        let index = *self.cause.get_or_init(|| {
            let difficulty = record.text(ledger.role(Role::Difficulty).filter(|_| ledger.is_of_projects()));
            if difficulty.is_empty() {
                return None;
            }
            policy.causes.iter().position(|(_, words)| words.iter().any(|word| difficulty.contains(word)))
        });
        index.map(|index| &policy.causes[index].0)
    }

    /// The division whose own rest days count.
    pub fn prefecture<'p>(&self, policy: &'p Policy) -> Option<&'p str> {
        self.owner.division.map(|division| policy.units.units[division].name.as_str())
    }

    /// The project the record belongs to, its own code for a project; empty where none.
    pub fn project<'a>(&'a self, record: &'a Record) -> &'a str {
        if self.is_project { &record.code } else { &self.linked }
    }

    /// The unit each relation names on `as_of`.
    pub(crate) fn named(&self, policy: &Policy, as_of: NaiveDate) -> [CompactUnit; Relation::ALL.len()] {
        Relation::ALL.map(|relation| self.resolve(policy, relation, as_of).into())
    }

    /// The unit a relation names on `as_of`.
    pub fn resolve(&self, policy: &Policy, relation: Relation, as_of: NaiveDate) -> Option<UnitId> {
        let units = &policy.units;
        match relation {
            Relation::Owner => self.owner.unit,
            Relation::Superior => self.owner.unit.and_then(|unit| units.units[unit].place.or(units.units[unit].parent)),
            Relation::Lead => self.industry.and_then(|industry| units.lead(industry, as_of)),
            Relation::Raiser => self.raiser,
            Relation::Office => Some(units.office()),
        }
    }
}
