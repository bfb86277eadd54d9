//! Tables of figures, one row per place or industry, in administrative order with totals that equal their parts.

use crate::domain::audience::Audience;
use crate::domain::judging::finding::Finding;
use crate::domain::judging::indicators::{Indicators, Rate, Ratio, Window, rank};
use crate::domain::register::ledger::Role as FieldRole;
use crate::domain::register::levels::{Level, LevelKind, LevelWord};
use crate::domain::register::period::{PeriodKind, chinese_date};
use crate::domain::register::units::{UnitId, Units};
use crate::workbook::counts::Counts;
use crate::workbook::measures::Measure;
use crate::workbook::model;
use crate::workbook::model::{Area, Role, Row, Sheet, Value, fit};
use crate::workbook::previous_run::PreviousRun;
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::sheets::matrix::declaration::{Axis, Matrix, MatrixRows};
use crate::workbook::visible::VisibleMaterial;
use chrono::Datelike;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A group of rows that are ranked among each other.
#[derive(Clone, PartialEq)]
enum Ranking {
    /// Units of the levels that name this group.
    Units(String),
    /// All industries.
    Industries,
}

/// One row before it is printed.
struct MatrixRow {
    label: String,
    kind: String,
    role: Role,
    /// Rows of the same group are ranked among each other; `None` = not ranked.
    group: Option<Ranking>,
    counts: Counts,
    /// Indices of the rows it is the total of.
    parts: Vec<usize>,
}

