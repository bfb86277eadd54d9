//! An official paper (通报): an opening, parts with headings, text with figures filled in, tables by unit, the items that are furthest
//! behind, and who signs. Every word stands in the template; here is only how figures are reckoned and where they go.
//!
//! It is read by every unit, so it shows no telephone numbers and no project that is still under negotiation; those are counted.

use crate::domain::audience::masked;
use crate::domain::judging::finding::{Finding, State};
use crate::domain::judging::indicators::{Orders, Ratio, rank};
use crate::domain::register::period::Period;
use crate::domain::register::units::{Level, UnitId};
use crate::domain::rules::rule::{Every, Light};
use crate::workbook::model::{Column, Role, Row, Sheet, Value, head_text, text_lines};
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::sheets::bulletin::declaration::{Bulletin, BulletinList, BulletinPart, BulletinTable, Measure, Scope, TableRows};
use crate::workbook::sheets::list::sheet::FoldedFindings;
use crate::workbook::visible::VisibleMaterial;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What a row, or a figure, is reckoned from.
#[derive(Clone, Debug, Default)]
struct Tally {
    label: String,
    tasks: Orders,
    /// Open findings by rule and light.
    found: BTreeMap<(usize, Light), u64>,
    /// Those of the run before by light; `None` = there was none.
    before: Option<BTreeMap<Light, u64>>,
    longest: Option<i64>,
    units: BTreeSet<Option<UnitId>>,
}

impl Tally {
    fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.found.is_empty() && self.before.as_ref().is_none_or(BTreeMap::is_empty)
    }

    fn merge(&mut self, other: &Tally) {
        self.tasks.merge(&other.tasks);
        for (of, count) in &other.found {
            *self.found.entry(*of).or_default() += count;
        }
        if let (Some(mine), Some(theirs)) = (&mut self.before, &other.before) {
            for (light, count) in theirs {
                *mine.entry(*light).or_default() += count;
            }
        }
        self.longest = self.longest.max(other.longest);
        self.units.extend(&other.units);
    }

    fn found(&self, takes: impl Fn(usize, Light) -> bool) -> u64 {
        self.found.iter().filter(|((rule, light), _)| takes(*rule, *light)).map(|(_, count)| count).sum()
    }

    fn change(&self, takes: impl Fn(Light) -> bool) -> Option<i64> {
        let before: u64 = self.before.as_ref()?.iter().filter(|(light, _)| takes(**light)).map(|(_, count)| count).sum();
        i64::try_from(self.found(|_, light| takes(light))).ok()?.checked_sub_unsigned(before)
    }

    fn value(&self, measure: Measure, every: Every) -> Value {
        let tasks = &self.tasks;
        let span = every as usize;
        let share = |part: u64| Value::Percent(tasks.share(part).tenths());
        match measure {
            Measure::Dispatched => Value::count(tasks.dispatched),
            Measure::Received => Value::count(tasks.received),
            Measure::FedBack => Value::count(tasks.fed_back),
            Measure::Completed => Value::count(tasks.completed),
            Measure::Left => Value::count(tasks.open()),
            Measure::New => Value::count(tasks.dispatched_in[span]),
            Measure::Done => Value::count(tasks.completed_in[span]),
            Measure::ReceivedRate => share(tasks.received),
            Measure::FedBackRate => share(tasks.fed_back),
            Measure::CompletedRate => share(tasks.completed),
            Measure::CompletedRank => Value::Blank,
            Measure::Light(light) => Value::count(self.found(|_, known| known == light)),
            Measure::Open => Value::count(self.found(|_, _| true)),
            Measure::LightChange(light) => Value::Change(self.change(|known| known == light)),
            Measure::OpenChange => Value::Change(self.change(|_| true)),
            Measure::Rule(rule) => Value::count(self.found(|known, _| known == rule)),
            Measure::Longest => self.longest.map_or(Value::Percent(None), Value::Count),
            Measure::Units => Value::count(self.units.len()),
        }
    }
}

