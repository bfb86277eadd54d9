//! Tables of figures, one row per place or industry, in administrative order with totals that equal their parts.

use crate::domain::audience::Audience;
use crate::domain::judging::finding::{Finding, State};
use crate::domain::judging::indicators::{Indicators, Measures, Orders, Rate, Ratio, Window, rank};
use crate::domain::register::ledger::Role as FieldRole;
use crate::domain::register::period::chinese_date;
use crate::domain::register::units::{Level, UnitId, Units};
use crate::workbook::model;
use crate::workbook::model::{Area, Role, Row, Sheet, Value, fit};
use crate::workbook::previous_run::PreviousRun;
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::sheets::matrix::declaration::{Axis, Matrix, MatrixColumn, MatrixRows};
use crate::workbook::visible::VisibleMaterial;
use chrono::Datelike;
use std::collections::BTreeMap;

/// Findings on projects, counted by state and light.
#[derive(Clone, Copy, Default)]
struct FindingCounts {
    /// Open findings by light.
    open: [u64; 3],
    exempt: u64,
    unjudged: u64,
    /// Open findings of the previous run by light.
    previous_open: [u64; 3],
}

impl FindingCounts {
    fn merge(&mut self, other: &FindingCounts) {
        for (mine, theirs) in self.open.iter_mut().zip(other.open) {
            *mine += theirs;
        }
        for (mine, theirs) in self.previous_open.iter_mut().zip(other.previous_open) {
            *mine += theirs;
        }
        self.exempt += other.exempt;
        self.unjudged += other.unjudged;
    }

    fn is_empty(&self) -> bool {
        self.open == [0; 3] && self.previous_open == [0; 3] && self.exempt == 0 && self.unjudged == 0
    }
}

/// What the cells of a row are computed from.
#[derive(Default)]
struct RowFigures {
    measures: Measures,
    /// Measures of the previous run.
    previous: Measures,
    findings: FindingCounts,
    orders: Orders,
}

impl RowFigures {
    fn merge(&mut self, other: &RowFigures) {
        self.measures.merge(&other.measures);
        self.previous.merge(&other.previous);
        self.findings.merge(&other.findings);
        self.orders.merge(&other.orders);
    }

    /// Whether this run counts nothing in the row.
    fn is_empty(&self) -> bool {
        self.measures.is_empty() && self.findings.is_empty() && self.orders == Orders::default()
    }
}

/// One row before it is printed.
struct MatrixRow {
    label: String,
    kind: String,
    role: Role,
    /// Rows of the same group are ranked among each other; `None` = not ranked.
    group: Option<Level>,
    figures: RowFigures,
    /// Indices of the rows it is the total of.
    parts: Vec<usize>,
}

