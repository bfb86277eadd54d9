//! Feedback forms that units sent back: read by the child process like any file, assessed row by row, and stored as answers.

use crate::clock::stamp;
use crate::domain::intake::code_marks::CodeMarks;
use crate::domain::intake::note::NoteKind;
use crate::domain::intake::row_marks::{ClassifiedPlaces, RowMark};
use crate::domain::intake::sheet::Accepted;
use crate::domain::life::act::Act;
use crate::domain::life::event::Via;
use crate::domain::life::given::given_cells;
use crate::domain::life::office::Office;
use crate::domain::notify::feedback::{
    Answer, Answers, FormAccount, FormHead, FormNumber, KnownRecord, Outcome as FormOutcome, RETURNED, RowProof, assess_row, form_ledger,
    form_name,
};
use crate::domain::notify::form_acts;
use crate::domain::notify::form_acts::{FormAct, FormFields, FormRow};
use crate::domain::notify::form_seal::FormKey;
use crate::domain::register::ledger::Ledger;
use crate::domain::register::period::{chinese_date, chinese_day};
use crate::domain::register::record::{Cell, Record};
use crate::domain::register::units::UnitId;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Light;
use crate::source::child::Rows;
use crate::source::folder;
use crate::source::input_file::sha256;
use crate::source::refusal::Refusal;
use crate::store::database::StoreError;
use crate::store::feedback::HandedIn;
use crate::store::keys::FORMS;
use crate::store::notified::NotifiedFindings;
use crate::worker::handling::{Handling, Outcome};
use crate::worker::import::form_reader::{FormReader, FormSheet};
use crate::worker::import::importer::Importer;
use crate::worker::import::input::{Input, Reading};
use crate::worker::import::known_marks::{CLASSIFIED_FILE, state_secrets};
use crate::worker::import::pull_report::{PullError, interrupted};
use crate::worker::import::reading_guard::Initiative;
use crate::worker::import::taken::{Purpose, Task};
use crate::worker::records::{LedgerRecords, linked_projects};
use crate::worker::snapshot_selection::SnapshotSelection;
use chrono::NaiveDate;
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// The record of a row.
struct FoundRow {
    record: Record,
    owner: Option<UnitId>,
    /// The units that may make one of the acts that a form can mean.
    actors: Vec<UnitId>,
}

/// A file of forms after it was read.
struct ReadForms {
    sheets: Vec<FormSheet>,
    /// The other sheets with marks of secrecy.
    marked: Vec<FormSheet>,
    sha256: String,
    /// Grades of state secrets in any sheet of the file.
    classified: ClassifiedPlaces,
    /// The names of all sheets.
    names: Vec<String>,
}

/// The source under which the marks of forms are stored.
pub(crate) const FEEDBACK_SOURCE: &str = "feedback";

/// Who hands a form in.
#[derive(Clone, Debug)]
pub struct Sender {
    /// The user of this machine, or the service.
    pub user: String,
    /// A clerk who takes a form without a valid number for a unit (代录).
    pub clerk: Option<Clerk>,
    /// The reason that was given.
    pub why: String,
}

/// A clerk who takes a form for a unit.
#[derive(Clone, Debug)]
pub struct Clerk {
    /// The index of the unit.
    pub unit: usize,
    pub name: String,
}

/// A form's number that was checked.
struct Proven {
    unit: usize,
    as_of: NaiveDate,
    /// `None` = a clerk takes the form.
    key: Option<FormKey>,
}

/// As what the service itself hands in the forms of a folder.
const SERVICE: &str = "duban";

/// Length of the secret of a key in bytes.
const SECRET: usize = 32;

impl Importer {
    /// The number of the key of the feedback forms that is in use; makes the first one.
    ///
    /// # Errors
    /// The machine gives no random numbers, or the database fails.
    pub(crate) async fn form_key(&self) -> anyhow::Result<i64> {
        if let Some(key) = self.store.keys().current(FORMS).await? {
            return Ok(key.row.id);
        }
        let secret = new_secret()?;
        Ok(self.store.keys().make(FORMS, &secret, &stamp(self.clock.now())).await?.row.id)
    }

