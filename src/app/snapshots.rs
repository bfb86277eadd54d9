//! Snapshots: the differences between two, the codes that have left a register, and the decisions of a person about them.

use crate::app::import::{import_command, ways_to_decide, ways_to_name};
use crate::app::person::Person;
use crate::app::reports::ledger_named;
use crate::clock::stamp;
use crate::domain::plain_text::shell_word;
use crate::domain::problem::suggest;
use crate::domain::register::calendar::parse_day;
use crate::domain::register::ledger::Ledger;
use crate::domain::register::period::chinese_date;
use crate::domain::register::record::Record;
use crate::domain::rules::policy::Policy;
use crate::domain::secrecy::{HeaderDecision, compared_header};
use crate::store::audit::AuditEntry;
use crate::store::changes::Side;
use crate::store::gone::GoneConfirmation;
use crate::store::records::StoredRecord;
use crate::store::snapshots::{Snapshot, SnapshotState};
use crate::worker::ended::end_dependents;
use crate::worker::import::intake_report::place_in;
use crate::worker::records::LedgerRecords;
use crate::worker::run::evaluate::Evaluator;
use crate::worker::run::gone::Gone;
use anyhow::{Context, bail, ensure};
use chrono::NaiveDate;

/// Brings a held snapshot into force, or discards it. Who did, or tried to, is recorded.
///
/// # Errors
/// There is no such held snapshot, or the database fails.
pub(crate) async fn decide(
    evaluator: &Evaluator,
    ledger: &str,
    source: &str,
    seq: i64,
    state: SnapshotState,
    by: Person<'_>,
) -> anyhow::Result<()> {
    // a ledger that the configuration no longer has is known by its id alone
    let ledger = ledger_named(&evaluator.config.policy, ledger).map_or(ledger, |ledger| &ledger.id);
    let now = stamp(evaluator.clock.now());
    let entry = AuditEntry { at: &now, who: by.who, why: by.why };
    if state == SnapshotState::InForce {
        ensure_decided(evaluator, ledger, source, seq).await?;
    }
    if !evaluator.store.snapshots().decide_held(ledger, source, seq, state, entry).await? {
        bail!("{ledger}/{source} 没有第{seq}次的暂缓快照；各次快照见 duban snapshot list");
    }
    end_dependents(&evaluator.store, &evaluator.config, evaluator.clock.now(), evaluator.clock.today()).await?;
    Ok(())
}

/// Checks that the office has decided about all headers of a snapshot that may be of secrecy. A snapshot that was read without a column of
/// secrecy is read anew instead of being released.
///
/// # Errors
/// It has not, or the database fails.
async fn ensure_decided(evaluator: &Evaluator, ledger: &str, source: &str, seq: i64) -> anyhow::Result<()> {
    let snapshots = evaluator.store.snapshots().list().await?;
    let Some(snapshot) = snapshots.iter().find(|known| (known.ledger.as_str(), known.source.as_str(), known.seq) == (ledger, source, seq))
    else {
        return Ok(());
    };
    let decisions = evaluator.store.restrictions().header_decisions(source).await?;
    let is_ignored = |header: &&String| decisions.get(&compared_header(header)) == Some(&HeaderDecision::Ignored);
    let open: Vec<&String> = snapshot.accounts.iter().flat_map(|account| &account.undecided).filter(|header| !is_ignored(header)).collect();
    if let Some(header) = open.first() {
        let command = command_of(evaluator, &snapshot.origin.file, source);
        bail!("“{header}”栏可能是保密标注，不能直接放行；请选一条命令重新读取：\n{}", ways_to_decide(&command, header).join("\n"));
    }
    let fields = evaluator.store.restrictions().field_headers(source).await?;
    let mut proposals = snapshot.accounts.iter().flat_map(|account| &account.proposals).filter(|(header, _)| !is_ignored(&header));
    if let Some((header, title)) = proposals.next() {
        let command = command_of(evaluator, &snapshot.origin.file, source);
        let decided = fields.get(&compared_header(header)).map_or("", |_| "（已确定，须重新读取）");
        let ways = ways_to_name(&command, header, title).join("\n");
        bail!("“{header}”栏像是“{title}”{decided}，不能直接放行；请选一条命令重新读取：\n{ways}");
    }
    Ok(())
}

/// The command that reads the file of a snapshot anew.
fn command_of(evaluator: &Evaluator, file: &str, source: &str) -> String {
    match evaluator.config.settings.source(source) {
        Some(_) => format!("duban pull {}", shell_word(source)),
        None => import_command(file, source),
    }
}

