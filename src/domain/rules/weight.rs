//! How much a finding weighs (轻重): the order in which papers, mails and lists name what is to be done. The numbers are in `[weight]` of
//! `config/rules.toml`. The light is a fact and stays as it is; the weight only orders.

use crate::domain::rules::rule::Light;

/// A phase in the life of a project that rules are about, such as 未开工.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    pub title: String,
    pub points: u32,
    /// Projects on which nothing but findings of such phases was found share one line of a mail.
    pub shares_line: bool,
}

/// Points for a measure from a bound on; the highest bound that is reached counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// In 分, or in days.
    pub from: i64,
    pub points: u32,
}

/// The points of everything that makes a finding weigh more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weights {
    /// By light, yellow first.
    pub lights: [u32; 3],
    pub phases: Vec<Phase>,
    /// Of the project's amount, ascending.
    pub amounts: Vec<Bound>,
    /// Of days overdue, ascending.
    pub days: Vec<Bound>,
    /// For each closed quarter in a row that ended red.
    pub quarter: u32,
    /// The most points for such quarters.
    pub quarters_max: u32,
}

/// What decides how much a finding weighs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Burden {
    pub light: Option<Light>,
    /// Index of the phase its rule is about.
    pub phase: Option<usize>,
    /// Of its project, in 分.
    pub amount: Option<i64>,
    /// Days overdue.
    pub days: Option<i64>,
    /// Closed quarters in a row that ended red.
    pub quarters: u32,
}

/// The weight of a finding. Equal points are ordered by amount, then by days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight {
    pub points: u32,
    amount: i64,
    days: i64,
}

impl Weights {
    pub fn of(&self, burden: Burden) -> Weight {
        let light = burden.light.map_or(0, |light| self.lights[light as usize]);
        let phase = burden.phase.and_then(|phase| self.phases.get(phase)).map_or(0, |phase| phase.points);
        let quarters = self.quarter.saturating_mul(burden.quarters).min(self.quarters_max);
        let parts = [light, phase, reached(&self.amounts, burden.amount), reached(&self.days, burden.days), quarters];
        Weight {
            points: parts.into_iter().fold(0, u32::saturating_add),
            amount: burden.amount.unwrap_or(0),
            days: burden.days.unwrap_or(0),
        }
    }
}

/// The points of the highest bound that a measure has reached.
fn reached(bounds: &[Bound], measure: Option<i64>) -> u32 {
    measure.and_then(|measure| bounds.iter().rev().find(|bound| measure >= bound.from)).map_or(0, |bound| bound.points)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights() -> Weights {
        let phase = |title: &str, points| Phase { title: title.into(), points, shares_line: false };
        let bound = |from, points| Bound { from, points };
        Weights {
            lights: [100, 200, 300],
            phases: vec![phase("未开工", 50), phase("服务", 0)],
            amounts: vec![bound(10, 5), bound(100, 9)],
            days: vec![bound(30, 2)],
            quarter: 3,
            quarters_max: 7,
        }
    }

    #[test]
    fn every_part_adds_its_points() {
        let of = |burden: Burden| weights().of(burden).points;
        let red = Burden { light: Some(Light::Red), ..Burden::default() };
        assert_eq!(of(Burden::default()), 0);
        assert_eq!(of(red), 300);
        assert_eq!(of(Burden { phase: Some(0), ..red }), 350);
        assert_eq!(of(Burden { amount: Some(9), ..red }), 300);
        assert_eq!(of(Burden { amount: Some(10), ..red }), 305);
        assert_eq!(of(Burden { amount: Some(1000), ..red }), 309);
        assert_eq!(of(Burden { days: Some(30), ..red }), 302);
        assert_eq!(of(Burden { quarters: 2, ..red }), 306);
        assert_eq!(of(Burden { quarters: 9, ..red }), 307);
        assert_eq!(of(Burden { quarters: u32::MAX, ..red }), 307);
    }

    #[test]
    fn equal_points_are_ordered_by_amount_and_days() {
        let of = |amount, days| weights().of(Burden { amount: Some(amount), days: Some(days), ..Burden::default() });
        assert!(of(12, 1) > of(11, 9));
        assert!(of(11, 9) > of(11, 8));
        assert_eq!(of(11, 8), of(11, 8));
    }
}
