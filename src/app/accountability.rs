//! The accountability list: the findings that were red at the end of several closed quarters in a row, with the records then and now, and the
//! exemptions and difficulties in favour of the units. It is made on request only and is never mailed.

use crate::config::load::Config;
use crate::domain::audience::is_named;
use crate::domain::judging::finding::{Finding, Identity, State};
use crate::domain::register::ledger::{Ledger, Purpose, Role};
use crate::domain::register::period::PeriodKind;
use crate::domain::register::period::{Period, chinese_date};
use crate::domain::register::record::{Cell, Record};
use crate::domain::rules::owner::{Owner, owner_of};
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Light;
use crate::store::handle::Store;
use crate::workbook::books::accountability::{
    AccountabilityFacts, AccountabilityFinding, ClosedQuarter, CurrentState, accountability_workbook,
};
use crate::workbook::model::Workbook;
use crate::worker::import::intake_report::place_in;
use crate::worker::records::{FoundRecord, LedgerRecords};
use crate::worker::run::done_since::done_since;
use crate::worker::run::evaluate::{Evaluator, evaluate};
use crate::worker::run::finding_facts::identity;
use crate::worker::snapshot_selection::SnapshotSelection;
use anyhow::{Context, ensure};
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The list with its counts.
pub(crate) struct AccountabilityList {
    pub(crate) book: Workbook<'static>,
    pub(crate) lines: usize,
    pub(crate) units: usize,
    /// Number of closed quarters that were read.
    pub(crate) quarters: usize,
    /// Number of closed quarters in a row that the rules require.
    pub(crate) quarters_required: u32,
}

/// The closed quarters in a row, newest first, at whose end a finding was red.
struct Chain {
    /// The finding was red at the end of every quarter read so far.
    unbroken: bool,
    quarters: u32,
    cause: String,
}