impl<'a> SheetBuilder<'a, '_> {
    /// A table of figures by place or industry.
    pub(crate) fn matrix(&mut self, matrix: &Matrix) -> Sheet<'a> {
        let Matrix { axis, window, columns, rows: named } = matrix;
        let (axis, window) = (*axis, *window);
        let matrix_rows = match axis {
            Axis::Region => self.visible.regions(columns.iter().any(|column| column.is_of_tasks()), named),
            Axis::Industry => self.visible.industries(),
        };
        let stages = &self.visible.material.indicators.stages;
        let mut heads: Vec<String> = match axis {
            Axis::Region => vec!["地区".into(), "类别".into()],
            Axis::Industry => vec!["产业".into(), "门类".into()],
        };
        for column in columns {
            match column {
                Measure::Stages => heads.extend(stages.iter().cloned().chain(["其他阶段".into()])),
                column => heads.push(column.title_in_matrix()),
            }
        }
        let mut body: Vec<Row> = Vec::with_capacity(matrix_rows.len());
        for row in &matrix_rows {
            let mut cells = vec![Value::text(row.label.clone()), Value::text(row.kind.clone())];
            for column in columns {
                match column {
                    Measure::Stages => {
                        let counts = &row.counts.projects.stages;
                        cells.extend((0..=stages.len()).map(|stage| Value::count(counts.get(stage).copied().unwrap_or(0))));
                    }
                    Measure::Rank(rate) => cells.push(rank_in_group(*rate, row, &matrix_rows, window)),
                    change if change.is_change() && !self.visible.is_comparable(*change, window) => cells.push(Value::Change(None)),
                    // no column of a matrix counts the tasks of a period
                    measure => cells.push(row.counts.value(*measure, window, PeriodKind::Quarter)),
                }
            }
            body.push(Row { role: row.role, cells, ..Row::default() });
        }
        let mut widths = fit(&body, heads.len(), 30.0);
        let head = model::head(&heads, &mut widths);
        let subtitle = format!("截至{}　　{}合同项目", chinese_date(self.visible.material.as_of), window.title());
        let mut sheet = self.start_sheet(widths, &subtitle);
        let head_at = sheet.rows.len();
        sheet.rows.push(head);
        let first = sheet.rows.len();
        sheet.rows.append(&mut body);
        sheet.freeze = Some((head_at + 1, 1));
        sheet.repeat = Some((head_at, head_at));
        self.record_matrix_figures(&sheet, &matrix_rows, columns, window, first);
        for (column, key) in printed_columns(columns, stages.len()) {
            if matches!(key, Measure::Rate(_)) {
                sheet.bars.push(Area { column, first, last: first + matrix_rows.len() - 2 });
            }
        }
        sheet.banner(Role::Note, self.rate_notes(columns, axis));
        self.add_notes(&mut sheet);
        sheet
    }

    /// Records the sums and totals of the table that begins at row `first`, for the balance check.
    fn record_matrix_figures(&mut self, sheet: &Sheet<'_>, matrix_rows: &[MatrixRow], columns: &[Measure], window: Window, first: usize) {
        let stages = self.visible.material.indicators.stages.len();
        let last = first + matrix_rows.len() - 1;
        for (column, key) in printed_columns(columns, stages) {
            if sheet.rows[last].cells[column].figure().is_none() {
                continue;
            }
            if key.adds_up() {
                for (index, row) in matrix_rows.iter().enumerate().filter(|(_, row)| !row.parts.is_empty()) {
                    let parts: Vec<usize> = row.parts.iter().map(|part| first + part).collect();
                    self.record_sum(first + index, &parts, column);
                }
            }
            // the totals of a unit's table are printed nowhere else
            if let Some(name) = key.total_name(window).filter(|_| self.visible.material.audience == Audience::Office) {
                self.record_total(name, last, column);
            }
        }
    }

    /// The note below the table: how rates, changes and ranks are computed.
    fn rate_notes(&self, columns: &[Measure], axis: Axis) -> String {
        let mut rates: Vec<Rate> = Vec::new();
        let mut ranked = false;
        for column in columns {
            match column {
                Measure::Rate(rate) | Measure::LiveRate(rate) if !rates.contains(rate) => rates.push(*rate),
                Measure::Rank(_) => ranked = true,
                _ => {}
            }
        }
        let mut notes: Vec<String> = rates.iter().map(|rate| format!("{}＝{}", rate.title(), rate.meaning())).collect();
        notes.push("分母为0的以“-”表示，合同终止的项目计入分母（“剔除终止”列除外）".into());
        if let Some(previous) = self.visible.material.previous_run.filter(|_| columns.iter().any(|column| column.is_change())) {
            let points = if columns.iter().any(|column| matches!(column, Measure::RateChange(_))) { "，比率按百分点" } else { "" };
            notes.push(format!("比上期为与截至{}的上一次报表相比{points}", chinese_date(previous.as_of)));
        }
        let levels = &self.visible.policy().units.levels;
        if ranked {
            let within = if self.visible.material.audience == Audience::Office { "" } else { "本表所列" };
            let groups = levels.rankings().join("、");
            notes.push(format!("排名分别在{within}{groups}（产业表为各产业）范围内进行，并列的名次相同，只有一个的不排名"));
        }
        if columns.iter().any(|column| matches!(column, Measure::Light(_) | Measure::Open)) {
            notes.push("红、橙、黄为项目类督办事项，不含工作单、困难问题等，也不含服务事项".into());
        }
        if axis == Axis::Region {
            let mut note = "每个项目只归一个责任单位".to_owned();
            if let (Some(park), Some(base)) = (levels.of_kind(LevelKind::Park), levels.of_kind(LevelKind::Base)) {
                let (park, base) = (levels.name(park), levels.word(base, LevelWord::Short));
                let _ = write!(note, "，{park}的项目不再计入所在{base}");
            }
            notes.push(note);
        }
        format!("注：{}。", notes.join("；"))
    }
}

/// Each printed column with its index; stages take several. The first two columns are label and kind.
fn printed_columns(columns: &[Measure], stages: usize) -> Vec<(usize, Measure)> {
    let mut out = Vec::new();
    let mut at = 2;
    for column in columns {
        let wide = if *column == Measure::Stages { stages + 1 } else { 1 };
        out.extend((at..at + wide).map(|at| (at, *column)));
        at += wide;
    }
    out
}

