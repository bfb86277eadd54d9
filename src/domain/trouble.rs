//! What needs a person before the service works as it should: `duban status` lists it, and the operator hears of its beginning and its end.

/// With less room on the disk the next report may not be written.
pub const DISK_BYTES_MIN: u64 = 1 << 30;

/// A kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TroubleKind {
    Clock,
    SendingHeld,
    NumberingHeld,
    ConfigWaiting,
    SourceStale,
    SourceFailed,
    HeldSnapshot,
    RunFailed,
    RunPartial,
    MailDead,
    Calendar,
    Disk,
    Database,
    ParserWeak,
    DraftsUnsigned,
    RestrictedFlood,
}

impl TroubleKind {
    pub fn code(self) -> &'static str {
        match self {
            TroubleKind::Clock => "clock",
            TroubleKind::SendingHeld => "sending-held",
            TroubleKind::NumberingHeld => "numbering-held",
            TroubleKind::ConfigWaiting => "config-waiting",
            TroubleKind::SourceStale => "source-stale",
            TroubleKind::SourceFailed => "source-failed",
            TroubleKind::HeldSnapshot => "held-snapshot",
            TroubleKind::RunFailed => "run-failed",
            TroubleKind::RunPartial => "run-partial",
            TroubleKind::MailDead => "mail-dead",
            TroubleKind::Calendar => "calendar",
            TroubleKind::Disk => "disk",
            TroubleKind::Database => "database",
            TroubleKind::ParserWeak => "parser-weak",
            TroubleKind::DraftsUnsigned => "drafts-unsigned",
            TroubleKind::RestrictedFlood => "restricted-flood",
        }
    }
}

/// Something that needs a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub kind: TroubleKind,
    /// What it is about, such as a source or a job; troubles of one kind differ in it.
    pub about: String,
    /// The time or the day since which it lasts, as far as it is known; empty = not known.
    pub since: String,
    /// What is wrong and what to do, in Chinese, without a full stop. It names no project and no person.
    pub text: String,
}

/// A trouble that was reported to the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedTrouble {
    pub kind: TroubleKind,
    pub about: String,
    pub text: String,
    /// Since when it is not found any more, as minutes before now; `None` = it is found.
    pub gone_for: Option<i64>,
}

/// For so many minutes a trouble may be absent before its end is reported: one that comes and goes makes no storm.
pub const GONE_MINUTES: i64 = 30;

/// What has changed since the last report. Indices of the lists that were compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TroubleChanges {
    /// Of the troubles now: they are new.
    pub begun: Vec<usize>,
    /// Of those reported: they are over.
    pub ended: Vec<usize>,
    /// Of those reported: they are absent since now.
    pub gone: Vec<usize>,
    /// Of those reported: they were absent for a while.
    pub back: Vec<usize>,
}

/// Compares the troubles now with those that were reported.
pub fn trouble_changes(reported: &[ReportedTrouble], now: &[Trouble]) -> TroubleChanges {
    let is_same = |known: &ReportedTrouble, now: &Trouble| (known.kind, &known.about) == (now.kind, &now.about);
    let mut changes = TroubleChanges::default();
    for (index, trouble) in now.iter().enumerate() {
        if !reported.iter().any(|known| is_same(known, trouble)) {
            changes.begun.push(index);
        }
    }
    for (index, known) in reported.iter().enumerate() {
        match (now.iter().any(|trouble| is_same(known, trouble)), known.gone_for) {
            (true, Some(_)) => changes.back.push(index),
            (true, None) => {}
            (false, None) => changes.gone.push(index),
            (false, Some(minutes)) if minutes >= GONE_MINUTES => changes.ended.push(index),
            (false, Some(_)) => {}
        }
    }
    changes
}

impl TroubleKind {
    pub const ALL: [TroubleKind; 16] = [
        TroubleKind::Clock,
        TroubleKind::SendingHeld,
        TroubleKind::NumberingHeld,
        TroubleKind::ConfigWaiting,
        TroubleKind::SourceStale,
        TroubleKind::SourceFailed,
        TroubleKind::HeldSnapshot,
        TroubleKind::RunFailed,
        TroubleKind::RunPartial,
        TroubleKind::MailDead,
        TroubleKind::Calendar,
        TroubleKind::Disk,
        TroubleKind::Database,
        TroubleKind::ParserWeak,
        TroubleKind::DraftsUnsigned,
        TroubleKind::RestrictedFlood,
    ];

    pub fn parse(code: &str) -> Option<TroubleKind> {
        TroubleKind::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Whether it is reported to the operator. That drafts wait for a signature is the office's daily work.
    pub fn is_reported(self) -> bool {
        self != TroubleKind::DraftsUnsigned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(kind: TroubleKind, about: &str) -> Trouble {
        Trouble { kind, about: about.into(), since: String::new(), text: "x".into() }
    }

    fn known(kind: TroubleKind, about: &str, gone_for: Option<i64>) -> ReportedTrouble {
        ReportedTrouble { kind, about: about.into(), text: "x".into(), gone_for }
    }

    #[test]
    fn a_trouble_is_reported_once_and_ended_once() {
        use TroubleKind::{Disk, SourceFailed};
        let changes = trouble_changes(&[], &[now(SourceFailed, "a"), now(Disk, "")]);
        assert_eq!(changes, TroubleChanges { begun: vec![0, 1], ..TroubleChanges::default() });
        let reported = [known(SourceFailed, "a", None), known(SourceFailed, "b", Some(5)), known(Disk, "", Some(GONE_MINUTES))];
        let changes = trouble_changes(&reported, &[now(SourceFailed, "b"), now(SourceFailed, "c")]);
        assert_eq!(changes, TroubleChanges { begun: vec![1], ended: vec![2], gone: vec![0], back: vec![1] });
        let quiet = [known(SourceFailed, "a", None), known(Disk, "", Some(GONE_MINUTES - 1))];
        assert_eq!(trouble_changes(&quiet, &[now(SourceFailed, "a")]), TroubleChanges::default());
        for kind in TroubleKind::ALL {
            assert_eq!(TroubleKind::parse(kind.code()), Some(kind));
        }
    }
}
