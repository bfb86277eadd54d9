//! Writes a workbook as an .xlsx file.
//!
//! Invariant: equal workbooks give equal bytes, so the only date in the file is the one of the workbook.

use crate::domain::intake::merges::column_letters;
use crate::domain::own_sheet::PROPERTY;
use crate::domain::rules::rule::Light;
use crate::report::formats::{BORDER_COLOUR, CellFormat, Formats, HEI, SONG, chart_colour, number_format};
use crate::workbook::model::{Area, Chart, ChartKind, Choice, Column, Paper, Role, Row, Sheet, Value, Words, Workbook, fit_heights};
use crate::workbook::pagination::{MARGIN_LEFT_RIGHT, MARGIN_TOP_BOTTOM};
use chrono::Datelike;
use rust_xlsxwriter as xlsx;
use rust_xlsxwriter::{ConditionalFormatBlank, ConditionalFormatDataBar, DocProperties, ExcelDateTime, Format, FormatBorder, XlsxError};
use std::io::Write;

/// Why a workbook could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    #[error("工作簿“{title}”无法生成：{source}")]
    Write { title: String, source: XlsxError },
    #[error("表“{sheet}”有{rows}行{columns}列，超出一张表的上限")]
    TooLarge { sheet: String, rows: usize, columns: usize },
    #[error("工作簿“{title}”的内容没有读全")]
    Incomplete { title: String },
}

/// Sheets with more rows are written row by row instead of being held in memory.
const STREAMED_ROWS: usize = 20_000;

/// Compression level of a workbook with such a sheet: it takes a third of the time, and the file is a quarter larger.
const LARGE_BOOK_LEVEL: u8 = 2;

/// Limits of the file format.
const SHEET_ROWS_MAX: usize = 1_048_576;
const SHEET_COLUMNS_MAX: usize = 16_384;
/// The most characters of a cell in the file format.
const CELL_CHARS_MAX: usize = 32_767;

/// The greatest row height of the file format, in points.
const ROW_HEIGHT_MAX: f64 = 409.0;

/// The bytes of the .xlsx file of a workbook without streamed rows.
///
/// # Errors
/// A sheet is larger than the format allows, or the writer refuses something, such as the name of a tab.
pub fn render(book: &Workbook<'_>) -> Result<Vec<u8>, RenderError> {
    let mut bytes = Vec::new();
    render_into(book, &mut || None, &mut bytes)?;
    Ok(bytes)
}

