//! The feedback form of a unit: what it is asked on its records, to be filled in and sent back.

use crate::domain::audience::Audience;
use crate::domain::notify::feedback::{Asked, FILLED_ON, FINDINGS, SealedCells, VERDICTS, WHO, form_number, own_titles, prefilled};
use crate::domain::notify::form_acts::{FormFields, is_asked};
use crate::domain::notify::form_seal::SealedRow;
use crate::domain::problem::ProblemsAt;
use crate::domain::register::ledger::{FieldKind, Ledger, Role as FieldRole};
use crate::domain::register::period::chinese_date;
use crate::domain::register::record::Cell;
use crate::workbook::findings_by_record::FindingsByRecord;
use crate::workbook::model;
use crate::workbook::model::{Choice, Column, Row, Sheet, Value, Words, fit_heights};
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::sheets::kind::{Kind, Rows};
use crate::workbook::sheets::references::References;
use crate::workbook::visible::VisibleMaterial;
use serde::Deserialize;

/// Columns of the form before the facts: number, code, name, findings.
const LEADING_COLUMNS: usize = 4;

/// The kind has no keys of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedbackForm {}

impl Kind for FeedbackForm {
    type Keys = FeedbackForm;

    fn check(keys: FeedbackForm, _: &References<'_>, _: &mut ProblemsAt<'_>) -> Option<FeedbackForm> {
        Some(keys)
    }

    fn build<'a>(&self, builder: &mut SheetBuilder<'a, '_>) -> Vec<Sheet<'a>> {
        builder.feedback()
    }

    fn rows(&self, visible: &VisibleMaterial<'_>) -> Rows {
        Rows::listed_if(!visible.asked().is_empty())
    }
}

impl<'a> SheetBuilder<'a, '_> {
    /// The feedback form of a unit: one sheet for each ledger on whose records it is asked; none in a workbook of the office.
    fn feedback(&mut self) -> Vec<Sheet<'a>> {
        let Audience::Unit(unit) = self.visible.material.audience else { return Vec::new() };
        let asked = self.visible.asked();
        let several = asked.len() > 1;
        let material = self.visible.material;
        let unit_code = &self.visible.policy().units.units[unit].code;
        let number = form_number(unit_code, material.as_of, material.form_key);
        asked
            .iter()
            .map(|asked| {
                let mut sheet = self.form_sheet(asked, unit_code, &number);
                if several {
                    let ledger = &self.visible.policy().ledgers[asked.ledger].title;
                    sheet.name = format!("{}（{ledger}）", sheet.name);
                }
                sheet
            })
            .collect()
    }

    /// The sheet of the form for one ledger. `number` identifies the form when it comes back.
    fn form_sheet(&self, asked: &Asked, unit_code: &str, number: &str) -> Sheet<'a> {
        let material = self.visible.material;
        let ledger = &self.visible.policy().ledgers[asked.ledger];
        let fields = FormFields::of(self.visible.policy(), asked.ledger);
        let filled: Vec<usize> = fields.iter().collect();
        // A text that no record lacks needs no column.
        let facts: Vec<usize> = asked
            .facts
            .iter()
            .copied()
            .filter(|field| {
                let blank = |code: &String| self.visible.record(asked.ledger, code).is_some_and(|record| record.cell(*field).is_empty());
                ledger.fields[*field].kind != FieldKind::Text || asked.records.iter().any(blank)
            })
            .collect();
        let asked = &Asked { facts, ..asked.clone() };
        let (mut columns, heads) = form_columns(ledger, fields, asked);
        let titles = model::head(&heads, &mut columns);
        let mut body = self.form_rows(asked, unit_code, fields);
        fit_heights(&mut body, &columns);
        let subtitle = format!("数据截至{}　　{number}　　浅绿色的格请填写，其余各格已锁定", chinese_date(material.as_of));
        let mut sheet = self.start_sheet(columns, &subtitle);
        sheet.locked = true;
        sheet.partial = true;
        let cells = vec![Value::Blank, Value::text(WHO), Value::Blank, Value::text(FILLED_ON), Value::Blank];
        sheet.rows.push(Row { cells, open: vec![2, 4], height: Some(22.0), ..Row::default() });
        sheet.choices.push(Choice { column: 4, first: sheet.rows.len() - 1, last: sheet.rows.len() - 1, words: Words::Day });
        let head = sheet.rows.len();
        sheet.rows.push(titles);
        let first = sheet.rows.len();
        sheet.rows.append(&mut body);
        let last = sheet.rows.len() - 1;
        let days = |field: usize| matches!(ledger.fields[field].kind, FieldKind::Date { .. });
        for (index, field) in asked.facts.iter().chain(&filled).enumerate() {
            let words = if days(*field) {
                Words::Day
            } else if ledger.fields[*field].values.is_empty() {
                continue;
            } else {
                Words::These(ledger.fields[*field].values.clone())
            };
            sheet.choices.push(Choice { column: LEADING_COLUMNS + index, first, last, words });
        }
        let verdict = LEADING_COLUMNS + asked.facts.len() + filled.len();
        let words = Words::These(VERDICTS.map(str::to_owned).to_vec());
        sheet.choices.push(Choice { column: verdict, first, last, words });
        sheet.freeze = Some((first, 3));
        sheet.repeat = Some((head, head));
        self.add_notes(&mut sheet);
        sheet
    }

    /// The rows of the form: the facts of each record, blank ones open for editing, and the fields to fill in with the last answer.
    fn form_rows(&self, asked: &Asked, unit_code: &str, filled: FormFields) -> Vec<Row> {
        let policy = self.visible.policy();
        let life = policy.life(asked.ledger);
        let ledger = &policy.ledgers[asked.ledger];
        let found = FindingsByRecord::new(policy, self.visible.findings.iter().copied());
        let mut rows: Vec<Row> = Vec::with_capacity(asked.records.len());
        for (index, code) in asked.records.iter().enumerate() {
            // Every judged record is available; a missing one would have stopped the run.
            let Some(record) = self.visible.record(asked.ledger, code) else { continue };
            let last_answer = self.visible.material.answers.get(&(ledger.id.clone(), code.clone()));
            let findings = found.lines(asked.ledger, code, self.visible.record(asked.ledger, code).as_deref());
            let mut cells = vec![
                Value::count(index + 1),
                Value::text(code.clone()),
                Value::text(self.visible.text(record.text(ledger.role(FieldRole::Name)))),
                Value::text(findings.clone()),
            ];
            let mut open = Vec::new();
            for field in &asked.facts {
                let cell = record.cell(*field);
                if cell.is_empty() {
                    open.push(cells.len());
                }
                cells.push(self.value(cell));
            }
            for field in filled.iter() {
                if filled.acts.contains(field) && life.is_some_and(|life| is_asked(life, field, asked.raised.contains(code))) {
                    open.push(cells.len());
                }
                let text = prefilled(ledger, filled, &record, field, last_answer);
                cells.push(match record.cell(field) {
                    cell @ Cell::Date(_) if cell.to_string() == text => self.value(cell),
                    _ => day_or_text(ledger.fields[field].kind, &self.visible.text(&text)),
                });
            }
            let is_column =
                |field: usize| asked.facts.contains(&field) || filled.contains(field) || ledger.role(FieldRole::Name) == Some(field);
            let text = |field: usize| match filled.contains(field) {
                true => prefilled(ledger, filled, &record, field, last_answer),
                false => record.cell(field).to_string(),
            };
            let SealedCells { facts, all, name, findings } = &SealedCells::new(ledger, filled, is_column, text, &findings);
            let (key, as_of) = (self.visible.material.form_key, self.visible.material.as_of);
            let sealed = SealedRow { unit: unit_code, as_of, ledger: &ledger.id, code, facts, cells: all, name, findings };
            let check = key.row_check(&sealed);
            cells.extend([Value::Blank, Value::Blank, Value::text(check)]);
            rows.push(Row { cells, open, ..Row::default() });
        }
        rows
    }

    fn value(&self, cell: &Cell) -> Value {
        match cell {
            Cell::Empty => Value::Blank,
            Cell::Text(text) => Value::text(self.visible.text(text)),
            Cell::Date(day) => Value::Date(*day),
            Cell::Money(fen) => Value::Amount(i128::from(*fen)),
            Cell::Decimal(number) => Value::Number(*number),
            Cell::Int(number) => Value::Count(*number),
            Cell::Bool(yes) => Value::text(if *yes { "是" } else { "否" }),
        }
    }
}

