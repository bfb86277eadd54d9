//! The findings on each record in words, for sheets that have one row per record.

use crate::domain::audience::masked;
use crate::domain::judging::finding::{Finding, State};
use crate::domain::register::record::Decimal;
use crate::domain::rules::policy::Policy;
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

    /// One line for each finding of a record: `●红 签约未开工，应于2026-03-31前，超期183天`.
    pub(crate) fn lines(&self, ledger: usize, code: &str) -> String {
        let line = |finding: &&Finding| {
            let light = finding.light.map_or(String::new(), |light| format!("{} ", light.title()));
            let title = &self.policy.rules[finding.rule].title;
            let due = finding.due_on.map_or(String::new(), |due| format!("，应于{due}前"));
            let more = match (finding.overdue_days(), &finding.lag) {
                (Some(days), _) => format!("{due}，超期{days}天"),
                (_, Some(lag)) => format!("，落后{}个百分点", Decimal::new(lag.tenths(), 1)),
                _ if !finding.missing.is_empty() => {
                    let fields = finding.missing.iter().map(|field| self.policy.ledgers[ledger].fields[*field].title.as_str());
                    format!("，缺{}", fields.collect::<Vec<_>>().join("、"))
                }
                _ => String::new(),
            };
            format!("{light}{title}{more}")
        };
        let found = self.found.get(&(ledger, code)).map_or(&[][..], Vec::as_slice);
        // where the record stands by what was done here
        let handled = found.iter().find_map(|finding| finding.handled.as_ref()).map(|words| format!("办理：{}", masked(words)));
        found.iter().map(line).chain(handled).collect::<Vec<_>>().join("\n")
    }
}
