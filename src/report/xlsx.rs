//! The workbook model as an .xlsx file. This is the one place that knows fonts, colours and number formats.
//!
//! Invariant: equal workbooks give equal bytes; the only date in the file is the model's own.

use crate::domain::rules::rule::Light;
use crate::workbook::model::{Chart, ChartKind, Choice, Column, Entry, Paper, Role, Row, Sheet, Value, Words, Workbook, fit_heights};
use crate::workbook::pagination::MARGINS;
use chrono::Datelike;
use rust_xlsxwriter as xlsx;
use rust_xlsxwriter::{
    ConditionalFormatBlank, ConditionalFormatDataBar, DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, XlsxError,
};
use std::collections::BTreeMap;
use std::io::Write;

/// A workbook that could not be written as a file.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    #[error("工作簿“{title}”无法生成：{source}")]
    Write { title: String, source: XlsxError },
    #[error("表“{sheet}”有{rows}行{columns}列，超出一张表的上限")]
    TooLarge { sheet: String, rows: usize, columns: usize },
    #[error("工作簿“{title}”的内容没有读全")]
    Incomplete { title: String },
}

/// From this many rows on a sheet is written row by row instead of being held in memory.
const STREAMED_ROWS: usize = 20_000;

const LARGE_BOOK_LEVEL: u8 = 2;

const SHEET_ROWS_MAX: usize = 1_048_576;
const SHEET_COLUMNS_MAX: usize = 16_384;
/// The most characters a cell takes.
const CELL_CHARS_MAX: usize = 32_767;

/// Text longer than this may be cut by the height a row can have: about 500 glyphs.
const LONG_BYTES: usize = 1500;

/// The lines of a table.
const LINE: &str = "808080";

const SONG: &str = "宋体";
const HEI: &str = "黑体";

/// The bytes of the .xlsx file.
///
/// # Errors
/// A sheet larger than the format allows, or what the writer refuses (a tab name it does not take).
pub fn render(book: &Workbook<'_>) -> Result<Vec<u8>, RenderError> {
    let mut bytes = Vec::new();
    render_into(book, &mut || None, &mut bytes)?;
    Ok(bytes)
}

/// Writes the .xlsx file, with the rows that sheets announce as `streamed`, in the order of the sheets. None of them is held, nor is the
/// file.
///
/// # Errors
/// As [`render`]; also when there are fewer rows than announced, or more, or `out` cannot be written.
pub fn render_into(book: &Workbook<'_>, next: &mut dyn FnMut() -> Option<Row>, out: &mut (impl Write + Send)) -> Result<(), RenderError> {
    for sheet in &book.sheets {
        let rows = sheet.height();
        if rows > SHEET_ROWS_MAX || sheet.columns.len() > SHEET_COLUMNS_MAX {
            return Err(RenderError::TooLarge { sheet: sheet.name.clone(), rows, columns: sheet.columns.len() });
        }
    }
    let mut lacking = false;
    let mut announced = || {
        let row = next();
        lacking |= row.is_none();
        row.unwrap_or_default()
    };
    write(book, &mut announced, out).map_err(|source| RenderError::Write { title: book.title.clone(), source })?;
    if lacking || next().is_some() {
        return Err(RenderError::Incomplete { title: book.title.clone() });
    }
    Ok(())
}

fn write(book: &Workbook<'_>, next: &mut dyn FnMut() -> Row, to: &mut (impl Write + Send)) -> Result<(), XlsxError> {
    let mut out = xlsx::Workbook::new();
    let created = book.created;
    let properties = DocProperties::new()
        .set_title(&book.title)
        .set_subject(&book.subject)
        .set_author(&book.author)
        .set_company(&book.author)
        .set_keywords(&book.keywords)
        .set_comment(&book.description)
        .set_creation_datetime(&ExcelDateTime::from_ymd(year(created)?, created.month() as u8, created.day() as u8)?);
    out.set_properties(&properties);
    if book.sheets.iter().map(Sheet::height).max().unwrap_or(0) > STREAMED_ROWS {
        // a large book is packed in a third of the time and is a quarter larger
        out.set_zip_compression_level(LARGE_BOOK_LEVEL);
    }
    let mut styles = Styles::default();
    for sheet in &book.sheets {
        let target = if sheet.height() > STREAMED_ROWS { out.add_worksheet_with_constant_memory()? } else { out.add_worksheet() };
        write_sheet(target, sheet, book, &mut styles, next)?;
    }
    out.save_to_writer(to)
}

