//! A workbook as plain data: the value of each cell and the role that styles it. The renderer chooses colours and fonts.

use crate::domain::judging::finding::{Finding, State};
use crate::domain::own_sheet::{MARK, OwnDocument, SEPARATOR};
use crate::domain::register::record::Decimal;
use crate::domain::rules::rule::Light;
use chrono::NaiveDate;
use std::borrow::Cow;
use std::sync::Arc;

/// A whole workbook, ready to render. Equal workbooks render to the same bytes.
#[derive(Clone, Debug, Default)]
pub struct Workbook<'a> {
    pub title: String,
    pub subject: String,
    pub keywords: String,
    pub description: String,
    pub author: String,
    pub document: OwnDocument,
    /// The only date in the properties of the file, so that no wall time gets into it.
    pub created: NaiveDate,
    pub sheets: Vec<Sheet<'a>>,
    /// Cells that print a figure; cells with the same key must agree (表间平衡).
    pub figures: Vec<Figure>,
    /// Totals and the cells they must equal the sum of.
    pub sums: Vec<Sum>,
}

/// Paper size of a printed sheet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paper {
    #[default]
    A4,
    A3,
}

/// One sheet: its rows, and how they are shown and printed. Rows and columns count from 0.
#[derive(Clone, Debug, Default)]
pub struct Sheet<'a> {
    pub name: String,
    pub landscape: bool,
    pub paper: Paper,
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
    /// Rows below `rows` that are built while the file is written.
    pub lazy_rows: Option<LazyRows<'a>>,
    /// Rows below the lazy rows.
    pub closing_rows: Vec<Row>,
    /// Number of rows that the caller hands over one by one while the file is written, so that they are never all in memory.
    pub streamed: usize,
    /// Numbers of rows and columns that stay in view.
    pub freeze: Option<(usize, usize)>,
    /// Head row and last row of the table with a filter.
    pub filter: Option<(usize, usize)>,
    /// First and last of the rows that are printed on every page.
    pub repeat: Option<(usize, usize)>,
    pub charts: Vec<Chart>,
    /// Number of pages side by side that the sheet is printed on; 0 is the same as 1.
    pub pages_wide: u16,
    /// The most pages in height; 0 = as many as it needs.
    pub pages_high: u16,
    /// Rows above which a page break is set.
    pub breaks: Vec<u32>,
    /// The whole sheet is printed on one page.
    pub single_page: bool,
    /// The last row that is printed; `None` = the last row of the sheet.
    pub printed_to: Option<usize>,
    /// Cells with data bars.
    pub bars: Vec<Area>,
    /// Cells that offer values while the sheet is filled in.
    pub choices: Vec<Choice>,
    pub header: String,
    pub footer: String,
    /// Only cells to fill in can be changed; there is no password.
    pub locked: bool,
    /// The sheet lists only some findings of its rules, so the balance check does not count its rows.
    pub partial: bool,
    /// An official paper, which is written as a text document too.
    pub document: bool,
    /// Rows that are built while the file is written are those of restricted records.
    pub restricted_lazily: bool,
}

/// Rows of a long table, built one at a time so that they are never all in memory. The writer computes their heights.
#[derive(Clone)]
pub struct LazyRows<'a> {
    pub count: usize,
    /// The findings of the rows, one per row; empty in a sheet of records.
    pub(crate) found: Arc<[&'a Finding]>,
    pub(crate) row: Arc<dyn Fn(usize) -> Row + Send + Sync + 'a>,
}

impl LazyRows<'_> {
    /// The row of an index below `count`.
    pub fn row(&self, index: usize) -> Row {
        (self.row)(index)
    }
}

impl std::fmt::Debug for LazyRows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} rows", self.count)
    }
}

/// A column of a sheet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Column {
    /// In characters.
    pub width: f64,
    /// The unit fills the column in.
    pub fill: bool,
    /// What the cells below the head of an empty table take.
    pub entry: Option<Entry>,
}

/// The values that a column of an empty table takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// Text as typed, including codes and telephone numbers.
    Text,
    Date,
    Decimal,
    Int,
}

