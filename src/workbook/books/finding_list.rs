//! 督办事项清单: the findings that somebody has selected, as one sheet.

use crate::domain::register::period::chinese_date;
use crate::workbook::model::{self, Column, Paper, Role, Row, Sheet, Value, Workbook};
use chrono::NaiveDate;

/// One finding, in words.
#[derive(Clone, Debug)]
pub(crate) struct ListedFinding {
    pub(crate) light: String,
    pub(crate) rule: String,
    pub(crate) unit: String,
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) due_on: Option<NaiveDate>,
    /// Calendar days.
    pub(crate) overdue_days: Option<i64>,
    pub(crate) measure: String,
    pub(crate) change: String,
    pub(crate) basis: String,
}

/// The content of the list.
#[derive(Clone, Debug)]
pub(crate) struct FindingList<'a> {
    pub(crate) office: &'a str,
    pub(crate) as_of: NaiveDate,
    /// What was selected, in words; empty = all.
    pub(crate) selected: String,
    /// How the head begins where a row is restricted; empty = none is.
    pub(crate) head_mark: &'a str,
    /// How many there are; their rows are streamed while the file is written.
    pub(crate) findings: usize,
}

/// Titles of the columns with their widths in characters.
const HEADS: [(&str, f64); 11] = [
    ("序号", 6.0),
    ("灯色", 10.0),
    ("督办事项", 16.0),
    ("责任单位", 18.0),
    ("编号", 16.0),
    ("名称", 32.0),
    ("应完成日期", 12.0),
    ("超期天数", 9.0),
    ("情况", 34.0),
    ("较上期", 9.0),
    ("依据", 16.0),
];

/// The row of a finding at a place of the list, from 0.
pub(crate) fn finding_row(place: usize, finding: &ListedFinding) -> Row {
    Row {
        cells: vec![
            Value::count(place + 1),
            Value::text(finding.light.clone()),
            Value::text(finding.rule.clone()),
            Value::text(finding.unit.clone()),
            Value::text(finding.key.clone()),
            Value::text(finding.name.clone()),
            finding.due_on.map_or(Value::Blank, Value::Date),
            finding.overdue_days.map_or(Value::Blank, |days| Value::count(days as usize)),
            Value::text(finding.measure.clone()),
            Value::text(finding.change.clone()),
            Value::text(finding.basis.clone()),
        ],
        ..Row::default()
    }
}

/// Builds the workbook of the list without its rows. Equal lists give equal workbooks.
pub(crate) fn finding_list_workbook(list: &FindingList<'_>) -> Workbook<'static> {
    let title = "督办事项清单";
    let mut columns: Vec<Column> = HEADS.iter().map(|(_, width)| Column { width: *width, ..Column::default() }).collect();
    let head = model::head(&HEADS.map(|(head, _)| head), &mut columns);
    let mut sheet = Sheet { name: title.to_owned(), landscape: true, paper: Paper::A3, columns, ..Sheet::default() };
    sheet.banner(Role::Title, title);
    let selected = if list.selected.is_empty() { String::new() } else { format!("　　{}", list.selected) };
    sheet.subtitle(format!("{}截至{}　　共{}件{selected}", list.head_mark, chinese_date(list.as_of), list.findings));
    let head_at = sheet.rows.len();
    sheet.rows.push(head);
    if list.findings == 0 {
        sheet.banner(Role::Note, "无。");
    } else {
        sheet.streamed = list.findings;
        sheet.filter = Some((head_at, head_at + list.findings));
    }
    sheet.freeze = Some((head_at + 1, 0));
    sheet.repeat = Some((head_at, head_at));
    sheet.header = title.to_owned();
    sheet.footer = format!("截至{}", chinese_date(list.as_of));
    Workbook {
        title: title.to_owned(),
        subject: format!("{title}（截至{}）", list.as_of),
        keywords: "招商引资,督办".into(),
        description: format!("数据截至{}", chinese_date(list.as_of)),
        author: list.office.to_owned(),
        created: list.as_of,
        sheets: vec![sheet],
        ..Workbook::default()
    }
}