fn year(date: chrono::NaiveDate) -> Result<u16, XlsxError> {
    u16::try_from(date.year()).map_err(|_| XlsxError::DateTimeRangeError(date.to_string()))
}

fn write_sheet(
    target: &mut xlsx::Worksheet,
    sheet: &Sheet<'_>,
    book: &Workbook<'_>,
    styles: &mut Styles,
    next: &mut dyn FnMut() -> Row,
) -> Result<(), XlsxError> {
    target.set_name(&sheet.name)?;
    for (index, column) in sheet.columns.iter().enumerate() {
        target.set_column_width(column_number(index), column.width)?;
        if let Some(entry) = column.entry {
            // rows below those that are drawn take the same kind of value
            target.set_column_format(column_number(index), &Format::new().set_num_format(number_format(entry)))?;
        }
    }
    page(target, sheet)?;
    for (index, row) in sheet.rows.iter().enumerate() {
        write_row(target, sheet, index as u32, row, book, styles, &mut ColumnLooks::default())?;
    }
    let mut number = sheet.rows.len() as u32;
    let long = sheet.height() > STREAMED_ROWS && sheet.columns.iter().all(|column| column.entry.is_none());
    let mut looks = ColumnLooks { looks: vec![None; if long { sheet.columns.len() } else { 0 }] };
    let mut body = sheet.later.iter().flat_map(|later| (0..later.count).map(|index| later.row(index)));
    let mut streamed = (0..sheet.streamed).map(|_| next());
    let mut row = body.next().or_else(|| streamed.next());
    while let Some(mut this) = row {
        row = body.next().or_else(|| streamed.next());
        if sheet.height() > STREAMED_ROWS {
            // the writer keeps a height until the file is saved, by the row, with room for a whole format; the program that opens the
            // file fits rows without one to their text
            this.height = None;
        } else {
            fit_heights(std::slice::from_mut(&mut this), &sheet.columns);
        }
        // what is written last lies in memory until the file is saved: when its columns are bare again
        let own = &mut ColumnLooks::default();
        write_row(target, sheet, number, &this, book, styles, if row.is_none() { own } else { &mut looks })?;
        number += 1;
    }
    let first = sheet.rows.len() as u32;
    if looks.draws_blanks() && number > first {
        // one rule draws the lines around what is empty: as cells they are a third of a register's table
        let lines = ConditionalFormatBlank::new().set_format(Format::new().set_border(FormatBorder::Thin).set_border_color(LINE));
        target.add_conditional_format(first, 0, number - 1, column_number(sheet.columns.len() - 1), &lines)?;
    }
    looks.take_off(target)?;
    for (row, number) in sheet.tail.iter().zip(number..) {
        write_row(target, sheet, number, row, book, styles, &mut looks)?;
    }
    let last_column = column_number(sheet.columns.len().saturating_sub(1));
    if let Some((head, last)) = sheet.filter {
        target.autofilter(head as u32, 0, last as u32, last_column)?;
    }
    if let Some((rows, columns)) = sheet.freeze {
        target.set_freeze_panes(rows as u32, column_number(columns))?;
    }
    if let Some((first, last)) = sheet.repeat {
        target.set_repeat_rows(first as u32, last as u32)?;
    }
    for (column, first, last) in sheet.bars.iter().filter(|(_, first, last)| first <= last) {
        let bar = ConditionalFormatDataBar::new()
            .set_fill_color("BDD7EE")
            .set_solid_fill(true)
            .set_border_off(true)
            .set_minimum(xlsx::ConditionalFormatType::Number, 0)
            .set_maximum(xlsx::ConditionalFormatType::Number, 1);
        target.add_conditional_format(*first as u32, column_number(*column), *last as u32, column_number(*column), &bar)?;
    }
    for choice in &sheet.choices {
        offer(target, choice, book)?;
    }
    if sheet.locked {
        // what is locked may still be looked at, sorted out by filters and made wider
        let options =
            xlsx::ProtectionOptions { format_columns: true, format_rows: true, use_autofilter: true, ..xlsx::ProtectionOptions::default() };
        target.protect_with_options(&options);
    }
    if sheet.height() > 0 {
        // codes are digits kept as text; that is meant
        target.ignore_error_range(0, 0, sheet.height() as u32 - 1, last_column, xlsx::IgnoreError::NumberStoredAsText)?;
    }
    for chart in &sheet.charts {
        write_chart(target, sheet, chart)?;
    }
    Ok(())
}