/// Columns of equal width that all tables of the sheet are cut from, so that it prints on a portrait page.
const GRID: usize = 30;
const GRID_WIDTH: f64 = 3.0;
/// A word no wider than this stands in one line.
const SHORT_WORD: f64 = 8.5;
/// Nor does a head stand glyph above glyph.
const HEAD_WORD: f64 = 4.2;

impl<'a> SheetBuilder<'a, '_> {
    pub(crate) fn bulletin(&mut self, bulletin: &Bulletin) -> Sheet<'a> {
        let figures: Vec<Value> =
            bulletin.figures.iter().map(|figure| self.visible.tally(&figure.scope).value(figure.measure, bulletin.period)).collect();
        let texts = Texts { page: self, bulletin, figures: &figures };
        let fill = |text: &str| texts.fill(text);
        let mut sheet = Sheet {
            name: self.declaration.name.clone(),
            landscape: self.declaration.landscape,
            paper: self.declaration.paper,
            columns: vec![Column { width: GRID_WIDTH, ..Column::default() }; GRID],
            document: true,
            partial: true,
            ..Sheet::default()
        };
        if !self.declaration.mark.is_empty() {
            sheet.banner(Role::Mark, self.declaration.mark.clone());
        }
        sheet.banner(Role::Title, fill(&self.declaration.title));
        if !bulletin.to.is_empty() {
            sheet.banner(Role::Address, fill(&bulletin.to));
        }
        for text in &bulletin.opening {
            sheet.banner(Role::Paragraph, format!("　　{}", fill(text)));
        }
        let parts: Vec<(Vec<String>, &BulletinPart, bool)> = bulletin
            .parts
            .iter()
            .map(|part| {
                let nothing = part.about.is_some_and(|figure| figures[figure].figure() == Some(0))
                    || part.list.as_ref().is_some_and(|list| self.visible.furthest(list).next().is_none()) && part.about.is_none();
                let texts = if nothing { vec![fill(&part.none)] } else { part.paragraphs.iter().map(|text| fill(text)).collect() };
                (texts, part, nothing)
            })
            .collect();
        let notes: Vec<String> = bulletin.parts.iter().map(|part| fill(&part.note)).collect();
        let signature: Vec<String> = bulletin.signature.iter().map(|text| fill(text)).collect();
        let copies: Vec<String> = bulletin.copies.iter().map(|text| fill(text)).collect();
        for ((texts, part, nothing), note) in parts.into_iter().zip(notes) {
            if !part.heading.is_empty() {
                let role = if part.heading.starts_with('（') { Role::Subsection } else { Role::Section };
                sheet.banner(role, format!("　　{}", part.heading));
            }
            for text in texts.into_iter().filter(|text| !text.is_empty()) {
                sheet.banner(Role::Paragraph, format!("　　{text}"));
            }
            if nothing {
                continue;
            }
            if let Some(table) = &part.table {
                self.unit_table(&mut sheet, table, bulletin.period);
            }
            if let Some(list) = &part.list {
                self.furthest_list(&mut sheet, list);
            }
            if !note.is_empty() {
                sheet.banner(Role::Note, note);
            }
        }
        for line in signature {
            sheet.banner(Role::Sign, line);
        }
        for line in copies {
            sheet.banner(Role::Address, line);
        }
        self.note(&mut sheet);
        sheet
    }

    fn unit_table(&mut self, sheet: &mut Sheet<'a>, table: &BulletinTable, every: Every) {
        let tallies = self.visible.by_unit(&table.scope, table.rows);
        let ratios: Vec<Ratio> = tallies.iter().map(|tally| tally.tasks.share(tally.tasks.completed)).collect();
        let places = rank(&ratios);
        let cells = |tally: &Tally, place: Option<Option<u32>>| -> Vec<Value> {
            let measured = table.columns.iter().map(|column| match (column.measure, place) {
                (Measure::CompletedRank, Some(place)) => place.map_or_else(|| Value::text("-"), Value::count),
                (measure, _) => tally.value(measure, every),
            });
            std::iter::once(Value::text(tally.label.clone())).chain(measured).collect()
        };
        let spans = spans(std::iter::once(2.6).chain(table.columns.iter().map(|_| 1.0)), vec![1; table.columns.len() + 1]);
        if !table.title.is_empty() {
            sheet.banner(Role::Subtitle, table.title.clone());
        }
        let heads = std::iter::once(table.rows.head().to_owned()).chain(table.columns.iter().map(|column| head_text(&column.title)));
        let head = heads.map(Value::text).collect();
        spread(sheet, Role::Head, head, &spans);
        let first = sheet.rows.len();
        for (tally, place) in tallies.iter().zip(&places) {
            spread(sheet, Role::Body, cells(tally, Some(*place)), &spans);
        }
        let mut total =
            Tally { label: "合计".into(), before: self.visible.material.previous_run.map(|_| BTreeMap::new()), ..Tally::default() };
        tallies.iter().for_each(|tally| total.merge(tally));
        let row = sheet.rows.len();
        spread(sheet, Role::Total, cells(&total, None), &spans);
        let parts: Vec<usize> = (first..row).collect();
        let starts = starts(&spans);
        for (column, at) in table.columns.iter().zip(starts.into_iter().skip(1)) {
            if column.measure.adds_up() && sheet.rows[row].cells[at].figure().is_some() {
                self.sum(row, &parts, at);
            }
        }
    }

    fn furthest_list(&self, sheet: &mut Sheet<'a>, list: &BulletinList) {
        let all: Vec<&Finding> = self.visible.furthest(list).collect();
        let mut shown: Vec<&Finding> = all.iter().copied().take(list.most).collect();
        // chosen by days, listed by unit
        shown.sort_by_key(|finding| (finding.owner.is_none(), finding.owner, Reverse(finding.overdue_days())));
        let rows: Vec<Vec<Value>> = shown
            .iter()
            .enumerate()
            .map(|(index, finding)| {
                let row = self.visible.finding_line(&list.columns, index + 1, finding, &FoldedFindings::default());
                row.cells.into_iter().map(without_numbers).collect()
            })
            .collect();
        if !list.title.is_empty() {
            sheet.banner(Role::Subtitle, list.title.clone());
        }
        let weights = list.columns.iter().enumerate().map(|(index, column)| {
            let widest = rows.iter().map(|row| row[index].width()).fold(crate::workbook::model::text_width(&column.title) / 2.0, f64::max);
            (widest + 1.5).clamp(5.0, 22.0)
        });
        // a code or a day is not parted at its dash, nor a short word in two
        let least = (0..list.columns.len()).map(|index| {
            let whole = |value: &Value| match value {
                Value::Text(text) if !text.is_ascii() => value.width() <= SHORT_WORD,
                _ => true,
            };
            let widest = rows.iter().map(|row| &row[index]).filter(|value| whole(value)).map(Value::width);
            ((widest.fold(HEAD_WORD, f64::max) + 1.0) / GRID_WIDTH).ceil() as usize
        });
        let spans = spans(weights, least.collect());
        spread(sheet, Role::Head, list.columns.iter().map(|column| Value::text(head_text(&column.title))).collect(), &spans);
        for cells in rows {
            spread(sheet, Role::Body, cells, &spans);
        }
        if all.len() > shown.len() {
            sheet.banner(Role::Note, list.more.replace("{more}", &(all.len() - shown.len()).to_string()));
        }
        let withheld = self.visible.unnamed(list);
        if withheld > 0 {
            sheet.banner(Role::Note, list.withheld.replace("{withheld}", &withheld.to_string()));
        }
    }
}