impl<'a> SheetBuilder<'a, '_> {
    /// A table of figures by place or industry.
    pub(crate) fn matrix(&mut self, matrix: &Matrix) -> Sheet<'a> {
        let Matrix { axis, window, columns, rows: named } = matrix;
        let (axis, window) = (*axis, *window);
        let matrix_rows = match axis {
            Axis::Region => self.visible.regions(columns.iter().any(|column| column.is_of_orders()), named),
            Axis::Industry => self.visible.industries(),
        };
        let stages = &self.visible.material.indicators.stages;
        let mut heads: Vec<String> = match axis {
            Axis::Region => vec!["地区".into(), "类别".into()],
            Axis::Industry => vec!["产业".into(), "门类".into()],
        };
        for column in columns {
            match column {
                MatrixColumn::Stages => heads.extend(stages.iter().cloned().chain(["其他阶段".into()])),
                column => heads.push(column.title()),
            }
        }
        let mut body: Vec<Row> = Vec::with_capacity(matrix_rows.len());
        let is_comparable = |column: MatrixColumn| self.visible.is_comparable(column, window);
        for row in &matrix_rows {
            let mut cells = vec![Value::text(row.label.clone()), Value::text(row.kind.clone())];
            for column in columns {
                cells.extend(match column.is_change() && !is_comparable(*column) {
                    true => vec![Value::Change(None)],
                    false => cells_of(*column, row, &matrix_rows, window, stages.len()),
                });
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
            if matches!(key, MatrixColumn::Rate(_)) {
                sheet.bars.push(Area { column, first, last: first + matrix_rows.len() - 2 });
            }
        }
        sheet.banner(Role::Note, self.rate_notes(columns, axis));
        self.add_notes(&mut sheet);
        sheet
    }

    /// Records the sums and totals of the table that begins at row `first`, for the balance check.
    fn record_matrix_figures(
        &mut self,
        sheet: &Sheet<'_>,
        matrix_rows: &[MatrixRow],
        columns: &[MatrixColumn],
        window: Window,
        first: usize,
    ) {
        let stages = self.visible.material.indicators.stages.len();
        let last = first + matrix_rows.len() - 1;
        for (column, key) in printed_columns(columns, stages) {
            if sheet.rows[last].cells[column].figure().is_none() {
                continue;
            }
            if !matches!(key, MatrixColumn::Rank(_)) {
                for (index, row) in matrix_rows.iter().enumerate().filter(|(_, row)| !row.parts.is_empty()) {
                    let parts: Vec<usize> = row.parts.iter().map(|part| first + part).collect();
                    self.record_sum(first + index, &parts, column);
                }
            }
            // the totals of a unit's table are printed nowhere else
            if let Some(name) = figure_name(key, window).filter(|_| self.visible.material.audience == Audience::Office) {
                self.record_total(name, last, column);
            }
        }
    }

    /// The note below the table: how rates, changes and ranks are computed.
    fn rate_notes(&self, columns: &[MatrixColumn], axis: Axis) -> String {
        let mut rates: Vec<Rate> = Vec::new();
        let mut ranked = false;
        for column in columns {
            match column {
                MatrixColumn::Rate(rate) | MatrixColumn::LiveRate(rate) if !rates.contains(rate) => rates.push(*rate),
                MatrixColumn::Rank(_) => ranked = true,
                _ => {}
            }
        }
        let mut notes: Vec<String> = rates.iter().map(|rate| format!("{}＝{}", rate.title(), rate.meaning())).collect();
        notes.push("分母为0的以“-”表示，合同终止的项目计入分母（“剔除终止”列除外）".into());
        if let Some(previous) = self.visible.material.previous_run.filter(|_| columns.iter().any(|column| column.is_change())) {
            let points =
                if columns.iter().any(|column| matches!(column, MatrixColumn::RateChange(_))) { "，比率按百分点" } else { "" };
            notes.push(format!("比上期为与截至{}的上一次报表相比{points}", chinese_date(previous.as_of)));
        }
        if ranked {
            let within = if self.visible.material.audience == Audience::Office { "" } else { "本表所列" };
            notes.push(format!(
                "排名分别在{within}市（州）、县（市、区）、平台（产业表为各产业）范围内进行，并列的名次相同，只有一个的不排名"
            ));
        }
        if columns.iter().any(|column| matches!(column, MatrixColumn::Light(_) | MatrixColumn::Open)) {
            notes.push("红、橙、黄为项目类督办事项，不含工作单、困难问题等".into());
        }
        if axis == Axis::Region {
            notes.push("每个项目只归一个责任单位，平台的项目不再计入所在县".into());
        }
        format!("注：{}。", notes.join("；"))
    }
}

/// Each printed column with its index; stages take several. The first two columns are label and kind.
fn printed_columns(columns: &[MatrixColumn], stages: usize) -> Vec<(usize, MatrixColumn)> {
    let mut out = Vec::new();
    let mut at = 2;
    for column in columns {
        let wide = if *column == MatrixColumn::Stages { stages + 1 } else { 1 };
        out.extend((at..at + wide).map(|at| (at, *column)));
        at += wide;
    }
    out
}

/// The name of a total that several sheets print; `None` if no other sheet prints it.
pub(crate) fn figure_name(column: MatrixColumn, window: Window) -> Option<String> {
    use MatrixColumn as M;
    let window = window as usize;
    Some(match column {
        M::Projects => "projects".into(),
        M::Terminated => "terminated".into(),
        M::Contracts => format!("contracts/{window}"),
        M::ContractsTerminated => format!("contracts-terminated/{window}"),
        M::Amount => format!("amount/{window}"),
        M::Funds => format!("funds/{window}"),
        M::Performed => format!("performed/{window}"),
        M::Started => format!("started/{window}"),
        M::Produced => format!("produced/{window}"),
        M::Light(light) => format!("light/{}", light.code()),
        M::Open => "open".into(),
        M::LightChange(_) | M::OpenChange | M::RateChange(_) => return None,
        M::Exempt => "exempt".into(),
        M::Unjudged => "unjudged".into(),
        M::OrdersDispatched | M::OrdersReceived | M::OrdersCompleted | M::OrdersOpen => return None,
        M::Stages | M::Rate(_) | M::LiveRate(_) | M::Rank(_) => return None,
    })
}

