//! Building the leader's page (领导一页): figures with their change, findings by division, the largest red projects, and findings that need a
//! decision. It names units, never persons, and fits one page of A4.

use crate::domain::audience::is_named;
use crate::domain::judging::finding::{Finding, State};
use crate::domain::register::ledger::Role as FieldRole;
use crate::domain::register::levels::LevelWord;
use crate::domain::register::period::chinese_date;
use crate::domain::register::units::UnitId;
use crate::domain::rules::rule::Light;
use crate::workbook::measures::{Measure, light_heads};
use crate::workbook::model::LIGHTS;
use crate::workbook::model::{Area, Chart, ChartKind, Column, Role, Row, Series, Sheet, Value, fit_heights};
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::sheets::leader_page::declaration::{Figures, LeaderPage};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Columns of the page: one per figure.
const COLUMNS: usize = 5;
const WIDTHS: [f64; COLUMNS] = [27.0, 17.0, 17.5, 29.0, 15.0];
/// Height in points of the row below the chart, and size of the chart in pixels.
const CHART_POINTS: f64 = 248.0;
const CHART_PIXELS: (u32, u32) = (760, 326);

/// A row of the findings by city.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum DivisionRow {
    Division(UnitId),
    /// Units outside every city.
    Outside,
    Unknown,
}

