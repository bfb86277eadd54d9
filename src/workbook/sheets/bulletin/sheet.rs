//! Building an official paper (通报): an opening, parts with headings and texts, tables by unit, lists of the findings that are overdue
//! longest, and a signature. The template has every word; the code computes the figures and arranges the paper.
//!
//! Every unit reads it: telephone numbers are masked, and records of restricted projects or projects under negotiation are only counted.

use crate::domain::audience::{is_named_to_all, masked};
use crate::domain::judging::finding::{Finding, State};
use crate::domain::judging::indicators::{Ratio, Window, rank};
use crate::domain::register::period::Period;
use crate::domain::register::period::PeriodKind;
use crate::domain::register::units::UnitId;
use crate::workbook::counts::Counts;
use crate::workbook::measures::Measure;
use crate::workbook::model::{Column, Role, Row, Sheet, Value, head_text, text_lines, text_width};
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::sheets::bulletin::declaration::{Bulletin, BulletinList, BulletinPart, BulletinTable, Scope, TableRows};
use crate::workbook::sheets::list::row::FoldedFindings;
use crate::workbook::visible::VisibleMaterial;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The row of a table that a unit is counted in; rows are in administrative order, the one of unknown units last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum RowOf {
    Unit(UnitId),
    Unknown,
}

/// The counts of a row of a table.
struct UnitCounts {
    name: String,
    counts: Counts,
}

/// The grid: narrow columns of equal width. The columns of every table span several of them, so that tables of different columns fit one
/// sheet and a portrait page.
const GRID: usize = 30;
const GRID_WIDTH: f64 = 3.0;
/// A shorter word is not broken into two lines.
const SHORT_WORD: f64 = 8.5;
/// Least width of a head, so that its characters are not printed one above the other.
const HEAD_WORD: f64 = 4.2;

