//! What a run pins: its slot as text, and the snapshots it judges.

use crate::domain::register::snapshot::{Candidate, InForce};
use crate::store::handle::Store;
use crate::store::runs::RunInputs;
use crate::worker::run::evaluate::View;
use chrono::{NaiveDate, NaiveDateTime};

/// Stored form of a slot.
pub fn slot_text(at: NaiveDateTime) -> String {
    at.format("%Y-%m-%dT%H:%M:%S").to_string()
}

/// The view a run pinned, with what its snapshots are.
pub(crate) async fn pinned(store: &Store, inputs: &RunInputs, as_of: NaiveDate) -> anyhow::Result<View> {
    let snapshots = store.snapshots().list().await?;
    let in_force = inputs
        .snapshots
        .iter()
        .filter_map(|(ledger, source, seq)| {
            let snapshot =
                snapshots.iter().find(|snapshot| (&snapshot.ledger, &snapshot.source, snapshot.seq) == (ledger, source, *seq))?;
            let candidate = Candidate {
                ledger: ledger.clone(),
                source: source.clone(),
                seq: *seq,
                covers_on: snapshot.covers_on,
                sample: snapshot.sample,
            };
            Some(InForce { early: candidate.covers_on > as_of, snapshot: candidate })
        })
        .collect();
    Ok(View { in_force, sample: inputs.sample })
}