    /// Imports one form: what its unit wrote becomes answers; rows that cannot be accepted are listed with the reason.
    ///
    /// # Errors
    /// The file is no form of this service, or it cannot be read; then nothing is changed.
    pub async fn take_form(&self, policy: &Policy, path: &Path, sender: &Sender) -> Result<Vec<FormAccount>, PullError> {
        self.take_form_for(policy, path, sender, Initiative::Person).await
    }

    /// As [`Importer::take_form`]; the service does not read a file by itself that has ended its reader before.
    async fn take_form_for(
        &self,
        policy: &Policy,
        path: &Path,
        sender: &Sender,
        initiative: Initiative,
    ) -> Result<Vec<FormAccount>, PullError> {
        let input = Input::File(path.to_owned());
        let refuse = |refusal: Refusal| PullError::Refused { file: input.place(), refusal };
        let open = self.open_input(&input, initiative).await.map_err(refuse)?;
        self.begin_guarded(&input, &open, initiative).await?;
        let sha256 = open.sha256().map(str::to_owned);
        let taken = self.take_open_form(policy, &input, sender, open).await;
        self.end_guarded(sha256, taken).await
    }

    /// Whether a file holds a feedback form with a number of ours. What cannot be read is none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn is_form(&self, policy: &Policy, path: &Path) -> Result<bool, PullError> {
        let input = Input::File(path.to_owned());
        let ledgers = form_ledgers(policy);
        let Ok(open) = self.open_input(&input, Initiative::Person).await else { return Ok(false) };
        self.begin_guarded(&input, &open, Initiative::Person).await?;
        let sha256 = open.sha256().map(str::to_owned);
        let read = self.read_form(&input, open, &ledgers, policy, false).await;
        let is_form = read.as_ref().is_ok_and(|read| !read.sheets.is_empty());
        self.end_guarded(sha256, read).await.map(|_| is_form).or(Ok(false))
    }

    async fn take_open_form(&self, policy: &Policy, input: &Input, sender: &Sender, open: Rows) -> Result<Vec<FormAccount>, PullError> {
        let file = input.name();
        let refuse = |refusal: Refusal| PullError::Refused { file: input.place(), refusal };
        let ledgers = form_ledgers(policy);
        let ReadForms { sheets, marked: beside, sha256, classified, names } =
            self.read_form(input, open, &ledgers, policy, sender.clerk.is_some()).await?;
        if sheets.is_empty() {
            return Err(refuse(Refusal::new("不是反馈表：没有找到“表号”和“校验码”栏", "请在提醒邮件所附的工作簿中填写反馈表，原样发回")));
        }
        let today = self.clock.today();
        let selection = SnapshotSelection::on(&self.store, &self.config, &[], today).await?;
        if !classified.is_empty() {
            let refusal = state_secrets(&classified, &names);
            let mut marked = self.marks_of_classified(policy, &selection, sender, sheets, classified.is_of_file).await?;
            marked.values_mut().for_each(|found| found.set_cells(CLASSIFIED_FILE));
            self.restrict_known(FEEDBACK_SOURCE, &marked, &sha256, false).await?;
            self.store.audit().record(&stamp(self.clock.now()), &sender.user, "feedback refused", &file, &refusal.reason).await?;
            return Err(refuse(refusal));
        }
        let before = self.store.feedback().up_to(self.store.feedback().last_no().await?).await?;
        let (mut accounts, mut units): (Vec<FormAccount>, Vec<UnitId>) = (Vec::new(), Vec::new());
        let mut taken: Answers = Answers::new();
        let mut marked = BTreeMap::new();
        for sheet in sheets {
            let Some(index) = sheet.ledger else { continue };
            let proven = match &sender.clerk {
                Some(clerk) => self.taken_by_clerk(policy, clerk, sheet.number.as_ref(), today).await?,
                None => match self.proven(policy, &sheet).await? {
                    Ok(proven) => proven,
                    Err(refusal) => {
                        let now = stamp(self.clock.now());
                        self.store.audit().record(&now, &sender.user, "feedback refused", &file, &refusal.reason).await?;
                        return Err(refuse(refusal));
                    }
                },
            };
            let Proven { unit, as_of, key } = proven;
            let head = FormHead {
                unit,
                as_of,
                who: sheet.who.clone(),
                filled_on: sheet.filled_on.filter(|day| *day <= today).unwrap_or(today),
                on_behalf: sender.clerk.as_ref().map_or(String::new(), |clerk| clerk.name.clone()),
            };
            let mut account = FormAccount { unit: policy.units.units[unit].name.clone(), as_of, ..FormAccount::default() };
            let proof = key.as_ref().map_or(RowProof::Clerk, RowProof::Key);
            self.assess_sheet(policy, &selection, index, &head, &sheet, proof, &before, &mut taken, &mut account).await?;
            let own = self.add_own_marks(policy, &selection, index, unit, &sheet.marks, &mut marked).await?;
            account.restricted += own;
            account.foreign_marks += sheet.marks.len() - own;
            account.sheets.push(sheet.intake);
            accounts.push(account);
            units.push(unit);
        }
        // whatever a unit marks of its own is restricted, in whichever sheet
        for sheet in &beside {
            let Some(index) = sheet.ledger else { continue };
            for (account, unit) in accounts.iter_mut().zip(&units) {
                account.restricted += self.add_own_marks(policy, &selection, index, *unit, &sheet.marks, &mut marked).await?;
                let line = "不是反馈表，只读了保密标注；台账请另存为单独的文件导入";
                account.lines.push((sheet.name.clone(), String::new(), line.to_owned()));
            }
        }
        let answers: Vec<Answer> = taken.into_values().collect();
        let now = stamp(self.clock.now());
        let who = sender.clerk.as_ref().map_or(&sender.user, |clerk| &clerk.name);
        let form = HandedIn { file: &file, sha256: &sha256, received_at: &now, sender: &sender.user, who, why: &sender.why };
        self.store.feedback().add(&form, &answers).await?;
        self.restrict_known(FEEDBACK_SOURCE, &marked, &sha256, false).await?;
        Ok(accounts)
    }

    /// Adds the marks of a form on records that its unit owns: a unit restricts nothing else. Returns how many marks are on such records.
    async fn add_own_marks(
        &self,
        policy: &Policy,
        selection: &SnapshotSelection,
        index: usize,
        unit: UnitId,
        marks: &[RowMark],
        all: &mut BTreeMap<String, CodeMarks>,
    ) -> Result<usize, StoreError> {
        let codes: Vec<String> = marks.iter().map(|mark| mark.code.clone()).collect();
        let records = if codes.is_empty() { HashMap::new() } else { self.records_of(policy, selection, index, &codes).await? };
        let is_own = |mark: &&RowMark| records.get(&mark.code).is_some_and(|known| known.owner == Some(unit));
        let of_ledger = all.entry(policy.ledgers[index].id.clone()).or_default();
        for RowMark { code, name, cell, header } in marks.iter().filter(is_own) {
            of_ledger.add(code, name, cell, header)?;
        }
        Ok(marks.iter().filter(is_own).count())
    }

    /// The marks of forms that are refused because of the grade of a state secret. `all_rows`: it is in a title. A form of which it is not
    /// certain whose it is marks nothing.
    async fn marks_of_classified(
        &self,
        policy: &Policy,
        selection: &SnapshotSelection,
        sender: &Sender,
        sheets: Vec<FormSheet>,
        all_rows: bool,
    ) -> Result<BTreeMap<String, CodeMarks>, StoreError> {
        let mut all = BTreeMap::new();
        for mut sheet in sheets {
            let Some(index) = sheet.ledger else { continue };
            let unit = match &sender.clerk {
                Some(clerk) => clerk.unit,
                None => match self.proven(policy, &sheet).await? {
                    Ok(proven) => proven.unit,
                    Err(_) => continue,
                },
            };
            if all_rows {
                let set_aside = sheet.notes.iter().map(|note| &note.code).filter(|code| !code.is_empty());
                let codes = sheet.rows.iter().map(|row| &row.code).chain(set_aside);
                let marks =
                    codes.map(|code| RowMark { code: code.clone(), name: String::new(), cell: String::new(), header: String::new() });
                sheet.marks.extend(marks.collect::<Vec<RowMark>>());
            }
            self.add_own_marks(policy, selection, index, unit, &sheet.marks, &mut all).await?;
        }
        Ok(all)
    }

    /// Checks the number of a form: this service made it, for this unit, with a key that is not revoked, and for no later day than that of
    /// the unit's last mail. The inner error is the reason for which the form goes back.
    async fn proven(&self, policy: &Policy, sheet: &FormSheet) -> Result<Result<Proven, Refusal>, StoreError> {
        const BACK: &str = "表号不要改动，请用最近一次提醒所附的反馈表；确需办公室代录的，用 duban import FILE --for-unit 单位 --by 姓名";
        let refused = |reason: String| Ok(Err(Refusal::new(reason, BACK)));
        let Some(number) = &sheet.number else { return refused(format!("表“{}”没有表号", sheet.name)) };
        let (name, code) = (&sheet.name, &number.unit);
        let Some(unit) = policy.units.units.iter().position(|unit| unit.code == *code) else {
            return refused(format!("表“{name}”的表号中没有单位“{code}”"));
        };
        let key = match number.key {
            0 => None,
            id => self.store.keys().get(id).await?.filter(|key| key.row.purpose == FORMS),
        };
        let Some(stored) = key else { return refused(format!("表“{name}”的表号不是本系统编制的")) };
        let key = FormKey::new(stored.row.id, &stored.secret);
        if !number.is_of(&key) {
            return refused(format!("表“{name}”的表号被改动过，或不是本系统编制的"));
        }
        if !stored.row.revoked_at.is_empty() {
            const ANEW: &str = "用作废密钥编制的反馈表都不再收：请在作废以后发出的提醒所附的反馈表上重新填写；急需办理的，由办公室核实后代录：\
                                duban import FILE --for-unit 单位 --by 姓名";
            return Ok(Err(Refusal::new(format!("表“{name}”的表号所用的密钥已作废（第{}号）", stored.row.id), ANEW)));
        }
        let of = &policy.units.units[unit];
        let last = self.last_day_of(policy, unit).await?;
        if last.is_none_or(|last| number.as_of > last) {
            let day = chinese_date(number.as_of);
            return refused(format!("表“{name}”截至{day}，晚于最近一次发给{}的提醒", of.name));
        }
        Ok(Ok(Proven { unit, as_of: number.as_of, key: Some(key) }))
    }

    /// The latest day that a mail to a unit describes.
    async fn last_day_of(&self, policy: &Policy, unit: usize) -> Result<Option<NaiveDate>, StoreError> {
        let days = self.store.notified().last_days().await?;
        Ok(days.into_iter().filter(|(name, _)| policy.units.find(name) == Some(unit)).map(|(_, day)| day).max())
    }

    /// The unit and day of a form that a clerk takes: the day of its number if the unit was mailed for it, else that of the unit's last mail.
    async fn taken_by_clerk(
        &self,
        policy: &Policy,
        clerk: &Clerk,
        number: Option<&FormNumber>,
        today: NaiveDate,
    ) -> Result<Proven, StoreError> {
        let unit = &policy.units.units[clerk.unit];
        let last = self.last_day_of(policy, clerk.unit).await?.unwrap_or(today).min(today);
        let stated = number.filter(|number| number.unit == unit.code && number.as_of <= last);
        Ok(Proven { unit: clerk.unit, as_of: stated.map_or(last, |number| number.as_of), key: None })
    }

    /// Assesses the rows of a sheet: answers go to `taken`, counts and remarks to `account`.
    #[allow(clippy::too_many_arguments, reason = "one sheet against all that is known")]
    async fn assess_sheet(
        &self,
        policy: &Policy,
        selection: &SnapshotSelection,
        index: usize,
        head: &FormHead,
        sheet: &FormSheet,
        proof: RowProof<'_>,
        before: &Answers,
        taken: &mut Answers,
        account: &mut FormAccount,
    ) -> Result<(), PullError> {
        let ledger = &policy.ledgers[index];
        account.missing_columns = form_ledger(policy, index)
            .fields
            .iter()
            .enumerate()
            .filter(|(field, of)| of.editable && !sheet.columns.contains(*field))
            .map(|(_, field)| field.title.clone())
            .collect();
        let codes: Vec<String> = sheet.rows.iter().map(|row| row.code.clone()).collect();
        let records = self.records_of(policy, selection, index, &codes).await?;
        let sent = self.store.outbox().findings_sent(&policy.units.units[head.unit].name, head.as_of).await?;
        // rows that the intake quarantined, for example without a code or with an invalid date
        for note in sheet.notes.iter().filter(|note| note.kind == NoteKind::Quarantined) {
            account.returned += 1;
            let place =
                if note.cell.is_empty() { format!("{}第{}行", sheet.name, note.row) } else { format!("{}!{}", sheet.name, note.cell) };
            let raw = if note.raw.is_empty() { String::new() } else { format!("（写的是“{}”）", note.raw) };
            account.lines.push((place, note.code.clone(), format!("{RETURNED}：{}{raw}；{}", note.reason, note.hint)));
        }
        let mut handling: Option<Handling<'_>> = None;
        for Accepted { row, code, cells } in &sheet.rows {
            let place = format!("{}第{row}行", sheet.name);
            let found = records.get(code);
            let key = (ledger.id.clone(), code.clone());
            let differs = differs_elsewhere(&sheet.rows, code, cells);
            if differs || taken.contains_key(&key) {
                let which = if differs { "，内容不同，各行均未采用" } else { "" };
                account.returned += 1;
                account.lines.push((place, code.clone(), format!("{RETURNED}：同一编号在表中出现两次{which}；请只保留一行")));
                continue;
            }
            let known = KnownRecord {
                record: found.map(|found| &found.record),
                owner: found.and_then(|found| found.owner),
                may_act: found.is_some_and(|found| found.actors.contains(&head.unit)),
                last: before.get(&key),
                sent_findings: sent.as_ref().map(|sent| findings_in_words(policy, sent, &key)),
            };
            let row = FormRow { code, cells, columns: sheet.columns };
            let (mut outcome, acts) = assess_row(policy, index, head, &row, &known, proof);
            if let FormOutcome::Taken { answer, .. } = &mut outcome
                && !acts.is_empty()
            {
                let handling = match &handling {
                    Some(open) => open,
                    None => handling.insert(Handling::open(&self.store, &self.config, &self.clock, index).await?),
                };
                match handle_row(handling, head, code, &acts).await? {
                    Ok(done) => answer.acts = done,
                    Err(reason) => outcome = FormOutcome::Returned { reason, hint: "这一行没有记，请改正后再报".into() },
                }
            }
            match outcome {
                FormOutcome::Taken { answer, notes } => {
                    account.taken += 1;
                    let done = (!answer.acts.is_empty()).then(|| format!("已记：{}", answer.acts.join("、")));
                    account.lines.extend(done.into_iter().chain(notes).map(|note| (place.clone(), code.clone(), note)));
                    taken.insert(key, *answer);
                }
                FormOutcome::Blank { notes } => {
                    account.blank += 1;
                    account.lines.extend(notes.into_iter().map(|note| (place.clone(), code.clone(), note)));
                }
                FormOutcome::Same { notes } => {
                    account.same += 1;
                    account.lines.extend(notes.into_iter().map(|note| (place.clone(), code.clone(), note)));
                }
                FormOutcome::Returned { reason, hint } => {
                    account.returned += 1;
                    account.lines.push((place, code.clone(), format!("{RETURNED}：{reason}；{hint}")));
                }
            }
        }
        Ok(())
    }

    /// The records of these codes in the snapshots in force, each with its owner.
    async fn records_of(
        &self,
        policy: &Policy,
        selection: &SnapshotSelection,
        index: usize,
        codes: &[String],
    ) -> Result<HashMap<String, FoundRow>, StoreError> {
        let ledger = &policy.ledgers[index];
        let found = LedgerRecords::new(&self.store, ledger, selection).records_by_code(codes).await?;
        let projects: Vec<String> = found.iter().filter_map(|found| ledger.project_of(&found.stored.record)).collect();
        let linked = linked_projects(&self.store, policy, selection, &projects, |_| ()).await?;
        let (names, persons) = (HashMap::new(), HashMap::new());
        let office = Office { policy, ledger: index, projects: &linked, project_names: &names, persons: &persons };
        let found_row = |record: Record| {
            let owner = office.owner(&record).unit;
            let parties = policy.life(index).into_iter().flat_map(form_acts::parties);
            let actors = parties.flat_map(|party| office.units_of(party, &record)).collect();
            (record.code.clone(), FoundRow { record, owner, actors })
        };
        Ok(found.into_iter().map(|found| found_row(found.stored.record)).collect())
    }

    /// The rows of a file that holds one table of ours and is no feedback form, such as the signing list: the codes with their cells, in the order
    /// of `ledger`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) async fn read_table(&self, policy: &Policy, path: &Path, ledger: Ledger) -> Result<Vec<Accepted>, PullError> {
        let input = Input::File(path.to_owned());
        let refuse = |refusal: Refusal| PullError::Refused { file: input.place(), refusal };
        let open = self.open_input(&input, Initiative::Person).await.map_err(refuse)?;
        self.begin_guarded(&input, &open, Initiative::Person).await?;
        let sha256 = open.sha256().map(str::to_owned);
        let ledgers = [ledger];
        let read = self.read_form(&input, open, &ledgers, policy, true).await;
        let read = self.end_guarded(sha256, read).await?;
        Ok(read.sheets.into_iter().flat_map(|sheet| sheet.rows).collect())
    }

    /// The sheets of a file that are feedback forms, and the sha256 of the file.
    async fn read_form(
        &self,
        input: &Input,
        file: Rows,
        ledgers: &[Ledger],
        policy: &Policy,
        by_clerk: bool,
    ) -> Result<ReadForms, PullError> {
        let refuse = |refusal: Refusal| PullError::Refused { file: input.place(), refusal };
        let task = Task::new(Purpose::Form, ledgers, &policy.units, self.clock.today(), 0, Default::default());
        // a child of a form asks nothing
        let Reading { mut blocks, ended, .. } = self.begin_taking_in(file, &task).map_err(refuse)?;
        let mut reader = FormReader::new(ledgers);
        while let Some(block) = blocks.recv().await {
            // what no child of ours sends: the file has taken it over
            reader.read(&block).map_err(|forged| PullError::ReaderEnded { file: input.place(), refusal: interrupted(forged) })?;
        }
        let read = ended.await.map_err(|error| refuse(interrupted(error)))?;
        let sha256 = read.map_err(|failure| PullError::of(input.place(), failure))?;
        let FormReader { sheets, classified, names, .. } = reader;
        let (mut sheets, mut marked): (Vec<FormSheet>, Vec<FormSheet>) = sheets.into_iter().partition(|sheet| {
            let has_check = |ledger: &Ledger| ledger.field("feedback_check").is_some_and(|field| sheet.columns.contains(field));
            // a clerk may take a form that was made elsewhere
            sheet.number.is_some() && sheet.ledger.is_some_and(|ledger| has_check(&ledgers[ledger])) || by_clerk && sheet.ledger.is_some()
        });
        marked.retain(|sheet| !sheet.marks.is_empty());
        for sheet in sheets.iter_mut().chain(&mut marked) {
            sheet.ledger = sheet.ledger.and_then(|ledger| policy.ledger(&ledgers[ledger].id));
        }
        Ok(ReadForms { sheets, marked, sha256, classified, names })
    }

    /// Imports every form of the configured folder that was not imported before. Returns the result for each file.
    ///
    /// # Errors
    /// The folder cannot be read, or the database fails. A refused file does not stop the others.
    pub async fn take_forms(&self) -> anyhow::Result<Vec<(PathBuf, Result<Vec<FormAccount>, PullError>)>> {
        let Some(folder) = &self.config.settings.feedback.folder else { return Ok(Vec::new()) };
        let folder = self.root.join(folder);
        let listed = tokio::task::spawn_blocking(move || folder::list(&folder, None)).await?;
        let listed = listed.map_err(|refusal| anyhow::anyhow!("反馈表文件夹：{refusal}"))?;
        let mut files: Vec<PathBuf> =
            listed.into_iter().filter(|(file, _)| !file.name.starts_with(['.', '~'])).map(|(_, path)| path).collect();
        // the answer that counts is the last one, so the forms are taken in the order in which they came
        files.sort_by_cached_key(|path| (std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok(), path.clone()));
        let mut imported = Vec::new();
        for file in files {
            let (path, limits) = (file.clone(), self.read_limits());
            let sha256 = tokio::task::spawn_blocking(move || sha256(&path, limits)).await?;
            // one that cannot be opened is listed with the reason
            if let Ok(sha256) = sha256
                && let Some(known) = self.store.feedback().known_form(&sha256).await?
            {
                let modified = std::fs::metadata(&file).and_then(|metadata| metadata.modified()).ok().map(|at| stamp(at.into()));
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let is_older = |at: &str| modified.as_deref().is_none_or(|modified| modified <= at);
                match known.withdrawn_at {
                    // what was taken back lies there still
                    Some(at) if is_older(&at) && name == known.file => continue,
                    Some(at) if is_older(&at) => {
                        let refusal = Refusal::new(
                            format!("与已撤回的反馈表“{}”一字不差，没有再收", known.file),
                            "单位确要再报的，请重新保存后发来，或由人执行duban import",
                        );
                        imported.push((file.clone(), Err(PullError::Refused { file: file.display().to_string(), refusal })));
                        continue;
                    }
                    // sent anew after it was taken back
                    Some(_) => {}
                    None => continue,
                }
            }
            let sender = Sender { user: SERVICE.to_owned(), clerk: None, why: String::new() };
            let accounts = self.take_form_for(&self.config.policy, &file, &sender, Initiative::Service).await;
            imported.push((file, accounts));
        }
        Ok(imported)
    }
}

