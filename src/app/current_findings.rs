//! The findings as the register has them today, for readers who look at them often: the picture in force, filtered for a reader. Where the data
//! are newer than it, one is made beside the requests, and the old one is shown as that.

use crate::app::findings::{FindingsFilter, find};
use crate::app::picture_lists::{GroupOrder, Hidden, PictureList, Selected, select};
use crate::clock::Clock;
use crate::config::load::Config;
use crate::domain::judging::finding::{Change, Finding, State};
use crate::domain::register::codes::Codes;
use crate::domain::register::units::{UnitId, Units};
use crate::domain::rules::rule::Light;
use crate::report::xlsx;
use crate::store::handle::Store;
use crate::store::pictures::{DayCounts, Group, Look, OFFICE, Picture, PictureLine, PictureNames, PictureWriter, UnitProjects};
use crate::workbook::books::finding_list::{FindingList, ListedFinding, finding_list_workbook, finding_row};
use crate::worker::deliver::withhold::begun_with_parts;
use crate::worker::panic_guard::guarded;
use crate::worker::run::evaluate::Evaluator;
use crate::worker::run::picture::{PictureOf, begin_picture, config_sum, write_picture};
use anyhow::{Context, anyhow};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// How long a request waits for a picture where there is none that may be shown, and for a new one that is made fast.
const WAIT_FOR_ANY: Duration = Duration::from_secs(3);
const WAIT_FOR_NEW: Duration = Duration::from_secs(2);
/// A picture is made fast within so many milliseconds.
const FAST: i64 = 500;
/// One that takes longer than this is not made anew before ten times its time have passed, so that the pages are not slowed down all day.
const SLOW: i64 = 2_000;
const REST: i64 = 10;
/// The most records whose findings marks may hide one by one; where there are more, the units wait for the next picture.
const HIDDEN_MAX: usize = 2_000;
/// Lines of a workbook that are read at a time.
const EXPORT_LINES: usize = 500;

/// Which findings a list holds; an empty field excludes nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct LineFilter {
    pub(crate) light: Option<Light>,
    pub(crate) state: Option<State>,
    /// Id of the rule.
    pub(crate) rule: String,
    /// A unit that owns the finding, or is above its owner.
    pub(crate) unit: Option<UnitId>,
    /// A part of code or name.
    pub(crate) text: String,
    pub(crate) order: GroupOrder,
}

/// One finding as a list shows it.
#[derive(Clone, Debug)]
pub(crate) struct FindingLine {
    pub(crate) rule: String,
    pub(crate) rule_title: String,
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) light: Option<Light>,
    pub(crate) state: State,
    pub(crate) due_on: Option<NaiveDate>,
    /// Calendar days.
    pub(crate) overdue_days: Option<i64>,
    /// How late, how far behind, or what is missing, in words.
    pub(crate) measure: String,
    pub(crate) change: Change,
    pub(crate) basis: String,
    /// The day on which its unit received the record.
    pub(crate) received_on: Option<NaiveDate>,
    /// When the last answer on its record came that came after the picture; empty = there is none.
    pub(crate) answered_at: String,
    /// Only the office sees such a line.
    pub(crate) restricted: bool,
}

/// The lines that a reader may see.
#[derive(Debug, Default)]
pub(crate) struct FindingLines {
    pub(crate) lines: Vec<FindingLine>,
    /// All that the filter selects.
    pub(crate) total: usize,
    /// Restricted findings that belong to the list of the reader and are only counted, whatever the filter.
    pub(crate) only_counted: usize,
}

/// How many open findings there are of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LightCounts {
    pub(crate) red: usize,
    pub(crate) orange: usize,
    pub(crate) yellow: usize,
    pub(crate) unjudged: usize,
    pub(crate) exempt: usize,
}

impl LightCounts {
    /// The sum of groups.
    pub(crate) fn of<'g>(groups: impl Iterator<Item = &'g Group>) -> LightCounts {
        let mut counts = LightCounts::default();
        groups.for_each(|group| counts.add(group));
        counts
    }

    fn add(&mut self, group: &Group) {
        let sum = match (group.state(), group.light()) {
            (State::Open, Some(Light::Red)) => &mut self.red,
            (State::Open, Some(Light::Orange)) => &mut self.orange,
            (State::Open, Some(Light::Yellow)) => &mut self.yellow,
            (State::Exempt, _) => &mut self.exempt,
            _ => &mut self.unjudged,
        };
        *sum += group.items as usize;
    }
}