/// A project with red findings.
struct RedProject<'a> {
    /// In 分.
    amount: i64,
    code: &'a str,
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
        let places = if levels.has_middle() { format!("含所辖{}，", levels.places(LevelWord::Short, "、")) } else { String::new() };
        sheet.banner(Role::Section, format!("一、{divisions}督办事项（{places}含工作单和困难问题）"));
        let chart_row = sheet.rows.len();
        sheet.rows.push(Row { role: Role::Paragraph, height: Some(CHART_POINTS), ..Row::default() });
        sheet.banner(Role::Section, format!("二、红灯项目（按投资额，最多列{}个）", page.most));
        self.add_largest_red_projects(&mut sheet, page.most);
        sheet.banner(Role::Section, format!("三、待研究决定的事项（按灯色、项目投资额，最多列{}项）", page.most / 2));
        self.add_decisions(&mut sheet, &page.decide, page.most);
        sheet.single_page = true;
        sheet.partial = true;
        self.add_notes(&mut sheet);
        sheet.printed_to = Some(sheet.rows.len() - 1);
        // the data of the chart is below the printed area
        sheet.banner(Role::Section, format!("{divisions}督办事项（以下不打印，供核对上图）"));
        self.add_divisions(&mut sheet, chart_row);
        sheet
    }

    /// The figures and their change since the previous run.
    fn add_figures(&self, sheet: &mut Sheet<'_>, figures: &[Figures]) {
        let count = |figures: &Figures| {
            let takes = |finding: &&&Finding| {
                finding.state == State::Open
                    && figures.rules.contains(&finding.rule)
                    && finding.light.is_some_and(|light| figures.lights.contains(&light))
            };
            self.visible.findings.iter().filter(takes).count()
        };
        let previous_count = |figures: &Figures| {
            let previous = self.visible.material.previous_run?;
            let rules = &self.visible.policy().rules;
            let takes = |rule: &str, light: &Option<Light>| {
                figures.rules.iter().any(|index| rules[*index].id == rule) && light.is_some_and(|light| figures.lights.contains(&light))
            };
            Some(previous.open.iter().filter(|((rule, light), _)| takes(rule, light)).map(|(_, count)| *count).sum::<usize>())
        };
        let blank = |mut cells: Vec<Value>| {
            cells.resize(COLUMNS, Value::Blank);
            cells
        };
        sheet.row(Role::Head, blank(figures.iter().map(|figures| Value::text(format!("{}（项）", figures.title))).collect()));
        let cells = blank(figures.iter().map(|figures| Value::count(count(figures))).collect());
        sheet.rows.push(Row { role: Role::Total, cells, height: Some(30.0), ..Row::default() });
        let change = |figures: &Figures| match previous_count(figures) {
            None => Value::text("无上期"),
            Some(previous) => Value::text(match count(figures) as i64 - previous as i64 {
                0 => "与上期持平".to_owned(),
                more if more > 0 => format!("比上期增加{more}项"),
                less => format!("比上期减少{}项", -less),
            }),
        };
        sheet.row(Role::Body, blank(figures.iter().map(change).collect()));
    }

    /// Open findings by division, and their chart in the row `chart_row`.
    fn add_divisions(&mut self, sheet: &mut Sheet<'_>, chart_row: usize) {
        let units = &self.visible.policy().units;
        let levels = &units.levels;
        let mut lines: BTreeMap<DivisionRow, [usize; 3]> = BTreeMap::new();
        for (id, _) in units.units.iter().enumerate().filter(|(_, unit)| levels.is_division(unit.level)) {
            lines.insert(DivisionRow::Division(id), [0; 3]);
        }
        for finding in self.visible.findings.iter().filter(|finding| finding.state == State::Open) {
            let Some(at) = finding.light.and_then(|light| LIGHTS.iter().position(|known| *known == light)) else { continue };
            let row = match finding.owner {
                Some(owner) => units.division_of(owner).map_or(DivisionRow::Outside, DivisionRow::Division),
                None => DivisionRow::Unknown,
            };
            lines.entry(row).or_default()[at] += 1;
        }
        let mut heads = vec![Value::text(levels.division(LevelWord::Name))];
        heads.extend(light_heads().map(Value::text));
        heads.push(Value::text("合计（项）"));
        sheet.row(Role::Head, heads);
        let first = sheet.rows.len();
        let mut total = [0; 3];
        for (row, counts) in &lines {
            let name = match row {
                DivisionRow::Division(division) => units.units[*division].name.as_str(),
                DivisionRow::Outside => levels.top(LevelWord::Departments),
                DivisionRow::Unknown => "责任单位待明确",
            };
            let mut cells = vec![Value::text(name)];
            for (total, count) in total.iter_mut().zip(counts) {
                *total += count;
                cells.push(Value::count(*count));
            }
            cells.push(Value::count(counts.iter().sum::<usize>()));
            sheet.row(Role::Body, cells);
        }
        let last = sheet.rows.len() - 1;
        let mut cells = vec![Value::text(levels.top(LevelWord::Area))];
        cells.extend(total.iter().map(|count| Value::count(*count)));
        cells.push(Value::count(total.iter().sum::<usize>()));
        let row = sheet.row(Role::Total, cells);
        for column in 1..COLUMNS {
            self.record_sum(row, &(first..=last).collect::<Vec<_>>(), column);
        }
        sheet.charts.push(Chart {
            kind: ChartKind::BarStacked,
            title: format!("{}督办事项（项）", levels.division(LevelWord::Each)),
            unit: "项".into(),
            row: chart_row,
            column: 0,
            size: CHART_PIXELS,
            series: (1..)
                .zip(LIGHTS)
                .map(|(column, light)| Series {
                    name: format!("{}灯", light.title()),
                    light: Some(light),
                    categories: Area { column: 0, first, last },
                    values: Area { column, first, last },
                })
                .collect(),
        });
    }

    /// Projects with a red finding, the largest first.
    fn add_largest_red_projects(&self, sheet: &mut Sheet<'_>, most: usize) {
        let policy = self.visible.policy();
        let Some(ledger) = policy.project_ledger() else { return };
        let amount_field = policy.ledgers[ledger].role(FieldRole::Amount);
        let mut projects: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
        let red = |finding: &&&Finding| finding.state == State::Open && finding.light == Some(Light::Red) && !finding.project.is_empty();
        for finding in self.visible.findings.iter().filter(red) {
            projects.entry(&*finding.project).or_default().push(finding);
        }
        let mut worst: Vec<RedProject<'_>> = projects
            .into_iter()
            .map(|(code, found)| {
                let amount = self.visible.record(ledger, code).and_then(|record| record.cell(amount_field?).money());
                RedProject { amount: amount.unwrap_or(0), code, found }
            })
            .collect();
        worst.sort_by_key(|project| (Reverse(project.amount), project.code));
        sheet.row(Role::Head, ["项目名称", "所在地", "投资额（亿元）", "红灯事项", &Measure::Longest.title()].map(Value::text).to_vec());
        let mut body = Vec::new();
        for RedProject { amount, code, found } in worst.iter().take(most) {
            let record = self.visible.record(ledger, code);
            let shape = &policy.ledgers[ledger];
            let name = record.as_deref().map_or(&*found[0].name, |record| record.text(shape.role(FieldRole::Name)));
            let place = record.as_deref().map_or("", |record| record.text(Some(shape.owner.field())));
            let mut rules: Vec<&str> = found.iter().map(|finding| policy.rules[finding.rule].title.as_str()).collect();
            rules.dedup();
            let days = found.iter().filter_map(|finding| finding.overdue_days()).max();
            let cells = vec![
                Value::text(name),
                Value::text(place),
                Value::Amount(i128::from(*amount)),
                Value::text(rules.join("、")),
                days.map_or(Value::text("-"), Value::Count),
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

    /// Open findings of these rules whose owner is outside every division, by light and then by amount of the project.
    fn add_decisions(&self, sheet: &mut Sheet<'_>, rules: &[usize], most: usize) {
        let policy = self.visible.policy();
        let is_outside = |finding: &Finding| finding.owner.is_some_and(|owner| policy.units.division_of(owner).is_none());
        let mut found: Vec<&Finding> = self
            .visible
            .findings
            .iter()
            .copied()
            .filter(|finding| finding.state == State::Open && rules.contains(&finding.rule) && is_outside(finding))
            .collect();
        let amount = |finding: &Finding| {
            let ledger = policy.project_ledger()?;
            self.visible.record(ledger, &finding.project)?.cell(policy.ledgers[ledger].role(FieldRole::Amount)?).money()
        };
        found.sort_by_cached_key(|finding| {
            (Reverse(finding.light), Reverse(amount(finding).unwrap_or(0)), Reverse(finding.overdue_days()), finding.rule, &finding.key)
        });
        // a record with findings of several rules is listed once
        let mut seen = std::collections::BTreeSet::new();
        found.retain(|finding| seen.insert((policy.rules[finding.rule].ledger, &*finding.key)));
        let more = found.len().saturating_sub(most / 2);
        found.truncate(most / 2);
        if found.is_empty() {
            sheet.banner(Role::Note, format!("没有需要{}研究决定的事项。", policy.units.levels.top(LevelWord::Grade)));
            return;
        }
        sheet.row(Role::Head, ["事项", "责任单位", "类别", "应完成日期", "已超期（天）"].map(Value::text).to_vec());
        let mut body: Vec<Row> = found
            .iter()
            .map(|finding| {
                let cells = vec![
                    Value::text(self.name_with_project(finding)),
                    Value::text(finding.unit.to_string()),
                    Value::text(policy.rules[finding.rule].title.clone()),
                    finding.due_on.map_or(Value::Blank, Value::Date),
                    finding.overdue_days().map_or(Value::Blank, Value::Count),
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
            sheet.banner(Role::Note, format!("另有{more}项，见季度督办工作簿。"));
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
