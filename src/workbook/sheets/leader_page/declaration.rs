//! What a template declares of the leader's page.

use crate::domain::bounds::between;
use crate::domain::judging::indicators::Rate;
use crate::domain::problem::{ProblemsAt, suggest};
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
    decide: Vec<DecideKeys>,
    #[serde(default = "ten", deserialize_with = "between::<1, 10_000, _, _>")]
    most: usize,
    #[serde(default = "five", deserialize_with = "between::<1, 10_000, _, _>")]
    most_decisions: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FiguresKeys {
    title: String,
    rules: Vec<String>,
    lights: Vec<String>,
    rate: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DecideKeys {
    rules: Vec<String>,
    what: String,
}

fn ten() -> usize {
    10
}

fn five() -> usize {
    5
}

/// The most figures that fit side by side.
const FIGURES_MAX: usize = 5;
/// The key of the rate that compares with the registered projects.
const SHARE: &str = "share";
/// The key of the rate of orders that are completed.
const COMPLETED: &str = "completed";

/// What one page of A4 shows a leader.
#[derive(Clone, Debug)]
pub struct LeaderPage {
    /// At most five figures, each with its change since the previous run and a rate.
    pub figures: Vec<Figures>,
    /// What needs a decision at the level of the office.
    pub decide: Vec<Decide>,
    /// The most red projects listed.
    pub most: usize,
    /// The most findings listed for decision.
    pub most_decisions: usize,
}

/// A number: the projects with open findings of these rules with these lights, or these findings where they are on no projects.
#[derive(Clone, Debug)]
pub struct Figures {
    pub title: String,
    pub rules: Vec<usize>,
    pub lights: Vec<Light>,
    pub rate: Option<FiguresRate>,
}

/// The rate below a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FiguresRate {
    /// A rate of all contracts.
    Contracts(Rate),
    /// The share of the number in all registered projects.
    Share,
    /// The orders that are completed.
    Completed,
}

/// Findings that need a decision, and what is to be decided about them.
#[derive(Clone, Debug)]
pub struct Decide {
    pub rules: Vec<usize>,
    pub what: String,
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
            rate: figures.rate.as_ref().and_then(|word| rate(word, at)),
        };
        let figures = keys.figures.into_iter().map(&mut checked).collect();
        let decide = |keys: DecideKeys| Decide { rules: rules_named(&keys.rules, references.policy, at), what: keys.what };
        let decide = keys.decide.into_iter().map(decide).collect();
        Some(LeaderPage { figures, decide, most: keys.most, most_decisions: keys.most_decisions })
    }

    fn build<'a>(&self, builder: &mut SheetBuilder<'a, '_>) -> Vec<Sheet<'a>> {
        vec![builder.leader_page(self)]
    }

    fn ledgers(&self, visible: &VisibleMaterial<'_>) -> BTreeSet<usize> {
        let figures = self.figures.iter().flat_map(|figures| &figures.rules);
        let decide = self.decide.iter().flat_map(|decide| &decide.rules);
        figures.chain(decide).map(|rule| visible.policy().rules[*rule].ledger).collect()
    }

    fn provenance(&self) -> Provenance {
        Provenance::Days
    }
}

fn rate(word: &str, at: &mut ProblemsAt<'_>) -> Option<FiguresRate> {
    let of_contracts = Rate::ALL.into_iter().find(|rate| rate.name() == word).map(FiguresRate::Contracts);
    let found = of_contracts.or(match word {
        SHARE => Some(FiguresRate::Share),
        COMPLETED => Some(FiguresRate::Completed),
        _ => None,
    });
    if found.is_none() {
        let known = Rate::ALL.into_iter().map(Rate::name).chain([SHARE, COMPLETED]);
        at.report(format!("rate \"{word}\" is unknown"), suggest(word, known));
    }
    found
}
