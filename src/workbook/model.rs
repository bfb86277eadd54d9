//! A workbook as plain data: what stands in which cell and by which role it is styled. Colours and fonts are the renderer's.

use crate::domain::judging::finding::{Finding, State};
use crate::domain::register::record::Decimal;
use crate::domain::rules::rule::Light;
use chrono::NaiveDate;
use std::borrow::Cow;
use std::sync::Arc;

/// A whole workbook, ready to render. Two equal values render to the same bytes.
#[derive(Clone, Debug, Default)]
pub struct Workbook<'a> {
    pub title: String,
    pub subject: String,
    pub keywords: String,
    pub description: String,
    pub author: String,
    /// The only date that stands in the file's properties: no wall time.
    pub created: NaiveDate,
    pub sheets: Vec<Sheet<'a>>,
    /// Cells that print one and the same figure on several sheets (表间平衡).
    pub figures: Vec<Figure>,
    /// Totals with their parts.
    pub sums: Vec<Sum>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paper {
    #[default]
    A4,
    A3,
}

#[derive(Clone, Debug, Default)]
pub struct Sheet<'a> {
    pub name: String,
    pub landscape: bool,
    pub paper: Paper,
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
    /// Rows below `rows` that are made when they are written.
    pub lazy_rows: Option<LazyRows<'a>>,
    /// Rows below those made later.
    pub closing_rows: Vec<Row>,
    /// Rows that follow these one by one while the file is written, so that nobody holds them all.
    pub streamed: usize,
    /// Rows and columns that stay in view.
    pub freeze: Option<(usize, usize)>,
    /// Head row and last row of the filtered table.
    pub filter: Option<(usize, usize)>,
    /// Rows printed on every page, first and last.
    pub repeat: Option<(usize, usize)>,
    pub charts: Vec<Chart>,
    /// Pages side by side that a wide sheet is printed on; 0 and 1 are one.
    pub pages_wide: u16,
    /// The most pages below each other; 0 = as many as it needs.
    pub pages_high: u16,
    /// Rows that begin a page of their own accord.
    pub breaks: Vec<u32>,
    /// All of it on one page.
    pub single_page: bool,
    /// The last row that is printed, where empty rows are meant to be.
    pub printed_to: Option<usize>,
    /// Data bars: (column, first row, last row).
    pub bars: Vec<(usize, usize, usize)>,
    /// Lists to choose from while the sheet is filled in.
    pub choices: Vec<Choice>,
    pub header: String,
    pub footer: String,
    /// Only what is to be filled in can be changed; there is no password.
    pub locked: bool,
    /// It lists only a part of the findings of its rules, so its rows need not add up to the totals.
    pub partial: bool,
    /// An official paper: made as a text document too.
    pub document: bool,
}

/// Rows of a long list, made one at a time so that they never stand in memory together; whoever writes them finds their heights.
#[derive(Clone)]
pub struct LazyRows<'a> {
    pub count: usize,
    /// The findings they list, one a row; empty where they list records.
    pub(crate) found: Arc<[&'a Finding]>,
    pub(crate) row: Arc<dyn Fn(usize) -> Row + Send + Sync + 'a>,
}

impl LazyRows<'_> {
    /// The row of a number below `count`.
    pub fn row(&self, number: usize) -> Row {
        (self.row)(number)
    }
}

impl std::fmt::Debug for LazyRows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} rows", self.count)
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Column {
    pub width: f64,
    /// The unit fills it in.
    pub fill: bool,
    /// What is to be entered below the head of an empty form.
    pub entry: Option<Entry>,
}

/// What a column of an empty form takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// Kept as typed, codes and telephone numbers among it.
    Text,
    Date,
    Decimal,
    Int,
}

/// Cells of one column that offer words to choose from; another word is entered after a warning.
#[derive(Clone, Debug)]
pub struct Choice {
    pub column: usize,
    pub first: usize,
    pub last: usize,
    pub words: Words,
}