/// Texts with figures in them.
struct Texts<'p, 'a, 'b> {
    page: &'p SheetBuilder<'a, 'b>,
    bulletin: &'p Bulletin,
    figures: &'p [Value],
}

impl Texts<'_, '_, '_> {
    fn fill(&self, text: &str) -> String {
        let material = self.page.visible.material;
        let mut text = text.replace("{period}", &Period::of(self.bulletin.period, material.as_of).title());
        for (figure, value) in self.bulletin.figures.iter().zip(self.figures) {
            text = text.replace(&format!("{{{}}}", figure.name), &in_words(value, &figure.counted));
        }
        masked(&self.page.visible.fill_in(&text, self.page.template))
    }
}

/// A figure within a sentence.
fn in_words(value: &Value, counted: &str) -> String {
    match value {
        Value::Change(None) => "无上期数可比".into(),
        Value::Change(Some(0)) => "与上期持平".into(),
        Value::Change(Some(more)) if *more > 0 => format!("比上期增加{more}{counted}"),
        Value::Change(Some(less)) => format!("比上期减少{}{counted}", less.unsigned_abs()),
        value => value.shown(),
    }
}

/// A cell for eyes everywhere: no number that could be a telephone.
fn without_numbers(value: Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(masked(&text)),
        value => value,
    }
}

