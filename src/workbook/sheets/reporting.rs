//! 报送情况: whether each unit reports its projects in time and completely. The sheet has counts only, without names of persons or a ranking.

use crate::domain::intake::note::NoteKind;
use crate::domain::judging::finding::count_blank_cells;
use crate::domain::judging::finding::{Finding, State};
use crate::domain::judging::indicators::Ratio;
use crate::domain::problem::ProblemsAt;
use crate::domain::register::levels::LevelWord;
use crate::domain::register::period::chinese_date;
use crate::domain::register::units::UnitId;
use crate::workbook::model;
use crate::workbook::model::{Role, Row, Sheet, Value, fit};
use crate::workbook::named::NamedRecords;
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::sheets::kind::{Kind, Rows};
use crate::workbook::sheets::references::{References, rules_named};
use crate::workbook::visible::VisibleMaterial;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The numbers of a unit.
#[derive(Default)]
struct ReportingCounts<'a> {
    projects: u64,
    /// Open findings by rule, in the order of the columns.
    open: Vec<usize>,
    unjudged: Vec<&'a Finding>,
    /// Records with doubtful data.
    doubtful: usize,
    quarantined: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportingKeys {
    #[serde(default)]
    rules: Vec<String>,
}

/// What a template declares of the sheet.
#[derive(Clone, Debug)]
pub struct Reporting {
    /// The rules (indices) that find a record not reported in time.
    rules: Vec<usize>,
}

impl Kind for Reporting {
    type Keys = ReportingKeys;

    fn check(keys: ReportingKeys, references: &References<'_>, at: &mut ProblemsAt<'_>) -> Option<Reporting> {
        Some(Reporting { rules: rules_named(&keys.rules, references.policy, at) })
    }

    fn build<'a>(&self, builder: &mut SheetBuilder<'a, '_>) -> Vec<Sheet<'a>> {
        vec![builder.reporting(&self.rules)]
    }

    fn rows(&self, visible: &VisibleMaterial<'_>) -> Rows {
        Rows::listed_if(!visible.reporting_units().is_empty())
    }

    fn ledgers(&self, visible: &VisibleMaterial<'_>) -> BTreeSet<usize> {
        visible.policy().project_ledger().into_iter().collect()
    }

    fn names(&self, _: &VisibleMaterial<'_>) -> NamedRecords {
        NamedRecords::new()
    }
}