/// The findings of a reader, counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) all: LightCounts,
    /// By rule: id and title, in the order of the rules.
    pub(crate) by_rule: Vec<(String, String, LightCounts)>,
    /// By the unit directly below the reader to which the owners belong, in administrative order. The findings of a unit that are not of its own area
    /// count by the unit directly below the office.
    pub(crate) by_area: Vec<(String, LightCounts)>,
    /// As in [`FindingLines`].
    pub(crate) only_counted: usize,
}

/// The projects of a reader.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ProjectCounts {
    /// By stage, as the register states it.
    pub(crate) stages: Vec<(String, u64)>,
    /// Contracts that are not terminated, and how many of them were performed, have started, and produce.
    pub(crate) contracts: u64,
    pub(crate) performed: u64,
    pub(crate) started: u64,
    pub(crate) produced: u64,
}

/// What there is to look at.
pub(crate) enum Current {
    /// Nothing has been read yet.
    Nothing,
    /// No picture may be shown to this reader; one is being made.
    BeingMade,
    Picture(Arc<CurrentFindings>),
}

/// A picture with what it counts by.
#[derive(Debug)]
pub(crate) struct CurrentFindings {
    pub(crate) as_of: NaiveDate,
    pub(crate) made_at: String,
    /// The register has changed since; a new one is being made or will be.
    pub(crate) is_behind: bool,
    no: i64,
    names: Arc<Names>,
    hidden: Arc<Hidden>,
    store: Store,
}

/// The rules and units of a picture.
#[derive(Debug)]
pub(crate) struct Names {
    no: i64,
    of: PictureNames,
    /// The units in the configuration as it is now, by their index in the picture.
    units: Vec<Option<UnitId>>,
}

/// Looks at the picture in force, and has a new one made where the data are newer.
pub(crate) struct Pictures {
    /// Reads only, so that no page waits for a connection that writes.
    reading: Store,
    maker: Arc<Maker>,
    names: Mutex<Option<Arc<Names>>>,
    hidden: tokio::sync::Mutex<Option<Arc<Hidden>>>,
}

/// Makes pictures beside the requests, one at a time.
struct Maker {
    evaluator: Evaluator,
    config: String,
    is_making: AtomicBool,
    /// Milliseconds since 1970 before which no further one is begun.
    not_before: AtomicI64,
    /// Why the last one could not be made; changes with every end.
    ended: watch::Sender<Option<Arc<str>>>,
}

impl Pictures {
    /// `reading` is a store of its own for the lists.
    pub(crate) fn new(evaluator: &Evaluator, reading: Store) -> Pictures {
        let maker = Maker {
            evaluator: evaluator.clone(),
            config: config_sum(&evaluator.config),
            is_making: AtomicBool::new(false),
            not_before: AtomicI64::new(i64::MIN),
            ended: watch::Sender::new(None),
        };
        Pictures { reading, maker: Arc::new(maker), names: Mutex::default(), hidden: tokio::sync::Mutex::default() }
    }