/// A row's rank among the rows of its group.
fn rank_in_group(rate: Rate, row: &MatrixRow, matrix_rows: &[MatrixRow], window: Window) -> Value {
    let Some(group) = &row.group else { return Value::Blank };
    let peers: Vec<&MatrixRow> = matrix_rows.iter().filter(|other| other.group.as_ref() == Some(group)).collect();
    // a group of one has no rank
    if peers.len() == 1 {
        return Value::text("-");
    }
    let ratios: Vec<Ratio> = peers.iter().map(|peer| rate.of(peer.counts.projects.signed(window))).collect();
    let places = rank(&ratios);
    let own = peers.iter().position(|peer| std::ptr::eq(*peer, row)).and_then(|index| places[index]);
    own.map_or_else(|| Value::text("-"), Value::count)
}

impl VisibleMaterial<'_> {
    /// Counts the findings on projects by a key.
    fn finding_counts<K: Ord>(&self, key: impl Fn(&Finding) -> K) -> BTreeMap<K, Counts> {
        let project = self.policy().project_ledger();
        let mut out: BTreeMap<K, Counts> = BTreeMap::new();
        for finding in self.counted().filter(|finding| Some(self.policy().rules[finding.rule].ledger) == project) {
            out.entry(key(finding)).or_default().add_finding(self.policy(), finding);
        }
        out
    }

    /// Whether the previous run has the numbers that a column compares with. Contracts of a year are compared within the same year only.
    fn is_comparable(&self, column: Measure, window: Window) -> bool {
        let Some(previous) = self.material.previous_run else { return false };
        match column {
            Measure::RateChange(_) => {
                previous.indicator_snapshot().is_some() && (window == Window::All || previous.as_of.year() == self.material.as_of.year())
            }
            _ => self.material.audience.sees_previous_lights(),
        }
    }

    /// The rows of a matrix by region; `with_orders` counts work orders too.
    fn regions(&self, with_orders: bool, named: &MatrixRows) -> Vec<MatrixRow> {
        let policy = self.policy();
        let units = &policy.units;
        let indicators = self.material.indicators;
        let mut counts = self.finding_counts(|finding| finding.owner);
        for ((rule, unit, light), count) in self.material.previous_run.iter().flat_map(|previous| &previous.by_unit) {
            let is_counted =
                |rule: usize| Some(policy.rules[rule].ledger) == policy.project_ledger() && policy.rules[rule].service.is_none();
            let is_on_project = policy.rule(rule).is_some_and(is_counted);
            if is_on_project {
                counts.entry(units.find(unit)).or_default().add_previous(*light, *count);
            }
        }
        let snapshot = self.material.previous_run.and_then(PreviousRun::indicator_snapshot);
        let mut previous = snapshot.map(|snapshot| snapshot.by_unit(units)).unwrap_or_default();
        let mut counts_of = |unit: Option<UnitId>| {
            let mut counts = counts.remove(&unit).unwrap_or_default();
            counts.projects = indicators.of_unit(unit);
            counts.previous_projects = previous.remove(&unit).unwrap_or_default();
            if with_orders {
                counts.tasks = indicators.orders_of(unit);
            }
            counts
        };
        match self.material.audience {
            Audience::Unit(unit) => unit_rows(units, unit, &mut counts_of),
            Audience::Office | Audience::ThirdParty => office_rows(units, named, &mut counts_of),
        }
    }

    /// The rows of a matrix by industry.
    fn industries(&self) -> Vec<MatrixRow> {
        let policy = self.policy();
        let indicators: &Indicators = self.material.indicators;
        let project = policy.project_ledger();
        let field = project.and_then(|project| policy.ledgers[project].role(FieldRole::Industry));
        let mut counts = self.finding_counts(|finding| {
            let record = project.and_then(|project| self.record(project, &finding.project));
            record.and_then(|record| policy.units.industry(record.text(field)))
        });
        let snapshot = self.material.previous_run.and_then(PreviousRun::indicator_snapshot);
        let mut previous = snapshot.map(|snapshot| snapshot.by_industry(&policy.units)).unwrap_or_default();
        let mut counts_of = |industry: Option<usize>| {
            let mut counts = counts.remove(&industry).unwrap_or_default();
            counts.projects = indicators.of_industry(industry);
            counts.previous_projects = previous.remove(&industry).unwrap_or_default();
            counts
        };
        let mut rows: Vec<MatrixRow> = policy
            .units
            .industries
            .iter()
            .enumerate()
            .map(|(index, industry)| (index, industry, counts_of(Some(index))))
            // an industry that was merged, or is not yet introduced, has a row only if something is counted in it
            .filter(|(index, _, counts)| policy.units.has_industry(*index) || !counts.is_empty())
            .map(|(_, industry, counts)| MatrixRow::single(industry.name.clone(), &industry.group, Some(Ranking::Industries), counts))
            .collect();
        rows.push(MatrixRow::single("未归类".into(), "其他产业", None, counts_of(None)));
        let parts = (0..rows.len()).collect();
        push_total(&mut rows, "合计".into(), policy.units.levels.top(LevelWord::Area), parts);
        rows
    }
}

