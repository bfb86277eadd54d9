//! Feedback: the feedback form of a unit, the sheet of answers received (反馈情况), and the sheet of records without an answer.

use crate::domain::audience::Audience;
use crate::domain::judging::finding::{Finding, State};
use crate::domain::notify::feedback::{
    Answer, Asked, FILLED_ON, SilentRecord, VERDICTS, WHO, check_code, editable, form_number, own_titles, prefilled,
};
use crate::domain::register::ledger::{FieldKind, Ledger, Role as FieldRole};
use crate::domain::register::period::chinese_date;
use crate::domain::register::record::{Cell, Decimal};
use crate::domain::rules::policy::Policy;
use crate::workbook::model;
use crate::workbook::model::{Choice, Column, Role, Row, Sheet, Value, Words, fit_heights};
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::visible::VisibleMaterial;
use std::collections::{BTreeMap, BTreeSet};

/// Columns of the form before the facts: number, code, name, findings.
const LEADING_COLUMNS: usize = 4;

/// Titles of the columns of the answers with their widths in characters.
const ANSWER_HEADS: [(&str, f64); 9] = [
    ("序号", 6.0),
    ("市（州）", 14.0),
    ("责任单位", 16.0),
    ("编号", 16.0),
    ("名称", 26.0),
    ("督办事项", 24.0),
    ("反馈内容", 44.0),
    ("待核实", 30.0),
    ("反馈人和日期", 14.0),
];

impl<'a> VisibleMaterial<'a> {
    /// The answers on the records of the visible findings, each once, in the order of the findings.
    pub(crate) fn answered(&self) -> impl Iterator<Item = (&'a Finding, &'a Answer)> {
        let mut seen = BTreeSet::new();
        let (policy, answers) = (self.policy(), self.material.answers);
        self.findings.iter().filter_map(move |finding| {
            let ledger = policy.rules[finding.rule].ledger;
            let answer = answers.get(&(policy.ledgers[ledger].id.clone(), finding.key.to_string()))?;
            seen.insert((ledger, &*finding.key)).then_some((*finding, answer))
        })
    }

    /// The last answer on a record: `10月12日 张三：未推进原因：…`; empty without an answer.
    pub(crate) fn feedback(&self, ledger: usize, code: &str) -> String {
        let ledger = &self.policy().ledgers[ledger];
        let Some(answer) = self.material.answers.get(&(ledger.id.clone(), code.to_owned())) else { return String::new() };
        let (answered, proposed) = (answer.text(ledger), answer.proposed(ledger));
        let answered = if answered.is_empty() { "已核对" } else { &answered };
        let proposed = if proposed.is_empty() { String::new() } else { format!("；待核实：{proposed}") };
        format!("{}：{answered}{proposed}", answer.by())
    }
}

/// Findings by ledger and code of their record, without exempt ones.
struct FindingsByRecord<'a> {
    policy: &'a Policy,
    found: BTreeMap<(usize, &'a str), Vec<&'a Finding>>,
}

impl<'a> FindingsByRecord<'a> {
    fn new(policy: &'a Policy, findings: impl Iterator<Item = &'a Finding>) -> FindingsByRecord<'a> {
        let mut found: BTreeMap<(usize, &'a str), Vec<&'a Finding>> = BTreeMap::new();
        for finding in findings.filter(|finding| finding.state != State::Exempt) {
            found.entry((policy.rules[finding.rule].ledger, &*finding.key)).or_default().push(finding);
        }
        FindingsByRecord { policy, found }
    }

    /// One line for each finding of a record: `●红 签约未开工，应于2026-03-31前，超期183天`.
    fn lines(&self, ledger: usize, code: &str) -> String {
        let line = |finding: &&Finding| {
            let light = finding.light.map_or(String::new(), |light| format!("{} ", light.title()));
            let title = &self.policy.rules[finding.rule].title;
            let due = finding.due_on.map_or(String::new(), |due| format!("，应于{due}前"));
            let more = match (finding.overdue_days(), &finding.lag) {
                (Some(days), _) => format!("{due}，超期{days}天"),
                (_, Some(lag)) => format!("，落后{}个百分点", Decimal::new(lag.tenths(), 1)),
                _ if !finding.missing.is_empty() => {
                    let fields = finding.missing.iter().map(|field| self.policy.ledgers[ledger].fields[*field].title.as_str());
                    format!("，缺{}", fields.collect::<Vec<_>>().join("、"))
                }
                _ => String::new(),
            };
            format!("{light}{title}{more}")
        };
        self.found.get(&(ledger, code)).map_or(String::new(), |found| found.iter().map(line).collect::<Vec<_>>().join("\n"))
    }
}