#[derive(Clone, Debug)]
pub enum Words {
    These(Vec<String>),
    /// A day, not a word.
    Day,
    /// Too long to stand in the list itself: a run of cells of another sheet.
    Listed {
        sheet: usize,
        area: Area,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// 附件 mark, flush left above the title.
    Mark,
    Title,
    Subtitle,
    /// A heading between two tables of one sheet, or above a group of rows: 一、
    Section,
    /// A heading below it: （一）
    Subsection,
    Head,
    #[default]
    Body,
    /// A total over the rows below or above it.
    Subtotal,
    Total,
    Note,
    /// Running text of a cover.
    Paragraph,
    /// To whom a paper goes, flush left.
    Address,
    /// Who signs it and when, flush right.
    Sign,
}

#[derive(Clone, Debug, Default)]
pub struct Row {
    pub role: Role,
    pub cells: Vec<Value>,
    /// In points; `None` lets the reader's program fit it.
    pub height: Option<f64>,
    /// Areas of this row, first and last column, that are one cell.
    pub merges: Vec<(usize, usize)>,
    /// The finding the row lists, and the code of its record.
    pub tag: Option<Tag>,
    pub key: Option<Arc<str>>,
    /// Columns that are to be filled in on this row alone.
    pub open: Vec<usize>,
}

/// What a row of a list stands for, so that counts can be held against it.
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

#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    #[default]
    Blank,
    Text(String),
    Number(Decimal),
    /// 分, shown in 亿元 with two decimals.
    Amount(i128),
    Date(NaiveDate),
    /// Tenths of a percent; `None` shows `-`.
    Percent(Option<i64>),
    Count(i64),
    /// How much more, or less, than before; `None` = nothing to compare with, shows `-`.
    Change(Option<i64>),
    /// The same of a rate, in tenths of a percentage point.
    Points(Option<i64>),
    Light(Light),
    /// Text that leads to another sheet.
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

    /// The figure a cell holds, for sums.
    pub fn figure(&self) -> Option<i128> {
        match self {
            Value::Count(count) | Value::Change(Some(count)) => Some(i128::from(*count)),
            Value::Amount(fen) => Some(*fen),
            _ => None,
        }
    }

