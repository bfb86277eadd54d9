//! The file of a report on this machine: the one that was made here, or a copy of the pieces in the database that another machine has made.

use crate::app::compose::App;
use crate::report::bundle::Missing;
use crate::store::reports::ReportFile;
use anyhow::{Context, ensure};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use tempfile::TempPath;

/// A file to hand out.
pub(crate) enum HandedFile {
    /// It lies where it was made.
    Own(PathBuf),
    /// It is removed with this value.
    Fetched(TempPath),
}

impl HandedFile {
    pub(crate) fn path(&self) -> &Path {
        match self {
            HandedFile::Own(path) => path,
            HandedFile::Fetched(path) => path,
        }
    }
}

/// The file of a report, or why there is none.
pub(crate) enum ReportCopy {
    File(HandedFile),
    Missing(Missing),
}

/// Whether a file is what was made; `None` = it is. A link in its place would give out whatever it leads to.
fn missing(path: &Path, file: &ReportFile) -> io::Result<Option<Missing>> {
    let facts = match path.symlink_metadata() {
        Ok(facts) if facts.is_file() => facts,
        Ok(_) => return Ok(Some(Missing::Gone)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(Missing::Gone)),
        Err(error) => return Err(error),
    };
    if facts.len() != file.bytes {
        return Ok(Some(Missing::Altered));
    }
    let (mut input, mut digest) = (File::open(path)?, ring::digest::Context::new(&ring::digest::SHA256));
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match input.read(&mut buffer)? {
            0 => break,
            bytes => digest.update(&buffer[..bytes]),
        }
    }
    Ok((hex::encode(digest.finish()) != file.sha256).then_some(Missing::Altered))
}

/// Bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;

/// The file of a report, as it was made.
///
/// # Errors
/// The file cannot be read, the database fails, or the copy cannot be written or is not whole.
pub(crate) async fn report_copy(app: &App, file: &ReportFile) -> anyhow::Result<ReportCopy> {
    let (own, reports) = (app.root().join(&file.path), app.store().reports());
    let (path, expected) = (own.clone(), file.clone());
    let compared = tokio::task::spawn_blocking(move || missing(&path, &expected)).await?;
    let missing = match compared.with_context(|| format!("cannot read {}", file.path))? {
        None => return Ok(ReportCopy::File(HandedFile::Own(own))),
        Some(missing) => missing,
    };
    let Some(mut piece) = reports.piece(&file.sha256, 0).await? else { return Ok(ReportCopy::Missing(missing)) };
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
    Ok(ReportCopy::File(HandedFile::Fetched(copy.into_temp_path())))
}