/// Makes the acts of a row: all of them or none. Returns what was done in words, or why it is refused.
async fn handle_row(
    handling: &Handling<'_>,
    head: &FormHead,
    code: &str,
    acts: &[FormAct],
) -> Result<Result<Vec<String>, String>, StoreError> {
    let unit = &handling.policy.units.units[head.unit];
    let who = [&head.on_behalf, &head.who, &unit.name].into_iter().find(|name| !name.trim().is_empty());
    let act = |act: &FormAct| {
        Ok(Act {
            code: Some(code.to_owned()),
            transition: act.transition.clone(),
            by: who.cloned().unwrap_or_default(),
            unit: head.unit,
            on_behalf: !head.on_behalf.is_empty(),
            stated_on: act.stated_on,
            given: given_cells(handling.ledger(), &act.given, handling.today)?,
            number: None,
            reason: act.reason.clone(),
            key: act.key.clone(),
            actor: form_name(&unit.code, head.as_of),
            via: Via::Form,
        })
    };
    let wanted: Vec<Act> = match acts.iter().map(act).collect::<Result<_, String>>() {
        Ok(wanted) => wanted,
        Err(reason) => return Ok(Err(reason)),
    };
    let life = handling.life();
    let done = |act: &Act| {
        let day = act.stated_on.map_or(String::new(), |day| format!("（{}）", chinese_day(day)));
        format!("{}{day}", life.title(&act.transition))
    };
    Ok(match handling.handle(&wanted, false).await? {
        Outcome::Done { .. } => Ok(wanted.iter().map(done).collect()),
        Outcome::Refused(refused) => Err(refused.reason),
    })
}