impl<'a> SheetBuilder<'a, '_> {
    /// An official paper.
    pub(crate) fn bulletin(&mut self, bulletin: &Bulletin) -> Sheet<'a> {
        let figures: Vec<Value> = bulletin
            .figures
            .iter()
            .map(|figure| self.visible.measured(&self.visible.counts_in(&figure.scope), figure.measure, bulletin.period))
            .collect();
        let mut sheet = Sheet {
            name: self.frame.name.clone(),
            landscape: self.frame.landscape,
            paper: self.frame.paper,
            columns: vec![Column { width: GRID_WIDTH, ..Column::default() }; GRID],
            document: true,
            partial: true,
            ..Sheet::default()
        };
        self.add_first_lines(&mut sheet);
        sheet.banner(Role::Title, self.fill_figures(bulletin, &figures, &self.frame.title));
        if !bulletin.to.is_empty() {
            sheet.banner(Role::Address, self.fill_figures(bulletin, &figures, &bulletin.to));
        }
        for text in &bulletin.opening {
            sheet.banner(Role::Paragraph, format!("　　{}", self.fill_figures(bulletin, &figures, text)));
        }
        for part in &bulletin.parts {
            self.add_part(&mut sheet, bulletin, &figures, part);
        }
        for text in &bulletin.signature {
            sheet.banner(Role::Sign, self.fill_figures(bulletin, &figures, text));
        }
        for text in &bulletin.copies {
            sheet.banner(Role::Address, self.fill_figures(bulletin, &figures, text));
        }
        self.add_notes(&mut sheet);
        sheet
    }

    fn add_part(&mut self, sheet: &mut Sheet<'a>, bulletin: &Bulletin, figures: &[Value], part: &BulletinPart) {
        if !part.heading.is_empty() {
            let role = if part.heading.starts_with('（') { Role::Subsection } else { Role::Section };
            sheet.banner(role, format!("　　{}", part.heading));
        }
        let is_empty = match (part.about, &part.list) {
            (Some(figure), _) => figures[figure].figure() == Some(0),
            (None, Some(list)) => self.visible.longest_overdue(list).next().is_none(),
            (None, None) => false,
        };
        // a ledger that nobody has reported is not an empty one
        let about = part.about.and_then(|figure| bulletin.figures[figure].scope.ledger);
        let unreported = about.filter(|ledger| is_empty && !self.visible.is_reported(*ledger)).map(|ledger| {
            let title = &self.visible.policy().ledgers[ledger].title;
            format!("{title}台账尚未报送，未作统计。")
        });
        let none = unreported.as_ref().unwrap_or(&part.none);
        let texts = if is_empty { std::slice::from_ref(none) } else { part.paragraphs.as_slice() };
        for text in texts.iter().map(|text| self.fill_figures(bulletin, figures, text)).filter(|text| !text.is_empty()) {
            sheet.banner(Role::Paragraph, format!("　　{text}"));
        }
        if is_empty {
            return;
        }
        if let Some(table) = &part.table {
            self.add_unit_table(sheet, table, bulletin.period);
        }
        if let Some(list) = &part.list {
            self.add_list(sheet, list);
        }
        let note = self.fill_figures(bulletin, figures, &part.note);
        if !note.is_empty() {
            sheet.banner(Role::Note, note);
        }
    }

    /// Replaces figures and placeholders in a text, and masks telephone numbers.
    fn fill_figures(&self, bulletin: &Bulletin, figures: &[Value], text: &str) -> String {
        let mut text = text.replace("{period}", &Period::of(bulletin.period, self.visible.material.as_of).title());
        for (figure, value) in bulletin.figures.iter().zip(figures) {
            text = text.replace(&format!("{{{}}}", figure.name), &in_words(value, &figure.counted));
        }
        masked(&self.fill_in(&text))
    }

    /// Adds a table with one row per unit and a total.
    fn add_unit_table(&mut self, sheet: &mut Sheet<'a>, table: &BulletinTable, every: PeriodKind) {
        let rows = self.visible.by_unit(&table.scope, table.rows);
        let ratios: Vec<Ratio> = rows.iter().map(|row| row.counts.tasks.share(row.counts.tasks.completed)).collect();
        let places = rank(&ratios);
        let cells = |row: &UnitCounts, place: Option<Option<u32>>| -> Vec<Value> {
            let measured = table.columns.iter().map(|column| match (column.measure, place) {
                (Measure::CompletedRank, Some(place)) => place.map_or_else(|| Value::text("-"), Value::count),
                (measure, _) => self.visible.measured(&row.counts, measure, every),
            });
            std::iter::once(Value::text(row.name.clone())).chain(measured).collect()
        };
        let spans = spans(std::iter::once(2.6).chain(table.columns.iter().map(|_| 1.0)), vec![1; table.columns.len() + 1]);
        if !table.title.is_empty() {
            sheet.banner(Role::Subtitle, table.title.clone());
        }
        let heads = std::iter::once(table.rows.head(&self.visible.policy().units.levels))
            .chain(table.columns.iter().map(|column| head_text(&column.title)));
        let head = heads.map(Value::text).collect();
        add_grid_row(sheet, Role::Head, head, &spans);
        let first = sheet.rows.len();
        for (row, place) in rows.iter().zip(&places) {
            add_grid_row(sheet, Role::Body, cells(row, Some(*place)), &spans);
        }
        let mut total = UnitCounts { name: "合计".into(), counts: Counts::default() };
        rows.iter().for_each(|row| total.counts.merge(&row.counts));
        let row = sheet.rows.len();
        add_grid_row(sheet, Role::Total, cells(&total, None), &spans);
        let parts: Vec<usize> = (first..row).collect();
        let starts = starts(&spans);
        for (column, at) in table.columns.iter().zip(starts.into_iter().skip(1)) {
            if column.measure.adds_up() && sheet.rows[row].cells[at].figure().is_some() {
                self.record_sum(row, &parts, at);
            }
        }
    }

    /// Adds the list of the findings that are overdue longest.
    fn add_list(&self, sheet: &mut Sheet<'a>, list: &BulletinList) {
        let all: Vec<&Finding> = self.visible.longest_overdue(list).collect();
        let mut shown: Vec<&Finding> = all.iter().copied().take(list.most).collect();
        // selected by days overdue, listed by unit
        shown.sort_by_key(|finding| (finding.owner.is_none(), finding.owner, Reverse(finding.overdue_days())));
        let rows: Vec<Vec<Value>> = shown
            .iter()
            .enumerate()
            .map(|(index, finding)| {
                let row = self.visible.finding_row(&list.columns, index + 1, finding, &FoldedFindings::default());
                row.cells.into_iter().map(masked_value).collect()
            })
            .collect();
        if !list.title.is_empty() {
            sheet.banner(Role::Subtitle, list.title.clone());
        }
        let weights = list.columns.iter().enumerate().map(|(index, column)| {
            let widest = rows.iter().map(|row| row[index].width()).fold(text_width(&column.title) / 2.0, f64::max);
            (widest + 1.5).clamp(5.0, 22.0)
        });
        // codes, days and short words are not broken into two lines
        let least = (0..list.columns.len()).map(|index| {
            let is_unbroken = |value: &Value| match value {
                Value::Text(text) if !text.is_ascii() => value.width() <= SHORT_WORD,
                _ => true,
            };
            let widest = rows.iter().map(|row| &row[index]).filter(|value| is_unbroken(value)).map(Value::width);
            ((widest.fold(HEAD_WORD, f64::max) + 1.0) / GRID_WIDTH).ceil() as usize
        });
        let spans = spans(weights, least.collect());
        add_grid_row(sheet, Role::Head, list.columns.iter().map(|column| Value::text(head_text(&column.title))).collect(), &spans);
        for cells in rows {
            add_grid_row(sheet, Role::Body, cells, &spans);
        }
        if all.len() > shown.len() {
            sheet.banner(Role::Note, list.more.replace("{more}", &(all.len() - shown.len()).to_string()));
        }
        let withheld = self.visible.count_only_counted(list);
        if withheld > 0 {
            sheet.banner(Role::Note, list.withheld.replace("{withheld}", &withheld.to_string()));
        }
    }
}

