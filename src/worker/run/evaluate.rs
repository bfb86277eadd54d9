//! Evaluates a register at a date: its records are judged, and those that workbooks and mails name are set aside.
//!
//! There are two passes. The small ledgers that point to projects come first, so that a project's difficulties and an order's project are
//! known when they are needed; then the projects are streamed.

use crate::clock::Clock;
use crate::config::load::Config;
use crate::domain::audience::is_restricted;
use crate::domain::intake::note::{Note, NoteKind, SheetAccount};
use crate::domain::judging::finding::Finding;
use crate::domain::judging::indicators::Indicators;
use crate::domain::judging::judge::Judged;
use crate::domain::judging::roster::{Rosters, Selection};
use crate::domain::life::waiting::{answers_to_confirm, waiting_units};
use crate::domain::register::data_condition::Reader;
use crate::domain::register::ledger::{Ledger, Purpose};
use crate::domain::register::period::{chinese_date, chinese_day};
use crate::domain::register::record::{Origin, Record};
use crate::domain::register::snapshot::InForce;
use crate::domain::register::units::UnitId;
use crate::domain::restriction::Restrictions;
use crate::domain::rules::context::{Context, OldData};
use crate::domain::rules::exemption::{Exemption, exemptions_in_force};
use crate::domain::rules::owner::Linked;
use crate::domain::rules::policy::{ExemptKey, Policy};
use crate::store::database::{Result, StoreError};
use crate::store::handle::Store;
use crate::store::records::StreamedRecord;
use crate::store::snapshots::Snapshot;
use crate::store::snapshots::SnapshotState;
use crate::workbook::material::{IntakeIssue, SourceSnapshot};
use crate::worker::records::{FoundRecord, LedgerRecords, MADE_HERE, SourceSnapshotRef, linked_projects};
use crate::worker::run::spill::RecordSpill;
use crate::worker::snapshot_selection::SnapshotSelection;
use chrono::{Datelike, NaiveDate};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A register at a date, judged.
pub(crate) struct EvaluatedRegister {
    pub(crate) judged: Judged,
    /// Records with a finding, a notice, a quality issue or an intake note, restricted records, those that a roster selects, and projects
    /// that findings of other ledgers point to.
    pub(crate) records: RecordSpill,
    /// The codes that the sheets of records select.
    pub(crate) rosters: Rosters,
    pub(crate) origins: Vec<Origin>,
    pub(crate) indicators: Indicators,
    pub(crate) sources: Vec<SourceSnapshot>,
    /// The ledgers (indices) of which more than half of the rows come from data that cannot be relied on.
    pub(crate) old_ledgers: BTreeSet<usize>,
    pub(crate) intake: Vec<IntakeIssue>,
    /// Fingerprints of all (ledger, code) of the register, by which a resolved finding is distinguished from one whose record is gone.
    present: HashSet<u64>,
}

impl EvaluatedRegister {
    /// Names the ledgers in which something was found, those of one day and number together: `数据来源：项目台账、工作单9月30日数据（第1次快照）`.
    pub(crate) fn source_line(&self, policy: &Policy, as_of: NaiveDate) -> String {
        let found: BTreeSet<&str> =
            self.judged.findings.iter().map(|finding| &*policy.ledgers[policy.rules[finding.rule].ledger].title).collect();
        // the titles of the ledgers whose snapshots cover the same day and have the same number
        let mut groups: Vec<((NaiveDate, i64), Vec<&str>)> = Vec::new();
        for line in self.sources.iter().filter(|line| found.is_empty() || found.contains(&*line.ledger)) {
            let key = (line.covers_on, line.snapshot);
            match groups.iter_mut().find(|(known, _)| *known == key) {
                Some((_, ledgers)) if ledgers.contains(&&*line.ledger) => {}
                Some((_, ledgers)) => ledgers.push(&line.ledger),
                None => groups.push((key, vec![&line.ledger])),
            }
        }
        let parts: Vec<String> = groups
            .iter()
            .map(|((day, snapshot), ledgers)| {
                let day = if day.year() == as_of.year() { chinese_day(*day) } else { chinese_date(*day) };
                format!("{}{day}数据（第{snapshot}次快照）", ledgers.join("、"))
            })
            .collect();
        format!("数据来源：{}", parts.join("；"))
    }

