//! What a template declares of the leader's page.

use crate::domain::bounds::between;
use crate::domain::problem::ProblemsAt;
use crate::domain::rules::rule::Light;
use crate::workbook::model::Sheet;
use crate::workbook::provenance::Provenance;
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::sheets::kind::Kind;
use crate::workbook::sheets::references::{References, rules_named};
use crate::workbook::visible::VisibleMaterial;
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeaderPageKeys {
    #[serde(default)]
    figures: Vec<FiguresKeys>,
    #[serde(default)]
    decide: Vec<String>,
    #[serde(default = "ten", deserialize_with = "between::<1, 10_000, _, _>")]
    most: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FiguresKeys {
    title: String,
    rules: Vec<String>,
    lights: Vec<String>,
}

fn ten() -> usize {
    10
}

/// The most figures that fit side by side.
const FIGURES_MAX: usize = 5;

/// What one page of A4 shows a leader.
#[derive(Clone, Debug)]
pub struct LeaderPage {
    /// At most five figures, each with its change since the previous run.
    pub figures: Vec<Figures>,
    /// Rules (indices) whose findings need a decision at the level of the office.
    pub decide: Vec<usize>,
    /// The most red projects listed; half as many findings are listed for decision.
    pub most: usize,
}

/// A number: the open findings of these rules with these lights.
#[derive(Clone, Debug)]
pub struct Figures {
    pub title: String,
    pub rules: Vec<usize>,
    pub lights: Vec<Light>,
}

impl Kind for LeaderPage {
    type Keys = LeaderPageKeys;

    fn check(keys: LeaderPageKeys, references: &References<'_>, at: &mut ProblemsAt<'_>) -> Option<LeaderPage> {
        if keys.figures.is_empty() || keys.figures.len() > FIGURES_MAX {
            at.report(format!("`figures` takes one to {FIGURES_MAX} numbers"), None);
            return None;
        }
        let mut checked = |figures: FiguresKeys| Figures {
            title: figures.title,
            rules: rules_named(&figures.rules, references.policy, at),
            lights: at.all_coded(&Light::ALL, Light::code, &figures.lights, "light"),
        };
        let figures = keys.figures.into_iter().map(&mut checked).collect();
        let decide = rules_named(&keys.decide, references.policy, at);
        Some(LeaderPage { figures, decide, most: keys.most })
    }

    fn build<'a>(&self, builder: &mut SheetBuilder<'a, '_>) -> Vec<Sheet<'a>> {
        vec![builder.leader_page(self)]
    }

    fn ledgers(&self, visible: &VisibleMaterial<'_>) -> BTreeSet<usize> {
        let figures = self.figures.iter().flat_map(|figures| &figures.rules);
        figures.chain(&self.decide).map(|rule| visible.policy().rules[*rule].ledger).collect()
    }

    fn provenance(&self) -> Provenance {
        Provenance::Days
    }
}
