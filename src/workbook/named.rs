//! Which records a workbook names, or more than these: a mark of secrecy that comes later finds the workbook by them.

use crate::domain::judging::finding::Finding;
use crate::workbook::material::Material;
use crate::workbook::visible::VisibleMaterial;
use std::collections::BTreeSet;

/// Records by ledger index and code.
pub type NamedRecords = BTreeSet<(usize, String)>;

/// The records that a text for an audience may name without a workbook.
pub fn records_of(material: &Material<'_>) -> NamedRecords {
    VisibleMaterial::new(material).named()
}

impl<'m> VisibleMaterial<'m> {
    /// The records of all findings, notices and lines that the audience may see, and the projects they belong to.
    pub(crate) fn named(&self) -> NamedRecords {
        let policy = self.policy();
        let projects = policy.project_ledger();
        let ledger_titled = |title: &str| policy.ledgers.iter().position(|ledger| ledger.title == title);
        // nearly all are projects with several findings each
        let of_finding = |finding: &'m Finding| {
            let project = projects.filter(|_| !finding.project.is_empty()).map(|projects| (projects, &*finding.project));
            [Some((policy.rules[finding.rule].ledger, &*finding.key)), project].into_iter().flatten()
        };
        let mut found: Vec<(usize, &str)> = self.findings.iter().copied().flat_map(of_finding).collect();
        found.sort_unstable();
        found.dedup();
        let mut named: NamedRecords = found.into_iter().map(|(ledger, code)| (ledger, code.to_owned())).collect();
        let mut add = |ledger: usize, code: &str, project: &str| {
            named.insert((ledger, code.to_owned()));
            if let Some(projects) = projects.filter(|_| !project.is_empty()) {
                named.insert((projects, project.to_owned()));
            }
        };
        for notice in self.notices() {
            add(policy.rules[notice.rule].ledger, &notice.key, &notice.project);
        }
        for line in self.quality_lines() {
            add(line.ledger, &line.key, "");
        }
        for line in self.intake_lines().filter(|line| !line.code.is_empty()) {
            if let Some(ledger) = ledger_titled(&line.ledger) {
                add(ledger, &line.code, "");
            }
        }
        for gone in self.gone_records() {
            if let Some(ledger) = ledger_titled(&gone.ledger) {
                add(ledger, &gone.code, &gone.project);
            }
        }
        for silent in self.material.silent {
            add(silent.ledger, &silent.code, "");
        }
        named
    }
}
