//! Tables of figures, one row per place or industry, in administrative order with totals that equal their parts.

use crate::domain::judging::finding::{Finding, State};
use crate::domain::judging::indicators::{Indicators, Measures, Orders, Rate, Ratio, Window, rank};
use crate::domain::judging::roster::is_within;
use crate::domain::register::ledger::Role as FieldRole;
use crate::domain::register::period::chinese_date;
use crate::domain::register::units::{Level, UnitId};
use crate::workbook::material::Audience;
use crate::workbook::model;
use crate::workbook::model::{Role, Row, Sheet, Value, fit};
use crate::workbook::previous_run::PreviousRun;
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::sheets::matrix::declaration::{Axis, MatrixColumn, MatrixRows};
use crate::workbook::visible::VisibleMaterial;
use chrono::Datelike;
use std::collections::BTreeMap;

/// Findings on projects, counted.
#[derive(Clone, Copy, Default)]
pub(crate) struct Lights {
    lights: [u64; 3],
    exempt: u64,
    unjudged: u64,
    /// Open ones of the run before, by light.
    before: [u64; 3],
}

impl Lights {
    fn merge(&mut self, other: &Lights) {
        for (mine, theirs) in self.lights.iter_mut().zip(other.lights) {
            *mine += theirs;
        }
        for (mine, theirs) in self.before.iter_mut().zip(other.before) {
            *mine += theirs;
        }
        self.exempt += other.exempt;
        self.unjudged += other.unjudged;
    }

    fn is_empty(&self) -> bool {
        self.lights == [0; 3] && self.before == [0; 3] && self.exempt == 0 && self.unjudged == 0
    }
}

/// One row before it is printed.
struct Line {
    label: String,
    kind: String,
    role: Role,
    /// Rows of one group are ranked among each other.
    group: Option<Level>,
    measures: Measures,
    /// Of the run before.
    was: Measures,
    lights: Lights,
    orders: Orders,
    /// Rows (by index of line) it is the total of.
    parts: Vec<usize>,
}

/// The parts of a line by themselves.
#[derive(Default)]
struct Own {
    measures: Measures,
    was: Measures,
    lights: Lights,
    orders: Orders,
}

