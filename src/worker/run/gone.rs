//! Codes that have left a register: they are listed until the office confirms it, and never count as resolved.

use crate::clock::stamp;
use crate::domain::register::record::Record;
use crate::domain::register::snapshot::{Candidate, Version, last_seen};
use crate::domain::restriction::Restrictions;
use crate::domain::rules::policy::Policy;
use crate::store::database::Result;
use crate::store::gone::{AbsentVersion, GoneConfirmation};
use crate::store::runs::GonePin;
use crate::store::snapshots::{Snapshot, SnapshotState};
use crate::workbook::material::GoneRecord;
use crate::worker::run::evaluate::Evaluator;
use crate::worker::snapshot_selection::SnapshotSelection;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// A code that an earlier snapshot has and the one now in force has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gone {
    pub(crate) ledger: String,
    pub(crate) source: String,
    /// Its last version in force.
    pub(crate) absent: AbsentVersion,
    /// The last snapshot in force that has it.
    pub(crate) seen_seq: i64,
    /// The first snapshot in force without it.
    pub(crate) gone_seq: i64,
}

/// The numbers of a source's snapshots in force up to `seq`, ordered by the day they cover.
fn history(all: &[Snapshot], ledger: &str, source: &str, seq: i64) -> Vec<i64> {
    let mut in_force: Vec<&Snapshot> =
        all.iter().filter(|known| known.ledger == ledger && known.source == source && known.state == SnapshotState::InForce).collect();
    in_force.sort_by_key(|snapshot| (snapshot.covers_on, snapshot.seq));
    let end = in_force.iter().position(|snapshot| snapshot.seq == seq).map_or(0, |at| at + 1);
    in_force[..end].iter().map(|snapshot| snapshot.seq).collect()
}

/// The gone code, where the versions of a code end before the last snapshot of the history.
fn among(versions: &[AbsentVersion], history: &[i64], ledger: &str, source: &str) -> Option<Gone> {
    let spans: Vec<Version> = versions.iter().map(|absent| absent.version).collect();
    let seen = last_seen(&spans, history)?;
    Some(Gone {
        ledger: ledger.to_owned(),
        source: source.to_owned(),
        absent: versions[seen.version].clone(),
        seen_seq: seen.seen_seq,
        gone_seq: seen.gone_seq,
    })
}

