//! The accountability list: reads the closed quarters' stored findings, the records as they were then and are now, and what speaks for the
//! units. Made only when asked for; written into one file; never queued, never mailed.

use crate::config::load::Config;
use crate::domain::judging::finding::{Finding, Identity, State};
use crate::domain::register::ledger::{Ledger, PROJECT, Role};
use crate::domain::register::period::PeriodKind;
use crate::domain::register::period::{Period, chinese_date};
use crate::domain::register::record::{Cell, Record};
use crate::domain::rules::owner::{Owner, owner_of, project_of};
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Light;
use crate::store::handle::Store;
use crate::store::records::StoredRecord;
use crate::store::snapshots::Snapshot;
use crate::workbook::books::accountability::{
    AccountabilityFacts, AccountabilityFinding, ClosedQuarter, CurrentState, accountability_workbook,
};
use crate::workbook::model::Workbook;
use crate::worker::import::intake_report::place_in;
use crate::worker::run::evaluate::Evaluator;
use crate::worker::run::evaluate::{View, read};
use crate::worker::run::facts::identity;
use anyhow::{Context, ensure};
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What was made.
pub struct AccountabilityList {
    pub book: Workbook<'static>,
    pub lines: usize,
    pub units: usize,
    /// Closed quarters that were looked at.
    pub quarters: usize,
    /// Closed quarters in a row that the rules ask for.
    pub wanted: u32,
}

/// A finding red at the end of closed quarters, newest first.
struct Chain {
    /// Whether the newest quarters go on without a break.
    open: bool,
    quarters: u32,
    cause: String,
}

/// Makes the list for a day.
///
/// # Errors
/// The rules name no number of quarters, nothing was read yet, or the database fails.
pub async fn accountability_list(evaluator: &Evaluator, as_of: NaiveDate) -> anyhow::Result<AccountabilityList> {
    ListMaker { evaluator, config: &evaluator.config, store: &evaluator.store }.list(as_of).await
}

/// What the list is made from.
struct ListMaker<'a> {
    evaluator: &'a Evaluator,
    config: &'a Config,
    store: &'a Store,
}

