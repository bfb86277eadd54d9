//! What a run has found and made, as its result stores it.

use crate::domain::judging::finding::count_blank_cells;
use crate::domain::judging::finding::{Change, Finding, State};
use crate::domain::rules::rule::Light;
use crate::store::run_result::{FindingCounts, JudgedResult, JudgedSource, PackCounts};
use crate::worker::run::context::RunContext;

impl RunContext<'_> {
    /// What was judged and found, with the packs made; a rehearsal makes none.
    pub(crate) fn summary(&self, packs: Vec<PackCounts>) -> JudgedResult {
        let findings = &self.register.judged.findings;
        let policy = &self.config.policy;
        let is_open = |finding: &&Finding| finding.state == State::Open && !finding.is_service(policy);
        let open = |light: Light| findings.iter().filter(is_open).filter(|finding| finding.light == Some(light)).count();
        let state = |state: State| findings.iter().filter(|finding| finding.state == state).count();
        let change = |wanted: Change| findings.iter().filter(is_open).filter(|finding| finding.change == wanted).count();
        let sources = self.register.sources.iter().map(|source| JudgedSource {
            ledger: source.ledger.clone(),
            source: source.source.clone(),
            snapshot: source.snapshot,
            covers_on: source.covers_on,
            accepted: source.accepted,
            quarantined: source.quarantined,
            note: source.note.clone(),
        });
        JudgedResult {
            title: self.job.title.clone(),
            as_of: self.as_of,
            sources: sources.collect(),
            findings: FindingCounts {
                red: open(Light::Red),
                orange: open(Light::Orange),
                yellow: open(Light::Yellow),
                services: findings.iter().filter(|finding| finding.state == State::Open && finding.is_service(policy)).count(),
                unjudged: state(State::Unjudged),
                blank_cells: count_blank_cells(policy, findings.iter()),
                exempt: state(State::Exempt),
                new: change(Change::New),
                escalated: change(Change::Escalated),
                eased: change(Change::Eased),
                continued: change(Change::Continued),
                reopened: change(Change::Reopened),
                resolved: self.changes.resolved.len(),
            },
            packs,
        }
    }
}
