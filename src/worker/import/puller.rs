//! One pull: the rows of a file or a query become snapshots of the ledgers found in it, in one transaction.

use crate::clock::stamp;
use crate::domain::audience::is_marked;
use crate::domain::intake::check::{KnownOwners, remarks};
use crate::domain::intake::note::{Note, NoteKind, SheetAccount};
use crate::domain::intake::sheet::{Outcome, SheetIntake};
use crate::domain::register::ledger::{Ledger, PROJECT, Role};
use crate::domain::register::record::{Columns, pack_into};
use crate::domain::register::snapshot::{Bounds, Comparison, brake};
use crate::domain::rules::policy::Policy;
use crate::source::frame::{Block, Frame, PackedRow, Sheet};
use crate::source::refusal::{ReadLimits, Refusal};
use crate::store::database::StoreError;
use crate::store::open_versions::RowFingerprint;
use crate::store::pulls::{Added, Difference, NewRecord, NewSnapshot, Pull, SnapshotWriter};
use crate::store::snapshots::{FileOrigin, Snapshot, SnapshotState};
use crate::worker::import::importer::Importer;
use crate::worker::import::input::Input;
use crate::worker::import::row_cache::Manner;
use crate::worker::progress::progress;
use chrono::NaiveDate;
use std::collections::{BTreeMap, HashSet};

/// What is to be read and how.
#[derive(Clone, Debug)]
pub struct PullRequest {
    pub input: Input,
    pub source: String,
    pub sample: bool,
    /// 数据截至日 given by hand.
    pub covers_on: Option<NaiveDate>,
    /// Take it even if the brake would hold it.
    pub accept: bool,
    /// Only this ledger.
    pub only: Option<String>,
}

/// How one ledger of the file came out.
#[derive(Clone, Debug)]
pub struct LedgerPull {
    pub ledger: String,
    pub title: String,
    pub seq: i64,
    /// `None` = nothing new.
    pub state: Option<SnapshotState>,
    pub covers_on: NaiveDate,
    pub accepted: u64,
    pub quarantined: u64,
    pub skipped: u64,
    pub warnings: u64,
    /// Rows that stood as they stood at the last pull and were not read once more.
    pub known_again: u64,
    pub difference: Difference,
    pub held_because: String,
    /// The file's sheets that hold this ledger.
    pub accounts: Vec<SheetAccount>,
    /// Whether this pull made the snapshot.
    pub fresh: bool,
    /// The snapshot in force covers a later day: its number and that day. Legal, but worth saying.
    pub newer: Option<(i64, NaiveDate)>,
    /// The day it covers lies ahead.
    pub ahead: bool,
    /// The day that the file itself says, where the command said another.
    pub day_in_file: Option<NaiveDate>,
    /// Titles of the fields that the snapshot in force before had columns for and this one has not.
    pub lost: Vec<String>,
    pub notes: Vec<Note>,
    /// All sheets of the file, as notes number them.
    pub sheets_of_file: Vec<String>,
}

/// How a pull came out.
#[derive(Clone, Debug, Default)]
pub struct PullReport {
    pub file: String,
    /// Which file of a folder was chosen and why.
    pub picked: Option<String>,
    pub ledgers: Vec<LedgerPull>,
    /// Sheets that hold no known ledger, with the reason.
    pub unread: Vec<(String, String)>,
    /// Of the file's bytes.
    pub sha256: String,
    /// The 导入报告 of the file, relative to the root; `None` when another file brought all of this before.
    pub workbook: Option<String>,
    /// Why the 导入报告 could not be written.
    pub fault: Option<String>,
}

impl PullReport {
    pub fn quarantined(&self) -> u64 {
        self.ledgers.iter().map(|ledger| ledger.quarantined).sum()
    }

    pub fn held(&self) -> bool {
        self.ledgers.iter().any(|ledger| ledger.state == Some(SnapshotState::Held))
    }
}

/// Why a pull brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    #[error("{file}：{refusal}")]
    Refused { file: String, refusal: Refusal },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The state of one ledger while its file is read.
struct Target<'a> {
    ledger: &'a Ledger,
    writer: SnapshotWriter,
    accounts: Vec<SheetAccount>,
    notes: Vec<Note>,
    /// Codes whose row of this file was quarantined: they keep their last accepted version.
    kept: HashSet<String>,
    covers_on: Option<NaiveDate>,
    /// The layout of the sheet being read.
    layout: Option<(Columns, i64)>,
    /// What only a person can decide; a snapshot that is not the first is held for it.
    doubts: Vec<String>,
    /// Codes the sheet being read offers, and how many of them an earlier sheet offered too.
    offered: u64,
    common: BTreeMap<u32, u64>,
    known_again: u64,
}

