//! What a template declares of the leader's page.

use crate::domain::rules::rule::Light;

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
