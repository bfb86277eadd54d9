//! The report step: the workbooks of the job, and the official papers beside them.

use crate::report::archive;
use crate::report::archive::{ArchiveWriter, ArchivedFile};
use crate::report::{docx, xlsx};
use crate::store::runs::Run;
use crate::workbook::balance::tie_out;
use crate::workbook::build::{build, file_name};
use crate::workbook::material::{Audience, Material};
use crate::workbook::model::Workbook;
use crate::worker::run::context::Stage;
use crate::worker::run::spill::Watched;
use anyhow::Context;
use chrono::NaiveDate;
use std::io::Write as _;
use std::path::Path;

impl Stage<'_> {
    /// One workbook, its sums checked, and the text document beside it where it holds an official paper, with their names; written in
    /// `folder`, for the caller to keep.
    pub(crate) fn workbook(&self, name: &str, folder: &Path) -> anyhow::Result<Vec<(String, ArchiveWriter)>> {
        let template = self.config.templates.get(name).with_context(|| format!("报表模板{name}不存在"))?;
        let inputs = self.inputs_named();
        let records = Watched::new(&self.reading.records);
        let material = Material { records: &records, ..self.material(Audience::Office, None, &inputs) };
        let file = file_name(template, &material);
        let book = build(template, &material);
        balanced(&book).map_err(|fault| anyhow::anyhow!("{file}：{fault}"))?;
        let mut part = ArchiveWriter::create(folder)?;
        xlsx::render_into(&book, &mut || None, &mut part)?;
        let mut made = vec![(file, part)];
        if let Some(document) = docx::render(&book)? {
            let mut part = ArchiveWriter::create(folder)?;
            part.write_all(&document)?;
            made.push((format!("{}.docx", made[0].0.trim_end_matches(".xlsx")), part));
        }
        match records.fault() {
            Some(fault) => anyhow::bail!("{fault}"),
            None => Ok(made),
        }
    }

    /// Makes the job's workbooks. Returns what could not be made.
    pub(crate) async fn report(&self, run: &Run) -> anyhow::Result<Vec<String>> {
        let mut faults = Vec::new();
        let folder = format!("reports/{}/{}", self.job.name, folder_of(self.as_of, run.revision));
        let var = &self.evaluator.var;
        for name in &self.job.workbooks {
            let written = beside_the_runtime(|| -> anyhow::Result<Vec<(String, String, u64)>> {
                // the job's lock keeps every other writer out of this folder
                archive::remove_temporary_files(&var.join(&folder))?;
                let files = self.workbook(name, &var.join(&folder))?;
                files
                    .into_iter()
                    .map(|(file, part)| {
                        let ArchivedFile { path, sha256, bytes } = part.publish(&file)?;
                        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                        Ok((format!("var/{folder}/{name}"), sha256, bytes))
                    })
                    .collect()
            });
            match written {
                Ok(made) => self.evaluator.store.reports().add(run, &made).await?,
                Err(error) => faults.push(format!("{name}：{error:#}")),
            }
        }
        if !self.job.packs.is_empty() {
            let (made, failed) = beside_the_runtime(|| self.write_packs(var, &folder))?;
            // what stands in the list is on disk, so the entries wait for the files
            self.evaluator.store.reports().add(run, &made).await?;
            faults.extend(failed);
        }
        Ok(faults)
    }
}

/// Name of the folder of a run's files.
pub(crate) fn folder_of(as_of: NaiveDate, revision: i64) -> String {
    if revision == 0 { as_of.to_string() } else { format!("{as_of}-r{revision}") }
}

/// Long work without a pause: on a runtime of several threads the others go on meanwhile.
pub(crate) fn beside_the_runtime<T>(work: impl FnOnce() -> T) -> T {
    match tokio::runtime::Handle::current().runtime_flavor() {
        tokio::runtime::RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// Sums, rates and parts agree before a workbook is released.
pub(crate) fn balanced(book: &Workbook<'_>) -> Result<(), String> {
    let wrong = tie_out(book);
    if wrong.is_empty() { Ok(()) } else { Err(wrong.iter().take(5).map(ToString::to_string).collect::<Vec<_>>().join("；")) }
}
