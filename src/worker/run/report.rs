//! The report step: makes the workbooks of the job, and a text document beside each that contains an official paper.

use crate::clock::stamp;
use crate::report::archive;
use crate::report::archive::{ArchiveWriter, ArchivedFile};
use crate::report::{docx, xlsx};
use crate::store::named_records::NamedCodes;
use crate::store::report_pieces::PIECE_BYTES;
use crate::store::reports::{ReportFile, ReportKey, ReportKind};
use crate::store::run_result::RunFault;
use crate::store::runs::Run;
use crate::workbook::balance::check_balance;
use crate::workbook::build::{build, file_name, ledgers_read, named_records};
use crate::workbook::material::Material;
use crate::workbook::model::Workbook;
use crate::workbook::named::NamedRecords;
use crate::workbook::sheets::kinds::SheetKind;
use crate::workbook::template::Template;
use crate::worker::run::context::RunContext;
use crate::worker::run::spill::WorkbookRecords;
use anyhow::Context;
use chrono::NaiveDate;
use std::fs::File;
use std::io::{Read, Write as _};
use std::path::Path;

/// A file of a run that is written but not yet published under its name.
pub(crate) struct UnpublishedFile {
    pub(crate) key: ReportKey,
    pub(crate) name: String,
    pub(crate) contents: ArchiveWriter,
    pub(crate) names: NamedCodes,
}