fn offer(target: &mut xlsx::Worksheet, choice: &Choice, book: &Workbook<'_>) -> Result<(), XlsxError> {
    let column = column_number(choice.column);
    let list = match &choice.words {
        Words::Day => return offer_day(target, choice),
        Words::These(words) => xlsx::DataValidation::new().allow_list_strings(words)?,
        Words::Listed { sheet, area } => {
            let name = book.sheets.get(*sheet).map_or("", |sheet| sheet.name.as_str()).replace('\'', "''");
            let letters = crate::domain::intake::header::column_letters(column_number(area.column));
            let range = format!("='{name}'!${letters}${}:${letters}${}", area.first + 1, area.last + 1);
            xlsx::DataValidation::new().allow_list_formula(xlsx::Formula::new(range))
        }
    };
    let list = list
        .set_error_style(xlsx::DataValidationErrorStyle::Warning)
        .set_error_title("不在约定的写法之内")?
        .set_error_message("请从下拉列表中选择；确需使用其他写法的，导入后会列为提示。")?;
    target.add_data_validation(choice.first as u32, column, choice.last as u32, column, &list)?;
    Ok(())
}

/// Days of the years a register speaks of; anything else is refused where it is typed.
fn offer_day(target: &mut xlsx::Worksheet, choice: &Choice) -> Result<(), XlsxError> {
    let column = column_number(choice.column);
    let days = xlsx::DataValidationRule::Between(ExcelDateTime::from_ymd(1990, 1, 1)?, ExcelDateTime::from_ymd(2099, 12, 31)?);
    let rule = xlsx::DataValidation::new()
        .allow_date(days)
        .set_error_title("这里填日期")?
        .set_error_message("请按2026-09-30的样式填写；还没有发生的留空。")?;
    target.add_data_validation(choice.first as u32, column, choice.last as u32, column, &rule)?;
    Ok(())
}

fn page(target: &mut xlsx::Worksheet, sheet: &Sheet<'_>) -> Result<(), XlsxError> {
    target.set_paper_size(match sheet.paper {
        Paper::A4 => 9,
        Paper::A3 => 8,
    });
    if sheet.landscape {
        target.set_landscape();
    } else {
        target.set_portrait();
    }
    target.set_page_breaks(&sheet.breaks)?;
    target.set_print_fit_to_pages(sheet.pages_wide.max(1), if sheet.one_page { 1 } else { sheet.pages_high });
    if let Some((_, columns)) = sheet.freeze.filter(|(_, columns)| sheet.pages_wide > 1 && *columns > 0) {
        // what a row is stands on every page of it
        target.set_repeat_columns(0, column_number(columns - 1))?;
    }
    if let Some(last) = sheet.printed_to {
        target.set_print_area(0, 0, last as u32, column_number(sheet.columns.len().saturating_sub(1)))?;
    }
    // inches: left, right, top, bottom, header, footer
    target.set_margins(MARGINS.0, MARGINS.0, MARGINS.1, MARGINS.1, 0.35, 0.35);
    target.set_print_center_horizontally(true);
    let font = format!("&\"{SONG},Regular\"&9");
    target.set_header(format!("&R{font}{}", sheet.header.replace('&', "&&")));
    target.set_footer(format!("&L{font}{}&C{font}第 &P 页 共 &N 页", sheet.footer.replace('&', "&&")));
    Ok(())
}

