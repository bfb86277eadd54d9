//! Writes a workbook as an .xlsx file.
//!
//! Invariant: equal workbooks give equal bytes, so the only date in the file is the one of the workbook.

use crate::domain::intake::merges::column_letters;
use crate::domain::own_sheet::PROPERTY;
use crate::domain::plain_text::within_units;
use crate::domain::rules::rule::Light;
use crate::report::cells::{
    COLUMN_WIDTH_MAX, FEN_PER_YI, PRINTED_LINE_UNITS_MAX, ROW_HEIGHT_MAX, cell_text, column_number, day_number, is_long,
};
use crate::report::formats::{BORDER_COLOUR, Formats, HEI, SONG, chart_colour, number_format};
use crate::report::table_rows::{Table, write_model_row, write_package};
use crate::workbook::model::{Area, Chart, ChartKind, Choice, Column, Paper, Role, Row, Sheet, Value, Words, Workbook, fit_heights};
use crate::workbook::pagination::{MARGIN_LEFT_RIGHT, MARGIN_TOP_BOTTOM};
use crate::workbook::tab_names::tab_names;
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

/// Workbooks whose sheets have more rows in sum are large.
const LARGE_BOOK_ROWS: usize = 5_000;

/// Compression level of a large workbook: it takes a third of the time, and the file is a quarter larger.
const LARGE_BOOK_LEVEL: u8 = 2;

/// Limits of the file format.
const SHEET_ROWS_MAX: usize = 1_048_576;
const SHEET_COLUMNS_MAX: usize = 16_384;
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
    let properties = DocProperties::new()
        .set_title(&book.title)
        .set_subject(&book.subject)
        .set_author(&book.author)
        .set_company(&book.author)
        .set_keywords(&book.keywords)
        .set_comment(&book.description)
        .set_custom_property(PROPERTY, book.document.word())
        .set_creation_datetime(&day_number(book.created)?);
    out.set_properties(&properties);
    let is_large = book.sheets.iter().map(Sheet::height).sum::<usize>() > LARGE_BOOK_ROWS;
    if is_large {
        out.set_zip_compression_level(LARGE_BOOK_LEVEL);
    }
    let mut formats = Formats::default();
    let names = tab_names(book.sheets.iter().map(|sheet| sheet.name.as_str()));
    for (sheet, name) in book.sheets.iter().zip(&names) {
        let target = if is_long(sheet) { out.add_worksheet_with_constant_memory()? } else { out.add_worksheet() };
        SheetWriter { target, sheet, name, names: &names, formats: &mut formats }.write(next)?;
    }
    let tables: Vec<(usize, Table<'_>)> =
        book.sheets.iter().enumerate().filter_map(|(index, sheet)| Some((index, Table::of(sheet)?))).collect();
    if tables.is_empty() {
        return out.save_to_writer(to);
    }
    write_package(&out.save_to_buffer()?, &tables, is_large.then_some(LARGE_BOOK_LEVEL), next, to)
}

/// Writes one sheet.
struct SheetWriter<'w, 'b> {
    target: &'w mut xlsx::Worksheet,
    sheet: &'w Sheet<'b>,
    /// The name on its tab.
    name: &'w str,
    /// Those of all sheets.
    names: &'w [String],
    formats: &'w mut Formats,
}

impl SheetWriter<'_, '_> {
    fn write(&mut self, next: &mut dyn FnMut() -> Row) -> Result<(), XlsxError> {
        let sheet = self.sheet;
        self.target.set_name(self.name)?;
        for (index, column) in sheet.columns.iter().enumerate() {
            self.target.set_column_width(column_number(index), column.width.min(COLUMN_WIDTH_MAX))?;
            if let Some(entry) = column.entry {
                // Rows below the ones drawn take the same kind of value.
                self.target.set_column_format(column_number(index), &Format::new().set_num_format(number_format(entry)))?;
            }
        }
        self.set_page()?;
        let table = Table::of(sheet);
        let (before, after) = table.as_ref().map_or((sheet.rows.len(), sheet.rows.len()), |table| (table.rows.start, table.rows.end));
        for (index, row) in sheet.rows.iter().enumerate().take(before) {
            self.write_row(index as u32, row)?;
        }
        match &table {
            Some(table) => self.write_table_model(table)?,
            None => self.write_lazy_rows(next)?,
        }
        for (index, row) in sheet.rows.iter().enumerate().skip(after) {
            self.write_row(index as u32, row)?;
        }
        let end = (sheet.height() - sheet.closing_rows.len()) as u32;
        for (row, number) in sheet.closing_rows.iter().zip(end..) {
            self.write_row(number, row)?;
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
            write_chart(self.target, sheet, self.name, chart)?;
        }
        Ok(())
    }