    /// Whether a record of this code is in the register at all.
    pub(crate) fn has(&self, ledger: usize, code: &str) -> bool {
        self.present.contains(&fingerprint(ledger, code))
    }
}

fn fingerprint(ledger: usize, code: &str) -> u64 {
    xxh3_64_with_seed(code.as_bytes(), ledger as u64)
}

/// Evaluates the stored register: its findings on a day, their changes, and the codes that have left it.
#[derive(Clone)]
pub struct Evaluator {
    pub(crate) var: PathBuf,
    pub(crate) config: Arc<Config>,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    /// Room for registers in memory.
    pub(crate) room: Arc<Semaphore>,
}

/// Registers that a process holds in memory at once. A further run waits behind its pull.
const REGISTERS_MAX: usize = 3;

impl Evaluator {
    /// An evaluator of a store; `root` is the folder that holds `var/`, where records are spilled during a run.
    pub fn new(root: &Path, config: Arc<Config>, store: Store, clock: Clock) -> Evaluator {
        Evaluator { var: root.join("var"), config, store, clock, room: Arc::new(Semaphore::new(REGISTERS_MAX)) }
    }

    /// The snapshots in force on a day as the store has them now; `wanted` = only these sources, or all where it is empty.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn select_snapshots(&self, wanted: &[String], as_of: NaiveDate) -> Result<SnapshotSelection> {
        SnapshotSelection::on(&self.store, &self.config, wanted, as_of).await
    }
}

/// All records of one ledger other than the projects, in memory: such ledgers are small.
struct LedgerRows {
    ledger: usize,
    records: Vec<Record>,
}

/// Reads and judges the snapshots of a selection. Records that reports or mails name later are spilled to a temporary file in `folder`.
///
/// # Errors
/// The database fails, a stored body is damaged, or the temporary file cannot be written.
pub(crate) async fn evaluate(
    store: &Store,
    policy: &Policy,
    selection: &SnapshotSelection,
    as_of: NaiveDate,
    folder: &Path,
    roster_selections: Vec<Selection>,
) -> Result<EvaluatedRegister> {
    let mut rosters = Rosters::new(roster_selections);
    let snapshots = store.snapshots().list().await?;
    let mut reader = RegisterReader::new(store, policy, selection, &snapshots);
    let others = reader.other_ledgers().await?;
    let noted = notes_of(store, policy, selection, &snapshots).await?;
    let codes = project_codes(policy, &others, &noted);
    let linked = linked_projects(store, policy, selection, &codes, |record| rosters.note_project(policy, record, as_of)).await?;
    let old_data = old_data(policy, selection, &reader);
    let JudgedOthers { mut judged, mut indicators, contributions } =
        judge_others(policy, as_of, &others, linked, old_data, |ledger| first_covered(selection, &snapshots, ledger));
    let (context, linked) = (contributions.context(policy, as_of), &contributions.linked);
    let mut rows = RowsByCondition::of(&others, &contributions.old_data);
    let selected = select_others(&context, &others, &mut rosters);
    let noted = intake_issues(policy, linked, &selection.restrictions, noted);
    let mut spill = RecordSpill::new(folder, policy.ledgers.iter().map(|ledger| ledger.fields.len())).map_err(spill_error)?;
    if let Some(index) = policy.project_ledger() {
        let referenced = referenced_projects(policy, index, &judged, &selected, &noted);
        judged.make_room(project_rows(&policy.ledgers[index], selection, &snapshots));
        let counts = |judged: &Judged| (judged.findings.len(), judged.notices.len(), judged.quality.len());
        reader
            .each(index, |StreamedRecord { record, layout, body, has_changed, .. }| {
                let before = counts(&judged);
                rows.add(index, context.old_data_of(record).is_some());
                let owner = judged.record(&context, index, record);
                indicators.add(policy, index, record, owner);
                let in_roster = rosters.add(&context, index, record);
                let is_named = counts(&judged) != before || referenced.contains(record.code.as_str());
                if in_roster || is_named || is_restricted(&policy.ledgers[index], record, || false) {
                    let spilled = if has_changed { spill.add(index, record) } else { spill.add_packed(index, record, layout, body) };
                    return spilled.map_err(spill_error);
                }
                Ok(())
            })
            .await?;
    }
    spill_others(policy, linked, &others, &named_records(policy, &judged, &noted, selected), &mut spill)?;
    judged.sort();
    rosters.finish(policy, &judged);
    let sources = source_snapshots(policy, selection, &snapshots, as_of);
    let RegisterReader { origins, present, duplicates, .. } = reader;
    let intake = duplicates.into_iter().chain(noted.into_iter().map(|(_, issue)| issue)).collect();
    let old_ledgers = rows.mostly_old();
    Ok(EvaluatedRegister { judged, records: spill, rosters, origins, indicators, sources, old_ledgers, intake, present })
}

