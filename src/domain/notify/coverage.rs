//! The coverage proof: for each relation, findings addressed = in digests + covered + exempt + done since + held + nothing new +
//! unrouted + other levels.
//!
//! The two sides are counted from different data, so that the proof can fail: `addressed` from the findings, `in_digests` from the
//! finished digests, the rest from the dispositions.

use crate::domain::judging::finding::State;
use crate::domain::judging::judge::Judged;
use crate::domain::notify::digest::Digest;
use crate::domain::notify::disposition::Disposition;
use crate::domain::notify::inputs::FindingRelation;
use crate::domain::register::levels::Levels;
use crate::domain::rules::rule::Relation;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// One equation: `addressed` and the parts it must be the sum of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageLine {
    pub addressed: u64,
    pub in_digests: u64,
    /// In the mail that another job makes for the same day.
    #[serde(default)]
    pub covered: u64,
    pub exempt: u64,
    /// Ended between the day that is judged and the day of the mail.
    #[serde(default)]
    pub done_since: u64,
    /// Restricted, or not notified before the start.
    pub held: u64,
    pub nothing_new: u64,
    pub unrouted: u64,
    pub other_level: u64,
}

impl CoverageLine {
    pub fn adds_up(&self) -> bool {
        let parts =
            [self.in_digests, self.covered, self.exempt, self.done_since, self.held, self.nothing_new, self.unrouted, self.other_level];
        self.addressed == parts.iter().sum::<u64>()
    }

    fn count(&mut self, disposition: Disposition) {
        match disposition {
            Disposition::Exempt => self.exempt += 1,
            Disposition::DoneSince => self.done_since += 1,
            Disposition::Restricted | Disposition::BeforeStart => self.held += 1,
            Disposition::NothingNew => self.nothing_new += 1,
            Disposition::Unrouted => self.unrouted += 1,
            Disposition::OtherLevel => self.other_level += 1,
            Disposition::Covered => self.covered += 1,
            // the digests count these
            Disposition::Addressed => {}
        }
    }
}

/// The proof of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// By relation, in the order of [`Relation::ALL`].
    pub relations: [CoverageLine; 5],
    /// The second equation: findings that could not be judged; their owners are notified of the cells to fill in.
    pub unjudged: CoverageLine,
}

impl Coverage {
    pub(crate) fn of(judged: &Judged, digests: &[Digest], dispositions: &[(FindingRelation, Disposition)]) -> Coverage {
        let mut coverage = Coverage::default();
        for finding in &judged.findings {
            for relation in finding.relations().iter() {
                coverage.line(finding.state, *relation).addressed += 1;
            }
        }
        for pair in digests.iter().flat_map(Digest::all_covered) {
            coverage.line(judged.findings[pair.finding].state, pair.relation).in_digests += 1;
        }
        for (pair, disposition) in dispositions {
            coverage.line(judged.findings[pair.finding].state, pair.relation).count(*disposition);
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
    pub fn adds_up(&self) -> bool {
        self.unjudged.adds_up() && self.relations.iter().all(CoverageLine::adds_up)
    }

    /// The proof as `duban run` prints it.
    pub fn in_words(&self, levels: &Levels) -> String {
        let mut out =
            "覆盖核对：应告知 = 已列入提醒 + 由另一任务的提醒列入 + 豁免 + 期后已办 + 不便列示 + 无新情况 + 无处可送 + 不在本次范围\n"
                .to_owned();
        let named = Relation::ALL.iter().map(|relation| (relation.title(levels), &self.relations[*relation as usize]));
        for (title, line) in named.chain([("无法判定", &self.unjudged)]) {
            let CoverageLine { addressed, in_digests, covered, exempt, done_since, held, nothing_new, unrouted, other_level } = line;
            let verdict = if line.adds_up() { "相符" } else { "不符" };
            let _ = writeln!(
                out,
                "  {title}：{addressed} = {in_digests} + {covered} + {exempt} + {done_since} + {held} + {nothing_new} + {unrouted} + {other_level}  {verdict}"
            );
        }
        out
    }
}
