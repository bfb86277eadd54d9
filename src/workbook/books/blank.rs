//! The blank form of a ledger (空表): a sheet whose header the import reads back, and a sheet that explains each field.

use crate::domain::own_sheet::{GUIDE_SHEET, OwnDocument};
use crate::domain::register::ledger::{Field, FieldKind, Ledger, OwnerSpec, Privacy, Role as FieldRole};
use crate::domain::register::levels::{LevelKind, LevelWord, Levels};
use crate::domain::register::units::Unit;
use crate::domain::rules::policy::Policy;
use crate::workbook::choices::fits_a_rule;
use crate::workbook::model::{
    Area, Choice, Column, Entry, Paper, Role, Row, Sheet, Value, Words, Workbook, fit_heights, text_lines, text_width,
};
use chrono::NaiveDate;

/// The ledger that a blank form is for.
pub(crate) struct BlankForm<'a> {
    pub(crate) policy: &'a Policy,
    /// Index in the policy.
    pub(crate) ledger: usize,
    pub(crate) office: &'a str,
}

/// Blank rows with borders, which are printed. Rows below them can be filled in too.
const ROWS_DRAWN: usize = 50;
/// The last row that the file format allows, counted from 0. Drop-down lists reach down to it.
const LAST_ROW: usize = 1_048_575;
/// The greatest widths, in characters, that are legible on a page of A4 and A3 in landscape.
const A4_WIDTH: f64 = 165.0;
const A3_WIDTH: f64 = 235.0;

const YES_NO: [&str; 2] = ["是", "否"];

/// Titles of the columns of the explanation with their widths in characters.
const HEADS: [(&str, f64); 7] =
    [("序号", 6.0), ("栏目", 20.0), ("是否必填", 10.0), ("填什么", 30.0), ("可填的内容", 34.0), ("示例", 22.0), ("谁可以看", 34.0)];