/// The projects that the records and the notes of other ledgers belong to, each once.
fn project_codes(policy: &Policy, others: &[LedgerRows], noted: &[LedgerNotes<'_>]) -> Vec<String> {
    let of_ledger = |rows: &LedgerRows| {
        let ledger = &policy.ledgers[rows.ledger];
        rows.records.iter().filter_map(|record| ledger.project_of(record)).collect::<Vec<_>>()
    };
    let of_notes = noted.iter().flat_map(|noted| &noted.notes).map(|note| note.project.clone()).filter(|code| !code.is_empty());
    let mut codes: Vec<String> = others.iter().flat_map(of_ledger).chain(of_notes).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// What the other ledgers contribute to judging a project.
pub(crate) struct Contributions {
    linked: HashMap<String, Linked>,
    waiting_on: HashMap<String, UnitId>,
    answered: HashMap<String, Arc<str>>,
    exempt: HashMap<ExemptKey, Exemption>,
    old_data: OldData,
}

impl Contributions {
    pub(crate) fn context<'a>(&'a self, policy: &'a Policy, as_of: NaiveDate) -> Context<'a> {
        let Contributions { linked, waiting_on, answered, exempt, old_data } = self;
        Context { policy, as_of, projects: linked, waiting_on, answered, exempt, old_data }
    }
}

/// The days of the data of a selection that cannot be relied on.
fn old_data(policy: &Policy, selection: &SnapshotSelection, reader: &RegisterReader<'_>) -> OldData {
    let day_of = |ledger: &str, source: &str| {
        let condition = selection.condition_of(ledger, source).filter(|condition| !condition.is_current());
        condition.map(|condition| condition.data_day)
    };
    let mut of_origin = vec![None; reader.origins.len()];
    for ((ledger, source, _), origin) in &reader.origin_of {
        of_origin[*origin as usize] = day_of(ledger, source);
    }
    let earliest = |ledger: &Ledger| selection.of_ledger(&ledger.id).filter_map(|found| day_of(&ledger.id, &found.snapshot.source)).min();
    OldData { of_origin, of_ledger: policy.ledgers.iter().map(earliest).collect() }
}

/// How many rows of each ledger come from data that can be relied on, and how many from others.
#[derive(Default)]
struct RowsByCondition(BTreeMap<usize, (u64, u64)>);

impl RowsByCondition {
    fn of(others: &[LedgerRows], old_data: &OldData) -> RowsByCondition {
        let mut rows = RowsByCondition::default();
        let is_old = |record: &Record| old_data.of_origin.get(record.place.origin as usize).copied().flatten().is_some();
        for LedgerRows { ledger, records } in others {
            records.iter().for_each(|record| rows.add(*ledger, is_old(record)));
        }
        rows
    }

    fn add(&mut self, ledger: usize, is_old: bool) {
        let (current, old) = self.0.entry(ledger).or_default();
        *(if is_old { old } else { current }) += 1;
    }

    /// The ledgers of which more than half is old.
    fn mostly_old(&self) -> BTreeSet<usize> {
        self.0.iter().filter(|(_, (current, old))| old > current).map(|(ledger, _)| *ledger).collect()
    }
}

/// The ledgers other than the projects, judged.
struct JudgedOthers {
    judged: Judged,
    indicators: Indicators,
    contributions: Contributions,
}

/// The first day that the sources of a ledger cover, of those of a selection.
pub(crate) fn first_covered(selection: &SnapshotSelection, snapshots: &[Snapshot], ledger: &str) -> Option<NaiveDate> {
    let is_selected = |snapshot: &&Snapshot| selection.of_ledger(ledger).any(|found| found.snapshot.source == snapshot.source);
    let of_ledger = snapshots.iter().filter(|snapshot| snapshot.ledger == ledger && snapshot.state == SnapshotState::InForce);
    of_ledger.filter(is_selected).map(|snapshot| snapshot.covers_on).min()
}

/// Judges the ledgers other than the projects. `first_covered` is the first day of which a ledger has data.
fn judge_others(
    policy: &Policy,
    as_of: NaiveDate,
    others: &[LedgerRows],
    linked: HashMap<String, Linked>,
    old_data: OldData,
    first_covered: impl Fn(&str) -> Option<NaiveDate>,
) -> JudgedOthers {
    let exemptions = others.iter().find(|rows| policy.ledgers[rows.ledger].purpose == Purpose::Exemption);
    let granted = exemptions_in_force(policy, exemptions.map_or(&[][..], |rows| rows.records.as_slice()), as_of);
    let (waiting_on, answered) = (HashMap::new(), HashMap::new());
    let mut contributions = Contributions { linked, waiting_on, answered, exempt: granted.in_force, old_data };
    let (mut judged, mut indicators) = (Judged::new(policy), Indicators::new(policy, as_of));
    let context = contributions.context(policy, as_of);
    for LedgerRows { ledger, records } in others {
        for record in records {
            let owner = judged.record(&context, *ledger, record);
            indicators.add(policy, *ledger, record, owner);
        }
        judged.periodic(&context, *ledger, records, first_covered(&policy.ledgers[*ledger].id));
    }
    if let Some(rows) = exemptions {
        judged.doubtful_exemptions(&context, rows.ledger, &rows.records, &granted.doubts);
    }
    let records = others.iter().map(|rows| (rows.ledger, rows.records.as_slice()));
    let waiting_on = waiting_units(&context, &judged.findings, records.clone());
    let answered = answers_to_confirm(&context, records);
    (contributions.waiting_on, contributions.answered) = (waiting_on, answered);
    JudgedOthers { judged, indicators, contributions }
}

/// One ledger of a register, judged as [`evaluate`] judges it; of the projects only one.
pub(crate) struct EvaluatedLedger {
    pub(crate) contributions: Contributions,
    /// All records of a ledger other than the projects.
    pub(crate) records: Vec<Record>,
    pub(crate) findings: Vec<Finding>,
}

/// Evaluates one ledger; of the projects only `project`, so that the register is not read as a whole.
///
/// # Errors
/// The database fails, or a stored body is damaged.
pub(crate) async fn evaluate_ledger(
    store: &Store,
    policy: &Policy,
    selection: &SnapshotSelection,
    as_of: NaiveDate,
    ledger: usize,
    project: Option<&mut FoundRecord<'_>>,
) -> Result<EvaluatedLedger> {
    let snapshots = store.snapshots().list().await?;
    let mut reader = RegisterReader::new(store, policy, selection, &snapshots);
    let others = reader.other_ledgers().await?;
    let linked = linked_projects(store, policy, selection, &project_codes(policy, &others, &[]), |_| ()).await?;
    let old_data = old_data(policy, selection, &reader);
    let JudgedOthers { mut judged, contributions, .. } =
        judge_others(policy, as_of, &others, linked, old_data, |ledger| first_covered(selection, &snapshots, ledger));
    if let Some(found) = project {
        let key = (policy.ledgers[ledger].id.clone(), found.snapshot.source.to_owned(), found.stored.first_seq);
        found.stored.record.place.origin = reader.origin_of.get(&key).copied().unwrap_or_default();
        judged.record(&contributions.context(policy, as_of), ledger, &found.stored.record);
    }
    judged.findings.retain(|finding| policy.rules[finding.rule].ledger == ledger);
    let records = others.into_iter().find(|rows| rows.ledger == ledger).map_or_else(Vec::new, |rows| rows.records);
    Ok(EvaluatedLedger { contributions, records, findings: judged.findings })
}

/// Adds the records of the other ledgers to the rosters. Returns those that a roster selects.
fn select_others<'a>(context: &Context<'_>, others: &'a [LedgerRows], rosters: &mut Rosters) -> Vec<(usize, &'a Record)> {
    let mut selected = Vec::new();
    for LedgerRows { ledger, records } in others {
        selected.extend(records.iter().filter(|record| rosters.add(context, *ledger, record)).map(|record| (*ledger, record)));
    }
    selected
}

/// The projects that findings, selected records and intake notes name.
fn referenced_projects(
    policy: &Policy,
    project_ledger: usize,
    judged: &Judged,
    selected: &[(usize, &Record)],
    noted: &[(usize, IntakeIssue)],
) -> HashSet<Arc<str>> {
    let mut codes: HashSet<Arc<str>> =
        judged.findings.iter().map(|finding| finding.project.clone()).filter(|code| !code.is_empty()).collect();
    codes.extend(selected.iter().filter_map(|(ledger, record)| policy.ledgers[*ledger].project_of(record).map(Arc::from)));
    // a list of intake notes names the record of each note
    codes.extend(noted.iter().filter(|(ledger, _)| *ledger == project_ledger).map(|(_, issue)| Arc::from(issue.code.as_str())));
    codes
}

/// Number of rows of the project ledger's snapshots.
fn project_rows(projects: &Ledger, selection: &SnapshotSelection, snapshots: &[Snapshot]) -> usize {
    let of_projects = selection.of_ledger(&projects.id).filter_map(|found| snapshots.iter().find(|snapshot| is_of(snapshot, found)));
    usize::try_from(of_projects.map(|snapshot| snapshot.rows).sum::<i64>()).unwrap_or(0)
}

/// The records of ledgers other than the projects that a finding, a notice, a quality issue, an intake note or a roster names.
fn named_records<'a>(
    policy: &Policy,
    judged: &'a Judged,
    noted: &'a [(usize, IntakeIssue)],
    selected: Vec<(usize, &'a Record)>,
) -> HashSet<(usize, &'a str)> {
    let findings = judged.findings.iter().map(|finding| (policy.rules[finding.rule].ledger, &*finding.key));
    let notices = judged.notices.iter().map(|notice| (policy.rules[notice.rule].ledger, &*notice.key));
    let quality = judged.quality.iter().map(|quality| (quality.ledger, &*quality.key));
    let notes = noted.iter().map(|(ledger, issue)| (*ledger, issue.code.as_str()));
    findings
        .chain(notices)
        .chain(quality)
        .chain(notes)
        .filter(|(ledger, _)| Some(*ledger) != policy.project_ledger())
        .chain(selected.into_iter().map(|(ledger, record)| (ledger, record.code.as_str())))
        .collect()
}

/// Spills the records of the other ledgers that are named, and all restricted ones: an output has to recognise a restricted record also
/// when nothing is found on it.
fn spill_others(
    policy: &Policy,
    linked: &HashMap<String, Linked>,
    others: &[LedgerRows],
    named: &HashSet<(usize, &str)>,
    spill: &mut RecordSpill,
) -> Result<()> {
    for LedgerRows { ledger: index, records } in others {
        let ledger = &policy.ledgers[*index];
        for record in records {
            let project = || ledger.project_of(record).and_then(|code| linked.get(&code));
            let restricted = || is_restricted(ledger, record, || project().is_some_and(|project| project.restricted));
            if named.contains(&(*index, record.code.as_str())) || restricted() {
                spill.add(*index, record).map_err(spill_error)?;
            }
        }
    }
    Ok(())
}

fn spill_error(error: std::io::Error) -> StoreError {
    StoreError::Internal(format!("the temporary file of records: {error}"))
}

/// Whether a snapshot is the one in force that is given.
fn is_of(snapshot: &Snapshot, found: &InForce) -> bool {
    snapshot.ledger == found.snapshot.ledger && snapshot.source == found.snapshot.source && snapshot.seq == found.snapshot.seq
}

/// The intake notes of a snapshot, without those of rows that are not data.
struct LedgerNotes<'a> {
    ledger: usize,
    snapshot: &'a Snapshot,
    notes: Vec<Note>,
}

