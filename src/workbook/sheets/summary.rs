//! Building the summary: key figures, rates with numerator and denominator, findings by rule and light, indicators of earlier runs, charts.

use crate::domain::judging::finding::{Finding, State};
use crate::domain::judging::indicators::{Measures, Rate, Window};
use crate::domain::problem::ProblemsAt;
use crate::domain::register::period::chinese_date;
use crate::domain::rules::rule::Light;
use crate::domain::rules::sentence::clause;
use crate::workbook::measures::{Measure, light_heads};
use crate::workbook::model::{Area, Chart, ChartKind, Role, Series, Sheet, Value};
use crate::workbook::model::{LIGHTS, grid};
use crate::workbook::named::NamedRecords;
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::sheets::kind::Kind;
use crate::workbook::sheets::references::References;
use crate::workbook::visible::VisibleMaterial;
use chrono::NaiveDate;
use serde::Deserialize;
use std::collections::BTreeSet;

/// Rows of the usual height below the upper chart.
const CHART_ROWS: usize = 28;

/// The first and the last row of a part of a table, which a chart draws.
#[derive(Clone, Copy)]
struct ChartRows {
    first: usize,
    last: usize,
}

impl ChartRows {
    fn area(self, column: usize) -> Area {
        Area { column, first: self.first, last: self.last }
    }
}

/// What a template declares of a summary.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Adds charts.
    #[serde(default = "yes")]
    chart: bool,
}

fn yes() -> bool {
    true
}

impl Kind for Summary {
    type Keys = Summary;

    fn check(keys: Summary, _: &References<'_>, _: &mut ProblemsAt<'_>) -> Option<Summary> {
        Some(keys)
    }

    fn build<'a>(&self, builder: &mut SheetBuilder<'a, '_>) -> Vec<Sheet<'a>> {
        vec![builder.summary(self.chart)]
    }

    fn ledgers(&self, visible: &VisibleMaterial<'_>) -> BTreeSet<usize> {
        (0..visible.policy().ledgers.len()).collect()
    }

    fn names(&self, _: &VisibleMaterial<'_>) -> NamedRecords {
        NamedRecords::new()
    }
}

const WINDOWS: [Window; 2] = [Window::All, Window::Year];