impl RunContext<'_> {
    /// One workbook, its sums checked, and its text document if it contains an official paper. Both are written in `folder`.
    ///
    /// # Errors
    /// The template is unknown, the sums do not agree, the records cannot be read back, or a file cannot be written.
    pub(crate) fn workbook(&self, name: &str, folder: &Path) -> anyhow::Result<Vec<UnpublishedFile>> {
        let template = self.config.templates.get(name).with_context(|| format!("报表模板{name}不存在"))?;
        let inputs = self.inputs_named();
        let records = WorkbookRecords::new(&self.register.records);
        let material = Material { records: &records, ..self.material(template.audience(), None, &inputs) };
        let file = file_name(template, &material);
        let book = build(template, &material)?;
        balanced(&book).map_err(|fault| anyhow::anyhow!("{file}：{fault}"))?;
        let mut contents = ArchiveWriter::create(folder)?;
        xlsx::render_into(&book, &mut || None, &mut contents)?;
        let document_name = format!("{}.docx", file.trim_end_matches(".xlsx"));
        let key = |kind| ReportKey { template: template.name.clone(), kind, unit: String::new() };
        let names = self.codes_named(named_records(template, &material));
        let mut made = vec![UnpublishedFile { key: key(ReportKind::Workbook), name: file, contents, names: names.clone() }];
        if let Some(document) = docx::render(&book)? {
            let mut contents = ArchiveWriter::create(folder)?;
            contents.write_all(&document)?;
            made.push(UnpublishedFile { key: key(ReportKind::Document), name: document_name, contents, names });
        }
        match records.fault() {
            Some(fault) => anyhow::bail!("{fault}"),
            None => Ok(made),
        }
    }

    /// Makes the job's workbooks and packs. Returns those that could not be made, with the reason.
    ///
    /// # Errors
    /// The database fails, or the packs fail as a whole.
    pub(crate) async fn report(&self, run: &Run) -> anyhow::Result<Vec<RunFault>> {
        let mut faults = Vec::new();
        let folder = format!("reports/{}/{}", self.job.name, folder_of(self.as_of, run.revision));
        let (var, now) = (&self.evaluator.var, || stamp(self.evaluator.clock.now()));
        for name in &self.job.workbooks {
            if let Some(waits) = self.waits_as_paper(name) {
                faults.push(waits);
                continue;
            }
            let written = block_in_place(|| -> anyhow::Result<Vec<ReportFile>> {
                // the job is locked, so no other process writes in this folder
                archive::remove_temporary_files(&var.join(&folder))?;
                let files = self.workbook(name, &var.join(&folder))?;
                files
                    .into_iter()
                    .map(|UnpublishedFile { key, name, contents, names }| {
                        let ArchivedFile { path, sha256, bytes } = contents.publish(&name)?;
                        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                        Ok(ReportFile { key, path: format!("var/{folder}/{name}"), sha256, bytes, names })
                    })
                    .collect()
            });
            match written {
                Ok(made) => {
                    self.store_pieces(&made).await?;
                    self.evaluator.store.reports().add(run, &folder, &made, &now()).await?;
                }
                Err(error) => faults.push(RunFault::Workbook { template: name.clone(), detail: format!("{error:#}") }),
            }
        }
        if !self.job.packs.is_empty() {
            let packs = block_in_place(|| self.write_packs(var, &folder))?;
            // the list may only name files that are there, so it is written after them
            self.store_pieces(&packs.files).await?;
            self.evaluator.store.reports().add(run, &folder, &packs.files, &now()).await?;
            faults.extend(packs.faults);
        }
        Ok(faults)
    }

    /// Why an official paper is not made; `None` = it is, or the workbook is none.
    fn waits_as_paper(&self, name: &str) -> Option<RunFault> {
        let template = self.config.templates.get(name)?;
        let is_paper = template.sheets.iter().any(|sheet| matches!(sheet.kind, SheetKind::Bulletin(_)));
        self.waits_for_data(template).filter(|_| is_paper)
    }

    /// The fault of a paper that reads a ledger of which more than half cannot be relied on; `None` = it reads none.
    pub(crate) fn waits_for_data(&self, template: &Template) -> Option<RunFault> {
        let policy = &self.config.policy;
        let material = self.material(template.audience(), None, &[]);
        let read = ledgers_read(template, &material);
        let old: Vec<&str> = self.data.old_ledgers.intersection(&read).map(|ledger| policy.ledgers[*ledger].title.as_str()).collect();
        let waits = || RunFault::PaperWaits { template: template.name.clone(), ledgers: old.join("、") };
        (!old.is_empty()).then(waits)
    }

    /// Stores files in the database too, where other machines use it.
    async fn store_pieces(&self, files: &[ReportFile]) -> anyhow::Result<()> {
        let reports = self.evaluator.store.reports();
        if !reports.are_shared() {
            return Ok(());
        }
        for ReportFile { path, sha256, .. } in files {
            let place = self.evaluator.var.join(path.strip_prefix("var/").unwrap_or(path));
            let mut file = File::open(&place).with_context(|| format!("cannot read {}", place.display()))?;
            for part in 0.. {
                let mut piece = Vec::new();
                Read::by_ref(&mut file).take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
                if piece.is_empty() {
                    break;
                }
                reports.add_piece(sha256, part, &piece).await?;
            }
        }
        Ok(())
    }

    /// Records by the id of their ledger, as the store has them.
    pub(crate) fn codes_named(&self, named: NamedRecords) -> NamedCodes {
        named.into_iter().map(|(ledger, code)| (self.config.policy.ledgers[ledger].id.clone(), code)).collect()
    }
}

/// The name of the folder of a run's files.
pub(crate) fn folder_of(as_of: NaiveDate, revision: i64) -> String {
    if revision == 0 { as_of.to_string() } else { format!("{as_of}-r{revision}") }
}

/// Runs long work that does not await. On a runtime of several threads the other tasks go on meanwhile.
pub(crate) fn block_in_place<T>(work: impl FnOnce() -> T) -> T {
    match tokio::runtime::Handle::current().runtime_flavor() {
        tokio::runtime::RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// Checks that sums, rates and parts of a workbook agree. The error names the first five discrepancies.
pub(crate) fn balanced(book: &Workbook<'_>) -> Result<(), String> {
    let wrong = check_balance(book);
    if wrong.is_empty() { Ok(()) } else { Err(wrong.iter().take(5).map(ToString::to_string).collect::<Vec<_>>().join("；")) }
}
