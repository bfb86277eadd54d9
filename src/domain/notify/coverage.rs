//! The coverage proof: findings told = in digests + exempt + held + nothing new + unrouted + outside, for each relation.
//!
//! The two sides are counted from different things, so that the proof can fail: `told` from the findings, `in_digests` from what the
//! digests hold, the rest where the decision was taken.

use crate::domain::judging::finding::State;
use crate::domain::judging::judge::Judged;
use crate::domain::notify::digest::Digest;
use crate::domain::rules::rule::Relation;
use std::fmt;

/// Why a (finding, relation) is in no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Exempt,
    /// Not told to this relation before the start (建账期).
    Held,
    NothingNew,
    Unrouted,
    /// The unit's level is not among the job's.
    Outside,
}

/// One equation: `told` and the parts it must be the sum of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoverageLine {
    pub told: u64,
    pub in_digests: u64,
    pub exempt: u64,
    pub held: u64,
    pub nothing_new: u64,
    pub unrouted: u64,
    pub outside: u64,
}

impl CoverageLine {
    pub fn holds(&self) -> bool {
        self.told == self.in_digests + self.exempt + self.held + self.nothing_new + self.unrouted + self.outside
    }

    fn count(&mut self, fate: Fate) {
        *match fate {
            Fate::Exempt => &mut self.exempt,
            Fate::Held => &mut self.held,
            Fate::NothingNew => &mut self.nothing_new,
            Fate::Unrouted => &mut self.unrouted,
            Fate::Outside => &mut self.outside,
        } += 1;
    }
}

/// The proof of one run. As text it is what `duban run` prints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// By relation, in the order of [`Relation::ALL`].
    pub relations: [CoverageLine; 5],
    /// The second equation: findings that could not be judged, told to the owner as cells to fill.
    pub unjudged: CoverageLine,
}

impl Coverage {
    pub(crate) fn of(judged: &Judged, digests: &[Digest], fates: &[(usize, Relation, Fate)]) -> Coverage {
        let mut coverage = Coverage::default();
        for finding in &judged.findings {
            for relation in finding.told().iter() {
                coverage.line(finding.state, *relation).told += 1;
            }
        }
        for (index, relation) in digests.iter().flat_map(|digest| &digest.holds) {
            coverage.line(judged.findings[*index].state, *relation).in_digests += 1;
        }
        for (index, relation, fate) in fates {
            coverage.line(judged.findings[*index].state, *relation).count(*fate);
        }
        coverage
    }

    fn line(&mut self, state: State, relation: Relation) -> &mut CoverageLine {
        match state {
            State::Unjudged => &mut self.unjudged,
            State::Open | State::Exempt => &mut self.relations[relation as usize],
        }
    }

    /// Whether every equation adds up.
    pub fn holds(&self) -> bool {
        self.unjudged.holds() && self.relations.iter().all(CoverageLine::holds)
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "覆盖核对：应告知 = 已列入提醒 + 豁免 + 暂缓 + 无新情况 + 无处可送 + 不在本次范围")?;
        let named = Relation::ALL.iter().map(|relation| (relation.title(), &self.relations[*relation as usize]));
        for (title, line) in named.chain([("无法判定", &self.unjudged)]) {
            let CoverageLine { told, in_digests, exempt, held, nothing_new, unrouted, outside } = line;
            let verdict = if line.holds() { "相符" } else { "不符" };
            writeln!(f, "  {title}：{told} = {in_digests} + {exempt} + {held} + {nothing_new} + {unrouted} + {outside}  {verdict}")?;
        }
        Ok(())
    }
}