impl<'a> SheetBuilder<'a, '_> {
    /// The summary.
    fn summary(&mut self, chart: bool) -> Sheet<'a> {
        let subtitle = format!("截至{}", chinese_date(self.visible.material.as_of));
        let mut columns = grid(26.0, 11.5, 9);
        // wider columns for clauses, the longest head, and names of sheets
        (columns[1].width, columns[7].width, columns[8].width) = (14.5, 15.0, 21.0);
        let mut sheet = self.start_sheet(columns, &subtitle);
        sheet.banner(Role::Paragraph, self.overview_text());
        sheet.banner(Role::Section, "一、主要指标");
        let stages = self.add_amounts(&mut sheet);
        sheet.banner(Role::Section, "二、主要比率");
        self.add_rates(&mut sheet);
        sheet.banner(Role::Section, "三、督办事项");
        let (project_rules, total) = self.add_findings(&mut sheet);
        sheet.banner(
            Role::Note,
            "注：红、橙、黄为应办事项；豁免的照常列示、不督办；无法判定的是缺少判定所需的日期或进度，不等于正常；“-”为台账尚未报送或缺少判定所需的栏，未作判定；服务事项只供上门服务，不计入合计。一个项目可有多件。",
        );
        let runs = self.add_earlier_runs(&mut sheet, total);
        self.add_notes(&mut sheet);
        if chart {
            // the charts are on a page of their own
            sheet.breaks.push(sheet.rows.len() as u32);
            sheet.banner(Role::Section, format!("{}、图示", if runs.is_some() { "五" } else { "四" }));
            self.add_charts(&mut sheet, stages, project_rules, runs);
        }
        sheet
    }

    /// Charts of the project rules' lights, of the stages of contracts, and of the lights over the runs.
    fn add_charts(&self, sheet: &mut Sheet<'_>, stages: ChartRows, project_rules: ChartRows, runs: Option<ChartRows>) {
        let lights = |rows: ChartRows, first_column: usize| {
            LIGHTS.iter().enumerate().map(move |(index, light)| Series {
                name: format!("{}灯", light.title()),
                light: Some(*light),
                categories: rows.area(0),
                values: rows.area(first_column + index),
            })
        };
        let row = sheet.rows.len() + 1;
        if project_rules.last > project_rules.first {
            sheet.charts.push(Chart {
                kind: ChartKind::BarStacked,
                title: "项目类督办事项（件）".into(),
                unit: "件".into(),
                row,
                column: 0,
                size: (960, 540),
                series: lights(project_rules, 2).collect(),
            });
        }
        let row = row + CHART_ROWS;
        sheet.charts.push(Chart {
            kind: ChartKind::Bar,
            title: "合同项目落地情况（累计签约，个）".into(),
            unit: "个".into(),
            row,
            column: 0,
            size: if runs.is_some() { (465, 340) } else { (960, 340) },
            series: vec![Series { name: "合同项目（个）".into(), light: None, categories: stages.area(0), values: stages.area(1) }],
        });
        if let Some(runs) = runs {
            sheet.charts.push(Chart {
                kind: ChartKind::ColumnStacked,
                title: "各期督办事项（件）".into(),
                unit: "件".into(),
                row,
                column: 4,
                size: (485, 340),
                series: lights(runs, 5).collect(),
            });
        }
    }

    /// Indicators of earlier runs, oldest first, and of this run; `total` is the row with the totals of findings. Returns their
    /// rows; `None` without earlier runs.
    fn add_earlier_runs(&mut self, sheet: &mut Sheet<'_>, total: usize) -> Option<ChartRows> {
        let material = self.visible.material;
        let earlier = &material.previous_run?.indicator_snapshots;
        if earlier.is_empty() {
            return None;
        }
        sheet.banner(Role::Section, "四、各期变化");
        let rates = [Rate::Performed, Rate::Started, Rate::Produced, Rate::Funds];
        let mut heads = vec![Value::text("截至")];
        heads.extend(rates.iter().map(|rate| Value::text(rate.title())));
        heads.extend(light_heads().into_iter().chain(["小计（件）".to_owned()]).map(Value::text));
        sheet.row(Role::Head, heads);
        let first = sheet.rows.len();
        let line = |day: NaiveDate, measures: &Measures, lights: [i128; 3]| {
            let mut cells = vec![Value::text(chinese_date(day))];
            cells.extend(rates.iter().map(|rate| Value::Percent(rate.of(measures.signed(Window::All)).tenths())));
            cells.extend(lights.iter().chain([&lights.iter().sum()]).map(|count| Value::count(*count)));
            cells
        };
        for (day, snapshot) in earlier.iter().rev() {
            let lights = LIGHTS.map(|light| i128::from(snapshot.lights[light as usize]));
            sheet.row(Role::Body, line(*day, &snapshot.whole(), lights));
        }
        let now = [2, 3, 4].map(|column| sheet.rows[total].cells[column].figure().unwrap_or(0));
        let last = sheet.row(Role::Body, line(material.as_of, &material.indicators.whole(), now));
        for (column, of) in (5..=8).zip(2..=5) {
            self.record_total(format!("all/{of}"), total, of);
            self.record_total(format!("all/{of}"), last, column);
        }
        sheet.banner(Role::Note, "注：比率按累计签约的合同项目计算，各期以当期报表为准。");
        Some(ChartRows { first, last })
    }

    /// The key figures in one paragraph.
    fn overview_text(&self) -> String {
        let material = self.visible.material;
        let measures = material.indicators.whole();
        let orders = material.indicators.orders();
        let stages: Vec<String> = material
            .indicators
            .stages
            .iter()
            .map(String::as_str)
            .chain(["其他"])
            .zip(&measures.stages)
            .filter(|(_, count)| **count > 0)
            .map(|(word, count)| format!("{word}{count}个"))
            .collect();
        let stages = if stages.is_empty() { String::new() } else { format!("（按台账所填阶段：{}）", stages.join("、")) };
        let open = self.visible.findings.iter().copied().filter(|finding| finding.state == State::Open);
        let (services, open): (Vec<&Finding>, Vec<&Finding>) = open.partition(|finding| finding.is_service(self.visible.policy()));
        let services = if services.is_empty() { String::new() } else { format!("另有服务事项{}件。", services.len()) };
        let projects: BTreeSet<&str> = open.iter().filter(|finding| !finding.project.is_empty()).map(|finding| &*finding.project).collect();
        format!(
            "在册项目{}个{stages}，按终止时间或阶段已终止{}个。督办事项{}件，涉及项目{}个。{services}工作单派发{}件，签收{}件，办结{}件，未办结{}件。",
            measures.projects,
            measures.terminated,
            open.len(),
            projects.len(),
            orders.dispatched,
            orders.received,
            orders.completed,
            orders.open(),
        )
    }

    /// Contracts and amounts of all years and of this year. Returns the rows of the stages that contracts pass.
    fn add_amounts(&mut self, sheet: &mut Sheet<'_>) -> ChartRows {
        sheet.row(
            Role::Head,
            ["指标", "累计签约", "其中终止", "剔除终止", "本年签约", "其中终止", "剔除终止"].map(Value::text).into_iter().collect(),
        );
        let measures = self.visible.material.indicators.whole();
        let lines = [Measure::Contracts, Measure::Performed, Measure::Started, Measure::Produced, Measure::Amount, Measure::Funds];
        let first = sheet.rows.len();
        for measure in lines {
            let mut cells = vec![Value::text(measure.title())];
            for window in WINDOWS {
                cells.extend([measures.signed(window), measures.ended(window), &measures.live(window)].map(|of| measure.of_contracts(of)));
            }
            let row = sheet.row(Role::Body, cells);
            for (index, window) in WINDOWS.into_iter().enumerate() {
                if let Some(name) = measure.total_name(window) {
                    self.record_total(name, row, 1 + index * 3);
                }
                if measure == Measure::Contracts
                    && let Some(name) = Measure::ContractsTerminated.total_name(window)
                {
                    self.record_total(name, row, 2 + index * 3);
                }
            }
        }
        sheet.banner(Role::Note, "注：只有“合同”算签约；本年指签约时间在本年的合同项目；到位资金只计填有合同投资额的项目。");
        ChartRows { first, last: first + 3 }
    }

    /// Rates with numerator and denominator.
    fn add_rates(&mut self, sheet: &mut Sheet<'_>) {
        sheet.row(
            Role::Head,
            ["比率", "累计签约", "分子", "分母", "剔除终止后", "本年签约", "分子", "分母", "剔除终止后"]
                .map(Value::text)
                .into_iter()
                .collect(),
        );
        let measures = self.visible.material.indicators.whole();
        for rate in Rate::ALL {
            let mut cells = vec![Value::text(rate.title())];
            for window in WINDOWS {
                let ratio = rate.of(measures.signed(window));
                let part = |value: i128| if rate == Rate::Funds { Value::Amount(value) } else { Value::count(value) };
                cells.extend([
                    Value::Percent(ratio.tenths()),
                    part(ratio.numerator),
                    part(ratio.denominator),
                    Value::Percent(rate.of(&measures.live(window)).tenths()),
                ]);
            }
            sheet.row(Role::Body, cells);
        }
        let meanings = Rate::ALL.map(|rate| format!("{}＝{}", rate.title(), rate.meaning()));
        sheet.banner(Role::Note, format!("注：{}；资金的分子、分母单位为亿元；分母为0的以“-”表示。", meanings.join("；")));
    }

    /// Findings by rule and light. Returns the rows of the project rules that judged any row, and the row of the total.
    fn add_findings(&mut self, sheet: &mut Sheet<'_>) -> (ChartRows, usize) {
        let policy = self.visible.policy();
        let mut heads = ["督办事项", "依据"].map(Value::text).to_vec();
        heads.extend(light_heads().map(Value::text));
        heads.extend(["小计（件）".to_owned(), Measure::Exempt.title(), Measure::Unjudged.title(), "明细".to_owned()].map(Value::text));
        sheet.row(Role::Head, heads);
        let project = policy.project_ledger();
        let (services, counted): (Vec<usize>, Vec<usize>) = (0..policy.rules.len()).partition(|rule| policy.rules[*rule].service.is_some());
        let (own, other): (Vec<usize>, Vec<usize>) = counted.into_iter().partition(|rule| Some(policy.rules[*rule].ledger) == project);
        let first = sheet.rows.len();
        let rows = self.add_rule_rows(sheet, &own);
        // rules that judged no row are last, so that the chart leaves them out
        let last = (first + rows.len()).saturating_sub(1).max(first);
        let mut totals = vec![self.add_rule_total(sheet, Role::Subtotal, "项目类小计", &rows)];
        for (column, measure) in [
            (2, Measure::Light(LIGHTS[0])),
            (3, Measure::Light(LIGHTS[1])),
            (4, Measure::Light(LIGHTS[2])),
            (5, Measure::Open),
            (6, Measure::Exempt),
            (7, Measure::Unjudged),
        ] {
            if let Some(name) = measure.total_name(Window::All) {
                self.record_total(name, totals[0], column);
            }
        }
        let rows = self.add_rule_rows(sheet, &other);
        if !rows.is_empty() {
            totals.push(self.add_rule_total(sheet, Role::Subtotal, "其他事项小计", &rows));
        }
        let total = self.add_rule_total(sheet, Role::Total, "合计", &totals);
        self.add_rule_rows(sheet, &services);
        (ChartRows { first, last }, total)
    }

    /// Adds a row per rule, rules that judged no row last. Returns the rows of the others.
    fn add_rule_rows(&mut self, sheet: &mut Sheet<'_>, rules: &[usize]) -> Vec<usize> {
        let mut rows = Vec::new();
        let (without_rows, with_rows): (Vec<usize>, Vec<usize>) =
            rules.iter().copied().partition(|rule| self.visible.judged_nothing(*rule));
        for rule in with_rows.into_iter().chain(without_rows) {
            let policy = self.visible.policy();
            let mut cells = vec![Value::text(policy.rules[rule].title.clone()), Value::text(clause(&policy.rules[rule].basis))];
            let counts: Vec<(State, Option<Light>)> = LIGHTS
                .iter()
                .map(|light| (State::Open, Some(*light)))
                .chain([(State::Open, None), (State::Exempt, None), (State::Unjudged, None)])
                .collect();
            let judged_nothing = self.visible.judged_nothing(rule);
            // a service has no light
            let is_shown = |light: &Option<Light>| policy.rules[rule].service.is_none() || light.is_none();
            cells.extend(counts.iter().map(|(state, light)| match judged_nothing || !is_shown(light) {
                true => Value::text("-"),
                false => Value::count(self.visible.count_findings(rule, *state, *light)),
            }));
            cells.push(
                self.contents
                    .lists
                    .get(&rule)
                    .map_or(Value::Blank, |sheet| Value::Link { text: self.contents.frames[*sheet].name.clone(), sheet: *sheet }),
            );
            let row = sheet.row(Role::Body, cells);
            if judged_nothing {
                continue;
            }
            for (index, (state, light)) in counts.into_iter().enumerate().filter(|(_, (_, light))| is_shown(light)) {
                self.record_finding_count(rule, state, light, row, 2 + index);
            }
            rows.push(row);
        }
        rows
    }

    /// Adds a total of these rows and returns its row.
    fn add_rule_total(&mut self, sheet: &mut Sheet<'_>, role: Role, label: &str, parts: &[usize]) -> usize {
        let mut cells = vec![Value::text(label), Value::Blank];
        let row = sheet.rows.len();
        for column in 2..8 {
            let sum: i128 = parts.iter().filter_map(|part| sheet.rows[*part].cells[column].figure()).sum();
            cells.push(Value::count(sum));
            self.record_sum(row, parts, column);
        }
        cells.push(Value::Blank);
        sheet.row(role, cells)
    }
}
