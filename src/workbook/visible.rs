//! The part of the material that the audience of a workbook may see.

use crate::domain::audience::Audience;
use crate::domain::audience::{is_code_restricted, is_restricted};
use crate::domain::judging::finding::{Finding, Notice, State};
use crate::domain::judging::quality::Quality;
use crate::domain::notify::feedback::{Asked, asked};
use crate::domain::register::ledger::Role;
use crate::domain::register::period::chinese_date;
use crate::domain::register::record::Record;
use crate::domain::rules::owner::owner_of;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Light;
use crate::workbook::material::{IntakeIssue, Material};
use crate::workbook::model::{Row, Value};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// The project that a record belongs to, as far as the audience may see it.
pub(crate) enum LinkedProject<'r> {
    Visible(&'r Record),
    /// The project exists, and the audience may not see it.
    Hidden,
    None,
}

/// The material with the findings that the audience may see.
pub(crate) struct VisibleMaterial<'a> {
    pub(crate) material: &'a Material<'a>,
    pub(crate) findings: Vec<&'a Finding>,
    /// Codes of the projects with a finding that is addressed to the audience.
    pub(crate) addressed_projects: Arc<HashSet<&'a str>>,
}

impl<'a> VisibleMaterial<'a> {
    pub(crate) fn new(material: &'a Material<'a>) -> VisibleMaterial<'a> {
        let all = &material.judged.findings;
        let audience = material.audience;
        let findings: Vec<&'a Finding> = match material.only_findings {
            Some(indices) => indices.iter().filter_map(|index| all.get(*index)).filter(|finding| audience.may_list(finding)).collect(),
            None => all.iter().filter(|finding| audience.sees_finding(finding)).collect(),
        };
        let projects = material.policy.project_ledger();
        let addressed_projects = match material.audience {
            Audience::Office | Audience::ThirdParty => HashSet::new(),
            Audience::Unit(unit) => {
                let is_on_project = |finding: &&&'a Finding| Some(material.policy.rules[finding.rule].ledger) == projects;
                findings.iter().filter(is_on_project).filter(|finding| finding.is_addressed_to(unit)).map(|finding| &*finding.key).collect()
            }
        };
        VisibleMaterial { material, findings, addressed_projects: Arc::new(addressed_projects) }
    }

    /// The same material without findings, for rows that are built lazily.
    pub(crate) fn without_findings(&self) -> VisibleMaterial<'a> {
        VisibleMaterial { material: self.material, findings: Vec::new(), addressed_projects: Arc::clone(&self.addressed_projects) }
    }

    pub(crate) fn policy(&self) -> &'a Policy {
        self.material.policy
    }

    /// Replaces the placeholders that texts of a template with this title may contain.
    pub(crate) fn fill_in(&self, text: &str, title: &str) -> String {
        let unit = match self.material.audience {
            Audience::Office | Audience::ThirdParty => self.material.office,
            Audience::Unit(unit) => self.policy().units.units[unit].name.as_str(),
        };
        text.replace("{as_of}", &chinese_date(self.material.as_of))
            .replace("{unit}", unit)
            .replace("{contact}", self.material.contact)
            .replace("{data_as_of}", &self.data_days())
            .replace("{made_on}", &chinese_date(self.material.made_on))
            .replace("{reply_by}", &chinese_date(self.material.reply_by))
            .replace("{office}", self.material.office)
            .replace("{title}", title)
    }

    /// Whether a ledger (index) was ever reported.
    pub(crate) fn is_reported(&self, ledger: usize) -> bool {
        self.material.sources.iter().any(|source| source.ledger == self.policy().ledgers[ledger].title)
    }

    /// Whether a rule judged no row at all: its ledger was never imported, or no row has the columns that the rule needs.
    pub(crate) fn judged_nothing(&self, rule: usize) -> bool {
        let policy = self.policy();
        let tally = &self.material.judged.tallies[rule];
        let judged_rows = tally.found + tally.fine + tally.met + tally.not_yet + tally.unjudged + tally.exempt;
        !self.is_reported(policy.rules[rule].ledger) || judged_rows == 0 && tally.off > 0
    }

    /// The project that a record belongs to, as far as the audience may see it.
    pub(crate) fn linked_project<'r>(&self, ledger: usize, project: Option<&'r Record>) -> LinkedProject<'r> {
        let policy = self.policy();
        let Some(record) = project else { return LinkedProject::None };
        let shape = &policy.ledgers[ledger];
        let owner = || owner_of(policy, shape, record, &HashMap::new()).unit;
        let is_addressed = || self.addressed_projects.contains(record.code.as_str());
        match self.material.audience.sees_project(shape, record, owner, is_addressed) {
            true => LinkedProject::Visible(record),
            false => LinkedProject::Hidden,
        }
    }

    /// A cell of the project that a record belongs to.
    pub(crate) fn project_cell(&self, project: &LinkedProject<'_>, ledger: usize, field: usize) -> Value {
        match project {
            LinkedProject::Visible(record) => self.cell(ledger, field, record),
            LinkedProject::Hidden if self.policy().ledgers[ledger].role(Role::Name) == Some(field) => Value::text("（洽谈项目，名称略）"),
            LinkedProject::Hidden | LinkedProject::None => Value::Blank,
        }
    }

    /// Due dates that are near.
    pub(crate) fn notices(&self) -> impl Iterator<Item = &'a Notice> {
        let audience = self.material.audience;
        self.material.judged.notices.iter().filter(move |notice| audience.sees_notice(notice))
    }

    /// Notices of these rules; `None` = all rules.
    pub(crate) fn notices_of(&self, rules: Option<&[usize]>) -> impl Iterator<Item = &'a Notice> {
        self.notices().filter(move |notice| rules.is_none_or(|rules| rules.contains(&notice.rule)))
    }

    /// Doubtful values found while judging.
    pub(crate) fn quality_lines(&self) -> impl Iterator<Item = &'a Quality> {
        let audience = self.material.audience;
        self.material
            .judged
            .quality
            .iter()
            .filter(move |line| audience.sees_own(|unit| line.owner == Some(unit), || self.is_restricted(line.ledger, &line.key)))
    }

    /// What intake quarantined or changed.
    pub(crate) fn intake_lines(&self) -> impl Iterator<Item = &'a IntakeIssue> {
        let audience = self.material.audience;
        let ledgers = 0..self.policy().ledgers.len();
        self.material.intake.iter().filter(move |line| {
            let is_own = |unit: usize| line.unit == self.policy().units.units[unit].name;
            audience.sees_own(is_own, || line.restricted || ledgers.clone().any(|ledger| self.is_restricted(ledger, &line.code)))
        })
    }

    pub(crate) fn is_restricted(&self, ledger: usize, code: &str) -> bool {
        is_code_restricted(self.policy(), self.material.records, ledger, code)
    }

    /// Whether a record, or the project it belongs to, is restricted.
    pub(crate) fn is_record_restricted(&self, ledger: usize, record: &Record) -> bool {
        let shape = &self.policy().ledgers[ledger];
        let project = || shape.project_of(record).zip(self.policy().project_ledger());
        is_restricted(shape, record, || project().is_some_and(|(code, projects)| self.is_restricted(projects, &code)))
    }

    /// Marks the row of a restricted record in the office's own workbooks: the words go before the cell `name`, else before the first text.
    pub(crate) fn mark_restricted(&self, row: &mut Row, name: Option<usize>) {
        if !self.material.audience.marks_restricted() {
            return;
        }
        row.mark_restricted(&self.policy().secrecy.row_mark, name);
    }

    /// How many items the audience sees only as a number.
    pub(crate) fn only_counted(&self) -> usize {
        let audience = self.material.audience;
        if audience == Audience::Office {
            return 0;
        }
        self.material.only_counted.unwrap_or_else(|| {
            let counted = self.material.judged.findings.iter().filter(|finding| audience.only_counts(finding));
            counted.map(|finding| finding.item(self.policy())).collect::<BTreeSet<_>>().len()
        })
    }

    /// What the feedback form asks the unit; the office is asked nothing.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let Audience::Unit(unit) = self.material.audience else { return Vec::new() };
        asked(self.policy(), unit, &self.findings)
    }

    pub(crate) fn record(&self, ledger: usize, code: &str) -> Option<Cow<'a, Record>> {
        self.material.records.find(ledger, code)
    }

    /// The name of a file or sheet, or a text beside it, as the audience may read it.
    pub(crate) fn origin(&self, text: &str, instead: &str) -> String {
        self.material.restrictions.shown(self.material.audience, text, instead)
    }

    /// Free text as the audience may read it.
    pub(crate) fn text(&self, text: &str) -> String {
        self.material.audience.text(text)
    }

    /// How many visible findings of a rule there are in a state; `light: None` counts every light.
    pub(crate) fn count_findings(&self, rule: usize, state: State, light: Option<Light>) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.rule == rule && finding.state == state && (light.is_none() || finding.light == light))
            .count()
    }
}
