//! Explaining one finding, or why there is none: reads the one record and what judging it needs, asks the domain, and adds the places of
//! the cells and what was told to whom.

use crate::config::load::Config;
use crate::config::problem::{nearest, suggest};
use crate::domain::intake::note::{NoteKind, sentence};
use crate::domain::judging::explain::explanation::Explanation;
use crate::domain::judging::explain::question::Outcome;
use crate::domain::judging::finding::{Identity, State};
use crate::domain::judging::judge::Judged;
use crate::domain::register::ledger::{Ledger, PROJECT};
use crate::domain::register::period::{Period, chinese_date};
use crate::domain::register::record::Record;
use crate::domain::register::snapshot::InForce;
use crate::domain::register::units::{UnitId, normalize_name};
use crate::domain::rules::context::Context;
use crate::domain::rules::exemption::exemptions_in_force;
use crate::domain::rules::owner::{Linked, link, project_of};
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::{Light, RuleKind};
use crate::store::handle::Store;
use crate::store::outbox::Notification;
use crate::store::records::StoredRecord;
use crate::store::snapshots::Snapshot;
use crate::worker::import::intake_report::place_in;
use crate::worker::run::evaluate::Evaluator;
use anyhow::{bail, ensure};
use chrono::NaiveDate;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};

/// An explanation with what only the store knows.
#[derive(Debug, Serialize)]
pub struct Explained {
    #[serde(flatten)]
    pub explanation: Explanation,
    /// What should be known of the row: an older version that stands in, a second source, nothing for the day.
    pub remarks: Vec<String>,
    pub told_before: Vec<ToldLine>,
}

/// One telling.
#[derive(Debug, Serialize)]
pub struct ToldLine {
    pub unit: String,
    pub on: String,
    pub light: Option<&'static str>,
    pub run: String,
    pub message: Option<String>,
    /// State of the message in the outbox.
    pub state: Option<String>,
    pub settled_at: Option<String>,
}

/// The index of a rule by its id or its title.
///
/// # Errors
/// There is none; the message names the nearest.
pub fn rule_named(policy: &Policy, name: &str) -> anyhow::Result<usize> {
    let wanted = normalize_name(name);
    if let Some(index) = policy.rules.iter().position(|rule| rule.id == wanted || normalize_name(&rule.title) == wanted) {
        return Ok(index);
    }
    let names = || policy.rules.iter().flat_map(|rule| [rule.id.as_str(), rule.title.as_str()]);
    let hint = match nearest(name, names()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => suggest(name, policy.rules.iter().map(|rule| rule.id.as_str())).unwrap_or_default(),
    };
    bail!("rule \"{name}\" is unknown ({hint})");
}

/// What the record of one code is, and where else it stands.
struct Found {
    source: String,
    seq: i64,
    stored: StoredRecord,
    /// Other sources that hold the code too.
    others: Vec<String>,
}

/// Why a rule does, or does not, speak of a key on a day.
///
/// # Errors
/// The rule or the key is unknown, nothing was read yet, or the database fails.
pub async fn explain(evaluator: &Evaluator, rule: &str, key: &str, as_of: NaiveDate) -> anyhow::Result<Explained> {
    Explainer { evaluator, config: &evaluator.config, store: &evaluator.store }.explain(rule, key, as_of).await
}

/// What an explanation is made from.
struct Explainer<'a> {
    evaluator: &'a Evaluator,
    config: &'a Config,
    store: &'a Store,
}