    /// The findings of today for a reader; `None` = the office. A picture that is behind is shown as that while a new one is made; one that is
    /// made fast is waited for.
    ///
    /// # Errors
    /// The database fails, or no picture can be made.
    pub(crate) async fn of(&self, reader: Option<UnitId>, today: NaiveDate) -> anyhow::Result<Current> {
        let mut look = self.reading.pictures().look().await?;
        if look.data == 0 {
            return Ok(Current::Nothing);
        }
        if self.is_behind(&look, today) {
            let known = look.picture.as_ref().filter(|picture| picture.as_of <= today);
            let wait = match known {
                None => Some(WAIT_FOR_ANY),
                Some(picture) => (picture.took < FAST).then_some(WAIT_FOR_NEW),
            };
            let mut ended = self.maker.ended.subscribe();
            self.maker.clone().start(today);
            if let Some(wait) = wait
                && tokio::time::timeout(wait, ended.changed()).await.is_ok()
            {
                let fault = ended.borrow().clone();
                if let Some(fault) = fault.filter(|_| known.is_none()) {
                    return Err(anyhow!("no picture of the findings can be made: {fault}"));
                }
                look = self.reading.pictures().look().await?;
            }
        }
        let is_behind = self.is_behind(&look, today);
        let Some(picture) = look.picture.filter(|picture| picture.as_of <= today) else { return Ok(Current::BeingMade) };
        let hidden = self.hidden_of(&picture, look.restrictions).await?;
        if hidden.is_too_much && reader.is_some() {
            return Ok(Current::BeingMade);
        }
        let Some(names) = self.names_of(picture.no).await? else { return Ok(Current::BeingMade) };
        let store = self.reading.clone();
        let Picture { no, as_of, made_at, .. } = picture;
        Ok(Current::Picture(Arc::new(CurrentFindings { as_of, made_at, is_behind, no, names, hidden, store })))
    }

    fn is_behind(&self, look: &Look, today: NaiveDate) -> bool {
        look.picture.as_ref().is_none_or(|picture| {
            (picture.as_of, picture.data, picture.restrictions, picture.config.as_str())
                != (today, look.data, look.restrictions, self.maker.config.as_str())
        })
    }

    async fn names_of(&self, no: i64) -> anyhow::Result<Option<Arc<Names>>> {
        let known = self.names.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|known| known.no == no) {
            return Ok(Some(known));
        }
        let Some(of) = self.reading.pictures().names(no).await? else { return Ok(None) };
        let units = &self.maker.evaluator.config.policy.units.units;
        let by_code: HashMap<&str, UnitId> = units.iter().enumerate().map(|(index, unit)| (unit.code.as_str(), index)).collect();
        let units = of.units.iter().map(|code| by_code.get(code.as_str()).copied()).collect();
        let names = Arc::new(Names { no, of, units });
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = Some(names.clone());
        Ok(Some(names))
    }

    /// The findings of a picture that marks have restricted since it was made: also those on what belongs to a marked project or names it.
    async fn hidden_of(&self, picture: &Picture, position: i64) -> anyhow::Result<Arc<Hidden>> {
        // the other requests wait for the one that looks through the records
        let mut known = self.hidden.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.is_of(picture.no, position)) {
            return Ok(known.clone());
        }
        let (mut lines, mut is_too_much) = (Vec::new(), false);
        if picture.restrictions != position {
            let Evaluator { config, clock, .. } = &self.maker.evaluator;
            let begun = begun_with_parts(&self.reading, config, clock, picture.restrictions).await?;
            let keys: Vec<String> = begun.values().flat_map(Codes::iter).take(HIDDEN_MAX + 1).map(|(code, _)| code.to_owned()).collect();
            is_too_much = keys.len() > HIDDEN_MAX;
            lines = self.reading.pictures().of_keys(picture.no, &keys).await?;
            lines.retain(|(_, line)| begun.get(&line.ledger).is_some_and(|codes| codes.get(&line.key).is_some()));
        }
        let hidden = Arc::new(Hidden::new(picture.no, position, lines, is_too_much));
        *known = Some(hidden.clone());
        Ok(hidden)
    }
}

impl Maker {
    /// Begins a picture on a thread of its own, unless one is being made or the last one took long and was just made.
    fn start(self: Arc<Self>, today: NaiveDate) {
        let clock = self.evaluator.clock.clone();
        if clock.now().timestamp_millis() < self.not_before.load(Ordering::Relaxed) || self.is_making.swap(true, Ordering::AcqRel) {
            return;
        }
        let handle = Handle::current();
        tokio::task::spawn_blocking(move || {
            let began = clock.now().timestamp_millis();
            let made = handle.block_on(self.make(&clock, today));
            if let Err(error) = &made {
                tracing::error!(error = %format!("{error:#}"), "the pages have made no picture of the findings");
            }
            let took = clock.now().timestamp_millis() - began;
            if took > SLOW || made.is_err() {
                self.not_before.store(began + took + (took * REST).max(SLOW), Ordering::Relaxed);
            }
            self.is_making.store(false, Ordering::Release);
            self.ended.send_replace(made.err().map(|error| format!("{error:#}").into()));
        });
    }