impl<'a> SheetBuilder<'a, '_> {
    /// The feedback form of a unit: one sheet for each ledger on whose records it is asked; none in a workbook of the office.
    pub(crate) fn feedback(&mut self) -> Vec<Sheet<'a>> {
        let Audience::Unit(unit) = self.visible.material.audience else { return Vec::new() };
        let asked = self.visible.asked();
        let several = asked.len() > 1;
        let number = form_number(&self.visible.policy().units.units[unit].code, self.visible.material.as_of);
        asked
            .iter()
            .map(|asked| {
                let mut sheet = self.form_sheet(asked, &number);
                if several {
                    let ledger = &self.visible.policy().ledgers[asked.ledger].title;
                    sheet.name = format!("{}（{ledger}）", sheet.name).chars().take(31).collect();
                }
                sheet
            })
            .collect()
    }

    /// The sheet of the form for one ledger. `number` identifies the form when it comes back.
    fn form_sheet(&self, asked: &Asked, number: &str) -> Sheet<'a> {
        let material = self.visible.material;
        let ledger = &self.visible.policy().ledgers[asked.ledger];
        let filled: Vec<usize> = editable(ledger).collect();
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
        let (mut columns, heads) = form_columns(ledger, asked);
        let titles = model::head(&heads, &mut columns);
        let mut body = self.form_rows(asked, &filled);
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
    fn form_rows(&self, asked: &Asked, filled: &[usize]) -> Vec<Row> {
        let policy = self.visible.policy();
        let ledger = &policy.ledgers[asked.ledger];
        let found = FindingsByRecord::new(policy, self.visible.findings.iter().copied());
        let mut rows: Vec<Row> = Vec::with_capacity(asked.records.len());
        for (index, code) in asked.records.iter().enumerate() {
            // Every judged record is available; a missing one would have stopped the run.
            let Some(record) = self.visible.record(asked.ledger, code) else { continue };
            let last_answer = self.visible.material.answers.get(&(ledger.id.clone(), code.clone()));
            let mut cells = vec![
                Value::count(index + 1),
                Value::text(code.clone()),
                Value::text(self.visible.text(record.text(ledger.role(FieldRole::Name)))),
                Value::text(found.lines(asked.ledger, code)),
            ];
            let mut open = Vec::new();
            for field in &asked.facts {
                let cell = record.cell(*field);
                if cell.is_empty() {
                    open.push(cells.len());
                }
                cells.push(self.value(cell));
            }
            for field in filled {
                let is_answered = last_answer.is_some_and(|answer| answer.values.contains_key(&ledger.fields[*field].id));
                cells.push(match record.cell(*field) {
                    cell @ Cell::Date(_) if !is_answered => self.value(cell),
                    _ => day_or_text(ledger.fields[*field].kind, &self.visible.text(&prefilled(ledger, &record, *field, last_answer))),
                });
            }
            let check = check_code(ledger, code, &record.cells, asked.facts.iter().copied());
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

    /// The records that are overdue for an answer, by unit.
    pub(crate) fn silent(&mut self) -> Sheet<'a> {
        const HEADS: [(&str, f64); 7] =
            [("序号", 6.0), ("市（州）", 16.0), ("责任单位", 20.0), ("编号", 18.0), ("名称", 32.0), ("督办事项", 40.0), ("责任人", 12.0)];
        let policy = self.visible.policy();
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
            let city = policy.units.city_of(*unit).map_or("", |city| policy.units.units[city].name.as_str());
            let cells = vec![
                Value::count(body.len() + 1),
                Value::text(city),
                Value::text(policy.units.units[*unit].name.clone()),
                Value::text(code.clone()),
                text(FieldRole::Name),
                Value::text(found.lines(*index, code)),
                text(FieldRole::Officer),
            ];
            body.push(Row { cells, ..Row::default() });
        }
        let columns: Vec<Column> = HEADS.iter().map(|(_, width)| Column { width: *width, ..Column::default() }).collect();
        fit_heights(&mut body, &columns);
        let subtitle = format!("截至{}　　{}个单位，{}项", chinese_date(self.visible.material.as_of), units.len(), body.len());
        let mut sheet = self.start_sheet(columns, &subtitle);
        let head = sheet.rows.len();
        let cells = HEADS.iter().map(|(title, _)| Value::text(*title)).collect();
        sheet.rows.push(Row { role: Role::Head, cells, height: Some(24.0), ..Row::default() });
        sheet.rows.append(&mut body);
        sheet.filter = Some((head, sheet.rows.len() - 1));
        sheet.freeze = Some((head + 1, 0));
        sheet.repeat = Some((head, head));
        self.add_notes(&mut sheet);
        sheet
    }

    /// The answers on the records of the visible findings.
    pub(crate) fn answers(&mut self) -> Sheet<'a> {
        let policy = self.visible.policy();
        let mut body: Vec<Row> = Vec::new();
        let mut proposed = 0;
        let found = FindingsByRecord::new(policy, self.visible.findings.iter().copied());
        for (finding, answer) in self.visible.answered() {
            let index = policy.rules[finding.rule].ledger;
            let ledger = &policy.ledgers[index];
            let city = finding.owner.and_then(|owner| policy.units.city_of(owner));
            proposed += usize::from(!answer.proposals.is_empty());
            let cells = vec![
                Value::count(body.len() + 1),
                Value::text(city.map_or(String::new(), |city| policy.units.units[city].name.clone())),
                Value::text(finding.unit.to_string()),
                Value::text(finding.key.to_string()),
                Value::text(self.visible.text(&finding.name)),
                Value::text(found.lines(index, &finding.key)),
                Value::text(self.visible.text(&answer.text(ledger))),
                Value::text(self.visible.text(&answer.proposed(ledger))),
                Value::text(answer.by()),
            ];
            body.push(Row { cells, ..Row::default() });
        }
        let columns: Vec<Column> = ANSWER_HEADS.iter().map(|(_, width)| Column { width: *width, ..Column::default() }).collect();
        fit_heights(&mut body, &columns);
        let subtitle = format!("截至{}　　共{}项，其中待核实{proposed}项", chinese_date(self.visible.material.as_of), body.len());
        let mut sheet = self.start_sheet(columns, &subtitle);
        let head = sheet.rows.len();
        let cells = ANSWER_HEADS.iter().map(|(title, _)| Value::text(*title)).collect();
        sheet.rows.push(Row { role: Role::Head, cells, height: Some(24.0), ..Row::default() });
        if body.is_empty() {
            sheet.banner(Role::Note, "尚未收到反馈。");
        } else {
            sheet.rows.append(&mut body);
            sheet.filter = Some((head, sheet.rows.len() - 1));
        }
        sheet.freeze = Some((head + 1, 0));
        sheet.repeat = Some((head, head));
        self.add_notes(&mut sheet);
        sheet
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
fn form_columns(ledger: &Ledger, asked: &Asked) -> (Vec<Column>, Vec<String>) {
    let title = |role: FieldRole| ledger.role(role).map_or(String::new(), |field| ledger.fields[field].title.clone());
    let mut heads = vec!["序号".to_owned(), title(FieldRole::Code), title(FieldRole::Name), "督办事项".to_owned()];
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
    for field in editable(ledger) {
        let field = &ledger.fields[field];
        heads.push(field.title.clone());
        let width = if field.kind == FieldKind::Text { 28.0 } else { 12.0 };
        columns.push(Column { width, fill: true, ..Column::default() });
    }
    heads.extend(own_titles().map(str::to_owned));
    for (width, fill) in [(10.0, true), (24.0, true), (11.0, false)] {
        columns.push(Column { width, fill, ..Column::default() });
    }
    (columns, heads)
}
