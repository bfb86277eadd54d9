//! One pull: the rows of a file or a query become snapshots of the ledgers found in it, in one transaction.

use crate::clock::stamp;
use crate::config::source_settings::SourceSettings;
use crate::domain::intake::file::LedgerIntake;
use crate::domain::intake::note::{Note, NoteKind, SheetAccount};
use crate::domain::register::ledger::Ledger;
use crate::domain::register::snapshot::{Comparison, held_because};
use crate::domain::rules::policy::Policy;
use crate::source::child::Rows;
use crate::source::refusal::Refusal;
use crate::store::audit::AuditEntry;
use crate::store::database::StoreError;
use crate::store::pulls::{NewSnapshot, Pull};
use crate::store::restrictions::FileMarks;
use crate::store::snapshot_writer::Difference;
use crate::store::snapshots::{FileOrigin, Snapshot, SnapshotState};
use crate::worker::deliver::withhold::withhold;
use crate::worker::ended::end_dependents;
use crate::worker::import::file_reader::{FileReader, LedgerWriter};
use crate::worker::import::importer::Importer;
use crate::worker::import::input::{Input, Reading, resolve};
use crate::worker::import::known_marks::state_secrets;
use crate::worker::import::pull_report::{LedgerPull, PullError, PullReport, idle_rules, interrupted, lost_columns, ownerless};
use crate::worker::import::reading_guard::Initiative;
use crate::worker::import::row_cache::reading_of;
use crate::worker::import::taken::{Purpose, Task};
use crate::worker::progress::progress;
use chrono::NaiveDate;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a pull reads, and how.
#[derive(Clone, Debug)]
pub struct PullRequest {
    pub input: Input,
    pub source: String,
    pub sample: bool,
    /// 数据截至日 given by hand.
    pub covers_on: Option<NaiveDate>,
    /// Bring the snapshot into force even if the brake would hold it.
    pub accept: bool,
    /// Only this ledger.
    pub only: Option<String>,
}

/// The order of a person to read a source, as the audit records it.
#[derive(Clone, Debug)]
pub struct PullOrder<'a> {
    pub what: String,
    pub who: &'a str,
    pub why: &'a str,
}

/// What the snapshots of one file have in common.
struct FileFacts<'a> {
    file: &'a str,
    sha256: &'a str,
    /// The day that some sheet of the file gives; it counts for sheets that give none.
    covers_on: Option<NaiveDate>,
    /// All sheets of the file.
    sheets: Vec<String>,
    taken_at: String,
    /// Headers about which the office has to decide before anything of the file comes into force.
    undecided: Vec<String>,
    /// A sheet that is not read and has secrecy in its name.
    marked_unread: Option<String>,
    proposals: Vec<(String, String)>,
    /// Who orders the pull, and why.
    who: &'a str,
    why: &'a str,
}

impl Importer {
    /// Pulls a configured source.
    ///
    /// # Errors
    /// As [`Importer::pull`], or the source has nothing to read.
    pub async fn pull_source(&self, source: &SourceSettings, accept: bool, initiative: Initiative) -> Result<PullReport, PullError> {
        self.pull_source_by(source, accept, initiative, None).await
    }

    /// Pulls a configured source on a person's order, which is recorded.
    ///
    /// # Errors
    /// As [`Importer::pull_source`].
    pub async fn pull_source_by(
        &self,
        source: &SourceSettings,
        accept: bool,
        initiative: Initiative,
        order: Option<&PullOrder<'_>>,
    ) -> Result<PullReport, PullError> {
        let pulled = self.pull_from(source, accept, initiative, order).await;
        let failure = match &pulled {
            Ok(_) => String::new(),
            // where the database fails, nobody knows about the source
            Err(PullError::Store(_)) => return pulled,
            Err(error) => error.to_string(),
        };
        self.store.source_checks().record(&source.name, &failure, &stamp(self.clock.now())).await?;
        pulled
    }