/// The cells of a column in one row; stages take several.
fn cells_of(column: MatrixColumn, row: &MatrixRow, matrix_rows: &[MatrixRow], window: Window, stages: usize) -> Vec<Value> {
    use MatrixColumn as M;
    let signed = row.figures.measures.signed(window);
    vec![match column {
        M::Stages => {
            return (0..=stages).map(|index| Value::count(row.figures.measures.stages.get(index).copied().unwrap_or(0))).collect();
        }
        M::Projects => Value::count(row.figures.measures.projects),
        M::Terminated => Value::count(row.figures.measures.terminated),
        M::Contracts => Value::count(signed.contracts),
        M::ContractsTerminated => Value::count(row.figures.measures.ended(window).contracts),
        M::Amount => Value::Amount(signed.amount),
        M::Funds => Value::Amount(signed.funds),
        M::Performed => Value::count(signed.performed),
        M::Started => Value::count(signed.started),
        M::Produced => Value::count(signed.produced),
        M::Rate(rate) => Value::Percent(rate.of(signed).tenths()),
        M::LiveRate(rate) => Value::Percent(rate.of(&row.figures.measures.live(window)).tenths()),
        M::Rank(rate) => rank_in_group(rate, row, matrix_rows, window),
        M::RateChange(rate) => Value::Points(rate.of(signed).points_since(rate.of(row.figures.previous.signed(window)))),
        M::Light(light) => Value::count(row.figures.findings.open[light as usize]),
        M::Open => Value::count(row.figures.findings.open.iter().sum::<u64>()),
        M::LightChange(light) => change(row.figures.findings.open[light as usize], row.figures.findings.previous_open[light as usize]),
        M::OpenChange => change(row.figures.findings.open.iter().sum(), row.figures.findings.previous_open.iter().sum()),
        M::Exempt => Value::count(row.figures.findings.exempt),
        M::Unjudged => Value::count(row.figures.findings.unjudged),
        M::OrdersDispatched => Value::count(row.figures.orders.dispatched),
        M::OrdersReceived => Value::count(row.figures.orders.received),
        M::OrdersCompleted => Value::count(row.figures.orders.completed),
        M::OrdersOpen => Value::count(row.figures.orders.open()),
    }]
}

fn change(now: u64, previous: u64) -> Value {
    Value::Change(i64::try_from(now).ok().and_then(|now| now.checked_sub_unsigned(previous)))
}

/// A row's rank among the rows of its group.
fn rank_in_group(rate: Rate, row: &MatrixRow, matrix_rows: &[MatrixRow], window: Window) -> Value {
    let Some(group) = row.group else { return Value::Blank };
    let peers: Vec<&MatrixRow> = matrix_rows.iter().filter(|other| other.group == Some(group)).collect();
    // a group of one has no rank
    if peers.len() == 1 {
        return Value::text("-");
    }
    let ratios: Vec<Ratio> = peers.iter().map(|peer| rate.of(peer.figures.measures.signed(window))).collect();
    let places = rank(&ratios);
    let own = peers.iter().position(|peer| std::ptr::eq(*peer, row)).and_then(|index| places[index]);
    own.map_or_else(|| Value::text("-"), Value::count)
}

