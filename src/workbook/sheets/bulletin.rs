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
use crate::workbook::build::{Page, View};
use crate::workbook::model::{Column, Role, Row, Sheet, Value, head_text, text_lines};
use crate::workbook::sheets::list::Also;
use crate::workbook::template::ListColumn;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The paper of one `[sheet.bulletin]`.
#[derive(Clone, Debug)]
pub struct Bulletin {
    /// What `{period}` stands for, and the span of the measures `new` and `done`.
    pub period: Every,
    /// 主送; empty = none.
    pub to: String,
    pub opening: Vec<String>,
    pub figures: Vec<BulletinFigure>,
    pub parts: Vec<BulletinPart>,
    /// 抄送 and the like, below the signature.
    pub copies: Vec<String>,
    /// Lines flush right: the office and the date.
    pub signature: Vec<String>,
}

/// A number that texts fill in as `{name}`.
#[derive(Clone, Debug)]
pub struct BulletinFigure {
    pub name: String,
    pub measure: Measure,
    pub scope: Scope,
    /// What a change is counted in: 比上期增加119件.
    pub counted: String,
}

/// What is counted.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Of which ledger's records tasks are counted.
    pub ledger: Option<usize>,
    /// Whose open findings are counted.
    pub rules: Vec<usize>,
    /// Units; `None` = all.
    pub rows: Option<TableRows>,
}

#[derive(Clone, Debug)]
pub struct BulletinPart {
    pub heading: String,
    pub paragraphs: Vec<String>,
    pub table: Option<BulletinTable>,
    pub list: Option<BulletinList>,
    /// The figure (index) without which there is nothing to say.
    pub about: Option<usize>,
    /// Stands instead of everything else where that figure is 0, or the list is empty.
    pub none: String,
    /// Below the table or the list.
    pub note: String,
}

#[derive(Clone, Debug)]
pub struct BulletinTable {
    pub title: String,
    pub rows: TableRows,
    pub scope: Scope,
    pub columns: Vec<BulletinColumn>,
}

/// Which units have a row, in administrative order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableRows {
    /// Cities, each with all that lies in it.
    City,
    /// Units of the province, and what names no known unit.
    Department,
    /// Counties and platforms.
    Place,
}

impl TableRows {
    pub const NAMES: [(&'static str, TableRows); 3] =
        [("city", TableRows::City), ("department", TableRows::Department), ("place", TableRows::Place)];

    fn head(self) -> &'static str {
        match self {
            TableRows::City => "市（州）",
            TableRows::Department => "单位",
            TableRows::Place => "县（市、区）、平台",
        }
    }
}

#[derive(Clone, Debug)]
pub struct BulletinColumn {
    pub title: String,
    pub measure: Measure,
}

/// A reckoned figure. Those of tasks need a ledger, those of findings need rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    Dispatched,
    Received,
    FedBack,
    Completed,
    /// Dispatched and not completed.
    Left,
    /// Dispatched in the period.
    New,
    /// Completed in the period.
    Done,
    ReceivedRate,
    FedBackRate,
    CompletedRate,
    /// Place by the rate of completion within the table.
    CompletedRank,
    /// Open findings of a light.
    Light(Light),
    /// Open findings.
    Open,
    /// How many more than in the run before.
    LightChange(Light),
    OpenChange,
    /// Open findings of one rule (its index).
    Rule(usize),
    /// The most days overdue.
    Longest,
    /// Units with an open finding.
    Units,
}

