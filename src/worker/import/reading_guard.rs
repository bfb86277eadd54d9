//! A file that has ended its reader is not read by the service itself any more: it is noted before it is read, and the note is taken back when
//! that has ended well. A person may try it once more by hand.

use crate::clock::stamp;
use crate::source::child::Rows;
use crate::source::refusal::Refusal;
use crate::store::readings::UnendedReading;
use crate::worker::import::importer::Importer;
use crate::worker::import::input::Input;
use crate::worker::import::pull_report::PullError;

/// Who wants a file to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Initiative {
    /// The service, on its schedule.
    #[default]
    Service,
    /// A person, who names the file or the source.
    Person,
}

/// So often the program may have ended while it read a file, for instance because it was stopped.
const ATTEMPTS_MAX: i64 = 3;

/// What a person may do about such a file.
pub const HINT: &str = "请用Excel或WPS打开核对后另存为新文件；确需再试的，由人执行duban import或duban pull";

/// Why the service does not read a file by itself any more; `None` = it does.
pub fn left_to_a_person(unended: &UnendedReading) -> Option<String> {
    let what = match (unended.ended_reader, unended.attempts >= ATTEMPTS_MAX) {
        (true, _) => "解析进程中断",
        (false, true) => "本程序未能读完",
        (false, false) => return None,
    };
    Some(format!("曾使{what}（{}），不再自动读取", &unended.begun_at[..unended.begun_at.len().min(10)]))
}

impl Importer {
    /// Notes that an open file is about to be read.
    ///
    /// # Errors
    /// It has ended its reader before, and the service reads it by itself; or the database fails.
    pub(crate) async fn begin_guarded(&self, input: &Input, open: &Rows, initiative: Initiative) -> Result<(), PullError> {
        let Some(sha256) = open.sha256() else { return Ok(()) };
        let readings = self.store.readings();
        if initiative == Initiative::Service
            && let Some(unended) = readings.unended(sha256).await?
            && let Some(reason) = left_to_a_person(&unended)
        {
            return Err(PullError::Refused { file: input.place(), refusal: Refusal::new(format!("该文件{reason}"), HINT) });
        }
        Ok(readings.begin(sha256, &input.name(), &stamp(self.clock.now())).await?)
    }

    /// Takes the note back unless the reading ended badly, and returns the result of the reading.
    ///
    /// # Errors
    /// The database fails, or the reading has.
    pub(crate) async fn end_guarded<T>(&self, sha256: Option<String>, result: Result<T, PullError>) -> Result<T, PullError> {
        let Some(sha256) = sha256 else { return result };
        let readings = self.store.readings();
        let noted = match &result {
            Err(PullError::ReaderEnded { .. }) => readings.ended_reader(&sha256).await,
            _ => readings.end_well(&sha256).await,
        };
        // where both fail the reading has failed first
        let read = result?;
        noted?;
        Ok(read)
    }
}
