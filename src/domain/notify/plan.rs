//! Digests (提醒摘要): who is told what, in which words, and the proof that nobody was left out.
//!
//! One digest per unit and run. An item is a project: what other ledgers hold against it joins it, so one project is one line
//! whatever number of rules it breaks. Nothing here sends or renders: [`plan`] is a function of findings, policy and what each unit was
//! last told.
//!
//! Invariants: every (finding, relation) has exactly one fate, see [`Coverage`]; a digest holds only findings told to its unit (the
//! office's roll-up excepted); no text in it holds a full phone number.

use crate::domain::notify::coverage::Coverage;
use crate::domain::notify::digest::{Digest, RollUp};

use crate::domain::audience::is_restricted;
use crate::domain::judging::finding::{Finding, Identity, State};
use crate::domain::judging::judge::Judged;
use crate::domain::notify::coverage::Fate;
use crate::domain::notify::feedback::Answers;
use crate::domain::notify::items::{Cases, is_news};
use crate::domain::register::calendar::Span;
use crate::domain::register::record::{Origin, Record, Records};
use crate::domain::register::units::{Level, UnitId};
use crate::domain::rules::owner::project_of;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::{Light, Relation};
use chrono::{Datelike, Days, NaiveDate};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// When a unit is mailed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rhythm {
    /// Whenever it has an item.
    Always,
    /// Only for new, worsened or soon due items, and not within six days of the last digest.
    Changes,
}

/// Days ahead in which a due date is told (近期到期).
pub const DUE_DAYS: u64 = 7;
/// Days of silence after any digest, for [`Rhythm::Changes`].
pub(crate) const QUIET_DAYS: i64 = 6;

/// Everything that decides who gets what.
pub struct Plan<'a> {
    pub policy: &'a Policy,
    pub as_of: NaiveDate,
    /// The slot's day: 近期到期, reply-by and the quiet days count from it.
    pub sent_on: NaiveDate,
    pub office_name: &'a str,
    pub contact: &'a str,
    pub objection_workdays: u32,
    /// Sorted, see [`Judged::sort`].
    pub judged: &'a Judged,
    /// By ledger index and code: the records behind the findings and the projects they belong to. One that is missing costs its
    /// words (amount, officer), never its item.
    pub records: &'a dyn Records,
    /// The files the records came from.
    pub origins: &'a [Origin],
    /// What each unit was last told: identity → light (`None`: told as a cell to fill).
    pub told_before: &'a HashMap<UnitId, BTreeMap<Identity, Option<Light>>>,
    pub last_digest_on: &'a HashMap<UnitId, NaiveDate>,
    /// (ledger, code) that the register no longer holds, unconfirmed: they are asked about, never thanked for.
    pub gone: &'a BTreeSet<(usize, String)>,
    /// What units have said of their records.
    pub answers: &'a Answers,
    pub rhythm: Rhythm,
    /// Levels of units that this job mails.
    pub levels: &'a [Level],
    /// `false` = 建账期: only owners (and the office) are told, nothing above 提醒.
    pub started: bool,
    /// `数据来源：省平台9月30日台账（第37次快照）`, without the full stop.
    pub source_line: &'a str,
    /// The day a level is mailed next in any case, by whatever job.
    pub next_on: &'a dyn Fn(Level) -> Option<NaiveDate>,
    /// Whether an address may get more than counts (`mail.allowed_domains`).
    pub may_carry_rows: &'a dyn Fn(&str) -> bool,
}

/// The digests of a run, in administrative order, and their proof.
#[derive(Debug)]
pub struct Planned {
    pub digests: Vec<Digest>,
    /// The (finding, relation) pairs that no digest holds, each for a reason the proof counts.
    pub untold: Vec<(usize, Relation)>,
    pub coverage: Coverage,
}

/// What one unit is told before anyone asks whether it is mailed at all.
#[derive(Default)]
pub(crate) struct Share {
    /// Open findings with the relation each is told by.
    pub(crate) open: Vec<(usize, Relation)>,
    pub(crate) unjudged: Vec<usize>,
    pub(crate) exempt: usize,
    /// Indices of notices.
    pub(crate) due: Vec<usize>,
    /// Findings of restricted records.
    pub(crate) withheld: Vec<usize>,
}