/// Cells of one column that offer words; another word can be entered after a warning.
#[derive(Clone, Debug)]
pub struct Choice {
    pub column: usize,
    pub first: usize,
    pub last: usize,
    pub words: Words,
}

/// The values that cells offer.
#[derive(Clone, Debug)]
pub enum Words {
    These(Vec<String>),
    /// Any date.
    Day,
    /// Words in cells of another sheet, because the rule itself takes only short lists.
    Listed {
        sheet: usize,
        area: Area,
    },
}

/// What a row is, which decides its style.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Mark of an attachment (附件), flush left above the title.
    Mark,
    Title,
    Subtitle,
    /// A heading above a table or a group of rows: 一、
    Section,
    /// A heading of the second level: （一）
    Subsection,
    Head,
    #[default]
    Body,
    /// A total of some rows below or above it.
    Subtotal,
    Total,
    Note,
    /// Running text.
    Paragraph,
    /// Addressees of a paper, flush left.
    Address,
    /// Signature and date, flush right.
    Sign,
}

/// One row of a sheet.
#[derive(Clone, Debug, Default)]
pub struct Row {
    pub role: Role,
    pub cells: Vec<Value>,
    /// In points; `None` = the program that opens the file fits it.
    pub height: Option<f64>,
    /// Merged cells as first and last column.
    pub merges: Vec<(usize, usize)>,
    /// The finding that the row lists.
    pub tag: Option<Tag>,
    /// The code of the finding's record.
    pub key: Option<Arc<str>>,
    /// Further columns to fill in, on this row only.
    pub open: Vec<usize>,
    /// The row is that of a restricted record, and marked as such.
    pub restricted: bool,
}

impl Row {
    /// Marks the row as that of a restricted record: the words go before the cell `name`, else before the first text.
    pub(crate) fn mark_restricted(&mut self, words: &str, name: Option<usize>) {
        self.restricted = true;
        let is_text = |at: &usize| matches!(self.cells.get(*at), Some(Value::Text(_)));
        if let Some(at) = name.filter(is_text).or_else(|| (0..self.cells.len()).find(is_text)) {
            self.cells[at] = Value::text(format!("{words}{}", self.cells[at].shown()));
        }
    }
}

/// The finding of a row as the balance check counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    pub rule: usize,
    pub state: State,
    pub light: Option<Light>,
}

impl Tag {
    pub fn of(finding: &Finding) -> Tag {
        Tag { rule: finding.rule, state: finding.state, light: finding.light }
    }
}

/// The value of a cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    #[default]
    Blank,
    Text(String),
    Number(Decimal),
    /// In 分; shown in 亿元 with two decimals.
    Amount(i128),
    Date(NaiveDate),
    /// In tenths of a percent; `None` is shown as `-`.
    Percent(Option<i64>),
    Count(i64),
    /// Change of a count; `None` = nothing to compare with, shown as `-`.
    Change(Option<i64>),
    /// Change of a rate in tenths of a percentage point; `None` as above.
    Points(Option<i64>),
    Light(Light),
    /// Text that links to another sheet (index).
    Link {
        text: String,
        sheet: usize,
    },
}

impl Value {
    pub fn text(text: impl Into<String>) -> Value {
        let text = text.into();
        if text.is_empty() { Value::Blank } else { Value::Text(text) }
    }

    pub fn count(count: impl TryInto<i64>) -> Value {
        Value::Count(count.try_into().unwrap_or(i64::MAX))
    }

    /// The number in the cell for sums; `None` for values that are not added up.
    pub fn figure(&self) -> Option<i128> {
        match self {
            Value::Count(count) | Value::Change(Some(count)) => Some(i128::from(*count)),
            Value::Amount(fen) => Some(*fen),
            _ => None,
        }
    }

