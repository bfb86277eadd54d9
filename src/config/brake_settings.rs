//! `[brake]` of `config/duban.toml`: how much a new register may differ from the one in force before a person has to look at it.

use crate::domain::bounds::{between, some_between};
use crate::domain::problem::{Problems, suggest};
use crate::domain::register::snapshot::Bounds;
use crate::domain::rules::policy::Policy;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Limits of what an import may change against the last snapshot in force, in percent; beyond them the new snapshot is held.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Brake {
    #[serde(deserialize_with = "between::<0, 100, _, _>")]
    pub rows_fewer_pct: u32,
    #[serde(deserialize_with = "between::<0, 1_000_000, _, _>")]
    pub amount_change_pct: u32,
    #[serde(deserialize_with = "between::<0, 1_000_000, _, _>")]
    pub codes_changed_pct: u32,
    /// How many times larger or smaller one amount may become.
    #[serde(deserialize_with = "between::<2, 1_000_000_000, _, _>")]
    pub amount_times: u32,
    /// By id of a ledger, where it has limits of its own.
    pub ledgers: BTreeMap<String, LedgerBrake>,
}

/// The limits of one ledger; one that is left out is that of all.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LedgerBrake {
    #[serde(deserialize_with = "some_between::<0, 100, _, _>")]
    rows_fewer_pct: Option<u32>,
    #[serde(deserialize_with = "some_between::<0, 1_000_000, _, _>")]
    amount_change_pct: Option<u32>,
    #[serde(deserialize_with = "some_between::<0, 1_000_000, _, _>")]
    codes_changed_pct: Option<u32>,
    #[serde(deserialize_with = "some_between::<2, 1_000_000_000, _, _>")]
    amount_times: Option<u32>,
}

impl Default for Brake {
    fn default() -> Brake {
        Brake { rows_fewer_pct: 20, amount_change_pct: 30, codes_changed_pct: 10, amount_times: 1000, ledgers: BTreeMap::new() }
    }
}

impl Brake {
    /// The limits of a ledger.
    pub(crate) fn of(&self, ledger: &str) -> Bounds {
        let own = self.ledgers.get(ledger).copied().unwrap_or_default();
        Bounds {
            rows_fewer_pct: own.rows_fewer_pct.unwrap_or(self.rows_fewer_pct),
            amount_change_pct: own.amount_change_pct.unwrap_or(self.amount_change_pct),
            codes_changed_pct: own.codes_changed_pct.unwrap_or(self.codes_changed_pct),
            amount_times: own.amount_times.unwrap_or(self.amount_times),
        }
    }
}

/// Reports limits of ledgers that do not exist.
pub(crate) fn check_brake(brake: &Brake, policy: &Policy, file: &str, problems: &mut Problems) {
    for id in brake.ledgers.keys().filter(|id| policy.ledger(id).is_none()) {
        let hint = suggest(id, policy.ledgers.iter().map(|ledger| ledger.id.as_str()));
        problems.push(file, format!("brake.ledgers: there is no ledger \"{id}\""), hint);
    }
}
