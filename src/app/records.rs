//! Looks records up: a list by unit, code and the beginning of the name, and one record with its cells, its versions and the rows of other
//! ledgers on it. A reader finds what the record's own audience may see, and nothing else.

use crate::app::compose::App;
use crate::app::current_findings::CurrentFindings;
use crate::app::present::Present;
use crate::domain::audience::{Audience, RowReaders};
use crate::domain::register::ledger::{Field, Ledger, OwnerSpec, Role};
use crate::domain::register::record::{Cell, Record, fen_as_yi};
use crate::domain::register::units::UnitId;
use crate::domain::rules::context::{Context as Judging, OldData};
use crate::domain::rules::owner::Linked;
use crate::domain::rules::responsibility::Responsibility;
use crate::domain::rules::rule::Relation;
use crate::store::record_lookup::{CodeFilter, FoundCode, LookupBy, RecordVersion};
use crate::store::records::StoredRecord;
use crate::store::snapshots::{Snapshot, SnapshotState};
use crate::worker::import::intake_report::place_in;
use crate::worker::records::{LedgerRecords, MADE_HERE, linked_projects};
use chrono::NaiveDate;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Up to here the number of records is exact.
pub(crate) const COUNTED_MAX: i64 = 10_000;
/// Texts of units that one list goes through.
const UNIT_TEXTS_MAX: i64 = 2_000;
/// Records that are read at once.
const BATCH: i64 = 200;

/// Looks records up as one reader may see them on a day.
pub(crate) struct RecordLookup<'a> {
    app: &'a App,
    present: Arc<Present>,
    /// `None` = the office, which sees all.
    reader: Option<UnitId>,
    /// By which a list also holds the records that are open to the reader for a finding alone; `None` = it leaves them out.
    pub(crate) findings: Option<Arc<CurrentFindings>>,
}

/// Which records a list holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecordFilter {
    /// A unit that the records belong to, or that is above theirs.
    pub(crate) unit: Option<UnitId>,
    pub(crate) start: CodeFilter,
    pub(crate) order: RecordOrder,
}

/// The order of a list of the office that goes through all units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RecordOrder {
    /// The administrative order of the units; where a beginning is looked for, that of the index in which it is found.
    #[default]
    Units,
    Code,
    Name,
}

/// Where a page of a list begins: behind this record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// Place of the source in the order of the sources.
    pub(crate) source: usize,
    /// The text of its unit; in a list by names its name.
    pub(crate) text: String,
    pub(crate) code: String,
}

/// A record as a list shows it.
#[derive(Clone, Debug)]
pub(crate) struct RecordLine {
    pub(crate) ledger: String,
    pub(crate) ledger_title: String,
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) amount: String,
    pub(crate) stage: String,
    /// Only the office sees such a line.
    pub(crate) restricted: bool,
}

/// A page of a list.
#[derive(Debug, Default)]
pub(crate) struct RecordPage {
    pub(crate) lines: Vec<RecordLine>,
    /// Where the next page begins; `None` = there is none.
    pub(crate) next: Option<Position>,
    /// Records that were looked at.
    looked: i64,
    /// The list goes through [`UNIT_TEXTS_MAX`] texts of units and no more.
    pub(crate) is_cut: bool,
}

/// How many records a filter selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordCount {
    Exact(i64),
    /// At least so many.
    Over(i64),
}

/// A cell of a record.
#[derive(Debug)]
pub(crate) struct CellLine {
    pub(crate) title: String,
    pub(crate) value: String,
    /// File, sheet and cell.
    pub(crate) place: String,
}

/// In place of the cell of 是否涉密 where no cell of the record states it.
const BY_OTHERS: &str = "不在该表中：其他来源或行的标注，或文字中提到";

/// Where what an event set comes from.
const OF_EVENT: &str = "办理记录";

