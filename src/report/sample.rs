//! Writes the sample register as a workbook like those that offices hand in: a title with 截至, a row with the reporting unit, a merged header
//! of two rows, dates and amounts in several notations, a total row, notes and a signature line.

use crate::domain::register::ledger::{Field, FieldKind, Ledger, Role};
use crate::domain::register::levels::LevelWord;
use crate::domain::register::period::chinese_date;
use crate::domain::register::record::{Cell, fen_as_yi};
use crate::domain::rules::policy::Policy;
use crate::domain::sample::{Dice, Sample};
use chrono::{Datelike, NaiveDate};
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, FormatAlign, Workbook, Worksheet, XlsxError};

/// Sheets with at least so many rows are written row by row instead of being held in memory.
const CONSTANT_MEMORY_ROWS: usize = 20_000;

/// Groups of the upper header row: title, first field, last field.
const GROUPS: [(&str, &str, &str); 4] = [
    ("基本情况", "code", "stage"),
    ("投资情况", "amount", "funds"),
    ("时间节点", "negotiation_began_on", "terminated_on"),
    ("责任落实", "unit", "plan"),
];

/// Fields that the registers in use have no column for.
const WITHOUT_COLUMN: [&str; 11] = [
    "evaluation_result",
    "planned_signing_on",
    "planned_progress_pct",
    "reason",
    "measure",
    "next_on",
    "met_by",
    "approved_on",
    "key_library_on",
    "at_capacity_on",
    "refusal",
];

/// The sample as the bytes of an .xlsx file; equal samples give equal bytes.
///
/// # Errors
/// The sample exceeds a limit of the file format.
pub(crate) fn write(sample: &Sample, policy: &Policy) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let day = sample.as_of;
    book.set_properties(&DocProperties::new().set_title("项目台账（样例）").set_creation_datetime(&excel_date(day)?));
    let mut dice = Dice::new(930);
    for (index, rows) in &sample.ledgers {
        let ledger = &policy.ledgers[*index];
        let sheet = if rows.len() >= CONSTANT_MEMORY_ROWS { book.add_worksheet_with_constant_memory()? } else { book.add_worksheet() };
        if ledger.is_of_projects() {
            write_projects(sheet, policy, ledger, rows, day, &mut dice)?
        } else {
            write_plain(sheet, ledger, rows)?
        }
    }
    book.save_to_buffer()
}

fn excel_date(day: NaiveDate) -> Result<ExcelDateTime, XlsxError> {
    ExcelDateTime::from_ymd(day.year().clamp(1900, 9999) as u16, day.month() as u8, day.day() as u8)
}

fn header_format() -> Format {
    Format::new().set_bold().set_align(FormatAlign::Center).set_align(FormatAlign::VerticalCenter).set_text_wrap()
}

/// Rows above the first record: title, reporting unit, two header rows.
const PROJECT_HEADER_ROWS: u32 = 4;