    fn last_column(&self) -> u16 {
        column_number(self.sheet.columns.len().saturating_sub(1))
    }

    /// Writes the model row of a table, and the rule for its blank cells.
    fn write_table_model(&mut self, table: &Table<'_>) -> Result<(), XlsxError> {
        let first = table.rows.start as u32;
        write_model_row(self.target, first, self.formats)?;
        if table.has_blank_rule() {
            // One rule draws the borders of all blank cells: a third of the cells of a register are blank.
            let borders =
                ConditionalFormatBlank::new().set_format(Format::new().set_border(FormatBorder::Thin).set_border_color(BORDER_COLOUR));
            self.target.add_conditional_format(first, 0, first + table.height() as u32 - 1, self.last_column(), &borders)?;
        }
        Ok(())
    }

    /// Writes the rows of a short table that are made or streamed one at a time.
    fn write_lazy_rows(&mut self, next: &mut dyn FnMut() -> Row) -> Result<(), XlsxError> {
        let sheet = self.sheet;
        let made = sheet.lazy_rows.iter().flat_map(|later| (0..later.count).map(|index| later.row(index)));
        for (mut row, number) in made.chain((0..sheet.streamed).map(|_| next())).zip(sheet.rows.len() as u32..) {
            fit_heights(std::slice::from_mut(&mut row), &sheet.columns);
            self.write_row(number, &row)?;
        }
        Ok(())
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
                let name = self.names.get(*sheet).map_or("", String::as_str).replace('\'', "''");
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
        let printed = |text: &str| within_units(text, PRINTED_LINE_UNITS_MAX).replace('&', "&&");
        target.set_header(format!("&R{font}{}", printed(&sheet.header)));
        target.set_footer(format!("&L{font}{}&C{font}第 &P 页 共 &N 页", printed(&sheet.footer)));
        Ok(())
    }

    fn write_row(&mut self, number: u32, row: &Row) -> Result<(), XlsxError> {
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
            if let (Some(entry), Value::Blank) = (entry, value) {
                self.target.write_blank(number, column_number(index), self.formats.of_entry(entry))?;
                continue;
            }
            self.write_cell(number, column_number(index), row.role, value, fill)?;
        }
        Ok(())
    }

    /// Writes a cell with its own format. `fill`: the reader is to fill it in.
    fn write_cell(&mut self, row: u32, column: u16, role: Role, value: &Value, fill: bool) -> Result<(), XlsxError> {
        let format = self.formats.of(role, value, fill && role == Role::Body);
        let target = &mut *self.target;
        match value {
            Value::Blank => target.write_blank(row, column, format)?,
            Value::Text(text) => target.write_string_with_format(row, column, cell_text(text), format)?,
            Value::Number(number) => target.write_number_with_format(row, column, number.to_f64(), format)?,
            Value::Amount(fen) => target.write_number_with_format(row, column, *fen as f64 / FEN_PER_YI, format)?,
            Value::Percent(Some(tenths)) => target.write_number_with_format(row, column, *tenths as f64 / 1000.0, format)?,
            Value::Percent(None) => target.write_string_with_format(row, column, "-", format)?,
            Value::Count(count) => target.write_number_with_format(row, column, *count as f64, format)?,
            Value::Change(Some(change)) => target.write_number_with_format(row, column, *change as f64, format)?,
            Value::Points(Some(tenths)) => target.write_number_with_format(row, column, *tenths as f64 / 10.0, format)?,
            Value::Change(None) | Value::Points(None) => target.write_string_with_format(row, column, "-", format)?,
            Value::Light(light) => target.write_string_with_format(row, column, light.title(), format)?,
            Value::Date(date) => match day_number(*date) {
                Ok(day) => target.write_datetime_with_format(row, column, &day, format)?,
                // The format has no dates before 1900, so they are written as text.
                Err(_) => target.write_string_with_format(row, column, date.to_string(), format)?,
            },
            Value::Link { text, sheet } => match self.names.get(*sheet) {
                Some(other) => {
                    let link = format!("internal:'{}'!A1", other.replace('\'', "''"));
                    let tip = if role == Role::Subtitle { format!("返回{other}") } else { String::new() };
                    target.write_url_with_options(row, column, link.as_str(), cell_text(text), &tip, Some(format))?
                }
                None => target.write_string_with_format(row, column, cell_text(text), format)?,
            },
        };
        Ok(())
    }
}

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

