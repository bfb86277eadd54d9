//! The guard against a restored copy of the database: a file beside it holds the highest counter that sending has reached. A database with a
//! lower counter does not know what was mailed after it was copied, and would mail it twice. So its sending is held until a person releases it.

use crate::clock::{Clock, stamp};
use crate::config::settings::{MailSettings, Settings};
use crate::store::audit::AuditEntry;
use crate::store::sending::{HoldReason, SendingState};
use crate::worker::deliver::deliverer::Deliverer;
use crate::worker::deliver::journal::Journal;
use anyhow::Context;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// `var/sent.count`: twenty digits and a line end, overwritten in place.
#[derive(Debug)]
pub struct CounterFile(PathBuf);

impl CounterFile {
    /// The counter file of a `var` folder.
    pub fn below(var: &Path) -> CounterFile {
        CounterFile(var.join("sent.count"))
    }

    /// The counter; `None` = there is no file yet.
    ///
    /// # Errors
    /// The file cannot be read, or it contains no number.
    pub fn read(&self) -> std::io::Result<Option<i64>> {
        let mut text = String::new();
        match std::fs::File::open(&self.0) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            opened => opened?.read_to_string(&mut text)?,
        };
        let number = text.trim().parse().map_err(|_| std::io::Error::new(std::io::ErrorKind::InvalidData, "it holds no number"))?;
        Ok(Some(number))
    }

    /// Writes a higher number; a lower one has no effect. It is one short write in place, so that the file contains the old or the new number
    /// if the process is killed.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, counter: i64) -> std::io::Result<()> {
        if self.read()?.is_some_and(|known| known >= counter) {
            return Ok(());
        }
        if let Some(folder) = self.0.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = std::fs::File::options().create(true).truncate(false).write(true).open(&self.0)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(format!("{counter:020}\n").as_bytes())
    }
}

/// Sentences for the user on why no mails can be sent, or why they go elsewhere; `counter` is that of the file.
pub fn notes(mail: &MailSettings, state: Option<&SendingState>, counter: Option<i64>) -> Vec<String> {
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
        Some(_) => notes.push(format!("{RESTORED}{RELEASE}")),
        None if counter.is_some_and(|known| known > state.counter) => notes.push(format!("{RESTORED}{RELEASE}")),
        None => {}
    }
    let allowed = mail.daily_max + state.extra;
    if state.sent >= allowed {
        notes.push(format!("注意：今日已发{}封，达到每日上限，其余的明日再发（[mail] daily_max）。今日{RELEASE}", state.sent));
    }
    notes
}

const RESTORED: &str = "注意：发送已暂停：数据库是从备份恢复的，不知道备份之后发过哪些邮件。请先核对duban runs和duban outbox list --state pending，\
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
        let counter = self.counter_file().read().context("cannot read var/sent.count")?;
        let state = self.store.sending().state(&self.clock.today().to_string()).await?;
        Ok(notes(&self.config.settings.mail, Some(&state), counter))
    }

    /// Holds all sending if the database has a lower counter than the file. Returns whether sending is held.
    ///
    /// # Errors
    /// The database or the counter file cannot be read.
    pub async fn guard(&self) -> anyhow::Result<bool> {
        // read before the database, because sending raises the counter there first: a file that is read later could be ahead of it
        let file = self.counter_file();
        let known = file.read().with_context(|| format!("cannot read {}; see \"Restore\" in docs/OPERATIONS.md", file.0.display()))?;
        let state = self.store.sending().state(&self.clock.today().to_string()).await?;
        match known {
            Some(known) if known > state.counter && state.hold.is_none() => {
                let why = format!("数据库的发送计数{}，var/sent.count的计数{known}", state.counter);
                let now = stamp(self.clock.now());
                let entry = AuditEntry { at: &now, who: "duban", why: &why };
                self.store.sending().hold(HoldReason::Restored, entry).await?;
                Ok(true)
            }
            _ => Ok(state.hold.is_some()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_never_goes_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = CounterFile::below(&folder.path().join("var"));
        assert_eq!(file.read().unwrap(), None);
        for (written, expect) in [(7, 7), (3, 7), (1000, 1000)] {
            file.write(written).unwrap();
            assert_eq!(file.read().unwrap(), Some(expect));
        }
        std::fs::write(&file.0, "what?").unwrap();
        assert!(file.read().is_err() && file.write(1001).is_err(), "an unreadable counter is an error, so nothing is sent");
    }
}
