//! The report step: makes the workbooks of the job, and a text document beside each that contains an official paper.

use crate::clock::stamp;
use crate::domain::register::period::chinese_date;
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
use crate::worker::run::earlier_files::EarlierFiles;
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
    /// One workbook that bears a day, its sums checked, and its text document if it contains an official paper. Both are written in `folder`.
    ///
    /// # Errors
    /// The template is unknown, the sums do not agree, the records cannot be read back, or a file cannot be written.
    pub(crate) fn workbook(&self, name: &str, folder: &Path, dated: NaiveDate) -> anyhow::Result<Vec<UnpublishedFile>> {
        let template = self.config.templates.get(name).with_context(|| format!("报表模板{name}不存在"))?;
        let inputs = self.inputs_named();
        let records = WorkbookRecords::new(&self.register.records);
        let data_line = self.data_line(template);
        let material =
            Material { records: &records, data_line: &data_line, ..self.material_dated(dated, template.audience(), None, &inputs) };
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

    /// A workbook with its document: those of an earlier revision, if nothing but their day would change, else new ones.
    fn earlier_or_new(&self, name: &str, folder: &str, earlier: &EarlierFiles) -> anyhow::Result<Vec<ReportFile>> {
        let (var, made_in) = (&self.evaluator.var, self.evaluator.var.join(folder));
        // the job is locked, so no other process writes in this folder
        archive::remove_temporary_files(&made_in)?;
        let mut made = None;
        let key = ReportKey { template: name.to_owned(), kind: ReportKind::Workbook, unit: String::new() };
        if let Some(day) = earlier.day_of(&key) {
            let files = self.workbook(name, &made_in, day)?;
            let root = var.parent().unwrap_or(var);
            let same = files.iter().map(|file| earlier.same(root, &file.key, &file.contents.sha256()));
            if let Some(files) = same.collect::<Option<Vec<_>>>() {
                return Ok(files);
            }
            made = (day == self.made_on).then_some(files);
        }
        let files = match made {
            Some(files) => files,
            None => self.workbook(name, &made_in, self.made_on)?,
        };
        let publish = |UnpublishedFile { key, name, contents, names }| {
            let ArchivedFile { path, sha256, bytes } = contents.publish(&name)?;
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            Ok(ReportFile { key, path: format!("var/{folder}/{name}"), sha256, bytes, names })
        };
        files.into_iter().map(publish).collect()
    }

    /// Makes the job's workbooks and packs. Returns those that could not be made, with the reason.
    ///
    /// # Errors
    /// The database fails, or the packs fail as a whole.
    pub(crate) async fn report(&self, run: &Run) -> anyhow::Result<Vec<RunFault>> {
        let mut faults = Vec::new();
        let folder = format!("reports/{}/{}", self.job.name, folder_of(self.as_of, run.revision));
        let (var, now) = (&self.evaluator.var, || stamp(self.evaluator.clock.now()));
        let earlier = EarlierFiles::before(&self.evaluator.store, run).await?;
        for name in &self.job.workbooks {
            if let Some(waits) = self.waits_as_paper(name) {
                faults.push(waits);
                continue;
            }
            let written = block_in_place(|| self.earlier_or_new(name, &folder, &earlier));
            match written {
                Ok(made) => {
                    self.store_pieces(&made).await?;
                    self.evaluator.store.reports().add(run, &folder, &made, &now()).await?;
                }
                Err(error) => faults.push(RunFault::Workbook { template: name.clone(), detail: format!("{error:#}") }),
            }
        }
        if !self.job.packs.is_empty() {
            let packs = block_in_place(|| self.write_packs(var, &folder, &earlier))?;
            // the list may only name files that are there, so it is written after them
            self.store_pieces(&packs.files).await?;
            self.evaluator.store.reports().add(run, &folder, &packs.files, &now()).await?;
            faults.extend(packs.faults);
        }
        if run.revision > 0 {
            // where every file is an earlier one, the folder is empty; one that is not stays
            let _ = std::fs::remove_dir(var.join(&folder));
        }
        Ok(faults)
    }

    /// Why an official paper is not made; `None` = it is, or the workbook is none.
    fn waits_as_paper(&self, name: &str) -> Option<RunFault> {
        let template = self.config.templates.get(name)?;
        let is_paper = template.sheets.iter().any(|sheet| matches!(sheet.kind, SheetKind::Bulletin(_)));
        self.waits_for_data(template).filter(|_| is_paper)
    }

    /// The fault of a paper that reads a ledger of which more than half cannot be relied on; `None` = it reads none, or a person has had it made.
    pub(crate) fn waits_for_data(&self, template: &Template) -> Option<RunFault> {
        let old = self.old_ledgers_of(template);
        let titles = || old.iter().map(|ledger| self.config.policy.ledgers[*ledger].title.as_str()).collect::<Vec<_>>().join("、");
        let waits = || RunFault::PaperWaits { template: template.name.clone(), ledgers: titles() };
        (!self.accepts_old_data && !old.is_empty()).then(waits)
    }

    /// The ledgers that a template reads and of which more than half cannot be relied on.
    fn old_ledgers_of(&self, template: &Template) -> Vec<usize> {
        let material = self.material(template.audience(), None, &[]);
        self.data.old_ledgers.intersection(&ledgers_read(template, &material)).copied().collect()
    }

    /// The first line of a paper that a person has had made from old data: of which day they are. Empty for any other.
    pub(crate) fn data_line(&self, template: &Template) -> String {
        if !self.accepts_old_data {
            return String::new();
        }
        let of = |ledger: usize| {
            let ledger = &self.config.policy.ledgers[ledger];
            let days = self.data.conditions.iter().filter(|condition| condition.ledger == ledger.id && !condition.is_current());
            days.map(|condition| condition.data_day).min().map(|day| format!("{}数据截至{}", ledger.title, chinese_date(day)))
        };
        self.old_ledgers_of(template).into_iter().filter_map(of).collect::<Vec<_>>().join("；")
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
