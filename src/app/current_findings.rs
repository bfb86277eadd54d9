//! The findings as the stored register has them today, for readers who look at them often: evaluated once for all until the data change.

use crate::app::findings::{FindingsFilter, find};
use crate::config::load::Config;
use crate::domain::audience::{is_named, masked, pack_readers};
use crate::domain::judging::finding::{Change, Finding, State};
use crate::domain::register::units::UnitId;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Light;
use crate::report::xlsx;
use crate::store::handle::Store;
use crate::workbook::books::finding_list::{FindingList, ListedFinding, finding_list_workbook};
use crate::worker::run::evaluate::Evaluator;
use chrono::NaiveDate;
use std::sync::Arc;
use tokio::sync::Mutex;

/// The findings of one day, in the order of every output.
#[derive(Debug)]
pub(crate) struct CurrentFindings {
    pub(crate) as_of: NaiveDate,
    pub(crate) policy: Policy,
    findings: Vec<Finding>,
}

/// The last evaluation, with the state of the data it was made of.
#[derive(Debug, Default)]
pub(crate) struct CurrentFindingsCache(Mutex<Option<(String, Arc<CurrentFindings>)>>);

/// Which findings a list holds; an empty field excludes nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct LineFilter {
    pub(crate) light: Option<Light>,
    pub(crate) state: Option<State>,
    /// Id of the rule.
    pub(crate) rule: String,
    /// A unit that owns the finding, or is above its owner.
    pub(crate) unit: Option<UnitId>,
    /// A part of code or name.
    pub(crate) text: String,
}

/// One finding as a list shows it.
#[derive(Clone, Debug)]
pub(crate) struct FindingLine {
    pub(crate) rule: String,
    pub(crate) rule_title: String,
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) light: Option<Light>,
    pub(crate) state: State,
    pub(crate) due_on: Option<NaiveDate>,
    /// Calendar days.
    pub(crate) overdue_days: Option<i64>,
    /// How late, how far behind, or what is missing, in words.
    pub(crate) measure: String,
    pub(crate) change: Change,
    pub(crate) basis: String,
    /// Only the office sees such a line.
    pub(crate) restricted: bool,
}

/// The lines that a reader may see.
#[derive(Debug)]
pub(crate) struct FindingLines {
    pub(crate) lines: Vec<FindingLine>,
    /// All that the filter selects.
    pub(crate) total: usize,
    /// Findings of the reader that are only counted, whatever the filter.
    pub(crate) only_counted: usize,
}

impl CurrentFindingsCache {
    /// The findings of a day; evaluated anew where the data have changed since.
    ///
    /// # Errors
    /// Nothing has been read yet, or the database fails.
    pub(crate) async fn of(&self, evaluator: &Evaluator, as_of: NaiveDate) -> anyhow::Result<Arc<CurrentFindings>> {
        let mut known = self.0.lock().await;
        let state = data_state(&evaluator.store, as_of).await?;
        if let Some((of, findings)) = known.as_ref()
            && *of == state
        {
            return Ok(findings.clone());
        }
        // the old ones are freed before the new ones are made
        *known = None;
        let found = find(evaluator, as_of, &FindingsFilter::default()).await?;
        let findings: Vec<Finding> = found.iter().cloned().collect();
        let current = Arc::new(CurrentFindings { as_of, policy: found.policy, findings });
        *known = Some((state, current.clone()));
        Ok(current)
    }
}

/// What an evaluation is made of, as a text that changes with it.
async fn data_state(store: &Store, as_of: NaiveDate) -> anyhow::Result<String> {
    let mut state = as_of.to_string();
    for snapshot in store.snapshots().list().await? {
        state.push_str(&format!(" {}/{}/{}/{}", snapshot.ledger, snapshot.source, snapshot.seq, snapshot.state.code()));
    }
    for run in store.runs().list(1).await? {
        state.push_str(&format!(" {} {}", run.id, run.step));
    }
    let marks = store.restrictions().begun_since(0).await?;
    let began = || marks.values().flat_map(|codes| codes.iter().map(|(_, began)| *began));
    state.push_str(&format!(" {} {:?}", began().count(), began().max()));
    Ok(state)
}