/// The group that units of a level are ranked in.
fn ranking(units: &Units, level: Level) -> Option<Ranking> {
    units.levels.ranking(level).map(|group| Ranking::Units(group.to_owned()))
}

/// Whether a unit has a row: an active place always, another unit if something is counted for it.
fn has_row(units: &Units, unit: UnitId, counts: &Counts) -> bool {
    units.units[unit].level.is_place() && units.is_active(unit) || !counts.is_empty()
}

/// The rows of a unit's workbook: its own places side by side, and no others.
fn unit_rows(units: &Units, unit: UnitId, counts_of: &mut dyn FnMut(Option<UnitId>) -> Counts) -> Vec<MatrixRow> {
    let mut rows: Vec<MatrixRow> = Vec::new();
    for id in (0..units.units.len()).filter(|id| units.is_within(*id, unit)) {
        let counts = counts_of(Some(id));
        if has_row(units, id, &counts) {
            let alone = id == unit && units.units[id].level.kind() == LevelKind::Middle;
            rows.push(MatrixRow::of_unit(units, id, "", alone, counts));
        }
    }
    let parts = (0..rows.len()).collect();
    push_total(&mut rows, "合计".into(), &units.units[unit].name, parts);
    rows
}

/// The rows of the whole area: each unit of the middle with its own row and those of its places, parks that are named apart, units outside
/// every division, and records without a known unit. Where there is no middle, the places have their rows side by side.
fn office_rows(units: &Units, named: &MatrixRows, counts_of: &mut dyn FnMut(Option<UnitId>) -> Counts) -> Vec<MatrixRow> {
    let mut rows: Vec<MatrixRow> = Vec::new();
    let mut parts = Vec::new();
    let single = |id: UnitId, counts: Counts| MatrixRow::of_unit(units, id, "", false, counts);
    for (division, unit) in units.units.iter().enumerate().filter(|(_, unit)| units.levels.is_division(unit.level)) {
        let within = (0..units.units.len()).filter(|id| *id != division && units.division_of(*id) == Some(division));
        if unit.level.kind() != LevelKind::Middle {
            for id in std::iter::once(division).chain(within) {
                let counts = counts_of(Some(id));
                if has_row(units, id, &counts) {
                    parts.push(rows.len());
                    rows.push(single(id, counts));
                }
            }
            continue;
        }
        let division_row = rows.len();
        parts.push(division_row);
        let renamed = named.titles.iter().find(|named| named.unit == division).map(|named| named.title.clone());
        let name = renamed.unwrap_or_else(|| unit.name.clone());
        rows.push(MatrixRow::total(name, units.levels.name(unit.level), Role::Subtotal, ranking(units, unit.level)));
        // a park that is named apart takes its departments along
        let (apart, within): (Vec<UnitId>, Vec<UnitId>) =
            within.partition(|id| named.apart.contains(&units.units[*id].place.unwrap_or(*id)));
        // the division's own row first, then its places in the order of the register of units
        for id in std::iter::once(division).chain(within) {
            let counts = counts_of(Some(id));
            if !has_row(units, id, &counts) {
                continue;
            }
            let index = rows.len();
            rows.push(MatrixRow::of_unit(units, id, "　", id == division, counts));
            rows[division_row].parts.push(index);
        }
        add_up(&mut rows, division_row);
        for id in apart {
            let counts = counts_of(Some(id));
            if has_row(units, id, &counts) {
                parts.push(rows.len());
                rows.push(single(id, counts));
            }
        }
    }
    for id in (0..units.units.len()).filter(|id| units.division_of(*id).is_none()) {
        let counts = counts_of(Some(id));
        if has_row(units, id, &counts) {
            parts.push(rows.len());
            rows.push(single(id, counts));
        }
    }
    let unknown = counts_of(None);
    if !unknown.is_empty() {
        parts.push(rows.len());
        rows.push(MatrixRow::single("责任单位不明".into(), "待核", None, unknown));
    }
    push_total(&mut rows, "合计".into(), units.levels.top(LevelWord::Area), parts);
    rows
}

