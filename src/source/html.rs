//! Web pages with tables, which many systems export under the name `.xls`. html5gum splits the text into tags; this module makes a grid of them.
//!
//! The page is read twice, so that memory holds one row and not the page: first the shape of every table, since its merges come before its rows
//! in the stream, then the rows. Only the rows of a table that contains tables are held in memory until the outermost table ends.

use crate::domain::intake::merges::MERGES_MAX;
use crate::domain::intake::raw::{CellRange, Raw, RawRow};
use crate::source::bounds::{HIDDEN_RANGES_MAX, too_many_merges};
use crate::source::frame::{FrameWriter, Sheet};
use crate::source::html_cell::{OpenCell, VisibleText, raw};
use crate::source::html_tag::{PageStyles, Tag};
use crate::source::refusal::{ReadError, ReadLimits, Refusal};
use html5gum::Tokenizer;
use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use std::borrow::Cow;
use std::io::Write;

/// The first bytes of a page, in which its kind is given.
const HEAD_BYTES: usize = 16 * 1024;

/// Whether a text is a web page, or an XML document: it begins with a tag of one. A table of texts may begin with another tag.
pub(crate) fn is_page(text: &str) -> bool {
    const BEGINNINGS: [&str; 22] = [
        "!doctype", "!--", "?xml", "html", "head", "body", "meta", "table", "title", "style", "script", "link", "base", "div", "center",
        "form", "tr", "thead", "tbody", "colgroup", "workbook", "frameset",
    ];
    let Some(rest) = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}').strip_prefix('<') else { return false };
    let begins = |name: &&str| {
        let (head, behind) = rest.split_at_checked(name.len()).unwrap_or_default();
        head.eq_ignore_ascii_case(name) && (*name == "!--" || !behind.starts_with(|c: char| c.is_ascii_alphanumeric()))
    };
    let head = || rest[..rest.floor_char_boundary(HEAD_BYTES)].to_ascii_lowercase();
    BEGINNINGS.iter().any(begins) || head().contains("<table") && head().contains("<tr")
}

/// Reads the tables of a page, each as a sheet.
///
/// # Errors
/// The page is refused, or the parent is gone.
pub(crate) fn read(text: &str, limits: ReadLimits, out: &mut FrameWriter<impl Write>) -> Result<(), ReadError> {
    let head = text.get(..text.floor_char_boundary(HEAD_BYTES)).unwrap_or(text);
    if head.contains("urn:schemas-microsoft-com:office:spreadsheet") && head.contains("Workbook") {
        return Err(Refusal::new("这是“XML电子表格2003”格式", "请用Excel或WPS打开后另存为xlsx再导入").into());
    }
    if head.contains("urn:oasis:names:tc:opendocument") {
        return Err(Refusal::new("这是“平面ODF电子表格”（fods）", "请用LibreOffice或WPS打开后另存为xlsx再导入").into());
    }
    let mut shapes = ShapeCollector::default();
    walk(text, limits, &mut shapes)?;
    if !shapes.shapes.iter().any(|shape| shape.filled) {
        let hint = "可能是登录页或出错页：请重新登录后导出，或用Excel、WPS打开后另存为xlsx再导入";
        return Err(Refusal::new("这是网页，其中没有表格", hint).into());
    }
    let mut rows = RowWriter { shapes: shapes.shapes, texts: shapes.texts, deferred: Vec::new(), current: None, out };
    walk(text, limits, &mut rows)
}

/// Receives the tables of a page while it is read. `table` is the number of a table in the page, from 0.
trait Listener {
    /// `within` is the table that contains it.
    fn opened(&mut self, table: usize, within: Option<usize>, hidden: bool) -> Result<(), ReadError>;
    fn captioned(&mut self, table: usize, caption: &str);
    fn merged(&mut self, table: usize, range: CellRange) -> Result<(), ReadError>;
    /// Columns from 0, both included.
    fn hidden_columns(&mut self, table: usize, first: u32, last: u32);
    fn row(&mut self, table: usize, row: RawRow<'static>) -> Result<(), ReadError>;
    /// `outermost` = no other table is open.
    fn closed(&mut self, table: usize, rows: u32, outermost: bool) -> Result<(), ReadError>;
    /// Receives the text outside all cells, once, at the end of the page.
    fn ended(&mut self, outside: &str) -> Result<(), ReadError>;
}

/// What is known of a table before its rows are written.
#[derive(Default)]
struct Shape {
    caption: String,
    hidden: bool,
    /// It has a cell with content. A table without one only arranges the page.
    filled: bool,
    holds_tables: bool,
    merges: Vec<CellRange>,
    hidden_columns: Vec<(u32, u32)>,
    /// Its texts while it may be one that only holds titles.
    titles: Option<Vec<String>>,
}

/// The most cells of a row, and the most texts, of a table that holds titles and no register.
const TITLE_CELLS_MAX: usize = 3;
const TITLES_MAX: usize = 60;

/// The most bytes of the texts of a page outside its registers.
const OUTSIDE_BYTES_MAX: usize = 256 * 1024;

/// Collects the shapes of all tables.
#[derive(Default)]
struct ShapeCollector {
    shapes: Vec<Shape>,
    /// The texts outside the tables, and those of tables that only hold titles, each with its table.
    texts: Vec<(Option<usize>, String)>,
}

impl Listener for ShapeCollector {
    fn opened(&mut self, _: usize, within: Option<usize>, hidden: bool) -> Result<(), ReadError> {
        self.shapes.push(Shape { hidden, titles: Some(Vec::new()), ..Shape::default() });
        if let Some(outer) = within {
            self.shapes[outer].holds_tables = true;
        }
        Ok(())
    }