    async fn make(&self, clock: &Clock, as_of: NaiveDate) -> anyhow::Result<()> {
        let store = &self.evaluator.store;
        let began = clock.now();
        let look = store.pictures().look().await?;
        let Some(mut writer) = begin_picture(store, clock, false).await? else { return Ok(()) };
        let made = guarded(self.write(&mut writer, clock, as_of, &look, began)).await;
        if made.is_err() {
            let _ = writer.abandon().await;
        }
        made
    }

    async fn write(
        &self,
        writer: &mut PictureWriter<'_>,
        clock: &Clock,
        as_of: NaiveDate,
        look: &Look,
        began: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let found = find(&self.evaluator, as_of, &FindingsFilter::default()).await?;
        let findings: &[Finding] = found.all();
        let changes: Vec<Change> = findings.iter().map(|finding| finding.change).collect();
        let of = PictureOf {
            policy: &found.policy,
            as_of,
            findings,
            changes: &changes,
            indicators: found.indicators(),
            data: look.data,
            restrictions: look.restrictions,
            config: self.config.clone(),
            began,
            run: "",
        };
        Ok(write_picture(writer, clock, &of).await?)
    }
}

impl CurrentFindings {
    /// The list of a reader that a filter selects: the office all, a unit those that its pack may list.
    ///
    /// # Errors
    /// The database fails.
    async fn selected(&self, units: &Units, reader: Option<UnitId>, filter: &LineFilter) -> anyhow::Result<Selected> {
        let code = reader.map_or(OFFICE, |unit| units.units[unit].code.as_str());
        let within: Vec<bool> = match filter.unit {
            None => Vec::new(),
            Some(above) => self.names.units.iter().map(|unit| unit.is_some_and(|unit| units.is_within(unit, above))).collect(),
        };
        let rule = self.names.of.rules.iter().position(|rule| rule.id == filter.rule);
        let wanted = |group: &Group| {
            filter.light.is_none_or(|light| group.light() == Some(light))
                && filter.state.is_none_or(|state| group.state() == state)
                && (filter.rule.is_empty() || rule == Some(group.rule as usize))
                && (filter.unit.is_none() || group.owner.is_some_and(|owner| within.get(owner as usize) == Some(&true)))
        };
        let index = self.names.of.units.iter().position(|known| reader.is_some() && known == code);
        let list = PictureList { store: &self.store, picture: self.no, reader: code, index, hidden: &self.hidden };
        select(list, wanted, &filter.text, filter.order).await
    }