impl Explainer<'_> {
    async fn explain(&self, rule: &str, key: &str, as_of: NaiveDate) -> anyhow::Result<Explained> {
        let policy = &self.config.policy.on(as_of);
        let rule_index = rule_named(policy, rule)?;
        let rule = &policy.rules[rule_index];
        let ledger = &policy.ledgers[rule.ledger];
        let key = key.trim();
        let view = self.evaluator.view(&[], as_of).await?;
        let snapshots = self.store.snapshots().list().await?;
        let in_force: Vec<&InForce> = view.in_force.iter().filter(|found| found.snapshot.ledger == ledger.id).collect();
        ensure!(!view.in_force.is_empty(), "no register has been read yet; run `duban pull` or `duban import FILE` first");
        ensure!(!in_force.is_empty(), "ledger \"{}\" ({}) was never read, so rule \"{}\" judges nothing", ledger.id, ledger.title, rule.id);
        let mut remarks: Vec<String> = in_force
            .iter()
            .filter(|found| found.early)
            .map(|found| {
                let covers = chinese_date(found.snapshot.covers_on);
                format!("没有截至{}及以前的{}，以最早的一次（截至{covers}）代替", chinese_date(as_of), ledger.title)
            })
            .collect();
        let exemptions = self.all_of(policy, "exemption", &view.in_force).await?;
        let exempt = exemptions_in_force(policy, &exemptions, as_of).in_force;
        let none = HashMap::new();
        let mut explanation = if matches!(rule.kind, RuleKind::Periodic { .. }) {
            let context = Context { policy, as_of, projects: &HashMap::new(), waiting_on: &none, exempt: &exempt };
            let unit = unit_of(policy, rule_index, key, as_of)?;
            let sessions = self.all_of(policy, &ledger.id, &view.in_force).await?;
            let key = format!("{}-{}", policy.units.units[unit].name, period_of(policy, rule_index, as_of).code());
            Explanation::periodic(&context, rule_index, unit, &key, &sessions)
        } else {
            match self.find_record(ledger, &in_force, key).await? {
                Some(found) => {
                    let projects = self.linked(policy, ledger, &found.stored.record, &view.in_force).await?;
                    let waiting = self.waiting(policy, ledger, key, &projects, &view.in_force, as_of).await?;
                    let context = Context { policy, as_of, projects: &projects, waiting_on: &waiting, exempt: &exempt };
                    let closed = self.evaluator.closed_quarters(self.config, None, as_of, view.sample).await?;
                    let mut judged = Judged::new(policy);
                    judged.record(&context, rule.ledger, &found.stored.record);
                    judged.findings.retain(|finding| finding.rule == rule_index);
                    self.evaluator.record_red_quarters(policy, &mut judged.findings, &closed, false).await?;
                    let quarters = judged.findings.first().map_or(0, |finding| finding.quarters);
                    let mut explanation = Explanation::record(&context, rule_index, &found.stored.record, quarters);
                    self.place(ledger, &found, &snapshots, &mut explanation).await?;
                    remarks.extend(self.remarks(ledger, &found, &snapshots).await?);
                    explanation
                }
                None => {
                    let reason = self.gone_reason(ledger, &in_force, &snapshots, key).await?;
                    let context = Context { policy, as_of, projects: &HashMap::new(), waiting_on: &none, exempt: &exempt };
                    Explanation::gone(&context, rule_index, key, reason)
                }
            }
        };
        if explanation.outcome == Outcome::Gone {
            explanation.key = key.to_owned();
        }
        let identity = Identity { rule: rule.id.clone(), ledger: ledger.id.clone(), key: explanation.key.clone() };
        let told_before = self.store.outbox().notifications_of(&identity, view.sample).await?.into_iter().map(told_line).collect();
        Ok(Explained { explanation, remarks, told_before })
    }

    async fn find_record(&self, ledger: &Ledger, in_force: &[&InForce], code: &str) -> anyhow::Result<Option<Found>> {
        let mut out: Option<Found> = None;
        for found in in_force {
            let (source, seq) = (&found.snapshot.source, found.snapshot.seq);
            let Some(stored) = self.store.records().by_code(ledger, source, seq, &[code.to_owned()]).await?.into_iter().next() else {
                continue;
            };
            match &mut out {
                Some(first) => first.others.push(source.clone()),
                None => out = Some(Found { source: source.clone(), seq, stored, others: Vec::new() }),
            }
        }
        Ok(out)
    }

    /// All records of a small ledger in force.
    async fn all_of(&self, policy: &Policy, ledger: &str, in_force: &[InForce]) -> anyhow::Result<Vec<Record>> {
        let Some(index) = policy.ledger(ledger) else { return Ok(Vec::new()) };
        let mut records: Vec<Record> = Vec::new();
        let mut seen = BTreeSet::new();
        for found in in_force.iter().filter(|found| found.snapshot.ledger == ledger) {
            self.store
                .records()
                .each(&policy.ledgers[index], &found.snapshot.source, found.snapshot.seq, |stored| {
                    if seen.insert(stored.record.code.clone()) {
                        records.push(stored.record);
                    }
                    Ok(())
                })
                .await?;
        }
        Ok(records)
    }

    /// The project a record belongs to (a project belongs to itself), as other ledgers see it.
    async fn linked(
        &self,
        policy: &Policy,
        ledger: &Ledger,
        record: &Record,
        in_force: &[InForce],
    ) -> anyhow::Result<HashMap<String, Linked>> {
        let mut out = HashMap::new();
        let Some(projects) = policy.project_ledger().map(|index| &policy.ledgers[index]) else { return Ok(out) };
        if ledger.id == PROJECT {
            out.insert(record.code.clone(), link(policy, ledger, record));
        } else if let Some(code) = project_of(ledger, record) {
            let of_projects: Vec<&InForce> = in_force.iter().filter(|found| found.snapshot.ledger == PROJECT).collect();
            if let Some(found) = self.find_record(projects, &of_projects, &code).await? {
                out.insert(code, link(policy, projects, &found.stored.record));
            }
        }
        Ok(out)
    }

    /// The unit that owes an answer on a project's difficulty.
    async fn waiting(
        &self,
        policy: &Policy,
        ledger: &Ledger,
        project: &str,
        projects: &HashMap<String, Linked>,
        in_force: &[InForce],
        as_of: NaiveDate,
    ) -> anyhow::Result<HashMap<String, UnitId>> {
        let mut waiting = HashMap::new();
        if ledger.id != PROJECT {
            return Ok(waiting);
        }
        let (none, nothing) = (HashMap::new(), HashMap::new());
        let context = Context { policy, as_of, projects, waiting_on: &none, exempt: &nothing };
        for (index, other) in
            policy.ledgers.iter().enumerate().filter(|(index, other)| {
                other.id != PROJECT && policy.rules.iter().any(|rule| rule.waiting_on_owner && rule.ledger == *index)
            })
        {
            let mut judged = Judged::new(policy);
            for record in self.all_of(policy, &other.id, in_force).await? {
                if project_of(other, &record).as_deref() == Some(project) {
                    judged.record(&context, index, &record);
                }
            }
            for finding in
                judged.findings.iter().filter(|finding| policy.rules[finding.rule].waiting_on_owner && finding.state == State::Open)
            {
                if let Some(owner) = finding.owner {
                    waiting.entry(project.to_owned()).or_insert(owner);
                }
            }
        }
        Ok(waiting)
    }

    /// Fills in where each cell stands, and what the file says where reading changed it.
    async fn place(&self, ledger: &Ledger, found: &Found, snapshots: &[Snapshot], explanation: &mut Explanation) -> anyhow::Result<()> {
        let began = found.stored.first_seq;
        let notes = self.store.notes().of_code(&ledger.id, &found.source, began, &found.stored.record.code).await?;
        for cell in &mut explanation.cells {
            let field = cell.has_column.then_some(cell.field.as_str());
            cell.place = place_in(snapshots, &ledger.id, &found.source, &found.stored, field);
            cell.source.clone_from(&found.source);
            cell.snapshot = began;
            cell.raw = notes.iter().find(|note| note.field == cell.title && !note.raw.is_empty()).map(|note| note.raw.clone());
        }
        Ok(())
    }

    async fn remarks(&self, ledger: &Ledger, found: &Found, snapshots: &[Snapshot]) -> anyhow::Result<Vec<String>> {
        let mut out = Vec::new();
        let code = &found.stored.record.code;
        let sheets = snapshots
            .iter()
            .find(|known| known.ledger == ledger.id && known.source == found.source && known.seq == found.seq)
            .map_or(&[][..], |known| known.origin.sheets.as_slice());
        for note in self.store.notes().of_code(&ledger.id, &found.source, found.seq, code).await? {
            let sheet = sheets.get(note.sheet as usize).map_or("", String::as_str);
            match note.kind {
                NoteKind::Quarantined => out.push(format!(
                    "第{}次快照中该行待核，沿用第{}次快照的内容：{}",
                    found.seq,
                    found.stored.first_seq,
                    sentence(&note, sheet)
                )),
                NoteKind::Skipped => {}
                _ => out.push(sentence(&note, sheet)),
            }
        }
        if !found.others.is_empty() {
            out.push(format!("来源{}也有同一编号，以配置在前的来源{}为准", found.others.join("、"), found.source));
        }
        Ok(out)
    }

    /// Where a code was last seen.
    ///
    /// # Errors
    /// No snapshot ever held it; the message names the nearest codes.
    async fn gone_reason(&self, ledger: &Ledger, in_force: &[&InForce], snapshots: &[Snapshot], code: &str) -> anyhow::Result<String> {
        let known =
            |source: &str, seq: i64| snapshots.iter().find(|known| known.ledger == ledger.id && known.source == source && known.seq == seq);
        let holdings = self.store.records().holdings(&ledger.id, code).await?;
        if let Some(holding) = holdings.first() {
            let last = snapshots
                .iter()
                .filter(|known| known.ledger == ledger.id && known.source == holding.source && known.seq <= holding.last_seq)
                .max_by_key(|known| known.seq)
                .or_else(|| known(&holding.source, holding.first_seq));
            let seen = last.map_or_else(String::new, |last| {
                format!("，最近一次见于来源{}第{}次快照（截至{}）", last.source, last.seq, chinese_date(last.covers_on))
            });
            return Ok(format!(
                "现行的{}中没有编号{code}{seen}；不作判断，也不算办结，确已退出的用 duban snapshot confirm-gone 确认",
                ledger.title
            ));
        }
        // the same beginning first: a slip is rarely in the first characters
        const CODES_MAX: i64 = 20_000;
        let chars: Vec<char> = code.chars().collect();
        for length in [chars.len() * 2 / 3, chars.len() / 3, 0] {
            let start: String = chars[..length].iter().collect();
            let mut codes = Vec::new();
            for found in in_force {
                codes.extend(
                    self.store
                        .records()
                        .codes_with_prefix(&ledger.id, &found.snapshot.source, found.snapshot.seq, &start, CODES_MAX)
                        .await?,
                );
            }
            if let Some(near) = nearest(code, codes.iter().map(String::as_str)) {
                bail!("{} holds no \"{code}\" (did you mean \"{near}\"?)", ledger.id);
            }
        }
        bail!("{} holds no \"{code}\": give the code as the {} writes it", ledger.id, ledger.title)
    }
}