impl<'a> SheetBuilder<'a, '_> {
    /// One row for each reporting unit.
    fn reporting(&mut self, rules: &[usize]) -> Sheet<'a> {
        let policy = self.visible.policy();
        let units = self.visible.reporting_units();
        let counts_by_unit = self.visible.reporting_counts(rules);
        let mut heads = vec![policy.units.levels.division(LevelWord::Name).to_owned(), "责任单位".into(), "在册项目（个）".into()];
        for rule in rules {
            heads.push(format!("{}（件）", policy.rules[*rule].title));
            heads.push(format!("无{}的占比", policy.rules[*rule].title));
        }
        heads.extend(["待补齐（处）", "数据质量问题（件）", "待核行（行）"].map(str::to_owned));
        let cells_of = |name: [Value; 2], counts: &ReportingCounts<'_>| {
            let mut cells = name.to_vec();
            cells.push(Value::count(counts.projects));
            for open in &counts.open {
                let denominator = i128::from(counts.projects);
                let share = Ratio { numerator: denominator - *open as i128, denominator };
                cells.extend([Value::count(*open), Value::Percent(share.tenths())]);
            }
            let blank = count_blank_cells(policy, counts.unjudged.iter().copied());
            cells.extend([Value::count(blank), Value::count(counts.doubtful), Value::count(counts.quarantined)]);
            cells
        };
        let name_of = |unit: UnitId| Value::text(policy.units.units[unit].name.clone());
        let none = ReportingCounts { open: vec![0; rules.len()], ..ReportingCounts::default() };
        let mut total = ReportingCounts { open: vec![0; rules.len()], ..ReportingCounts::default() };
        let mut rows: Vec<Row> = Vec::new();
        for unit in &units {
            let own = counts_by_unit.get(unit).unwrap_or(&none);
            let division = policy.units.division_of(*unit).filter(|division| division != unit).map_or(Value::Blank, name_of);
            rows.push(Row { cells: cells_of([division, name_of(*unit)], own), ..Row::default() });
            total.projects += own.projects;
            total.open.iter_mut().zip(&own.open).for_each(|(sum, open)| *sum += open);
            total.unjudged.extend(&own.unjudged);
            total.doubtful += own.doubtful;
            total.quarantined += own.quarantined;
        }
        rows.push(Row { role: Role::Total, cells: cells_of([Value::text("合计"), Value::Blank], &total), ..Row::default() });
        let mut widths = fit(&rows, heads.len(), 26.0);
        let head = model::head(&heads, &mut widths);
        let subtitle = format!("截至{}　　{}个单位", chinese_date(self.visible.material.as_of), units.len());
        let mut sheet = self.start_sheet(widths, &subtitle);
        let head_at = sheet.rows.len();
        sheet.rows.push(head);
        let first = sheet.rows.len();
        sheet.rows.append(&mut rows);
        let last = sheet.rows.len() - 1;
        let parts: Vec<usize> = (first..last).collect();
        for column in (2..heads.len()).filter(|column| !matches!(sheet.rows[last].cells[*column], Value::Percent(_))) {
            self.record_sum(last, &parts, column);
        }
        sheet.freeze = Some((head_at + 1, 2));
        sheet.repeat = Some((head_at, head_at));
        sheet.banner(
            Role::Note,
            "注：占比＝（在册项目－该类事项）÷在册项目；待补齐为判定所需而未填的格；待核行尚未入库；按行政区划顺序排列，不作排名。",
        );
        self.add_notes(&mut sheet);
        sheet
    }
}

impl<'a> VisibleMaterial<'a> {
    /// The units with a project, and the places with a row that could not be read. The workbook of a unit has only the unit and those below it.
    fn reporting_units(&self) -> Vec<UnitId> {
        let units = &self.policy().units;
        let with_issues: BTreeSet<&str> = self.material.intake.iter().map(|issue| issue.unit.as_str()).collect();
        (0..units.units.len())
            .filter(|unit| self.material.audience.counts(units, Some(*unit)))
            .filter(|unit| {
                let own = &units.units[*unit];
                self.material.indicators.of_unit(Some(*unit)).projects > 0
                    || own.level.is_place() && with_issues.contains(own.name.as_str())
            })
            .collect()
    }

    /// The numbers of each reporting unit.
    fn reporting_counts(&self, rules: &[usize]) -> BTreeMap<UnitId, ReportingCounts<'a>> {
        let policy = self.policy();
        let mut out: BTreeMap<UnitId, ReportingCounts<'a>> = BTreeMap::new();
        for unit in self.reporting_units() {
            let projects = self.material.indicators.of_unit(Some(unit)).projects;
            out.insert(unit, ReportingCounts { projects, open: vec![0; rules.len()], ..ReportingCounts::default() });
        }
        for finding in self.counted() {
            let Some(counts) = finding.owner.and_then(|owner| out.get_mut(&owner)) else { continue };
            if let Some(at) = rules.iter().position(|rule| *rule == finding.rule).filter(|_| finding.state == State::Open) {
                counts.open[at] += 1;
            }
            if finding.state == State::Unjudged && Some(policy.rules[finding.rule].ledger) == policy.project_ledger() {
                counts.unjudged.push(finding);
            }
        }
        for quality in &self.material.judged.quality {
            if let Some(counts) = quality.owner.and_then(|owner| out.get_mut(&owner)) {
                counts.doubtful += 1;
            }
        }
        for issue in self.material.intake {
            if let Some(counts) = policy.units.find(&issue.unit).and_then(|unit| out.get_mut(&unit)) {
                counts.quarantined += usize::from(issue.level == NoteKind::Quarantined.title());
            }
        }
        out
    }
}
