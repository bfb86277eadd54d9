//! Building the leader's page (领导一页): figures with their change and rate, the share of red projects by division, the weightiest red projects, and
//! what needs a decision, by whom. It names units, never persons, and fits one page of A4.

use crate::domain::audience::is_named;
use crate::domain::judging::finding::{Finding, ItemKey, State};
use crate::domain::judging::indicators::Window;
use crate::domain::register::ledger::Role as FieldRole;
use crate::domain::register::levels::LevelWord;
use crate::domain::register::period::chinese_date;
use crate::domain::register::record::Decimal;
use crate::domain::register::units::UnitId;
use crate::domain::rules::rule::Light;
use crate::workbook::measures::light_heads;
use crate::workbook::model::LIGHTS;
use crate::workbook::model::{Area, Chart, ChartKind, Column, Role, Row, Series, Sheet, Value, fit_heights};
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::sheets::leader_page::declaration::{Decide, Figures, FiguresRate, LeaderPage};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Columns of the page: one per figure.
const COLUMNS: usize = 5;
const WIDTHS: [f64; COLUMNS] = [30.0, 18.0, 15.0, 22.0, 21.0];
/// Height in points of the row below the chart, and size of the chart in pixels.
const CHART_POINTS: f64 = 218.0;
const CHART_PIXELS: (u32, u32) = (760, 286);

/// A row of the table by division.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum DivisionRow {
    Division(UnitId),
    /// Units outside every city.
    Outside,
    Unknown,
}

/// The numbers of a division.
#[derive(Clone, Copy, Default)]
struct DivisionCounts {
    registered: u64,
    /// Projects and other items with a red finding.
    red: usize,
    /// Findings by light, worst first.
    lights: [usize; 3],
}

/// A project with red findings.
struct RedProject<'a> {
    code: &'a str,
    /// Its weightiest red finding.
    lead: &'a Finding,
    found: Vec<&'a Finding>,
}