    async fn pull_from(
        &self,
        source: &SourceSettings,
        accept: bool,
        initiative: Initiative,
        order: Option<&PullOrder<'_>>,
    ) -> Result<PullReport, PullError> {
        let resolved = resolve(&self.root, self.clock.now(), self.config.settings.limits.columns_max, source)?;
        if let Some(picked) = &resolved.picked {
            tracing::info!(source = %source.name, picked, "a file was chosen");
        }
        let request =
            PullRequest { input: resolved.input, source: source.name.clone(), sample: source.sample, covers_on: None, accept, only: None };
        let report = self.pull_for(&self.config.policy, &request, initiative, order).await?;
        Ok(PullReport { picked: resolved.picked, ..report })
    }

    /// Reads a file or a query into snapshots, as a person wants it.
    ///
    /// # Errors
    /// The file is refused or the database fails; nothing is changed then.
    pub async fn pull(&self, policy: &Policy, request: &PullRequest) -> Result<PullReport, PullError> {
        self.pull_for(policy, request, Initiative::Person, None).await
    }

    /// Reads a file or a query on a person's order, which is recorded in the transaction of the pull.
    ///
    /// # Errors
    /// As [`Importer::pull`].
    pub async fn pull_by(&self, policy: &Policy, request: &PullRequest, order: &PullOrder<'_>) -> Result<PullReport, PullError> {
        self.pull_for(policy, request, Initiative::Person, Some(order)).await
    }

    /// As [`Importer::pull`]; the service does not read a file by itself that has ended its reader before.
    async fn pull_for(
        &self,
        policy: &Policy,
        request: &PullRequest,
        initiative: Initiative,
        order: Option<&PullOrder<'_>>,
    ) -> Result<PullReport, PullError> {
        let refuse = |refusal: Refusal| PullError::Refused { file: request.input.place(), refusal };
        let input = self.open_input(&request.input, initiative).await.map_err(refuse)?;
        self.begin_guarded(&request.input, &input, initiative).await?;
        let sha256 = input.sha256().map(str::to_owned);
        let read = self.pull_open(policy, request, order, input).await;
        let report = self.end_guarded(sha256, read).await?;
        end_dependents(&self.store, &self.config, self.clock.now(), self.clock.today()).await?;
        Ok(report)
    }