impl VisibleMaterial<'_> {
    /// Counts the findings on projects by a key.
    fn finding_counts<K: Ord>(&self, key: impl Fn(&Finding) -> K) -> BTreeMap<K, FindingCounts> {
        let project = self.policy().project_ledger();
        let mut out: BTreeMap<K, FindingCounts> = BTreeMap::new();
        for finding in self.counted().filter(|finding| Some(self.policy().rules[finding.rule].ledger) == project) {
            let counts = out.entry(key(finding)).or_default();
            match (finding.state, finding.light) {
                (State::Open, Some(light)) => counts.open[light as usize] += 1,
                (State::Exempt, _) => counts.exempt += 1,
                (State::Unjudged, _) | (State::Open, None) => counts.unjudged += 1,
            }
        }
        out
    }

    /// Whether the previous run has the numbers that a column compares with. Contracts of a year are compared within the same year only.
    fn is_comparable(&self, column: MatrixColumn, window: Window) -> bool {
        let Some(previous) = self.material.previous_run else { return false };
        match column {
            MatrixColumn::RateChange(_) => {
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
            let is_on_project = policy.rule(rule).is_some_and(|rule| Some(policy.rules[rule].ledger) == policy.project_ledger());
            if is_on_project {
                counts.entry(units.find(unit)).or_default().previous_open[*light as usize] += *count as u64;
            }
        }
        let snapshot = self.material.previous_run.and_then(PreviousRun::indicator_snapshot);
        let mut previous = snapshot.map(|snapshot| snapshot.by_unit(units)).unwrap_or_default();
        let mut figures = |unit: Option<UnitId>| RowFigures {
            measures: indicators.of_unit(unit),
            previous: previous.remove(&unit).unwrap_or_default(),
            findings: counts.get(&unit).copied().unwrap_or_default(),
            orders: if with_orders { indicators.orders_of(unit) } else { Orders::default() },
        };
        match self.material.audience {
            Audience::Unit(unit) => unit_rows(units, unit, &mut figures),
            Audience::Office => office_rows(units, named, &mut figures),
        }
    }

    /// The rows of a matrix by industry.
    fn industries(&self) -> Vec<MatrixRow> {
        let policy = self.policy();
        let indicators: &Indicators = self.material.indicators;
        let project = policy.project_ledger();
        let field = project.and_then(|project| policy.ledgers[project].role(FieldRole::Industry));
        let counts = self.finding_counts(|finding| {
            let record = project.and_then(|project| self.record(project, &finding.project));
            record.and_then(|record| policy.units.industry(record.text(field)))
        });
        let snapshot = self.material.previous_run.and_then(PreviousRun::indicator_snapshot);
        let mut previous = snapshot.map(|snapshot| snapshot.by_industry(&policy.units)).unwrap_or_default();
        let mut figures = |industry: Option<usize>| RowFigures {
            measures: indicators.of_industry(industry),
            previous: previous.remove(&industry).unwrap_or_default(),
            findings: counts.get(&industry).copied().unwrap_or_default(),
            orders: Orders::default(),
        };
        let mut rows: Vec<MatrixRow> = policy
            .units
            .industries
            .iter()
            .enumerate()
            .map(|(index, industry)| (index, industry, figures(Some(index))))
            // an industry that was merged, or is not yet introduced, has a row only if something is counted in it
            .filter(|(index, _, figures)| policy.units.has_industry(*index) || !figures.is_empty())
            // all industries are ranked among each other: any level serves as the name of their group
            .map(|(_, industry, figures)| MatrixRow::single(industry.name.clone(), &industry.group, Some(Level::Department), figures))
            .collect();
        rows.push(MatrixRow::single("未归类".into(), "其他产业", None, figures(None)));
        let parts = (0..rows.len()).collect();
        push_total(&mut rows, "合计".into(), "全省", parts);
        rows
    }
}

/// Whether a unit has a row: an active place always, another unit if something is counted for it.
fn has_row(units: &Units, unit: UnitId, figures: &RowFigures) -> bool {
    units.units[unit].level.is_place() && units.is_active(unit) || !figures.is_empty()
}

/// The rows of a unit's workbook: its own places side by side, and no others.
fn unit_rows(units: &Units, unit: UnitId, figures: &mut dyn FnMut(Option<UnitId>) -> RowFigures) -> Vec<MatrixRow> {
    let mut rows: Vec<MatrixRow> = Vec::new();
    for id in (0..units.units.len()).filter(|id| units.is_within(*id, unit)) {
        let figures = figures(Some(id));
        if has_row(units, id, &figures) {
            let own = &units.units[id];
            let (label, kind) = match id == unit && own.level == Level::City {
                true => (format!("{}（本级）", own.name), "市（州）本级"),
                false => (own.name.clone(), own.level.title()),
            };
            rows.push(MatrixRow::single(label, kind, own.level.is_place().then_some(own.level), figures));
        }
    }
    let parts = (0..rows.len()).collect();
    push_total(&mut rows, "合计".into(), &units.units[unit].name, parts);
    rows
}

