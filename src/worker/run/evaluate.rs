//! Reading a register at a date: the snapshots in force, their records judged, and what reports and mails need of them.
//!
//! Two passes: the small ledgers that point to projects first, so that a project knows its difficulties and an order its project;
//! then the projects, streamed.

use crate::clock::Clock;
use crate::config::load::Config;
use crate::config::settings::Settings;
use crate::domain::audience::is_restricted;
use crate::domain::intake::note::{Note, NoteKind, sentence};
use crate::domain::judging::finding::State;
use crate::domain::judging::indicators::Indicators;
use crate::domain::judging::judge::Judged;
use crate::domain::judging::roster::{Rosters, Selection};
use crate::domain::register::ledger::PROJECT;
use crate::domain::register::period::{chinese_date, chinese_day};
use crate::domain::register::record::{Origin, Record};
use crate::domain::register::snapshot::{Candidate, InForce, in_force};
use crate::domain::register::units::UnitId;
use crate::domain::rules::context::Context;
use crate::domain::rules::exemption::exemptions_in_force;
use crate::domain::rules::owner::{Linked, link, project_of};
use crate::domain::rules::policy::Policy;
use crate::store::database::{Result, StoreError};
use crate::store::handle::Store;
use crate::store::snapshots::{Snapshot, SnapshotState};
use crate::workbook::material::{IntakeIssue, SourceSnapshot};
use crate::worker::run::spill::Kept;
use chrono::{Datelike, NaiveDate};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The snapshots one judgement reads.
#[derive(Clone, Debug)]
pub struct View {
    pub in_force: Vec<InForce>,
    /// Only the shipped sample holds projects.
    pub sample: bool,
}

/// A register at a date, judged.
pub struct Reading {
    pub judged: Judged,
    /// Records with a finding, a notice or a remark, and projects that others' findings point to.
    pub records: Kept,
    /// The codes that the sheets of records choose.
    pub rosters: Rosters,
    pub origins: Vec<Origin>,
    pub indicators: Indicators,
    pub sources: Vec<SourceSnapshot>,
    pub intake: Vec<IntakeIssue>,
    /// Ledgers that have a snapshot.
    pub ledgers: BTreeSet<String>,
    /// Fingerprints of all (ledger, code) present, to tell resolved from gone.
    present: HashSet<u64>,
}

impl Reading {
    /// `数据来源：项目台账、工作单9月30日数据（第1次快照）`: the ledgers in which something was found, those of one day and number together.
    pub fn source_line(&self, policy: &Policy, as_of: NaiveDate) -> String {
        let found: BTreeSet<&str> =
            self.judged.findings.iter().map(|finding| &*policy.ledgers[policy.rules[finding.rule].ledger].title).collect();
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
    pub fn has(&self, ledger: usize, code: &str) -> bool {
        self.present.contains(&fingerprint(ledger, code))
    }
}

fn fingerprint(ledger: usize, code: &str) -> u64 {
    xxh3_64_with_seed(code.as_bytes(), ledger as u64)
}

/// Chooses the snapshots in force on a day among all.
pub fn view(snapshots: &[Snapshot], settings: &Settings, wanted: &[String], as_of: NaiveDate) -> View {
    let candidates: Vec<Candidate> = snapshots
        .iter()
        .filter(|snapshot| snapshot.state == SnapshotState::InForce)
        .map(|snapshot| Candidate {
            ledger: snapshot.ledger.clone(),
            source: snapshot.source.clone(),
            seq: snapshot.seq,
            covers_on: snapshot.covers_on,
            sample: snapshot.sample,
        })
        .collect();
    let order: Vec<String> = settings.sources.iter().map(|source| source.name.clone()).collect();
    let in_force = in_force(&candidates, &order, wanted, PROJECT, as_of);
    let projects: Vec<&InForce> = in_force.iter().filter(|found| found.snapshot.ledger == PROJECT).collect();
    let sample = !projects.is_empty() && projects.iter().all(|found| found.snapshot.sample);
    View { in_force, sample }
}

/// Judges what is stored: the register on a day, what has changed since, and what has left it.
#[derive(Clone)]
pub struct Evaluator {
    pub(crate) var: PathBuf,
    pub(crate) config: Arc<Config>,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
}

impl Evaluator {
    /// An evaluator of a store; `root` is the folder that holds `var/`, where records are spilled during a run.
    pub fn new(root: &Path, config: Arc<Config>, store: Store, clock: Clock) -> Evaluator {
        Evaluator { var: root.join("var"), config, store, clock }
    }