fn write_row(
    target: &mut xlsx::Worksheet,
    sheet: &Sheet<'_>,
    number: u32,
    row: &Row,
    book: &Workbook<'_>,
    styles: &mut Styles,
    looks: &mut ColumnLooks,
) -> Result<(), XlsxError> {
    if let Some(height) = row.height {
        target.set_row_height(number, height.min(409.0))?;
    }
    for (first, last) in &row.merges {
        let cell = row.cells.get(*first).unwrap_or(&Value::Blank);
        let format = styles.of(row.role, cell, false);
        target.merge_range(number, column_number(*first), number, column_number(*last), "", format)?;
    }
    let table = matches!(row.role, Role::Head | Role::Body | Role::Subtotal | Role::Total);
    for index in 0..if table { sheet.columns.len() } else { row.cells.len() } {
        let inside = row.merges.iter().any(|(first, last)| (first + 1..=*last).contains(&index));
        // a short table on a wide sheet ends where its own cells end
        if inside || index >= row.cells.len() {
            continue;
        }
        let fill = sheet.columns.get(index).is_some_and(|column: &Column| column.fill) || row.open.contains(&index);
        let entry = sheet.columns.get(index).and_then(|column| column.entry).filter(|_| row.role == Role::Body);
        if looks.draws_blanks() && row.role == Role::Body && !fill && row.cells[index] == Value::Blank {
            continue;
        }
        if let (Some(entry), Value::Blank) = (entry, &row.cells[index]) {
            target.write_blank(number, column_number(index), styles.of_entry(entry))?;
            continue;
        }
        let value = &row.cells[index];
        let bare = row.role == Role::Body && !fill && *value != Value::Blank && looks.cover(target, index, value, styles)?;
        if !bare || !write_bare(target, number, index, value)? {
            write_cell(target, number, column_number(index), row.role, value, fill, book, styles)?;
        }
    }
    Ok(())
}

/// Writes a cell that its column already gives the format. `false` = not this kind of value.
fn write_bare(target: &mut xlsx::Worksheet, row: u32, column: usize, value: &Value) -> Result<bool, XlsxError> {
    let column = column_number(column);
    match value {
        Value::Text(text) if text.len() <= CELL_CHARS_MAX => target.write_string(row, column, text)?,
        Value::Number(number) => target.write_number(row, column, number.to_f64())?,
        Value::Amount(fen) => target.write_number(row, column, *fen as f64 / 1e10)?,
        Value::Count(count) => target.write_number(row, column, *count as f64)?,
        Value::Light(light) => target.write_string(row, column, light.title())?,
        // a serial number: the writer adds a format of its own to a date that has none
        Value::Date(date) => match year(*date).and_then(|year| ExcelDateTime::from_ymd(year, date.month() as u8, date.day() as u8)) {
            Ok(day) => target.write_number(row, column, day.to_excel())?,
            Err(_) => return Ok(false),
        },
        _ => return Ok(false),
    };
    Ok(true)
}

/// The format each column of a long table has while its body is written. The writer looks a cell's own format up by all its properties,
/// which takes longer than the cell itself; a cell without one takes its column's. Taken off again after the last row: below the table
/// the columns are bare.
#[derive(Default)]
struct ColumnLooks {
    /// By column; empty = every cell has its own format.
    looks: Vec<Option<Look>>,
}

impl ColumnLooks {
    /// Whether empty cells get their lines without being written.
    fn draws_blanks(&self) -> bool {
        !self.looks.is_empty()
    }

