//! 签发清单: the drafts that wait for a person, one row each, to be marked with 同意 or 不同意 and handed back; and what else has come to the bound
//! of an act and is only listed.

use crate::domain::notify::signing::{AGREED, CHECK_TITLE, CODE_TITLE, DECISION_TITLE, REFUSED, UNIT_TITLE};
use crate::domain::register::period::chinese_date;
use crate::workbook::model::{self, Choice, Column, Paper, Role, Row, Sheet, Value, Words, Workbook, fit_heights};
use chrono::NaiveDate;

/// One draft.
#[derive(Clone, Debug, Default)]
pub(crate) struct SigningRow {
    pub(crate) id: String,
    pub(crate) unit: String,
    /// 督办, 通报 or 约谈.
    pub(crate) act: &'static str,
    pub(crate) projects: usize,
    pub(crate) findings: usize,
    /// In 分.
    pub(crate) amount: i64,
    /// Days overdue of the finding that is overdue longest.
    pub(crate) longest: i64,
    /// Records on which a unit has answered so far.
    pub(crate) answered: usize,
    /// What proves that the row is of this service and the draft as it is now.
    pub(crate) check: String,
}

/// The content of the list.
#[derive(Clone, Debug)]
pub(crate) struct SigningList<'a> {
    pub(crate) office: &'a str,
    pub(crate) as_of: NaiveDate,
    pub(crate) run: &'a str,
    pub(crate) rows: Vec<SigningRow>,
    /// Units that have come to 约谈 and are not proposed.
    pub(crate) not_interviewed: Vec<String>,
}

/// Titles of the columns with their widths in characters.
const HEADS: [(&str, f64); 11] = [
    ("序号", 6.0),
    (UNIT_TITLE, 26.0),
    ("方式", 8.0),
    ("项目（个）", 10.0),
    ("事项（件）", 10.0),
    ("投资额（亿元）", 14.0),
    ("最长超期（天）", 12.0),
    ("已反馈（件）", 10.0),
    (DECISION_TITLE, 14.0),
    (CODE_TITLE, 36.0),
    (CHECK_TITLE, 26.0),
];
/// Place of the column that a person fills in.
const DECISION: usize = 8;

/// Builds the list. Equal lists give equal workbooks.
pub(crate) fn signing_list_workbook(list: &SigningList<'_>) -> Workbook<'static> {
    let title = "签发清单";
    let mut columns: Vec<Column> = HEADS.iter().map(|(_, width)| Column { width: *width, ..Column::default() }).collect();
    columns[DECISION].fill = true;
    let head = model::head(&HEADS.map(|(head, _)| head), &mut columns);
    let mut sheet = Sheet { name: title.to_owned(), landscape: true, paper: Paper::A4, columns, ..Sheet::default() };
    sheet.banner(Role::Title, title);
    sheet.subtitle(format!("截至{}　　{}　　共{}件", chinese_date(list.as_of), list.run, list.rows.len()));
    let head_at = sheet.rows.len();
    sheet.rows.push(head);
    let mut body: Vec<Row> = list.rows.iter().enumerate().map(|(place, row)| signing_row(place, row)).collect();
    fit_heights(&mut body, &sheet.columns);
    let (first, last) = (sheet.rows.len(), sheet.rows.len() + body.len().saturating_sub(1));
    let is_empty = body.is_empty();
    sheet.rows.append(&mut body);
    sheet.locked = true;
    sheet.partial = true;
    if is_empty {
        sheet.banner(Role::Note, "没有待签发的拟办件。");
    } else {
        let words = Words::These([AGREED, REFUSED].map(str::to_owned).to_vec());
        sheet.choices.push(Choice { column: DECISION, first, last, words });
        sheet.banner(Role::Note, format!("注：请在“{DECISION_TITLE}”栏逐件填“{AGREED}”或“{REFUSED}”，未填的不作处理；其余各格请勿改动。"));
        sheet.banner(Role::Note, "填好后交办公室执行：duban outbox release --list 本文件 --by 姓名。清单做成后改过的拟办件不签发。");
    }
    if !list.not_interviewed.is_empty() {
        let named = list.not_interviewed.join("、");
        sheet.banner(Role::Note, format!("另有{}个单位也达到约谈条件，未列入建议：{named}。", list.not_interviewed.len()));
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

fn signing_row(place: usize, row: &SigningRow) -> Row {
    Row {
        cells: vec![
            Value::count(place + 1),
            Value::text(row.unit.clone()),
            Value::text(row.act),
            Value::count(row.projects),
            Value::count(row.findings),
            Value::Amount(i128::from(row.amount)),
            Value::Count(row.longest),
            Value::count(row.answered),
            Value::Blank,
            Value::text(row.id.clone()),
            Value::text(row.check.clone()),
        ],
        open: vec![DECISION],
        ..Row::default()
    }
}
