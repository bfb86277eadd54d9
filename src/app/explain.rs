//! Explains one finding, or why there is none: evaluates its ledger as a run does, and adds the places of the cells and the messages that have
//! named the finding.

use crate::config::load::Config;
use crate::domain::audience::{Audience, NOT_SHOWN, masked};
use crate::domain::intake::note::{NoteKind, sentence};
use crate::domain::judging::explain::explanation::Explanation;
use crate::domain::judging::explain::question::Outcome;
use crate::domain::judging::finding::Identity;
use crate::domain::problem::{nearest, suggest};
use crate::domain::register::data_condition::Reader;
use crate::domain::register::ledger::Ledger;
use crate::domain::register::levels::LevelKind;
use crate::domain::register::period::{Period, chinese_date};
use crate::domain::register::snapshot::InForce;
use crate::domain::register::units::{UnitId, normalize_name};
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::{Light, RuleKind};
use crate::store::handle::Store;
use crate::store::outbox::Notification;
use crate::store::snapshots::Snapshot;
use crate::worker::directory::apply_directory;
use crate::worker::import::intake_report::place_in;
use crate::worker::records::{FoundRecord, LedgerRecords, MADE_HERE};
use crate::worker::run::evaluate::{Evaluator, evaluate_ledger};
use anyhow::{bail, ensure};
use chrono::NaiveDate;
use serde::Serialize;

/// An explanation with what comes from the store.
#[derive(Debug, Serialize)]
pub struct Explained {
    #[serde(flatten)]
    pub explanation: Explanation,
    /// What to know of the row: an older version is used, a second source has it too, or there are no data for the day.
    pub remarks: Vec<String>,
    #[serde(rename = "told_before")]
    pub notifications: Vec<NotificationLine>,
}

/// One message that has named the finding.
#[derive(Debug, Serialize)]
pub struct NotificationLine {
    pub unit: String,
    /// The day of the slot.
    pub on: String,
    pub light: Option<&'static str>,
    pub run: String,
    pub message: Option<String>,
    /// State of the message in the outbox.
    pub state: Option<String>,
    /// When the message was made.
    #[serde(skip)]
    pub made_at: String,
    /// When the message reached its last state.
    #[serde(rename = "settled_at")]
    pub ended_at: Option<String>,
}

/// The index of a rule by its id or its title.
///
/// # Errors
/// There is no such rule; the message suggests the nearest.
pub(crate) fn rule_named(policy: &Policy, name: &str) -> anyhow::Result<usize> {
    let normalized = normalize_name(name);
    if let Some(index) = policy.rules.iter().position(|rule| rule.id == normalized || normalize_name(&rule.title) == normalized) {
        return Ok(index);
    }
    let names = || policy.rules.iter().flat_map(|rule| [rule.id.as_str(), rule.title.as_str()]);
    let hint = match nearest(name, names()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => suggest(name, policy.rules.iter().map(|rule| rule.id.as_str())).unwrap_or_default(),
    };
    bail!("rule \"{name}\" is unknown ({hint})");
}

/// Explains why a rule finds, or does not find, something on a key on a day.
///
/// # Errors
/// The rule or the key is unknown, nothing has been read yet, or the database fails.
pub async fn explain(evaluator: &Evaluator, rule: &str, key: &str, as_of: NaiveDate, audience: Audience) -> anyhow::Result<Explained> {
    Explainer { evaluator, config: &evaluator.config, store: &evaluator.store, audience }.explain(rule, key, as_of).await
}

/// What an explanation is made from.
struct Explainer<'a> {
    evaluator: &'a Evaluator,
    config: &'a Config,
    store: &'a Store,
    audience: Audience,
}