/// Plans the digests of a run.
pub fn plan(plan: &Plan<'_>) -> Planned {
    let units = &plan.policy.units;
    let office = units.office();
    let mut fates = Vec::new();
    let mut shares: BTreeMap<UnitId, Share> = BTreeMap::new();
    let mut unrouted: Vec<(usize, Relation)> = Vec::new();
    for (index, finding) in plan.judged.findings.iter().enumerate() {
        for (relation, unit) in finding.told().iter().copied().zip(finding.told_units()) {
            // an exemption is shown to those it would have been told to, but it is nobody's task
            let reachable = unit.filter(|unit| units.mailbox(*unit).is_some());
            let fate = match (finding.state, reachable) {
                // counted, never named in a mail
                _ if finding.restricted => {
                    if let Some(unit) = reachable.filter(|unit| plan.tells(*unit, relation, office)) {
                        shares.entry(unit).or_default().withheld.push(index);
                    }
                    Fate::Held
                }
                (State::Exempt, unit) => {
                    if let Some(unit) = unit.filter(|unit| plan.tells(*unit, relation, office)) {
                        shares.entry(unit).or_default().exempt += 1;
                    }
                    Fate::Exempt
                }
                (_, None) => {
                    unrouted.push((index, relation));
                    Fate::Unrouted
                }
                (_, Some(unit)) if !plan.levels.contains(&units.units[unit].level) => Fate::Outside,
                (_, Some(unit)) if !plan.tells(unit, relation, office) => Fate::Held,
                (State::Open, Some(unit)) => {
                    shares.entry(unit).or_default().open.push((index, relation));
                    continue;
                }
                (State::Unjudged, Some(unit)) => {
                    shares.entry(unit).or_default().unjudged.push(index);
                    continue;
                }
            };
            fates.push((index, relation, fate));
        }
    }
    let horizon = plan.sent_on + Days::new(DUE_DAYS);
    for (index, notice) in plan.judged.notices.iter().enumerate() {
        let Some(owner) = notice.owner.filter(|_| notice.due_on <= horizon && !notice.restricted) else { continue };
        if plan.levels.contains(&units.units[owner].level) && units.mailbox(owner).is_some() {
            shares.entry(owner).or_default().due.push(index);
        }
    }
    // the office sees the whole province, also what is told to others only
    if plan.levels.contains(&Level::Province) && !plan.judged.findings.is_empty() {
        shares.entry(office).or_default();
    }

    let still: HashSet<(usize, &str)> =
        plan.judged.findings.iter().map(|finding| (plan.policy.rules[finding.rule].ledger, &*finding.key)).collect();
    let mut digests = Vec::new();
    let mut office_share = None;
    for (unit, share) in shares {
        if unit == office {
            office_share = Some(share);
            continue;
        }
        settle(plan, unit, share, &still, None, &mut digests, &mut fates);
    }
    if let Some(share) = office_share {
        let roll_up = crate::domain::notify::sections::roll_up(plan, &digests, &unrouted);
        settle(plan, office, share, &still, Some(roll_up), &mut digests, &mut fates);
    }
    digests.sort_by_key(|digest| digest.unit);
    let coverage = Coverage::of(plan.judged, &digests, &fates);
    let untold = fates.into_iter().map(|(index, relation, _)| (index, relation)).collect();
    Planned { digests, untold, coverage }
}

