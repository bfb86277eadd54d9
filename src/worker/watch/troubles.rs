//! Finds what needs a person: the same for `duban status`, for the operator's messages and for every machine that uses the database.

use crate::clock::Clock;
use crate::config::load::Config;
use crate::domain::disk_fault::disk_fault;
use crate::domain::notify::delivery::DeliveryState;
use crate::domain::register::data_condition::{DataCondition, Reader};
use crate::domain::trouble::{DISK_BYTES_MIN, Trouble, TroubleKind};
use crate::store::config_rows::WaitingConfig;
use crate::store::handle::Store;
use crate::store::run_result::RunFault;
use crate::store::runs::{Run, RunState};
use crate::store::schedule::ClockDoubt;
use crate::store::snapshots::{Snapshot, SnapshotState};
use crate::worker::deliver::hold_file::HoldFile;
use crate::worker::deliver::restore_guard::{CounterFile, notes};
use crate::worker::numbers_file::{KnownNumbers, NumbersFile};
use crate::worker::snapshot_selection::SnapshotSelection;
use chrono::{Datelike, NaiveDate};
use std::path::Path;

/// The month from which the calendar of the next year is expected: the notice comes in November.
const NOTICE_MONTH: u32 = 11;

/// Everything that needs a person now, in the order of the kinds.
///
/// # Errors
/// The database fails.
pub async fn troubles(store: &Store, config: &Config, clock: &Clock, var: &Path) -> anyhow::Result<Vec<Trouble>> {
    let mut found = Vec::new();
    let doubted = |doubt: ClockDoubt| Trouble { kind: TroubleKind::Clock, about: String::new(), since: doubt.since, text: doubt.text };
    found.extend(store.schedule().clock_doubt().await?.map(doubted));
    found.extend(sending(store, config, clock, var).await?);
    found.extend(numbering(store, clock, var).await?);
    let waits = |WaitingConfig { since, text }| Trouble { kind: TroubleKind::ConfigWaiting, about: String::new(), since, text };
    found.extend(store.config_rows().waiting().await?.map(waits));
    found.extend(of_data(store, config, clock).await?);
    for job in &config.jobs {
        if let Some(run) = store.runs().newest_of(&job.name).await? {
            found.extend(of_run(store, &job.title, &run).await?);
        }
    }
    found.extend(calendar(config, clock.today()));
    found.extend(disk(var));
    found.extend(drafts(store).await?);
    found.sort_by(|a, b| (a.kind, &a.about).cmp(&(b.kind, &b.about)));
    Ok(found)
}

/// That sending is held, by a person or because the database is behind the file beside it.
async fn sending(store: &Store, config: &Config, clock: &Clock, var: &Path) -> anyhow::Result<Option<Trouble>> {
    let held = |since: String, text: String| Trouble { kind: TroubleKind::SendingHeld, about: String::new(), since, text };
    let state = store.sending().state(&clock.today().to_string()).await?;
    let counter = CounterFile::below(var).read();
    let is_behind = counter.is_ahead_of(state.counter);
    let since = state.hold.as_ref().map(|hold| hold.at.clone()).unwrap_or_default();
    if let Some((by, why)) = HoldFile::below(var).read() {
        return Ok(Some(held(
            since,
            format!("发送已由{by}暂停（{why}），记在var/sending.hold，数据库恢复写入后记入；恢复发送：duban outbox release --sending"),
        )));
    }
    Ok((state.hold.is_some() || is_behind).then(|| {
        let mail = crate::config::settings::MailSettings { test_to: None, ..config.settings.mail.clone() };
        held(since, notes(&mail, Some(&state), &counter).join("；").trim_start_matches("注意：").to_owned())
    }))
}

/// That nothing is numbered, because the database is a restored copy.
async fn numbering(store: &Store, clock: &Clock, var: &Path) -> anyhow::Result<Option<Trouble>> {
    let since = store.sending().state(&clock.today().to_string()).await?.numbers_held;
    let is_behind = match NumbersFile::below(var).read() {
        KnownNumbers::Known(known) => store.events().numbers().await?.is_behind(&known),
        KnownNumbers::None | KnownNumbers::Damaged(_) => false,
    };
    let is_held = !since.is_empty() || is_behind;
    let text = "数据库是从备份恢复的，其后的编号可能已经用过：工作单、困难问题暂不办理；核对后duban outbox release --sending --by 姓名 --reason 事由";
    let held = Trouble { kind: TroubleKind::NumberingHeld, about: String::new(), since, text: text.to_owned() };
    Ok(is_held.then_some(held))
}

