//! A file that has ended its reader is not read by the service itself any more: it is noted before it is read, and the note is taken back when
//! that has ended well. A person may try it once more by hand.

use crate::clock::stamp;
use crate::source::refusal::Refusal;
use crate::worker::import::importer::Importer;
use crate::worker::import::input::{Input, OpenInput};
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

impl Importer {
    /// Notes that an open file is about to be read.
    ///
    /// # Errors
    /// It has ended its reader before, and the service reads it by itself; or the database fails.
    pub(crate) async fn begin_guarded(&self, input: &Input, open: &OpenInput, initiative: Initiative) -> Result<(), PullError> {
        let Some(sha256) = open.sha256() else { return Ok(()) };
        let readings = self.store.readings();
        if initiative == Initiative::Service
            && let Some(unended) = readings.unended(sha256).await?
            && (unended.ended_reader || unended.attempts >= ATTEMPTS_MAX)
        {
            let what = if unended.ended_reader { "解析进程中断" } else { "本程序未能读完" };
            let reason = format!("该文件曾使{what}（{}），不再自动读取", &unended.begun_at[..unended.begun_at.len().min(10)]);
            let hint = "请用Excel或WPS打开核对后另存为新文件；确需再试的，由人执行duban import或duban pull";
            return Err(PullError::Refused { file: input.place(), refusal: Refusal::new(reason, hint) });
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
