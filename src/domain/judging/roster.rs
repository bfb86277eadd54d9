//! Rosters (名册): the records of a ledger that a sheet selects, stored by code alone, and the findings within the reach of a unit: its own,
//! those of its subordinates, those it raised, and those of the industries it leads.
//!
//! Invariant: a roster is filled while the register is streamed, so only the codes of the selected records are in memory.

use crate::domain::audience::{RowReaders, pack_readers};
use crate::domain::judging::judge::Judged;
use crate::domain::register::levels::Level;
use crate::domain::register::record::Record;
use crate::domain::register::units::{UnitId, Units};
use crate::domain::rules::condition::{Condition, Holds};
use crate::domain::rules::context::Context;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::responsibility::Responsibility;
use crate::domain::rules::rule::Relation;
use chrono::NaiveDate;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

/// A selection of records of a ledger, by the same conditions as the scope of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// Ledger index.
    pub ledger: usize,
    pub conditions: Vec<Condition>,
    /// Conditions on the project that the record belongs to.
    pub project: Vec<Condition>,
    /// Only records that the major-project ledger of this level lists, by the bounds of the policy.
    pub major: Option<Level>,
}

/// Why it is unknown whether a record belongs to a selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// The row's source has no column for the field.
    NoColumn(usize),
    /// The cell is empty.
    Blank(usize),
}

/// One selected record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub code: Box<str>,
    pub readers: RowReaders,
    pub major: Option<Level>,
    /// Findings on it (indices), open first, then by light and rule; on a project also those of its orders and difficulties. Whoever may
    /// see the row may see its lights.
    pub findings: Vec<u32>,
}

#[derive(Clone, Debug)]
pub struct Roster {
    pub selection: Selection,
    pub members: Vec<Member>,
    doubts: BTreeMap<(Doubt, Option<UnitId>), u64>,
    /// Codes of the projects that fulfil the project conditions of the selection.
    projects: HashSet<String>,
    /// Members (indices, ascending) by owner, raiser and lead.
    by_unit: BTreeMap<UnitId, Vec<u32>>,
    by_lead: BTreeMap<UnitId, Vec<u32>>,
}

impl Member {
    pub fn owner(&self) -> Option<UnitId> {
        self.readers.owner
    }
}

/// The rosters of all sheets of one run.
#[derive(Clone, Debug, Default)]
pub struct Rosters(Vec<Roster>);

impl Rosters {
    /// Empty rosters, one for each different selection.
    pub fn new(selections: impl IntoIterator<Item = Selection>) -> Rosters {
        let mut rosters: Vec<Roster> = Vec::new();
        for selection in selections {
            if rosters.iter().all(|known| known.selection != selection) {
                rosters.push(Roster {
                    selection,
                    members: Vec::new(),
                    doubts: BTreeMap::new(),
                    projects: HashSet::new(),
                    by_unit: BTreeMap::new(),
                    by_lead: BTreeMap::new(),
                });
            }
        }
        Rosters(rosters)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn of(&self, selection: &Selection) -> Option<&Roster> {
        self.0.iter().find(|roster| roster.selection == *selection)
    }

    /// Notes whether a project fulfils the project conditions. Call it for each linked project before adding records of other ledgers.
    pub fn note_project(&mut self, policy: &Policy, record: &Record, as_of: NaiveDate) {
        let Some(project) = policy.project_ledger() else { return };
        for roster in self.0.iter_mut().filter(|roster| !roster.selection.project.is_empty()) {
            if verdict(policy, project, &roster.selection.project, record, as_of) == Ok(true) {
                roster.projects.insert(record.code.clone());
            }
        }
    }

    /// Adds a record to every roster that selects it. Returns whether any did.
    pub fn add(&mut self, context: &Context<'_>, ledger: usize, record: &Record) -> bool {
        let mut taken = false;
        for roster in self.0.iter_mut().filter(|roster| roster.selection.ledger == ledger) {
            taken |= roster.add(context, ledger, record);
        }
        taken
    }

    /// Assigns the findings to the members. Call it after the last record, when the findings are sorted.
    pub fn finish(&mut self, policy: &Policy, judged: &Judged) {
        for roster in &mut self.0 {
            roster.assign_findings(policy, judged);
            for (index, member) in (0u32..).zip(&roster.members) {
                let RowReaders { owner, raiser, lead, .. } = member.readers;
                for unit in [owner, raiser.filter(|raiser| Some(*raiser) != owner)].into_iter().flatten() {
                    roster.by_unit.entry(unit).or_default().push(index);
                }
                if let Some(lead) = lead {
                    roster.by_lead.entry(lead).or_default().push(index);
                }
            }
            roster.projects = HashSet::new();
        }
    }
}

/// Whether all conditions hold.
///
/// # Errors
/// No condition fails, but one reads a cell that is empty or has no column.
fn verdict(policy: &Policy, ledger: usize, conditions: &[Condition], record: &Record, as_of: NaiveDate) -> Result<bool, Doubt> {
    let ledger = &policy.ledgers[ledger];
    let mut doubt = None;
    for condition in conditions {
        let fields = condition.fields(ledger);
        if !fields.meets(record.columns) {
            doubt = doubt.or(fields.iter().next().map(Doubt::NoColumn));
            continue;
        }
        match condition.holds(ledger, record, &policy.units, as_of) {
            Holds::Yes => {}
            Holds::No => return Ok(false),
            Holds::Blank(field) => doubt = doubt.or(Some(Doubt::Blank(field))),
        }
    }
    doubt.map_or(Ok(true), Err)
}

impl Roster {
    fn assign_findings(&mut self, policy: &Policy, judged: &Judged) {
        let of_project = policy.project_ledger() == Some(self.selection.ledger);
        let place: HashMap<Box<str>, usize> = self.members.iter().enumerate().map(|(at, member)| (member.code.clone(), at)).collect();
        for (index, finding) in (0u32..).zip(&judged.findings) {
            let code = match of_project {
                true => &finding.project,
                false if policy.rules[finding.rule].ledger == self.selection.ledger => &finding.key,
                false => continue,
            };
            if let Some(at) = place.get(&**code) {
                self.members[*at].findings.push(index);
            }
        }
        for member in &mut self.members {
            member.findings.sort_by_key(|index| {
                let finding = &judged.findings[*index as usize];
                (finding.state, Reverse(finding.light), finding.rule, &finding.key)
            });
        }
    }

