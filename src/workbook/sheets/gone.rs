//! 台账中消失的项目: the codes of an earlier snapshot that are missing from the one in force and that the office has not confirmed as gone.

use crate::domain::problem::ProblemsAt;
use crate::domain::register::period::chinese_date;
use crate::workbook::material::GoneRecord;
use crate::workbook::model;
use crate::workbook::model::{Role, Row, Sheet, Value, fit, fit_heights};
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::sheets::kind::{Kind, Rows};
use crate::workbook::sheets::references::References;
use crate::workbook::visible::VisibleMaterial;
use serde::Deserialize;
use std::collections::BTreeSet;

const HEADS: [&str; 9] = ["序号", "台账", "来源", "编号", "名称", "责任单位", "最后见于", "不再列入", "原在何处"];

/// The kind has no keys of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gone {}

impl Kind for Gone {
    type Keys = Gone;

    fn check(keys: Gone, _: &References<'_>, _: &mut ProblemsAt<'_>) -> Option<Gone> {
        Some(keys)
    }

    fn build<'a>(&self, builder: &mut SheetBuilder<'a, '_>) -> Vec<Sheet<'a>> {
        vec![builder.gone()]
    }

    fn rows(&self, visible: &VisibleMaterial<'_>) -> Rows {
        Rows::listed_if(visible.gone_records().next().is_some())
    }

    fn lists_gone(&self) -> bool {
        true
    }

    fn ledgers(&self, visible: &VisibleMaterial<'_>) -> BTreeSet<usize> {
        (0..visible.policy().ledgers.len()).collect()
    }
}

impl<'a> SheetBuilder<'a, '_> {
    /// One row for each code.
    fn gone(&mut self) -> Sheet<'a> {
        let mut rows: Vec<Row> =
            self.visible.gone_records().enumerate().map(|(number, gone)| self.visible.gone_row(number + 1, gone)).collect();
        let mut columns = fit(&rows, HEADS.len(), 30.0);
        let head = model::head(&HEADS, &mut columns);
        columns[0].width = 6.0;
        fit_heights(&mut rows, &columns);
        let subtitle = format!("截至{}　　共{}条", chinese_date(self.visible.material.as_of), rows.len());
        let mut sheet = self.start_sheet(columns, &subtitle);
        let head_at = sheet.rows.len();
        sheet.rows.push(head);
        if rows.is_empty() {
            sheet.banner(Role::Note, "无。");
        } else {
            sheet.rows.append(&mut rows);
            sheet.filter = Some((head_at, sheet.rows.len() - 1));
        }
        sheet.freeze = Some((head_at + 1, 0));
        sheet.repeat = Some((head_at, head_at));
        self.add_notes(&mut sheet);
        sheet
    }
}

impl<'a> VisibleMaterial<'a> {
    /// The codes that are gone; a unit sees those whose last record names it.
    pub(crate) fn gone_records(&self) -> impl Iterator<Item = &'a GoneRecord> + '_ {
        let units = &self.policy().units;
        let audience = self.material.audience;
        self.material.gone.iter().filter(move |gone| {
            let is_own = |unit: usize| units.find(&gone.unit) == Some(unit);
            let project = || self.policy().project_ledger().is_some_and(|ledger| self.is_restricted(ledger, &gone.project));
            audience.sees_own(is_own, || gone.restricted || project())
        })
    }

    fn gone_row(&self, number: usize, gone: &GoneRecord) -> Row {
        let day = |day: Option<chrono::NaiveDate>| day.map_or(Value::Blank, Value::Date);
        let cells = vec![
            Value::count(number),
            Value::text(gone.ledger.clone()),
            Value::text(gone.source.clone()),
            Value::text(gone.code.clone()),
            Value::text(self.text(&gone.name)),
            Value::text(gone.unit.clone()),
            day(gone.seen_on),
            day(gone.gone_on),
            Value::text(self.origin(&gone.place, &gone.ledger)),
        ];
        let mut row = Row { cells, ..Row::default() };
        if gone.restricted {
            self.mark_restricted(&mut row, Some(4));
        }
        row
    }
}