/// What a snapshot changed of a record.
#[derive(Debug)]
pub(crate) struct VersionLine {
    pub(crate) source: String,
    pub(crate) seq: i64,
    pub(crate) covers_on: NaiveDate,
    pub(crate) taken_at: String,
    /// Title, value before and value since; empty = the record came with this snapshot.
    pub(crate) changes: Vec<(String, String, String)>,
}

/// One record with what belongs to it.
#[derive(Debug)]
pub(crate) struct RecordView {
    pub(crate) line: RecordLine,
    pub(crate) source: String,
    pub(crate) other_sources: Vec<String>,
    pub(crate) cells: Vec<CellLine>,
    /// The newest first.
    pub(crate) versions: Vec<VersionLine>,
    /// The project that it belongs to, if the reader may see it.
    pub(crate) project: Option<RecordLine>,
    /// Records of other ledgers on this project.
    pub(crate) linked: Vec<RecordLine>,
}

impl<'a> RecordLookup<'a> {
    /// A look-up of today's records for a reader; `None` = the office.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn new(app: &'a App, reader: Option<UnitId>) -> anyhow::Result<RecordLookup<'a>> {
        Ok(RecordLookup { app, present: app.present().await?, reader, findings: None })
    }

    /// The ledger of an id.
    pub(crate) fn ledger(&self, id: &str) -> Option<usize> {
        self.present.policy.ledger(id)
    }

    /// The ledgers with the number of their rows and the day that they describe.
    pub(crate) fn ledgers(&self) -> Vec<(&Ledger, i64, Option<NaiveDate>)> {
        let of = |ledger: &'_ Ledger| {
            let in_force: Vec<&Snapshot> = self.snapshots_of(ledger).map(|(_, snapshot)| snapshot).collect();
            (in_force.iter().map(|snapshot| snapshot.rows).sum(), in_force.iter().map(|snapshot| snapshot.covers_on).min())
        };
        self.present.policy.ledgers.iter().map(|ledger| (ledger, of(ledger))).map(|(ledger, (rows, day))| (ledger, rows, day)).collect()
    }

    /// The snapshots in force of a ledger, in the order of the sources.
    fn snapshots_of(&self, ledger: &Ledger) -> impl Iterator<Item = (usize, &Snapshot)> {
        let known = |candidate: &crate::domain::register::snapshot::Candidate| {
            let is_it = |snapshot: &&Snapshot| {
                (&snapshot.ledger, &snapshot.source, snapshot.seq) == (&candidate.ledger, &candidate.source, candidate.seq)
            };
            self.present.snapshots.iter().find(is_it)
        };
        self.present.selection.of_ledger(&ledger.id).filter_map(move |found| known(&found.snapshot)).enumerate()
    }

    /// The texts of units that a list goes through, in administrative order, those of no known unit behind; and whether there are more.
    async fn unit_texts(&self, ledger: &Ledger, source: &str, filter: &RecordFilter) -> anyhow::Result<(Vec<String>, bool)> {
        let units = &self.present.policy.units;
        let mut texts = self.app.store().records().units(&ledger.id, source, UNIT_TEXTS_MAX + 1).await?;
        let is_cut = texts.len() as i64 > UNIT_TEXTS_MAX;
        texts.truncate(UNIT_TEXTS_MAX as usize);
        // the text alone names the owner only where it is not a department of some place, and nobody else is concerned by the row
        let leads = self
            .reader
            .is_some_and(|unit| (0..units.industries.len()).any(|industry| units.lead(industry, self.present.as_of) == Some(unit)));
        let is_own_text = !matches!(ledger.owner, OwnerSpec::Department { .. });
        let own = self.reader.filter(|_| is_own_text && !leads && ledger.role(Role::Project).is_none());
        let within = [own, filter.unit.filter(|_| is_own_text)];
        let mut ordered: Vec<(usize, String)> = texts.into_iter().map(|text| (units.find(&text).unwrap_or(usize::MAX), text)).collect();
        ordered.retain(|(unit, _)| within.iter().flatten().all(|above| *unit != usize::MAX && units.is_within(*unit, *above)));
        ordered.sort();
        Ok((ordered.into_iter().map(|(_, text)| text).collect(), is_cut))
    }

    /// A page of at most `most` records behind a position. The list of a unit looks at [`COUNTED_MAX`] records at most, and goes on behind them
    /// on its next page.
    ///
    /// # Errors
    /// The database fails, or a body is damaged.
    pub(crate) async fn page(&self, ledger: usize, filter: &RecordFilter, after: &Position, most: usize) -> anyhow::Result<RecordPage> {
        if let Some(by) = self.by_beginning(filter) {
            return self.page_by_beginning(ledger, by, filter, after, most).await;
        }
        let shape = &self.present.policy.ledgers[ledger];
        let mut page = RecordPage::default();
        let sources: Vec<(usize, &Snapshot)> = self.snapshots_of(shape).collect();
        for (place, snapshot) in sources.iter().copied().filter(|(place, _)| *place >= after.source) {
            let (texts, is_cut) = self.unit_texts(shape, &snapshot.source, filter).await?;
            page.is_cut |= is_cut;
            let begin = (place == after.source && !after.code.is_empty()).then(|| texts.iter().position(|text| *text == after.text));
            for text in &texts[begin.flatten().unwrap_or(0)..] {
                let is_first = place == after.source && *text == after.text;
                let mut last = if is_first { after.code.clone() } else { String::new() };
                loop {
                    let key = (shape.id.as_str(), snapshot.source.as_str(), snapshot.seq);
                    let behind = FoundCode { code: last.clone(), ..FoundCode::default() };
                    let found = self.app.store().records().codes(key, LookupBy::Unit(text), &filter.start, &behind, BATCH).await?;
                    let codes: Vec<String> = found.into_iter().map(|found| found.code).collect();
                    let Some(end) = codes.last().cloned() else { break };
                    let before: Vec<&Snapshot> = sources[..place].iter().map(|(_, snapshot)| *snapshot).collect();
                    for (record, line) in self.visible(ledger, snapshot, &before, &codes, filter).await? {
                        if page.lines.len() == most {
                            return Ok(page);
                        }
                        page.lines.push(line);
                        page.next = Some(Position { source: place, text: text.clone(), code: record });
                    }
                    page.looked += codes.len() as i64;
                    last = end;
                    if page.looked >= COUNTED_MAX {
                        page.next = Some(Position { source: place, text: text.clone(), code: last });
                        return Ok(page);
                    }
                    if (codes.len() as i64) < BATCH {
                        break;
                    }
                }
            }
        }
        page.next = None;
        Ok(page)
    }

    /// The index by which the office lists records of all units; `None` = the list goes from unit to unit.
    fn by_beginning(&self, filter: &RecordFilter) -> Option<LookupBy<'static>> {
        let CodeFilter { code, name } = &filter.start;
        match (self.reader, filter.unit, filter.order) {
            (None, None, _) if !name.is_empty() => Some(LookupBy::Name),
            (None, None, _) if !code.is_empty() => Some(LookupBy::Code),
            (None, None, RecordOrder::Code) => Some(LookupBy::Code),
            (None, None, RecordOrder::Name) => Some(LookupBy::Name),
            _ => None,
        }
    }

    /// As [`RecordLookup::page`], in the order of an index.
    async fn page_by_beginning(
        &self,
        ledger: usize,
        by: LookupBy<'_>,
        filter: &RecordFilter,
        after: &Position,
        most: usize,
    ) -> anyhow::Result<RecordPage> {
        let shape = &self.present.policy.ledgers[ledger];
        let mut page = RecordPage::default();
        let sources: Vec<&Snapshot> = self.snapshots_of(shape).map(|(_, snapshot)| snapshot).collect();
        for (place, snapshot) in sources.iter().copied().enumerate().skip(after.source) {
            let key = (shape.id.as_str(), snapshot.source.as_str(), snapshot.seq);
            let begin = FoundCode { name: after.text.clone(), code: after.code.clone() };
            let mut last = if place == after.source { begin } else { FoundCode::default() };
            loop {
                let found = self.app.store().records().codes(key, by, &filter.start, &last, BATCH).await?;
                let Some(end) = found.last().cloned() else { break };
                let names: HashMap<&str, &str> = found.iter().map(|found| (found.code.as_str(), found.name.as_str())).collect();
                let codes: Vec<String> = found.iter().map(|found| found.code.clone()).collect();
                for (code, line) in self.visible(ledger, snapshot, &sources[..place], &codes, filter).await? {
                    if page.lines.len() == most {
                        return Ok(page);
                    }
                    page.lines.push(line);
                    let text = names.get(code.as_str()).copied().unwrap_or_default().to_owned();
                    page.next = Some(Position { source: place, text, code });
                }
                page.looked += found.len() as i64;
                last = end;
                if page.looked >= COUNTED_MAX {
                    page.next = Some(Position { source: place, text: last.name, code: last.code });
                    return Ok(page);
                }
                if (found.len() as i64) < BATCH {
                    break;
                }
            }
        }
        page.next = None;
        Ok(page)
    }

    /// The records of these codes that the reader may see, in the order of the codes.
    async fn visible(
        &self,
        ledger: usize,
        snapshot: &Snapshot,
        before: &[&Snapshot],
        codes: &[String],
        filter: &RecordFilter,
    ) -> anyhow::Result<Vec<(String, RecordLine)>> {
        let shape = &self.present.policy.ledgers[ledger];
        let records = self.app.store().records();
        let mut hidden = BTreeSet::new();
        for earlier in before {
            let found = records.by_code(shape, &earlier.source, earlier.seq, codes).await?;
            hidden.extend(found.into_iter().map(|stored| stored.record.code));
        }
        let mut found: HashMap<String, Record> = HashMap::new();
        for mut stored in records.by_code(shape, &snapshot.source, snapshot.seq, codes).await? {
            self.present.selection.restrictions.apply(shape, &mut stored.record);
            found.insert(stored.record.code.clone(), stored.record);
        }
        let projects = self.projects(shape, found.values()).await?;
        let units = &self.present.policy.units;
        let mut in_filter: Vec<(&String, &Record, RowReaders)> = Vec::new();
        for code in codes.iter().filter(|code| !hidden.contains(*code)) {
            let Some(record) = found.get(code) else { continue };
            let readers = self.readers(ledger, record, &projects);
            if filter.unit.is_none_or(|unit| readers.owner.is_some_and(|owner| units.is_within(owner, unit))) {
                in_filter.push((code, record, readers));
            }
        }
        // a project under negotiation is open to whoever has a finding on it
        let is_open_by_finding = |readers: &RowReaders| {
            !self.admits(readers, false)
                && self.reader.is_some_and(|unit| readers.concern(units, unit) && readers.admit_lookup(units, unit, true))
        };
        let asked: Vec<String> =
            in_filter.iter().filter(|(.., readers)| is_open_by_finding(readers)).map(|(code, ..)| (*code).clone()).collect();
        let seen = match &self.findings {
            Some(findings) if !asked.is_empty() => findings.keys_seen(units, self.reader, &shape.id, &asked).await?,
            _ => BTreeSet::new(),
        };
        let shown = in_filter.into_iter().filter(|(code, _, readers)| self.admits(readers, seen.contains(*code)));
        Ok(shown.map(|(code, record, readers)| (code.clone(), self.line(ledger, record, &readers))).collect())
    }

    /// How many records a filter selects for the reader.
    ///
    /// # Errors
    /// The database fails, or a body is damaged.
    pub(crate) async fn count(&self, ledger: usize, filter: &RecordFilter) -> anyhow::Result<RecordCount> {
        let shape = &self.present.policy.ledgers[ledger];
        let sources: Vec<&Snapshot> = self.snapshots_of(shape).map(|(_, snapshot)| snapshot).collect();
        let is_by_text = filter.unit.is_none() || !matches!(shape.owner, OwnerSpec::Department { .. } | OwnerSpec::Place { .. });
        if self.reader.is_some() || sources.len() > 1 || !is_by_text {
            let page = self.page(ledger, filter, &Position::default(), usize::MAX).await?;
            let count = page.lines.len() as i64;
            return Ok(if page.next.is_some() || page.is_cut { RecordCount::Over(count) } else { RecordCount::Exact(count) });
        }
        let mut count = 0;
        if let Some(by) = self.by_beginning(filter) {
            for snapshot in sources {
                let key = (shape.id.as_str(), snapshot.source.as_str(), snapshot.seq);
                count += self.app.store().records().count_codes(key, by, &filter.start, COUNTED_MAX + 1 - count).await?;
            }
            return Ok(if count > COUNTED_MAX { RecordCount::Over(COUNTED_MAX) } else { RecordCount::Exact(count) });
        }
        for snapshot in sources {
            let (texts, is_cut) = self.unit_texts(shape, &snapshot.source, filter).await?;
            for text in &texts {
                let key = (shape.id.as_str(), snapshot.source.as_str(), snapshot.seq);
                count += self.app.store().records().count_codes(key, LookupBy::Unit(text), &filter.start, COUNTED_MAX + 1 - count).await?;
                if count > COUNTED_MAX {
                    return Ok(RecordCount::Over(COUNTED_MAX));
                }
            }
            if is_cut {
                return Ok(RecordCount::Over(count));
            }
        }
        Ok(RecordCount::Exact(count))
    }

    /// One record; `None` = there is none of this code, or the reader may not see it. `has_finding`: a finding on it is shown to the reader.
    ///
    /// # Errors
    /// The database fails, or a body is damaged.
    pub(crate) async fn one(&self, ledger: usize, code: &str, has_finding: bool) -> anyhow::Result<Option<RecordView>> {
        let shape = &self.present.policy.ledgers[ledger];
        let records = LedgerRecords::new(self.app.store(), shape, &self.present.selection);
        let Some(found) = records.record_by_code(code).await? else { return Ok(None) };
        let record = &found.stored.record;
        let projects = self.projects(shape, std::iter::once(record)).await?;
        let readers = self.readers(ledger, record, &projects);
        if !self.admits(&readers, has_finding) {
            return Ok(None);
        }
        let source = found.snapshot.source;
        let imported = LedgerRecords::as_imported(self.app.store(), shape, &self.present.selection).record_by_code(code).await?;
        // what marks elsewhere state of a record is in none of its cells
        let is_by_others = |field: usize| {
            let own = imported.as_ref().map(|found| found.stored.record.cell(field));
            Some(field) == shape.role(Role::Restricted) && own != Some(record.cell(field))
        };
        let is_of_event = |field: usize| found.snapshot == MADE_HERE || record.by_event.contains(field);
        let place = |field: usize| match (is_by_others(field), is_of_event(field)) {
            (true, _) => BY_OTHERS.to_owned(),
            (false, true) => OF_EVENT.to_owned(),
            (false, false) => {
                let place = place_in(&self.present.snapshots, &shape.id, source, &found.stored, Some(&shape.fields[field].id));
                self.present.selection.restrictions.shown(self.audience(), &place, &shape.title)
            }
        };
        let shown = |field: usize| {
            let is_unset = shape.fields[field].own && record.cell(field).is_empty();
            record.columns.contains(field)
                && !is_unset
                && !readers.withhold(&self.present.policy.units, self.audience(), &shape.fields[field])
        };
        let cells = (0..shape.fields.len())
            .filter(|field| shown(*field))
            .map(|field| CellLine {
                title: shape.fields[field].title.clone(),
                value: self.value(&shape.fields[field], record.cell(field)),
                place: place(field),
            })
            .collect();
        Ok(Some(RecordView {
            line: self.line(ledger, record, &readers),
            source: source.to_owned(),
            other_sources: found.other_sources.iter().map(|source| (*source).to_owned()).collect(),
            cells,
            versions: self.versions(ledger, source, found.snapshot.seq, code, has_finding).await?,
            project: self.project_line(shape, record).await?,
            linked: if shape.is_of_projects() { self.linked(code).await? } else { Vec::new() },
        }))
    }

    /// What each snapshot in force has changed of a record, the newest first. It goes back to the first version that the reader may not see.
    async fn versions(&self, ledger: usize, source: &str, seq: i64, code: &str, has_finding: bool) -> anyhow::Result<Vec<VersionLine>> {
        let shape = &self.present.policy.ledgers[ledger];
        let of_source =
            || self.present.snapshots.iter().filter(|known| known.ledger == shape.id && known.source == source && known.seq <= seq);
        let was_in_force = |version: &RecordVersion| {
            let has = |known: &&Snapshot| (version.stored.first_seq..=version.last_seq).contains(&known.seq);
            of_source().filter(|known| known.state == SnapshotState::InForce).any(|known| has(&known))
        };
        let mut versions = self.app.store().records().versions(shape, source, code).await?;
        versions.retain(was_in_force);
        let mut lines: Vec<VersionLine> = Vec::new();
        let mut newer: Option<Record> = None;
        for StoredRecord { mut record, first_seq } in versions.into_iter().rev().map(|version| version.stored) {
            let as_read = record.clone();
            self.present.selection.restrictions.apply(shape, &mut record);
            let projects = self.projects(shape, std::iter::once(&record)).await?;
            let readers = self.readers(ledger, &record, &projects);
            if !self.admits(&readers, has_finding) {
                break;
            }
            // the marks of today are the same for all versions: the office sees what each version itself states of secrecy
            if self.reader.is_none() {
                record = as_read;
            }
            if let (Some(newer), Some(line)) = (&newer, lines.last_mut()) {
                line.changes = (0..shape.fields.len())
                    .filter(|field| record.cell(*field) != newer.cell(*field))
                    .filter(|field| !readers.withhold(&self.present.policy.units, self.audience(), &shape.fields[*field]))
                    .map(|field| {
                        let shown = |record: &Record| self.value(&shape.fields[field], record.cell(field));
                        (shape.fields[field].title.clone(), shown(&record), shown(newer))
                    })
                    .collect();
            }
            if let Some(began) = of_source().find(|known| known.seq == first_seq) {
                let (covers_on, taken_at) = (began.covers_on, began.taken_at.clone());
                lines.push(VersionLine { source: source.to_owned(), seq: first_seq, covers_on, taken_at, changes: Vec::new() });
            }
            newer = Some(record);
        }
        Ok(lines)
    }

    /// The project that a record of another ledger belongs to, if the reader may see it.
    async fn project_line(&self, shape: &Ledger, record: &Record) -> anyhow::Result<Option<RecordLine>> {
        let (Some(code), Some(projects)) = (shape.project_of(record), self.present.policy.project_ledger()) else { return Ok(None) };
        let records = LedgerRecords::new(self.app.store(), &self.present.policy.ledgers[projects], &self.present.selection);
        let Some(found) = records.record_by_code(&code).await? else { return Ok(None) };
        let project = &found.stored.record;
        let readers = self.readers(projects, project, &HashMap::new());
        Ok(self.admits(&readers, false).then(|| self.line(projects, project, &readers)))
    }

    /// The records of other ledgers on a project that the reader may see.
    async fn linked(&self, project: &str) -> anyhow::Result<Vec<RecordLine>> {
        let mut lines = Vec::new();
        for (ledger, shape) in self.present.policy.ledgers.iter().enumerate().filter(|(_, shape)| !shape.is_of_projects()) {
            let mut known = BTreeSet::new();
            for (_, snapshot) in self.snapshots_of(shape) {
                let found = self.app.store().records().of_project(shape, &snapshot.source, snapshot.seq, project).await?;
                for StoredRecord { mut record, .. } in found {
                    self.present.selection.restrictions.apply(shape, &mut record);
                    let projects = self.projects(shape, std::iter::once(&record)).await?;
                    let readers = self.readers(ledger, &record, &projects);
                    if known.insert(record.code.clone()) && self.admits(&readers, false) {
                        lines.push(self.line(ledger, &record, &readers));
                    }
                }
            }
        }
        Ok(lines)
    }

    /// What the records of another ledger need to know of their projects.
    async fn projects<'r>(&self, shape: &Ledger, records: impl Iterator<Item = &'r Record>) -> anyhow::Result<HashMap<String, Linked>> {
        let codes: BTreeSet<String> = records.filter_map(|record| shape.project_of(record)).collect();
        let codes: Vec<String> = codes.into_iter().collect();
        match codes.is_empty() {
            true => Ok(HashMap::new()),
            false => Ok(linked_projects(self.app.store(), &self.present.policy, &self.present.selection, &codes, |_| {}).await?),
        }
    }

    fn readers(&self, ledger: usize, record: &Record, projects: &HashMap<String, Linked>) -> RowReaders {
        let (waiting_on, answered, exempt) = (HashMap::new(), HashMap::new(), HashMap::new());
        let context = Judging {
            policy: &self.present.policy,
            as_of: self.present.as_of,
            projects,
            waiting_on: &waiting_on,
            answered: &answered,
            exempt: &exempt,
            old_data: OldData::none(),
        };
        let responsibility = Responsibility::of(&context, ledger, record);
        RowReaders {
            owner: responsibility.owner.unit,
            lead: responsibility.resolve(&self.present.policy, Relation::Lead, self.present.as_of),
            raiser: responsibility.raiser,
            // what is done on a project under negotiation names it; the unit of the project may read that
            negotiation_only: responsibility.negotiation_only
                || responsibility.project_negotiation_only && (self.reader.is_none() || self.reader != responsibility.raiser),
            restricted: responsibility.restricted,
        }
    }

    fn admits(&self, readers: &RowReaders, has_finding: bool) -> bool {
        self.reader.is_none_or(|unit| readers.admit_lookup(&self.present.policy.units, unit, has_finding))
    }

    fn audience(&self) -> Audience {
        self.reader.map_or(Audience::Office, Audience::Unit)
    }

    /// A text of a cell. A page masks the numbers of persons for everybody: it is left open on desks.
    fn value(&self, field: &Field, cell: &Cell) -> String {
        let text = match cell {
            Cell::Money(fen) => format!("{}亿元", fen_as_yi(*fen)),
            cell => cell.to_string(),
        };
        Audience::Unit(self.reader.unwrap_or_else(|| self.present.policy.units.office())).field_text(field, &text)
    }

    fn line(&self, ledger: usize, record: &Record, readers: &RowReaders) -> RecordLine {
        let shape = &self.present.policy.ledgers[ledger];
        let shown = |field: Option<usize>| {
            let field = field.filter(|field| !readers.withhold(&self.present.policy.units, self.audience(), &shape.fields[*field]));
            field.map_or_else(String::new, |field| self.value(&shape.fields[field], record.cell(field)))
        };
        RecordLine {
            ledger: shape.id.clone(),
            ledger_title: shape.title.clone(),
            code: record.code.clone(),
            name: shown(shape.role(Role::Name)),
            unit: match readers.owner {
                Some(owner) => self.present.policy.units.units[owner].name.clone(),
                None => shown(Some(shape.owner.field())),
            },
            amount: shown(shape.role(Role::Amount)),
            stage: shown(shape.role(Role::Stage)),
            restricted: readers.restricted,
        }
    }
}
