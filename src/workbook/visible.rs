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

/// What of a project stands beside a record that belongs to it.
pub(crate) enum Shown<'r> {
    Whole(&'r Record),
    /// There is one, and it is not this viewer's to see.
    Withheld,
    Nothing,
}

/// What the viewer may see of the material.
pub(crate) struct VisibleMaterial<'a> {
    pub(crate) material: &'a Material<'a>,
    pub(crate) findings: Vec<&'a Finding>,
    /// Codes of the projects in which something was found that the viewer is told of.
    pub(crate) addressed_projects: Arc<HashSet<&'a str>>,
}

impl<'a> VisibleMaterial<'a> {
    pub(crate) fn new(material: &'a Material<'a>) -> VisibleMaterial<'a> {
        let all = &material.judged.findings;
        let below = matches!(material.audience, Audience::Unit(_));
        let findings: Vec<&'a Finding> = match (material.audience, material.only_findings) {
            (_, Some(rows)) => rows.iter().filter_map(|index| all.get(*index)).filter(|finding| !below || !finding.restricted).collect(),
            (Audience::Office, None) => all.iter().collect(),
            (Audience::Unit(unit), None) => {
                let told = |finding: &Finding| finding.tells(unit) || finding.state == State::Unjudged && finding.owner == Some(unit);
                let seen = |finding: &&Finding| !finding.restricted && told(finding);
                all.iter().filter(seen).collect()
            }
        };
        let of_projects = |finding: &&&'a Finding| Some(material.policy.rules[finding.rule].ledger) == material.policy.project_ledger();
        let told = match material.audience {
            Audience::Office => HashSet::new(),
            Audience::Unit(unit) => {
                findings.iter().filter(of_projects).filter(|finding| finding.tells(unit)).map(|finding| &*finding.key).collect()
            }
        };
        VisibleMaterial { material, findings, addressed_projects: Arc::new(told) }
    }

    pub(crate) fn policy(&self) -> &'a Policy {
        self.material.policy
    }

    /// Replaces the words a template may use.
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

    /// Whether nothing could be judged by a rule: its ledger has never come in, or no row has the columns it needs.
    pub(crate) fn is_blind(&self, rule: usize) -> bool {
        let policy = self.policy();
        let title = &policy.ledgers[policy.rules[rule].ledger].title;
        let tally = &self.material.judged.tallies[rule];
        let none = tally.found + tally.fine + tally.met + tally.not_yet + tally.unjudged + tally.exempt == 0;
        !self.material.sources.iter().any(|line| line.ledger == *title) || none && tally.off > 0
    }

    /// A project as others may see it through a record that belongs to it: one still under negotiation is nobody's but its own unit's and
    /// the office's.
    pub(crate) fn shown_project<'r>(&self, ledger: usize, project: Option<&'r Record>) -> Shown<'r> {
        let policy = self.policy();
        match (project, self.material.audience) {
            (Some(record), Audience::Unit(unit)) if policy.is_negotiating(record) => {
                let owner = owner_of(policy, &policy.ledgers[ledger], record, &HashMap::new()).unit;
                // whom its rule tells of the project knows it
                let told = || self.addressed_projects.contains(record.code.as_str());
                if owner == Some(unit) || told() { Shown::Whole(record) } else { Shown::Withheld }
            }
            (Some(record), _) => Shown::Whole(record),
            (None, _) => Shown::Nothing,
        }
    }

    /// A cell of the project a record belongs to.
    pub(crate) fn project_cell(&self, shown: &Shown<'_>, ledger: usize, field: usize) -> Value {
        match shown {
            Shown::Whole(record) => self.cell(ledger, field, record),
            Shown::Withheld if self.policy().ledgers[ledger].role(Role::Name) == Some(field) => Value::text("（洽谈项目，名称略）"),
            Shown::Withheld | Shown::Nothing => Value::Blank,
        }
    }

    pub(crate) fn notices(&self) -> impl Iterator<Item = &'a Notice> {
        let audience = self.material.audience;
        self.material.judged.notices.iter().filter(move |notice| match audience {
            Audience::Office => true,
            Audience::Unit(unit) => notice.owner == Some(unit) && !notice.restricted,
        })
    }

    /// The notices of these rules; `None` = all.
    pub(crate) fn notices_of(&self, rules: Option<&[usize]>) -> impl Iterator<Item = &'a Notice> {
        self.notices().filter(move |notice| rules.is_none_or(|rules| rules.contains(&notice.rule)))
    }

    pub(crate) fn quality_lines(&self) -> impl Iterator<Item = &'a Quality> {
        let audience = self.material.audience;
        self.material.judged.quality.iter().filter(move |line| match audience {
            Audience::Office => true,
            Audience::Unit(unit) => line.owner == Some(unit) && !self.is_restricted(line.ledger, &line.key),
        })
    }

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

    /// Whether a record, or the project it belongs to, is only counted outside the office.
    fn is_restricted(&self, ledger: usize, code: &str) -> bool {
        let Some(record) = self.record(ledger, code) else { return false };
        let shape = &self.policy().ledgers[ledger];
        let projects = self.policy().project_ledger();
        let project = || self.record(projects?, &project_of(shape, &record)?);
        is_restricted(shape, &record)
            || projects.zip(project()).is_some_and(|(ledger, project)| is_restricted(&self.policy().ledgers[ledger], &project))
    }

    /// How many items the viewer is only told the number of.
    pub(crate) fn withheld(&self) -> usize {
        let Audience::Unit(unit) = self.material.audience else { return 0 };
        self.material.only_counted.unwrap_or_else(|| {
            let told = |finding: &&Finding| finding.restricted && finding.tells(unit);
            self.material.judged.findings.iter().filter(told).map(Finding::item).collect::<BTreeSet<_>>().len()
        })
    }

    /// What the viewer is to fill in; the office fills in nothing.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let Audience::Unit(unit) = self.material.audience else { return Vec::new() };
        asked(self.policy(), unit, &self.findings)
    }

    pub(crate) fn record(&self, ledger: usize, code: &str) -> Option<Cow<'a, Record>> {
        self.material.records.find(ledger, code)
    }

    /// Free text as this viewer may read it: outside the office no mobile number stands in full.
    pub(crate) fn text(&self, text: &str) -> String {
        match self.material.audience {
            Audience::Office => text.to_owned(),
            Audience::Unit(_) => masked(text),
        }
    }

    pub(crate) fn count(&self, rule: usize, state: State, light: Option<Light>) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.rule == rule && finding.state == state && (light.is_none() || finding.light == light))
            .count()
    }
}