    /// Reads an open file or a query into snapshots.
    async fn pull_open(
        &self,
        policy: &Policy,
        request: &PullRequest,
        order: Option<&PullOrder<'_>>,
        input: Rows,
    ) -> Result<PullReport, PullError> {
        let file = request.input.name();
        let refuse = |refusal: Refusal| PullError::Refused { file: request.input.place(), refusal };
        let mut ledgers: Vec<Ledger> = match &request.only {
            None => policy.ledgers.clone(),
            Some(only) => policy.ledgers.iter().filter(|ledger| ledger.id == *only).cloned().collect(),
        };
        request.input.adapt(&mut ledgers);
        let decisions = self.store.restrictions().header_decisions(&request.source).await?;
        let fields = self.store.restrictions().field_headers(&request.source).await?;
        for ledger in &mut ledgers {
            ledger.secrecy = Arc::new(ledger.secrecy.with_decisions(decisions.clone()));
            let decided = fields.iter().filter_map(|(header, word)| Some((header.clone(), ledger.field_meant(word)?)));
            ledger.decided_headers = decided.collect();
        }
        let sha256_of_file = input.sha256().unwrap_or_default().to_owned();
        let rows_max = request.input.rows_max().unwrap_or_default().max(self.config.settings.limits.rows_max);
        let task = Task::new(Purpose::Register, &ledgers, &policy.units, self.clock.today(), rows_max, reading_of(&self.config));
        let row_bytes_max = input.packed_bytes_max();
        // a database that does not answer keeps no other pull waiting; a file has been copied, and its reader's time runs while it waits
        let (mut pull, reading, first) = match &input {
            Rows::File(_) => (self.store.pulls().begin().await?, self.begin_taking_in(input, &task).map_err(refuse)?, None),
            Rows::Query(_) => {
                let mut reading = self.begin_taking_in(input, &task).map_err(refuse)?;
                let first = reading.blocks.recv().await;
                (self.store.pulls().begin().await?, reading, first)
            }
        };
        let Reading { blocks, answers, ended } = reading;
        let mut reader =
            FileReader::new(&self.store, policy, &ledgers, &request.source, request.input.place(), rows_max, row_bytes_max, answers);
        if let Input::File(_) = &request.input {
            reader.intake.check_file_name(&file);
        }
        let progress = progress(&format!("读取 {file}"));
        let rows = reader.read(&mut pull, (first, blocks), &progress).await;
        progress.finish_and_clear();
        if let Err(error) = rows {
            // the first error is the one to report
            let rolled_back = pull.rollback().await;
            if !matches!(error, PullError::Store(_)) {
                rolled_back?;
                self.restrict_refused(request, reader, &sha256_of_file).await?;
            }
            return Err(error);
        }
        let read = ended.await.map_err(|error| refuse(interrupted(error)))?;
        let sha256 = match read {
            Ok(sha256) => sha256,
            Err(failure) => {
                pull.rollback().await?;
                self.restrict_refused(request, reader, &sha256_of_file).await?;
                return Err(PullError::of(request.input.place(), failure));
            }
        };
        if let Err(error) = reader.check_end() {
            pull.rollback().await?;
            return Err(error);
        }
        if !reader.intake.classified.is_empty() {
            pull.rollback().await?;
            let refusal = state_secrets(&reader.intake.classified, &reader.intake.sheets);
            self.restrict_refused(request, reader, &sha256).await?;
            return Err(refuse(refusal));
        }
        if reader.intake.by_ledger.is_empty() {
            pull.rollback().await?;
            return Err(refuse(no_ledger_found(&ledgers, &reader.intake.unread)));
        }
        let mut report = self.finish_pull(policy, request, order, pull, reader, &file, &sha256).await?;
        if report.ledgers.iter().any(|ledger| ledger.restricted > 0) {
            report.withheld = withhold(&self.store, &self.config, &self.clock).await?.len() as u64;
        }
        self.write_intake_report(policy, &request.source, &mut report).await;
        for ledger in &report.ledgers {
            tracing::info!(
                file = %report.file, ledger = %ledger.ledger, seq = ledger.seq, accepted = ledger.accepted, quarantined = ledger.quarantined,
                skipped = ledger.skipped, "known_again" = ledger.unchanged, state = ledger.state.map_or("identical", SnapshotState::code), "pulled"
            );
        }
        Ok(report)
    }

