//! Building the table of rules: criterion, basis and lights of each rule, and the rows that it could not judge.

use crate::domain::judging::finding::State;
use crate::domain::problem::ProblemsAt;
use crate::domain::register::ledger::Ledger;
use crate::domain::register::period::chinese_date;
use crate::domain::rules::sentence::{clause, ladder, sentence};
use crate::workbook::model;
use crate::workbook::model::{Column, Role, Row, Sheet, Value, fit_heights};
use crate::workbook::named::NamedRecords;
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::sheets::kind::Kind;
use crate::workbook::sheets::references::References;
use crate::workbook::visible::VisibleMaterial;
use serde::Deserialize;

/// Head and width of each column; together they fill a landscape page of A4.
const COLUMNS: [(&str, f64); 5] = [("督办事项", 22.0), ("依据", 15.0), ("判定标准", 64.0), ("亮灯与方式", 48.0), ("本期未作判定的", 24.0)];

/// The kind has no keys of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {}

impl Kind for Rules {
    type Keys = Rules;

    fn check(keys: Rules, _: &References<'_>, _: &mut ProblemsAt<'_>) -> Option<Rules> {
        Some(keys)
    }

    fn build<'a>(&self, builder: &mut SheetBuilder<'a, '_>) -> Vec<Sheet<'a>> {
        vec![builder.rules()]
    }

    fn names(&self, _: &VisibleMaterial<'_>) -> NamedRecords {
        NamedRecords::new()
    }
}

impl<'a> SheetBuilder<'a, '_> {
    /// The table of rules.
    fn rules(&mut self) -> Sheet<'a> {
        let visible = self.visible;
        let policy = visible.policy();
        let cells = |rule: usize| {
            let declared = &policy.rules[rule];
            [declared.title.clone(), clause(&declared.basis), sentence(policy, declared), ladder(declared), visible.not_judged(rule)]
                .map(Value::text)
                .to_vec()
        };
        let mut body: Vec<Row> = (0..policy.rules.len()).map(|rule| Row { cells: cells(rule), ..Row::default() }).collect();
        let mut columns = COLUMNS.map(|(_, width)| Column { width, ..Column::default() }).to_vec();
        let head = model::head(&COLUMNS.map(|(title, _)| title), &mut columns);
        fit_heights(&mut body, &columns);
        let mut sheet = self.start_sheet(columns, &format!("截至{}　　共{}项", chinese_date(visible.material.as_of), body.len()));
        let head_at = sheet.rows.len();
        sheet.rows.push(head);
        sheet.rows.append(&mut body);
        let exempt = visible.findings.iter().filter(|finding| finding.state == State::Exempt).count();
        if exempt > 0 {
            let expiring = visible.notices().filter(|notice| notice.ends.is_some()).count();
            let expiring_text = if expiring == 0 {
                String::new()
            } else {
                format!("，其中{expiring}件在{}天内到期，到期后恢复催办", policy.exemptions.warn_days)
            };
            sheet.banner(Role::Note, format!("注：已批准豁免、延期或异议的{exempt}件照常亮灯，期内不催办{expiring_text}。"));
        }
        sheet.banner(Role::Note, "注：督办、通报、约谈由人签发后方可发出，签发前均为拟办；日期晚于统计截至日的事项视为尚未发生。");
        if !policy.document.is_empty() {
            sheet.banner(Role::Note, format!("注：“依据”所列条款出自{}。", policy.document));
        }
        sheet.freeze = Some((head_at + 1, 0));
        sheet.repeat = Some((head_at, head_at));
        self.add_notes(&mut sheet);
        sheet
    }
}

impl VisibleMaterial<'_> {
    /// Why a rule judged no row, or not every row; empty if it judged every row.
    pub(crate) fn not_judged(&self, rule: usize) -> String {
        let policy = self.policy();
        let ledger = &policy.ledgers[policy.rules[rule].ledger];
        let is_imported = |ledger: &Ledger| self.material.sources.iter().any(|source| source.ledger == ledger.title);
        if !is_imported(ledger) {
            return format!("“{}”台账尚未报送", ledger.title);
        }
        let off = self.material.judged.off.iter().filter(|((of, _), _)| *of == rule);
        let missing_columns = off.map(|((_, field), rows)| format!("台账没有“{}”一栏的{rows}行", ledger.fields[*field].title));
        missing_columns.collect::<Vec<_>>().join("；")
    }
}
