//! How far a finding is from what its rule asks, in words.

use crate::domain::judging::finding::Finding;
use crate::domain::rules::policy::Policy;

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