fn write_projects(
    sheet: &mut Worksheet,
    policy: &Policy,
    ledger: &Ledger,
    rows: &[Vec<Cell>],
    day: NaiveDate,
    dice: &mut Dice,
) -> Result<(), XlsxError> {
    let units = &policy.units;
    let title = format!("{}{}", units.levels.top(LevelWord::Area), ledger.title);
    sheet.set_name(&title)?;
    let fields: Vec<usize> =
        (0..ledger.fields.len()).filter(|field| !WITHOUT_COLUMN.contains(&ledger.fields[*field].id.as_str())).collect();
    let head = SampleHead { title: format!("{title}（截至{}）", chinese_date(day)), office: &units.units[units.office()].name };
    write_project_header(sheet, ledger, &fields, &head, rows.len() >= CONSTANT_MEMORY_ROWS)?;
    let date = Format::new().set_num_format("yyyy-mm-dd");
    let mut total = 0i64;
    for (number, cells) in rows.iter().enumerate() {
        let row = number as u32 + PROJECT_HEADER_ROWS;
        sheet.write(row, 0, number as u32 + 1)?;
        for (position, field) in fields.iter().enumerate() {
            let column = position as u16 + 1;
            let (field, cell) = (&ledger.fields[*field], &cells[*field]);
            if let (Cell::Money(fen), "amount") = (cell, field.id.as_str()) {
                total += fen;
            }
            write_project_cell(sheet, row, column, field, cell, &date, dice)?;
        }
    }
    let row = rows.len() as u32 + PROJECT_HEADER_ROWS;
    sheet.write(row, 1, "合计")?;
    if let Some(position) = fields.iter().position(|field| ledger.fields[*field].id == "amount") {
        sheet.write(row, position as u16 + 1, fen_as_yi(total).to_f64())?;
    }
    sheet.write(row + 1, 0, "注：1.合同投资额以签订合同为准；2.框架协议不计入签约项目；3.本表为样例，单位、人员、金额均为虚构。")?;
    sheet.write(row + 2, 0, "填表人：        审核人：        ")?;
    Ok(())
}

/// What is written above the header.
struct SampleHead<'a> {
    title: String,
    office: &'a str,
}

/// The title, the row with the reporting unit, and the header of two rows.
fn write_project_header(
    sheet: &mut Worksheet,
    ledger: &Ledger,
    fields: &[usize],
    head: &SampleHead<'_>,
    constant_memory: bool,
) -> Result<(), XlsxError> {
    let last = fields.len() as u16;
    for column in 0..=last {
        sheet.set_column_width(column, if column == 2 { 34 } else { 13 })?;
    }
    let title = header_format().set_font_size(16);
    sheet.merge_range(0, 0, 0, last, &head.title, &title)?;
    sheet.write(1, 0, format!("填报单位：{}", head.office))?;
    sheet.write(1, last - 3, "单位：亿元")?;
    let at = |id: &str| fields.iter().position(|field| ledger.fields[*field].id == id).map(|position| position as u16 + 1);
    let title_of = |field: usize| match ledger.fields[field].id.as_str() {
        "progress_pct" => format!("{}(%)", ledger.fields[field].title),
        _ => ledger.fields[field].title.clone(),
    };
    let groups: Vec<(&str, u16, u16)> = GROUPS.iter().filter_map(|(name, from, to)| Some((*name, at(from)?, at(to)?))).collect();
    // With constant memory a row is final once the next one begins, so no cell can be merged over two rows.
    let over_two_rows = |sheet: &mut Worksheet, column: u16, text: &str| {
        if constant_memory {
            sheet.write_with_format(2, column, text, &header_format()).map(|_| ())
        } else {
            sheet.merge_range(2, column, 3, column, text, &header_format()).map(|_| ())
        }
    };
    over_two_rows(sheet, 0, "序号")?;
    for (name, from, to) in &groups {
        sheet.merge_range(2, *from, 2, *to, name, &header_format())?;
    }
    let grouped = |column: u16| groups.iter().any(|(_, from, to)| (*from..=*to).contains(&column));
    for (position, field) in fields.iter().enumerate() {
        let column = position as u16 + 1;
        if !grouped(column) {
            over_two_rows(sheet, column, &title_of(*field))?;
        }
    }
    for (position, field) in fields.iter().enumerate() {
        let column = position as u16 + 1;
        if grouped(column) {
            sheet.write_with_format(3, column, title_of(*field), &header_format())?;
        }
    }
    sheet.set_freeze_panes(PROJECT_HEADER_ROWS, 3)?;
    Ok(())
}