impl<'a> SheetBuilder<'a, '_> {
    /// The leader's page.
    pub(crate) fn leader_page(&mut self, page: &LeaderPage) -> Sheet<'a> {
        let material = self.visible.material;
        let compared = material.previous_run.map_or(String::new(), |previous| format!("　　与{}比较", chinese_date(previous.as_of)));
        let mut sheet = self.start_sheet(
            WIDTHS.map(|width| Column { width, ..Column::default() }).to_vec(),
            &format!("{}　　截至{}{compared}", material.office, chinese_date(material.as_of)),
        );
        self.add_figures(&mut sheet, &page.figures);
        let levels = &self.visible.policy().units.levels;
        let divisions = levels.division(LevelWord::Each);
        sheet.banner(Role::Section, format!("一、{divisions}红灯项目占在册项目的比重（%）"));
        let chart_row = sheet.rows.len();
        sheet.rows.push(Row { role: Role::Paragraph, height: Some(CHART_POINTS), ..Row::default() });
        sheet.banner(Role::Section, format!("二、最突出的红灯项目（按轻重，最多列{}个）", page.most));
        self.add_red_projects(&mut sheet, page.most);
        sheet.banner(Role::Section, format!("三、需要研究决定的（按轻重，最多列{}件）", page.most_decisions));
        self.add_decisions(&mut sheet, &page.decide, page.most_decisions);
        sheet.banner(Role::Note, "口径：项目按个计，一个项目的几个问题只计一个；督办事项按件计，一个问题为一件；服务事项不计。");
        sheet.single_page = true;
        sheet.partial = true;
        self.add_notes(&mut sheet);
        sheet.printed_to = Some(sheet.rows.len() - 1);
        // the data of the chart is below the printed area
        sheet.banner(Role::Section, format!("{divisions}情况（以下不打印，供核对上图）"));
        self.add_divisions(&mut sheet, chart_row);
        sheet
    }

    /// Open findings that totals count.
    fn open_findings(&self) -> impl Iterator<Item = &'a Finding> {
        let policy = self.visible.policy();
        self.visible.findings.iter().copied().filter(|finding| finding.state == State::Open && !finding.is_service(policy))
    }

    /// The figures with their change since the previous run and their rate.
    fn add_figures(&self, sheet: &mut Sheet<'_>, figures: &[Figures]) {
        let policy = self.visible.policy();
        let taken = |figures: &Figures| {
            let takes = |finding: &&Finding| {
                figures.rules.contains(&finding.rule) && finding.light.is_some_and(|light| figures.lights.contains(&light))
            };
            self.open_findings().filter(takes).collect::<Vec<&Finding>>()
        };
        // a figure of one rule counts as many projects as findings; of several it counts findings, with which the previous run is compared
        let is_of_projects = |figures: &Figures| {
            figures.rules.len() == 1 && figures.rules.iter().all(|rule| Some(policy.rules[*rule].ledger) == policy.project_ledger())
        };
        let unit = |figures: &Figures| if is_of_projects(figures) { "个" } else { "件" };
        let previous_count = |figures: &Figures| {
            let previous = self.visible.material.previous_run?;
            let takes = |rule: &str, light: &Option<Light>| {
                let is_counted = |index: &usize| policy.rules[*index].id == rule && policy.rules[*index].service.is_none();
                figures.rules.iter().any(is_counted) && light.is_some_and(|light| figures.lights.contains(&light))
            };
            Some(previous.open.iter().filter(|((rule, light), _)| takes(rule, light)).map(|(_, count)| *count).sum::<usize>())
        };
        let blank = |mut cells: Vec<Value>| {
            cells.resize(COLUMNS, Value::Blank);
            cells
        };
        sheet.row(Role::Head, blank(figures.iter().map(|one| Value::text(format!("{}（{}）", one.title, unit(one)))).collect()));
        let cells = blank(figures.iter().map(|one| Value::count(taken(one).len())).collect());
        sheet.rows.push(Row { role: Role::Total, cells, height: Some(30.0), ..Row::default() });
        let change = |one: &Figures| match previous_count(one) {
            None => Value::text("无上期"),
            Some(previous) => Value::text(match taken(one).len() as i64 - previous as i64 {
                0 => "与上期持平".to_owned(),
                more if more > 0 => format!("比上期增加{more}{}", unit(one)),
                less => format!("比上期减少{}{}", -less, unit(one)),
            }),
        };
        sheet.row(Role::Body, blank(figures.iter().map(change).collect()));
        let rates = figures.iter().map(|one| Value::text(one.rate.map_or(String::new(), |rate| self.rate_text(rate, &taken(one)))));
        sheet.row(Role::Body, blank(rates.collect()));
    }

    /// A rate in words: `开工率62.3%`.
    fn rate_text(&self, rate: FiguresRate, found: &[&Finding]) -> String {
        let indicators = self.visible.material.indicators;
        let percent = |tenths: Option<i64>| tenths.map_or("-".to_owned(), |tenths| format!("{}.{}%", tenths / 10, tenths % 10));
        let whole = indicators.whole();
        match rate {
            FiguresRate::Contracts(rate) => format!("{}{}", rate.title(), percent(rate.of(whole.signed(Window::All)).tenths())),
            FiguresRate::Share => {
                let projects: BTreeSet<&str> =
                    found.iter().map(|finding| &*finding.project).filter(|project| !project.is_empty()).collect();
                format!("涉及项目{}个，占在册{}", projects.len(), percent(tenths_of(projects.len() as u64, whole.projects)))
            }
            FiguresRate::Completed => {
                let orders = indicators.orders();
                format!("工作单办结率{}", percent(orders.share(orders.completed).tenths()))
            }
        }
    }

    /// The numbers by division, and the chart of the shares in the row `chart_row`.
    fn add_divisions(&mut self, sheet: &mut Sheet<'_>, chart_row: usize) {
        let policy = self.visible.policy();
        let units = &policy.units;
        let levels = &units.levels;
        let mut lines: BTreeMap<DivisionRow, DivisionCounts> = BTreeMap::new();
        for (id, _) in units.units.iter().enumerate().filter(|(_, unit)| levels.is_division(unit.level)) {
            let registered = self.visible.material.indicators.of_division(policy, id).projects;
            lines.insert(DivisionRow::Division(id), DivisionCounts { registered, ..DivisionCounts::default() });
        }
        let row_of = |finding: &Finding| match finding.owner {
            Some(owner) => units.division_of(owner).map_or(DivisionRow::Outside, DivisionRow::Division),
            None => DivisionRow::Unknown,
        };
        let mut red: BTreeMap<DivisionRow, BTreeSet<ItemKey>> = BTreeMap::new();
        for finding in self.open_findings() {
            let Some(at) = finding.light.and_then(|light| LIGHTS.iter().position(|known| *known == light)) else { continue };
            lines.entry(row_of(finding)).or_default().lights[at] += 1;
            if finding.light == Some(Light::Red) && !finding.project.is_empty() {
                red.entry(row_of(finding)).or_default().insert(finding.item(policy));
            }
        }
        for (row, items) in red {
            lines.entry(row).or_default().red = items.len();
        }
        let mut heads = vec![Value::text(levels.division(LevelWord::Name))];
        heads.extend(["在册项目（个）", "红灯项目（个）", "红灯项目占比（%）"].map(Value::text));
        heads.push(Value::text("督办事项（件）"));
        sheet.row(Role::Head, heads);
        let first = sheet.rows.len();
        let mut total = DivisionCounts::default();
        for (row, counts) in &lines {
            let name = match row {
                DivisionRow::Division(division) => units.units[*division].name.as_str(),
                DivisionRow::Outside => levels.top(LevelWord::Departments),
                DivisionRow::Unknown => "责任单位待明确",
            };
            total.registered += counts.registered;
            total.red += counts.red;
            (0..3).for_each(|light| total.lights[light] += counts.lights[light]);
            sheet.row(Role::Body, division_cells(name, counts));
        }
        let last = sheet.rows.len() - 1;
        let row = sheet.row(Role::Total, division_cells("合计", &total));
        for column in [1, 2, 4] {
            self.record_sum(row, &(first..=last).collect::<Vec<_>>(), column);
        }
        let note = format!("注：红灯项目按责任单位所在地计；{}。", light_note(&total.lights));
        sheet.banner(Role::Note, note);
        let divisions = lines.keys().filter(|row| matches!(row, DivisionRow::Division(_))).count();
        let shown = first + divisions.max(1) - 1;
        sheet.charts.push(Chart {
            kind: ChartKind::Bar,
            title: format!("{}红灯项目占在册项目的比重（%）", levels.division(LevelWord::Each)),
            unit: "%".into(),
            row: chart_row,
            column: 0,
            size: CHART_PIXELS,
            series: vec![Series {
                name: "红灯项目占比（%）".into(),
                light: Some(Light::Red),
                categories: Area { column: 0, first, last: shown },
                values: Area { column: 3, first, last: shown },
            }],
        });
    }

    /// Projects with a red finding, the weightiest first.
    fn add_red_projects(&self, sheet: &mut Sheet<'_>, most: usize) {
        let policy = self.visible.policy();
        let Some(ledger) = policy.project_ledger() else { return };
        let mut projects: BTreeMap<&str, Vec<&'a Finding>> = BTreeMap::new();
        for finding in self.open_findings().filter(|finding| finding.light == Some(Light::Red) && !finding.project.is_empty()) {
            projects.entry(&*finding.project).or_default().push(finding);
        }
        let weightiest =
            |found: &[&'a Finding]| found.iter().copied().max_by_key(|finding| (finding.weight(policy), Reverse(finding.rule)));
        let mut worst: Vec<RedProject<'a>> =
            projects.into_iter().filter_map(|(code, found)| Some(RedProject { code, lead: weightiest(&found)?, found })).collect();
        worst.sort_by_key(|project| (Reverse(project.lead.weight(policy)), project.code));
        sheet.row(Role::Head, ["项目名称", "所在地", "投资额（亿元）", "阶段、超期", "在等什么"].map(Value::text).to_vec());
        let mut body = Vec::new();
        for RedProject { code, lead, found } in worst.iter().take(most) {
            let record = self.visible.record(ledger, code);
            let shape = &policy.ledgers[ledger];
            let name = record.as_deref().map_or(&*lead.name, |record| record.text(shape.role(FieldRole::Name)));
            let place = record.as_deref().map_or("", |record| record.text(Some(shape.owner.field())));
            let cells = vec![
                Value::text(name),
                Value::text(place),
                lead.amount.map_or(Value::text("-"), |fen| Value::Amount(i128::from(fen))),
                Value::text(self.phase_text(lead)),
                Value::text(self.waits_for(found, lead)),
            ];
            let mut row = Row { cells, ..Row::default() };
            if found.iter().any(|finding| !is_named(finding)) {
                self.visible.mark_restricted(&mut row, Some(0));
            }
            body.push(row);
        }
        fit_heights(&mut body, &sheet.columns);
        let none = body.is_empty();
        sheet.rows.append(&mut body);
        if none {
            sheet.banner(Role::Note, "没有红灯项目。");
        } else if worst.len() > most {
            sheet.banner(Role::Note, format!("另有{}个红灯项目，见季度督办工作簿。", worst.len() - most));
        }
    }

    /// The phase that a finding is about and how late it is: `未开工，超期183天，第2个季度`.
    fn phase_text(&self, finding: &Finding) -> String {
        let policy = self.visible.policy();
        let rule = &policy.rules[finding.rule];
        let phase = rule.phase.and_then(|phase| policy.weights.phases.get(phase)).map_or(rule.title.as_str(), |phase| &phase.title);
        let late = match (finding.overdue_days(), &finding.lag) {
            (Some(days), _) => format!("，超期{days}天"),
            (None, Some(lag)) => format!("，慢{}.{}个百分点", lag.tenths() / 10, lag.tenths() % 10),
            (None, None) => String::new(),
        };
        let quarters = if finding.quarters > 1 { format!("，第{}个季度", finding.quarters) } else { String::new() };
        format!("{phase}{late}{quarters}")
    }

    /// What a project waits for: the answer of a unit, else what its cause is.
    fn waits_for(&self, found: &[&Finding], lead: &Finding) -> String {
        let units = &self.visible.policy().units.units;
        match found.iter().find_map(|finding| finding.waiting_on()) {
            Some(unit) => format!("{}答复", units[unit].name),
            None if lead.cause.is_empty() => "责任单位反馈原因".to_owned(),
            None => format!("{}（原因：{}）", self.visible.text(&lead.unit), lead.cause),
        }
    }

    /// Open findings that units outside every division have to decide, the weightiest first.
    fn add_decisions(&self, sheet: &mut Sheet<'_>, decide: &[Decide], most: usize) {
        let policy = self.visible.policy();
        let is_outside = |finding: &Finding| finding.owner.is_some_and(|owner| policy.units.division_of(owner).is_none());
        let what = |finding: &Finding| decide.iter().find(|decide| decide.rules.contains(&finding.rule)).map(|decide| decide.what.as_str());
        let mut found: Vec<&'a Finding> = self.open_findings().filter(|finding| what(finding).is_some() && is_outside(finding)).collect();
        found.sort_by_cached_key(|finding| (Reverse(finding.weight(policy)), finding.rule, finding.key.clone()));
        // a record with findings of several rules is listed once
        let mut seen = BTreeSet::new();
        found.retain(|finding| seen.insert((policy.rules[finding.rule].ledger, &*finding.key)));
        let more = found.len().saturating_sub(most);
        found.truncate(most);
        if found.is_empty() {
            sheet.banner(Role::Note, format!("没有需要{}研究决定的事项。", policy.units.levels.top(LevelWord::Grade)));
            return;
        }
        sheet.row(Role::Head, ["事项", "由谁决定", "应完成日期", "决定什么", "灯、超期"].map(Value::text).to_vec());
        let mut body: Vec<Row> = found
            .iter()
            .map(|finding| {
                let late = finding.overdue_days().map_or(String::new(), |days| format!("，超期{days}天"));
                let cells = vec![
                    Value::text(self.name_with_project(finding)),
                    Value::text(finding.unit.to_string()),
                    finding.due_on.map_or(Value::Blank, Value::Date),
                    Value::text(what(finding).unwrap_or_default()),
                    Value::text(format!("{}{late}", finding.light.map_or("", Light::title))),
                ];
                let mut row = Row { cells, ..Row::default() };
                if !is_named(finding) {
                    self.visible.mark_restricted(&mut row, Some(0));
                }
                row
            })
            .collect();
        fit_heights(&mut body, &sheet.columns);
        sheet.rows.append(&mut body);
        if more > 0 {
            sheet.banner(Role::Note, format!("另有{more}件，见季度督办工作簿。"));
        }
    }

    /// The name of a finding with place and name of its project, because the name of a difficulty or a decision alone does not tell whose it
    /// is.
    fn name_with_project(&self, finding: &Finding) -> String {
        let policy = self.visible.policy();
        let named = || {
            let ledger = policy.project_ledger().filter(|ledger| *ledger != policy.rules[finding.rule].ledger)?;
            let record = self.visible.record(ledger, &finding.project)?;
            let shape = &policy.ledgers[ledger];
            let (name, place) = (record.text(shape.role(FieldRole::Name)), record.text(Some(shape.owner.field())));
            Some(if place.is_empty() { name.to_owned() } else { format!("{place}{name}") })
        };
        named().map_or_else(|| finding.name.to_string(), |project| format!("{}（{project}）", finding.name))
    }
}

/// A share in tenths of a percent, half up; `None` where there is nothing to share.
fn tenths_of(part: u64, whole: u64) -> Option<i64> {
    (whole > 0).then(|| ((part * 2000 + whole) / (whole * 2)) as i64)
}

fn division_cells(name: &str, counts: &DivisionCounts) -> Vec<Value> {
    let share = (counts.registered > 0).then(|| tenths_of(counts.red as u64, counts.registered)).flatten();
    vec![
        Value::text(name),
        Value::count(counts.registered),
        Value::count(counts.red),
        share.map_or(Value::text("-"), |tenths| Value::Number(Decimal { mantissa: tenths, scale: 1 })),
        Value::count(counts.lights.iter().sum::<usize>()),
    ]
}

/// The findings by light in words: `●红（件）120、▲橙（件）80、■黄（件）60`.
fn light_note(lights: &[usize; 3]) -> String {
    light_heads().iter().zip(lights).map(|(head, count)| format!("{head}{count}")).collect::<Vec<_>>().join("、")
}