/// Calls `take` with every record of a ledger in force on a day, source by source.
///
/// # Errors
/// The database fails, or `take` returns an error.
pub(crate) async fn each_record(
    evaluator: &Evaluator,
    ledger: &Ledger,
    as_of: NaiveDate,
    mut take: impl FnMut(&Record) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut failed = None;
    let selection = evaluator.select_snapshots(&[], as_of).await?;
    LedgerRecords::as_imported(&evaluator.store, ledger, &selection)
        .each(|_, streamed| {
            if failed.is_none() {
                failed = take(streamed.record).err();
            }
            Ok(())
        })
        .await?;
    failed.map_or(Ok(()), Err)
}

/// A source of the ledger on both sides of a comparison.
struct Pair {
    source: [String; 2],
    /// The snapshots' numbers; `None` = the source had no snapshot then.
    sides: [Option<i64>; 2],
    heading: String,
}

/// One part of a comparison.
#[derive(Debug)]
pub(crate) enum Compared<'a> {
    /// A title that names the snapshots compared from here on.
    Heading(&'a str),
    Record {
        ledger: &'a Ledger,
        source: &'a str,
        record: &'a Record,
        change: RecordChange,
    },
}

/// How a record differs.
#[derive(Debug)]
pub(crate) enum RecordChange {
    Added { place: String },
    Gone { place: String },
    Field { title: String, old: String, new: String, old_place: String, new_place: String },
}

/// Counts of a comparison.
#[derive(Debug, Default)]
pub(crate) struct DifferenceCounts {
    pub(crate) added: u64,
    pub(crate) gone: u64,
    pub(crate) changed: u64,
    /// Records with the same cells, from a sheet with other columns.
    pub(crate) other_columns: u64,
}