    /// Finishes the snapshots of all ledgers of a file and commits them.
    #[allow(clippy::too_many_arguments, reason = "what was read, for whom, and where it goes")]
    async fn finish_pull(
        &self,
        policy: &Policy,
        request: &PullRequest,
        order: Option<&PullOrder<'_>>,
        mut pull: Pull,
        reader: FileReader<'_>,
        file: &str,
        sha256: &str,
    ) -> Result<PullReport, PullError> {
        let FileReader { intake, mut writers, .. } = reader;
        let undecided: BTreeSet<String> = intake.by_ledger.values().flat_map(|ledger| &ledger.undecided).cloned().collect();
        let accounts = intake.by_ledger.values().flat_map(|ledger| &ledger.accounts);
        let proposals: BTreeSet<(String, String)> = accounts.flat_map(|account| &account.proposals).cloned().collect();
        let secrecy = intake.by_ledger.values().next().map(|ledger| &ledger.ledger.secrecy);
        let is_marked = |name: &str| secrecy.is_some_and(|secrecy| secrecy.restricting_line(name).is_some());
        let marked_unread = intake.unread.iter().find(|(name, _)| is_marked(name)).map(|(name, _)| name.clone());
        let mut report = PullReport { file: file.to_owned(), unread: intake.unread, sha256: sha256.to_owned(), ..PullReport::default() };
        let facts = FileFacts {
            file,
            sha256,
            covers_on: intake.by_ledger.values().find_map(|ledger| ledger.covers_on),
            sheets: intake.sheets,
            taken_at: stamp(self.clock.now()),
            undecided: undecided.into_iter().collect(),
            marked_unread,
            proposals: proposals.into_iter().collect(),
            who: order.map_or("duban", |order| order.who),
            why: order.map_or("", |order| order.why),
        };
        // a ledger does not begin with a header that has no rows below it; one that had rows before is subject to the brake
        let mut targets = Vec::new();
        for (id, ledger) in intake.by_ledger {
            let Some(writer) = writers.remove(&id) else { continue };
            if writer.writer.seq == 1 && ledger.accounts.iter().all(|account| account.read == 0) {
                report.unread.extend(ledger.accounts.into_iter().map(|account| (account.sheet, "表头下面没有数据".to_owned())));
            } else {
                targets.push((ledger, writer));
            }
        }
        if targets.is_empty() {
            pull.rollback().await?;
            let refusal = Refusal::new("表头下面没有数据", "请核对是否选错了文件或工作表");
            return Err(PullError::Refused { file: request.input.place(), refusal });
        }
        // the rows of all ledgers before the first snapshot: behind it no piece of a pull is written any more
        let mut ended = Vec::new();
        for (ledger, mut writer) in targets {
            let difference = finish_rows(&mut pull, &ledger, &mut writer).await?;
            ended.push((ledger, writer, difference));
        }
        for (ledger, writer, difference) in ended {
            report.ledgers.push(self.finish_ledger(request, &mut pull, ledger, writer, difference, &facts).await?);
        }
        if let Some(PullOrder { what, who, why }) = order {
            let taken = report.ledgers.iter().map(|ledger| {
                format!("{}/{}/{} {}", ledger.ledger, request.source, ledger.seq, ledger.state.map_or("identical", SnapshotState::code))
            });
            let object = format!("{} sha256 {sha256}", taken.collect::<Vec<_>>().join(", "));
            pull.record(AuditEntry { at: &facts.taken_at, who, why }, what, &object).await?;
        }
        pull.commit().await?;
        self.compare_days(policy, &request.source, &mut report).await?;
        // in the order of the ledger files: projects first
        report.ledgers.sort_by_key(|pulled| policy.ledger(&pulled.ledger));
        Ok(report)
    }