    /// The view of the store as it is now.
    pub async fn view(&self, wanted: &[String], as_of: NaiveDate) -> Result<View> {
        Ok(view(&self.store.snapshots().list().await?, &self.config.settings, wanted, as_of))
    }
}

/// What other ledgers need to know of the projects with these codes; `look_at` is shown each.
///
/// # Errors
/// The database fails, or a stored body is damaged.
pub async fn links(
    store: &Store,
    policy: &Policy,
    view: &View,
    codes: &[String],
    mut look_at: impl FnMut(&Record),
) -> Result<HashMap<String, Linked>> {
    let mut linked: HashMap<String, Linked> = HashMap::with_capacity(codes.len());
    if let Some(index) = policy.project_ledger() {
        let ledger = &policy.ledgers[index];
        for found in view.in_force.iter().filter(|found| found.snapshot.ledger == PROJECT) {
            for stored in store.records().by_code(ledger, &found.snapshot.source, found.snapshot.seq, codes).await? {
                linked.entry(stored.record.code.clone()).or_insert_with(|| {
                    look_at(&stored.record);
                    link(policy, ledger, &stored.record)
                });
            }
        }
    }
    Ok(linked)
}

/// Reads and judges a view. Records that are spoken of later, and those that a selection takes, wait in a temporary file in `folder`.
///
/// # Errors
/// The database fails, a stored body is damaged, or the temporary file cannot be written.
pub async fn read(
    store: &Store,
    policy: &Policy,
    view: &View,
    as_of: NaiveDate,
    folder: &Path,
    selections: Vec<Selection>,
) -> Result<Reading> {
    let mut rosters = Rosters::new(selections);
    let snapshots = store.snapshots().list().await?;
    let mut reader = Reader::new(policy, &snapshots);
    // everything but projects: read whole, they are small beside the projects
    let mut others: Vec<(usize, Vec<Record>)> = Vec::new();
    for (index, ledger) in policy.ledgers.iter().enumerate().filter(|(_, ledger)| ledger.id != PROJECT) {
        let mut records = Vec::new();
        for found in view.in_force.iter().filter(|found| found.snapshot.ledger == ledger.id) {
            reader
                .stream(store, index, found, |_, record| {
                    records.push(record);
                    Ok(())
                })
                .await?;
        }
        if reader.ledgers.contains(&ledger.id) {
            others.push((index, records));
        }
    }
    let mut wanted: Vec<String> = others
        .iter()
        .flat_map(|(index, records)| records.iter().filter_map(|record| project_of(&policy.ledgers[*index], record)))
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    let project_ledger = policy.project_ledger();
    let linked = links(store, policy, view, &wanted, |record| rosters.note_project(policy, record, as_of)).await?;
    let exemptions = others.iter().find(|(index, _)| policy.ledgers[*index].id == "exemption");
    let granted = exemptions_in_force(policy, exemptions.map_or(&[][..], |(_, records)| records.as_slice()), as_of);
    let exempt = granted.in_force;
    let mut judged = Judged::new(policy);
    let mut indicators = Indicators::new(policy, as_of);
    let mut waiting: HashMap<String, UnitId> = HashMap::new();
    {
        let none = HashMap::new();
        let context = Context { policy, as_of, projects: &linked, waiting_on: &none, exempt: &exempt };
        for (index, records) in &others {
            for record in records {
                let owner = judged.record(&context, *index, record);
                indicators.add(policy, *index, record, owner);
            }
            judged.periodic(&context, *index, records);
        }
        if let Some((index, records)) = exemptions {
            judged.doubtful_exemptions(&context, *index, records, &granted.doubts);
        }
        for finding in judged.findings.iter().filter(|finding| policy.rules[finding.rule].waiting_on_owner && finding.state == State::Open)
        {
            if let Some(owner) = finding.owner {
                waiting.entry(finding.project.to_string()).or_insert(owner);
            }
        }
    }
    let context = Context { policy, as_of, projects: &linked, waiting_on: &waiting, exempt: &exempt };
    let mut chosen: HashSet<(usize, &str)> = HashSet::new();
    let mut pointed: HashSet<Arc<str>> =
        judged.findings.iter().map(|finding| finding.project.clone()).filter(|code| !code.is_empty()).collect();
    for (index, records) in &others {
        for record in records.iter().filter(|record| rosters.add(&context, *index, record)) {
            chosen.insert((*index, &record.code));
            pointed.extend(project_of(&policy.ledgers[*index], record).map(Arc::from));
        }
    }
    let noted = notes(store, policy, view, &snapshots).await?;
    // a row that is noted is named where it is listed
    pointed.extend(noted.iter().filter(|(ledger, _)| Some(*ledger) == project_ledger).map(|(_, line)| Arc::from(line.code.as_str())));
    let mut kept = Kept::new(folder, policy.ledgers.iter().map(|ledger| ledger.fields.len())).map_err(not_kept)?;
    if let Some(index) = project_ledger {
        let projects = view.in_force.iter().filter(|found| found.snapshot.ledger == PROJECT);
        let rows = projects.filter_map(|found| snapshots.iter().find(|snapshot| is_of(snapshot, found))).map(|snapshot| snapshot.rows);
        judged.make_room(usize::try_from(rows.sum::<i64>()).unwrap_or(0));
        for found in view.in_force.iter().filter(|found| found.snapshot.ledger == PROJECT) {
            let before = |judged: &Judged| (judged.findings.len(), judged.notices.len(), judged.quality.len());
            reader
                .stream(store, index, found, |_, record| {
                    let counts = before(&judged);
                    let owner = judged.record(&context, index, &record);
                    indicators.add(policy, index, &record, owner);
                    let taken = rosters.add(&context, index, &record);
                    let spoken_of = before(&judged) != counts || pointed.contains(record.code.as_str());
                    if taken || spoken_of || is_restricted(&policy.ledgers[index], &record) {
                        return kept.keep(index, &record).map_err(not_kept);
                    }
                    Ok(())
                })
                .await?;
        }
    }
    let found = judged.findings.iter().map(|finding| (policy.rules[finding.rule].ledger, &*finding.key));
    let named: HashSet<(usize, &str)> = found
        .chain(judged.notices.iter().map(|notice| (policy.rules[notice.rule].ledger, &*notice.key)))
        .chain(judged.quality.iter().map(|quality| (quality.ledger, &*quality.key)))
        .filter(|(ledger, _)| Some(*ledger) != project_ledger)
        .chain(noted.iter().map(|(ledger, line)| (*ledger, line.code.as_str())).filter(|(ledger, _)| Some(*ledger) != project_ledger))
        .chain(chosen)
        .collect();
    for (index, records) in &others {
        for record in records {
            let ledger = &policy.ledgers[*index];
            let project = || project_of(ledger, record).and_then(|code| linked.get(&code));
            // what is restricted has to be known by that also where nothing is held against it any more
            let restricted = || is_restricted(ledger, record) || project().is_some_and(|project| project.restricted);
            if named.contains(&(*index, record.code.as_str())) || restricted() {
                kept.keep(*index, record).map_err(not_kept)?;
            }
        }
    }
    judged.sort();
    rosters.finish(policy, &judged);
    let sources = source_lines(policy, view, &snapshots, as_of);
    let mut intake = std::mem::take(&mut reader.intake);
    intake.extend(noted.into_iter().map(|(_, line)| line));
    let Reader { origins, ledgers, present, .. } = reader;
    Ok(Reading { judged, records: kept, rosters, origins, indicators, sources, intake, ledgers, present })
}

fn not_kept(error: std::io::Error) -> StoreError {
    StoreError::Internal(format!("the temporary file of records: {error}"))
}

fn is_of(snapshot: &Snapshot, found: &InForce) -> bool {
    snapshot.ledger == found.snapshot.ledger && snapshot.source == found.snapshot.source && snapshot.seq == found.snapshot.seq
}

/// What the intake noted of the rows of a view, but for those that are no data, each with its ledger.
async fn notes(store: &Store, policy: &Policy, view: &View, snapshots: &[Snapshot]) -> Result<Vec<(usize, IntakeIssue)>> {
    let mut noted = Vec::new();
    for found in &view.in_force {
        let Some(index) = policy.ledger(&found.snapshot.ledger) else { continue };
        let Some(snapshot) = snapshots.iter().find(|snapshot| is_of(snapshot, found)) else { continue };
        let notes = store.notes().of_snapshot(&snapshot.ledger, &snapshot.source, snapshot.seq).await?;
        let told = notes.iter().filter(|note| note.kind != NoteKind::Skipped);
        noted.extend(told.map(|note| (index, intake_line(&policy.ledgers[index].title, note, snapshot))));
    }
    Ok(noted)
}

fn intake_line(ledger: &str, note: &Note, snapshot: &Snapshot) -> IntakeIssue {
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

fn source_lines(policy: &Policy, view: &View, snapshots: &[Snapshot], as_of: NaiveDate) -> Vec<SourceSnapshot> {
    let mut lines: Vec<(usize, SourceSnapshot)> = view
        .in_force
        .iter()
        .filter_map(|found| {
            let index = policy.ledger(&found.snapshot.ledger)?;
            let snapshot = snapshots.iter().find(|snapshot| is_of(snapshot, found))?;
            let sum = |count: fn(&crate::domain::intake::note::SheetAccount) -> u64| snapshot.accounts.iter().map(count).sum::<u64>();
            let note = if found.early {
                format!("没有截至{}及以前的数据，以最早的一次（{}）代替", chinese_date(as_of), chinese_date(snapshot.covers_on))
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

/// Streams records of several sources as one ledger: the same code twice, the first source wins and the other is listed.
struct Reader<'a> {
    policy: &'a Policy,
    origins: Vec<Origin>,
    /// (ledger, source, first_seq) → origin.
    origin_of: HashMap<(String, String, i64), u32>,
    ledgers: BTreeSet<String>,
    present: HashSet<u64>,
    intake: Vec<IntakeIssue>,
}

impl<'a> Reader<'a> {
    fn new(policy: &'a Policy, snapshots: &[Snapshot]) -> Reader<'a> {
        let mut origins = Vec::new();
        let mut origin_of = HashMap::new();
        for snapshot in snapshots {
            origin_of.insert((snapshot.ledger.clone(), snapshot.source.clone(), snapshot.seq), origins.len() as u32);
            origins.push(Origin { file: snapshot.origin.file.clone(), sheets: snapshot.origin.sheets.clone() });
        }
        Reader { policy, origins, origin_of, ledgers: BTreeSet::new(), present: HashSet::new(), intake: Vec::new() }
    }

    async fn stream(
        &mut self,
        store: &Store,
        index: usize,
        found: &InForce,
        mut take: impl FnMut(usize, Record) -> Result<()>,
    ) -> Result<()> {
        let ledger = &self.policy.ledgers[index];
        let (source, seq) = (&found.snapshot.source, found.snapshot.seq);
        self.ledgers.insert(ledger.id.clone());
        let (origin_of, present, intake, origins) = (&self.origin_of, &mut self.present, &mut self.intake, &self.origins);
        // version after version of a ledger mostly began in one snapshot
        let mut last: Option<(i64, u32)> = None;
        store
            .records()
            .each(ledger, source, seq, |stored| {
                let mut record = stored.record;
                let origin = match last {
                    Some((first_seq, origin)) if first_seq == stored.first_seq => origin,
                    _ => {
                        let key = (ledger.id.clone(), source.clone(), stored.first_seq);
                        let origin = *origin_of.get(&key).ok_or_else(|| StoreError::Damaged {
                            what: "record",
                            key: format!("{} {}", ledger.id, record.code),
                            detail: format!("snapshot {} is missing", stored.first_seq),
                        })?;
                        last = Some((stored.first_seq, origin));
                        origin
                    }
                };
                record.place.origin = origin;
                if !present.insert(fingerprint(index, &record.code)) {
                    intake.push(IntakeIssue {
                        ledger: ledger.title.clone(),
                        level: NoteKind::Quarantined.title().to_owned(),
                        file: origins[origin as usize].file.clone(),
                        sheet: origins[origin as usize].sheets.get(record.place.sheet as usize).cloned().unwrap_or_default(),
                        cell: format!("第{}行", record.place.row),
                        field: String::new(),
                        raw: String::new(),
                        reason: "另一来源已有同一编号，以配置在前的来源为准".into(),
                        hint: "请核对是否重复报送".into(),
                        unit: String::new(),
                        code: record.code.clone(),
                        restricted: is_restricted(ledger, &record),
                    });
                    return Ok(());
                }
                take(index, record)
            })
            .await?;
        Ok(())
    }
}

/// The sentences of a pull's notes, for a terminal.
pub fn note_lines(notes: &[Note], sheets: &[String], kinds: &[NoteKind], most: usize) -> Vec<String> {
    let chosen: Vec<&Note> = notes.iter().filter(|note| kinds.contains(&note.kind)).collect();
    let mut lines: Vec<String> =
        chosen.iter().take(most).map(|note| sentence(note, sheets.get(note.sheet as usize).map_or("", String::as_str))).collect();
    if chosen.len() > most {
        lines.push(format!("……另有{}条，见导入报告", chosen.len() - most));
    }
    lines
}
