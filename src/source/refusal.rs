//! Why a file is not read, and the limits it is read under.

/// The limits of one file. The child process sets memory and time on itself before it reads.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// Of the file, before it is unpacked.
    pub file_mib_max: u64,
    /// Of the child process.
    pub memory_mib: u64,
    /// Of processor time, and of time altogether.
    pub seconds: u64,
    /// Of one sheet.
    pub rows_max: u32,
    pub columns_max: u32,
}

/// A source that is not read, in words for the clerk.
#[derive(Debug, thiserror::Error)]
#[error("{reason}（{hint}）")]
pub struct Refusal {
    pub reason: String,
    pub hint: String,
}

impl Refusal {
    pub(crate) fn new(reason: impl Into<String>, hint: impl Into<String>) -> Refusal {
        Refusal { reason: reason.into(), hint: hint.into() }
    }
}

/// Why the child stops to read a file.
#[derive(Debug)]
pub(crate) enum ReadError {
    Refused(Refusal),
    /// The rows cannot be handed on: the parent is gone.
    Io(std::io::Error),
}

impl From<Refusal> for ReadError {
    fn from(refusal: Refusal) -> ReadError {
        ReadError::Refused(refusal)
    }
}
