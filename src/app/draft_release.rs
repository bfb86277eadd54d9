//! Releasing drafts (签发): what is released is looked at once more. What it lists is still open, and it is of one run.

use crate::app::compose::App;
use crate::app::findings;
use crate::app::findings::FindingsFilter;
use crate::app::outbox::{decide, ensure_as_made};
use crate::app::person::Person;
use crate::clock::stamp;
use crate::domain::judging::finding::{Identity, State};
use crate::domain::notify::delivery::DeliveryState;
use crate::domain::rules::rule::RuleKind;
use crate::store::audit::AuditEntry;
use crate::store::draft_decisions::DraftDecisions;
use crate::store::outbox::OutboxRow;
use anyhow::ensure;
use std::collections::{BTreeMap, HashSet};

/// What became of drafts that a person wanted to release.
#[derive(Debug, Default)]
pub(crate) struct Released {
    pub(crate) decisions: DraftDecisions,
    /// Drafts that list what is not open any more, each with the reason.
    pub(crate) fallen: Vec<(String, String)>,
    /// The day that the run of the drafts has judged.
    pub(crate) as_of: Option<String>,
}

/// How many findings a refusal names.
const NAMED: usize = 3;

/// Releases drafts after a look at each.
///
/// # Errors
/// The drafts are of several runs, one is not as it was made, its run was cleaned up, or the database fails.
pub(crate) async fn release(app: &App, ids: &[String], by: Person<'_>) -> anyhow::Result<Released> {
    let now = stamp(app.clock().now());
    let entry = AuditEntry { at: &now, who: by.who, why: by.why };
    let mut drafts = Vec::new();
    for id in ids {
        drafts.extend(app.store().outbox().get(id).await?.filter(|row| row.state == DeliveryState::Draft));
    }
    let runs: HashSet<&str> = drafts.iter().map(|draft| draft.run.as_str()).collect();
    ensure!(
        runs.len() <= 1,
        "这些拟办件分属{}次执行，一次只能签发同一次执行的：duban outbox list --state draft --run 执行，再按编号签发",
        runs.len()
    );
    let run = match drafts.first() {
        Some(draft) => app.store().runs().get(&draft.run).await?,
        None => None,
    };
    let named: Vec<String> = drafts.iter().map(|draft| draft.id.clone()).collect();
    ensure_as_made(app.deliverer(), &named, entry).await?;
    let mut released = Released { as_of: run.as_ref().map(|run| run.as_of.clone()), ..Released::default() };
    // a run on the shipped sample shows how it goes; the office's own register holds nothing of it
    let is_looked_at = run.is_some_and(|run| !run.inputs.sample);
    let open = if is_looked_at { Some(open_now(app).await?) } else { None };
    for (draft, open) in drafts.iter().filter_map(|draft| Some((draft, open.as_ref()?))) {
        let gone = fallen(app, draft, open).await?;
        if !gone.is_empty() {
            app.store().audit().record(&now, by.who, "refused: draft lists what is not open", &draft.id, by.why).await?;
            released.fallen.push((draft.id.clone(), gone));
        }
    }
    let is_fallen = |id: &String| released.fallen.iter().any(|(fallen, _)| fallen == id);
    let ids: Vec<String> = ids.iter().filter(|id| !is_fallen(id)).cloned().collect();
    released.decisions = decide(app.deliverer(), &ids, DeliveryState::Pending, by).await?;
    Ok(released)
}

/// What is found today and not exempt, and the rules whose findings are of a closed period.
struct OpenNow {
    open: HashSet<Identity>,
    of_periods: HashSet<String>,
    titles: BTreeMap<String, String>,
}

async fn open_now(app: &App) -> anyhow::Result<OpenNow> {
    let found = findings::find(app.evaluator(), app.clock().today(), &FindingsFilter::default()).await?;
    let policy = &found.policy;
    let identity = |finding: &crate::domain::judging::finding::Finding| {
        let rule = &policy.rules[finding.rule];
        Identity { rule: rule.id.clone(), ledger: policy.ledgers[rule.ledger].id.clone(), key: finding.key.to_string() }
    };
    let of_periods = policy.rules.iter().filter(|rule| matches!(rule.kind, RuleKind::Periodic { .. })).map(|rule| rule.id.clone());
    Ok(OpenNow {
        open: found.all().iter().filter(|finding| finding.state == State::Open).map(identity).collect(),
        of_periods: of_periods.collect(),
        titles: policy.rules.iter().map(|rule| (rule.id.clone(), rule.title.clone())).collect(),
    })
}

/// Why a draft may not be released as it is; empty = all that it lists is open.
async fn fallen(app: &App, draft: &OutboxRow, now: &OpenNow) -> anyhow::Result<String> {
    let named = app.store().outbox().findings_in(&draft.id).await?;
    let is_open = |identity: &Identity| now.of_periods.contains(&identity.rule) || now.open.contains(identity);
    let gone: Vec<&Identity> = named.iter().filter(|identity| !is_open(identity)).collect();
    if gone.is_empty() {
        return Ok(String::new());
    }
    let title = |identity: &&Identity| {
        let rule = now.titles.get(&identity.rule).unwrap_or(&identity.rule);
        format!("{}（{rule}）", identity.key)
    };
    let more = if gone.len() > NAMED { format!("等{}件", gone.len()) } else { String::new() };
    let listed = gone.iter().take(NAMED).map(title).collect::<Vec<_>>().join("、");
    Ok(format!("所列{listed}{more}已办结、已豁免或已不在台账，不能签发；duban run 任务 --as-of 日期 --revise 另行拟办"))
}
