//! The guard against a restored copy of the database: a file beside it holds the highest counter that sending has reached. A database with a
//! lower counter does not know what was mailed after it was copied, and would mail it twice. So its sending is held until a person releases it.

use crate::clock::{Clock, stamp};
use crate::config::settings::{MailSettings, Settings};
use crate::domain::disk_fault::in_words;
use crate::store::audit::AuditEntry;
use crate::store::sending::{Hold, HoldReason, SendingState};
use crate::worker::deliver::deliverer::Deliverer;
use crate::worker::deliver::hold_file::HoldFile;
use crate::worker::deliver::journal::Journal;
use crate::worker::numbers_file::{KnownNumbers, NumbersFile};
use std::io::Write;
use std::path::{Path, PathBuf};

/// `var/sent.count`: twenty digits and a line end. A new number replaces the whole file.
#[derive(Debug)]
pub struct CounterFile(PathBuf);

/// What the counter file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counter {
    /// There is no file yet.
    None,
    Known(i64),
    /// It cannot be read, or holds no number: nobody knows how far sending had come. In Chinese.
    Unreadable(String),
}

impl Counter {
    /// Whether a database with a counter may lack what was mailed.
    pub(crate) fn is_ahead_of(&self, counter: i64) -> bool {
        match self {
            Counter::None => false,
            Counter::Known(known) => *known > counter,
            Counter::Unreadable(_) => true,
        }
    }
}

impl CounterFile {
    /// The counter file of a `var` folder.
    pub fn below(var: &Path) -> CounterFile {
        CounterFile(var.join("sent.count"))
    }

    /// What the file holds.
    pub fn read(&self) -> Counter {
        match std::fs::read(&self.0) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Counter::None,
            Err(error) => Counter::Unreadable(in_words(&error)),
            Ok(bytes) => match std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok()) {
                Some(number) => Counter::Known(number),
                None => Counter::Unreadable("其中不是数字".to_owned()),
            },
        }
    }

    /// Writes a higher number; a lower one has no effect.
    ///
    /// # Errors
    /// The file cannot be written, or what it holds cannot be read.
    pub fn write(&self, counter: i64) -> std::io::Result<()> {
        match self.read() {
            Counter::Known(known) if known >= counter => Ok(()),
            Counter::Known(_) | Counter::None => self.replace(counter),
            Counter::Unreadable(fault) => Err(std::io::Error::new(std::io::ErrorKind::InvalidData, fault)),
        }
    }

    /// Writes a number in place of whatever the file holds. It is there as a whole or not at all, also if the machine stops meanwhile.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn replace(&self, counter: i64) -> std::io::Result<()> {
        let folder = self.0.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(format!("{counter:020}\n").as_bytes())?;
        file.as_file().sync_data()?;
        file.persist(&self.0).map_err(|error| error.error)?;
        Ok(())
    }
}

/// Sentences for the user on why no mails can be sent, or why they go elsewhere; `counter` is that of the file.
pub fn notes(mail: &MailSettings, state: Option<&SendingState>, counter: &Counter) -> Vec<String> {
    const RELEASE: &str = "恢复发送：duban outbox release --sending --by 姓名 --reason 事由";
    let mut notes = Vec::new();
    if let Some(test_to) = &mail.test_to {
        notes.push(format!("测试模式：所有邮件发往{test_to}，各单位收不到，不计入已提醒；正式的邮件暂不发送"));
    }
    let Some(state) = state else { return notes };
    match &state.hold {
        Some(hold) if hold.reason == HoldReason::Person => {
            notes.push(format!("注意：发送已由{}暂停（{}）。{RELEASE}", hold.by, hold.why));
        }
        held if held.is_some() || counter.is_ahead_of(state.counter) => {
            let why = match (counter, held) {
                (Counter::Unreadable(fault), _) => format!("var/sent.count不能读取（{fault}）"),
                (_, Some(Hold { reason: HoldReason::Damaged, why, .. })) => why.clone(),
                (Counter::None | Counter::Known(_), _) => "数据库是从备份恢复的".to_owned(),
            };
            notes.push(format!("注意：发送已暂停：{why}，{RESTORED}{RELEASE}"));
        }
        _ => {}
    }
    let allowed = mail.daily_max + state.extra;
    if state.sent >= allowed {
        notes.push(format!("注意：今日已发{}封，达到每日上限，其余的明日再发（[mail] daily_max）。今日{RELEASE}", state.sent));
    }
    notes
}