impl ListMaker<'_> {
    async fn list(&self, as_of: NaiveDate) -> anyhow::Result<AccountabilityList> {
        let policy = &self.config.policy.on(as_of);
        let wanted = policy.accountability_quarters.context("config/rules.toml has no [accountability] quarters")?;
        let view = self.evaluator.view(&[], as_of).await?;
        ensure!(!view.in_force.is_empty(), "no register has been read yet; run `duban pull` or `duban import FILE` first");
        let closed = self.evaluator.closed_quarters(self.config, None, as_of, view.sample).await?;
        let mut chains: BTreeMap<Identity, Chain> = BTreeMap::new();
        let (mut waiting, mut exempt) = (0, 0);
        for (number, run) in closed.iter().enumerate() {
            let newest = number == 0;
            let mut red = BTreeSet::new();
            self.store
                .findings()
                .each(run, |stored| {
                    if stored.light() != Some(Light::Red) {
                        return Ok(());
                    }
                    if stored.state != State::Open.code() {
                        exempt += usize::from(newest);
                    } else if stored.waiting_on.is_some() {
                        waiting += usize::from(newest);
                    } else {
                        let identity = stored.identity();
                        if newest {
                            let cause = stored.cause.as_deref().unwrap_or_default().to_owned();
                            chains.insert(identity.clone(), Chain { open: true, quarters: 0, cause });
                        }
                        if chains.contains_key(&identity) {
                            red.insert(identity);
                        }
                    }
                    Ok(())
                })
                .await?;
            for (identity, chain) in &mut chains {
                chain.open &= red.contains(identity);
                chain.quarters += u32::from(chain.open);
            }
        }
        chains.retain(|_, chain| chain.quarters >= wanted);
        let lines = self.lines(policy, &view, as_of, &closed, chains).await?;
        let mut titles = Vec::new();
        let mut quarter = Period::last_closed(PeriodKind::Quarter, as_of);
        for run in &closed {
            titles.push(ClosedQuarter { title: quarter.title(), run: run.clone() });
            quarter = quarter.previous();
        }
        let units: BTreeSet<&str> = lines.iter().map(|line| line.unit.as_str()).collect();
        let (count, units) = (lines.len(), units.len());
        let facts = AccountabilityFacts {
            policy,
            office: &self.config.settings.office.name,
            as_of,
            quarters_required: wanted,
            closed_quarters: &titles,
            findings: lines,
            waiting_on_others: waiting,
            exempt,
        };
        Ok(AccountabilityList { book: accountability_workbook(&facts), lines: count, units, quarters: closed.len(), wanted })
    }

    async fn lines(
        &self,
        policy: &Policy,
        view: &View,
        as_of: NaiveDate,
        closed: &[String],
        chains: BTreeMap<Identity, Chain>,
    ) -> anyhow::Result<Vec<AccountabilityFinding>> {
        if chains.is_empty() {
            return Ok(Vec::new());
        }
        let snapshots = self.store.snapshots().list().await?;
        let reading = read(self.store, policy, view, as_of, &self.evaluator.var, Vec::new()).await?;
        let now: HashMap<Identity, &Finding> = reading.judged.findings.iter().map(|finding| (identity(policy, finding), finding)).collect();
        let mut codes: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for identity in chains.keys() {
            if let Some(ledger) = policy.ledger(&identity.ledger) {
                codes.entry(ledger).or_default().push(identity.key.clone());
            }
        }
        // the records of today first, then those of each quarter's end, newest first
        let mut views: Vec<Vec<(String, String, i64)>> = vec![pinned(view)];
        for run in closed {
            views.push(self.store.runs().get(run).await?.map(|run| run.inputs.snapshots).unwrap_or_default());
        }
        let mut records: Vec<HashMap<(usize, String), (String, StoredRecord)>> = Vec::new();
        for pinned in &views {
            let mut found: HashMap<(usize, String), (String, StoredRecord)> = HashMap::new();
            for (index, codes) in &codes {
                let ledger = &policy.ledgers[*index];
                for (_, source, seq) in pinned.iter().filter(|(id, ..)| *id == ledger.id) {
                    for stored in self.store.records().by_code(ledger, source, *seq, codes).await? {
                        found.entry((*index, stored.record.code.clone())).or_insert_with(|| (source.clone(), stored));
                    }
                }
            }
            records.push(found);
        }
        let exemptions = self.exemption_words(policy, view).await?;
        let difficulties = self.difficulty_words(policy, view).await?;
        let mut out = Vec::new();
        for (identity, chain) in chains {
            let (Some(rule), Some(index)) = (policy.rule(&identity.rule), policy.ledger(&identity.ledger)) else { continue };
            let ledger = &policy.ledgers[index];
            let key = (index, identity.key.clone());
            // the newest version: that of the register now, else that at the end of a quarter
            let Some((source, stored)) = records.iter().find_map(|found| found.get(&key)) else { continue };
            let finding = now.get(&identity).copied();
            let at_ends: Vec<&Record> =
                records.iter().skip(1).filter_map(|found| found.get(&key)).map(|(_, stored)| &stored.record).collect();
            let owner = finding.map_or_else(
                || self.owner(policy, ledger, &stored.record),
                |finding| Owner { unit: finding.owner, text: finding.unit.to_string(), city: None },
            );
            let project = if ledger.id == PROJECT { identity.key.clone() } else { project_of(ledger, &stored.record).unwrap_or_default() };
            let mut raised = reported(ledger, &stored.record);
            raised.extend(difficulties.get(&project).into_iter().flatten().cloned());
            out.push(AccountabilityFinding {
                rule,
                key: identity.key.clone(),
                name: stored.record.text(ledger.role(Role::Name)).to_owned(),
                project,
                owner: owner.unit,
                unit: owner.unit.map_or(owner.text, |unit| policy.units.units[unit].name.clone()),
                quarters: chain.quarters,
                leaders: named(ledger, Role::Leader, &at_ends),
                officers: named(ledger, Role::Officer, &at_ends),
                due_on: finding.and_then(|finding| finding.due_on),
                current: match finding {
                    Some(finding) if finding.state == State::Exempt => CurrentState::Exempt,
                    Some(finding) => finding.light.map_or(CurrentState::Unjudged, CurrentState::Open),
                    None if reading.has(index, &identity.key) => CurrentState::Resolved,
                    None => CurrentState::Gone,
                },
                cause: chain.cause,
                exemptions: exemptions.get(&(identity.rule.clone(), identity.key.clone())).cloned().unwrap_or_default(),
                difficulties: raised,
                statements: statements(ledger, &stored.record),
                place: place_of(&snapshots, ledger, source, stored),
            });
        }
        Ok(out)
    }

    fn owner(&self, policy: &Policy, ledger: &Ledger, record: &Record) -> Owner {
        owner_of(policy, ledger, record, &HashMap::new())
    }

    /// Every row of the exemption ledger by rule id and key, in words.
    async fn exemption_words(&self, policy: &Policy, view: &View) -> anyhow::Result<HashMap<(String, String), Vec<String>>> {
        let mut out: HashMap<(String, String), Vec<String>> = HashMap::new();
        let Some(ledger) = policy.ledger("exemption").map(|index| &policy.ledgers[index]) else { return Ok(out) };
        for record in self.rows(view, ledger).await? {
            let Ok(rule) = crate::app::explain::rule_named(policy, record.text(ledger.role(Role::ExemptRule))) else { continue };
            let date = |role: Role| {
                ledger.role(role).and_then(|field| record.cell(field).date()).map_or("未写明".into(), |day| day.to_string())
            };
            let kind = record.text(ledger.role(Role::ExemptionKind));
            let document = ledger.field("document").map_or("", |field| record.text(Some(field)));
            let words = format!(
                "{}{}至{}{}：{}",
                if kind.is_empty() { "豁免" } else { kind },
                date(Role::Granted),
                date(Role::Expires),
                if document.is_empty() { String::new() } else { format!("（{document}）") },
                record.text(ledger.role(Role::Name))
            );
            out.entry((policy.rules[rule].id.clone(), record.text(ledger.role(Role::ExemptKey)).to_owned())).or_default().push(words);
        }
        Ok(out)
    }

    /// Every difficulty raised, by project, in words.
    async fn difficulty_words(&self, policy: &Policy, view: &View) -> anyhow::Result<HashMap<String, Vec<String>>> {
        let mut out: HashMap<String, Vec<String>> = HashMap::new();
        let Some(ledger) = policy.ledger("difficulty").map(|index| &policy.ledgers[index]) else { return Ok(out) };
        for record in self.rows(view, ledger).await? {
            let Some(project) = project_of(ledger, &record) else { continue };
            let happened = |role: Role, word: &str| {
                let day = ledger.role(role).and_then(|field| record.cell(field).date());
                day.map(|day| format!("，{day}{word}"))
            };
            let state =
                happened(Role::Solved, "解决").or_else(|| happened(Role::Answered, "答复，未解决")).unwrap_or_else(|| "，未答复".into());
            let raised =
                ledger.field("raised_on").and_then(|field| record.cell(field).date()).map_or(String::new(), |day| format!("{day}提出"));
            let words = format!("{}{raised}：{}{state}", record.code, record.text(ledger.role(Role::Name)));
            out.entry(project).or_default().push(words);
        }
        Ok(out)
    }

    async fn rows(&self, view: &View, ledger: &Ledger) -> anyhow::Result<Vec<Record>> {
        let mut out = Vec::new();
        for found in view.in_force.iter().filter(|found| found.snapshot.ledger == ledger.id) {
            self.store
                .records()
                .each(ledger, &found.snapshot.source, found.snapshot.seq, |stored| {
                    out.push(stored.record);
                    Ok(())
                })
                .await?;
        }
        Ok(out)
    }
}