/// The intake notes of the snapshots of a selection.
async fn notes_of<'a>(
    store: &Store,
    policy: &Policy,
    selection: &SnapshotSelection,
    snapshots: &'a [Snapshot],
) -> Result<Vec<LedgerNotes<'a>>> {
    let mut out = Vec::new();
    for found in &selection.in_force {
        let Some(ledger) = policy.ledger(&found.snapshot.ledger) else { continue };
        let Some(snapshot) = snapshots.iter().find(|snapshot| is_of(snapshot, found)) else { continue };
        let mut notes = store.notes().of_snapshot(&snapshot.ledger, &snapshot.source, snapshot.seq).await?;
        notes.retain(|note| note.kind != NoteKind::Skipped);
        out.push(LedgerNotes { ledger, snapshot, notes });
    }
    Ok(out)
}

/// The notes as reports list them, each with its ledger. A note is restricted also where its code or the project of its row is.
fn intake_issues(
    policy: &Policy,
    linked: &HashMap<String, Linked>,
    restrictions: &Restrictions,
    noted: Vec<LedgerNotes<'_>>,
) -> Vec<(usize, IntakeIssue)> {
    let of_ledger = |LedgerNotes { ledger, snapshot, notes }: LedgerNotes<'_>| {
        let issue = |note: &Note| {
            let mut issue = intake_issue(&policy.ledgers[ledger].title, note, snapshot);
            issue.restricted |= restrictions.has_note(&policy.ledgers[ledger].id, note)
                || linked.get(&note.project).is_some_and(|project| project.restricted);
            (ledger, issue)
        };
        notes.iter().map(issue).collect::<Vec<_>>()
    };
    noted.into_iter().flat_map(of_ledger).collect()
}

