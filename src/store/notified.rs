//! The findings of which each unit was last notified, and those of which it had been notified before.

use crate::domain::judging::finding::Identity;
use crate::domain::notify::delivery::DeliveryState;
use crate::domain::rules::rule::Light;
use crate::store::database::{Database, Result, json, parameters, sql, text};
use crate::store::runs::{Run, RunInputs, Runs};
use chrono::NaiveDate;
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};
use std::collections::{BTreeMap, HashMap};

/// Findings of a notification as JSON stores them: [rule, ledger, key, light].
pub(crate) type NotifiedFindings = Vec<[String; 4]>;

/// A digest that a unit got or may still get.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LastDigest {
    pub made_on: NaiveDate,
    /// When a server took it; empty = none has yet.
    pub accepted_at: String,
}

/// The last notification of each unit.
#[derive(Clone, Copy, Debug)]
pub struct Notified<'a> {
    pub(super) database: &'a Database,
}

impl Notified<'_> {
    /// The findings of which each unit (by name) was last notified.
    ///
    /// # Errors
    /// The database fails.
    pub async fn last(self, sample: bool) -> Result<HashMap<String, BTreeMap<Identity, Option<Light>>>> {
        let rows = sqlx::query("SELECT unit, rule, ledger, key, light FROM notified WHERE sample=$1")
            .bind(i64::from(sample))
            .fetch_all(&self.database.pool)
            .await?;
        let mut out: HashMap<String, BTreeMap<Identity, Option<Light>>> = HashMap::new();
        for row in &rows {
            out.entry(text(row, "unit")?).or_default().insert(identity(row)?, Light::from_code(&text(row, "light")?));
        }
        Ok(out)
    }

    /// By unit (by the name it had) the latest day that a message to it describes.
    ///
    /// # Errors
    /// The database fails.
    pub async fn last_days(self) -> Result<Vec<(String, NaiveDate)>> {
        // the mail of a place may carry the form of a department
        let statement = "SELECT o.unit, MAX(r.as_of) AS as_of FROM outbox o JOIN run r ON r.id=o.run GROUP BY o.unit \
                         UNION ALL SELECT h.unit, MAX(r.as_of) AS as_of FROM notified_history h JOIN run r ON r.id=h.run GROUP BY h.unit";
        let rows = sqlx::query(statement).fetch_all(&self.database.pool).await?;
        let of_row = |row| Ok(text(row, "as_of")?.parse().ok().map(|day| (text(row, "unit"), day)));
        let days: Result<Vec<_>> = rows.iter().map(of_row).collect();
        days?.into_iter().flatten().map(|(unit, day)| Ok((unit?, day))).collect()
    }

    /// The findings of which each unit had been notified before the earliest revision of a slot that notified it; only revisions before
    /// `revision` count.
    ///
    /// # Errors
    /// The database fails or a row is damaged.
    pub async fn before_slot(self, job: &str, slot: &str, revision: i64) -> Result<BTreeMap<String, BTreeMap<Identity, Option<Light>>>> {
        let rows = sqlx::query(
            "SELECT h.unit, h.body FROM notified_history h JOIN run r ON r.id=h.run WHERE r.job=$1 AND r.slot=$2 AND r.revision<$3 ORDER BY r.revision, h.unit",
        )
        .bind(job)
        .bind(slot)
        .bind(revision)
        .fetch_all(&self.database.pool)
        .await?;
        let mut out = BTreeMap::new();
        for row in &rows {
            let unit = text(row, "unit")?;
            let findings = by_identity(json("notified findings", &unit, &text(row, "body")?)?);
            out.entry(unit).or_insert(findings);
        }
        Ok(out)
    }

    /// For each unit (by name) whose last message did not and will not reach it: the findings of which it had been notified before. A
    /// message that is still unsent counts as undelivered if a message of this job and slot will replace it.
    ///
    /// # Errors
    /// The database fails or a row is damaged.
    pub async fn instead_of_undelivered(self, job: &str, slot: &str) -> Result<BTreeMap<String, BTreeMap<Identity, Option<Light>>>> {
        let (joins, states) = undelivered(3);
        let statement = format!("SELECT h.unit, h.body FROM (SELECT DISTINCT unit, run FROM notified) t {joins} ORDER BY h.unit");
        let mut query = sqlx::query(sql(statement)).bind(job).bind(slot);
        for state in states {
            query = query.bind(state.code());
        }
        let rows = query.fetch_all(&self.database.pool).await?;
        let mut out = BTreeMap::new();
        for row in &rows {
            let unit = text(row, "unit")?;
            let findings = by_identity(json("notified findings", &unit, &text(row, "body")?)?);
            out.insert(unit, findings);
        }
        Ok(out)
    }

    /// The units (by name) whose last digest no server has accepted, with its state; the slot given does not count.
    ///
    /// # Errors
    /// The database fails or a row is damaged.
    pub async fn unreached(self, sample: bool, job: &str, slot: &str) -> Result<Vec<(String, DeliveryState)>> {
        let states = DeliveryState::all_that(|state| state.has_failed() || state.is_undelivered());
        let statement = format!(
            "SELECT o.unit, o.state, o.run FROM outbox o WHERE o.act='' AND o.test=0 AND o.state IN ({}) AND o.created_at=(SELECT MAX(x.created_at) \
             FROM outbox x WHERE x.unit=o.unit AND x.act='' AND x.test=0 AND x.state<>$3 \
             AND x.run NOT IN (SELECT id FROM run WHERE job=$1 AND slot=$2)) ORDER BY o.unit, o.id",
            parameters(4, states.len())
        );
        let mut query = sqlx::query(sql(statement)).bind(job).bind(slot).bind(DeliveryState::Superseded.code());
        for state in &states {
            query = query.bind(state.code());
        }
        let (mut is_counted, mut unreached) = (BTreeMap::<String, bool>::new(), Vec::new());
        for row in &query.fetch_all(&self.database.pool).await? {
            let run = text(row, "run")?;
            if !is_counted.contains_key(&run) {
                let known = Runs { database: self.database }.get(&run).await?;
                is_counted.insert(run.clone(), known.is_some_and(|known| known.inputs.sample == sample));
            }
            if let (Some(true), Some(state)) = (is_counted.get(&run), DeliveryState::parse(&text(row, "state")?)) {
                unreached.push((text(row, "unit")?, state));
            }
        }
        Ok(unreached)
    }

    /// The last digest that each unit (by name) got; the slot given does not count.
    ///
    /// # Errors
    /// The database fails or a row is damaged.
    pub async fn last_digests(self, sample: bool, job: &str, slot: &str) -> Result<HashMap<String, LastDigest>> {
        let rows = sqlx::query(
            "SELECT id, slot, inputs FROM run WHERE NOT (job=$1 AND slot=$2) AND EXISTS (SELECT 1 FROM outbox WHERE outbox.run=run.id)",
        )
        .bind(job)
        .bind(slot)
        .fetch_all(&self.database.pool)
        .await?;
        let mut days: HashMap<String, NaiveDate> = HashMap::new();
        for row in &rows {
            let id = text(row, "id")?;
            let inputs: RunInputs = json("run", &id, &text(row, "inputs")?)?;
            let day = inputs.made_on.or(text(row, "slot")?.get(..10).and_then(|day| day.parse().ok()));
            if let Some(day) = day.filter(|_| inputs.sample == sample) {
                days.insert(id, day);
            }
        }
        // a message that never reached the unit, or was made in test mode, is no digest
        let lost = DeliveryState::all_that(DeliveryState::is_lost);
        let (states, accepted) = (parameters(1, lost.len()), lost.len() + 1);
        let statement = format!(
            "SELECT unit, run, MAX(CASE WHEN state=${accepted} THEN ended_at ELSE '' END) AS accepted_at FROM outbox WHERE act='' AND test=0 AND (unknowns>0 OR state NOT IN ({states})) GROUP BY unit, run"
        );
        let mut query = sqlx::query(sql(statement));
        for state in &lost {
            query = query.bind(state.code());
        }
        let rows = query.bind(DeliveryState::Accepted.code()).fetch_all(&self.database.pool).await?;
        let mut out: HashMap<String, LastDigest> = HashMap::new();
        for row in &rows {
            if let Some(made_on) = days.get(&text(row, "run")?) {
                let digest = LastDigest { made_on: *made_on, accepted_at: text(row, "accepted_at")? };
                let last = out.entry(text(row, "unit")?).or_insert_with(|| digest.clone());
                if *last < digest {
                    *last = digest;
                }
            }
        }
        Ok(out)
    }
}