/// A date as a date value, if the field holds dates and the text is one; otherwise the text.
fn day_or_text(kind: FieldKind, text: &str) -> Value {
    match (kind, text.parse()) {
        (FieldKind::Date { .. }, Ok(day)) => Value::Date(day),
        _ => Value::text(text),
    }
}

/// The columns of the form with their titles: leading ones, facts, fields to fill in, and those of the form itself.
fn form_columns(ledger: &Ledger, filled: FormFields, asked: &Asked) -> (Vec<Column>, Vec<String>) {
    let title = |role: FieldRole| ledger.role(role).map_or(String::new(), |field| ledger.fields[field].title.clone());
    let mut heads = vec!["序号".to_owned(), title(FieldRole::Code), title(FieldRole::Name), FINDINGS.1.to_owned()];
    let mut columns: Vec<Column> = [6.0, 16.0, 26.0, 40.0].map(|width| Column { width, ..Column::default() }).to_vec();
    for field in asked.facts.iter().copied() {
        let field = &ledger.fields[field];
        heads.push(match field.kind {
            FieldKind::Money => format!("{}（亿元）", field.title),
            _ => field.title.clone(),
        });
        let width = if field.kind == FieldKind::Text { 14.0 } else { 12.0 };
        columns.push(Column { width, ..Column::default() });
    }
    for index in filled.iter() {
        let field = &ledger.fields[index];
        heads.push(field.title.clone());
        let width = if field.kind == FieldKind::Text && field.values.is_empty() { 28.0 } else { 12.0 };
        // which cells of an act are open depends on the row
        columns.push(Column { width, fill: filled.answers.contains(index), ..Column::default() });
    }
    heads.extend(own_titles().map(str::to_owned));
    for (width, fill) in [(10.0, true), (24.0, true), (20.0, false)] {
        columns.push(Column { width, fill, ..Column::default() });
    }
    (columns, heads)
}
