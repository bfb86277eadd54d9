//! The findings on each record in words, for sheets that have one row per record.

use crate::domain::audience::masked;
use crate::domain::judging::finding::{Finding, State};
use crate::domain::register::ledger::Ledger;
use crate::domain::register::period::chinese_date;
use crate::domain::register::record::{Decimal, Record};
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::{Rule, RuleKind};
use crate::domain::rules::unmet::unmet;
use chrono::NaiveDate;
use std::collections::BTreeMap;

/// Findings by ledger and code of their record, without exempt ones.
pub(crate) struct FindingsByRecord<'a> {
    policy: &'a Policy,
    found: BTreeMap<(usize, &'a str), Vec<&'a Finding>>,
}

impl<'a> FindingsByRecord<'a> {
    pub(crate) fn new(policy: &'a Policy, findings: impl Iterator<Item = &'a Finding>) -> FindingsByRecord<'a> {
        let mut found: BTreeMap<(usize, &'a str), Vec<&'a Finding>> = BTreeMap::new();
        for finding in findings.filter(|finding| finding.state != State::Exempt) {
            found.entry((policy.rules[finding.rule].ledger, &*finding.key)).or_default().push(finding);
        }
        FindingsByRecord { policy, found }
    }

    /// One line for each finding of a record: `●红 签约未开工，应于2026年3月31日前开工，已超期183天`.
    pub(crate) fn lines(&self, ledger: usize, code: &str, record: Option<&Record>) -> String {
        let line = |finding: &&Finding| {
            let rule = &self.policy.rules[finding.rule];
            if let Some(service) = &rule.service {
                return service.to_string();
            }
            let shape = &self.policy.ledgers[ledger];
            let light = finding.light.map_or(String::new(), |light| format!("{} ", light.title()));
            let due = finding.due_on.map_or(String::new(), |due| format!("，{}", term(shape, rule, due)));
            let more = match (finding.overdue_days(), &finding.lag) {
                (Some(days), _) => format!("{due}，已超期{days}天"),
                (_, Some(lag)) => format!("，落后{}个百分点", Decimal::new(lag.tenths(), 1)),
                _ if !finding.missing.is_empty() => format!("，{}", unmet(shape, rule, record, &finding.missing).join("，")),
                _ => String::new(),
            };
            format!("{light}{}{more}", rule.title)
        };
        let found = self.found.get(&(ledger, code)).map_or(&[][..], Vec::as_slice);
        // what was done here about the record
        let handled = found.iter().find_map(|finding| finding.handled.as_ref()).map(|words| format!("办理：{}", masked(words)));
        found.iter().map(line).chain(handled).collect::<Vec<_>>().join("\n")
    }
}

/// What had to be done by a day: `应于2026年3月31日前开工`. What it is follows from the title of the field that a rule waits for, 实际开工时间.
fn term(ledger: &Ledger, rule: &Rule, due_on: NaiveDate) -> String {
    let until = match &rule.kind {
        RuleKind::Deadline { until, .. } => until.first().map_or("", |until| ledger.fields[*until].title.as_str()),
        _ => "",
    };
    let done = until.trim_start_matches("实际").trim_end_matches("时间").trim_end_matches("日期");
    match done {
        "" => format!("时限{}", chinese_date(due_on)),
        done => format!("应于{}前{done}", chinese_date(due_on)),
    }
}