/// Compares two snapshots (`LEDGER/SOURCE/SEQ`) or, with a ledger, two days. Calls `each` with the parts in order.
///
/// # Errors
/// A name is unknown, the two cannot be compared, the database fails, or `each` returns an error.
pub(crate) async fn diff(
    evaluator: &Evaluator,
    a: &str,
    b: &str,
    ledger: Option<&str>,
    mut each: impl FnMut(Compared<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<DifferenceCounts> {
    let all = evaluator.store.snapshots().list().await?;
    let policy = &evaluator.config.policy;
    let requested = ledger.map(|name| ledger_named(policy, name)).transpose()?;
    let (ledger, pairs) = match (parse_day(a), parse_day(b)) {
        (Some(a), Some(b)) => {
            let Some(ledger) = requested else {
                bail!(
                    "two days need --ledger (one of: {})",
                    policy.ledgers.iter().map(|ledger| ledger.id.as_str()).collect::<Vec<_>>().join(", ")
                )
            };
            (ledger, in_force(evaluator, ledger, a, b).await?)
        }
        (None, None) => {
            let (one, two) = (snapshot_named(policy, &all, a)?, snapshot_named(policy, &all, b)?);
            ensure!(one.0.id == two.0.id, "{a} and {b} are of different ledgers: compare two snapshots of one");
            if let Some(requested) = requested {
                ensure!(requested.id == one.0.id, "--ledger {} does not agree with {a}", requested.id);
            }
            (one.0, vec![pair(&one, &two)])
        }
        _ => bail!("{a} and {b}: give two snapshots (LEDGER/SOURCE/SEQ) or two days with --ledger"),
    };
    let mut counts = DifferenceCounts::default();
    for pair in &pairs {
        each(Compared::Heading(&pair.heading))?;
        compare(evaluator, &all, ledger, pair, &mut each, &mut counts).await?;
    }
    Ok(counts)
}

/// The snapshot that `LEDGER/SOURCE/SEQ` names.
fn snapshot_named<'a>(policy: &'a Policy, all: &'a [Snapshot], text: &str) -> anyhow::Result<(&'a Ledger, &'a Snapshot)> {
    let parts = text.split_once('/').and_then(|(ledger, rest)| Some((ledger, rest.rsplit_once('/')?)));
    let Some((ledger, (source, number))) = parts else {
        bail!("{text} is no snapshot: write LEDGER/SOURCE/SEQ as in `duban snapshot list`, such as project/import/2");
    };
    let ledger = ledger_named(policy, ledger)?;
    let of_source: Vec<&Snapshot> = all.iter().filter(|known| known.ledger == ledger.id && known.source == source).collect();
    if of_source.is_empty() {
        let mut sources: Vec<&str> = all.iter().filter(|known| known.ledger == ledger.id).map(|known| known.source.as_str()).collect();
        sources.dedup();
        ensure!(!sources.is_empty(), "ledger \"{}\" was never read", ledger.id);
        bail!("source \"{source}\" holds no {} ({})", ledger.id, suggest(source, sources.into_iter()).unwrap_or_default());
    }
    let found = number.parse::<i64>().ok().and_then(|number| of_source.iter().find(|known| known.seq == number));
    let Some(found) = found else {
        let numbers: Vec<String> = of_source.iter().map(|known| known.seq.to_string()).collect();
        bail!("{}/{source} has no snapshot {number} (there are: {})", ledger.id, numbers.join(", "));
    };
    Ok((ledger, found))
}

fn pair(one: &(&Ledger, &Snapshot), two: &(&Ledger, &Snapshot)) -> Pair {
    let named = |snapshot: &Snapshot| format!("{}第{}次快照（截至{}）", snapshot.source, snapshot.seq, chinese_date(snapshot.covers_on));
    Pair {
        source: [one.1.source.clone(), two.1.source.clone()],
        sides: [Some(one.1.seq), Some(two.1.seq)],
        heading: format!("{}：{} → {}", one.0.title, named(one.1), named(two.1)),
    }
}

/// The snapshots of a ledger in force on two days, source by source.
async fn in_force(evaluator: &Evaluator, ledger: &Ledger, a: NaiveDate, b: NaiveDate) -> anyhow::Result<Vec<Pair>> {
    let mut pairs: Vec<Pair> = Vec::new();
    let (old, new) = (evaluator.select_snapshots(&[], a).await?, evaluator.select_snapshots(&[], b).await?);
    for (side, selection) in [old, new].into_iter().enumerate() {
        for found in selection.of_ledger(&ledger.id) {
            let source = found.snapshot.source.clone();
            let at = pairs.iter().position(|pair| pair.source[0] == source).unwrap_or_else(|| {
                let heading = format!("{}（{source}）：{}与{}有效的数据", ledger.title, chinese_date(a), chinese_date(b));
                pairs.push(Pair { source: [source.clone(), source.clone()], sides: [None, None], heading });
                pairs.len() - 1
            });
            pairs[at].sides[side] = Some(found.snapshot.seq);
            let (word, day) = if side == 0 { ("；前为", a) } else { ("；后为", b) };
            let early = if found.early {
                format!("（没有截至{}及以前的数据，以最早的一次代替）", chinese_date(day))
            } else {
                String::new()
            };
            pairs[at].heading.push_str(&format!(
                "{word}第{}次快照（截至{}）{early}",
                found.snapshot.seq,
                chinese_date(found.snapshot.covers_on)
            ));
        }
    }
    ensure!(!pairs.is_empty(), "ledger \"{}\" was never read", ledger.id);
    Ok(pairs)
}

/// Compares one pair, page by page.
async fn compare(
    evaluator: &Evaluator,
    all: &[Snapshot],
    ledger: &Ledger,
    pair: &Pair,
    each: &mut impl FnMut(Compared<'_>) -> anyhow::Result<()>,
    counts: &mut DifferenceCounts,
) -> anyhow::Result<()> {
    let side = |index: usize| Side { source: &pair.source[index], seq: pair.sides[index].unwrap_or(0) };
    let (old, new) = (side(0), side(1));
    let place = |side: Side<'_>, stored: &StoredRecord, field: Option<&str>| place_in(all, &ledger.id, side.source, stored, field);
    for (gone, here, other) in [(false, new, old), (true, old, new)] {
        let mut after = String::new();
        loop {
            let page = evaluator.store.changes().only_in(ledger, here, other, &after).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.record.code);
            for stored in &page {
                let count = if gone { &mut counts.gone } else { &mut counts.added };
                *count += 1;
                let place = place(here, stored, None);
                let change = if gone { RecordChange::Gone { place } } else { RecordChange::Added { place } };
                each(Compared::Record { ledger, source: here.source, record: &stored.record, change })?;
            }
        }
    }
    let mut after = String::new();
    loop {
        let page = evaluator.store.changes().changed(ledger, old, new, &after).await?;
        let Some((_, last)) = page.last() else { break };
        after.clone_from(&last.record.code);
        for (was, now) in &page {
            let fields: Vec<usize> = (0..ledger.fields.len()).filter(|field| was.record.cell(*field) != now.record.cell(*field)).collect();
            if fields.is_empty() {
                counts.other_columns += 1;
                continue;
            }
            counts.changed += 1;
            for field in fields {
                let id = Some(ledger.fields[field].id.as_str());
                let change = RecordChange::Field {
                    title: ledger.fields[field].title.clone(),
                    old: was.record.cell(field).to_string(),
                    new: now.record.cell(field).to_string(),
                    old_place: place(old, was, id),
                    new_place: place(new, now, id),
                };
                each(Compared::Record { ledger, source: new.source, record: &now.record, change })?;
            }
        }
    }
    Ok(())
}

/// The codes that have left the registers and are not confirmed.
#[derive(Debug)]
pub(crate) struct GoneCodes {
    pub(crate) codes: Vec<Gone>,
    /// All snapshots, for the places and days of the codes.
    pub(crate) snapshots: Vec<Snapshot>,
}

/// The codes that have left the registers and are not confirmed.
///
/// # Errors
/// The ledger is unknown, or the database fails.
pub(crate) async fn gone(evaluator: &Evaluator, ledger: Option<&str>) -> anyhow::Result<GoneCodes> {
    let ledger = ledger.map(|name| ledger_named(&evaluator.config.policy, name)).transpose()?;
    let snapshots = evaluator.store.snapshots().list().await?;
    Ok(GoneCodes { codes: evaluator.gone(ledger.map(|ledger| ledger.id.as_str())).await?, snapshots })
}

/// A code that has left a register.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GoneCode<'a> {
    pub(crate) ledger: &'a str,
    pub(crate) source: &'a str,
    pub(crate) code: &'a str,
}