/// A figure as part of a sentence.
fn in_words(value: &Value, counted: &str) -> String {
    match value {
        Value::Change(None) => "无上期数可比".into(),
        Value::Change(Some(0)) => "与上期持平".into(),
        Value::Change(Some(more)) if *more > 0 => format!("比上期增加{more}{counted}"),
        Value::Change(Some(less)) => format!("比上期减少{}{counted}", less.unsigned_abs()),
        value => value.shown(),
    }
}

/// A cell with telephone numbers masked.
fn masked_value(value: Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(masked(&text)),
        value => value,
    }
}

impl<'a> VisibleMaterial<'a> {
    /// The value of a measure; a change has none if there is no previous run.
    fn measured(&self, counts: &Counts, measure: Measure, every: PeriodKind) -> Value {
        match measure.is_change() && self.material.previous_run.is_none() {
            true => Value::Change(None),
            false => counts.value(measure, Window::All, every),
        }
    }

    /// The counts of a scope over all its units.
    fn counts_in(&self, scope: &Scope) -> Counts {
        let is_counted = |unit| scope.rows.is_none_or(|rows| self.row_of(rows, unit).is_some());
        let mut all = self.counts_by(scope, |unit| is_counted(unit).then_some(()));
        all.remove(&()).unwrap_or_default()
    }

    /// The counts of a scope by unit, in administrative order.
    fn by_unit(&self, scope: &Scope, rows: TableRows) -> Vec<UnitCounts> {
        let units = &self.policy().units;
        let mut found = self.counts_by(scope, |unit| self.row_of(rows, unit));
        // every active division has a row, other units have one if something is counted
        if rows == TableRows::City {
            for id in (0..units.units.len()).filter(|id| units.levels.is_division(units.units[*id].level) && units.is_active(*id)) {
                found.entry(RowOf::Unit(id)).or_default();
            }
        }
        let rows = found.into_iter().filter(|(_, counts)| rows == TableRows::City || !counts.is_empty());
        rows.map(|(row, counts)| {
            let name = match row {
                RowOf::Unit(id) => units.units[id].name.clone(),
                RowOf::Unknown => "责任单位待明确".into(),
            };
            UnitCounts { name, counts }
        })
        .collect()
    }

    /// The row that a unit is counted in; `None` = in no row of this table.
    fn row_of(&self, rows: TableRows, unit: Option<UnitId>) -> Option<RowOf> {
        let units = &self.policy().units;
        match (rows, unit, unit.and_then(|unit| units.division_of(unit))) {
            (TableRows::City, _, Some(city)) => Some(RowOf::Unit(city)),
            (TableRows::Department, Some(unit), None) => Some(RowOf::Unit(unit)),
            (TableRows::Department, None, _) => Some(RowOf::Unknown),
            (TableRows::Place, Some(unit), _) if units.units[unit].level.is_place() => Some(RowOf::Unit(unit)),
            _ => None,
        }
    }

    /// Counts tasks and open findings by a key of their unit; those with `None` are left out.
    fn counts_by<K: Ord>(&self, scope: &Scope, key: impl Fn(Option<UnitId>) -> Option<K>) -> BTreeMap<K, Counts> {
        let policy = self.policy();
        let mut out: BTreeMap<K, Counts> = BTreeMap::new();
        if let Some(ledger) = scope.ledger {
            for (unit, tasks) in self.material.indicators.tasks(ledger) {
                if let Some(key) = key(unit) {
                    out.entry(key).or_default().tasks.merge(tasks);
                }
            }
        }
        for finding in self.findings.iter().filter(|finding| finding.state == State::Open && scope.rules.contains(&finding.rule)) {
            if let Some(key) = key(finding.owner).filter(|_| finding.light.is_some()) {
                out.entry(key).or_default().add_finding(self.policy(), finding);
            }
        }
        for ((rule, unit, light), count) in self.material.previous_run.iter().flat_map(|previous| &previous.by_unit) {
            if !scope.rules.iter().any(|index| policy.rules[*index].id == *rule && policy.rules[*index].service.is_none()) {
                continue;
            }
            if let Some(key) = key(policy.units.find(unit)) {
                out.entry(key).or_default().add_previous(*light, *count);
            }
        }
        out
    }