impl<'a> VisibleMaterial<'a> {
    /// The findings that tables count.
    pub(crate) fn counted(&self) -> impl Iterator<Item = &'a Finding> {
        let units = &self.policy().units;
        let audience = self.material.audience;
        let of_office = matches!(audience, Audience::Office).then_some(&self.findings);
        let below = matches!(audience, Audience::Unit(_)).then_some(&self.material.judged.findings);
        let found = of_office.into_iter().flatten().copied().chain(below.into_iter().flatten());
        found.filter(move |finding| audience.counts(units, finding.owner))
    }
}

impl MatrixRow {
    /// The row of one unit's own figures. `alone`: what lies in the unit has rows of its own. A unit of the middle is ranked with
    /// all that lies in it, never alone.
    fn of_unit(units: &Units, id: UnitId, indent: &str, alone: bool, counts: Counts) -> MatrixRow {
        let unit = &units.units[id];
        let (after_name, after_kind) = if alone { ("（本级）", "本级") } else { ("", "") };
        let group = if unit.level.kind() == LevelKind::Middle { None } else { ranking(units, unit.level) };
        let label = format!("{indent}{}{after_name}", unit.name);
        MatrixRow::single(label, &format!("{}{after_kind}", units.levels.name(unit.level)), group, counts)
    }

    fn single(label: String, kind: &str, group: Option<Ranking>, counts: Counts) -> MatrixRow {
        MatrixRow { label, kind: kind.to_owned(), role: Role::Body, group, counts, parts: Vec::new() }
    }

    /// A total whose counts `add_up` fills in.
    fn total(label: String, kind: &str, role: Role, group: Option<Ranking>) -> MatrixRow {
        MatrixRow { role, ..MatrixRow::single(label, kind, group, Counts::default()) }
    }
}

/// Adds the total of the rows `parts`.
fn push_total(rows: &mut Vec<MatrixRow>, label: String, kind: &str, parts: Vec<usize>) {
    rows.push(MatrixRow { parts, ..MatrixRow::total(label, kind, Role::Total, None) });
    let last = rows.len() - 1;
    add_up(rows, last);
}

/// Fills in the counts of a total from its parts.
fn add_up(rows: &mut [MatrixRow], total: usize) {
    let mut counts = Counts::default();
    for part in &rows[total].parts {
        counts.merge(&rows[*part].counts);
    }
    rows[total].counts = counts;
}
