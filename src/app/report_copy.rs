//! The file of a report on this machine: the one that was made here, or a copy of the pieces in the database that another machine has made.

use crate::app::compose::App;
use crate::store::reports::ReportFile;
use anyhow::{Context, ensure};
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::TempPath;

/// A file to hand out.
pub(crate) enum ReportCopy {
    /// It lies where it was made.
    Own(PathBuf),
    /// It is removed with this value.
    Fetched(TempPath),
}

impl ReportCopy {
    pub(crate) fn path(&self) -> &Path {
        match self {
            ReportCopy::Own(path) => path,
            ReportCopy::Fetched(path) => path,
        }
    }
}

/// The file of a report. One that is neither here nor in the database is named by its place all the same: whoever opens it finds it gone.
///
/// # Errors
/// The database fails, or the copy cannot be written or is not whole.
pub(crate) async fn report_copy(app: &App, file: &ReportFile) -> anyhow::Result<ReportCopy> {
    let (own, reports) = (app.root().join(&file.path), app.store().reports());
    let is_here = std::fs::metadata(&own).is_ok_and(|found| found.len() == file.bytes);
    let first = if is_here { None } else { reports.piece(&file.sha256, 0).await? };
    let Some(mut piece) = first else { return Ok(ReportCopy::Own(own)) };
    let mut copy = tempfile::Builder::new().prefix("report-").tempfile_in(app.root().join("var")).context("a file for a report")?;
    let (mut part, mut bytes) = (0, 0);
    loop {
        copy.write_all(&piece).context("a copy of a report")?;
        (part, bytes) = (part + 1, bytes + piece.len() as u64);
        match reports.piece(&file.sha256, part).await? {
            Some(next) => piece = next,
            None => break,
        }
    }
    ensure!(bytes == file.bytes, "the database holds {bytes} of {} bytes of {}", file.bytes, file.path);
    Ok(ReportCopy::Fetched(copy.into_temp_path()))
}