/// How many blocks of rows may wait for the store.
const BLOCKS_AHEAD: usize = 8;

impl Importer {
    /// Reads a file or a query into snapshots.
    ///
    /// # Errors
    /// The file is refused or the database fails; nothing is changed then.
    pub async fn pull(&self, policy: &Policy, request: &PullRequest) -> Result<PullReport, PullError> {
        let file = request.input.name();
        let refuse = |refusal: Refusal| PullError::Refused { file: request.input.place(), refusal };
        let mut ledgers: Vec<Ledger> = match &request.only {
            None => policy.ledgers.clone(),
            Some(only) => policy.ledgers.iter().filter(|ledger| ledger.id == *only).cloned().collect(),
        };
        request.input.adapt(&mut ledgers);
        let (sender, mut receiver) = tokio::sync::mpsc::channel::<Block>(BLOCKS_AHEAD);
        let reading = self.begin_reading(&request.input, self.read_limits(), sender).map_err(refuse)?;
        let mut pull = self.store.pulls().begin().await?;
        let mut reader = FileReader {
            policy,
            source: &request.source,
            today: self.clock.today(),
            targets: BTreeMap::new(),
            unread: Vec::new(),
            sheets: Vec::new(),
            known_owners: KnownOwners::default(),
            body: Vec::new(),
        };
        let mut sheet: Option<SheetIntake<'_>> = None;
        let mut manner: Option<Manner> = None;
        let progress = progress(&format!("读取 {file}"));
        let mut outcomes = Vec::new();
        let mut cell_bytes = Vec::new();
        while let Some(block) = receiver.recv().await {
            for frame in block.frames() {
                match frame.map_err(|error| refuse(interrupted(error)))? {
                    Frame::Sheet(Sheet { name, visible, merges, hidden_columns }) => {
                        if let Some(done) = sheet.take() {
                            reader.end_sheet(&mut pull, done).await?;
                        }
                        let number = reader.sheets.len() as u32;
                        reader.sheets.push(name.to_owned());
                        if visible {
                            let mut next = SheetIntake::new(&ledgers, number, name, merges, reader.today);
                            next.refuse_own_lists();
                            next.set_hidden_columns(hidden_columns);
                            sheet = Some(next);
                            manner = None;
                        } else {
                            reader.unread.push((name.to_owned(), "隐藏的工作表，未读取".into()));
                        }
                    }
                    Frame::Row(row) => {
                        progress.inc(1);
                        let Some(sheet) = sheet.as_mut() else { continue };
                        if manner.is_none() {
                            manner = Manner::of(&self.config, sheet, reader.today);
                        }
                        let mark = match manner.as_ref().filter(|_| sheet.is_independent(row.number)) {
                            Some(manner) => {
                                let cells = row.canonical_bytes(&mut cell_bytes).map_err(|error| refuse(interrupted(error)))?;
                                Some(manner.mark(cells))
                            }
                            None => None,
                        };
                        if let Some(mark) = mark
                            && reader.take_again(sheet, &row, mark)?
                        {
                            let summed = row.cells_of(sheet.summed_columns()).map_err(|error| refuse(interrupted(error)))?;
                            sheet.count_unchanged(row.number, row.hidden, &summed);
                            continue;
                        }
                        let said = sheet.note_count();
                        sheet.push(row.unpack().map_err(|error| refuse(interrupted(error)))?, &mut outcomes);
                        let mark = mark.filter(|_| sheet.note_count() == said);
                        reader.take(&mut pull, sheet, &mut outcomes, mark).await?;
                    }
                }
            }
        }
        progress.finish_and_clear();
        let read = reading.await.map_err(|error| refuse(interrupted(error)))?;
        let sha256 = match read {
            Ok(sha256) => sha256,
            Err(refusal) => {
                pull.rollback().await?;
                return Err(refuse(refusal));
            }
        };
        if let Some(done) = sheet.take() {
            reader.end_sheet(&mut pull, done).await?;
        }
        if reader.targets.is_empty() {
            let listed = reader
                .unread
                .iter()
                .map(|(sheet, reason)| if sheet.is_empty() { reason.clone() } else { format!("“{sheet}”{reason}") })
                .collect::<Vec<_>>()
                .join("；");
            pull.rollback().await?;
            let names = ledgers.iter().map(|ledger| ledger.title.as_str()).collect::<Vec<_>>().join("、");
            return Err(refuse(Refusal::new(
                format!("没有找到任何台账的表头（{listed}）"),
                format!("表头须含该台账的必填栏，如项目台账的“项目编号”“项目名称”；能读取的台账：{names}"),
            )));
        }
        let mut report = self.finish_pull(policy, request, pull, reader, &file, &sha256).await?;
        self.write_intake_report(policy, &request.source, &mut report).await;
        for ledger in &report.ledgers {
            tracing::info!(
                file = %report.file, ledger = %ledger.ledger, seq = ledger.seq, accepted = ledger.accepted, quarantined = ledger.quarantined,
                skipped = ledger.skipped, known_again = ledger.known_again, state = ledger.state.map_or("identical", SnapshotState::code), "pulled"
            );
        }
        Ok(report)
    }

