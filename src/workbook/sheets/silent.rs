//! 未反馈清单: the records without the answer that their units owed by now.

use crate::domain::notify::feedback::SilentRecord;
use crate::domain::problem::ProblemsAt;
use crate::domain::register::ledger::Role as FieldRole;
use crate::domain::register::levels::LevelWord;
use crate::domain::register::period::chinese_date;
use crate::workbook::findings_by_record::FindingsByRecord;
use crate::workbook::model::{Column, Role, Row, Sheet, Value, fit_heights};
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::sheets::kind::{Kind, Rows};
use crate::workbook::sheets::references::References;
use crate::workbook::visible::VisibleMaterial;
use serde::Deserialize;
use std::collections::BTreeSet;

/// The kind has no keys of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Silent {}

impl Kind for Silent {
    type Keys = Silent;

    fn check(keys: Silent, _: &References<'_>, _: &mut ProblemsAt<'_>) -> Option<Silent> {
        Some(keys)
    }

    fn build<'a>(&self, builder: &mut SheetBuilder<'a, '_>) -> Vec<Sheet<'a>> {
        vec![builder.silent()]
    }

    fn rows(&self, visible: &VisibleMaterial<'_>) -> Rows {
        Rows::listed_if(!visible.material.silent.is_empty())
    }
}

impl<'a> SheetBuilder<'a, '_> {
    /// The records that are overdue for an answer, by unit.
    fn silent(&mut self) -> Sheet<'a> {
        let policy = self.visible.policy();
        let division = policy.units.levels.division(LevelWord::Name);
        let heads =
            [("序号", 6.0), (division, 16.0), ("责任单位", 20.0), ("编号", 18.0), ("名称", 32.0), ("督办事项", 40.0), ("责任人", 12.0)];
        let mut body: Vec<Row> = Vec::new();
        let mut units = BTreeSet::new();
        let found = FindingsByRecord::new(policy, self.visible.material.judged.findings.iter());
        for SilentRecord { unit, ledger: index, code } in self.visible.material.silent {
            let ledger = &policy.ledgers[*index];
            units.insert(*unit);
            let record = self.visible.record(*index, code);
            let text = |role: FieldRole| {
                record.as_deref().map_or(Value::Blank, |record| Value::text(self.visible.text(record.text(ledger.role(role)))))
            };
            let division = policy.units.division_of(*unit).map_or("", |division| policy.units.units[division].name.as_str());
            let cells = vec![
                Value::count(body.len() + 1),
                Value::text(division),
                Value::text(policy.units.units[*unit].name.clone()),
                Value::text(code.clone()),
                text(FieldRole::Name),
                Value::text(found.lines(*index, code, self.visible.record(*index, code).as_deref())),
                text(FieldRole::Officer),
            ];
            let mut row = Row { cells, ..Row::default() };
            if record.is_some_and(|record| self.visible.is_record_restricted(*index, &record)) {
                self.visible.mark_restricted(&mut row, Some(4));
            }
            body.push(row);
        }
        let columns: Vec<Column> = heads.iter().map(|(_, width)| Column { width: *width, ..Column::default() }).collect();
        fit_heights(&mut body, &columns);
        let subtitle = format!("截至{}　　{}个单位，{}件", chinese_date(self.visible.material.as_of), units.len(), body.len());
        let mut sheet = self.start_sheet(columns, &subtitle);
        let head = sheet.rows.len();
        let cells = heads.iter().map(|(title, _)| Value::text(*title)).collect();
        sheet.rows.push(Row { role: Role::Head, cells, height: Some(24.0), ..Row::default() });
        sheet.rows.append(&mut body);
        sheet.filter = Some((head, sheet.rows.len() - 1));
        sheet.freeze = Some((head + 1, 0));
        sheet.repeat = Some((head, head));
        self.add_notes(&mut sheet);
        sheet
    }
}
