//! 数据质量: rows that the import quarantined or warned of, then records in which judging found doubtful data.

use crate::domain::audience::NOT_SHOWN;
use crate::domain::judging::quality::{Quality, QualityKind};
use crate::domain::problem::ProblemsAt;
use crate::domain::register::ledger::{OwnerSpec, Role as FieldRole};
use crate::domain::register::period::chinese_date;
use crate::domain::rules::sentence;
use crate::workbook::model;
use crate::workbook::model::{Role, Row, Sheet, Value, fit, fit_heights};
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::sheets::kind::{Kind, Rows};
use crate::workbook::sheets::references::References;
use crate::workbook::visible::VisibleMaterial;
use serde::Deserialize;
use std::collections::BTreeSet;

const HEADS: [&str; 10] = ["序号", "类别", "台账", "编号", "名称", "责任单位", "字段", "原文", "问题与建议", "数据来源"];

/// The kind has no keys of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QualityIssues {}

impl Kind for QualityIssues {
    type Keys = QualityIssues;

    fn check(keys: QualityIssues, _: &References<'_>, _: &mut ProblemsAt<'_>) -> Option<QualityIssues> {
        Some(keys)
    }

    fn build<'a>(&self, builder: &mut SheetBuilder<'a, '_>) -> Vec<Sheet<'a>> {
        vec![builder.quality()]
    }

    fn rows(&self, visible: &VisibleMaterial<'_>) -> Rows {
        Rows::listed_if(visible.quality_lines().next().is_some() || visible.intake_lines().next().is_some())
    }

    fn ledgers(&self, visible: &VisibleMaterial<'_>) -> BTreeSet<usize> {
        (0..visible.policy().ledgers.len()).collect()
    }
}

impl<'a> SheetBuilder<'a, '_> {
    /// One row for each issue.
    fn quality(&mut self) -> Sheet<'a> {
        let mut rows: Vec<Row> = Vec::new();
        for issue in self.visible.intake_lines() {
            let advice = [issue.reason.as_str(), issue.hint.as_str()].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>();
            let cells = vec![
                Value::count(rows.len() + 1),
                Value::text(issue.level.clone()),
                Value::text(issue.ledger.clone()),
                Value::text(issue.code.clone()),
                Value::text(self.visible.name_of(&issue.ledger, &issue.code)),
                Value::text(issue.unit.clone()),
                Value::text(issue.field.clone()),
                // the text of an unreadable cell may include a phone number, whatever its field
                Value::text(self.visible.text(&issue.raw)),
                // a reason quotes values, and names other files
                Value::text(self.visible.origin(&advice.join("；"), NOT_SHOWN)),
                Value::text(self.visible.location(&issue.ledger, &issue.file, &issue.sheet, &issue.cell)),
            ];
            let mut row = Row { cells, ..Row::default() };
            if issue.restricted {
                self.visible.mark_restricted(&mut row, Some(4));
            }
            rows.push(row);
        }
        let intake = rows.len();
        for quality in self.visible.quality_lines() {
            let cells = self.visible.quality_cells(rows.len() + 1, quality);
            let mut row = Row { cells, ..Row::default() };
            let record = self.visible.record(quality.ledger, &quality.key);
            if record.is_some_and(|record| self.visible.is_record_restricted(quality.ledger, &record)) {
                self.visible.mark_restricted(&mut row, Some(4));
            }
            rows.push(row);
        }
        let mut columns = fit(&rows, HEADS.len(), 30.0);
        let head = model::head(&HEADS, &mut columns);
        columns[0].width = 6.0;
        fit_heights(&mut rows, &columns);
        let subtitle =
            format!("截至{}　　读入时发现{intake}件，判定时发现{}件", chinese_date(self.visible.material.as_of), rows.len() - intake);
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

impl VisibleMaterial<'_> {
    /// The name of a record, as the audience may read it; empty if the record is unknown.
    fn name_of(&self, ledger: &str, code: &str) -> String {
        let ledgers = &self.policy().ledgers;
        let Some(index) = ledgers.iter().position(|known| known.title == ledger) else { return String::new() };
        self.record(index, code).map_or_else(String::new, |record| self.text(record.text(ledgers[index].role(FieldRole::Name))))
    }

    fn quality_cells(&self, number: usize, quality: &Quality) -> Vec<Value> {
        let policy = self.policy();
        let ledger = &policy.ledgers[quality.ledger];
        let found = self.record(quality.ledger, &quality.key);
        let record = found.as_deref();
        let (problem, advice) = sentence::quality(ledger, quality.kind);
        let field = match quality.kind {
            QualityKind::BlankScope(field) | QualityKind::DiffersFromEvent(field) => Some(field),
            QualityKind::StartedUnderFramework => ledger.role(FieldRole::Agreement),
            QualityKind::UnknownIndustry => ledger.role(FieldRole::Industry),
            QualityKind::ExemptionOfNothing => ledger.role(FieldRole::ExemptRule),
            QualityKind::ExemptionWithoutTerm => ledger.role(FieldRole::Expires),
            QualityKind::RepeatedObjection => ledger.role(FieldRole::ExemptionKind),
            QualityKind::UnknownOwner => Some(match ledger.owner {
                OwnerSpec::Place { place, .. } => place,
                OwnerSpec::Unit { unit } => unit,
                OwnerSpec::Department { department, .. } => department,
            }),
        };
        let raw = field.zip(record).map(|(field, record)| record.cell(field).to_string()).unwrap_or_default();
        vec![
            Value::count(number),
            Value::text("判定"),
            Value::text(ledger.title.clone()),
            Value::text(&*quality.key),
            record.map_or(Value::Blank, |record| Value::text(self.text(record.text(ledger.role(FieldRole::Name))))),
            quality.owner.map_or(Value::Blank, |unit| Value::text(policy.units.units[unit].name.clone())),
            field.map_or(Value::Blank, |field| Value::text(ledger.fields[field].title.clone())),
            Value::text(self.text(&raw)),
            Value::text(format!("{problem}；{advice}")),
            record.map_or(Value::Blank, |record| Value::text(self.place(quality.ledger, record.place))),
        ]
    }
}