/// A note as reports list it.
fn intake_issue(ledger: &str, note: &Note, snapshot: &Snapshot) -> IntakeIssue {
    let sheet = snapshot.origin.sheets.get(note.sheet as usize).cloned().unwrap_or_default();
    IntakeIssue {
        ledger: ledger.to_owned(),
        level: note.kind.title().to_owned(),
        file: snapshot.origin.file.clone(),
        sheet,
        cell: if note.cell.is_empty() { format!("第{}行", note.row) } else { note.cell.clone() },
        field: note.field.clone(),
        raw: note.raw.clone(),
        reason: note.reason.clone(),
        hint: note.hint.clone(),
        unit: note.unit.clone(),
        code: note.code.clone(),
        restricted: note.restricted,
    }
}

/// The snapshots of a selection as reports list them, in the order of the ledgers.
fn source_snapshots(policy: &Policy, selection: &SnapshotSelection, snapshots: &[Snapshot], as_of: NaiveDate) -> Vec<SourceSnapshot> {
    let mut lines: Vec<(usize, SourceSnapshot)> = selection
        .in_force
        .iter()
        .filter_map(|found| {
            let index = policy.ledger(&found.snapshot.ledger)?;
            let snapshot = snapshots.iter().find(|snapshot| is_of(snapshot, found))?;
            let sum = |count: fn(&SheetAccount) -> u64| snapshot.accounts.iter().map(count).sum::<u64>();
            let condition = selection.condition_of(&found.snapshot.ledger, &found.snapshot.source);
            let remark =
                condition.map(|condition| condition.in_words(&policy.ledgers[index].title, as_of, Reader::Unit)).unwrap_or_default();
            let note = if found.early {
                format!("没有截至{}及以前的数据，以最早的一次（{}）代替", chinese_date(as_of), chinese_date(snapshot.covers_on))
            } else if !remark.is_empty() {
                remark
            } else if !policy.ledgers[index].append_only.is_empty() && snapshot.seq > 1 {
                "含此前各次导入的".to_owned()
            } else {
                String::new()
            };
            Some((
                index,
                SourceSnapshot {
                    ledger: policy.ledgers[index].title.clone(),
                    source: snapshot.source.clone(),
                    snapshot: snapshot.seq,
                    covers_on: snapshot.covers_on,
                    file: snapshot.origin.file.clone(),
                    sheets: snapshot.accounts.iter().filter(|account| account.accepted > 0).map(|account| account.sheet.clone()).collect(),
                    accepted: sum(|account| account.accepted),
                    quarantined: sum(|account| account.quarantined),
                    skipped: sum(|account| account.skipped),
                    note,
                },
            ))
        })
        .collect();
    lines.sort_by_key(|(index, _)| *index);
    lines.into_iter().map(|(_, line)| line).collect()
}

