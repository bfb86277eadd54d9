//! 反馈情况: the answers of units on the records of the findings.

use crate::domain::audience::is_named;
use crate::domain::judging::finding::Finding;
use crate::domain::notify::feedback::Answer;
use crate::domain::problem::ProblemsAt;
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
pub struct Answers {}

impl Kind for Answers {
    type Keys = Answers;

    fn check(keys: Answers, _: &References<'_>, _: &mut ProblemsAt<'_>) -> Option<Answers> {
        Some(keys)
    }

    fn build<'a>(&self, builder: &mut SheetBuilder<'a, '_>) -> Vec<Sheet<'a>> {
        vec![builder.answers()]
    }

    fn rows(&self, visible: &VisibleMaterial<'_>) -> Rows {
        Rows::listed_if(visible.answered().next().is_some())
    }
}

impl<'a> SheetBuilder<'a, '_> {
    /// The answers on the records of the visible findings.
    fn answers(&mut self) -> Sheet<'a> {
        let policy = self.visible.policy();
        // the titles of the columns with their widths in characters
        let heads = [
            ("序号", 6.0),
            (policy.units.levels.division(LevelWord::Name), 14.0),
            ("责任单位", 16.0),
            ("编号", 16.0),
            ("名称", 26.0),
            ("督办事项", 24.0),
            ("反馈内容", 44.0),
            ("待核实", 30.0),
            ("反馈人和日期", 14.0),
        ];
        let mut body: Vec<Row> = Vec::new();
        let mut proposed = 0;
        let found = FindingsByRecord::new(policy, self.visible.findings.iter().copied());
        for (finding, answer) in self.visible.answered() {
            let index = policy.rules[finding.rule].ledger;
            let ledger = &policy.ledgers[index];
            let division = finding.owner.and_then(|owner| policy.units.division_of(owner));
            proposed += usize::from(!answer.proposals.is_empty());
            let cells = vec![
                Value::count(body.len() + 1),
                Value::text(division.map_or(String::new(), |division| policy.units.units[division].name.clone())),
                Value::text(self.visible.text(&finding.unit)),
                Value::text(finding.key.to_string()),
                Value::text(self.visible.text(&finding.name)),
                Value::text(found.lines(index, &finding.key, self.visible.record(index, &finding.key).as_deref())),
                Value::text(self.visible.text(&answer.text(ledger))),
                Value::text(self.visible.text(&answer.proposed(ledger))),
                Value::text(self.visible.text(&answer.by())),
            ];
            let mut row = Row { cells, ..Row::default() };
            if !is_named(finding) {
                self.visible.mark_restricted(&mut row, Some(4));
            }
            body.push(row);
        }
        let columns: Vec<Column> = heads.iter().map(|(_, width)| Column { width: *width, ..Column::default() }).collect();
        fit_heights(&mut body, &columns);
        let subtitle = format!("截至{}　　共{}件，其中待核实{proposed}件", chinese_date(self.visible.material.as_of), body.len());
        let mut sheet = self.start_sheet(columns, &subtitle);
        let head = sheet.rows.len();
        let cells = heads.iter().map(|(title, _)| Value::text(*title)).collect();
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

impl<'a> VisibleMaterial<'a> {
    /// The answers on the records of the visible findings, each once, in the order of the findings.
    fn answered(&self) -> impl Iterator<Item = (&'a Finding, &'a Answer)> {
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