impl Explainer<'_> {
    async fn explain(&self, rule: &str, key: &str, as_of: NaiveDate) -> anyhow::Result<Explained> {
        let selection = self.evaluator.select_snapshots(&[], as_of).await?;
        let mut policy = self.config.policy.on(as_of);
        apply_directory(self.store, &self.config.settings, &mut policy, &selection).await?;
        let policy = &policy;
        let rule_index = rule_named(policy, rule)?;
        let rule = &policy.rules[rule_index];
        let ledger = &policy.ledgers[rule.ledger];
        let key = key.trim();
        let snapshots = self.store.snapshots().list().await?;
        let in_force: Vec<&InForce> = selection.of_ledger(&ledger.id).collect();
        let records = LedgerRecords::new(self.store, ledger, &selection);
        ensure!(!selection.in_force.is_empty(), "no register has been read yet; run `duban pull` or `duban import FILE` first");
        let is_read = !in_force.is_empty() || selection.has_own(&ledger.id);
        ensure!(is_read, "ledger \"{}\" ({}) was never read, so rule \"{}\" judges nothing", ledger.id, ledger.title, rule.id);
        let mut remarks: Vec<String> = in_force
            .iter()
            .filter(|found| found.early)
            .map(|found| {
                let covers = chinese_date(found.snapshot.covers_on);
                format!("没有截至{}及以前的{}，以最早的一次（截至{covers}）代替", chinese_date(as_of), ledger.title)
            })
            .collect();
        let old = selection.conditions.iter().filter(|condition| condition.ledger == ledger.id);
        remarks.extend(old.map(|condition| condition.in_words(&ledger.title, as_of, Reader::Unit)).filter(|words| !words.is_empty()));
        let unit = match rule.kind {
            RuleKind::Periodic { .. } => Some(unit_of(policy, rule_index, key, as_of)?),
            _ => None,
        };
        let mut found = if unit.is_none() { records.record_by_code(key).await? } else { None };
        let project = found.as_mut().filter(|_| ledger.is_of_projects());
        let evaluated = evaluate_ledger(self.store, policy, &selection, as_of, rule.ledger, project).await?;
        let context = evaluated.contributions.context(policy, as_of);
        let judged_key = match unit {
            Some(unit) => format!("{}-{}", policy.units.units[unit].name, period_of(policy, rule_index, as_of).code()),
            None => found.as_ref().map_or_else(|| key.to_owned(), |found| found.stored.record.code.clone()),
        };
        let mut findings = evaluated.findings;
        findings.retain(|finding| finding.rule == rule_index && *finding.key == *judged_key);
        let closed = self.evaluator.closed_quarters(self.config, None, as_of, selection.sample).await?;
        self.evaluator.record_red_quarters(policy, &mut findings, &closed, false).await?;
        let finding = findings.first();
        let mut explanation = match (unit, &found) {
            (Some(unit), _) => Explanation::periodic(&context, rule_index, unit, &judged_key, &evaluated.records, finding),
            (None, Some(found)) => {
                let context = context.for_rule(rule, &found.stored.record);
                let mut explanation = Explanation::record(&context, rule_index, &found.stored.record, finding);
                self.place(ledger, found, &snapshots, &mut explanation).await?;
                remarks.extend(self.remarks(ledger, found, &snapshots).await?);
                explanation
            }
            (None, None) => {
                let reason = self.gone_reason(ledger, &records, &snapshots, key).await?;
                Explanation::gone(&context, rule_index, key, reason)
            }
        };
        if explanation.outcome == Outcome::Gone {
            explanation.key = key.to_owned();
        }
        let shown = |text: &str, instead: &str| selection.restrictions.shown(self.audience, text, instead);
        explanation.cells.iter_mut().for_each(|cell| cell.place = shown(&cell.place, &ledger.title));
        remarks.iter_mut().for_each(|remark| *remark = shown(remark, NOT_SHOWN));
        let identity = Identity { rule: rule.id.clone(), ledger: ledger.id.clone(), key: explanation.key.clone() };
        let notifications = self.store.outbox().notifications_of(&identity, selection.sample).await?;
        let notifications = notifications.into_iter().map(notification_line).collect();
        Ok(Explained { explanation, remarks, notifications })
    }

    /// Fills in the place of each cell, and the text of the file where reading has changed it.
    async fn place(
        &self,
        ledger: &Ledger,
        found: &FoundRecord<'_>,
        snapshots: &[Snapshot],
        explanation: &mut Explanation,
    ) -> anyhow::Result<()> {
        let began = found.stored.first_seq;
        let notes = self.store.notes().of_code(&ledger.id, found.snapshot.source, began, &found.stored.record.code).await?;
        let record = &found.stored.record;
        for cell in &mut explanation.cells {
            let is_of_event = ledger.field(&cell.field).is_some_and(|field| record.by_event.contains(field));
            if is_of_event || found.snapshot == MADE_HERE {
                cell.place = "办理记录".to_owned();
                continue;
            }
            let field = cell.has_column.then_some(cell.field.as_str());
            cell.place = place_in(snapshots, &ledger.id, found.snapshot.source, &found.stored, field);
            cell.source = found.snapshot.source.to_owned();
            cell.snapshot = began;
            cell.raw = notes.iter().find(|note| note.field == cell.title && !note.raw.is_empty()).map(|note| masked(&note.raw));
        }
        Ok(())
    }

    /// What to know of the row: its intake notes, and other sources that have it.
    async fn remarks(&self, ledger: &Ledger, found: &FoundRecord<'_>, snapshots: &[Snapshot]) -> anyhow::Result<Vec<String>> {
        let mut out = Vec::new();
        let code = &found.stored.record.code;
        let sheets = snapshots
            .iter()
            .find(|known| known.ledger == ledger.id && known.source == found.snapshot.source && known.seq == found.snapshot.seq)
            .map_or(&[][..], |known| known.origin.sheets.as_slice());
        for note in self.store.notes().of_code(&ledger.id, found.snapshot.source, found.snapshot.seq, code).await? {
            let sheet = sheets.get(note.sheet as usize).map_or("", String::as_str);
            match note.kind {
                NoteKind::Quarantined => out.push(format!(
                    "第{}次快照中该行待核，沿用第{}次快照的内容：{}",
                    found.snapshot.seq,
                    found.stored.first_seq,
                    masked(&sentence(&note, sheet))
                )),
                NoteKind::Skipped => {}
                _ => out.push(masked(&sentence(&note, sheet))),
            }
        }
        if !found.other_sources.is_empty() {
            out.push(format!("来源{}也有同一编号，以配置在前的来源{}为准", found.other_sources.join("、"), found.snapshot.source));
        }
        Ok(out)
    }

    /// A sentence on where a code was last seen.
    ///
    /// # Errors
    /// No snapshot ever had it; the message names the nearest code.
    async fn gone_reason(
        &self,
        ledger: &Ledger,
        records: &LedgerRecords<'_>,
        snapshots: &[Snapshot],
        code: &str,
    ) -> anyhow::Result<String> {
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
        // codes with the same beginning come first, because a typing error is rarely in the first characters
        const CODES_MAX: i64 = 20_000;
        let chars: Vec<char> = code.chars().collect();
        for length in [chars.len() * 2 / 3, chars.len() / 3, 0] {
            let start: String = chars[..length].iter().collect();
            let codes = records.codes_with_prefix(&start, CODES_MAX).await?;
            if let Some(near) = nearest(code, codes.iter().map(String::as_str)) {
                bail!("{} holds no \"{code}\" (did you mean \"{near}\"?)", ledger.id);
            }
        }
        bail!("{} holds no \"{code}\": give the code as the {} writes it", ledger.id, ledger.title)
    }
}

fn notification_line(notification: Notification) -> NotificationLine {
    let Notification { unit, on, light, run, message, state, made_at, ended_at } = notification;
    NotificationLine {
        unit,
        on,
        light: light.map(Light::code),
        run,
        message: Some(message),
        state: Some(state.code().to_owned()),
        made_at,
        ended_at: Some(ended_at).filter(|at| !at.is_empty()),
    }
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
        let example = policy.units.units.iter().find(|unit| unit.level.kind() == LevelKind::Base).map_or("UNIT", |unit| unit.name.as_str());
        let hint = hint.unwrap_or_else(|| format!("write it as {example}-{}", period.code()));
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