    /// Whether the column gives this value its format. A column takes the look of its first value, if it is one that columns commonly have.
    fn cover(&mut self, target: &mut xlsx::Worksheet, column: usize, value: &Value, styles: &mut Styles) -> Result<bool, XlsxError> {
        let Some(known) = self.looks.get_mut(column) else { return Ok(false) };
        let look = Look::of(value);
        if known.is_none() && matches!(look, Look::Text | Look::Decimal | Look::Amount | Look::Count | Look::Date | Look::Light(_)) {
            target.set_column_format(column_number(column), styles.of(Role::Body, value, false))?;
            *known = Some(look);
        }
        Ok(*known == Some(look))
    }

    fn take_off(&mut self, target: &mut xlsx::Worksheet) -> Result<(), XlsxError> {
        for (index, look) in self.looks.drain(..).enumerate() {
            if look.is_some() {
                target.set_column_format(column_number(index), &Format::default())?;
            }
        }
        Ok(())
    }
}

#[allow(clippy::too_many_arguments)]
fn write_cell(
    target: &mut xlsx::Worksheet,
    row: u32,
    column: u16,
    role: Role,
    value: &Value,
    fill: bool,
    book: &Workbook<'_>,
    styles: &mut Styles,
) -> Result<(), XlsxError> {
    let format = styles.of(role, value, fill && role == Role::Body);
    match value {
        Value::Blank => target.write_blank(row, column, format)?,
        Value::Text(text) => {
            if text.len() > CELL_CHARS_MAX && text.chars().count() > CELL_CHARS_MAX {
                let cut: String = text.chars().take(CELL_CHARS_MAX - 1).chain(['…']).collect();
                target.write_string_with_format(row, column, cut, format)?
            } else {
                target.write_string_with_format(row, column, text, format)?
            }
        }
        Value::Number(number) => target.write_number_with_format(row, column, number.to_f64(), format)?,
        Value::Amount(fen) => target.write_number_with_format(row, column, *fen as f64 / 1e10, format)?,
        Value::Percent(Some(tenths)) => target.write_number_with_format(row, column, *tenths as f64 / 1000.0, format)?,
        Value::Percent(None) => target.write_string_with_format(row, column, "-", format)?,
        Value::Count(count) => target.write_number_with_format(row, column, *count as f64, format)?,
        Value::Change(Some(change)) => target.write_number_with_format(row, column, *change as f64, format)?,
        Value::Points(Some(tenths)) => target.write_number_with_format(row, column, *tenths as f64 / 10.0, format)?,
        Value::Change(None) | Value::Points(None) => target.write_string_with_format(row, column, "-", format)?,
        Value::Light(light) => target.write_string_with_format(row, column, light.title(), format)?,
        Value::Date(date) => match year(*date).and_then(|year| ExcelDateTime::from_ymd(year, date.month() as u8, date.day() as u8)) {
            Ok(day) => target.write_datetime_with_format(row, column, &day, format)?,
            // a day before 1900 is text for every spreadsheet program
            Err(_) => target.write_string_with_format(row, column, date.to_string(), format)?,
        },
        Value::Link { text, sheet } => match book.sheets.get(*sheet) {
            Some(other) => {
                let link = format!("internal:'{}'!A1", other.name.replace('\'', "''"));
                let tip = if role == Role::Subtitle { format!("返回{}", other.name) } else { String::new() };
                target.write_url_with_options(row, column, link.as_str(), text, &tip, Some(format))?
            }
            None => target.write_string_with_format(row, column, text, format)?,
        },
    };
    Ok(())
}

