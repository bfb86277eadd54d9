//! The exit codes of the commands.

use std::process::ExitCode;

/// How a command ended. The numbers are the documented exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    /// Done in part; the output names the rest.
    Partial = 2,
    /// A snapshot is held until a person releases it.
    Held = 3,
}

impl Exit {
    /// The worse of two results: failed, then held, then partial, then done.
    pub(crate) fn or_worse(self, other: Exit) -> Exit {
        if self == Exit::Failed { self } else { std::cmp::max_by_key(self, other, |exit| *exit as u8) }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