/// Joins to `t` (runs and units) the notified findings from before a message that reached nobody and never will: it was lost without ever
/// being accepted, or it is unsent while a newer one of the same job (`$1`, its slot `$2`) is about to replace it. A unit that another message
/// of the same run may have reached is left out. Returned with the states to bind from `$first` on.
fn undelivered(first: usize) -> (String, impl Iterator<Item = DeliveryState>) {
    let [lost, unsent, may_reach] =
        [DeliveryState::is_lost, DeliveryState::is_unsent, DeliveryState::may_reach].map(DeliveryState::all_that);
    let joins = format!(
        "JOIN notified_history h ON h.run=t.run AND h.unit=t.unit JOIN run r ON r.id=t.run JOIN outbox o ON o.run=t.run AND o.unit=t.unit \
         WHERE o.act='' AND o.unknowns=0 AND o.test=0 AND (o.state IN ({}) OR (o.state IN ({}) AND r.job=$1 AND r.slot<$2)) \
         AND NOT EXISTS (SELECT 1 FROM outbox a WHERE a.run=o.run AND a.unit=o.unit AND a.act='' AND a.id<>o.id \
         AND (a.unknowns>0 OR a.state IN ({})))",
        parameters(first, lost.len()),
        parameters(first + lost.len(), unsent.len()),
        parameters(first + lost.len() + unsent.len(), may_reach.len())
    );
    (joins, lost.into_iter().chain(unsent).chain(may_reach))
}

/// The findings of which a unit had been notified before its last run, if the message of that run never reached it.
pub(crate) async fn last_before_undelivered(
    transaction: &mut Transaction<'static, Any>,
    run: &Run,
    unit: &str,
) -> Result<Option<NotifiedFindings>> {
    let (joins, states) = undelivered(4);
    let statement = format!("SELECT h.body FROM (SELECT DISTINCT unit, run FROM notified WHERE unit=$3) t {joins}");
    let mut query = sqlx::query(sql(statement)).bind(&run.job).bind(&run.slot).bind(unit);
    for state in states {
        query = query.bind(state.code());
    }
    let row = query.fetch_optional(&mut **transaction).await?;
    row.map(|row| json("notified findings", unit, &text(&row, "body")?)).transpose()
}

fn by_identity(findings: NotifiedFindings) -> BTreeMap<Identity, Option<Light>> {
    findings.into_iter().map(|[rule, ledger, key, code]| (Identity { rule, ledger, key }, Light::from_code(&code))).collect()
}

fn identity(row: &AnyRow) -> Result<Identity> {
    Ok(Identity { rule: text(row, "rule")?, ledger: text(row, "ledger")?, key: text(row, "key")? })
}