fn pinned(view: &View) -> Vec<(String, String, i64)> {
    view.in_force.iter().map(|found| (found.snapshot.ledger.clone(), found.snapshot.source.clone(), found.snapshot.seq)).collect()
}

fn place_of(snapshots: &[Snapshot], ledger: &Ledger, source: &str, stored: &StoredRecord) -> String {
    place_in(snapshots, &ledger.id, source, stored, None)
}

/// Who was named at the quarters' ends, each once, newest first.
fn named(ledger: &Ledger, role: Role, records: &[&Record]) -> Vec<String> {
    let Some(field) = ledger.role(role) else { return Vec::new() };
    let mut names: Vec<String> = Vec::new();
    for record in records {
        let name = record.text(Some(field)).trim();
        if !name.is_empty() && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// The difficulty that the record itself reports.
fn reported(ledger: &Ledger, record: &Record) -> Vec<String> {
    let text = record.text(ledger.role(Role::Difficulty)).trim();
    if text.is_empty() { Vec::new() } else { vec![format!("台账填报：{text}")] }
}

/// What the unit filled in of the fields it is asked to explain itself in; the difficulty has a column of its own.
fn statements(ledger: &Ledger, record: &Record) -> Vec<String> {
    ledger
        .fields
        .iter()
        .enumerate()
        .filter(|(index, field)| field.editable && Some(*index) != ledger.role(Role::Difficulty))
        .filter_map(|(index, field)| match record.cell(index) {
            Cell::Empty => None,
            Cell::Date(day) => Some(format!("{}：{}", field.title, chinese_date(*day))),
            cell => Some(format!("{}：{cell}", field.title)),
        })
        .collect()
}