/// Writes a cell as clerks do: dates and amounts in several notations, some codes in full-width characters.
fn write_project_cell(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    field: &Field,
    cell: &Cell,
    date: &Format,
    dice: &mut Dice,
) -> Result<(), XlsxError> {
    match cell {
        Cell::Empty => {
            // Clerks leave the cell blank or write a word for "none".
            if matches!(field.kind, FieldKind::Date { .. }) && dice.chance(35) {
                sheet.write(row, column, *dice.pick(&["—", "/", "无"]))?;
            }
        }
        Cell::Date(day) => match date_as_text(*day, dice) {
            Some(text) => {
                sheet.write(row, column, text)?;
            }
            None => {
                sheet.write_with_format(row, column, &excel_date(*day)?, date)?;
            }
        },
        Cell::Money(fen) => write_money(sheet, row, column, *fen, dice)?,
        Cell::Decimal(value) if dice.chance(20) => {
            sheet.write(row, column, format!("{value}%"))?;
        }
        Cell::Decimal(value) => {
            sheet.write(row, column, value.to_f64())?;
        }
        Cell::Text(text) if field.id == "code" && dice.chance(4) => {
            sheet.write(row, column, format!(" {}\u{3000}", full_width(text)))?;
        }
        other => {
            sheet.write(row, column, other.to_string())?;
        }
    }
    Ok(())
}

/// Writes a ledger with one header row and every cell in its plain notation.
fn write_plain(sheet: &mut Worksheet, ledger: &Ledger, rows: &[Vec<Cell>]) -> Result<(), XlsxError> {
    sheet.set_name(&ledger.title)?;
    let date = Format::new().set_num_format("yyyy-mm-dd");
    // of the sample only the projects have a column of secrecy
    let shown: Vec<usize> =
        (0..ledger.fields.len()).filter(|field| ledger.role(Role::Restricted) != Some(*field) && !ledger.fields[*field].own).collect();
    for (column, field) in shown.iter().map(|field| &ledger.fields[*field]).enumerate() {
        sheet.set_column_width(column as u16, if field.role == Some(Role::Name) { 34 } else { 15 })?;
        sheet.write_with_format(0, column as u16, &field.title, &header_format())?;
    }
    sheet.set_freeze_panes(1, 0)?;
    for (number, cells) in rows.iter().enumerate() {
        for (column, cell) in shown.iter().map(|field| &cells[*field]).enumerate() {
            let (row, column) = (number as u32 + 1, column as u16);
            match cell {
                Cell::Empty => {}
                Cell::Date(day) => {
                    sheet.write_with_format(row, column, &excel_date(*day)?, &date)?;
                }
                other => {
                    sheet.write(row, column, other.to_string())?;
                }
            }
        }
    }
    Ok(())
}

/// A date as a text in one of several notations; `None` = the cell holds a real date.
fn date_as_text(day: NaiveDate, dice: &mut Dice) -> Option<String> {
    let (year, month, date) = (day.year(), day.month(), day.day());
    Some(match dice.below(16) {
        0..9 => return None,
        9..11 => day.to_string(),
        11 => format!("{year}年{month}月{date}日"),
        12 => format!("{year}/{month}/{date}"),
        13 => format!("{year}.{month:02}.{date:02}"),
        14 => format!("{year}{month:02}{date:02}"),
        _ => full_width(&day.to_string()),
    })
}

fn write_money(sheet: &mut Worksheet, row: u32, column: u16, fen: i64, dice: &mut Dice) -> Result<(), XlsxError> {
    let yi = fen_as_yi(fen);
    match dice.below(10) {
        0 => sheet.write(row, column, format!("{yi}亿元"))?,
        1 => {
            let wan = (fen / 1_000_000).to_string();
            let grouped: Vec<&str> = wan.as_bytes().rchunks(3).rev().filter_map(|part| std::str::from_utf8(part).ok()).collect();
            sheet.write(row, column, format!("{}万元", grouped.join(",")))?
        }
        _ => sheet.write(row, column, yi.to_f64())?,
    };
    Ok(())
}

fn full_width(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '!'..='~' => char::from_u32(c as u32 + 0xfee0).unwrap_or(c),
            c => c,
        })
        .collect()
}
