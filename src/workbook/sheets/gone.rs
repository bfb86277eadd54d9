//! 台账中消失的项目: codes that an earlier snapshot held and the one in force does not, until the office confirms it.

use crate::domain::register::period::chinese_date;
use crate::workbook::material::{Audience, GoneRecord};
use crate::workbook::model;
use crate::workbook::model::{Role, Row, Sheet, Value, fit, fit_heights};
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::visible::VisibleMaterial;

const HEADS: [&str; 9] = ["序号", "台账", "来源", "编号", "名称", "责任单位", "最后见于", "不再列入", "原在何处"];

impl<'a> SheetBuilder<'a, '_> {
    pub(crate) fn gone(&mut self) -> Sheet<'a> {
        let mut rows: Vec<Row> =
            self.visible.gone_lines().enumerate().map(|(number, line)| self.visible.gone_row(number + 1, line)).collect();
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
    /// A unit sees those the register last had under its own name.
    pub(crate) fn gone_lines(&self) -> impl Iterator<Item = &'a GoneRecord> {
        let units = &self.policy().units;
        let audience = self.material.audience;
        self.material.gone.iter().filter(move |line| match audience {
            Audience::Office => true,
            Audience::Unit(unit) => units.find(&line.unit) == Some(unit),
        })
    }

    fn gone_row(&self, number: usize, line: &GoneRecord) -> Row {
        let day = |day: Option<chrono::NaiveDate>| day.map_or(Value::Blank, Value::Date);
        let cells = vec![
            Value::count(number),
            Value::text(line.ledger.clone()),
            Value::text(line.source.clone()),
            Value::text(line.code.clone()),
            Value::text(self.text(&line.name)),
            Value::text(line.unit.clone()),
            day(line.seen_on),
            day(line.gone_on),
            Value::text(line.place.clone()),
        ];
        Row { cells, ..Row::default() }
    }
}
