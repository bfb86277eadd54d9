//! The part of the material that the audience of a workbook may see.

use crate::domain::audience::is_restricted;
use crate::domain::audience::masked;
use crate::domain::judging::finding::{Finding, Notice, State};
use crate::domain::judging::quality::Quality;
use crate::domain::notify::feedback::{Asked, asked};
use crate::domain::register::ledger::Role;
use crate::domain::register::period::chinese_date;
use crate::domain::register::record::Record;
use crate::domain::rules::owner::owner_of;
use crate::domain::rules::owner::project_of;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Light;
use crate::workbook::material::{Audience, IntakeIssue, Material};
use crate::workbook::model::Value;
use crate::workbook::template::Template;
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
        let is_unit = matches!(material.audience, Audience::Unit(_));
        let findings: Vec<&'a Finding> = match (material.audience, material.only_findings) {
            (_, Some(indices)) => {
                indices.iter().filter_map(|index| all.get(*index)).filter(|finding| !is_unit || !finding.restricted).collect()
            }
            (Audience::Office, None) => all.iter().collect(),
            (Audience::Unit(unit), None) => {
                let is_own_unjudged = |finding: &Finding| finding.state == State::Unjudged && finding.owner == Some(unit);
                all.iter().filter(|finding| !finding.restricted && (finding.is_addressed_to(unit) || is_own_unjudged(finding))).collect()
            }
        };
        let projects = material.policy.project_ledger();
        let addressed_projects = match material.audience {
            Audience::Office => HashSet::new(),
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

    /// Replaces the placeholders that texts of a template may contain.
    pub(crate) fn fill_in(&self, text: &str, template: &Template) -> String {
        let unit = match self.material.audience {
            Audience::Office => self.material.office,
            Audience::Unit(unit) => self.policy().units.units[unit].name.as_str(),
        };
        text.replace("{as_of}", &chinese_date(self.material.as_of))
            .replace("{unit}", unit)
            .replace("{contact}", self.material.contact)
            .replace("{data_as_of}", &self.data_days())
            .replace("{made_on}", &chinese_date(self.material.made_on))
            .replace("{reply_by}", &chinese_date(self.material.reply_by))
            .replace("{office}", self.material.office)
            .replace("{title}", &template.title)
    }

    /// Whether a rule judged no row at all: its ledger was never imported, or no row has the columns that the rule needs.
    pub(crate) fn judged_nothing(&self, rule: usize) -> bool {
        let policy = self.policy();
        let title = &policy.ledgers[policy.rules[rule].ledger].title;
        let tally = &self.material.judged.tallies[rule];
        let judged_rows = tally.found + tally.fine + tally.met + tally.not_yet + tally.unjudged + tally.exempt;
        !self.material.sources.iter().any(|source| source.ledger == *title) || judged_rows == 0 && tally.off > 0
    }

    /// The project that a record belongs to. A project under negotiation is visible to the office, to its own unit, and to units that one
    /// of its findings is addressed to.
    pub(crate) fn linked_project<'r>(&self, ledger: usize, project: Option<&'r Record>) -> LinkedProject<'r> {
        let policy = self.policy();
        match (project, self.material.audience) {
            (Some(record), Audience::Unit(unit)) if policy.is_negotiating(record) => {
                let owner = owner_of(policy, &policy.ledgers[ledger], record, &HashMap::new()).unit;
                let is_visible = owner == Some(unit) || self.addressed_projects.contains(record.code.as_str());
                if is_visible { LinkedProject::Visible(record) } else { LinkedProject::Hidden }
            }
            (Some(record), _) => LinkedProject::Visible(record),
            (None, _) => LinkedProject::None,
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

    /// Due dates that are near. A unit sees its own.
    pub(crate) fn notices(&self) -> impl Iterator<Item = &'a Notice> {
        let audience = self.material.audience;
        self.material.judged.notices.iter().filter(move |notice| match audience {
            Audience::Office => true,
            Audience::Unit(unit) => notice.owner == Some(unit) && !notice.restricted,
        })
    }

    /// Notices of these rules; `None` = all rules.
    pub(crate) fn notices_of(&self, rules: Option<&[usize]>) -> impl Iterator<Item = &'a Notice> {
        self.notices().filter(move |notice| rules.is_none_or(|rules| rules.contains(&notice.rule)))
    }

    /// Doubtful values found while judging. A unit sees those of its own records.
    pub(crate) fn quality_lines(&self) -> impl Iterator<Item = &'a Quality> {
        let audience = self.material.audience;
        self.material.judged.quality.iter().filter(move |line| match audience {
            Audience::Office => true,
            Audience::Unit(unit) => line.owner == Some(unit) && !self.is_restricted(line.ledger, &line.key),
        })
    }

    /// What intake quarantined or changed. A unit sees its own rows.
    pub(crate) fn intake_lines(&self) -> impl Iterator<Item = &'a IntakeIssue> {
        let own = match self.material.audience {
            Audience::Office => None,
            Audience::Unit(unit) => Some(self.policy().units.units[unit].name.as_str()),
        };
        self.material.intake.iter().filter(move |line| {
            let ledgers = 0..self.policy().ledgers.len();
            own.is_none_or(|own| {
                line.unit == own && !line.restricted && !ledgers.clone().any(|ledger| self.is_restricted(ledger, &line.code))
            })
        })
    }

    /// Whether a record, or the project it belongs to, is restricted: outside the office it is only counted.
    fn is_restricted(&self, ledger: usize, code: &str) -> bool {
        let Some(record) = self.record(ledger, code) else { return false };
        let shape = &self.policy().ledgers[ledger];
        let projects = self.policy().project_ledger();
        let project = || self.record(projects?, &project_of(shape, &record)?);
        is_restricted(shape, &record)
            || projects.zip(project()).is_some_and(|(ledger, project)| is_restricted(&self.policy().ledgers[ledger], &project))
    }

    /// How many items the audience sees only as a number.
    pub(crate) fn only_counted(&self) -> usize {
        let Audience::Unit(unit) = self.material.audience else { return 0 };
        self.material.only_counted.unwrap_or_else(|| {
            let is_restricted = |finding: &&Finding| finding.restricted && finding.is_addressed_to(unit);
            self.material.judged.findings.iter().filter(is_restricted).map(Finding::item).collect::<BTreeSet<_>>().len()
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

    /// Free text as the audience may read it: outside the office telephone numbers are masked.
    pub(crate) fn text(&self, text: &str) -> String {
        match self.material.audience {
            Audience::Office => text.to_owned(),
            Audience::Unit(_) => masked(text),
        }
    }

    /// How many visible findings of a rule there are in a state; `light: None` counts every light.
    pub(crate) fn count_findings(&self, rule: usize, state: State, light: Option<Light>) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.rule == rule && finding.state == state && (light.is_none() || finding.light == light))
            .count()
    }
}