fn write_chart(target: &mut xlsx::Worksheet, sheet: &Sheet<'_>, chart: &Chart) -> Result<(), XlsxError> {
    let kind = match chart.kind {
        ChartKind::ColumnStacked => xlsx::ChartType::ColumnStacked,
        ChartKind::Column => xlsx::ChartType::Column,
        ChartKind::Bar => xlsx::ChartType::Bar,
        ChartKind::BarStacked => xlsx::ChartType::BarStacked,
    };
    let mut out = xlsx::Chart::new(kind);
    out.title().set_name(&chart.title);
    out.title().set_font(xlsx::ChartFont::new().set_name(HEI).set_size(12).unset_bold());
    if !chart.kind.lies() {
        out.y_axis().set_name(&chart.unit);
    }
    let mut small = xlsx::ChartFont::new();
    small.set_name(SONG).set_size(9).unset_bold();
    out.x_axis().set_font(&small);
    out.y_axis().set_font(&small).set_num_format("0").set_major_gridlines(true);
    out.y_axis().set_name_font(&small);
    if chart.kind.lies() {
        // the first row on top, as in the table
        out.y_axis().set_reverse();
        out.x_axis().set_label_interval(1);
        out.y_axis().set_label_interval(1);
    }
    if chart.series.len() == 1 {
        out.legend().set_hidden();
    }
    out.legend().set_position(xlsx::ChartLegendPosition::Top).set_font(&small);
    let longest = longest(sheet, chart);
    for series in &chart.series {
        let added = out.add_series();
        if chart.kind.is_stacked() {
            added.set_gap(60).set_overlap(100);
            // a part too short for its number would put it over its neighbour's; the table has it
            let short = |row: usize| counted(sheet, row, series.values.column) * LABEL_PART < longest;
            let labels: Vec<xlsx::ChartDataLabel> = (series.values.first..=series.values.last)
                .map(|row| match short(row) {
                    true => xlsx::ChartDataLabel::new().set_hidden().to_custom(),
                    false => xlsx::ChartDataLabel::default(),
                })
                .collect();
            added.set_custom_data_labels(&labels);
        }
        let range = |area: crate::workbook::model::Area| {
            (sheet.name.as_str(), area.first as u32, column_number(area.column), area.last as u32, column_number(area.column))
        };
        added.set_name(&series.name).set_categories(range(series.categories)).set_values(range(series.values));
        let mut format = xlsx::ChartFormat::new();
        // a border and its own fill keep the parts apart in black and white
        format.set_border(xlsx::ChartLine::new().set_color("404040").set_width(0.75));
        format.set_solid_fill(xlsx::ChartSolidFill::new().set_color(series.light.map_or("5B9BD5", chart_colour)));
        added.set_format(&mut format);
        // a number within a dark part is read in white; beside bars it stands on paper
        let mut within = small.clone();
        if chart.kind == ChartKind::BarStacked && series.light == Some(Light::Red) {
            within.set_color("FFFFFF");
        }
        // 0 draws no label
        added.set_data_label(xlsx::ChartDataLabel::new().show_value().set_num_format("0;;").set_font(&within));
    }
    out.set_width(chart.size.0).set_height(chart.size.1);
    target.insert_chart(chart.row as u32, column_number(chart.column), &out)?;
    Ok(())
}

/// A part of a stack shows its number from this part of the longest stack on.
const LABEL_PART: i64 = 20;

/// The longest stack of a chart.
fn longest(sheet: &Sheet<'_>, chart: &Chart) -> i64 {
    let Some(first) = chart.series.first() else { return 0 };
    let rows = first.values.first..=first.values.last;
    rows.map(|row| chart.series.iter().map(|series| counted(sheet, row, series.values.column)).sum()).max().unwrap_or(0)
}

/// The count in a cell; 0 where it holds another kind of value.
fn counted(sheet: &Sheet<'_>, row: usize, column: usize) -> i64 {
    match sheet.rows.get(row).and_then(|row| row.cells.get(column)) {
        Some(Value::Count(count)) => *count,
        _ => 0,
    }
}

fn column_number(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}

/// What a cell looks like besides its role.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Look {
    Text,
    /// Longer than the highest row: it begins at the top, so that its beginning is read.
    Long,
    /// Begins like a formula: marked as text, so no program reads it as one.
    Quoted,
    Centre,
    Decimal,
    Amount,
    Percent,
    Count,
    Change,
    Points,
    Date,
    Light(Light),
    Link,
}