    /// The value as printed.
    pub fn shown(&self) -> String {
        match self {
            Value::Blank => String::new(),
            Value::Text(text) | Value::Link { text, .. } => text.clone(),
            Value::Number(value) => value.to_string(),
            Value::Amount(fen) => {
                // rounded half up to hundredths of 亿元
                let hundredths = (fen.abs() + 50_000_000) / 100_000_000;
                format!("{}{}.{:02}", if *fen < 0 && hundredths > 0 { "-" } else { "" }, hundredths / 100, hundredths % 100)
            }
            Value::Date(date) => date.to_string(),
            Value::Percent(None) | Value::Change(None) | Value::Points(None) => "-".into(),
            Value::Points(Some(0)) => "0.0".into(),
            Value::Points(Some(tenths)) => {
                format!("{}{}.{}", if *tenths < 0 { "-" } else { "+" }, tenths.abs() / 10, tenths.abs() % 10)
            }
            Value::Percent(Some(tenths)) => format!("{}.{}%", tenths / 10, tenths.abs() % 10),
            Value::Count(count) => count.to_string(),
            Value::Change(Some(0)) => "0".into(),
            Value::Change(Some(change)) => format!("{change:+}"),
            Value::Light(light) => light.title().into(),
        }
    }

    /// Estimated width in half-width characters.
    pub fn width(&self) -> f64 {
        match self {
            Value::Blank => 0.0,
            // programs break a code that does not fit at its dash, and fonts differ in the width of a digit
            Value::Text(text) if text.is_ascii() && !text.contains('\n') => text.len() as f64 * CODE_GLYPH,
            Value::Text(text) | Value::Link { text, .. } => text_width(text),
            Value::Number(value) => value.to_string().len() as f64,
            Value::Amount(fen) => (fen / 10_000_000_000).to_string().len() as f64 + 3.0,
            Value::Date(_) => 10.0,
            Value::Percent(_) | Value::Points(_) => 6.0,
            Value::Count(count) => count.to_string().len() as f64,
            Value::Change(_) => 4.0,
            Value::Light(_) => 4.2,
        }
    }
}

/// Width of a letter or a digit of a text that must not wrap.
const CODE_GLYPH: f64 = 1.1;

/// Width of the longest line in half-width characters: a Chinese character takes a little more than two.
pub fn text_width(text: &str) -> f64 {
    text.split('\n').map(|line| line.chars().map(|c| if c.is_ascii() { 1.0 } else { 2.1 }).sum::<f64>()).fold(0.0, f64::max)
}

/// Number of lines that a text needs in a column of a width.
pub fn text_lines(text: &str, width: f64) -> usize {
    let width = width.max(2.1);
    text.split('\n').map(|line| (text_width(line) / width).ceil().max(1.0) as usize).sum()
}

/// A cell: indices of sheet, row and column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    pub sheet: usize,
    pub row: usize,
    pub column: usize,
}

/// What a figure counts. Cells with equal keys must print equal values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FigureKey {
    Total(String),
    /// Findings of a rule; `light: None` counts every light.
    Findings {
        rule: usize,
        state: State,
        light: Option<Light>,
    },
}

/// A cell that prints a figure.
#[derive(Clone, Debug)]
pub struct Figure {
    pub key: FigureKey,
    pub at: At,
}

/// A cell that prints the sum of other cells.
#[derive(Clone, Debug)]
pub struct Sum {
    pub total: At,
    pub parts: Vec<At>,
}

/// The kinds of chart. Columns are vertical, bars horizontal, which suits long names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartKind {
    /// Series stacked.
    ColumnStacked,
    Column,
    Bar,
    /// Series stacked.
    BarStacked,
}

impl ChartKind {
    pub fn is_stacked(self) -> bool {
        matches!(self, ChartKind::ColumnStacked | ChartKind::BarStacked)
    }

    pub fn is_horizontal(self) -> bool {
        matches!(self, ChartKind::Bar | ChartKind::BarStacked)
    }
}

/// A chart that is placed with its upper left corner on a cell.
#[derive(Clone, Debug)]
pub struct Chart {
    pub kind: ChartKind,
    pub title: String,
    /// Unit of the value axis.
    pub unit: String,
    pub row: usize,
    pub column: usize,
    /// In pixels.
    pub size: (u32, u32),
    pub series: Vec<Series>,
}

/// A series of a chart.
#[derive(Clone, Debug)]
pub struct Series {
    pub name: String,
    /// The light whose colour the series has.
    pub light: Option<Light>,
    pub categories: Area,
    pub values: Area,
}