/// The rows of the whole province: each city with its own row and those of its places, platforms that are named apart, units outside every
/// city, and records without a known unit.
fn office_rows(units: &Units, named: &MatrixRows, figures: &mut dyn FnMut(Option<UnitId>) -> RowFigures) -> Vec<MatrixRow> {
    let mut rows: Vec<MatrixRow> = Vec::new();
    let mut parts = Vec::new();
    let single = |label: String, level: Level, figures: RowFigures| {
        MatrixRow::single(label, level.title(), level.is_place().then_some(level), figures)
    };
    for (city, _) in units.units.iter().enumerate().filter(|(_, unit)| unit.level == Level::City) {
        let city_row = rows.len();
        parts.push(city_row);
        let renamed = named.titles.iter().find(|(unit, _)| *unit == city).map(|(_, title)| title.clone());
        let name = renamed.unwrap_or_else(|| units.units[city].name.clone());
        rows.push(MatrixRow::total(name, Level::City.title(), Role::Subtotal, Some(Level::City)));
        let within = (0..units.units.len()).filter(|id| *id != city && units.city_of(*id) == Some(city));
        // a platform that is named apart takes its departments along
        let (apart, within): (Vec<UnitId>, Vec<UnitId>) =
            within.partition(|id| named.apart.contains(&units.units[*id].place.unwrap_or(*id)));
        // the city's own row first, then its places in the order of the register of units
        for id in std::iter::once(city).chain(within) {
            let figures = figures(Some(id));
            if !has_row(units, id, &figures) {
                continue;
            }
            let unit = &units.units[id];
            let (label, kind) = match unit.level {
                Level::City => (format!("　{}（本级）", unit.name), "市（州）本级"),
                level => (format!("　{}", unit.name), level.title()),
            };
            let index = rows.len();
            rows.push(MatrixRow::single(label, kind, unit.level.is_place().then_some(unit.level), figures));
            rows[city_row].parts.push(index);
        }
        add_up(&mut rows, city_row);
        for id in apart {
            let figures = figures(Some(id));
            if has_row(units, id, &figures) {
                parts.push(rows.len());
                rows.push(single(units.units[id].name.clone(), units.units[id].level, figures));
            }
        }
    }
    for (id, unit) in units.units.iter().enumerate().filter(|(id, _)| units.city_of(*id).is_none()) {
        let figures = figures(Some(id));
        if has_row(units, id, &figures) {
            parts.push(rows.len());
            rows.push(single(unit.name.clone(), unit.level, figures));
        }
    }
    let unknown = figures(None);
    if !unknown.is_empty() {
        parts.push(rows.len());
        rows.push(MatrixRow::single("责任单位不明".into(), "待核", None, unknown));
    }
    push_total(&mut rows, "合计".into(), "全省", parts);
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
    fn single(label: String, kind: &str, group: Option<Level>, figures: RowFigures) -> MatrixRow {
        MatrixRow { label, kind: kind.to_owned(), role: Role::Body, group, figures, parts: Vec::new() }
    }

    /// A total whose figures `add_up` fills in.
    fn total(label: String, kind: &str, role: Role, group: Option<Level>) -> MatrixRow {
        MatrixRow { role, ..MatrixRow::single(label, kind, group, RowFigures::default()) }
    }
}

/// Adds the total of the rows `parts`.
fn push_total(rows: &mut Vec<MatrixRow>, label: String, kind: &str, parts: Vec<usize>) {
    rows.push(MatrixRow { parts, ..MatrixRow::total(label, kind, Role::Total, None) });
    let last = rows.len() - 1;
    add_up(rows, last);
}

/// Fills in the figures of a total from its parts.
fn add_up(rows: &mut [MatrixRow], total: usize) {
    let mut figures = RowFigures::default();
    for part in &rows[total].parts {
        figures.merge(&rows[*part].figures);
    }
    rows[total].figures = figures;
}