/// Sources that fail, data that are too old, snapshots that wait.
async fn of_data(store: &Store, config: &Config, clock: &Clock) -> anyhow::Result<Vec<Trouble>> {
    let (policy, today) = (&config.policy, clock.today());
    let selection = SnapshotSelection::unmarked(store, config, &[], today).await?;
    let title = |id: &str| policy.ledger(id).map_or(id.to_owned(), |index| policy.ledgers[index].title.clone());
    let mut found = Vec::new();
    for failed in store.source_checks().failed().await?.into_iter().filter(|failed| config.settings.source(&failed.source).is_some()) {
        let text = format!("来源“{}”未能读取：{}", failed.source, failed.failure);
        found.push(Trouble { kind: TroubleKind::SourceFailed, about: failed.source, since: failed.failed_since, text });
    }
    for condition in selection.conditions.iter().filter(|condition| condition.too_old) {
        let alone = DataCondition { failure: String::new(), held: None, ..condition.clone() };
        let about = format!("{}/{}", condition.ledger, condition.source);
        let text = alone.in_words(&title(&condition.ledger), today, Reader::Office);
        found.push(Trouble { kind: TroubleKind::SourceStale, about, since: condition.data_day.to_string(), text });
    }
    let snapshots = store.snapshots().list().await?;
    let in_force = |held: &Snapshot| {
        let is_of_source = |known: &&Snapshot| (&known.ledger, &known.source) == (&held.ledger, &held.source);
        snapshots.iter().filter(is_of_source).filter(|known| known.state == SnapshotState::InForce).map(|known| known.seq).max()
    };
    for held in snapshots.iter().filter(|known| known.state == SnapshotState::Held && in_force(known).is_none_or(|seq| seq < known.seq)) {
        let Snapshot { ledger, source, seq, .. } = held;
        let text = format!(
            "{}新报来的数据（第{seq}次快照）暂缓生效，核对后duban snapshot release {ledger} {source} {seq}，有误的用discard",
            title(ledger)
        );
        let about = format!("{ledger}/{source}/{seq}");
        found.push(Trouble { kind: TroubleKind::HeldSnapshot, about, since: held.taken_at.clone(), text });
    }
    Ok(found)
}

/// What is wrong with the latest run of a job, and with its mails.
async fn of_run(store: &Store, title: &str, run: &Run) -> anyhow::Result<Vec<Trouble>> {
    let of = |kind, text: String| Trouble { kind, about: run.job.clone(), since: run.finished_at.clone(), text };
    let mut found = Vec::new();
    match run.state {
        RunState::Failed => found.push(of(TroubleKind::RunFailed, format!("{title}（截至{}）失败，原因见 duban runs", run.as_of))),
        RunState::Partial => {
            found.push(of(TroubleKind::RunPartial, format!("{title}（截至{}）部分完成，原因见 duban runs", run.as_of)));
        }
        RunState::Running | RunState::Done => {}
    }
    if run.inputs.faults.iter().any(|fault| matches!(fault, RunFault::RestrictedFlood { .. })) {
        found.push(of(TroubleKind::RestrictedFlood, "一个文件一次标注不便公开的编号过多，请核对 duban restricted list".to_owned()));
    }
    let mails = store.outbox().count_by_state(Some(&run.id)).await?;
    let lost: i64 = mails.iter().filter(|(state, _)| state.has_failed()).map(|(_, count)| count).sum();
    if lost > 0 {
        found.push(of(
            TroubleKind::MailDead,
            format!("{title}（截至{}）有{lost}封邮件没有送达，见 duban outbox list --run {}", run.as_of, run.id),
        ));
    }
    Ok(found)
}

/// Holidays that are not on file: those of this year, from November on also those of the next.
fn calendar(config: &Config, today: NaiveDate) -> Vec<Trouble> {
    let years = if today.month() >= NOTICE_MONTH { vec![today.year(), today.year() + 1] } else { vec![today.year()] };
    let missing = years.into_iter().filter(|year| !config.policy.calendar.knows(*year));
    let of = |year: i32| Trouble {
        kind: TroubleKind::Calendar,
        about: year.to_string(),
        since: String::new(),
        text: format!("{year}年的节假日安排尚未录入，期限只按周末计算；见docs/OPERATIONS.md“配置”"),
    };
    missing.map(of).collect()
}

/// That there is little room, or that the disk takes nothing.
fn disk(var: &Path) -> Option<Trouble> {
    let of = |text: String| Trouble { kind: TroubleKind::Disk, about: String::new(), since: String::new(), text };
    match rustix::fs::statvfs(var) {
        Ok(disk) if disk.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) => {
            Some(of(disk_fault(std::io::ErrorKind::ReadOnlyFilesystem).unwrap_or_default().to_owned()))
        }
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            (free < DISK_BYTES_MIN).then(|| of(format!("var/所在磁盘只剩{}MiB，请清理或扩充", free >> 20)))
        }
        Err(error) => Some(of(format!("var/所在磁盘没有应答（{error}）"))),
    }
}

/// Drafts that wait for a person.
async fn drafts(store: &Store) -> anyhow::Result<Option<Trouble>> {
    let waiting = store.outbox().count_by_state(None).await?.get(&DeliveryState::Draft).copied().unwrap_or_default();
    let text = format!("督办、通报、约谈{waiting}件待签发，见 duban outbox list --state draft");
    Ok((waiting > 0).then_some(Trouble { kind: TroubleKind::DraftsUnsigned, about: String::new(), since: String::new(), text }))
}