    /// The findings that the list may name, longest overdue first, one per record.
    fn longest_overdue(&self, list: &BulletinList) -> impl Iterator<Item = &'a Finding> {
        let mut found: Vec<&'a Finding> = self.candidates(list).filter(|finding| is_named_to_all(finding)).collect();
        found.sort_by_key(|finding| (Reverse(finding.overdue_days()), Reverse(finding.light), finding.rule, &finding.key));
        let policy = self.policy();
        let mut seen = BTreeSet::new();
        found.retain(|finding| seen.insert((policy.rules[finding.rule].ledger, &*finding.key)));
        found.into_iter()
    }

    /// The open findings of the list's rules and lights.
    fn candidates(&self, list: &BulletinList) -> impl Iterator<Item = &'a Finding> {
        let takes = |finding: &&Finding| {
            finding.state == State::Open
                && list.rules.contains(&finding.rule)
                && finding.light.is_some_and(|light| list.lights.contains(&light))
        };
        self.findings.iter().copied().filter(takes)
    }

    /// How many records the list does not name because they belong to a restricted project or one under negotiation.
    fn count_only_counted(&self, list: &BulletinList) -> usize {
        let policy = self.policy();
        let hidden = self.candidates(list).filter(|finding| !is_named_to_all(finding));
        hidden.map(|finding| (policy.rules[finding.rule].ledger, &*finding.key)).collect::<BTreeSet<_>>().len()
    }
}

/// How many columns of the grid each column of a table spans: in proportion to its weight, at least `least`, together all of them.
fn spans(weights: impl Iterator<Item = f64>, least: Vec<usize>) -> Vec<usize> {
    let weights: Vec<f64> = weights.collect();
    let sum: f64 = weights.iter().sum();
    let share = |(weight, least): (&f64, &usize)| ((weight / sum * GRID as f64).floor() as usize).max(*least);
    let mut spans: Vec<usize> = weights.iter().zip(&least).map(share).collect();
    // the rest after rounding is added to the columns that are most below their share, or taken from those most above it
    loop {
        let taken: usize = spans.iter().sum();
        let lack = |index: &usize| weights[*index] / sum * GRID as f64 - spans[*index] as f64;
        let order = |a: &usize, b: &usize| lack(a).total_cmp(&lack(b));
        let at = match taken.cmp(&GRID) {
            std::cmp::Ordering::Equal => return spans,
            std::cmp::Ordering::Less => (0..spans.len()).max_by(order),
            std::cmp::Ordering::Greater => (0..spans.len()).filter(|index| spans[*index] > least[*index]).min_by(order),
        };
        match at {
            Some(at) if taken < GRID => spans[at] += 1,
            Some(at) => spans[at] -= 1,
            None => return spans,
        }
    }
}

/// The first grid column of each column.
fn starts(spans: &[usize]) -> Vec<usize> {
    spans
        .iter()
        .scan(0, |at, span| {
            let start = *at;
            *at += span;
            Some(start)
        })
        .collect()
}

/// Adds one row of a table on the grid, as high as its texts need.
fn add_grid_row(sheet: &mut Sheet<'_>, role: Role, values: Vec<Value>, spans: &[usize]) {
    let mut cells = vec![Value::Blank; GRID];
    let mut merges = Vec::new();
    let mut lines = 1;
    for ((value, span), start) in values.into_iter().zip(spans).zip(starts(spans)) {
        if let Value::Text(text) = &value {
            // every grid column is 5 pixels wider than its digits, which are 7 pixels wide
            lines = lines.max(text_lines(text, *span as f64 * (GRID_WIDTH + 5.0 / 7.0) * 0.92 - 0.7));
        }
        merges.push((start, start + span - 1));
        cells[start] = value;
    }
    merges.retain(|(first, last)| first < last);
    let height = Some(14.5 * lines as f64 + if role == Role::Head { 9.0 } else { 5.0 });
    sheet.rows.push(Row { role, cells, height, merges, ..Row::default() });
}