    fn captioned(&mut self, table: usize, caption: &str) {
        self.shapes[table].caption = caption.to_owned();
    }

    fn merged(&mut self, table: usize, range: CellRange) -> Result<(), ReadError> {
        self.shapes[table].merges.push(range);
        if self.shapes[table].merges.len() > MERGES_MAX { Err(too_many_merges().into()) } else { Ok(()) }
    }

    fn hidden_columns(&mut self, table: usize, first: u32, last: u32) {
        let known = &mut self.shapes[table].hidden_columns;
        if known.len() < HIDDEN_RANGES_MAX && !known.contains(&(first, last)) {
            known.push((first, last));
        }
    }

    fn row(&mut self, table: usize, row: RawRow<'static>) -> Result<(), ReadError> {
        let shape = &mut self.shapes[table];
        shape.filled = true;
        shape.titles = shape.titles.take().filter(|titles| row.cells.len() <= TITLE_CELLS_MAX && titles.len() < TITLES_MAX);
        if let Some(titles) = &mut shape.titles {
            titles.extend(row.cells.iter().map(|(_, raw)| raw.display().into_owned()));
        }
        Ok(())
    }

    fn closed(&mut self, table: usize, rows: u32, _: bool) -> Result<(), ReadError> {
        // rowspan=0 and too large ones reach below the table
        for range in &mut self.shapes[table].merges {
            range.bottom = range.bottom.min(rows.saturating_sub(1));
        }
        Ok(())
    }

    fn ended(&mut self, outside: &str) -> Result<(), ReadError> {
        self.texts = outside.lines().map(|line| (None, line.trim().to_owned())).collect();
        for (table, shape) in self.shapes.iter_mut().enumerate() {
            let titles = shape.titles.take().unwrap_or_default();
            self.texts.extend(titles.into_iter().map(|title| (Some(table), title)));
        }
        self.texts.retain(|(_, text)| !text.is_empty());
        if self.texts.iter().map(|(_, text)| text.len()).sum::<usize>() > OUTSIDE_BYTES_MAX {
            return Err(Refusal::new("网页中台账以外的文字过多", "请用Excel或WPS打开后只保留台账，另存为xlsx再导入").into());
        }
        Ok(())
    }
}

/// Writes the rows of the tables as frames.
struct RowWriter<'w, W: Write> {
    shapes: Vec<Shape>,
    /// The texts that hold for every table but their own.
    texts: Vec<(Option<usize>, String)>,
    /// The rows of tables that contain tables: they are written after those of the inner tables.
    deferred: Vec<(usize, RawRow<'static>)>,
    /// The table whose rows are being written.
    current: Option<usize>,
    out: &'w mut FrameWriter<W>,
}

impl<W: Write> RowWriter<'_, W> {
    fn write(&mut self, table: usize, mut row: RawRow<'static>) -> Result<(), ReadError> {
        if self.current != Some(table) {
            self.current = Some(table);
            let number = self.shapes[..=table].iter().filter(|shape| shape.filled).count();
            let shape = &mut self.shapes[table];
            let name = if shape.caption.is_empty() { Cow::Owned(format!("表{number}")) } else { Cow::Borrowed(shape.caption.as_str()) };
            let merges = std::mem::take(&mut shape.merges);
            let hidden_columns = std::mem::take(&mut shape.hidden_columns);
            let beside = self.texts.iter().filter(|(of, _)| *of != Some(table)).map(|(_, text)| (0, text.as_str())).collect();
            self.out.sheet(Sheet { name: &name, visible: !shape.hidden, merges, hidden_columns, beside, ..Sheet::default() })?;
        }
        if self.shapes[table].hidden { Ok(()) } else { self.out.row(&mut row) }
    }
}