    async fn finish_pull(
        &self,
        policy: &Policy,
        request: &PullRequest,
        mut pull: Pull,
        reader: FileReader<'_>,
        file: &str,
        sha256: &str,
    ) -> Result<PullReport, PullError> {
        let now = stamp(self.clock.now());
        let mut report = PullReport { file: file.to_owned(), unread: reader.unread, sha256: sha256.to_owned(), ..PullReport::default() };
        let covers_in_file = reader.targets.values().find_map(|target| target.covers_on);
        // a header with nothing below it begins no ledger; one that had rows before goes to the brake
        let (empty, targets): (BTreeMap<_, _>, BTreeMap<_, _>) = reader
            .targets
            .into_iter()
            .partition(|(_, target)| target.writer.seq == 1 && target.accounts.iter().all(|account| account.read == 0));
        for target in empty.into_values() {
            report.unread.extend(target.accounts.into_iter().map(|account| (account.sheet, "表头下面没有数据".to_owned())));
        }
        if targets.is_empty() {
            pull.rollback().await?;
            let refusal = Refusal::new("表头下面没有数据", "请核对是否选错了文件或工作表");
            return Err(PullError::Refused { file: request.input.place(), refusal });
        }
        for (_, mut target) in targets {
            // the rows of a form join those of the forms before
            let adds = !target.ledger.append_only.is_empty();
            let others = adds.then(|| target.writer.previous_codes()).into_iter().flatten().map(str::to_owned);
            let kept: Vec<String> = target.kept.iter().cloned().chain(others).collect();
            let difference = pull.finish_rows(&mut target.writer, &kept).await?;
            for note in target.notes.iter_mut().filter(|note| note.kind == NoteKind::Quarantined) {
                if !note.code.is_empty() && target.writer.has_previous_version(&note.code) {
                    let hint = Some(note.hint.as_str()).filter(|hint| !hint.is_empty()).unwrap_or("请改正后重新导入");
                    note.hint = format!("{hint}；改正前，该编号仍按上次入库的内容计");
                }
            }
            target.notes.sort_by(|a, b| (a.sheet, a.row, &a.cell, a.kind).cmp(&(b.sheet, b.row, &b.cell, b.kind)));
            let covers_on = request.covers_on.or(target.covers_on).or(covers_in_file).unwrap_or_else(|| self.clock.today());
            let facts = NewSnapshot {
                covers_on,
                taken_at: now.clone(),
                sample: request.sample,
                file_sha256: sha256.to_owned(),
                origin: FileOrigin { file: file.to_owned(), sheets: reader.sheets.clone() },
                accounts: target.accounts.clone(),
                notes: target.notes.clone(),
            };
            let count = |kind: NoteKind| target.notes.iter().filter(|note| note.kind == kind).count() as u64;
            let sum = |count: fn(&SheetAccount) -> u64| target.accounts.iter().map(count).sum();
            let mut outcome = LedgerPull {
                ledger: target.ledger.id.clone(),
                title: target.ledger.title.clone(),
                seq: target.writer.seq,
                state: None,
                covers_on,
                accepted: sum(|account| account.accepted),
                quarantined: sum(|account| account.quarantined),
                skipped: sum(|account| account.skipped),
                warnings: count(NoteKind::Warning),
                known_again: target.known_again,
                difference: difference.clone(),
                held_because: String::new(),
                accounts: target.accounts,
                fresh: false,
                newer: None,
                ahead: covers_on > self.clock.today(),
                day_in_file: target.covers_on.or(covers_in_file).filter(|day| *day != covers_on),
                lost: Vec::new(),
                notes: target.notes,
                sheets_of_file: reader.sheets.clone(),
            };
            let told = request.covers_on.or(target.covers_on).or(covers_in_file);
            if pull.is_identical(&target.writer, &facts, told).await? {
                outcome.seq -= 1;
                pull.touch(&target.writer, &now).await?;
                // the same held file once more is still held; with --accept it is now taken
                match pull.last_held(&target.writer).await? {
                    Some(_) if request.accept => {
                        pull.release_last(&target.writer).await?;
                        outcome.state = Some(SnapshotState::InForce);
                    }
                    Some(reason) => {
                        outcome.held_because = reason;
                        outcome.state = Some(SnapshotState::Held);
                    }
                    None => {}
                }
            } else {
                let held = if request.accept || adds && target.doubts.is_empty() {
                    None
                } else {
                    self.held(&mut pull, &outcome.ledger, &request.source, &difference, target.doubts).await?
                };
                let state = if held.is_some() { SnapshotState::Held } else { SnapshotState::InForce };
                outcome.held_because = held.unwrap_or_default();
                pull.finish(&target.writer, &facts, state, &outcome.held_because).await?;
                outcome.state = Some(state);
                outcome.fresh = true;
            }
            report.ledgers.push(outcome);
        }
        pull.commit().await?;
        self.compare_days(policy, &request.source, &mut report).await?;
        // in the order of the ledger files: projects first
        report.ledgers.sort_by_key(|pulled| policy.ledger(&pulled.ledger));
        Ok(report)
    }