/// Writes the .xlsx file to `out`. `next` returns the rows that sheets announce as `streamed`, in the order of the sheets. Neither these
/// rows nor the file are held in memory.
///
/// # Errors
/// As [`render`]; also if `next` returns fewer or more rows than announced, or `out` cannot be written.
pub(crate) fn render_into(
    book: &Workbook<'_>,
    next: &mut dyn FnMut() -> Option<Row>,
    out: &mut (impl Write + Send),
) -> Result<(), RenderError> {
    for sheet in &book.sheets {
        let rows = sheet.height();
        if rows > SHEET_ROWS_MAX || sheet.columns.len() > SHEET_COLUMNS_MAX {
            return Err(RenderError::TooLarge { sheet: sheet.name.clone(), rows, columns: sheet.columns.len() });
        }
    }
    let mut is_short = false;
    let mut announced = || {
        let row = next();
        is_short |= row.is_none();
        row.unwrap_or_default()
    };
    write(book, &mut announced, out).map_err(|source| RenderError::Write { title: book.title.clone(), source })?;
    if is_short || next().is_some() {
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
        .set_custom_property(PROPERTY, book.document.word())
        .set_creation_datetime(&ExcelDateTime::from_ymd(year(created)?, created.month() as u8, created.day() as u8)?);
    out.set_properties(&properties);
    if book.sheets.iter().map(Sheet::height).max().unwrap_or(0) > STREAMED_ROWS {
        out.set_zip_compression_level(LARGE_BOOK_LEVEL);
    }
    let mut formats = Formats::default();
    for sheet in &book.sheets {
        let target = if sheet.height() > STREAMED_ROWS { out.add_worksheet_with_constant_memory()? } else { out.add_worksheet() };
        SheetWriter { target, sheet, book, formats: &mut formats }.write(next)?;
    }
    out.save_to_writer(to)
}

fn year(date: chrono::NaiveDate) -> Result<u16, XlsxError> {
    u16::try_from(date.year()).map_err(|_| XlsxError::DateTimeRangeError(date.to_string()))
}

/// Writes one sheet.
struct SheetWriter<'w, 'b> {
    target: &'w mut xlsx::Worksheet,
    sheet: &'w Sheet<'b>,
    book: &'w Workbook<'b>,
    formats: &'w mut Formats,
}

impl SheetWriter<'_, '_> {
    fn write(&mut self, next: &mut dyn FnMut() -> Row) -> Result<(), XlsxError> {
        let sheet = self.sheet;
        self.target.set_name(&sheet.name)?;
        for (index, column) in sheet.columns.iter().enumerate() {
            self.target.set_column_width(column_number(index), column.width)?;
            if let Some(entry) = column.entry {
                // Rows below the ones drawn take the same kind of value.
                self.target.set_column_format(column_number(index), &Format::new().set_num_format(number_format(entry)))?;
            }
        }
        self.set_page()?;
        for (index, row) in sheet.rows.iter().enumerate() {
            self.write_row(index as u32, row, &mut ColumnFormats::default())?;
        }
        let end = self.write_lazy_rows(next)?;
        for (row, number) in sheet.closing_rows.iter().zip(end..) {
            self.write_row(number, row, &mut ColumnFormats::default())?;
        }
        self.set_view()?;
        for choice in &sheet.choices {
            self.write_choice(choice)?;
        }
        if sheet.locked {
            // Locked cells can still be filtered and made wider or higher.
            let options = xlsx::ProtectionOptions {
                format_columns: true,
                format_rows: true,
                use_autofilter: true,
                ..xlsx::ProtectionOptions::default()
            };
            self.target.protect_with_options(&options);
        }
        if sheet.height() > 0 {
            // Codes are digits stored as text on purpose.
            let last_row = sheet.height() as u32 - 1;
            self.target.ignore_error_range(0, 0, last_row, self.last_column(), xlsx::IgnoreError::NumberStoredAsText)?;
        }
        for chart in &sheet.charts {
            write_chart(self.target, sheet, chart)?;
        }
        Ok(())
    }

    fn last_column(&self) -> u16 {
        column_number(self.sheet.columns.len().saturating_sub(1))
    }

    /// Writes the rows that are made or streamed one at a time; returns the number of the row below them.
    fn write_lazy_rows(&mut self, next: &mut dyn FnMut() -> Row) -> Result<u32, XlsxError> {
        let sheet = self.sheet;
        let first = sheet.rows.len() as u32;
        let mut number = first;
        let is_long = sheet.height() > STREAMED_ROWS;
        let has_column_formats = is_long && sheet.columns.iter().all(|column| column.entry.is_none());
        let mut column_formats = ColumnFormats { formats: vec![None; if has_column_formats { sheet.columns.len() } else { 0 }] };
        let mut made = sheet.lazy_rows.iter().flat_map(|later| (0..later.count).map(|index| later.row(index)));
        let mut streamed = (0..sheet.streamed).map(|_| next());
        let mut following = made.next().or_else(|| streamed.next());
        while let Some(mut row) = following {
            following = made.next().or_else(|| streamed.next());
            if is_long {
                // The writer holds a height per row in memory until the file is saved. Programs fit a row without a height to its text.
                row.height = None;
            } else {
                fit_heights(std::slice::from_mut(&mut row), &sheet.columns);
            }
            // The writer holds the last row until the file is saved. By then the columns have lost their formats.
            let none = &mut ColumnFormats::default();
            self.write_row(number, &row, if following.is_none() { none } else { &mut column_formats })?;
            number += 1;
        }
        if column_formats.is_active() && number > first {
            // One rule draws the borders of all blank cells: a third of the cells of a register are blank.
            let borders =
                ConditionalFormatBlank::new().set_format(Format::new().set_border(FormatBorder::Thin).set_border_color(BORDER_COLOUR));
            self.target.add_conditional_format(first, 0, number - 1, column_number(sheet.columns.len() - 1), &borders)?;
        }
        column_formats.remove(self.target)?;
        Ok(number)
    }

    /// Filter, frozen panes, repeated rows and data bars.
    fn set_view(&mut self) -> Result<(), XlsxError> {
        let sheet = self.sheet;
        if let Some((head, last)) = sheet.filter {
            self.target.autofilter(head as u32, 0, last as u32, self.last_column())?;
        }
        if let Some((rows, columns)) = sheet.freeze {
            self.target.set_freeze_panes(rows as u32, column_number(columns))?;
        }
        if let Some((first, last)) = sheet.repeat {
            self.target.set_repeat_rows(first as u32, last as u32)?;
        }
        for area in sheet.bars.iter().filter(|area| area.first <= area.last) {
            let bar = ConditionalFormatDataBar::new()
                .set_fill_color("BDD7EE")
                .set_solid_fill(true)
                .set_border_off(true)
                .set_minimum(xlsx::ConditionalFormatType::Number, 0)
                .set_maximum(xlsx::ConditionalFormatType::Number, 1);
            let column = column_number(area.column);
            self.target.add_conditional_format(area.first as u32, column, area.last as u32, column, &bar)?;
        }
        Ok(())
    }

    /// The rule for what may be entered in cells of one column.
    fn write_choice(&mut self, choice: &Choice) -> Result<(), XlsxError> {
        let rule = match &choice.words {
            Words::Day => day_rule()?,
            Words::These(words) => warn_of_other_words(xlsx::DataValidation::new().allow_list_strings(words)?)?,
            Words::Listed { sheet, area } => {
                let name = self.book.sheets.get(*sheet).map_or("", |sheet| sheet.name.as_str()).replace('\'', "''");
                let letters = column_letters(column_number(area.column));
                let range = format!("='{name}'!${letters}${}:${letters}${}", area.first + 1, area.last + 1);
                warn_of_other_words(xlsx::DataValidation::new().allow_list_formula(xlsx::Formula::new(range)))?
            }
        };
        let column = column_number(choice.column);
        self.target.add_data_validation(choice.first as u32, column, choice.last as u32, column, &rule)?;
        Ok(())
    }

    /// Paper, margins, page breaks, printed header and footer.
    fn set_page(&mut self) -> Result<(), XlsxError> {
        let sheet = self.sheet;
        let last_column = self.last_column();
        let target = &mut *self.target;
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
        target.set_print_fit_to_pages(sheet.pages_wide.max(1), if sheet.single_page { 1 } else { sheet.pages_high });
        if let Some((_, columns)) = sheet.freeze.filter(|(_, columns)| sheet.pages_wide > 1 && *columns > 0) {
            // The frozen columns name the row, so they are printed on every page.
            target.set_repeat_columns(0, column_number(columns - 1))?;
        }
        if let Some(last) = sheet.printed_to {
            target.set_print_area(0, 0, last as u32, last_column)?;
        }
        // Left, right, top, bottom, header, footer.
        target.set_margins(MARGIN_LEFT_RIGHT, MARGIN_LEFT_RIGHT, MARGIN_TOP_BOTTOM, MARGIN_TOP_BOTTOM, 0.35, 0.35);
        target.set_print_center_horizontally(true);
        let font = format!("&\"{SONG},Regular\"&9");
        target.set_header(format!("&R{font}{}", sheet.header.replace('&', "&&")));
        target.set_footer(format!("&L{font}{}&C{font}第 &P 页 共 &N 页", sheet.footer.replace('&', "&&")));
        Ok(())
    }

    fn write_row(&mut self, number: u32, row: &Row, column_formats: &mut ColumnFormats) -> Result<(), XlsxError> {
        let sheet = self.sheet;
        if let Some(height) = row.height {
            self.target.set_row_height(number, height.min(ROW_HEIGHT_MAX))?;
        }
        for (first, last) in &row.merges {
            let cell = row.cells.get(*first).unwrap_or(&Value::Blank);
            let format = self.formats.of(row.role, cell, false);
            self.target.merge_range(number, column_number(*first), number, column_number(*last), "", format)?;
        }
        let table = matches!(row.role, Role::Head | Role::Body | Role::Subtotal | Role::Total);
        for index in 0..if table { sheet.columns.len() } else { row.cells.len() } {
            let is_merged = row.merges.iter().any(|(first, last)| (first + 1..=*last).contains(&index));
            // A table narrower than its sheet ends with its last cell.
            if is_merged || index >= row.cells.len() {
                continue;
            }
            let value = &row.cells[index];
            let fill = sheet.columns.get(index).is_some_and(|column: &Column| column.fill) || row.open.contains(&index);
            let entry = sheet.columns.get(index).and_then(|column| column.entry).filter(|_| row.role == Role::Body);
            if column_formats.is_active() && row.role == Role::Body && !fill && *value == Value::Blank {
                continue;
            }
            if let (Some(entry), Value::Blank) = (entry, value) {
                self.target.write_blank(number, column_number(index), self.formats.of_entry(entry))?;
                continue;
            }
            let has_column_format = row.role == Role::Body
                && !fill
                && *value != Value::Blank
                && column_formats.apply(self.target, index, value, self.formats)?;
            if !has_column_format || !self.write_unformatted(number, index, value)? {
                self.write_cell(number, column_number(index), row.role, value, fill)?;
            }
        }
        Ok(())
    }

    /// Writes a cell that takes the format of its column. Returns `false`, with nothing written, for a value that needs its own format.
    fn write_unformatted(&mut self, row: u32, column: usize, value: &Value) -> Result<bool, XlsxError> {
        let column = column_number(column);
        let target = &mut *self.target;
        match value {
            Value::Text(text) if text.len() <= CELL_CHARS_MAX => target.write_string(row, column, text)?,
            Value::Number(number) => target.write_number(row, column, number.to_f64())?,
            Value::Amount(fen) => target.write_number(row, column, *fen as f64 / FEN_PER_YI)?,
            Value::Count(count) => target.write_number(row, column, *count as f64)?,
            Value::Light(light) => target.write_string(row, column, light.title())?,
            // The writer would add its own format to a date without one, but not to a serial number.
            Value::Date(date) => match year(*date).and_then(|year| ExcelDateTime::from_ymd(year, date.month() as u8, date.day() as u8)) {
                Ok(day) => target.write_number(row, column, day.to_excel())?,
                Err(_) => return Ok(false),
            },
            _ => return Ok(false),
        };
        Ok(true)
    }

    /// Writes a cell with its own format. `fill`: the reader is to fill it in.
    fn write_cell(&mut self, row: u32, column: u16, role: Role, value: &Value, fill: bool) -> Result<(), XlsxError> {
        let format = self.formats.of(role, value, fill && role == Role::Body);
        let target = &mut *self.target;
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
            Value::Amount(fen) => target.write_number_with_format(row, column, *fen as f64 / FEN_PER_YI, format)?,
            Value::Percent(Some(tenths)) => target.write_number_with_format(row, column, *tenths as f64 / 1000.0, format)?,
            Value::Percent(None) => target.write_string_with_format(row, column, "-", format)?,
            Value::Count(count) => target.write_number_with_format(row, column, *count as f64, format)?,
            Value::Change(Some(change)) => target.write_number_with_format(row, column, *change as f64, format)?,
            Value::Points(Some(tenths)) => target.write_number_with_format(row, column, *tenths as f64 / 10.0, format)?,
            Value::Change(None) | Value::Points(None) => target.write_string_with_format(row, column, "-", format)?,
            Value::Light(light) => target.write_string_with_format(row, column, light.title(), format)?,
            Value::Date(date) => match year(*date).and_then(|year| ExcelDateTime::from_ymd(year, date.month() as u8, date.day() as u8)) {
                Ok(day) => target.write_datetime_with_format(row, column, &day, format)?,
                // The format has no dates before 1900, so they are written as text.
                Err(_) => target.write_string_with_format(row, column, date.to_string(), format)?,
            },
            Value::Link { text, sheet } => match self.book.sheets.get(*sheet) {
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
}

/// 分 in one 亿元.
const FEN_PER_YI: f64 = 1e10;

/// Adds the warning that appears when somebody enters a word that is not on the list.
fn warn_of_other_words(list: xlsx::DataValidation) -> Result<xlsx::DataValidation, XlsxError> {
    list.set_error_style(xlsx::DataValidationErrorStyle::Warning)
        .set_error_title("不在约定的写法之内")?
        .set_error_message("请从下拉列表中选择；确需使用其他写法的，导入后会列为提示。")
}

/// Accepts dates of the years that a register covers and refuses anything else.
fn day_rule() -> Result<xlsx::DataValidation, XlsxError> {
    let days = xlsx::DataValidationRule::Between(ExcelDateTime::from_ymd(1990, 1, 1)?, ExcelDateTime::from_ymd(2099, 12, 31)?);
    xlsx::DataValidation::new()
        .allow_date(days)
        .set_error_title("这里填日期")?
        .set_error_message("请按2026-09-30的样式填写；还没有发生的留空。")
}

/// The format of each column while the body of a long table is written. The writer looks up the format of a cell by all its properties,
/// which takes longer than writing the cell; a cell without a format takes the one of its column. The formats are removed after the last
/// row, so that the columns have none below the table.
#[derive(Default)]
struct ColumnFormats {
    /// By column; empty = every cell has its own format.
    formats: Vec<Option<CellFormat>>,
}

impl ColumnFormats {
    /// Whether columns may have formats. Blank cells are then not written at all.
    fn is_active(&self) -> bool {
        !self.formats.is_empty()
    }

    /// Whether the column has the format of this value. A column takes the format of its first value, if it is a common one.
    fn apply(&mut self, target: &mut xlsx::Worksheet, column: usize, value: &Value, formats: &mut Formats) -> Result<bool, XlsxError> {
        use CellFormat as C;
        let Some(known) = self.formats.get_mut(column) else { return Ok(false) };
        let format = CellFormat::of(value);
        if known.is_none() && matches!(format, C::Text | C::Decimal | C::Amount | C::Count | C::Date | C::Light(_)) {
            target.set_column_format(column_number(column), formats.of(Role::Body, value, false))?;
            *known = Some(format);
        }
        Ok(*known == Some(format))
    }

    fn remove(&mut self, target: &mut xlsx::Worksheet) -> Result<(), XlsxError> {
        for (index, format) in self.formats.drain(..).enumerate() {
            if format.is_some() {
                target.set_column_format(column_number(index), &Format::default())?;
            }
        }
        Ok(())
    }
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
    if !chart.kind.is_horizontal() {
        out.y_axis().set_name(&chart.unit);
    }
    let mut small = xlsx::ChartFont::new();
    small.set_name(SONG).set_size(9).unset_bold();
    out.x_axis().set_font(&small);
    out.y_axis().set_font(&small).set_num_format("0").set_major_gridlines(true);
    out.y_axis().set_name_font(&small);
    if chart.kind.is_horizontal() {
        // The first row of the table comes first in the chart too.
        out.y_axis().set_reverse();
        out.x_axis().set_label_interval(1);
        out.y_axis().set_label_interval(1);
    }
    if chart.series.len() == 1 {
        out.legend().set_hidden();
    }
    out.legend().set_position(xlsx::ChartLegendPosition::Top).set_font(&small);
    let longest = longest_stack(sheet, chart);
    for series in &chart.series {
        let added = out.add_series();
        if chart.kind.is_stacked() {
            added.set_gap(60).set_overlap(100);
            // The number of a very short part would overlap its neighbour's, so it is in the table only.
            let is_short = |row: usize| count_in(sheet, row, series.values.column) * LABEL_FRACTION < longest;
            let labels: Vec<xlsx::ChartDataLabel> = (series.values.first..=series.values.last)
                .map(|row| match is_short(row) {
                    true => xlsx::ChartDataLabel::new().set_hidden().to_custom(),
                    false => xlsx::ChartDataLabel::default(),
                })
                .collect();
            added.set_custom_data_labels(&labels);
        }
        let range =
            |area: Area| (sheet.name.as_str(), area.first as u32, column_number(area.column), area.last as u32, column_number(area.column));
        added.set_name(&series.name).set_categories(range(series.categories)).set_values(range(series.values));
        let mut format = xlsx::ChartFormat::new();
        // The border keeps the parts apart in a black-and-white print.
        format.set_border(xlsx::ChartLine::new().set_color("404040").set_width(0.75));
        format.set_solid_fill(xlsx::ChartSolidFill::new().set_color(series.light.map_or("5B9BD5", chart_colour)));
        added.set_format(&mut format);
        // Numbers inside dark parts are white; other numbers lie on the paper.
        let mut label_font = small.clone();
        if chart.kind == ChartKind::BarStacked && series.light == Some(Light::Red) {
            label_font.set_color("FFFFFF");
        }
        // The number format hides zeros.
        added.set_data_label(xlsx::ChartDataLabel::new().show_value().set_num_format("0;;").set_font(&label_font));
    }
    out.set_width(chart.size.0).set_height(chart.size.1);
    target.insert_chart(chart.row as u32, column_number(chart.column), &out)?;
    Ok(())
}

/// A part of a stack has a number if it is at least 1/20 of the longest stack.
const LABEL_FRACTION: i64 = 20;

/// The total of the longest stack of a chart.
fn longest_stack(sheet: &Sheet<'_>, chart: &Chart) -> i64 {
    let Some(first) = chart.series.first() else { return 0 };
    let rows = first.values.first..=first.values.last;
    rows.map(|row| chart.series.iter().map(|series| count_in(sheet, row, series.values.column)).sum()).max().unwrap_or(0)
}

/// The count in a cell; 0 if it has another kind of value.
fn count_in(sheet: &Sheet<'_>, row: usize, column: usize) -> i64 {
    match sheet.rows.get(row).and_then(|row| row.cells.get(column)) {
        Some(Value::Count(count)) => *count,
        _ => 0,
    }
}

fn column_number(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    /// The XML of a sheet with a table whose text column is blank in every other row.
    fn table_xml(rows: usize) -> String {
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
    fn a_long_table_has_one_rule_for_the_borders_of_blank_cells() {
        let (short, long) = (table_xml(10), table_xml(STREAMED_ROWS + 2));
        let cells = |xml: &str| xml.matches("<c r=\"B").count();
        let heights = |xml: &str| xml.matches("customHeight").count();
        assert_eq!((cells(&short), heights(&short), short.matches("containsBlanks").count()), (11, 10, 0));
        let texts = (STREAMED_ROWS + 2) / 2;
        // The header, every text, and the blank cell of the last row, which the rule does not cover.
        assert_eq!((cells(&long), heights(&long), long.matches("containsBlanks").count()), (texts + 2, 0, 1));
        assert!(long.contains(&format!("sqref=\"A2:B{}\"", STREAMED_ROWS + 3)), "the rule covers every row of the table");
    }
}
