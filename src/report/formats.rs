//! Fonts, colours and number formats of cells; those of charts are in `xlsx.rs`, of documents in `docx.rs`.

use crate::domain::rules::rule::Light;
use crate::workbook::model::{Entry, Role, Value};
use rust_xlsxwriter as xlsx;
use rust_xlsxwriter::{Format, FormatAlign, FormatBorder};
use std::collections::BTreeMap;

/// Texts with more bytes (about 500 Chinese characters) may not fit into a row of the greatest height.
const LONG_TEXT_BYTES: usize = 1500;

/// Colour of the borders of a table.
pub(crate) const BORDER_COLOUR: &str = "808080";

pub(crate) const SONG: &str = "宋体";
pub(crate) const HEI: &str = "黑体";

/// The part of a cell's format that its value decides; the role of its row decides the rest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CellFormat {
    Text,
    /// A text that may be cut off below: it is aligned to the top, so that its beginning is visible.
    LongText,
    /// A text that begins like a formula: it is marked as text, so that no program evaluates it.
    QuotedText,
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

impl CellFormat {
    pub(crate) const ALL: [CellFormat; 15] = [
        CellFormat::Text,
        CellFormat::LongText,
        CellFormat::QuotedText,
        CellFormat::Centre,
        CellFormat::Decimal,
        CellFormat::Amount,
        CellFormat::Percent,
        CellFormat::Count,
        CellFormat::Change,
        CellFormat::Points,
        CellFormat::Date,
        CellFormat::Light(Light::Yellow),
        CellFormat::Light(Light::Orange),
        CellFormat::Light(Light::Red),
        CellFormat::Link,
    ];

    pub(crate) fn of(value: &Value) -> CellFormat {
        match value {
            Value::Blank => CellFormat::Text,
            Value::Text(text) if text.len() > 1 && text.starts_with(['=', '+', '-', '@']) => CellFormat::QuotedText,
            Value::Text(text) if text == "-" => CellFormat::Centre,
            Value::Text(text) if text.len() > LONG_TEXT_BYTES => CellFormat::LongText,
            Value::Text(_) => CellFormat::Text,
            Value::Number(_) => CellFormat::Decimal,
            Value::Amount(_) => CellFormat::Amount,
            Value::Percent(Some(_)) => CellFormat::Percent,
            Value::Percent(None) => CellFormat::Centre,
            Value::Count(_) => CellFormat::Count,
            Value::Change(Some(_)) => CellFormat::Change,
            Value::Points(Some(_)) => CellFormat::Points,
            Value::Change(None) | Value::Points(None) => CellFormat::Centre,
            Value::Date(_) => CellFormat::Date,
            Value::Light(light) => CellFormat::Light(*light),
            Value::Link { .. } => CellFormat::Link,
        }
    }
}

/// The formats of a workbook, each made once.
#[derive(Default)]
pub(crate) struct Formats {
    cells: BTreeMap<(Role, CellFormat, bool), Format>,
    entries: BTreeMap<Entry, Format>,
}

impl Formats {
    /// The format of a blank cell of a form.
    pub(crate) fn of_entry(&mut self, entry: Entry) -> &Format {
        let made = || format(Role::Body, CellFormat::Text, false).set_num_format(number_format(entry));
        self.entries.entry(entry).or_insert_with(made)
    }

    /// The format of a value in a row of a role. `fill`: the reader is to fill the cell in.
    pub(crate) fn of(&mut self, role: Role, value: &Value, fill: bool) -> &Format {
        self.of_format(role, CellFormat::of(value), fill)
    }

    /// As [`Formats::of`].
    pub(crate) fn of_format(&mut self, role: Role, cell: CellFormat, fill: bool) -> &Format {
        self.cells.entry((role, cell, fill)).or_insert_with(|| format(role, cell, fill))
    }
}

fn format(role: Role, cell: CellFormat, fill: bool) -> Format {
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
        out = out.set_border_color(BORDER_COLOUR);
    }
    if fill {
        // Light enough that handwriting is legible on it.
        out = out.set_background_color("F7FBEF").set_border(FormatBorder::Thin).set_unlocked();
    }
    if role == Role::Head {
        return out;
    }
    match cell {
        CellFormat::Text => out,
        CellFormat::LongText => out.set_align(FormatAlign::Top),
        CellFormat::QuotedText => out.set_quote_prefix(),
        CellFormat::Centre => out.set_align(FormatAlign::Center),
        // `_ ` puts the width of a space between the number and the border on its right.
        CellFormat::Decimal => out.set_num_format("General_ ").set_align(FormatAlign::Right),
        CellFormat::Amount => out.set_num_format("#,##0.00_ ").set_align(FormatAlign::Right),
        CellFormat::Percent => out.set_num_format("0.0%_ ").set_align(FormatAlign::Right),
        CellFormat::Count => out.set_num_format("0_ ").set_align(FormatAlign::Right),
        CellFormat::Change => out.set_num_format("+0_ ;-0_ ;0_ ").set_align(FormatAlign::Right),
        CellFormat::Points => out.set_num_format("+0.0_ ;-0.0_ ;0.0_ ").set_align(FormatAlign::Right),
        CellFormat::Date => out.set_num_format("yyyy-mm-dd").set_align(FormatAlign::Center),
        CellFormat::Light(light) => {
            let (background, font) = light_colours(light);
            out.set_align(FormatAlign::Center).set_bold().set_background_color(background).set_font_color(font)
        }
        // A link in a subtitle is printed like any other subtitle.
        CellFormat::Link if role == Role::Subtitle => out,
        CellFormat::Link => out.set_font_color("1F4E9E").set_underline(xlsx::FormatUnderline::Single),
    }
}

pub(crate) fn number_format(entry: Entry) -> &'static str {
    match entry {
        Entry::Text => "@",
        Entry::Date => "yyyy-mm-dd",
        Entry::Decimal => "General",
        Entry::Int => "0",
    }
}

/// Background and font colour of the cell of a light. The cell also has the light as a symbol and a word, for prints without colour.
fn light_colours(light: Light) -> (&'static str, &'static str) {
    match light {
        Light::Red => ("F8CBC6", "8B0000"),
        Light::Orange => ("FBD9B5", "7A3E00"),
        Light::Yellow => ("FFF4B8", "5C4B00"),
    }
}

pub(crate) fn chart_colour(light: Light) -> &'static str {
    match light {
        Light::Red => "C0392B",
        Light::Orange => "F0A04B",
        Light::Yellow => "FFE680",
    }
}