    /// Whether a source other than the shipped sample holds projects.
    ///
    /// # Errors
    /// The database fails.
    pub async fn own_projects(&self) -> Result<bool, StoreError> {
        let snapshots = self.store.snapshots().list().await?;
        Ok(snapshots.iter().any(|snapshot| snapshot.ledger == PROJECT && !snapshot.sample && snapshot.state == SnapshotState::InForce))
    }

    /// Says which of the new snapshots cover an earlier day than one in force, and which lack columns that the one before had.
    async fn compare_days(&self, policy: &Policy, source: &str, report: &mut PullReport) -> Result<(), StoreError> {
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

    /// Why a snapshot is held, if it is: the brake, or what only a person can decide. A first snapshot never holds.
    async fn held(
        &self,
        pull: &mut Pull,
        ledger: &str,
        source: &str,
        difference: &Difference,
        mut reasons: Vec<String>,
    ) -> Result<Option<String>, StoreError> {
        let Some((rows_before, amount_before)) = pull.in_force(ledger, source).await? else { return Ok(None) };
        let bounds = &self.config.settings.brake;
        let bounds = Bounds {
            rows_fewer_pct: bounds.rows_fewer_pct,
            amount_change_pct: bounds.amount_change_pct,
            codes_changed_pct: bounds.codes_changed_pct,
            amount_times: bounds.amount_times,
        };
        let seen = Comparison {
            rows_before,
            rows: difference.rows,
            amount_before,
            amount: difference.amount,
            codes_new_or_gone: difference.added + difference.gone,
            amount_times: difference.amount_times.clone(),
        };
        reasons.splice(0..0, brake(bounds, &seen));
        Ok((!reasons.is_empty()).then(|| reasons.join("；")))
    }

    pub(crate) fn read_limits(&self) -> ReadLimits {
        let limits = &self.config.settings.limits;
        ReadLimits {
            file_mib_max: limits.file_mib_max,
            memory_mib: limits.parse_memory_mib,
            seconds: limits.parse_seconds,
            rows_max: limits.rows_max,
            columns_max: limits.columns_max,
        }
    }
}

pub(crate) fn interrupted(error: impl std::fmt::Display) -> Refusal {
    Refusal::new(format!("读取中断：{error}"), "请重试")
}

/// Puts the rows of a file's sheets into the ledgers they belong to.
struct FileReader<'a> {
    policy: &'a Policy,
    source: &'a str,
    today: NaiveDate,
    targets: BTreeMap<String, Target<'a>>,
    unread: Vec<(String, String)>,
    sheets: Vec<String>,
    known_owners: KnownOwners,
    /// The cells of the row at hand, packed.
    body: Vec<u8>,
}