const RESTORED: &str = "不知道此前发过哪些邮件。请先核对duban runs和duban outbox list --state pending，\
    已发过的用duban outbox hold暂缓，再";

/// The time until which a message made now may be sent, as a stamp.
pub(crate) fn expiry(clock: &Clock, settings: &Settings) -> String {
    stamp(clock.now() + chrono::Duration::days(i64::from(settings.mail.too_late_days)))
}

impl Deliverer {
    /// The journal of sent messages.
    pub fn journal(&self) -> Journal {
        Journal::below(&self.var)
    }

    /// The file with the highest counter of sending.
    pub fn counter_file(&self) -> CounterFile {
        CounterFile::below(&self.var)
    }

    /// Sentences for the user on why no mails can be sent, or why they go elsewhere.
    ///
    /// # Errors
    /// The database or the counter file cannot be read.
    pub async fn sending_notes(&self) -> anyhow::Result<Vec<String>> {
        let counter = self.counter_file().read();
        let state = self.store.sending().state(&self.clock.today().to_string()).await?;
        let doubt = self.store.schedule().clock_doubt().await?.map(|doubt| format!("注意：{}", doubt.text));
        Ok(doubt.into_iter().chain(notes(&self.config.settings.mail, Some(&state), &counter)).collect())
    }

    /// Holds all sending if the database is behind a file beside it, or one cannot be read. A copy that is behind gives no numbers either. Returns
    /// whether sending is held.
    ///
    /// # Errors
    /// The database fails.
    pub async fn guard(&self) -> anyhow::Result<bool> {
        self.store.ensure_in_place()?;
        let stopped = HoldFile::below(&self.var);
        if let Some((by, why)) = stopped.read() {
            let now = stamp(self.clock.now());
            self.store.sending().hold(HoldReason::Person, AuditEntry { at: &now, who: &by, why: &why }).await?;
            stopped.remove()?;
        }
        // read before the database, because sending raises the counter there first: a file that is read later could be ahead of it
        let (known, numbers) = (self.counter_file().read(), NumbersFile::below(&self.var).read());
        let state = self.store.sending().state(&self.clock.today().to_string()).await?;
        let are_numbers_behind = match &numbers {
            KnownNumbers::Known(known) => self.store.events().numbers().await?.is_behind(known),
            KnownNumbers::None | KnownNumbers::Damaged(_) => false,
        };
        let (reason, why) = match (known, numbers) {
            (Counter::Unreadable(fault), _) => (HoldReason::Damaged, format!("var/sent.count不能读取（{fault}）")),
            (known, _) if known.is_ahead_of(state.counter) => {
                (HoldReason::Restored, format!("数据库的发送计数{}，var/sent.count为{known:?}", state.counter))
            }
            _ if are_numbers_behind => (HoldReason::Restored, "数据库中的办理记录和编号少于var/numbers所记".to_owned()),
            (_, KnownNumbers::Damaged(fault)) => (HoldReason::Damaged, format!("var/numbers不能读取（{fault}）")),
            _ => return Ok(state.hold.is_some()),
        };
        let now = stamp(self.clock.now());
        let entry = AuditEntry { at: &now, who: "duban", why: &why };
        if reason == HoldReason::Restored && state.numbers_held.is_empty() {
            self.store.sending().hold_numbers(entry).await?;
        }
        if state.hold.is_none() {
            self.store.sending().hold(reason, entry).await?;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_never_goes_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = CounterFile::below(&folder.path().join("var"));
        assert_eq!(file.read(), Counter::None);
        for (written, expect) in [(7, 7), (3, 7), (1000, 1000)] {
            file.write(written).unwrap();
            assert_eq!(file.read(), Counter::Known(expect));
        }
        for damaged in ["what?", "", "\0\0\0\0"] {
            std::fs::write(&file.0, damaged).unwrap();
            assert!(matches!(file.read(), Counter::Unreadable(_)) && file.read().is_ahead_of(i64::MAX - 1), "{damaged:?}");
            assert!(file.write(1001).is_err(), "nobody knows what was sent, so nothing is");
        }
        file.replace(1002).unwrap();
        assert_eq!(file.read(), Counter::Known(1002));
        assert_eq!(std::fs::read_dir(file.0.parent().unwrap()).unwrap().count(), 1, "no temporary file stays");
    }
}
