//! The parts of 说明 on columns: which column each field was read from, which fields have no column, which columns name no field.

use crate::domain::intake::header_proposal::nearest;
use crate::domain::intake::header_search::nearest_field;
use crate::domain::intake::note::SheetAccount;
use crate::domain::register::ledger::{Field, FieldKind, Ledger};
use crate::workbook::books::intake_report::IntakeReport;
use crate::workbook::model::{Role, Sheet, Value};
use crate::workbook::spanning::{add_spanning_row, add_spanning_texts};

impl IntakeReport<'_> {
    /// The column that each field was read from. Sheets with the same columns share a table.
    pub(super) fn write_columns(&self, sheet: &mut Sheet<'_>) {
        for (ledger, names, account) in self.shapes() {
            sheet.banner(Role::Subtitle, format!("{}{}", ledger.title, sheet_names(&names)));
            add_spanning_texts(
                sheet,
                Role::Head,
                &[(0, "栏目"), (1, "列"), (2, "栏目"), (4, "列"), (5, "栏目"), (7, "列"), (8, "栏目"), (9, "列")],
            );
            let title = |id: &str| ledger.field(id).map_or(id, |field| ledger.fields[field].title.as_str()).to_owned();
            for part in account.columns.chunks(4) {
                let mut values = Vec::new();
                for (index, (name, letters)) in [(0, 1), (2, 4), (5, 7), (8, 9)].iter().enumerate() {
                    let (field, column) = part
                        .get(index)
                        .map_or((Value::Blank, Value::Blank), |(id, column)| (Value::text(title(id)), Value::text(column.clone())));
                    values.extend([(*name, field), (*letters, column)]);
                }
                add_spanning_row(sheet, Role::Body, values);
            }
            if !account.units.is_empty() {
                let units: Vec<String> = account.units.iter().map(|(id, unit)| format!("{}按{unit}", title(id))).collect();
                sheet.banner(Role::Paragraph, format!("金额的单位：{}。单元格内另写单位的，以单元格为准。", units.join("；")));
            }
        }
    }

    /// The fields without a column.
    pub(super) fn write_missing_fields(&self, sheet: &mut Sheet<'_>) {
        for facts in self.facts.ledgers.iter().filter(|facts| !facts.comparison.lost_fields.is_empty()) {
            let lost = facts.comparison.lost_fields.join("、");
            let text = format!(
                "{}上次有而这次没有：{lost}。如只是改了表头，请改回后重新导入，否则各行的这些内容按未填处理。",
                self.ledger(facts.ledger).title
            );
            sheet.banner(Role::Paragraph, text);
        }
        let mut any = false;
        for (ledger, names, account) in self.shapes() {
            let lacking: Vec<&str> = ledger
                .fields
                .iter()
                .filter(|field| !account.columns.iter().any(|(id, _)| *id == field.id))
                .map(|field| field.title.as_str())
                .collect();
            if !lacking.is_empty() {
                any = true;
                sheet.banner(Role::Paragraph, format!("{}{}：{}。", ledger.title, sheet_names(&names), lacking.join("、")));
            }
        }
        let advice = match any {
            true => {
                "需要这些栏目的督办规则对以上各行不启用。如表中其实有这一栏而名称不同，请改用上面的名称，或请办公室把该名称加入台账配置。"
            }
            false => "无，各栏都有。",
        };
        sheet.banner(Role::Paragraph, advice);
    }

    /// The columns that were not read, each with the field its title is closest to.
    pub(super) fn write_unknown_columns(&self, sheet: &mut Sheet<'_>) {
        let mut any = false;
        for (ledger, names, account) in self.shapes().into_iter().filter(|(.., account)| !account.unknown.is_empty()) {
            any = true;
            sheet.banner(Role::Subtitle, format!("{}{}", ledger.title, sheet_names(&names)));
            add_spanning_texts(sheet, Role::Head, &[(0, "列"), (1, "表头"), (3, "怎样改")]);
            for (letters, head) in &account.unknown {
                let is_read = |field: &Field| account.columns.iter().any(|(id, _)| *id == field.id);
                // what is proposed to the office is proposed here too
                let almost = nearest(ledger, head.rsplit('/').next().unwrap_or(head), |field| is_read(&ledger.fields[field]));
                let lacking = ledger.fields.iter().filter(|field| !is_read(field));
                let advice = match almost.map(|field| &ledger.fields[field]).or_else(|| nearest_field(lacking, head)) {
                    Some(field) if field.kind == FieldKind::Money => {
                        format!(
                            "如即“{0}”，请将表头改为“{0}（亿元）”或“{0}（万元）”，单位按实际写明，再重新导入；不是的不用处理",
                            field.title
                        )
                    }
                    Some(field) => format!("如即“{0}”，请将表头改为“{0}”后重新导入；不是的不用处理", field.title),
                    None => "台账没有相应栏目，不用处理；确需读入的，请办公室把该名称加入台账配置".to_owned(),
                };
                let cells = vec![(0, Value::text(letters.clone())), (1, Value::text(head.clone())), (3, Value::text(advice))];
                add_spanning_row(sheet, Role::Body, cells);
            }
        }
        if !any {
            sheet.banner(Role::Paragraph, "无，各列都已读取。");
        }
    }

    /// The sheets grouped by ledger and columns: the ledger, the names of the sheets, and the account of the first.
    fn shapes(&self) -> Vec<(&Ledger, Vec<&str>, &SheetAccount)> {
        let mut out: Vec<(&Ledger, Vec<&str>, &SheetAccount)> = Vec::new();
        for facts in self.facts.ledgers {
            let ledger = self.ledger(facts.ledger);
            for account in &facts.accounts {
                match out.iter_mut().find(|(known, _, first)| {
                    known.id == ledger.id
                        && first.columns == account.columns
                        && first.units == account.units
                        && first.unknown == account.unknown
                }) {
                    Some((_, names, _)) => names.push(&account.sheet),
                    None => out.push((ledger, vec![&account.sheet], account)),
                }
            }
        }
        out
    }
}

/// The names of sheets as `（工作表“甲”、“乙”等9个）`; empty for a file without named sheets.
fn sheet_names(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().filter(|name| !name.is_empty()).take(3).map(|name| format!("“{name}”")).collect();
    match (shown.is_empty(), names.len() > shown.len()) {
        (true, _) => String::new(),
        (false, true) => format!("（工作表{}等{}个）", shown.join("、"), names.len()),
        (false, false) => format!("（工作表{}）", shown.join("、")),
    }
}