/// The ledgers of the forms that units fill in.
fn form_ledgers(policy: &Policy) -> Vec<Ledger> {
    let filled = (0..policy.ledgers.len()).filter(|index| !FormFields::of(policy, *index).is_empty());
    filled.map(|index| form_ledger(policy, index)).collect()
}

/// Whether another row of the sheet has the same code and other cells: nobody knows which of them is meant.
fn differs_elsewhere(rows: &[Accepted], code: &str, cells: &[Cell]) -> bool {
    rows.iter().any(|other| other.code == code && other.cells != cells)
}

/// The findings that a mail reported on a record, by light and title of their rules.
fn findings_in_words(policy: &Policy, sent: &NotifiedFindings, (ledger, code): &(String, String)) -> String {
    let one = |[rule, _, _, light]: &[String; 4]| {
        let title = policy.rules.iter().find(|known| known.id == *rule).map_or(rule.as_str(), |known| &known.title);
        Light::from_code(light).map_or(title.to_owned(), |light| format!("{} {title}", light.title()))
    };
    sent.iter().filter(|[_, of, key, _]| of == ledger && key == code).map(one).collect::<Vec<_>>().join("；")
}

/// A new secret.
///
/// # Errors
/// The machine gives no random numbers.
pub(crate) fn new_secret() -> anyhow::Result<[u8; SECRET]> {
    let mut secret = [0; SECRET];
    SystemRandom::new().fill(&mut secret).map_err(|_| anyhow::anyhow!("this machine gives no random numbers for a key"))?;
    Ok(secret)
}