impl<'a> SheetBuilder<'a, '_> {
    pub(crate) fn matrix(&mut self, axis: Axis, window: Window, columns: &[MatrixColumn], named: &MatrixRows) -> Sheet<'a> {
        let lines = match axis {
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
        let mut rows: Vec<Row> = Vec::with_capacity(lines.len());
        let comparable = |column: MatrixColumn| self.visible.comparable(column, window);
        for line in &lines {
            let mut cells = vec![Value::text(line.label.clone()), Value::text(line.kind.clone())];
            for column in columns {
                cells.extend(match column.is_change() && !comparable(*column) {
                    true => vec![Value::Change(None)],
                    false => values(*column, line, &lines, window, stages.len()),
                });
            }
            rows.push(Row { role: line.role, cells, ..Row::default() });
        }
        let mut widths = fit(&rows, heads.len(), 30.0);
        let head = model::head(&heads, &mut widths);
        let subtitle = format!("截至{}　　{}合同项目", chinese_date(self.visible.material.as_of), window.title());
        let mut sheet = self.head(widths, &subtitle);
        let head_at = sheet.rows.len();
        sheet.rows.push(head);
        let first = sheet.rows.len();
        sheet.rows.append(&mut rows);
        sheet.freeze = Some((head_at + 1, 1));
        sheet.repeat = Some((head_at, head_at));
        self.matrix_figures(&sheet, &lines, columns, window, first);
        for (column, key) in printed(columns, stages.len()) {
            if matches!(key, MatrixColumn::Rate(_)) {
                sheet.bars.push((column, first, first + lines.len() - 2));
            }
        }
        sheet.banner(Role::Note, self.rate_notes(columns, axis));
        self.note(&mut sheet);
        sheet
    }

    fn matrix_figures(&mut self, sheet: &Sheet<'_>, lines: &[Line], columns: &[MatrixColumn], window: Window, first: usize) {
        let stages = self.visible.material.indicators.stages.len();
        let last = first + lines.len() - 1;
        for (column, key) in printed(columns, stages) {
            if sheet.rows[last].cells[column].figure().is_none() {
                continue;
            }
            if !matches!(key, MatrixColumn::Rank(_)) {
                for (index, line) in lines.iter().enumerate().filter(|(_, line)| !line.parts.is_empty()) {
                    let parts: Vec<usize> = line.parts.iter().map(|part| first + part).collect();
                    self.sum(first + index, &parts, column);
                }
            }
            // a unit's table is a part of the province's
            if let Some(name) = figure_name(key, window).filter(|_| self.visible.material.audience == Audience::Office) {
                self.total(name, last, column);
            }
        }
    }

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
        if let Some(before) = self.visible.material.previous_run.filter(|_| columns.iter().any(|column| column.is_change())) {
            let points =
                if columns.iter().any(|column| matches!(column, MatrixColumn::RateChange(_))) { "，比率按百分点" } else { "" };
            notes.push(format!("比上期为与截至{}的上一次报表相比{points}", chinese_date(before.as_of)));
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

/// Each printed column with its key; stages take several.
fn printed(columns: &[MatrixColumn], stages: usize) -> Vec<(usize, MatrixColumn)> {
    let mut out = Vec::new();
    let mut at = 2;
    for column in columns {
        let wide = if *column == MatrixColumn::Stages { stages + 1 } else { 1 };
        out.extend((at..at + wide).map(|at| (at, *column)));
        at += wide;
    }
    out
}

/// The name by which sheets share a total; `None` for figures no other sheet prints.
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

fn values(column: MatrixColumn, line: &Line, lines: &[Line], window: Window, stages: usize) -> Vec<Value> {
    use MatrixColumn as M;
    let signed = line.measures.signed(window);
    vec![match column {
        M::Stages => {
            return (0..=stages).map(|index| Value::count(line.measures.stages.get(index).copied().unwrap_or(0))).collect();
        }
        M::Projects => Value::count(line.measures.projects),
        M::Terminated => Value::count(line.measures.terminated),
        M::Contracts => Value::count(signed.contracts),
        M::ContractsTerminated => Value::count(line.measures.ended(window).contracts),
        M::Amount => Value::Amount(signed.amount),
        M::Funds => Value::Amount(signed.funds),
        M::Performed => Value::count(signed.performed),
        M::Started => Value::count(signed.started),
        M::Produced => Value::count(signed.produced),
        M::Rate(rate) => Value::Percent(rate.of(signed).tenths()),
        M::LiveRate(rate) => Value::Percent(rate.of(&line.measures.live(window)).tenths()),
        M::Rank(rate) => place_in_group(rate, line, lines, window),
        M::RateChange(rate) => Value::Points(rate.of(signed).points_since(rate.of(line.was.signed(window)))),
        M::Light(light) => Value::count(line.lights.lights[light as usize]),
        M::Open => Value::count(line.lights.lights.iter().sum::<u64>()),
        M::LightChange(light) => change(line.lights.lights[light as usize], line.lights.before[light as usize]),
        M::OpenChange => change(line.lights.lights.iter().sum(), line.lights.before.iter().sum()),
        M::Exempt => Value::count(line.lights.exempt),
        M::Unjudged => Value::count(line.lights.unjudged),
        M::OrdersDispatched => Value::count(line.orders.dispatched),
        M::OrdersReceived => Value::count(line.orders.received),
        M::OrdersCompleted => Value::count(line.orders.completed),
        M::OrdersOpen => Value::count(line.orders.open()),
    }]
}

fn change(now: u64, before: u64) -> Value {
    Value::Change(i64::try_from(now).ok().and_then(|now| now.checked_sub_unsigned(before)))
}

/// A line's rank among the lines of its group.
fn place_in_group(rate: Rate, line: &Line, lines: &[Line], window: Window) -> Value {
    let Some(group) = line.group else { return Value::Blank };
    let peers: Vec<&Line> = lines.iter().filter(|other| other.group == Some(group)).collect();
    // one alone is neither first nor last
    if peers.len() == 1 {
        return Value::text("-");
    }
    let ratios: Vec<Ratio> = peers.iter().map(|peer| rate.of(peer.measures.signed(window))).collect();
    let places = rank(&ratios);
    let own = peers.iter().position(|peer| std::ptr::eq(*peer, line)).and_then(|index| places[index]);
    own.map_or_else(|| Value::text("-"), Value::count)
}

impl VisibleMaterial<'_> {
    /// Findings on projects by what a key function says of them.
    fn lights<K: Ord>(&self, key: impl Fn(&Finding) -> K) -> BTreeMap<K, Lights> {
        let project = self.policy().project_ledger();
        let mut out: BTreeMap<K, Lights> = BTreeMap::new();
        for finding in self.counted().filter(|finding| Some(self.policy().rules[finding.rule].ledger) == project) {
            let lights = out.entry(key(finding)).or_default();
            match (finding.state, finding.light) {
                (State::Open, Some(light)) => lights.lights[light as usize] += 1,
                (State::Exempt, _) => lights.exempt += 1,
                (State::Unjudged, _) | (State::Open, None) => lights.unjudged += 1,
            }
        }
        out
    }

    /// Whether the run before says what a column compares with: of lights what units are not told is counted with the rest, so only the
    /// office compares them; of a year's contracts only within one year.
    fn comparable(&self, column: MatrixColumn, window: Window) -> bool {
        let Some(before) = self.material.previous_run else { return false };
        match column {
            MatrixColumn::RateChange(_) => {
                before.indicator_snapshot().is_some() && (window == Window::All || before.as_of.year() == self.material.as_of.year())
            }
            _ => self.material.audience == Audience::Office,
        }
    }

    fn regions(&self, with_orders: bool, named: &MatrixRows) -> Vec<Line> {
        let policy = self.policy();
        let units = &policy.units;
        let indicators = self.material.indicators;
        let mut lights = self.lights(|finding| finding.owner);
        for ((rule, unit, light), count) in self.material.previous_run.iter().flat_map(|before| &before.by_unit) {
            let of_projects = policy.rule(rule).is_some_and(|rule| Some(policy.rules[rule].ledger) == policy.project_ledger());
            if of_projects {
                lights.entry(units.find(unit)).or_default().before[*light as usize] += *count as u64;
            }
        }
        let standing = self.material.previous_run.and_then(PreviousRun::indicator_snapshot);
        let mut was = standing.map(|standing| standing.by_unit(units)).unwrap_or_default();
        let mut own = |unit: Option<UnitId>| Own {
            measures: indicators.of_unit(unit),
            was: was.remove(&unit).unwrap_or_default(),
            lights: lights.get(&unit).copied().unwrap_or_default(),
            orders: if with_orders { indicators.orders_of(unit) } else { Orders::default() },
        };
        let is_shown = |unit: UnitId, own: &Own| {
            units.units[unit].level.is_place() && units.is_there(unit)
                || !own.measures.is_empty()
                || !own.lights.is_empty()
                || own.orders != Orders::default()
        };
        let mut lines: Vec<Line> = Vec::new();
        if let Audience::Unit(above) = self.material.audience {
            // a unit sees its own places side by side, and nobody else's
            for id in (0..units.units.len()).filter(|id| is_within(units, *id, above)) {
                let own = own(Some(id));
                if is_shown(id, &own) {
                    let unit = &units.units[id];
                    let (label, kind) = match id == above && unit.level == Level::City {
                        true => (format!("{}（本级）", unit.name), "市（州）本级"),
                        false => (unit.name.clone(), unit.level.title()),
                    };
                    lines.push(Line::single(label, kind, unit.level.is_place().then_some(unit.level), own));
                }
            }
            let parts = (0..lines.len()).collect();
            lines.push(Line { parts, ..Line::total("合计".into(), &units.units[above].name, Role::Total, None) });
            let last = lines.len() - 1;
            add_up(&mut lines, last);
            return lines;
        }
        let mut tops = Vec::new();
        for (city, _) in units.units.iter().enumerate().filter(|(_, unit)| unit.level == Level::City) {
            let top = lines.len();
            tops.push(top);
            let renamed = named.titles.iter().find(|(unit, _)| *unit == city).map(|(_, title)| title.clone());
            let name = renamed.unwrap_or_else(|| units.units[city].name.clone());
            lines.push(Line::total(name, Level::City.title(), Role::Subtotal, Some(Level::City)));
            // the city's own rows first, then its places, each in the order of the register of units
            let within = (0..units.units.len()).filter(|id| *id != city && units.city_of(*id) == Some(city));
            // what stands apart takes the departments of its place along
            let (apart, within): (Vec<UnitId>, Vec<UnitId>) =
                within.partition(|id| named.apart.contains(&units.units[*id].place.unwrap_or(*id)));
            for id in std::iter::once(city).chain(within) {
                let own = own(Some(id));
                if !is_shown(id, &own) {
                    continue;
                }
                let unit = &units.units[id];
                let (label, kind) = match unit.level {
                    Level::City => (format!("　{}（本级）", unit.name), "市（州）本级"),
                    level => (format!("　{}", unit.name), level.title()),
                };
                let group = unit.level.is_place().then_some(unit.level);
                lines.push(Line::single(label, kind, group, own));
                let index = lines.len() - 1;
                lines[top].parts.push(index);
            }
            add_up(&mut lines, top);
            for id in apart {
                let own = own(Some(id));
                if is_shown(id, &own) {
                    tops.push(lines.len());
                    let level = units.units[id].level;
                    let group = level.is_place().then_some(level);
                    lines.push(Line::single(units.units[id].name.clone(), level.title(), group, own));
                }
            }
        }
        for (id, unit) in units.units.iter().enumerate().filter(|(id, _)| units.city_of(*id).is_none()) {
            let own = own(Some(id));
            if is_shown(id, &own) {
                tops.push(lines.len());
                let group = unit.level.is_place().then_some(unit.level);
                lines.push(Line::single(unit.name.clone(), unit.level.title(), group, own));
            }
        }
        let unknown = own(None);
        if !unknown.measures.is_empty() || !unknown.lights.is_empty() || unknown.orders != Orders::default() {
            tops.push(lines.len());
            lines.push(Line::single("责任单位不明".into(), "待核", None, unknown));
        }
        lines.push(Line { parts: tops, ..Line::total("合计".into(), "全省", Role::Total, None) });
        let last = lines.len() - 1;
        add_up(&mut lines, last);
        lines
    }

    fn industries(&self) -> Vec<Line> {
        let policy = self.policy();
        let indicators: &Indicators = self.material.indicators;
        let project = policy.project_ledger();
        let field = project.and_then(|project| policy.ledgers[project].role(FieldRole::Industry));
        let lights = self.lights(|finding| {
            let record = project.and_then(|project| self.record(project, &finding.project));
            record.and_then(|record| policy.units.industry(record.text(field)))
        });
        let standing = self.material.previous_run.and_then(PreviousRun::indicator_snapshot);
        let mut was = standing.map(|standing| standing.by_industry(&policy.units)).unwrap_or_default();
        let mut own = |industry: Option<usize>| Own {
            measures: indicators.of_industry(industry),
            was: was.remove(&industry).unwrap_or_default(),
            lights: lights.get(&industry).copied().unwrap_or_default(),
            orders: Orders::default(),
        };
        let mut lines: Vec<Line> = policy
            .units
            .industries
            .iter()
            .enumerate()
            // one group for all industries: the level is only its name
            .map(|(index, industry)| (index, industry, own(Some(index))))
            // one that was merged, or is yet to come, has no row of its own unless something stands in it
            .filter(|(index, _, own)| policy.units.has_industry(*index) || !own.measures.is_empty() || !own.lights.is_empty())
            .map(|(_, industry, own)| Line::single(industry.name.clone(), &industry.group, Some(Level::Department), own))
            .collect();
        lines.push(Line::single("未归类".into(), "其他产业", None, own(None)));
        let parts = (0..lines.len()).collect();
        lines.push(Line { parts, ..Line::total("合计".into(), "全省", Role::Total, None) });
        let last = lines.len() - 1;
        add_up(&mut lines, last);
        lines
    }
}