    /// Finishes the snapshot of one ledger. A snapshot that equals the last one is not stored.
    async fn finish_ledger(
        &self,
        request: &PullRequest,
        pull: &mut Pull,
        mut intake: LedgerIntake<'_>,
        LedgerWriter { writer, mut found_marks, stated_open, .. }: LedgerWriter,
        difference: Difference,
        file: &FileFacts<'_>,
    ) -> Result<LedgerPull, StoreError> {
        if let Some(marks) = &intake.marks_all {
            let codes = writer.codes().chain(intake.retained.iter().map(String::as_str)).collect();
            for code in marks.meant(codes) {
                found_marks.add(code, "", &marks.cell, "")?;
            }
        }
        intake.complete_notes(|code| writer.has_previous_version(code));
        let file_covers_on = intake.covers_on.or(file.covers_on);
        let stated_covers_on = request.covers_on.or(file_covers_on);
        let covers_on = stated_covers_on.unwrap_or_else(|| self.clock.today());
        let notes: Arc<[Note]> = intake.notes.into();
        let snapshot = NewSnapshot {
            covers_on,
            is_day_stated: stated_covers_on.is_some(),
            taken_at: file.taken_at.clone(),
            sample: request.sample,
            file_sha256: file.sha256.to_owned(),
            origin: FileOrigin { file: file.file.to_owned(), sheets: file.sheets.clone() },
            accounts: intake.accounts.clone(),
            notes: notes.clone(),
        };
        let sum = |count: fn(&SheetAccount) -> u64| intake.accounts.iter().map(count).sum();
        let mut pulled = LedgerPull {
            ledger: intake.ledger.id.clone(),
            title: intake.ledger.title.clone(),
            seq: writer.seq,
            state: None,
            covers_on,
            accepted: sum(|account| account.accepted),
            quarantined: sum(|account| account.quarantined),
            skipped: sum(|account| account.skipped),
            warnings: notes.iter().filter(|note| note.kind == NoteKind::Warning).count() as u64,
            unchanged: intake.unchanged,
            difference: difference.clone(),
            held_because: String::new(),
            accounts: intake.accounts,
            fresh: false,
            newer: None,
            ahead: covers_on > self.clock.today(),
            day_in_file: file_covers_on.filter(|day| *day != covers_on),
            lost: Vec::new(),
            missing: Vec::new(),
            idle_rules: Vec::new(),
            ownerless: Vec::new(),
            undecided: file.undecided.clone(),
            proposals: file.proposals.clone(),
            restricted: 0,
            notes,
            sheets_of_file: file.sheets.clone(),
        };
        if pull.is_identical(&writer, &snapshot, stated_covers_on).await? {
            pulled.seq -= 1;
            pull.touch(&writer, &file.taken_at, stated_covers_on.is_some()).await?;
            // a held snapshot stays held if the same file is pulled once more, and is released by --accept
            match pull.last_held(&writer).await? {
                // nobody can bring a file into force about whose headers the office has not decided
                Some(_) if request.accept && file.undecided.is_empty() && file.proposals.is_empty() => {
                    pull.release_last(&writer, AuditEntry { at: &file.taken_at, who: file.who, why: file.why }).await?;
                    pulled.state = Some(SnapshotState::InForce);
                }
                Some(reason) => {
                    pulled.held_because = reason;
                    pulled.state = Some(SnapshotState::Held);
                }
                None => {}
            }
        } else {
            let before = pull.in_force(&pulled.ledger, &request.source).await?;
            // the first snapshot always comes into force
            let held_because = before.filter(|_| !request.accept).and_then(|(rows_before, amount_before)| {
                let comparison = Comparison {
                    rows_before,
                    rows: difference.rows,
                    amount_before,
                    amount: difference.amount,
                    codes_new: difference.added,
                    codes_gone: difference.gone,
                    amount_times: difference.amount_times.clone(),
                };
                held_because(
                    self.config.settings.brake.of(&pulled.ledger),
                    &comparison,
                    intake.ledger.purpose.growth(),
                    is_append_only(intake.ledger),
                    intake.doubts,
                )
            });
            let undecided = undecided_reason(&file.undecided, &file.proposals);
            let unread = file.marked_unread.as_deref().filter(|_| !request.accept).map(marked_unread_reason);
            let held_because = undecided.or(unread).or(held_because);
            let state = if held_because.is_some() { SnapshotState::Held } else { SnapshotState::InForce };
            pulled.held_because = held_because.unwrap_or_default();
            pull.finish(&writer, &snapshot, state, &pulled.held_because).await?;
            pulled.state = Some(state);
            pulled.fresh = true;
        }
        let marks = FileMarks {
            found: &found_marks,
            stated_open: &stated_open,
            in_force: pulled.state != Some(SnapshotState::Held) && pull.is_newest(&writer, covers_on).await?,
            file_sha256: file.sha256,
            sample: request.sample,
            at: &file.taken_at,
        };
        pulled.restricted = pull.record_marks(&writer, &marks).await?;
        Ok(pulled)
    }

    /// Restricts the codes that the rows of a refused file mark as far as it was read, of those that the store knows.
    async fn restrict_refused(&self, request: &PullRequest, reader: FileReader<'_>, sha256: &str) -> Result<(), StoreError> {
        self.restrict_known(&request.source, &reader.marks_so_far()?, sha256, request.sample).await
    }

    /// Whether a source other than the shipped sample has projects in force.
    ///
    /// # Errors
    /// The database fails.
    pub async fn own_projects(&self) -> Result<bool, StoreError> {
        let snapshots = self.store.snapshots().list().await?;
        let holds_projects = |snapshot: &Snapshot| self.config.policy.projects().is_some_and(|ledger| snapshot.ledger == ledger.id);
        Ok(snapshots.iter().any(|snapshot| holds_projects(snapshot) && !snapshot.sample && snapshot.state == SnapshotState::InForce))
    }