impl Measure {
    pub const NAMES: [(&'static str, Measure); 21] = [
        ("dispatched", Measure::Dispatched),
        ("received", Measure::Received),
        ("fed_back", Measure::FedBack),
        ("completed", Measure::Completed),
        ("left", Measure::Left),
        ("new", Measure::New),
        ("done", Measure::Done),
        ("received_rate", Measure::ReceivedRate),
        ("fed_back_rate", Measure::FedBackRate),
        ("completed_rate", Measure::CompletedRate),
        ("completed_rank", Measure::CompletedRank),
        ("red", Measure::Light(Light::Red)),
        ("orange", Measure::Light(Light::Orange)),
        ("yellow", Measure::Light(Light::Yellow)),
        ("open", Measure::Open),
        ("red_change", Measure::LightChange(Light::Red)),
        ("orange_change", Measure::LightChange(Light::Orange)),
        ("yellow_change", Measure::LightChange(Light::Yellow)),
        ("open_change", Measure::OpenChange),
        ("longest", Measure::Longest),
        ("units", Measure::Units),
    ];

    /// Counts tasks of a ledger.
    pub fn is_of_tasks(self) -> bool {
        use Measure as M;
        matches!(
            self,
            M::Dispatched
                | M::Received
                | M::FedBack
                | M::Completed
                | M::Left
                | M::New
                | M::Done
                | M::ReceivedRate
                | M::FedBackRate
                | M::CompletedRate
                | M::CompletedRank
        )
    }

    /// A total is the sum of its rows.
    fn adds_up(self) -> bool {
        use Measure as M;
        !matches!(self, M::ReceivedRate | M::FedBackRate | M::CompletedRate | M::CompletedRank | M::Longest)
    }

    pub fn title(self) -> String {
        match self {
            Measure::Dispatched => "派发（件）".into(),
            Measure::Received => "签收（件）".into(),
            Measure::FedBack => "反馈（件）".into(),
            Measure::Completed => "办结（件）".into(),
            Measure::Left => "未办结（件）".into(),
            Measure::New => "本期派发（件）".into(),
            Measure::Done => "本期办结（件）".into(),
            Measure::ReceivedRate => "签收率".into(),
            Measure::FedBackRate => "反馈率".into(),
            Measure::CompletedRate => "办结率".into(),
            Measure::CompletedRank => "办结率排名".into(),
            Measure::Light(light) => format!("{}灯（项）", light.title()),
            Measure::Open | Measure::Rule(_) => "督办事项（项）".into(),
            Measure::LightChange(light) => format!("{}灯比上期（项）", light.title()),
            Measure::OpenChange => "比上期（项）".into(),
            Measure::Longest => "最长超期（天）".into(),
            Measure::Units => "涉及单位（个）".into(),
        }
    }
}

/// The items that are furthest behind.
#[derive(Clone, Debug)]
pub struct BulletinList {
    pub title: String,
    pub rules: Vec<usize>,
    pub lights: Vec<Light>,
    pub most: usize,
    pub columns: Vec<ListColumn>,
    /// What to say of the rows beyond `most`, with `{more}`.
    pub more: String,
    /// What to say of the rows that are only counted, with `{withheld}`.
    pub withheld: String,
}

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

impl<'a> Page<'a, '_> {
    pub(crate) fn bulletin(&mut self, bulletin: &Bulletin) -> Sheet<'a> {
        let figures: Vec<Value> =
            bulletin.figures.iter().map(|figure| self.view.tally(&figure.scope).value(figure.measure, bulletin.period)).collect();
        let texts = Texts { page: self, bulletin, figures: &figures };
        let fill = |text: &str| texts.fill(text);
        let mut sheet = Sheet {
            name: self.form.name.clone(),
            landscape: self.form.landscape,
            paper: self.form.paper,
            columns: vec![Column { width: GRID_WIDTH, ..Column::default() }; GRID],
            document: true,
            partial: true,
            ..Sheet::default()
        };
        if !self.form.mark.is_empty() {
            sheet.banner(Role::Mark, self.form.mark.clone());
        }
        sheet.banner(Role::Title, fill(&self.form.title));
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
                    || part.list.as_ref().is_some_and(|list| self.view.furthest(list).next().is_none()) && part.about.is_none();
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
        let tallies = self.view.by_unit(&table.scope, table.rows);
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
        let mut total = Tally { label: "合计".into(), before: self.view.material.before.map(|_| BTreeMap::new()), ..Tally::default() };
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
        let all: Vec<&Finding> = self.view.furthest(list).collect();
        let mut shown: Vec<&Finding> = all.iter().copied().take(list.most).collect();
        // chosen by days, listed by unit
        shown.sort_by_key(|finding| (finding.owner.is_none(), finding.owner, Reverse(finding.overdue_days())));
        let rows: Vec<Vec<Value>> = shown
            .iter()
            .enumerate()
            .map(|(index, finding)| {
                let row = self.view.finding_line(&list.columns, index + 1, finding, &Also::default());
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
        let withheld = self.view.unnamed(list);
        if withheld > 0 {
            sheet.banner(Role::Note, list.withheld.replace("{withheld}", &withheld.to_string()));
        }
    }
}

/// Texts with figures in them.
struct Texts<'p, 'a, 'b> {
    page: &'p Page<'a, 'b>,
    bulletin: &'p Bulletin,
    figures: &'p [Value],
}

impl Texts<'_, '_, '_> {
    fn fill(&self, text: &str) -> String {
        let material = self.page.view.material;
        let mut text = text.replace("{period}", &Period::of(self.bulletin.period, material.as_of).title());
        for (figure, value) in self.bulletin.figures.iter().zip(self.figures) {
            text = text.replace(&format!("{{{}}}", figure.name), &in_words(value, &figure.counted));
        }
        masked(&self.page.view.fill_in(&text, self.page.template))
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

impl<'a> View<'a> {
    /// What a scope comes to for all its units.
    fn tally(&self, scope: &Scope) -> Tally {
        let mut sum = Tally { before: self.material.before.map(|_| BTreeMap::new()), ..Tally::default() };
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
                    .or_insert_with(|| Tally { before: self.material.before.map(|_| BTreeMap::new()), ..Tally::default() });
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
        let empty = || Tally { before: self.material.before.map(|_| BTreeMap::new()), ..Tally::default() };
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
        for ((rule, unit, light), count) in self.material.before.iter().flat_map(|before| &before.by_unit) {
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