/// Makes a unit's digest, or notes that there is nothing new to say.
pub(crate) fn settle(
    plan: &Plan<'_>,
    unit: UnitId,
    share: Share,
    still: &HashSet<(usize, &str)>,
    roll_up: Option<RollUp>,
    digests: &mut Vec<Digest>,
    fates: &mut Vec<(usize, Relation, Fate)>,
) {
    let nobody = BTreeMap::new();
    let before = plan.told_before.get(&unit).unwrap_or(&nobody);
    let mut told: Vec<usize> = if roll_up.is_some() {
        let open = |finding: &Finding| finding.state == State::Open && !finding.restricted;
        plan.judged.findings.iter().enumerate().filter(|(_, finding)| open(finding)).map(|(index, _)| index).collect()
    } else {
        share.open.iter().map(|(index, _)| *index).collect()
    };
    told.sort_unstable();
    told.dedup();
    let cases = Cases::of(plan, unit, &told, before);
    let unjudged_new = share.unjudged.iter().any(|index| !before.contains_key(&plan.identity(*index)));
    let holds_any = !cases.0.is_empty() || !share.unjudged.is_empty() || !share.due.is_empty();
    let changed = cases.0.iter().any(|case| is_news(case.change)) || unjudged_new || !share.due.is_empty();
    let last = plan.last_digest_on.get(&unit);
    // 建账期: one 存量核对单 for each unit; a second only for what came since
    let rhythm = if !plan.started && last.is_some() { Rhythm::Changes } else { plan.rhythm };
    let goes = match rhythm {
        Rhythm::Always => holds_any,
        Rhythm::Changes => changed && last.is_none_or(|last| (plan.sent_on - *last).num_days() > QUIET_DAYS),
    };
    match plan.policy.units.mailbox(unit).filter(|_| goes) {
        Some((mailbox_unit, mailbox)) => {
            digests.push(crate::domain::notify::sections::digest(
                plan,
                unit,
                (mailbox_unit, mailbox),
                &share,
                cases,
                before,
                still,
                roll_up,
            ));
        }
        None => {
            fates.extend(share.open.iter().map(|(index, relation)| (*index, *relation, Fate::NothingNew)));
            fates.extend(share.unjudged.iter().map(|index| (*index, Relation::Owner, Fate::NothingNew)));
        }
    }
}

impl Plan<'_> {
    /// Whether a relation speaks at all: before the start only the owner and the office are told.
    fn tells(&self, unit: UnitId, relation: Relation, office: UnitId) -> bool {
        self.started || relation == Relation::Owner || unit == office
    }

    pub(crate) fn identity(&self, finding: usize) -> Identity {
        let finding = &self.judged.findings[finding];
        let rule = &self.policy.rules[finding.rule];
        Identity { rule: rule.id.clone(), ledger: self.policy.ledgers[rule.ledger].id.clone(), key: finding.key.to_string() }
    }

    /// The projects (or records that belong to none) of findings that are only counted.
    pub(crate) fn withheld(&self, findings: &[usize]) -> usize {
        let item = |index: &usize| self.judged.findings[*index].item();
        findings.iter().map(item).collect::<BTreeSet<_>>().len()
    }

    /// Whether a record, or the project it belongs to, is only counted.
    pub(crate) fn is_restricted(&self, ledger: usize, code: &str) -> bool {
        let Some(record) = self.record(ledger, code) else { return false };
        let shape = &self.policy.ledgers[ledger];
        let project = || self.record(self.policy.project_ledger()?, &project_of(shape, &record)?);
        let projects = self.policy.project_ledger().map(|ledger| &self.policy.ledgers[ledger]);
        is_restricted(shape, &record) || projects.zip(project()).is_some_and(|(shape, project)| is_restricted(shape, &project))
    }

    /// The item a record stands under: its project, or itself; `None` where it is only counted.
    pub(crate) fn item_of(&self, ledger: usize, code: &str) -> Option<(usize, String)> {
        if self.is_restricted(ledger, code) {
            return None;
        }
        let project = self.record(ledger, code).and_then(|record| project_of(&self.policy.ledgers[ledger], &record));
        Some(match (self.policy.project_ledger(), project) {
            (Some(projects), Some(project)) => (projects, project),
            _ => (ledger, code.to_owned()),
        })
    }

    pub(crate) fn record(&self, ledger: usize, code: &str) -> Option<Cow<'_, Record>> {
        self.records.find(ledger, code)
    }

    /// The years without a holiday notice on file that decided a due date, or the day to answer.
    pub(crate) fn lacking_years(&self, unit: UnitId) -> BTreeSet<i32> {
        let mut years = self.judged.lacking_years.clone();
        let answer = self.sent_on.year()..=self.reply_by(unit).year();
        years.extend(answer.filter(|year| !self.policy.calendar.knows(*year)));
        years
    }

    /// The last day to answer, by the recipient's own calendar.
    pub(crate) fn reply_by(&self, unit: UnitId) -> NaiveDate {
        self.answer_by(unit, self.sent_on)
    }

    /// The last day to answer a digest of a day.
    pub(crate) fn answer_by(&self, unit: UnitId, sent_on: NaiveDate) -> NaiveDate {
        let units = &self.policy.units;
        let prefecture = units.city_of(unit).map(|city| units.units[city].name.as_str());
        self.policy.calendar.of(prefecture).due(sent_on, Span::Workdays(self.objection_workdays), false)
    }
}