impl Evaluator {
    /// The codes that have left the snapshots now in force and are not confirmed, ordered by ledger, source and code.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn gone(&self, ledger: Option<&str>) -> Result<Vec<Gone>> {
        let selection = self.select_snapshots(&[], self.clock.today()).await?;
        let mut pin = self.gone_pin(&selection).await?;
        pin.history.retain(|(known, ..)| ledger.is_none_or(|ledger| ledger == known));
        self.gone_as_pinned(&pin).await
    }

    /// The inputs that determine the list of codes that have left a selection, as they are now.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn gone_pin(&self, selection: &SnapshotSelection) -> Result<GonePin> {
        let all = self.store.snapshots().list().await?;
        let pin = |now: &Candidate| (now.ledger.clone(), now.source.clone(), history(&all, &now.ledger, &now.source, now.seq));
        Ok(GonePin { at: stamp(self.clock.now()), history: selection.in_force.iter().map(|found| pin(&found.snapshot)).collect() })
    }

    /// The codes that have left the newest of the pinned snapshots and were not confirmed by then.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn gone_as_pinned(&self, pin: &GonePin) -> Result<Vec<Gone>> {
        let confirmed: HashSet<(String, String, String, i64)> = self
            .store
            .gone()
            .confirmed()
            .await?
            .into_iter()
            .filter(|known| known.confirmed_at <= pin.at)
            .map(|known| (known.ledger, known.source, known.code, known.seen_seq))
            .collect();
        let mut out = Vec::new();
        for (ledger, source, history) in &pin.history {
            let Some(seq) = history.last() else { continue };
            let mut versions: Vec<AbsentVersion> = Vec::new();
            let mut list_if_gone = |versions: &mut Vec<AbsentVersion>| {
                if let Some(gone) = among(versions, history, ledger, source)
                    && !confirmed.contains(&(ledger.clone(), source.clone(), gone.absent.code.clone(), gone.seen_seq))
                {
                    out.push(gone);
                }
                versions.clear();
            };
            self.store
                .gone()
                .each_absent(ledger, source, *seq, |absent| {
                    if versions.last().is_some_and(|last| last.code != absent.code) {
                        list_if_gone(&mut versions);
                    }
                    versions.push(absent);
                })
                .await?;
            list_if_gone(&mut versions);
        }
        Ok(out)
    }

    /// The same as records of a workbook, ordered by ledger, unit and code.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn gone_records(&self, policy: &Policy, restrictions: &Restrictions, pin: &GonePin) -> Result<Vec<GoneRecord>> {
        let snapshots = self.store.snapshots().list().await?;
        let mut lines: Vec<(usize, GoneRecord)> = Vec::new();
        let all = self.gone_as_pinned(pin).await?;
        let last_versions = self.last_versions(policy, &all).await?;
        for gone in all {
            let Some(index) = policy.ledger(&gone.ledger) else { continue };
            let ledger = &policy.ledgers[index];
            let last = last_versions.get(&(index, gone.source.clone(), gone.absent.code.clone()));
            let snapshot_of =
                |seq: i64| snapshots.iter().find(|known| known.ledger == gone.ledger && known.source == gone.source && known.seq == seq);
            let from = snapshot_of(gone.absent.version.first_seq);
            let sheet = from.and_then(|snapshot| snapshot.origin.sheets.get(gone.absent.sheet as usize));
            let place = [from.map(|snapshot| snapshot.origin.file.as_str()), sheet.map(String::as_str)];
            let place: Vec<&str> = place.into_iter().flatten().filter(|part| !part.is_empty()).collect();
            let project = last.and_then(|record| ledger.project_of(record)).unwrap_or_default();
            let line = GoneRecord {
                ledger: policy.ledgers[index].title.clone(),
                source: gone.source.clone(),
                seen_on: snapshot_of(gone.seen_seq).map(|snapshot| snapshot.covers_on),
                gone_on: snapshot_of(gone.gone_seq).map(|snapshot| snapshot.covers_on),
                place: format!("{} 第{}行", place.join(" "), gone.absent.row),
                restricted: restrictions.has(&ledger.id, &gone.absent.code)
                    || restrictions.has_project(&project)
                    || restrictions.project_in_text(&gone.absent.name).is_some()
                    || last.is_some_and(|record| restrictions.has_record(ledger, record)),
                project,
                code: gone.absent.code,
                name: gone.absent.name,
                unit: gone.absent.unit,
            };
            lines.push((index, line));
        }
        lines.sort_by(|(left, one), (right, other)| {
            (left, &one.unit, &one.code, &one.source).cmp(&(right, &other.unit, &other.code, &other.source))
        });
        Ok(lines.into_iter().map(|(_, line)| line).collect())
    }

    /// The last versions of gone codes, by ledger index, source and code.
    async fn last_versions(&self, policy: &Policy, gone: &[Gone]) -> Result<HashMap<(usize, String, String), Record>> {
        let mut wanted: BTreeMap<(usize, &str, i64), Vec<String>> = BTreeMap::new();
        for gone in gone {
            if let Some(ledger) = policy.ledger(&gone.ledger) {
                wanted.entry((ledger, &gone.source, gone.seen_seq)).or_default().push(gone.absent.code.clone());
            }
        }
        let mut records = HashMap::new();
        for ((ledger, source, seq), codes) in wanted {
            for stored in self.store.records().by_code(&policy.ledgers[ledger], source, seq, &codes).await? {
                records.insert((ledger, source.to_owned(), stored.record.code.clone()), stored.record);
            }
        }
        Ok(records)
    }

    /// A code, if it has left the snapshot of its source now in force, confirmed or not.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn gone_code(&self, ledger: &str, source: &str, code: &str) -> Result<Option<Gone>> {
        let selection = self.select_snapshots(&[], self.clock.today()).await?;
        self.gone_in(&selection, &self.store.snapshots().list().await?, ledger, source, code).await
    }

    async fn gone_in(
        &self,
        selection: &SnapshotSelection,
        all: &[Snapshot],
        ledger: &str,
        source: &str,
        code: &str,
    ) -> Result<Option<Gone>> {
        let now = selection.in_force.iter().find(|found| found.snapshot.ledger == ledger && found.snapshot.source == source);
        let Some(now) = now else { return Ok(None) };
        let history = history(all, ledger, source, now.snapshot.seq);
        Ok(among(&self.store.gone().versions(ledger, source, code).await?, &history, ledger, source))
    }

    /// Of codes that a selection does not have, those whose leaving the office has confirmed: (ledger, code).
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn confirmed_gone(
        &self,
        selection: &SnapshotSelection,
        codes: &BTreeSet<(String, String)>,
    ) -> Result<HashSet<(String, String)>> {
        let mut out = HashSet::new();
        let all = self.store.snapshots().list().await?;
        for GoneConfirmation { ledger, source, code, seen_seq, .. } in self.store.gone().confirmed().await? {
            let key = (ledger, code);
            if !codes.contains(&key) {
                continue;
            }
            // a confirmation does not apply to a code that came back and left once more
            let gone = self.gone_in(selection, &all, &key.0, &source, &key.1).await?;
            if gone.is_some_and(|gone| gone.seen_seq == seen_seq) {
                out.insert(key);
            }
        }
        Ok(out)
    }
}