    fn add(&mut self, context: &Context<'_>, index: usize, record: &Record) -> bool {
        let policy = context.policy;
        let verdict = verdict(policy, index, &self.selection.conditions, record, context.as_of);
        if verdict == Ok(false) {
            return false;
        }
        let responsibility = Responsibility::of(context, index, record);
        if !self.selection.project.is_empty() && !self.projects.contains(responsibility.project(record)) {
            return false;
        }
        if let Some(wanted) = self.selection.major {
            let place = |level: Level| policy.units.levels.major().position(|(known, _)| known == level);
            if responsibility.major.and_then(place).is_none_or(|found| Some(found) > place(wanted)) {
                return false;
            }
        }
        if let Err(doubt) = verdict {
            *self.doubts.entry((doubt, responsibility.owner.unit)).or_default() += 1;
            return false;
        }
        self.members.push(Member {
            code: record.code.as_str().into(),
            readers: RowReaders {
                owner: responsibility.owner.unit,
                lead: responsibility.resolve(policy, Relation::Lead, context.as_of),
                raiser: responsibility.raiser,
                negotiation_only: responsibility.negotiation_only,
                restricted: responsibility.restricted,
            },
            major: responsibility.major,
            findings: Vec::new(),
        });
        true
    }

    /// The members (indices, ascending) that a unit may see: of those within its reach, or of all if the sheet is for `all` of the selection.
    /// `is_addressed`: a finding on the member is addressed to the unit.
    pub fn seen_by(&self, units: &Units, unit: UnitId, all: bool, is_addressed: impl Fn(&Member) -> bool) -> Vec<u32> {
        let mut seen: Vec<u32> = if all {
            (0..self.members.len() as u32).collect()
        } else {
            let below = self.by_unit.iter().filter(|(owner, _)| units.is_within(**owner, unit)).flat_map(|(_, members)| members);
            below.chain(self.by_lead.get(&unit).into_iter().flatten()).copied().collect()
        };
        seen.retain(|index| {
            let member = &self.members[*index as usize];
            member.readers.admit(unit, || is_addressed(member))
        });
        seen.sort_unstable();
        seen.dedup();
        seen
    }

    /// Number of rows left out because of a doubt, by doubt; for a unit only its own rows and those of its subordinates.
    pub fn doubts(&self, units: &Units, unit: Option<UnitId>) -> BTreeMap<Doubt, u64> {
        let mut out = BTreeMap::new();
        for ((doubt, owner), rows) in &self.doubts {
            let seen = match unit {
                None => true,
                Some(unit) => owner.is_some_and(|owner| units.is_within(owner, unit)),
            };
            if seen {
                *out.entry(*doubt).or_default() += rows;
            }
        }
        out
    }
}

/// The findings within each unit's reach.
#[derive(Clone, Debug, Default)]
pub struct Reach(BTreeMap<UnitId, Vec<usize>>);

impl Reach {
    /// For each unit the findings that its pack may list.
    pub fn new(units: &Units, judged: &Judged) -> Reach {
        let mut by_unit: BTreeMap<UnitId, Vec<usize>> = BTreeMap::new();
        for (index, finding) in judged.findings.iter().enumerate() {
            for unit in pack_readers(units, finding) {
                by_unit.entry(unit).or_default().push(index);
            }
        }
        Reach(by_unit)
    }

    /// Indices of findings, ascending.
    pub fn of(&self, unit: UnitId) -> &[usize] {
        self.0.get(&unit).map_or(&[], Vec::as_slice)
    }
}