impl<'a> VisibleMaterial<'a> {
    /// What a scope comes to for all its units.
    fn tally(&self, scope: &Scope) -> Tally {
        let mut sum = Tally { before: self.material.previous_run.map(|_| BTreeMap::new()), ..Tally::default() };
        for tally in self.tallies(scope, |unit| scope.rows.is_none_or(|rows| self.row_of(rows, unit).is_some()).then_some(())).values() {
            sum.merge(tally);
        }
        sum
    }

    /// What a scope comes to unit by unit, in administrative order.
    fn by_unit(&self, scope: &Scope, rows: TableRows) -> Vec<Tally> {
        let units = &self.policy().units;
        let mut found = self.tallies(scope, |unit| self.row_of(rows, unit));
        // every city has a row, the others where there is something to say
        if rows == TableRows::City {
            for id in (0..units.units.len()).filter(|id| units.units[*id].level == Level::City && units.is_there(*id)) {
                found
                    .entry((false, id))
                    .or_insert_with(|| Tally { before: self.material.previous_run.map(|_| BTreeMap::new()), ..Tally::default() });
            }
        }
        let rows = found.into_iter().filter(|(_, tally)| rows == TableRows::City || !tally.is_empty());
        rows.map(|((unknown, id), mut tally)| {
            tally.label = if unknown { "责任单位待明确".into() } else { units.units[id].name.clone() };
            tally
        })
        .collect()
    }

    /// The row a unit belongs to: (unknown, unit).
    fn row_of(&self, rows: TableRows, unit: Option<UnitId>) -> Option<(bool, UnitId)> {
        let units = &self.policy().units;
        match (rows, unit, unit.and_then(|unit| units.city_of(unit))) {
            (TableRows::City, _, Some(city)) => Some((false, city)),
            (TableRows::Department, Some(unit), None) => Some((false, unit)),
            (TableRows::Department, None, _) => Some((true, 0)),
            (TableRows::Place, Some(unit), _) if units.units[unit].level.is_place() => Some((false, unit)),
            _ => None,
        }
    }

    /// Tasks and open findings by what `key` says of their unit; `None` leaves them out.
    fn tallies<K: Ord>(&self, scope: &Scope, key: impl Fn(Option<UnitId>) -> Option<K>) -> BTreeMap<K, Tally> {
        let policy = self.policy();
        let empty = || Tally { before: self.material.previous_run.map(|_| BTreeMap::new()), ..Tally::default() };
        let mut out: BTreeMap<K, Tally> = BTreeMap::new();
        if let Some(ledger) = scope.ledger {
            for (unit, tasks) in self.material.indicators.tasks(ledger) {
                if let Some(key) = key(unit) {
                    out.entry(key).or_insert_with(empty).tasks.merge(tasks);
                }
            }
        }
        for finding in self.findings.iter().filter(|finding| finding.state == State::Open && scope.rules.contains(&finding.rule)) {
            let (Some(key), Some(light)) = (key(finding.owner), finding.light) else { continue };
            let tally = out.entry(key).or_insert_with(empty);
            *tally.found.entry((finding.rule, light)).or_default() += 1;
            tally.longest = tally.longest.max(finding.overdue_days());
            tally.units.insert(finding.owner);
        }
        for ((rule, unit, light), count) in self.material.previous_run.iter().flat_map(|before| &before.by_unit) {
            if !scope.rules.iter().any(|index| policy.rules[*index].id == *rule) {
                continue;
            }
            if let Some(key) = key(policy.units.find(unit)) {
                let before = out.entry(key).or_insert_with(empty).before.get_or_insert_default();
                *before.entry(*light).or_default() += *count as u64;
            }
        }
        out
    }

