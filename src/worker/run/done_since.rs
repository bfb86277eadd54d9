//! Done since (期后已办): what people have done between the day that a run judges and the day on which it is made ends findings for its mails and
//! drafts; tables and counts keep them, with the mark.

use crate::domain::judging::judge::Judged;
use crate::domain::life::event::Event;
use crate::domain::life::fold::fold;
use crate::domain::register::period::chinese_day;
use crate::domain::rules::context::{Context, OldData};
use crate::domain::rules::policy::Policy;
use crate::store::database::Result;
use crate::store::handle::Store;
use crate::worker::matters::projects_of;
use crate::worker::snapshot_selection::SnapshotSelection;
use chrono::NaiveDate;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// By ledger (index) and code of the records with later events: what was done last, in words, and the rules (index) that still find them.
pub(crate) type DoneSince = BTreeMap<(usize, String), (Arc<str>, HashSet<usize>)>;

/// Judges the records that have events between the day of a run and the day on which it is made a second time, as they are then.
///
/// # Errors
/// The database fails, or a stored row is damaged.
pub(crate) async fn done_since(
    store: &Store,
    policy: &Policy,
    selection: &SnapshotSelection,
    (as_of, made_on): (NaiveDate, NaiveDate),
) -> Result<DoneSince> {
    let mut done = DoneSince::new();
    if made_on <= as_of || selection.events_position == 0 {
        return Ok(done);
    }
    for (index, ledger) in policy.ledgers.iter().enumerate() {
        let Some(life) = policy.life(index) else { continue };
        let mut matters = selection.matter_reader(store, ledger, made_on).with_events().await?;
        let is_later = |event: &&Event| event.on > as_of && event.on <= made_on;
        matters.retain(|_, matter| matter.counting().iter().any(is_later));
        let projects = projects_of(store, policy, selection, ledger, &matters, &[]).await?.linked;
        let (waiting_on, answered, exempt) = (HashMap::new(), HashMap::new(), HashMap::new());
        let (projects, old_data) = (&projects, OldData::none());
        let context = Context { policy, as_of: made_on, projects, waiting_on: &waiting_on, answered: &answered, exempt: &exempt, old_data };
        for (code, matter) in matters {
            let events = matter.counting();
            let Some(last) = events.iter().rev().find(|event| is_later(event)) else { continue };
            let words = format!("期后已办（{}{}）", chinese_day(last.on), life.title(&last.transition));
            let mut judged = Judged::new(policy);
            if let Some(folded) = fold(ledger, Some(life), &code, &matter.imported, &events, made_on) {
                judged.record(&context, index, &folded.record);
            }
            let still = judged.findings.iter().filter(|finding| finding.light.is_some()).map(|finding| finding.rule).collect();
            done.insert((index, code), (words.into(), still));
        }
    }
    Ok(done)
}