/// The lines that a filter selects and a reader may see, as a workbook. `selected` is the filter in words.
///
/// # Errors
/// The file cannot be made.
pub(crate) fn finding_list(
    config: &Config,
    current: &CurrentFindings,
    reader: Option<UnitId>,
    filter: &LineFilter,
    selected: String,
) -> anyhow::Result<Vec<u8>> {
    let lines = current.lines(reader, filter, 0, usize::MAX).lines;
    let is_marked = lines.iter().any(|line| line.restricted);
    let listed = |line: FindingLine| ListedFinding {
        light: line.light.map_or("无法判定", Light::title).to_owned(),
        rule: line.rule_title,
        unit: line.unit,
        key: line.key,
        name: line.name,
        due_on: line.due_on,
        overdue_days: line.overdue_days,
        measure: line.measure,
        change: line.change.title().to_owned(),
        basis: line.basis,
    };
    let list = FindingList {
        office: &config.settings.office.name,
        as_of: current.as_of,
        selected,
        head_mark: if is_marked { &config.policy.secrecy.head_mark } else { "" },
        findings: lines.into_iter().map(listed).collect(),
    };
    Ok(xlsx::render(&finding_list_workbook(&list))?)
}

impl CurrentFindings {
    /// The lines from `first` on that a filter selects and a reader may see: the office all, a unit those that its pack may list.
    pub(crate) fn lines(&self, reader: Option<UnitId>, filter: &LineFilter, first: usize, count: usize) -> FindingLines {
        let units = &self.policy.units;
        let mut lines = FindingLines { lines: Vec::new(), total: 0, only_counted: 0 };
        for finding in &self.findings {
            if let Some(unit) = reader {
                // before the filter: a count that followed it would tell sign by sign what is only counted
                if !is_named(finding) {
                    lines.only_counted += usize::from(finding.is_addressed_to(unit));
                    continue;
                }
                if !pack_readers(units, finding).contains(&unit) {
                    continue;
                }
            }
            if !self.selects(finding, filter) {
                continue;
            }
            lines.total += 1;
            if lines.total > first && lines.lines.len() < count {
                lines.lines.push(self.line(finding));
            }
        }
        lines
    }

    /// Whether a reader may see the finding of a rule on a key.
    pub(crate) fn shows(&self, reader: Option<UnitId>, rule: &str, key: &str) -> bool {
        let is_it = |finding: &&Finding| self.policy.rules[finding.rule].id == rule && *finding.key == *key;
        let sees =
            |finding: &Finding| reader.is_none_or(|unit| is_named(finding) && pack_readers(&self.policy.units, finding).contains(&unit));
        self.findings.iter().find(is_it).is_some_and(sees)
    }

    fn selects(&self, finding: &Finding, filter: &LineFilter) -> bool {
        let units = &self.policy.units;
        filter.light.is_none_or(|light| finding.light == Some(light))
            && filter.state.is_none_or(|state| finding.state == state)
            && (filter.rule.is_empty() || self.policy.rules[finding.rule].id == filter.rule)
            && filter.unit.is_none_or(|unit| finding.owner.is_some_and(|owner| units.is_within(owner, unit)))
            && (filter.text.is_empty() || finding.key.contains(&filter.text) || masked(&finding.name).contains(&filter.text))
    }

    fn line(&self, finding: &Finding) -> FindingLine {
        let rule = &self.policy.rules[finding.rule];
        FindingLine {
            rule: rule.id.clone(),
            rule_title: rule.title.clone(),
            key: finding.key.to_string(),
            name: masked(&finding.name),
            unit: masked(&finding.unit),
            light: finding.light,
            state: finding.state,
            due_on: finding.due_on,
            overdue_days: finding.overdue_days(),
            measure: measure(&self.policy, finding),
            change: finding.change,
            basis: rule.basis.clone(),
            restricted: finding.restricted,
        }
    }
}

/// How late a record is, how far it lags, or which fields it lacks.
pub(crate) fn measure(policy: &Policy, finding: &Finding) -> String {
    match (finding.overdue_days(), &finding.lag) {
        (Some(days), _) => format!("应于{}前，已超期{days}天", finding.due_on.map(|day| day.to_string()).unwrap_or_default()),
        (_, Some(lag)) => format!("落后{}.{}个百分点", lag.tenths() / 10, lag.tenths() % 10),
        _ => {
            let fields = &policy.ledgers[policy.rules[finding.rule].ledger].fields;
            let missing: Vec<&str> = finding.missing.iter().map(|field| fields[*field].title.as_str()).collect();
            format!("缺{}", missing.join("、"))
        }
    }
}