fn told_line(told: Notification) -> ToldLine {
    let (message, state) = (Some(told.message), Some(told.state.code().to_owned()));
    let settled_at = Some(told.ended_at).filter(|at| !at.is_empty());
    ToldLine { unit: told.unit, on: told.on, light: told.light.map(Light::code), run: told.run, message, state, settled_at }
}

fn period_of(policy: &Policy, rule: usize, as_of: NaiveDate) -> Period {
    match &policy.rules[rule].kind {
        RuleKind::Periodic { every, .. } => Period::last_closed(*every, as_of),
        _ => Period::last_closed(crate::domain::register::period::PeriodKind::Month, as_of),
    }
}

/// The unit of a periodic key, `UNIT-PERIOD` or the unit alone.
fn unit_of(policy: &Policy, rule: usize, key: &str, as_of: NaiveDate) -> anyhow::Result<UnitId> {
    let period = period_of(policy, rule, as_of);
    let (name, asked) = match key.rsplit_once("-2").map(|(name, rest)| (name, format!("2{rest}"))) {
        Some((name, asked)) => (name, Some(asked)),
        None => (key, None),
    };
    let Some(unit) = policy.units.find(name) else {
        let hint = suggest(name, policy.units.units.iter().map(|unit| unit.name.as_str())).filter(|hint| hint.starts_with("did"));
        let hint = hint.unwrap_or_else(|| format!("write it as 瓮安县-{}", period.code()));
        bail!("unit \"{name}\" is unknown ({hint})");
    };
    if let Some(asked) = asked.filter(|asked| *asked != period.code()) {
        bail!(
            "on {as_of} rule \"{}\" judges {} only, not {asked}: give the last day of that period with --as-of",
            policy.rules[rule].id,
            period.code()
        );
    }
    Ok(unit)
}