    /// Open findings a list may show, the furthest behind first, each record once.
    fn furthest(&self, list: &BulletinList) -> impl Iterator<Item = &'a Finding> {
        let mut found: Vec<&'a Finding> = self.candidates(list).filter(|finding| !self.is_withheld(finding)).collect();
        found.sort_by_key(|finding| (Reverse(finding.overdue_days()), Reverse(finding.light), finding.rule, &finding.key));
        let policy = self.policy();
        let mut seen = BTreeSet::new();
        found.retain(|finding| seen.insert((policy.rules[finding.rule].ledger, &*finding.key)));
        found.into_iter()
    }

    fn candidates(&self, list: &BulletinList) -> impl Iterator<Item = &'a Finding> {
        let takes = |finding: &&Finding| {
            finding.state == State::Open
                && list.rules.contains(&finding.rule)
                && finding.light.is_some_and(|light| list.lights.contains(&light))
        };
        self.findings.iter().copied().filter(takes)
    }

    /// Records that belong to a project still under negotiation, or a restricted one: counted only.
    fn unnamed(&self, list: &BulletinList) -> usize {
        let policy = self.policy();
        let hidden = self.candidates(list).filter(|finding| self.is_withheld(finding));
        hidden.map(|finding| (policy.rules[finding.rule].ledger, &*finding.key)).collect::<BTreeSet<_>>().len()
    }

    fn is_withheld(&self, finding: &Finding) -> bool {
        let policy = self.policy();
        let project = policy.project_ledger().and_then(|ledger| self.record(ledger, &finding.project));
        finding.restricted || project.is_some_and(|project| policy.is_negotiating(&project))
    }
}

/// How many columns of the grid each column of a table takes, by weight and no fewer than the least; together all of them.
fn spans(weights: impl Iterator<Item = f64>, least: Vec<usize>) -> Vec<usize> {
    let weights: Vec<f64> = weights.collect();
    let sum: f64 = weights.iter().sum();
    let share = |(weight, least): (&f64, &usize)| ((weight / sum * GRID as f64).floor() as usize).max(*least);
    let mut spans: Vec<usize> = weights.iter().zip(&least).map(share).collect();
    // what is left over, or too much, goes to or comes from the columns that lack or have the most for their weight
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

/// Where each column begins.
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

/// One row of a table on the grid, as high as its texts need.
fn spread(sheet: &mut Sheet<'_>, role: Role, values: Vec<Value>, spans: &[usize]) {
    let mut cells = vec![Value::Blank; GRID];
    let mut merges = Vec::new();
    let mut lines = 1;
    for ((value, span), start) in values.into_iter().zip(spans).zip(starts(spans)) {
        if let Value::Text(text) = &value {
            // each column of the grid brings the blank edges that a column has: 5 pixels, at 7 for a digit
            lines = lines.max(text_lines(text, *span as f64 * (GRID_WIDTH + 5.0 / 7.0) * 0.92 - 0.7));
        }
        merges.push((start, start + span - 1));
        cells[start] = value;
    }
    merges.retain(|(first, last)| first < last);
    let height = Some(14.5 * lines as f64 + if role == Role::Head { 9.0 } else { 5.0 });
    sheet.rows.push(Row { role, cells, height, merges, ..Row::default() });
}