/// Builds the workbook of a blank form. Equal ledgers give equal workbooks.
pub(crate) fn blank_form_workbook(form: &BlankForm<'_>) -> Workbook<'static> {
    let ledger = &form.policy.ledgers[form.ledger];
    let title = format!("{}填报表", ledger.title);
    let mut explanation = explanation(form, ledger);
    let mut sheet = Sheet { name: ledger.title.clone(), landscape: true, ..Sheet::default() };
    let mut heads = Vec::new();
    let fields = || ledger.fields.iter().filter(|field| !field.own).enumerate();
    for (index, field) in fields() {
        let head = head(ledger, field);
        // A header may take two lines, but a money unit is not divided between them.
        let lines = if field.kind == FieldKind::Money { 1.0 } else { 2.0 };
        let width = width_of(field).max((text_width(&head) / lines).ceil() + 2.5);
        sheet.columns.push(Column { width, entry: Some(entry(field.kind)), ..Column::default() });
        heads.push(Value::text(head));
        let words = words_of(field);
        if !words.is_empty() {
            let words = drop_down(&mut explanation, &field.title, words);
            sheet.choices.push(Choice { column: index, first: 1, last: LAST_ROW, words });
        }
    }
    let lines = heads.iter().zip(&sheet.columns).map(|(head, column)| match head {
        Value::Text(text) => text_lines(text, column.width - 1.0),
        _ => 1,
    });
    let height = Some(15.0 * lines.max().unwrap_or(1) as f64 + 9.0);
    sheet.rows.push(Row { role: Role::Head, cells: heads, height, ..Row::default() });
    for _ in 0..ROWS_DRAWN {
        sheet.rows.push(Row { cells: vec![Value::Blank; fields().count()], height: Some(18.0), ..Row::default() });
    }
    let name = ledger.role(FieldRole::Name).filter(|field| *field < 3);
    sheet.freeze = Some((1, name.map_or(0, |field| field + 1)));
    sheet.repeat = Some((0, 0));
    sheet.printed_to = Some(ROWS_DRAWN);
    let width: f64 = sheet.columns.iter().map(|column| column.width).sum();
    if width > A4_WIDTH {
        let frozen: f64 = sheet.columns[..sheet.freeze.map_or(0, |(_, columns)| columns)].iter().map(|column| column.width).sum();
        sheet.paper = Paper::A3;
        // The frozen columns are repeated on every page.
        sheet.pages_wide = if width <= A3_WIDTH { 1 } else { ((width - frozen) / (A3_WIDTH - frozen)).ceil() as u16 };
    }
    let mut book = Workbook {
        title: title.clone(),
        subject: format!("{}空表及填写说明", ledger.title),
        keywords: "填报表".into(),
        author: form.office.to_owned(),
        document: OwnDocument::Form,
        // A form belongs to no day, and the current time would make the bytes of the file differ.
        created: NaiveDate::from_ymd_opt(2026, 1, 1).unwrap_or_default(),
        sheets: vec![sheet, explanation],
        ..Workbook::default()
    };
    for sheet in &mut book.sheets {
        sheet.header.clone_from(&title);
        sheet.footer = form.office.to_owned();
    }
    book
}

/// The title of a column, which the import recognises, with the money unit and 必填 in brackets.
fn head(ledger: &Ledger, field: &Field) -> String {
    let unit = (field.kind == FieldKind::Money).then(|| ledger.money_unit());
    let marks: Vec<&str> = unit.into_iter().chain(field.required.then_some("必填")).collect();
    if marks.is_empty() { field.title.clone() } else { format!("{}（{}）", field.title, marks.join("，")) }
}

fn entry(kind: FieldKind) -> Entry {
    match kind {
        FieldKind::Text | FieldKind::Bool => Entry::Text,
        FieldKind::Date { .. } => Entry::Date,
        FieldKind::Money | FieldKind::Decimal => Entry::Decimal,
        FieldKind::Int => Entry::Int,
    }
}

fn width_of(field: &Field) -> f64 {
    match (field.kind, field.role) {
        (FieldKind::Text, Some(FieldRole::Code | FieldRole::Project)) => 18.0,
        (FieldKind::Text, Some(FieldRole::Name)) => 34.0,
        (FieldKind::Text, Some(FieldRole::Phone)) => 16.0,
        (FieldKind::Text, _) if !field.values.is_empty() => 14.0,
        (FieldKind::Text, _) => 18.0,
        (FieldKind::Date { .. } | FieldKind::Money, _) => 13.0,
        _ => 10.0,
    }
}

/// The words that a cell of the field may have; empty = any.
fn words_of(field: &Field) -> Vec<String> {
    match field.kind {
        FieldKind::Bool => YES_NO.map(str::to_owned).to_vec(),
        _ => field.values.clone(),
    }
}

/// The drop-down list of a column. Words that do not fit into a validation rule become cells of the explanation, to which the rule refers.
fn drop_down(explanation: &mut Sheet<'_>, title: &str, words: Vec<String>) -> Words {
    if fits_a_rule(&words) {
        return Words::These(words);
    }
    explanation.banner(Role::Section, format!("{title}可填的内容"));
    let first = explanation.rows.len();
    for (index, word) in words.into_iter().enumerate() {
        explanation.rows.push(Row { cells: vec![Value::count(index + 1), Value::text(word)], ..Row::default() });
    }
    Words::Listed { sheet: 1, area: Area { column: 1, first, last: explanation.rows.len() - 1 } }
}

/// 填写说明: one row for each field, and the notes on how to fill in the form.
fn explanation(form: &BlankForm<'_>, ledger: &Ledger) -> Sheet<'static> {
    let columns: Vec<Column> = HEADS.iter().map(|(_, width)| Column { width: *width, ..Column::default() }).collect();
    let mut sheet = Sheet { name: GUIDE_SHEET.into(), landscape: true, columns, ..Sheet::default() };
    sheet.banner(
        Role::Paragraph,
        format!("本表说明“{}”表各栏怎样填写。请在该表第2行起逐行填写，一行一项，填好后报办公室导入。", ledger.title),
    );
    sheet.banner(Role::Title, format!("{}填写说明", ledger.title));
    sheet.banner(Role::Subtitle, form.office);
    let cells = HEADS.map(|(head, _)| Value::text(head)).to_vec();
    let head = sheet.rows.len();
    sheet.rows.push(Row { role: Role::Head, cells, height: Some(24.0), ..Row::default() });
    let mut rows: Vec<Row> = Vec::with_capacity(ledger.fields.len());
    for (number, (index, field)) in (1..).zip(ledger.fields.iter().enumerate().filter(|(_, field)| !field.own)) {
        let cells = vec![
            Value::count(number),
            Value::text(field.title.clone()),
            Value::text(if field.required { "必填" } else { "有则填" }),
            Value::text(meaning(ledger, field)),
            Value::text(allowed(&form.policy.units.levels, ledger, index, field)),
            Value::text(example(form.policy, ledger, index, field)),
            Value::text(readers(ledger, field)),
        ];
        rows.push(Row { cells, ..Row::default() });
    }
    fit_heights(&mut rows, &sheet.columns);
    sheet.rows.append(&mut rows);
    sheet.freeze = Some((head + 1, 0));
    sheet.repeat = Some((head, head));
    for note in [
        "一、表头不要改动，不要删列；没有的内容留空，不要填“无”“待定”等字样。",
        "二、必填栏空着的行不能入库。编号每行一个，不得重复；同一项目以后各次报送使用同一编号。",
        "三、日期按2026-09-30的样式填写，只知道年月的，按实际核对后填写到日。",
        "四、金额填数字，单位以表头括号内为准。",
        "五、填写的数字和文字照原样收录，程序不作改动；有疑问的行在导入报告中列明，退回填报单位核对。",
    ] {
        sheet.banner(Role::Note, note);
    }
    sheet
}

fn meaning(ledger: &Ledger, field: &Field) -> String {
    match (field.kind, field.role) {
        (FieldKind::Text, Some(FieldRole::Code)) => "文字。每行一个，不得重复".into(),
        (FieldKind::Text, Some(FieldRole::Project)) => "文字。项目台账中的项目编号".into(),
        (FieldKind::Text, _) if !field.values.is_empty() => "文字。从下拉列表中选择".into(),
        (FieldKind::Text, _) => "文字".into(),
        (FieldKind::Date { planned: true }, _) => "日期。计划或约定的日期".into(),
        (FieldKind::Date { planned: false }, _) => "日期。实际发生的日期，尚未发生的留空".into(),
        (FieldKind::Money, _) => format!("金额。单位{}，填数字", ledger.money_unit()),
        (FieldKind::Decimal, _) => "数字。可带小数".into(),
        (FieldKind::Int, _) => "整数".into(),
        (FieldKind::Bool, _) => "是或否".into(),
    }
}

fn allowed(levels: &Levels, ledger: &Ledger, index: usize, field: &Field) -> String {
    let words = words_of(field);
    if !words.is_empty() {
        return words.join("、");
    }
    match field.role {
        Some(FieldRole::Place) => format!("{}的规范名称", levels.places(LevelWord::Name, "或")),
        Some(FieldRole::City) => format!("{}的规范名称", levels.division(LevelWord::Name)),
        Some(FieldRole::Industry) => "重点产业的规范名称".into(),
        _ if ledger.owner.field() == index => "责任单位的规范名称".into(),
        _ => String::new(),
    }
}

fn example(policy: &Policy, ledger: &Ledger, index: usize, field: &Field) -> String {
    let base = policy.units.units.iter().find(|unit| unit.level.kind() == LevelKind::Base);
    let named = |unit: Option<&Unit>| unit.map_or(String::new(), |unit| unit.name.clone());
    match (field.kind, field.role) {
        (_, _) if !field.values.is_empty() => field.values[0].clone(),
        (FieldKind::Date { .. }, _) => "2026-09-30".into(),
        (FieldKind::Money, _) => "3.25".into(),
        (FieldKind::Decimal, _) => "45.5".into(),
        (FieldKind::Int, _) => "12".into(),
        (FieldKind::Bool, _) => YES_NO[0].into(),
        (_, Some(FieldRole::Project)) => "GZ202600001".into(),
        (_, Some(FieldRole::Code)) if ledger.is_of_projects() => "GZ202600001".into(),
        (_, Some(FieldRole::Code)) => "2026-0001".into(),
        (_, Some(FieldRole::Phone)) => "0851-00000000".into(),
        (_, Some(FieldRole::Mailbox)) => "tzcj@gz.example".into(),
        (_, Some(FieldRole::Place)) => named(base),
        (_, Some(FieldRole::City)) => named(base.and_then(|base| base.parent).and_then(|parent| policy.units.units.get(parent))),
        (_, Some(FieldRole::Industry)) => policy.units.industries.first().map_or(String::new(), |industry| industry.name.clone()),
        _ if ledger.owner.field() == index => match ledger.owner {
            OwnerSpec::Department { .. } => policy.units.departments.first().map_or(String::new(), |kind| kind.name.clone()),
            _ => named(base),
        },
        _ => String::new(),
    }
}

/// Who may read the field outside the office.
fn readers(ledger: &Ledger, field: &Field) -> String {
    let field = match field.privacy {
        Privacy::None => "办公室、本单位和有关督办单位",
        Privacy::Personal => "办公室看全部；发给其他单位的，隐去中间数字",
        Privacy::Commercial => "商业信息，仅限办公室、本单位和有关督办单位",
    };
    if ledger.negotiation_only { format!("{field}；本台账不发给其他单位") } else { field.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_drop_down_list_refers_to_cells_of_the_explanation() {
        let mut sheet = Sheet { columns: vec![Column { width: 20.0, ..Column::default() }; 2], ..Sheet::default() };
        let short = vec!["合同".to_owned(), "框架协议".to_owned()];
        assert!(matches!(drop_down(&mut sheet, "协议类型", short.clone()), Words::These(words) if words == short));
        assert!(sheet.rows.is_empty());
        let long: Vec<String> = (0..64).map(|number| format!("写法{number}")).collect();
        let Words::Listed { sheet: 1, area } = drop_down(&mut sheet, "类别", long) else { panic!("too long for a rule") };
        assert_eq!((area.column, area.first, area.last), (1, 1, 64));
        assert!(matches!(drop_down(&mut sheet, "类别", vec!["甲,乙".into()]), Words::Listed { .. }));
    }
}