/// Reads the ledgers of a register, each as one ledger although it may come from several sources: where two sources have the same code, the
/// first one wins and the record of the other becomes an intake issue.
struct RegisterReader<'a> {
    store: &'a Store,
    policy: &'a Policy,
    selection: &'a SnapshotSelection,
    origins: Vec<Origin>,
    /// (ledger, source, first_seq) → index into `origins`.
    origin_of: HashMap<(String, String, i64), u32>,
    /// The index in `origins` of the records that were made here.
    made_here: u32,
    /// Fingerprints of all (ledger, code) read.
    present: HashSet<u64>,
    duplicates: Vec<IntakeIssue>,
}

impl<'a> RegisterReader<'a> {
    fn new(store: &'a Store, policy: &'a Policy, selection: &'a SnapshotSelection, snapshots: &[Snapshot]) -> RegisterReader<'a> {
        let mut origins = Vec::new();
        let mut origin_of = HashMap::new();
        for snapshot in snapshots {
            origin_of.insert((snapshot.ledger.clone(), snapshot.source.clone(), snapshot.seq), origins.len() as u32);
            origins.push(Origin { file: snapshot.origin.file.clone(), sheets: snapshot.origin.sheets.clone() });
        }
        let made_here = origins.len() as u32;
        origins.push(Origin { file: "办理记录".into(), sheets: Vec::new() });
        RegisterReader { store, policy, selection, origins, origin_of, made_here, present: HashSet::new(), duplicates: Vec::new() }
    }

    /// All ledgers but the projects, without those that have no snapshot.
    async fn other_ledgers(&mut self) -> Result<Vec<LedgerRows>> {
        let mut others = Vec::new();
        let policy = self.policy;
        for (index, ledger) in policy.ledgers.iter().enumerate().filter(|(_, ledger)| !ledger.is_of_projects()) {
            if self.selection.of_ledger(&ledger.id).next().is_none() && !self.selection.has_own(&ledger.id) {
                continue;
            }
            let mut records = Vec::new();
            self.each(index, |streamed| {
                records.push(std::mem::take(streamed.record));
                Ok(())
            })
            .await?;
            others.push(LedgerRows { ledger: index, records });
        }
        Ok(others)
    }

    /// Calls `take` with the records of a ledger, one for each code, with their origin.
    async fn each(&mut self, index: usize, mut take: impl FnMut(StreamedRecord<'_>) -> Result<()>) -> Result<()> {
        let ledger = &self.policy.ledgers[index];
        let (origin_of, origins, present, duplicates) = (&self.origin_of, &self.origins, &mut self.present, &mut self.duplicates);
        let made_here = &self.made_here;
        // most versions of a ledger began in the same snapshot as the one before
        let mut last: Option<(SourceSnapshotRef<'_>, i64, u32)> = None;
        LedgerRecords::new(self.store, ledger, self.selection)
            .each(|snapshot, streamed| {
                let (record, first_seq) = (&mut *streamed.record, streamed.first_seq);
                let origin = match last {
                    Some((last_snapshot, last_seq, origin)) if last_seq == first_seq && last_snapshot == snapshot => origin,
                    _ if snapshot == MADE_HERE => *made_here,
                    _ => {
                        let key = (ledger.id.clone(), snapshot.source.to_owned(), first_seq);
                        let origin = *origin_of.get(&key).ok_or_else(|| StoreError::Damaged {
                            what: "record",
                            key: format!("{} {}", ledger.id, record.code),
                            detail: format!("snapshot {first_seq} is missing"),
                        })?;
                        last = Some((snapshot, first_seq, origin));
                        origin
                    }
                };
                record.place.origin = origin;
                if !present.insert(fingerprint(index, &record.code)) {
                    duplicates.push(duplicate(ledger, record, &origins[origin as usize]));
                    return Ok(());
                }
                take(streamed)
            })
            .await
    }
}

/// The intake issue of a record whose code an earlier source has too.
fn duplicate(ledger: &Ledger, record: &Record, origin: &Origin) -> IntakeIssue {
    IntakeIssue {
        ledger: ledger.title.clone(),
        level: NoteKind::Quarantined.title().to_owned(),
        file: origin.file.clone(),
        sheet: origin.sheets.get(record.place.sheet as usize).cloned().unwrap_or_default(),
        cell: format!("第{}行", record.place.row),
        field: String::new(),
        raw: String::new(),
        reason: "另一来源已有同一编号，以配置在前的来源为准".into(),
        hint: "请核对是否重复报送".into(),
        unit: String::new(),
        code: record.code.clone(),
        restricted: is_restricted(ledger, record, || false),
    }
}