/// Makes the list for a day.
///
/// # Errors
/// The rules name no number of quarters, nothing has been read yet, or the database fails.
pub(crate) async fn accountability_list(evaluator: &Evaluator, as_of: NaiveDate) -> anyhow::Result<AccountabilityList> {
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
        let quarters_required = policy.accountability_quarters.context("config/rules.toml has no [accountability] quarters")?;
        let selection = self.evaluator.select_snapshots(&[], as_of).await?;
        ensure!(!selection.in_force.is_empty(), "no register has been read yet; run `duban pull` or `duban import FILE` first");
        let closed = self.evaluator.closed_quarters(self.config, None, as_of, selection.sample).await?;
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
                    } else if stored.old_data.is_some() {
                        // data that could not be relied on accuse nobody
                    } else if stored.waiting_on.is_some() {
                        waiting += usize::from(newest);
                    } else {
                        let identity = stored.identity();
                        if newest {
                            let cause = stored.cause.as_deref().unwrap_or_default().to_owned();
                            chains.insert(identity.clone(), Chain { unbroken: true, quarters: 0, cause });
                        }
                        if chains.contains_key(&identity) {
                            red.insert(identity);
                        }
                    }
                    Ok(())
                })
                .await?;
            for (identity, chain) in &mut chains {
                chain.unbroken &= red.contains(identity);
                chain.quarters += u32::from(chain.unbroken);
            }
        }
        chains.retain(|_, chain| chain.quarters >= quarters_required);
        let lines = self.lines(policy, &selection, as_of, &closed, chains).await?;
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
            quarters_required,
            closed_quarters: &titles,
            findings: lines,
            waiting_on_others: waiting,
            exempt,
        };
        Ok(AccountabilityList { book: accountability_workbook(&facts), lines: count, units, quarters: closed.len(), quarters_required })
    }

    async fn lines(
        &self,
        policy: &Policy,
        selection: &SnapshotSelection,
        as_of: NaiveDate,
        closed: &[String],
        chains: BTreeMap<Identity, Chain>,
    ) -> anyhow::Result<Vec<AccountabilityFinding>> {
        if chains.is_empty() {
            return Ok(Vec::new());
        }
        let snapshots = self.store.snapshots().list().await?;
        let register = evaluate(self.store, policy, selection, as_of, &self.evaluator.var, Vec::new()).await?;
        let now: HashMap<Identity, &Finding> =
            register.judged.findings.iter().map(|finding| (identity(policy, finding), finding)).collect();
        let mut codes: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for identity in chains.keys() {
            if let Some(ledger) = policy.ledger(&identity.ledger) {
                codes.entry(ledger).or_default().push(identity.key.clone());
            }
        }
        // the records of today first, then those of each quarter's end, newest first
        let mut pins: Vec<Vec<(String, String, i64)>> = vec![selection.pins()];
        for run in closed {
            pins.push(self.store.runs().get(run).await?.map(|run| run.inputs.snapshots).unwrap_or_default());
        }
        let mut records: Vec<HashMap<(usize, String), FoundRecord<'_>>> = Vec::new();
        for pins in &pins {
            let mut records_then = HashMap::new();
            for (index, codes) in &codes {
                let found = LedgerRecords::pinned(self.store, &policy.ledgers[*index], pins).records_by_code(codes).await?;
                records_then.extend(found.into_iter().map(|found| ((*index, found.stored.record.code.clone()), found)));
            }
            records.push(records_then);
        }
        // nobody answers for what he has done since (期后已办)
        let today = self.evaluator.clock.today();
        let done = done_since(self.store, policy, selection, (as_of, today)).await?;
        let exemptions = self.exemption_texts(policy, selection).await?;
        let difficulties = self.difficulty_texts(policy, selection).await?;
        let mut out = Vec::new();
        for (identity, chain) in chains {
            let (Some(rule), Some(index)) = (policy.rule(&identity.rule), policy.ledger(&identity.ledger)) else { continue };
            let ledger = &policy.ledgers[index];
            let key = (index, identity.key.clone());
            if done.get(&key).is_some_and(|(_, still)| !still.contains(&rule)) {
                continue;
            }
            // the newest version: that of the register now, else that of the newest quarter's end
            let Some(FoundRecord { snapshot, stored, .. }) = records.iter().find_map(|found| found.get(&key)) else { continue };
            let finding = now.get(&identity).copied();
            let at_ends: Vec<&Record> =
                records.iter().skip(1).filter_map(|found| found.get(&key)).map(|found| &found.stored.record).collect();
            let owner = finding.map_or_else(
                || owner_of(policy, ledger, &stored.record, &HashMap::new()),
                |finding| Owner { unit: finding.owner, text: finding.unit.to_string(), division: None },
            );
            let project =
                if ledger.is_of_projects() { identity.key.clone() } else { ledger.project_of(&stored.record).unwrap_or_default() };
            let mut raised = reported(ledger, &stored.record);
            raised.extend(difficulties.get(&project).into_iter().flatten().cloned());
            out.push(AccountabilityFinding {
                rule,
                key: identity.key.clone(),
                name: stored.record.text(ledger.role(Role::Name)).to_owned(),
                restricted: finding.is_some_and(|finding| !is_named(finding))
                    || selection.restrictions.has_record(ledger, &stored.record)
                    || selection.restrictions.has_project(&project),
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
                    None if register.has(index, &identity.key) => CurrentState::Resolved,
                    None => CurrentState::Gone,
                },
                cause: chain.cause,
                exemptions: exemptions.get(&(identity.rule.clone(), identity.key.clone())).cloned().unwrap_or_default(),
                difficulties: raised,
                statements: statements(ledger, &stored.record),
                place: place_in(&snapshots, &ledger.id, snapshot.source, stored, None),
            });
        }
        Ok(out)
    }

    /// By rule id and key, the rows of the exemption ledger as sentences.
    async fn exemption_texts(
        &self,
        policy: &Policy,
        selection: &SnapshotSelection,
    ) -> anyhow::Result<HashMap<(String, String), Vec<String>>> {
        let mut out: HashMap<(String, String), Vec<String>> = HashMap::new();
        let Some(ledger) = policy.ledger_for(Purpose::Exemption).map(|index| &policy.ledgers[index]) else { return Ok(out) };
        for record in self.rows(selection, ledger).await? {
            let Ok(rule) = crate::app::explain::rule_named(policy, record.text(ledger.role(Role::ExemptRule))) else { continue };
            let date = |role: Role| {
                ledger.role(role).and_then(|field| record.cell(field).date()).map_or("未写明".into(), |day| day.to_string())
            };
            let kind = record.text(ledger.role(Role::ExemptionKind));
            let document = ledger.field("document").map_or("", |field| record.text(Some(field)));
            let text = format!(
                "{}{}至{}{}：{}",
                if kind.is_empty() { "豁免" } else { kind },
                date(Role::Granted),
                date(Role::Expires),
                if document.is_empty() { String::new() } else { format!("（{document}）") },
                record.text(ledger.role(Role::Name))
            );
            out.entry((policy.rules[rule].id.clone(), record.text(ledger.role(Role::ExemptKey)).to_owned())).or_default().push(text);
        }
        Ok(out)
    }

    /// By project, the difficulties raised as sentences.
    async fn difficulty_texts(&self, policy: &Policy, selection: &SnapshotSelection) -> anyhow::Result<HashMap<String, Vec<String>>> {
        let mut out: HashMap<String, Vec<String>> = HashMap::new();
        let Some(ledger) = policy.ledger_for(Purpose::Difficulty).map(|index| &policy.ledgers[index]) else { return Ok(out) };
        for record in self.rows(selection, ledger).await? {
            let Some(project) = ledger.project_of(&record) else { continue };
            let happened = |role: Role, word: &str| {
                let day = ledger.role(role).and_then(|field| record.cell(field).date());
                day.map(|day| format!("，{day}{word}"))
            };
            let state =
                happened(Role::Solved, "解决").or_else(|| happened(Role::Answered, "答复，未解决")).unwrap_or_else(|| "，未答复".into());
            let raised =
                ledger.field("raised_on").and_then(|field| record.cell(field).date()).map_or(String::new(), |day| format!("{day}提出"));
            let text = format!("{}{raised}：{}{state}", record.code, record.text(ledger.role(Role::Name)));
            out.entry(project).or_default().push(text);
        }
        Ok(out)
    }

    /// All rows of a small ledger, from all its sources.
    async fn rows(&self, selection: &SnapshotSelection, ledger: &Ledger) -> anyhow::Result<Vec<Record>> {
        let mut rows = Vec::new();
        LedgerRecords::new(self.store, ledger, selection)
            .each(|_, streamed| {
                rows.push(std::mem::take(streamed.record));
                Ok(())
            })
            .await?;
        Ok(rows)
    }
}

/// The names in a field at the quarters' ends, each once, newest first.
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

/// The fields in which the unit explains itself, as far as it has filled them in. The difficulty has a column of its own.
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