impl Look {
    fn of(value: &Value) -> Look {
        match value {
            Value::Blank => Look::Text,
            Value::Text(text) if text.len() > 1 && text.starts_with(['=', '+', '-', '@']) => Look::Quoted,
            Value::Text(text) if text == "-" => Look::Centre,
            Value::Text(text) if text.len() > LONG_BYTES => Look::Long,
            Value::Text(_) => Look::Text,
            Value::Number(_) => Look::Decimal,
            Value::Amount(_) => Look::Amount,
            Value::Percent(Some(_)) => Look::Percent,
            Value::Percent(None) => Look::Centre,
            Value::Count(_) => Look::Count,
            Value::Change(Some(_)) => Look::Change,
            Value::Points(Some(_)) => Look::Points,
            Value::Change(None) | Value::Points(None) => Look::Centre,
            Value::Date(_) => Look::Date,
            Value::Light(light) => Look::Light(*light),
            Value::Link { .. } => Look::Link,
        }
    }
}

/// Formats by role and look, made once per workbook.
#[derive(Default)]
struct Styles {
    formats: BTreeMap<(Role, Look, bool), Format>,
    entries: BTreeMap<Entry, Format>,
}

impl Styles {
    /// An empty cell of a form.
    fn of_entry(&mut self, entry: Entry) -> &Format {
        let made = || format(Role::Body, Look::Text, false).set_num_format(number_format(entry));
        self.entries.entry(entry).or_insert_with(made)
    }

    fn of(&mut self, role: Role, value: &Value, fill: bool) -> &Format {
        let look = Look::of(value);
        self.formats.entry((role, look, fill)).or_insert_with(|| format(role, look, fill))
    }
}

fn format(role: Role, look: Look, fill: bool) -> Format {
    let base = Format::new().set_font_name(SONG).set_font_size(10).set_align(FormatAlign::VerticalCenter);
    let mut out = match role {
        Role::Mark => base.set_font_name(HEI).set_font_size(12),
        Role::Title => base.set_font_name(HEI).set_font_size(18).set_align(FormatAlign::Center).set_text_wrap(),
        Role::Subtitle => base.set_align(FormatAlign::Center).set_text_wrap(),
        Role::Section => base.set_font_name(HEI).set_font_size(12).set_background_color("F2F2F2"),
        Role::Subsection => base.set_font_name(HEI).set_font_size(11),
        Role::Address => base.set_font_size(11).set_text_wrap(),
        Role::Sign => base.set_font_size(11).set_align(FormatAlign::Right).set_indent(4),
        Role::Note => base.set_font_size(9).set_font_color("404040").set_text_wrap(),
        Role::Paragraph => base.set_font_size(11).set_text_wrap(),
        Role::Head => base
            .set_font_name(HEI)
            .set_align(FormatAlign::Center)
            .set_text_wrap()
            .set_background_color("D9E2EC")
            .set_border(FormatBorder::Thin),
        Role::Body => base.set_border(FormatBorder::Thin).set_text_wrap(),
        Role::Subtotal => base.set_border(FormatBorder::Thin).set_bold().set_text_wrap().set_background_color("F2F2F2"),
        Role::Total => base.set_border(FormatBorder::Thin).set_bold().set_text_wrap().set_background_color("E4E4E4"),
    };
    if matches!(role, Role::Head | Role::Body | Role::Subtotal | Role::Total) {
        out = out.set_border_color(LINE);
    }
    if fill {
        // a field to fill in, light enough to write on
        out = out.set_background_color("F7FBEF").set_border(FormatBorder::Thin).set_unlocked();
    }
    if role == Role::Head {
        return out;
    }
    match look {
        Look::Text => out,
        Look::Long => out.set_align(FormatAlign::Top),
        Look::Quoted => out.set_quote_prefix(),
        Look::Centre => out.set_align(FormatAlign::Center),
        // `_ ` leaves the width of a space between a number and the line on its right
        Look::Decimal => out.set_num_format("General_ ").set_align(FormatAlign::Right),
        Look::Amount => out.set_num_format("#,##0.00_ ").set_align(FormatAlign::Right),
        Look::Percent => out.set_num_format("0.0%_ ").set_align(FormatAlign::Right),
        Look::Count => out.set_num_format("0_ ").set_align(FormatAlign::Right),
        Look::Change => out.set_num_format("+0_ ;-0_ ;0_ ").set_align(FormatAlign::Right),
        Look::Points => out.set_num_format("+0.0_ ;-0.0_ ;0.0_ ").set_align(FormatAlign::Right),
        Look::Date => out.set_num_format("yyyy-mm-dd").set_align(FormatAlign::Center),
        Look::Light(light) => {
            let (ground, ink) = light_colours(light);
            out.set_align(FormatAlign::Center).set_bold().set_background_color(ground).set_font_color(ink)
        }
        // the way back from a list stands in its subtitle, which is printed as any other
        Look::Link if role == Role::Subtitle => out,
        Look::Link => out.set_font_color("1F4E9E").set_underline(xlsx::FormatUnderline::Single),
    }
}