    /// As it stands on paper.
    pub fn shown(&self) -> String {
        match self {
            Value::Blank => String::new(),
            Value::Text(text) | Value::Link { text, .. } => text.clone(),
            Value::Number(value) => value.to_string(),
            Value::Amount(fen) => {
                // half up to hundredths of 亿
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

    /// About as many half-width characters as the cell takes.
    pub fn width(&self) -> f64 {
        match self {
            Value::Blank => 0.0,
            // a code that does not fit is parted at its dash, and fonts differ in how wide they draw a digit
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

/// Width of a letter or digit where it must not wrap.
const CODE_GLYPH: f64 = 1.1;

/// Width in half-width characters: a Chinese glyph takes a little more than two.
pub fn text_width(text: &str) -> f64 {
    text.split('\n').map(|line| line.chars().map(|c| if c.is_ascii() { 1.0 } else { 2.1 }).sum::<f64>()).fold(0.0, f64::max)
}

/// Lines a text needs in a column of a width.
pub fn text_lines(text: &str, width: f64) -> usize {
    let width = width.max(2.1);
    text.split('\n').map(|line| (text_width(line) / width).ceil().max(1.0) as usize).sum()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    pub sheet: usize,
    pub row: usize,
    pub column: usize,
}

/// What a figure says; equal keys must hold equal values wherever they are printed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FigureKey {
    Total(String),
    /// Rows of a rule; `light: None` counts every light.
    Findings {
        rule: usize,
        state: State,
        light: Option<Light>,
    },
}

#[derive(Clone, Debug)]
pub struct Figure {
    pub key: FigureKey,
    pub at: At,
}

#[derive(Clone, Debug)]
pub struct Sum {
    pub total: At,
    pub parts: Vec<At>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartKind {
    /// Upright columns, series stacked.
    ColumnStacked,
    Column,
    Bar,
    /// Bars that lie, series stacked: for names too long to stand under a column.
    BarStacked,
}

impl ChartKind {
    pub fn is_stacked(self) -> bool {
        matches!(self, ChartKind::ColumnStacked | ChartKind::BarStacked)
    }

    pub fn lies(self) -> bool {
        matches!(self, ChartKind::Bar | ChartKind::BarStacked)
    }
}

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

#[derive(Clone, Debug)]
pub struct Series {
    pub name: String,
    /// A series that counts a light takes its colour.
    pub light: Option<Light>,
    pub categories: Area,
    pub values: Area,
}

/// A run of cells in one column of the chart's own sheet.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    pub column: usize,
    pub first: usize,
    pub last: usize,
}

/// Keeps the parts of a subtitle apart. It looks like two full-width spaces and is none, so that a sheet of ours is known for one wherever it
/// comes back from.
pub const APART: &str = "　\u{2003}";

/// A column head in lines: its unit in brackets stands on one of its own, and a long word is parted before its last word (实际开工 / 时间) or in
/// its middle (连续红灯 / 季度数). A title with a line break of its own is left as it is.
pub fn head_text(title: &str) -> String {
    if title.contains('\n') || text_width(title) <= HEAD_LINE {
        return title.to_owned();
    }
    let (word, unit) = title.split_at(title.find('（').filter(|at| *at > 0).unwrap_or(title.len()));
    let glyphs = word.chars().count();
    let parted = (text_width(word) > HEAD_LINE && !word.is_ascii()).then(|| {
        let last = LAST_WORDS.into_iter().find(|last| word.ends_with(last)).map_or(0, |last| last.chars().count());
        let first = if last > 0 && glyphs - last <= FIRST_PART { glyphs - last } else { glyphs.div_ceil(2) };
        word.split_at(word.char_indices().nth(first).map_or(word.len(), |(at, _)| at))
    });
    let (first, rest) = parted.unwrap_or((word, ""));
    [first, rest, unit].into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// The head of a table, and columns at least as wide as it needs: a long title takes two lines rather than widening a narrow column.
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

/// A head that is wider takes two lines.
const HEAD_LINE: f64 = 11.0;
/// Words that a head is parted before, and the most glyphs that then stand above.
const LAST_WORDS: [&str; 5] = ["时间", "日期", "资金", "名称", "进度"];
const FIRST_PART: usize = 6;

/// Gives every row without a height of its own what its wrapped texts need: not every program fits rows when it opens a file.
pub fn fit_heights(rows: &mut [Row], columns: &[Column]) {
    for row in rows.iter_mut().filter(|row| row.height.is_none()) {
        let lines = row.cells.iter().zip(columns).map(|(cell, column)| match cell {
            Value::Text(text) => text_lines(text, column.width - 0.8),
            _ => 1,
        });
        row.height = Some(13.5 * lines.max().unwrap_or(1) as f64 + 5.0);
    }
}

/// Column widths that hold what the rows' cells need, each within 8 and `most`.
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

impl Sheet<'_> {
    /// All rows, those made later too.
    pub fn height(&self) -> usize {
        self.rows.len() + self.lazy_rows.as_ref().map_or(0, |later| later.count) + self.streamed + self.closing_rows.len()
    }

    /// One text across all columns of the sheet, as high as it needs.
    pub fn banner(&mut self, role: Role, text: impl Into<String>) {
        let mut text = text.into();
        if role == Role::Subtitle {
            text = text.replace("　　", APART);
        }
        let width: f64 = self.columns.iter().map(|column| column.width).sum();
        let line = match role {
            Role::Title => 26.0,
            Role::Section | Role::Subsection => 20.0,
            Role::Paragraph => 17.0,
            _ => 15.0,
        };
        // glyphs do not fill a line to its end, and a title is set larger
        let usable = width * if role == Role::Title { 0.6 } else { 0.92 };
        let height = line * text_lines(&text, usable) as f64 + 3.0;
        let last = self.columns.len().saturating_sub(1);
        let merges = if last > 0 { vec![(0, last)] } else { Vec::new() };
        self.below().push(Row { role, cells: vec![Value::text(text)], height: Some(height), merges, ..Row::default() });
    }

    pub fn row(&mut self, role: Role, cells: Vec<Value>) -> usize {
        self.below().push(Row { role, cells, ..Row::default() });
        self.height() - 1
    }

    /// Where the next row goes.
    fn below(&mut self) -> &mut Vec<Row> {
        if self.lazy_rows.is_some() { &mut self.closing_rows } else { &mut self.rows }
    }

    /// The findings that its rows list one by one, each with its row. A list that shows only a part of them answers for none.
    pub fn listed(&self) -> impl Iterator<Item = (usize, Tag, &str)> {
        let rows = self.rows.iter().enumerate().filter_map(|(at, row)| Some((at, row.tag?, row.key.as_deref()?)));
        let later = self.lazy_rows.iter().flat_map(|later| later.found.iter().copied());
        let later = (self.rows.len()..).zip(later).map(|(at, finding)| (at, Tag::of(finding), &*finding.key));
        rows.chain(later).filter(|_| !self.partial)
    }

    /// A row of the sheet, but for those streamed.
    pub fn row_at(&self, row: usize) -> Option<Cow<'_, Row>> {
        match (self.rows.get(row), &self.lazy_rows) {
            (Some(row), _) => Some(Cow::Borrowed(row)),
            (None, Some(later)) => (row - self.rows.len() < later.count).then(|| Cow::Owned(later.row(row - self.rows.len()))),
            (None, None) => None,
        }
    }

    /// How a person calls a cell: `总体情况!C7`.
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

/// The light columns a summary prints, worst first.
pub(crate) const LIGHTS: [Light; 3] = [Light::Red, Light::Orange, Light::Yellow];

/// Columns of equal width.
pub(crate) fn grid(first: f64, rest: f64, count: usize) -> Vec<Column> {
    (0..count).map(|index| Column { width: if index == 0 { first } else { rest }, ..Column::default() }).collect()
}