/// Cells of one column, first and last row.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    pub column: usize,
    pub first: usize,
    pub last: usize,
}

/// The head of a column broken into lines: the unit in brackets has its own line, and a long word is broken before its last word (实际开工 /
/// 时间) or in its middle (连续红灯 / 季度数). A title that contains a line break stays as it is.
pub fn head_text(title: &str) -> String {
    if title.contains('\n') || text_width(title) <= HEAD_LINE {
        return title.to_owned();
    }
    let (word, unit) = title.split_at(title.find('（').filter(|at| *at > 0).unwrap_or(title.len()));
    let glyphs = word.chars().count();
    let broken = (text_width(word) > HEAD_LINE && !word.is_ascii()).then(|| {
        let last = LAST_WORDS.into_iter().find(|last| word.ends_with(last)).map_or(0, |last| last.chars().count());
        let first = if last > 0 && glyphs - last <= FIRST_PART { glyphs - last } else { glyphs.div_ceil(2) };
        word.split_at(word.char_indices().nth(first).map_or(word.len(), |(at, _)| at))
    });
    let (first, rest) = broken.unwrap_or((word, ""));
    [first, rest, unit].into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// The head of a table; widens `columns` to what it needs. A long title is broken into lines rather than widening a narrow column.
pub fn head<T: AsRef<str>>(titles: &[T], columns: &mut [Column]) -> Row {
    let mut lines = 1;
    let mut in_lines = |title: &str, column: &mut Column| {
        let whole = !title.contains('（') && text_width(title) + 1.5 <= column.width;
        let title = if whole { title.to_owned() } else { head_text(title) };
        column.width = column.width.max(text_width(&title) + 1.5);
        lines = lines.max(title.split('\n').count());
        Value::text(title)
    };
    let cells = titles.iter().zip(columns).map(|(title, column)| in_lines(title.as_ref(), column)).collect();
    Row { role: Role::Head, cells, height: Some(15.0 * lines as f64 + 9.0), ..Row::default() }
}

/// A wider head is broken into lines, in half-width characters.
const HEAD_LINE: f64 = 11.0;
/// Words that a head is broken before, and the most characters in the line above them.
const LAST_WORDS: [&str; 5] = ["时间", "日期", "资金", "名称", "进度"];
const FIRST_PART: usize = 6;

/// Sets the height of every row without one to what its wrapped texts need, because not every program fits rows when it opens a file.
pub fn fit_heights(rows: &mut [Row], columns: &[Column]) {
    for row in rows.iter_mut().filter(|row| row.height.is_none()) {
        let lines = row.cells.iter().zip(columns).map(|(cell, column)| match cell {
            Value::Text(text) => text_lines(text, column.width - 0.8),
            _ => 1,
        });
        row.height = Some(13.5 * lines.max().unwrap_or(1) as f64 + 5.0);
    }
}

/// Columns as wide as the cells of the rows need, each between 8 and `most` characters.
pub fn fit(rows: &[Row], count: usize, most: f64) -> Vec<Column> {
    let mut columns = vec![Column::default(); count];
    for row in rows.iter().filter(|row| row.merges.is_empty()) {
        for (column, cell) in columns.iter_mut().zip(&row.cells) {
            column.width = column.width.max(cell.width());
        }
    }
    for column in &mut columns {
        column.width = (column.width + 2.0).clamp(8.0, most.min(60.0));
    }
    columns
}

/// The height of a text across columns of this width together, in points.
fn banner_height(role: Role, text: &str, width: f64) -> f64 {
    let line = match role {
        Role::Title => 26.0,
        Role::Section | Role::Subsection => 20.0,
        Role::Paragraph => 17.0,
        _ => 15.0,
    };
    // characters do not fill a line to its end, and a title has a larger font
    let usable = width * if role == Role::Title { 0.6 } else { 0.92 };
    line * text_lines(text, usable) as f64 + 3.0
}

impl Sheet<'_> {
    /// Number of rows, including lazy and streamed ones.
    pub fn height(&self) -> usize {
        self.rows.len() + self.lazy_rows.as_ref().map_or(0, |lazy| lazy.count) + self.streamed + self.closing_rows.len()
    }

    /// Adds the line below the title, and in it the mark by which the sheet is known when it comes back.
    pub fn subtitle(&mut self, text: impl AsRef<str>) {
        self.banner(Role::Subtitle, format!("{}{SEPARATOR}{MARK}", text.as_ref()));
    }

    /// Whether the sheet has a row of a restricted record.
    pub fn holds_restricted(&self) -> bool {
        self.restricted_lazily || self.rows.iter().chain(&self.closing_rows).any(|row| row.restricted)
    }

    /// Puts words before the line below the title, or before the title where there is no such line.
    pub fn begin_head_with(&mut self, words: &str) {
        let width = self.columns.iter().map(|column| column.width).sum();
        let at = [Role::Subtitle, Role::Title].into_iter().find_map(|role| self.rows.iter().position(|row| row.role == role));
        let Some(row) = at.and_then(|at| self.rows.get_mut(at)) else { return };
        if let Some(Value::Text(text) | Value::Link { text, .. }) = row.cells.first_mut() {
            *text = format!("{words}{SEPARATOR}{text}");
            row.height = Some(banner_height(row.role, text, width));
        }
    }

    /// Adds one text across all columns, as high as it needs.
    pub fn banner(&mut self, role: Role, text: impl Into<String>) {
        let text = text.into();
        let width: f64 = self.columns.iter().map(|column| column.width).sum();
        let height = banner_height(role, &text, width);
        let last = self.columns.len().saturating_sub(1);
        let merges = if last > 0 { vec![(0, last)] } else { Vec::new() };
        self.last_rows().push(Row { role, cells: vec![Value::text(text)], height: Some(height), merges, ..Row::default() });
    }

    /// Adds a row and returns its index.
    pub fn row(&mut self, role: Role, cells: Vec<Value>) -> usize {
        self.last_rows().push(Row { role, cells, ..Row::default() });
        self.height() - 1
    }

    /// The rows that the next row is added to.
    fn last_rows(&mut self) -> &mut Vec<Row> {
        if self.lazy_rows.is_some() { &mut self.closing_rows } else { &mut self.rows }
    }

    /// The findings of the rows, each with its row and the code of its record; none if the sheet is partial.
    pub fn listed(&self) -> impl Iterator<Item = (usize, Tag, &str)> {
        let rows = self.rows.iter().enumerate().filter_map(|(at, row)| Some((at, row.tag?, row.key.as_deref()?)));
        let lazy = self.lazy_rows.iter().flat_map(|lazy| lazy.found.iter().copied());
        let lazy = (self.rows.len()..).zip(lazy).map(|(at, finding)| (at, Tag::of(finding), &*finding.key));
        rows.chain(lazy).filter(|_| !self.partial)
    }

    /// A row of `rows` or of the lazy rows.
    pub fn row_at(&self, row: usize) -> Option<Cow<'_, Row>> {
        match (self.rows.get(row), &self.lazy_rows) {
            (Some(row), _) => Some(Cow::Borrowed(row)),
            (None, Some(lazy)) => (row - self.rows.len() < lazy.count).then(|| Cow::Owned(lazy.row(row - self.rows.len()))),
            (None, None) => None,
        }
    }

    /// The reference of a cell: `总体情况!C7`.
    pub fn place(&self, row: usize, column: usize) -> String {
        let mut letters = String::new();
        let mut rest = column + 1;
        while rest > 0 {
            letters.insert(0, char::from(b'A' + ((rest - 1) % 26) as u8));
            rest = (rest - 1) / 26;
        }
        format!("{}!{letters}{}", self.name, row + 1)
    }
}

/// Every light in the order of printed columns, worst first.
pub(crate) const LIGHTS: [Light; 3] = [Light::Red, Light::Orange, Light::Yellow];

/// `count` columns: the first of width `first`, the others of width `rest`.
pub(crate) fn grid(first: f64, rest: f64, count: usize) -> Vec<Column> {
    (0..count).map(|index| Column { width: if index == 0 { first } else { rest }, ..Column::default() }).collect()
}