/// A confirmation that a code has left a register.
#[derive(Debug)]
pub(crate) struct Confirmation {
    pub(crate) ledger_title: String,
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) who: String,
    pub(crate) reason: String,
    /// It had been confirmed before, by `who` for `reason`.
    pub(crate) known_before: bool,
}

/// Records that the office confirms that a code has left its register.
///
/// # Errors
/// Nobody or no reason is named, the code is unknown or has not left (the message suggests one), or the database fails.
pub(crate) async fn confirm_gone(evaluator: &Evaluator, gone_code: GoneCode<'_>, by: &str, reason: &str) -> anyhow::Result<Confirmation> {
    let GoneCode { source, code, .. } = gone_code;
    let ledger = ledger_named(&evaluator.config.policy, gone_code.ledger)?;
    let (by, reason) = (by.trim(), reason.trim());
    ensure!(!by.is_empty(), "--by names nobody: who confirms it?");
    ensure!(!reason.is_empty(), "--reason is empty: why has it left the register?");
    let all = evaluator.store.snapshots().list().await?;
    let mut sources: Vec<&str> = all
        .iter()
        .filter(|known| known.ledger == ledger.id && known.state == SnapshotState::InForce)
        .map(|known| known.source.as_str())
        .collect();
    sources.dedup();
    if !sources.contains(&source) {
        ensure!(!sources.is_empty(), "ledger \"{}\" was never read", ledger.id);
        bail!("source \"{source}\" holds no {} ({})", ledger.id, suggest(source, sources.into_iter()).unwrap_or_default());
    }
    let Some(gone) = evaluator.gone_code(&ledger.id, source, code).await? else {
        let listed: Vec<Gone> = evaluator.gone(Some(&ledger.id)).await?.into_iter().filter(|gone| gone.source == source).collect();
        let hint = suggest(code, listed.iter().map(|gone| gone.absent.code.as_str()).take(1000)).unwrap_or_default();
        ensure!(hint.starts_with("did you mean"), "{code} has not left {}/{source}; see `duban snapshot gone`", ledger.id);
        bail!("{code} has not left {}/{source} ({hint})", ledger.id);
    };
    let confirmed = GoneConfirmation {
        ledger: ledger.id.clone(),
        source: source.to_owned(),
        code: gone.absent.code.clone(),
        seen_seq: gone.seen_seq,
        confirmed_at: stamp(evaluator.clock.now()),
        who: by.to_owned(),
        reason: reason.to_owned(),
    };
    let mut confirmation = Confirmation {
        ledger_title: ledger.title.clone(),
        code: confirmed.code.clone(),
        name: gone.absent.name,
        who: by.to_owned(),
        reason: reason.to_owned(),
        known_before: false,
    };
    if !evaluator.store.gone().confirm(&confirmed).await? {
        let key = |known: &GoneConfirmation| (known.ledger.clone(), known.source.clone(), known.code.clone(), known.seen_seq);
        let all = evaluator.store.gone().confirmed().await?;
        let known = all.into_iter().find(|known| key(known) == key(&confirmed)).context("the confirmation is not there")?;
        confirmation = Confirmation { who: known.who, reason: known.reason, known_before: true, ..confirmation };
    }
    Ok(confirmation)
}
