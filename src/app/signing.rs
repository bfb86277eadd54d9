//! The signing list: written with the drafts that wait for a person, and taken back with what the person has decided about each.

use crate::app::compose::App;
use crate::app::draft_release::{Released, release};
use crate::app::outbox;
use crate::app::person::Person;
use crate::clock::stamp;
use crate::domain::notify::delivery::DeliveryState;
use crate::domain::notify::form_seal::FormKey;
use crate::domain::notify::signing::{
    AGREED, Decision, REFUSED, RowFault, SignedRow, is_of, key_of, row_check, signed_row, signing_ledger,
};
use crate::domain::rules::rule::Act;
use crate::report::archive;
use crate::report::xlsx;
use crate::store::audit::AuditEntry;
use crate::store::draft_decisions::{DraftDecisions, WaitingDraft};
use crate::store::handle::Store;
use crate::store::run_result::{LetterCounts, MailedResult};
use crate::workbook::books::signing_list::{SigningList, SigningRow, signing_list_workbook};
use crate::worker::import::importer::Importer;
use anyhow::{Context, ensure};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// What was written.
#[derive(Debug)]
pub(crate) struct WrittenList {
    pub(crate) path: PathBuf,
    pub(crate) drafts: usize,
}

/// Writes the signing list of the drafts that wait for a person; those of one run, which a newer run has replaced all others of.
///
/// # Errors
/// There is no draft, the file exists or cannot be written, or the database fails.
pub(crate) async fn write_list(importer: &Importer, path: &Path) -> anyhow::Result<WrittenList> {
    let store = &importer.store;
    let drafts = store.outbox().waiting_drafts().await?;
    let run = drafts.last().context("没有待签发的拟办件")?.run.clone();
    let mut drafts: Vec<WaitingDraft> = drafts.into_iter().filter(|draft| draft.run == run).collect();
    let key = current_key(importer).await?;
    let stored = store.runs().get(&run).await?.with_context(|| format!("run {run} is gone"))?;
    let as_of = stored.as_of.parse().with_context(|| format!("run {run} has no date"))?;
    let MailedResult { letters, not_interviewed, .. } = stored.result.and_then(|result| result.mailed).unwrap_or_default();
    let counts: HashMap<&str, &LetterCounts> = letters.iter().map(|letter| (letter.message.as_str(), letter)).collect();
    let act_of = |draft: &WaitingDraft| Act::ALL.into_iter().find(|act| act.code() == draft.act);
    drafts.sort_by_key(|draft| (Reverse(act_of(draft)), Reverse(counts.get(draft.id.as_str()).map(|counts| counts.weight))));
    let answered = answered_records(store).await?;
    let row = |draft: &WaitingDraft| {
        let counts = counts.get(draft.id.as_str()).copied().cloned().unwrap_or_default();
        let records: BTreeSet<(&str, &str)> = draft.findings.iter().map(|[_, ledger, key, _]| (ledger.as_str(), key.as_str())).collect();
        SigningRow {
            id: draft.id.clone(),
            unit: draft.unit.clone(),
            act: act_of(draft).map_or("", Act::title),
            projects: counts.projects,
            findings: counts.findings,
            amount: counts.amount,
            longest: counts.longest,
            answered: records.iter().filter(|(ledger, key)| answered.contains(&((*ledger).to_owned(), (*key).to_owned()))).count(),
            check: row_check(&key, &run, &draft.id, &draft.bytes_sha256),
        }
    };
    let list = SigningList {
        office: &importer.config.settings.office.name,
        as_of,
        run: &run,
        rows: drafts.iter().map(row).collect(),
        not_interviewed,
    };
    let bytes = xlsx::render(&signing_list_workbook(&list))?;
    ensure!(!path.exists(), "{}已存在，请换一个文件名", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().and_then(|name| name.to_str()).context("请写明文件名")?;
    let written = archive::write(folder, name, &bytes)?;
    Ok(WrittenList { path: written.path, drafts: list.rows.len() })
}

/// The records on which a unit has answered.
async fn answered_records(store: &Store) -> anyhow::Result<BTreeSet<(String, String)>> {
    let answers = store.feedback().up_to(store.feedback().last_no().await?).await?;
    Ok(answers.into_keys().collect())
}

async fn current_key(importer: &Importer) -> anyhow::Result<FormKey> {
    let id = importer.form_key().await?;
    let key = importer.store.keys().get(id).await?.with_context(|| format!("密钥{id}已不在，请从备份恢复"))?;
    Ok(FormKey::new(id, &key.secret))
}

/// What a list that came back comes to.
#[derive(Debug, Default)]
pub(crate) struct SignedList {
    pub(crate) agreed: Vec<String>,
    pub(crate) refused: Vec<String>,
    /// Drafts without a decision.
    pub(crate) undecided: usize,
    /// Rows that are not taken, with the reason.
    pub(crate) returned: Vec<(String, String)>,
}

/// Reads a list that came back. Nothing is decided yet.
///
/// # Errors
/// The file cannot be read or holds no signing list, or the database fails.
pub(crate) async fn read_list(importer: &Importer, path: &Path) -> anyhow::Result<SignedList> {
    let policy = &importer.config.policy;
    let like = policy.projects().context("config/ledgers has no ledger of projects")?;
    let rows = importer.read_table(policy, path, signing_ledger(like)).await?;
    ensure!(!rows.is_empty(), "{}不是签发清单：没有找到“拟办件编号”和“校验码”栏", path.display());
    let waiting = importer.store.outbox().waiting_drafts().await?;
    let waiting: HashMap<&str, &WaitingDraft> = waiting.iter().map(|draft| (draft.id.as_str(), draft)).collect();
    let mut keys: BTreeMap<i64, Option<FormKey>> = BTreeMap::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut list = SignedList::default();
    for row in rows {
        let SignedRow { id, decision, check } = match signed_row(&row.cells) {
            Ok(row) => row,
            Err(RowFault { id, word }) => {
                list.returned.push((id, format!("签发意见写的是“{word}”，只能填“{AGREED}”或“{REFUSED}”")));
                continue;
            }
        };
        if decision == Decision::None {
            list.undecided += 1;
            continue;
        }
        if !seen.insert(id.clone()) {
            list.agreed.retain(|known| *known != id);
            list.refused.retain(|known| *known != id);
            list.returned.push((id, "在清单中出现两次，均未采用".to_owned()));
            continue;
        }
        let key = match key_of(&check) {
            Some(number) => {
                if let std::collections::btree_map::Entry::Vacant(entry) = keys.entry(number) {
                    let key = importer.store.keys().get(number).await?.filter(|key| key.row.revoked_at.is_empty());
                    entry.insert(key.map(|key| FormKey::new(number, &key.secret)));
                }
                keys.get(&number).and_then(Option::as_ref)
            }
            None => None,
        };
        let Some(draft) = waiting.get(id.as_str()) else {
            list.returned.push((id, "不是待签发的拟办件：已经签发、已被代替，或编号有误".to_owned()));
            continue;
        };
        if !key.is_some_and(|key| is_of(key, &draft.run, &id, &draft.bytes_sha256, &check)) {
            list.returned.push((id, "校验码不符：清单不是本系统所出、被改动过，或拟办件在清单做成后有变".to_owned()));
            continue;
        }
        if decision == Decision::Agreed { list.agreed.push(id) } else { list.refused.push(id) }
    }
    Ok(list)
}

/// Carries out what is decided on the list. Returns what became of the drafts that were agreed to, and of the others.
///
/// # Errors
/// As [`release`] and [`outbox::decide`].
pub(crate) async fn decide_list(app: &App, list: &SignedList, by: Person<'_>) -> anyhow::Result<(Released, DraftDecisions)> {
    let deliverer = app.deliverer();
    let now = stamp(deliverer.clock.now());
    for (id, reason) in &list.returned {
        let entry = AuditEntry { at: &now, who: by.who, why: reason };
        deliverer.store.audit().record(entry.at, entry.who, "refused: row of a signing list", id, entry.why).await?;
    }
    let agreed = match list.agreed.is_empty() {
        true => Released::default(),
        false => release(app, &list.agreed, by).await?,
    };
    let refused = match list.refused.is_empty() {
        true => DraftDecisions::default(),
        false => outbox::decide(deliverer, &list.refused, DeliveryState::Rejected, by).await?,
    };
    Ok((agreed, refused))
}