impl<'a> FileReader<'a> {
    /// Takes a row that was accepted without a word at the last pull and stands where it stood; `false` = it has to be read.
    fn take_again(&mut self, sheet: &SheetIntake<'a>, row: &PackedRow<'_>, mark: RowFingerprint) -> Result<bool, StoreError> {
        let Some(target) = sheet.ledger().and_then(|ledger| self.targets.get_mut(&ledger.id)) else { return Ok(false) };
        let again = target.writer.add_unchanged(mark, (self.sheets.len() - 1) as u32, row.number)?;
        target.offered += u64::from(again);
        target.known_again += u64::from(again);
        Ok(again)
    }

    /// Takes the outcomes of rows; `mark` is that of the last, if it was read without a word.
    async fn take(
        &mut self,
        pull: &mut Pull,
        sheet: &mut SheetIntake<'a>,
        outcomes: &mut Vec<Outcome>,
        mark: Option<RowFingerprint>,
    ) -> Result<(), StoreError> {
        let Some(ledger) = sheet.ledger() else { return Ok(()) };
        if !self.targets.contains_key(&ledger.id) {
            let writer = pull.writer(&ledger.id, self.source).await?;
            let target = Target {
                ledger,
                writer,
                accounts: Vec::new(),
                notes: Vec::new(),
                kept: HashSet::new(),
                covers_on: None,
                layout: None,
                doubts: Vec::new(),
                offered: 0,
                common: BTreeMap::new(),
                known_again: 0,
            };
            self.targets.insert(ledger.id.clone(), target);
        }
        let Some(target) = self.targets.get_mut(&ledger.id) else { return Ok(()) };
        let columns = sheet.columns();
        for outcome in outcomes.drain(..) {
            match outcome {
                Outcome::Blank | Outcome::Skipped => {}
                Outcome::Quarantined { code } => {
                    if !code.is_empty() {
                        target.kept.insert(code);
                    }
                }
                Outcome::Accepted(accepted) => {
                    let sheet_number = (self.sheets.len() - 1) as u32;
                    let restricted = ledger.role(Role::Restricted).is_some_and(|field| is_marked(&accepted.cells[field]));
                    let note = |row: u32, kind: NoteKind, field: String, raw: String, reason: String, hint: String| Note {
                        kind,
                        sheet: sheet_number,
                        row,
                        cell: String::new(),
                        field,
                        code: accepted.code.clone(),
                        name: ledger.role(Role::Name).map(|field| accepted.cells[field].to_string()).unwrap_or_default(),
                        unit: accepted.cells[ledger.owner.field()].to_string(),
                        raw,
                        reason,
                        hint,
                        restricted,
                    };
                    let noted = sheet.notes.len();
                    for remark in remarks(self.policy, ledger, &accepted.cells, &mut self.known_owners) {
                        if columns.contains(remark.field) {
                            let title = ledger.fields[remark.field].title.clone();
                            sheet.notes.push(note(
                                accepted.row,
                                NoteKind::Warning,
                                title,
                                accepted.cells[remark.field].to_string(),
                                remark.reason,
                                remark.hint,
                            ));
                        }
                    }
                    let text = |field: usize| accepted.cells[field].text().unwrap_or_default();
                    self.body.clear();
                    pack_into(&mut self.body, columns.iter().map(|field| &accepted.cells[field]));
                    let record = NewRecord {
                        code: accepted.code.as_str().into(),
                        unit: text(ledger.owner.field()).into(),
                        name: ledger.role(Role::Name).map(text).unwrap_or_default().into(),
                        amount: ledger.role(Role::Amount).and_then(|field| accepted.cells[field].money()).unwrap_or(0),
                        sheet: sheet_number,
                        row: accepted.row,
                        body: self.body.as_slice().into(),
                        row_fingerprint: mark.filter(|_| sheet.notes.len() == noted),
                    };
                    let layout = match target.layout {
                        Some((known, layout)) if known == columns => layout,
                        _ => {
                            let layout = pull.layout(&mut target.writer, &layout_of(ledger, columns)).await?;
                            target.layout = Some((columns, layout));
                            layout
                        }
                    };
                    target.offered += 1;
                    let added = pull.add(&mut target.writer, layout, record).await?;
                    if let Added::Repeated(first, _) | Added::Conflict(first, _) = added
                        && first != sheet_number
                    {
                        *target.common.entry(first).or_default() += 1;
                    }
                    match added {
                        Added::Taken => {}
                        Added::Repeated(first_sheet, first) => {
                            sheet.account.accepted -= 1;
                            sheet.account.skipped += 1;
                            let place = place(&self.sheets, sheet_number, first_sheet, first);
                            let reason = format!("与{place}完全相同，只计一次");
                            sheet.notes.push(note(accepted.row, NoteKind::Skipped, String::new(), String::new(), reason, String::new()));
                        }
                        Added::Conflict(first_sheet, first) => {
                            sheet.account.accepted -= 1;
                            sheet.account.quarantined += 1;
                            let hint = "请核对，同一编号只保留一行".to_string();
                            let there = place(&self.sheets, sheet_number, first_sheet, first);
                            sheet.notes.push(note(
                                accepted.row,
                                NoteKind::Quarantined,
                                String::new(),
                                String::new(),
                                format!("编号与{there}重复而内容不同"),
                                hint.clone(),
                            ));
                            // the first of the rows is taken back as well: nobody can say which is right
                            if target.kept.insert(accepted.code.clone()) {
                                let mut taken_back = note(
                                    first,
                                    NoteKind::Quarantined,
                                    String::new(),
                                    String::new(),
                                    format!("编号与{}重复而内容不同", place(&self.sheets, first_sheet, sheet_number, accepted.row)),
                                    hint,
                                );
                                // it goes to the unit that the first row names
                                (taken_back.unit, taken_back.name) = pull.names_of(&mut target.writer, &accepted.code).await?;
                                taken_back.sheet = first_sheet;
                                sheet.notes.push(taken_back);
                                if first_sheet == sheet_number {
                                    sheet.account.accepted -= 1;
                                    sheet.account.quarantined += 1;
                                } else if let Some(account) =
                                    target.accounts.iter_mut().find(|account| account.sheet == self.sheets[first_sheet as usize])
                                {
                                    account.accepted -= 1;
                                    account.quarantined += 1;
                                }
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }

    async fn end_sheet(&mut self, pull: &mut Pull, mut sheet: SheetIntake<'a>) -> Result<(), StoreError> {
        let mut outcomes = Vec::new();
        sheet.finish(&mut outcomes);
        self.take(pull, &mut sheet, &mut outcomes, None).await?;
        match sheet.ledger() {
            Some(ledger) => {
                if let Some(target) = self.targets.get_mut(&ledger.id) {
                    target.covers_on = target.covers_on.or(sheet.covers_on);
                    let offered = std::mem::take(&mut target.offered);
                    for (first, common) in std::mem::take(&mut target.common) {
                        let other = &self.sheets[first as usize];
                        let rows = target.accounts.iter().find(|account| account.sheet == *other).map_or(offered, |account| account.read);
                        let pct = common * 100 / offered.min(rows).max(1);
                        if common >= COMMON_MIN && pct > COMMON_PCT_MAX {
                            let name = &sheet.account.sheet;
                            sheet.doubts.push(format!("工作表“{other}”与“{name}”有{pct}%的编号相同，请核对以哪张为准"));
                        }
                    }
                    sheet.note_doubts();
                    target.doubts.append(&mut sheet.doubts);
                    target.accounts.push(sheet.account);
                    target.notes.append(&mut sheet.notes);
                }
            }
            None => self.unread.push((sheet.account.sheet.clone(), sheet.account.unread.clone().unwrap_or_else(|| "未读取".into()))),
        }
        Ok(())
    }
}

/// The titles of the fields that one snapshot's sheets had columns for and another's have not: a column that was renamed reads as empty.
pub(crate) fn lost_columns(ledger: &Ledger, before: &[SheetAccount], now: &[SheetAccount]) -> Vec<String> {
    let has = |accounts: &[SheetAccount], id: &str| accounts.iter().any(|account| account.columns.iter().any(|(known, _)| known == id));
    let lost = ledger.fields.iter().filter(|field| has(before, &field.id) && !has(now, &field.id));
    lost.map(|field| field.title.clone()).collect()
}

/// Two sheets of one ledger are the same table twice above this share of equal codes, from this many on.
const COMMON_PCT_MAX: u64 = 80;
const COMMON_MIN: u64 = 2;

/// A row as a reader of the sheet `here` finds it.
fn place(sheets: &[String], here: u32, sheet: u32, row: u32) -> String {
    match sheets.get(sheet as usize) {
        Some(name) if sheet != here => format!("“{name}”第{row}行"),
        _ => format!("第{row}行"),
    }
}

/// The ids of the fields a sheet has columns for, in field order.
fn layout_of(ledger: &Ledger, columns: Columns) -> Vec<String> {
    columns.iter().map(|field| ledger.fields[field].id.clone()).collect()
}