impl<'a> VisibleMaterial<'a> {
    /// The findings that tables count. A unit's are those within its bounds, also those of which it sees no names: a number is the same on
    /// whosever table it stands.
    pub(crate) fn counted(&self) -> impl Iterator<Item = &'a Finding> {
        let units = &self.policy().units;
        let audience = self.material.audience;
        let of_office = matches!(audience, Audience::Office).then_some(&self.findings);
        let below = matches!(audience, Audience::Unit(_)).then_some(&self.material.judged.findings);
        let within = move |finding: &&Finding| match audience {
            Audience::Unit(unit) => finding.owner.is_some_and(|owner| is_within(units, owner, unit)),
            Audience::Office => true,
        };
        of_office.into_iter().flatten().copied().chain(below.into_iter().flatten()).filter(within)
    }
}

impl Line {
    fn single(label: String, kind: &str, group: Option<Level>, own: Own) -> Line {
        let Own { measures, was, lights, orders } = own;
        Line { label, kind: kind.to_owned(), role: Role::Body, group, measures, was, lights, orders, parts: Vec::new() }
    }

    fn total(label: String, kind: &str, role: Role, group: Option<Level>) -> Line {
        Line { role, ..Line::single(label, kind, group, Own::default()) }
    }
}

/// Fills a total from its parts.
fn add_up(lines: &mut [Line], total: usize) {
    let (mut measures, mut was, mut lights, mut orders) = <(Measures, Measures, Lights, Orders)>::default();
    for part in &lines[total].parts {
        measures.merge(&lines[*part].measures);
        was.merge(&lines[*part].was);
        lights.merge(&lines[*part].lights);
        orders.merge(&lines[*part].orders);
    }
    let line = &mut lines[total];
    (line.measures, line.was, line.lights, line.orders) = (measures, was, lights, orders);
}
