//! What a template declares of the leader's page.

use crate::domain::rules::rule::Light;

/// One sheet of A4 for a leader.
#[derive(Clone, Debug)]
pub struct LeaderPage {
    /// At most five, each with its change since the run before.
    pub figures: Vec<Figures>,
    /// Rules (indices) whose findings wait for a decision of the province.
    pub decide: Vec<usize>,
    /// Red projects listed.
    pub most: usize,
}

/// A number: open findings of these rules in these lights.
#[derive(Clone, Debug)]
pub struct Figures {
    pub title: String,
    pub rules: Vec<usize>,
    pub lights: Vec<Light>,
}