    /// The lines from `first` on that a filter selects and a reader may see.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn lines(
        &self,
        units: &Units,
        reader: Option<UnitId>,
        filter: &LineFilter,
        first: usize,
        count: usize,
    ) -> anyhow::Result<FindingLines> {
        let selected = self.selected(units, reader, filter).await?;
        let numbers = selected.numbers(&self.store, first, count).await?;
        let lines = self.store.pictures().lines(self.no, &numbers).await?;
        let records: BTreeSet<(&str, &str)> = lines.iter().map(|(_, line)| (line.ledger.as_str(), line.key.as_str())).collect();
        let came = self.store.feedback().since(&self.made_at, &records).await?;
        let with_answer = |(number, line): &(u32, PictureLine)| {
            let answered_at = came.get(&(line.ledger.clone(), line.key.clone())).cloned().unwrap_or_default();
            FindingLine { answered_at, ..self.line(*number, line) }
        };
        let lines = lines.iter().map(with_answer).collect();
        Ok(FindingLines { lines, total: selected.total(), only_counted: selected.only_counted })
    }

    /// Whether a reader may see the finding of a rule on a key.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn shows(&self, units: &Units, reader: Option<UnitId>, rule: &str, key: &str) -> anyhow::Result<bool> {
        let of_key = self.store.pictures().of_key(self.no, key).await?;
        let is_it = |line: &PictureLine| self.names.of.rules.get(line.rule as usize).is_some_and(|known| known.id == rule);
        Ok(of_key.iter().any(|(number, line)| is_it(line) && self.is_seen(units, reader, *number, line)))
    }

    /// The findings on a record that a reader may see.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn on_record(
        &self,
        units: &Units,
        reader: Option<UnitId>,
        ledger: &str,
        key: &str,
    ) -> anyhow::Result<Vec<FindingLine>> {
        let of_key = self.store.pictures().of_key(self.no, key).await?;
        let seen = of_key.iter().filter(|(number, line)| line.ledger == ledger && self.is_seen(units, reader, *number, line));
        Ok(seen.map(|(number, line)| self.line(*number, line)).collect())
    }

    /// Those of some keys of a ledger on which a reader may see a finding.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn keys_seen(
        &self,
        units: &Units,
        reader: Option<UnitId>,
        ledger: &str,
        keys: &[String],
    ) -> anyhow::Result<BTreeSet<String>> {
        let of_keys = self.store.pictures().of_keys(self.no, keys).await?;
        let seen = of_keys.into_iter().filter(|(number, line)| line.ledger == ledger && self.is_seen(units, reader, *number, line));
        Ok(seen.map(|(_, line)| line.key).collect())
    }

    fn is_seen(&self, units: &Units, reader: Option<UnitId>, number: u32, line: &PictureLine) -> bool {
        reader.is_none_or(|unit| {
            let is_reader = line.readers.iter().any(|index| self.names.of.units.get(*index as usize) == Some(&units.units[unit].code));
            is_reader && !self.hidden.has(number)
        })
    }

    /// How many findings there are that a reader may list.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn counts(&self, units: &Units, reader: Option<UnitId>) -> anyhow::Result<Counts> {
        let selected = self.selected(units, reader, &LineFilter::default()).await?;
        let mut counts = Counts { only_counted: selected.only_counted, ..Counts::default() };
        let (mut by_rule, mut by_area): (BTreeMap<u32, LightCounts>, BTreeMap<UnitId, LightCounts>) = Default::default();
        for group in selected.groups() {
            counts.all.add(group);
            by_rule.entry(group.rule).or_default().add(group);
            let owner = group.owner.and_then(|owner| self.names.units.get(owner as usize).copied().flatten());
            if let Some(owner) = owner {
                let above = reader.filter(|unit| units.is_within(owner, *unit)).unwrap_or(units.office());
                let area = units.upwards(owner).take_while(|unit| *unit != above).last().unwrap_or(owner);
                by_area.entry(area).or_default().add(group);
            }
        }
        let rules = by_rule.into_iter().filter_map(|(rule, counts)| Some((self.names.of.rules.get(rule as usize)?, counts)));
        counts.by_rule = rules.map(|(rule, counts)| (rule.id.clone(), rule.title.clone(), counts)).collect();
        counts.by_area = by_area.into_iter().map(|(unit, counts)| (units.units[unit].name.clone(), counts)).collect();
        Ok(counts)
    }

    fn line(&self, number: u32, line: &PictureLine) -> FindingLine {
        let rule = self.names.of.rules.get(line.rule as usize);
        FindingLine {
            rule: rule.map_or_else(String::new, |rule| rule.id.clone()),
            rule_title: rule.map_or_else(String::new, |rule| rule.title.clone()),
            key: line.key.clone(),
            name: line.name.clone(),
            unit: line.unit.clone(),
            light: line.light(),
            state: line.state(),
            due_on: line.due_on,
            overdue_days: line.overdue_days,
            received_on: line.received_on,
            measure: line.measure.clone(),
            change: line.change(),
            basis: rule.map_or_else(String::new, |rule| rule.basis.clone()),
            answered_at: String::new(),
            restricted: line.restricted || self.hidden.has(number),
        }
    }

    /// The projects of a reader, counted: the office all, a unit those of its own area.
    pub(crate) fn projects(&self, units: &Units, reader: Option<UnitId>) -> ProjectCounts {
        let is_counted = |owner: Option<u32>| {
            let owner = owner.and_then(|owner| self.names.units.get(owner as usize).copied().flatten());
            reader.is_none_or(|unit| owner.is_some_and(|owner| units.is_within(owner, unit)))
        };
        let mut counts =
            ProjectCounts { stages: self.names.of.stages.iter().map(|stage| (stage.clone(), 0)).collect(), ..ProjectCounts::default() };
        for of_unit in self.names.of.projects.iter().filter(|of_unit| is_counted(of_unit.owner)) {
            let UnitProjects { stages, contracts, performed, started, produced, .. } = of_unit;
            for ((_, sum), count) in counts.stages.iter_mut().zip(stages) {
                *sum += count;
            }
            let sums = [&mut counts.contracts, &mut counts.performed, &mut counts.started, &mut counts.produced];
            for (sum, count) in sums.into_iter().zip([contracts, performed, started, produced]) {
                *sum += count;
            }
        }
        counts
    }

    /// The open findings of a reader by light on the last day of each week, the oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn weeks(&self, units: &Units, reader: Option<UnitId>) -> anyhow::Result<Vec<DayCounts>> {
        let code = reader.map_or(OFFICE, |unit| units.units[unit].code.as_str());
        let mut weeks: Vec<DayCounts> = Vec::new();
        for day in self.store.pictures().days(code).await?.into_iter().filter(|day| day.day <= self.as_of) {
            match weeks.last_mut() {
                Some(last) if last.day.iso_week() == day.day.iso_week() => *last = day,
                _ => weeks.push(day),
            }
        }
        Ok(weeks)
    }

    /// Writes the lines that a filter selects and a reader may see as a workbook into a file below `var`, which is removed with what is
    /// returned. `selected` is the filter in words. Neither the lines nor the file are held in memory. Blocks the thread.
    ///
    /// # Errors
    /// The database fails, or the file cannot be written.
    pub(crate) fn workbook(
        &self,
        config: &Config,
        var: &Path,
        reader: Option<UnitId>,
        filter: &LineFilter,
        words: String,
    ) -> anyhow::Result<tempfile::TempPath> {
        let handle = Handle::current();
        let selected = handle.block_on(self.selected(&config.policy.units, reader, filter))?;
        let is_marked = reader.is_none() && (selected.groups().any(|group| group.restricted) || !self.hidden.is_empty());
        let list = FindingList {
            office: &config.settings.office.name,
            as_of: self.as_of,
            selected: words,
            head_mark: if is_marked { &config.policy.secrecy.head_mark } else { "" },
            findings: selected.total(),
        };
        let mut fault = None;
        let mut waiting: VecDeque<ListedFinding> = VecDeque::new();
        let mut read = 0;
        let mut next = || {
            if waiting.is_empty() {
                match handle.block_on(self.listed(&selected, read)) {
                    Ok(lines) => waiting = lines,
                    Err(error) => fault = Some(error),
                }
            }
            let row = finding_row(read, &waiting.pop_front()?);
            read += 1;
            Some(row)
        };
        let file = tempfile::Builder::new().prefix("list-").suffix(".xlsx").tempfile_in(var).context("a file for the list")?;
        let mut out = BufWriter::new(file.as_file());
        let written = xlsx::render_into(&finding_list_workbook(&list), &mut next, &mut out);
        if let Some(fault) = fault {
            return Err(fault);
        }
        written?;
        out.flush()?;
        drop(out);
        Ok(file.into_temp_path())
    }

    /// The next lines of a workbook.
    async fn listed(&self, selected: &Selected, first: usize) -> anyhow::Result<VecDeque<ListedFinding>> {
        let numbers = selected.numbers(&self.store, first, EXPORT_LINES).await?;
        let lines = self.store.pictures().lines(self.no, &numbers).await?;
        let listed = |line: FindingLine| ListedFinding {
            light: line.light.map_or("无法判定", Light::title).to_owned(),
            rule: line.rule_title,
            unit: line.unit,
            key: line.key,
            name: line.name,
            due_on: line.due_on,
            overdue_days: line.overdue_days,
            measure: line.measure,
            change: line.change.title().to_owned(),
            basis: line.basis,
        };
        Ok(lines.iter().map(|(number, line)| listed(self.line(*number, line))).collect())
    }
}