fn write_chart(target: &mut xlsx::Worksheet, sheet: &Sheet<'_>, name: &str, chart: &Chart) -> Result<(), XlsxError> {
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
        let range = |area: Area| (name, area.first as u32, column_number(area.column), area.last as u32, column_number(area.column));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::register::record::Decimal;
    use crate::report::cells::LONG_ROWS;
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

    /// What is in the cells of a sheet, as another program reads it.
    fn read_back(rows: Vec<Row>, columns: usize) -> Vec<Vec<calamine::Data>> {
        use calamine::Reader;
        let count = rows.len();
        let sheet = Sheet { name: "清单".into(), columns: vec![Column::default(); columns], streamed: count, ..Sheet::default() };
        let book = Workbook { title: "清单".into(), sheets: vec![sheet], ..Workbook::default() };
        let (mut bytes, mut rows) = (Vec::new(), rows.into_iter());
        render_into(&book, &mut || rows.next(), &mut bytes).unwrap();
        let mut read: calamine::Xlsx<_> = calamine::open_workbook_from_rs(std::io::Cursor::new(bytes)).unwrap();
        let range = read.worksheet_range("清单").unwrap();
        assert_eq!(range.get_size(), (count, columns));
        range.rows().map(<[_]>::to_vec).collect()
    }

    #[test]
    fn a_long_table_has_the_same_cells_as_a_short_one() {
        let date = |year, month, day| Value::Date(chrono::NaiveDate::from_ymd_opt(year, month, day).unwrap());
        let texts = ["a<b>&c", " 前后有空格\n", "_x000D_", "_x00_", "\u{1}\r", "\u{FFFF}甲，乙", "=1+1", "-"];
        let mut values: Vec<Value> = texts.iter().map(|text| Value::text(*text)).collect();
        values.extend([Value::Blank, Value::count(7), Value::Count(-3), Value::Amount(52_345_678_901), Value::Amount(-1)]);
        values.extend([
            Value::Amount(0),
            Value::Percent(Some(123)),
            Value::Percent(None),
            Value::Change(Some(-2)),
            Value::Points(Some(15)),
        ]);
        values.extend([date(2026, 9, 30), date(1899, 12, 31), Value::Light(Light::Red), Value::Number(Decimal::new(3325, 2))]);
        values.push(Value::text("𠮷".repeat(20_000)));
        values.push(Value::text("末"));
        let columns = values.len();
        let rows = |count: usize| {
            let mut rows = vec![Row { cells: values.clone(), ..Row::default() }; count];
            rows[1].cells[0] = Value::text("甲".repeat(40_000));
            // one cell is enough in the others, so that the test is quick
            rows.iter_mut().take(count - 1).skip(3).for_each(|row| row.cells.truncate(1));
            rows
        };
        let (short, medium, long) = (read_back(rows(3), columns), read_back(rows(1001), columns), read_back(rows(LONG_ROWS + 1), columns));
        assert_eq!(short, medium[..3]);
        assert_eq!(short, long[..3]);
        assert_eq!(short[2], long[LONG_ROWS], "the last row too");
        assert!(matches!(long[1][19], calamine::Data::DateTime(_)), "a day keeps its number format: {:?}", long[1][19]);
    }

    #[test]
    fn a_long_table_has_one_rule_for_the_borders_of_blank_cells() {
        let (short, long) = (table_xml(10), table_xml(LONG_ROWS + 2));
        let cells = |xml: &str| xml.matches("<c r=\"B").count();
        let heights = |xml: &str| xml.matches("customHeight").count();
        assert_eq!((cells(&short), heights(&short), short.matches("containsBlanks").count()), (11, 10, 0));
        let texts = (LONG_ROWS + 2) / 2;
        // the header and every text
        assert_eq!((cells(&long), heights(&long), long.matches("containsBlanks").count()), (texts + 1, 0, 1));
        assert!(long.contains(&format!("sqref=\"A2:B{}\"", LONG_ROWS + 3)), "the rule covers every row of the table");
        assert!(long.contains(&format!("<dimension ref=\"A1:B{}\"/>", LONG_ROWS + 3)), "the size is that of the table");
    }
}