    /// Notes which of the new snapshots cover an earlier day than one in force, and which lack columns that the previous one has.
    async fn compare_days(&self, policy: &Policy, source: &str, report: &mut PullReport) -> Result<(), StoreError> {
        for pulled in &mut report.ledgers {
            if let Some(ledger) = policy.ledger(&pulled.ledger).filter(|_| pulled.fresh) {
                (pulled.missing, pulled.idle_rules) = idle_rules(policy, ledger, &pulled.accounts);
                pulled.ownerless = ownerless(policy, ledger, &pulled.accounts);
            }
        }
        if report.ledgers.iter().all(|pulled| pulled.state.is_none()) {
            return Ok(());
        }
        let snapshots = self.store.snapshots().list().await?;
        for pulled in report.ledgers.iter_mut().filter(|pulled| pulled.state.is_some()) {
            let before = |known: &&Snapshot| (&known.ledger, known.source.as_str()) == (&pulled.ledger, source) && known.seq < pulled.seq;
            let in_force = snapshots.iter().filter(|known| known.state == SnapshotState::InForce);
            if let Some(base) = in_force.filter(before).max_by_key(|known| known.seq)
                && let Some(ledger) = policy.ledger(&pulled.ledger).map(|index| &policy.ledgers[index])
            {
                pulled.lost = lost_columns(ledger, &base.accounts, &pulled.accounts);
            }
            pulled.newer = snapshots
                .iter()
                .filter(|known| known.ledger == pulled.ledger && known.source == source && known.state == SnapshotState::InForce)
                .map(|known| (known.seq, known.covers_on))
                .filter(|(seq, covers_on)| *seq != pulled.seq && *covers_on > pulled.covers_on)
                .max_by_key(|(seq, covers_on)| (*covers_on, *seq));
        }
        Ok(())
    }
}

fn is_append_only(ledger: &Ledger) -> bool {
    !ledger.append_only.is_empty()
}

/// Ends the rows of one ledger. An append-only ledger also retains the rows of earlier files.
async fn finish_rows(pull: &mut Pull, intake: &LedgerIntake<'_>, writer: &mut LedgerWriter) -> Result<Difference, StoreError> {
    let earlier = is_append_only(intake.ledger).then(|| writer.writer.previous_codes()).into_iter().flatten().map(str::to_owned);
    let retained: Vec<String> = intake.retained.iter().cloned().chain(earlier).collect();
    pull.finish_rows(&mut writer.writer, &retained).await
}

/// Why a file waits of which a sheet that is not read has secrecy in its name: nobody knows which rows it means.
fn marked_unread_reason(sheet: &str) -> String {
    format!(
        "工作表“{sheet}”的名称标注保密，而其中内容没有读取，请把各项目的标注写进台账的“是否涉密”栏后重新导入；核对后确无关系的，以--accept导入"
    )
}

/// Why a file with headers about which the office has not decided is held.
fn undecided_reason(headers: &[String], proposals: &[(String, String)]) -> Option<String> {
    let named = headers.iter().map(|header| format!("“{header}”")).collect::<Vec<_>>().join("、");
    let secrecy = (!headers.is_empty()).then(|| format!("{named}栏可能是保密标注"));
    let almost = proposals.iter().map(|(header, title)| format!("“{header}”栏像是“{title}”"));
    let all: Vec<String> = secrecy.into_iter().chain(almost).collect();
    (!all.is_empty()).then(|| format!("{}，须先由办公室确定", all.join("，")))
}

/// The refusal of a file without the header of any ledger.
fn no_ledger_found(ledgers: &[Ledger], unread: &[(String, String)]) -> Refusal {
    let listed = unread
        .iter()
        .map(|(sheet, reason)| if sheet.is_empty() { reason.clone() } else { format!("“{sheet}”{reason}") })
        .collect::<Vec<_>>()
        .join("；");
    let names = ledgers.iter().map(|ledger| ledger.title.as_str()).collect::<Vec<_>>().join("、");
    Refusal::new(
        format!("没有找到任何台账的表头（{listed}）"),
        format!("表头须含该台账的必填栏，如项目台账的“项目编号”“项目名称”；能读取的台账：{names}"),
    )
}