impl<W: Write> Listener for RowWriter<'_, W> {
    fn opened(&mut self, _: usize, _: Option<usize>, _: bool) -> Result<(), ReadError> {
        Ok(())
    }

    fn captioned(&mut self, _: usize, _: &str) {}

    fn merged(&mut self, _: usize, _: CellRange) -> Result<(), ReadError> {
        Ok(())
    }

    fn hidden_columns(&mut self, _: usize, _: u32, _: u32) {}

    fn row(&mut self, table: usize, row: RawRow<'static>) -> Result<(), ReadError> {
        if self.shapes[table].holds_tables {
            self.deferred.push((table, row));
            return Ok(());
        }
        self.write(table, row)
    }

    fn closed(&mut self, _: usize, _: u32, outermost: bool) -> Result<(), ReadError> {
        if outermost {
            let mut deferred = std::mem::take(&mut self.deferred);
            deferred.sort_by_key(|(table, _)| *table);
            for (table, row) in deferred {
                self.write(table, row)?;
            }
        }
        Ok(())
    }

    fn ended(&mut self, _: &str) -> Result<(), ReadError> {
        Ok(())
    }
}

/// Reads a page and reports its tables to `listener`.
fn walk(text: &str, limits: ReadLimits, listener: &mut impl Listener) -> Result<(), ReadError> {
    let mut page = PageReader {
        limits,
        listener,
        tables: Vec::new(),
        table_count: 0,
        tag: Tag::default(),
        ignored: None,
        styles: PageStyles::default(),
        outside: VisibleText::default(),
    };
    let mut emitter = CallbackEmitter::new(|event: CallbackEvent<'_>, _: html5gum::Span<()>| page.event(event).err());
    emitter.naively_switch_states(true);
    // the tokenizer yields nothing but the first error
    if let Some(Ok(error)) = Tokenizer::new_with_emitter(text, emitter).next() {
        return Err(error);
    }
    if !page.tables.is_empty() {
        return Err(Refusal::new("网页中的表格没有结束，文件可能不完整", "请重新导出后再导入").into());
    }
    page.listener.ended(&page.outside.text)
}

/// Elements whose text a browser does not show.
const UNSHOWN: [&str; 6] = ["script", "style", "title", "noscript", "template", "textarea"];

/// Elements that begin a new line.
const BLOCKS: [&str; 4] = ["p", "div", "li", "h1"];

/// Elements without content.
const VOID: [&str; 5] = ["br", "img", "input", "hr", "wbr"];

/// Elements within a line of text outside the tables.
const INLINE: [&str; 10] = ["a", "b", "em", "font", "i", "o:p", "s", "span", "strong", "u"];

/// The name of a sheet that Excel hides in a comment of the page.
const SHEET_NAME: (&str, &str) = ("<x:Name>", "</x:Name>");

/// A table that is open.
struct Table {
    /// Its number in the page.
    index: usize,
    /// From 0.
    row: u32,
    in_row: bool,
    hidden_row: bool,
    struck_row: bool,
    hidden_section: bool,
    /// Columns that its `<col>` elements have declared.
    columns: u32,
    /// For each column the first row that no cell from above extends to.
    free_from: Vec<u32>,
    next_column: u32,
    cells: Vec<(u16, Raw<'static>)>,
    cell: Option<OpenCell>,
    caption: Option<VisibleText>,
}

/// Turns the tags of a page into rows of its tables.
struct PageReader<'l, L: Listener> {
    limits: ReadLimits,
    listener: &'l mut L,
    /// Open tables, the innermost last.
    tables: Vec<Table>,
    /// Tables so far, those that have ended included.
    table_count: usize,
    /// The start tag that is being read.
    tag: Tag,
    /// The element of [`UNSHOWN`] that is open.
    ignored: Option<String>,
    styles: PageStyles,
    /// The text outside all cells, with the title of the page.
    outside: VisibleText,
}

impl<L: Listener> PageReader<'_, L> {
    fn event(&mut self, event: CallbackEvent<'_>) -> Result<(), ReadError> {
        match event {
            CallbackEvent::OpenStartTag { name } => self.tag = Tag::new(piece(name).into_owned()),
            CallbackEvent::AttributeName { name } => self.tag.add_attribute(&piece(name)),
            CallbackEvent::AttributeValue { value } => match self.tag.attribute.as_str() {
                "class" => self.styles.apply(&piece(value), &mut self.tag),
                _ => self.tag.set_value(&piece(value)),
            },
            CallbackEvent::CloseStartTag { .. } => {
                let tag = std::mem::take(&mut self.tag);
                return self.start(tag);
            }
            CallbackEvent::EndTag { name } => return self.end(&piece(name)),
            CallbackEvent::String { value } => self.text(&piece(value)),
            CallbackEvent::Comment { value } => {
                let comment = piece(value);
                for part in comment.split(SHEET_NAME.0).skip(1) {
                    self.outside.block_edge();
                    self.outside.push(part.split(SHEET_NAME.1).next().unwrap_or_default());
                    self.outside.block_edge();
                }
            }
            CallbackEvent::Doctype { .. } | CallbackEvent::Error(_) => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        if let Some(ignored) = &self.ignored {
            match ignored.as_str() {
                "title" => self.outside.push(text),
                "style" => self.styles.push(text),
                _ => {}
            }
            return;
        }
        match self.tables.last_mut().map(|table| (&mut table.cell, &mut table.caption)) {
            Some((Some(cell), _)) if cell.hidden.is_none() => cell.text().push(text),
            Some((Some(_), _)) => {}
            Some((None, Some(caption))) => caption.push(text),
            Some((None, None)) | None => self.outside.push(text),
        }
    }

    fn start(&mut self, tag: Tag) -> Result<(), ReadError> {
        if self.ignored.is_some() {
            return Ok(());
        }
        let name = tag.name.as_str();
        self.edge_outside(name);
        match name {
            "table" => {
                let within = self.tables.last().map(|table| table.index);
                self.listener.opened(self.table_count, within, tag.hidden)?;
                self.tables.push(Table {
                    index: self.table_count,
                    row: 0,
                    in_row: false,
                    hidden_row: false,
                    struck_row: false,
                    hidden_section: false,
                    columns: 0,
                    free_from: Vec::new(),
                    next_column: 0,
                    cells: Vec::new(),
                    cell: None,
                    caption: None,
                });
                self.table_count += 1;
            }
            "thead" | "tbody" | "tfoot" => {
                self.end_row()?;
                if let Some(table) = self.tables.last_mut() {
                    table.hidden_section = tag.hidden;
                }
            }
            "tr" => {
                self.end_row()?;
                if let Some(table) = self.tables.last_mut() {
                    table.begin_row(tag.hidden);
                    table.struck_row = tag.struck;
                }
            }
            "col" | "colgroup" => {
                let Some(table) = self.tables.last_mut() else { return Ok(()) };
                let first = table.columns;
                // a group declares its own columns only where it names their number
                let count = tag.columns.unwrap_or(u32::from(name == "col")).min(self.limits.columns_max);
                table.columns = first.saturating_add(count);
                if tag.hidden && count > 0 {
                    self.listener.hidden_columns(table.index, first, table.columns - 1);
                }
            }
            "td" | "th" => {
                self.end_cell();
                self.begin_cell(tag)?;
            }
            "caption" => {
                if let Some(table) = self.tables.last_mut().filter(|table| table.cell.is_none()) {
                    table.caption = Some(VisibleText::default());
                }
            }
            _ if UNSHOWN.contains(&name) => self.ignored = Some(tag.name),
            _ => {
                let Some(cell) = self.tables.last_mut().and_then(|table| table.cell.as_mut()) else { return Ok(()) };
                if cell.hidden.is_none() && !VOID.contains(&name) {
                    cell.enter(name, tag.struck);
                }
                match &mut cell.hidden {
                    Some((hidden, depth)) => *depth += u32::from(hidden == name),
                    None if tag.hidden && !VOID.contains(&name) => cell.hidden = Some((tag.name, 1)),
                    None if name == "br" => cell.text().break_line(),
                    None if matches!(name, "img" | "input") && !tag.hidden => cell.text().push(tag.shown()),
                    None if BLOCKS.contains(&name) => cell.text().block_edge(),
                    None => {}
                }
            }
        }
        Ok(())
    }

    fn end(&mut self, name: &str) -> Result<(), ReadError> {
        if let Some(ignored) = &self.ignored {
            if ignored == name {
                if name == "style" {
                    self.styles.end_sheet();
                }
                self.ignored = None;
                self.edge_outside(name);
            }
            return Ok(());
        }
        self.edge_outside(name);
        match name {
            "table" => self.end_table()?,
            // the page is complete even if tables are not closed
            "body" | "html" => {
                while !self.tables.is_empty() {
                    self.end_table()?;
                }
            }
            "tr" | "thead" | "tbody" | "tfoot" => {
                self.end_row()?;
                if let Some(table) = self.tables.last_mut().filter(|_| name != "tr") {
                    table.hidden_section = false;
                }
            }
            "td" | "th" => self.end_cell(),
            "caption" => {
                if let Some(table) = self.tables.last_mut()
                    && let Some(caption) = table.caption.take()
                {
                    self.listener.captioned(table.index, caption.text.trim());
                }
            }
            _ => {
                let Some(cell) = self.tables.last_mut().and_then(|table| table.cell.as_mut()) else { return Ok(()) };
                match &mut cell.hidden {
                    Some((hidden, depth)) if hidden == name => {
                        *depth -= 1;
                        if *depth == 0 {
                            cell.hidden = None;
                        }
                    }
                    Some(_) => {}
                    None => {
                        if BLOCKS.contains(&name) {
                            cell.text().block_edge();
                        }
                        cell.leave(name);
                    }
                }
            }
        }
        Ok(())
    }

    /// Begins a new line outside the tables, unless the element is one within a line.
    fn edge_outside(&mut self, name: &str) {
        if !INLINE.contains(&name) {
            self.outside.block_edge();
        }
    }

    fn begin_cell(&mut self, tag: Tag) -> Result<(), ReadError> {
        let (index, range, is_hidden) = {
            let Some(table) = self.tables.last_mut() else { return Ok(()) };
            if !table.in_row {
                table.struck_row = false;
                table.begin_row(false);
            }
            let row = table.row;
            let mut column = table.next_column;
            while table.free_from.get(column as usize).is_some_and(|free| *free > row) {
                column += 1;
            }
            // a title may span more columns than the table has
            let right = column.saturating_add(tag.columns.unwrap_or(1).max(1) - 1).min(self.limits.columns_max.max(column + 1) - 1);
            let bottom = match tag.rows {
                Some(0) => self.limits.rows_max,
                rows => row.saturating_add(rows.unwrap_or(1) - 1).min(self.limits.rows_max),
            };
            if table.free_from.len() <= right as usize {
                table.free_from.resize(right as usize + 1, 0);
            }
            let spanned = &mut table.free_from[column as usize..=right as usize];
            // a cell may be declared wider than the room between the cells that reach down from above
            let room = spanned.iter().position(|free| *free > row).map_or(right, |taken| column + taken as u32 - 1);
            for free in spanned {
                *free = (*free).max(bottom + 1);
            }
            table.next_column = right + 1;
            let (number, string, error, is_hidden) = (tag.number, tag.string, tag.error, tag.hidden);
            let all_struck = tag.struck || table.struck_row;
            table.cell = Some(OpenCell { column, number, string, error, all_struck, ..OpenCell::default() });
            if column >= self.limits.columns_max || row >= self.limits.rows_max {
                let reason = format!("超出{}行、{}列的限度", self.limits.rows_max, self.limits.columns_max);
                return Err(Refusal::new(reason, "请拆分后分别导入").into());
            }
            (table.index, CellRange { top: row, left: column, bottom, right: room }, is_hidden)
        };
        if is_hidden {
            self.listener.hidden_columns(index, range.left, range.left);
        }
        if range.top != range.bottom || range.left != range.right {
            self.listener.merged(index, range)?;
        }
        Ok(())
    }

    fn end_cell(&mut self) {
        let Some(table) = self.tables.last_mut() else { return };
        if let Some(cell) = table.cell.take() {
            let column = cell.column as u16;
            if let Some(raw) = raw(cell) {
                table.cells.push((column, raw));
            }
        }
    }

    fn end_table(&mut self) -> Result<(), ReadError> {
        self.end_row()?;
        match self.tables.pop() {
            Some(table) => self.listener.closed(table.index, table.row, self.tables.is_empty()),
            None => Ok(()),
        }
    }

    fn end_row(&mut self) -> Result<(), ReadError> {
        self.end_cell();
        let Some(table) = self.tables.last_mut().filter(|table| table.in_row) else { return Ok(()) };
        let cells = std::mem::take(&mut table.cells);
        let row = RawRow { number: table.row + 1, hidden: table.hidden_row, cells };
        table.in_row = false;
        table.row += 1;
        if row.cells.is_empty() { Ok(()) } else { self.listener.row(table.index, row) }
    }
}

impl Table {
    fn begin_row(&mut self, hidden: bool) {
        self.in_row = true;
        self.next_column = 0;
        self.hidden_row = hidden || self.hidden_section;
    }
}

/// The bytes as text: pieces of a UTF-8 text.
fn piece(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