fn number_format(entry: Entry) -> &'static str {
    match entry {
        Entry::Text => "@",
        Entry::Date => "yyyy-mm-dd",
        Entry::Decimal => "General",
        Entry::Int => "0",
    }
}

/// Ground and ink of a light cell; the mark and word in it say the same without colour.
fn light_colours(light: Light) -> (&'static str, &'static str) {
    match light {
        Light::Red => ("F8CBC6", "8B0000"),
        Light::Orange => ("FBD9B5", "7A3E00"),
        Light::Yellow => ("FFF4B8", "5C4B00"),
    }
}

fn chart_colour(light: Light) -> &'static str {
    match light {
        Light::Red => "C0392B",
        Light::Orange => "F0A04B",
        Light::Yellow => "FFE680",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    /// The XML of a table with a text in every other row.
    fn table(rows: usize) -> String {
        let sheet = Sheet {
            name: "清单".into(),
            columns: vec![Column { width: 9.0, ..Column::default() }; 2],
            rows: vec![Row { role: Role::Head, cells: vec![Value::text("序号"), Value::text("原因")], ..Row::default() }],
            streamed: rows,
            ..Sheet::default()
        };
        let mut made = (0..rows).map(|number| {
            let text = if number % 2 == 0 { Value::text("用地报批尚缺指标，需上级协调解决") } else { Value::Blank };
            Row { cells: vec![Value::count(number), text], ..Row::default() }
        });
        let book = Workbook { title: "清单".into(), sheets: vec![sheet], ..Workbook::default() };
        let mut bytes = Vec::new();
        render_into(&book, &mut || made.next(), &mut bytes).unwrap();
        let mut xml = String::new();
        let mut file = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
        file.by_name("xl/worksheets/sheet1.xml").unwrap().read_to_string(&mut xml).unwrap();
        xml
    }

    #[test]
    fn a_long_table_draws_its_empty_cells_by_one_rule() {
        let (short, long) = (table(10), table(STREAMED_ROWS + 2));
        let cells = |xml: &str| xml.matches("<c r=\"B").count();
        let heights = |xml: &str| xml.matches("customHeight").count();
        assert_eq!((cells(&short), heights(&short), short.matches("containsBlanks").count()), (11, 10, 0));
        let texts = (STREAMED_ROWS + 2) / 2;
        // the head, every text, and the last row, which stands outside
        assert_eq!((cells(&long), heights(&long), long.matches("containsBlanks").count()), (texts + 2, 0, 1));
        assert!(long.contains(&format!("sqref=\"A2:B{}\"", STREAMED_ROWS + 3)), "the rule covers every row of the table");
    }
}
