//! The styles of an ods file that change what a person sees of a cell: number formats, struck-out text, hidden sheets. The formats are put in the
//! words of Excel's format codes, so that one reader knows what they show.

use crate::source::cell_style::{CellFormat, CellStyle};
use crate::source::xlsx::fault::Fault;
use crate::source::xlsx::tags::{Tags, attributes, is_empty, name, unescape};
use std::collections::{HashMap, HashSet};
use std::io::Read;

/// The styles by their names.
#[derive(Debug, Default)]
pub(crate) struct OdsStyles {
    cells: HashMap<String, CellStyle>,
    /// Of text within a cell that is struck out.
    struck_texts: HashSet<String>,
    /// Of sheets that are hidden.
    hidden_sheets: HashSet<String>,
}

impl OdsStyles {
    pub fn cell(&self, name: &str) -> Option<&CellStyle> {
        self.cells.get(name)
    }

    pub fn is_struck_text(&self, name: &str) -> bool {
        self.struck_texts.contains(name)
    }

    pub fn is_hidden_sheet(&self, name: &str) -> bool {
        self.hidden_sheets.contains(name)
    }
}

/// A style as the file has it.
#[derive(Default)]
struct RawStyle {
    family: String,
    parent: String,
    data_style: String,
    struck: Option<bool>,
    hidden: bool,
}

/// A number format as the file has it: a format code of Excel, and the formats for numbers that meet a condition.
#[derive(Default)]
struct DataStyle {
    code: String,
    /// The end of the whole places of its number in the code.
    places_end: usize,
    mapped: Vec<(String, String)>,
    /// A percent sign multiplies; elsewhere it is a text.
    is_percentage: bool,
}

/// Collects the styles of the parts of a file.
#[derive(Default)]
pub(crate) struct StyleCollector {
    styles: HashMap<String, RawStyle>,
    formats: HashMap<String, DataStyle>,
}

/// The most styles of a file.
const STYLES_MAX: usize = 100_000;

/// The most styles that a style inherits from.
const PARENTS_MAX: usize = 20;

impl StyleCollector {
    /// Adds the styles of a part, up to its cells.
    pub fn read(&mut self, part: impl Read) -> Result<(), Fault> {
        let mut tags = Tags::new(part);
        let mut style: Option<(String, RawStyle)> = None;
        let mut format: Option<(String, DataStyle)> = None;
        let (mut literal, mut position) = (false, 0usize);
        while let Some(piece) = tags.next()? {
            let tag = piece.tag;
            match name(tag) {
                b"spreadsheet" => break,
                b"style:style" | b"style:default-style" => {
                    let get = |key: &[u8]| attribute(tag, key);
                    let found = RawStyle {
                        family: get(b"style:family"),
                        parent: get(b"style:parent-style-name"),
                        data_style: get(b"style:data-style-name"),
                        ..RawStyle::default()
                    };
                    let key = format!("{} {}", found.family, get(b"style:name"));
                    match is_empty(tag) {
                        true => self.add_style(key, found),
                        false => style = Some((key, found)),
                    }
                }
                b"/style:style" | b"/style:default-style" => {
                    if let Some((key, found)) = style.take() {
                        self.add_style(key, found);
                    }
                }
                b"style:text-properties" => {
                    let line =
                        [b"style:text-line-through-style".as_slice(), b"style:text-line-through-type"].map(|key| attribute(tag, key));
                    if let Some((_, style)) = style.as_mut().filter(|_| line.iter().any(|line| !line.is_empty())) {
                        style.struck = Some(line.iter().any(|line| !line.is_empty() && line != "none"));
                    }
                }
                b"style:table-properties" => {
                    if let Some((_, style)) = &mut style {
                        style.hidden = attribute(tag, b"table:display") == "false";
                    }
                }
                b"number:number-style"
                | b"number:percentage-style"
                | b"number:currency-style"
                | b"number:date-style"
                | b"number:time-style"
                | b"number:text-style"
                    if !is_empty(tag) =>
                {
                    let is_percentage = name(tag) == b"number:percentage-style";
                    format = Some((attribute(tag, b"style:name"), DataStyle { is_percentage, ..DataStyle::default() }));
                }
                b"/number:number-style"
                | b"/number:percentage-style"
                | b"/number:currency-style"
                | b"/number:date-style"
                | b"/number:time-style"
                | b"/number:text-style" => {
                    if let Some((key, found)) = format.take().filter(|_| self.formats.len() < STYLES_MAX) {
                        self.formats.insert(key, found);
                    }
                }
                tag_name => {
                    let Some((_, format)) = &mut format else { continue };
                    match tag_name {
                        b"number:text" | b"number:currency-symbol" => literal = !is_empty(tag),
                        b"number:embedded-text" => {
                            literal = !is_empty(tag);
                            position = attribute(tag, b"number:position").parse().unwrap_or(0);
                        }
                        b"/number:text" | b"/number:currency-symbol" if literal => {
                            literal = false;
                            push_literal(&mut format.code, &unescape(piece.text)?, format.is_percentage);
                        }
                        b"/number:embedded-text" if literal => {
                            literal = false;
                            embed(format, position, &unescape(piece.text)?);
                        }
                        b"number:text-content" => format.code.push('@'),
                        b"number:number" => push_number(format, tag),
                        b"number:scientific-number" | b"number:fraction" => format.code.push_str("0E+0"),
                        b"number:year" | b"number:era" => format.code.push('y'),
                        b"number:month" => format.code.push('m'),
                        b"number:day" | b"number:day-of-week" => format.code.push('d'),
                        b"number:hours" | b"number:minutes" | b"number:seconds" => format.code.push('h'),
                        b"style:map" => format.mapped.push((attribute(tag, b"style:condition"), attribute(tag, b"style:apply-style-name"))),
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    fn add_style(&mut self, key: String, style: RawStyle) {
        if self.styles.len() < STYLES_MAX {
            self.styles.insert(key, style);
        }
    }

    pub fn finish(self) -> OdsStyles {
        let mut styles = OdsStyles::default();
        for (key, style) in &self.styles {
            let (family, name) = key.split_once(' ').unwrap_or((key, ""));
            match family {
                "table-cell" => {
                    let format = self.inherited(style, |style| (!style.data_style.is_empty()).then_some(&style.data_style));
                    let format = format.and_then(|name| self.formats.get(name)).map(|format| self.format(format));
                    let struck = self.inherited(style, |style| style.struck.as_ref()).copied().unwrap_or(false);
                    styles.cells.insert(name.to_owned(), CellStyle { format: format.unwrap_or_default(), struck });
                }
                "text" if self.inherited(style, |style| style.struck.as_ref()) == Some(&true) => {
                    styles.struck_texts.insert(name.to_owned());
                }
                "table" if style.hidden => {
                    styles.hidden_sheets.insert(name.to_owned());
                }
                _ => {}
            }
        }
        styles
    }

    /// A property of a style, or of the style that it inherits from.
    fn inherited<'s, T>(&'s self, style: &'s RawStyle, get: impl Fn(&'s RawStyle) -> Option<&'s T>) -> Option<&'s T> {
        let parent = |style: &&'s RawStyle| self.styles.get(&format!("{} {}", style.family, style.parent));
        std::iter::successors(Some(style), parent).take(PARENTS_MAX).find_map(get)
    }

    fn format(&self, format: &DataStyle) -> CellFormat {
        // value()>=10000 → [>=10000]
        let section = |(condition, name): &(String, String)| {
            let condition = condition.trim().strip_prefix("value()")?.replace("!=", "<>");
            Some(format!("[{condition}]{}", self.formats.get(name)?.code))
        };
        let sections: Vec<String> = format.mapped.iter().filter_map(section).chain([format.code.clone()]).collect();
        // the text of a cell has its words already
        CellFormat { texts: None, ..CellFormat::parse(&sections.join(";")) }
    }
}

/// A text that is shown as it is.
fn push_literal(code: &mut String, text: &str, is_percentage: bool) {
    for c in text.chars() {
        match c {
            '%' if is_percentage => code.push('%'),
            '0'..='9'
            | '%'
            | '#'
            | '?'
            | '.'
            | ','
            | ';'
            | '"'
            | '\\'
            | '['
            | ']'
            | '*'
            | '_'
            | '!'
            | '@'
            | '/'
            | 'A'..='Z'
            | 'a'..='z' => {
                code.push('\\');
                code.push(c);
            }
            c => code.push(c),
        }
    }
}

/// The places of a number, with a comma for each thousand that it is divided by.
fn push_number(format: &mut DataStyle, tag: &[u8]) {
    let code = &mut format.code;
    let count = |key: &[u8]| attribute(tag, key).parse::<usize>().unwrap_or(0).min(30);
    let (whole, decimals) = (count(b"number:min-integer-digits"), count(b"number:decimal-places"));
    if attribute(tag, b"number:grouping") == "true" {
        code.push_str("#,##");
    }
    code.push_str(&"0".repeat(whole));
    if whole == 0 {
        code.push('#');
    }
    format.places_end = code.len();
    if decimals > 0 {
        code.push('.');
        code.push_str(&"0".repeat(decimals));
    }
    let factor = attribute(tag, b"number:display-factor").parse::<f64>().unwrap_or(1.0);
    // a number has no more thousands than these
    let thousands = std::iter::successors(Some(factor), |factor| Some(factor / 1000.0)).take_while(|factor| *factor >= 1000.0);
    thousands.take(5).for_each(|_| code.push(','));
}

/// A text between the places of the last number, so many places from their right end.
fn embed(format: &mut DataStyle, position: usize, text: &str) {
    let Some(at) = format.places_end.checked_sub(position).filter(|at| format.code.is_char_boundary(*at)) else { return };
    let mut literal = String::new();
    push_literal(&mut literal, text, format.is_percentage);
    format.code.insert_str(at, &literal);
    format.places_end += literal.len();
}

fn attribute(tag: &[u8], key: &[u8]) -> String {
    let found = attributes(tag).find(|(known, _)| *known == key);
    found.and_then(|(_, value)| unescape(value).ok()).map(|value| value.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::intake::raw::Raw;

    fn styles(inside: &str) -> OdsStyles {
        let mut collector = StyleCollector::default();
        let part = format!(
            "<office:document-content xmlns:office=\"a\"><office:automatic-styles>{inside}</office:automatic-styles></office:document-content>"
        );
        collector.read(part.as_bytes()).expect("styles");
        collector.finish()
    }

    #[test]
    fn formats_of_ods_files_are_those_of_excel() {
        let cell = "<style:style style:name=\"C\" style:family=\"table-cell\" style:data-style-name=\"N\"/>";
        for (format, number, shown) in [
            (
                "<number:number-style style:name=\"N\"><number:number number:min-integer-digits=\"1\"/><number:text>万元</number:text></number:number-style>",
                5000.0,
                "5000万元",
            ),
            (
                "<number:number-style style:name=\"N\"><number:number number:min-integer-digits=\"9\"/></number:number-style>",
                52_010_001.0,
                "052010001",
            ),
            (
                "<number:number-style style:name=\"N\"><number:text>GZ</number:text><number:number number:min-integer-digits=\"4\"/></number:number-style>",
                17.0,
                "GZ0017",
            ),
            (
                "<number:number-style style:name=\"N\"><number:number number:min-integer-digits=\"2\" number:display-factor=\"1000\"><number:embedded-text number:position=\"1\">.</number:embedded-text></number:number><number:text>万元</number:text></number:number-style>",
                12_345_678.0,
                "1234.5678万元",
            ),
            (
                "<number:date-style style:name=\"N\"><number:year/><number:text>年</number:text><number:month/><number:text>月</number:text></number:date-style>",
                46_174.0,
                "2026年6月",
            ),
            (
                "<number:date-style style:name=\"N\"><number:year/>-<number:month/>-<number:day/></number:date-style>",
                46_174.0,
                "2026-06-01",
            ),
            (
                "<number:percentage-style style:name=\"N\"><number:number number:min-integer-digits=\"1\"/><number:text>%</number:text></number:percentage-style>",
                0.95,
                "95%",
            ),
            (
                "<number:currency-style style:name=\"N\"><number:currency-symbol>$</number:currency-symbol><number:number number:min-integer-digits=\"1\"/></number:currency-style>",
                5.0,
                "$5",
            ),
            (
                "<number:number-style style:name=\"P\"><number:number number:min-integer-digits=\"1\" number:display-factor=\"1000\"/><number:text>千元</number:text></number:number-style><number:number-style style:name=\"N\"><number:number number:min-integer-digits=\"1\"/><number:text>元</number:text><style:map style:condition=\"value()&gt;=1000\" style:apply-style-name=\"P\"/></number:number-style>",
                5000.0,
                "5千元",
            ),
            (
                "<number:number-style style:name=\"P0\"><number:number number:min-integer-digits=\"1\"/><number:text>万元</number:text></number:number-style><number:text-style style:name=\"N\"><number:text> </number:text><number:text-content/><style:map style:condition=\"value()&gt;=0\" style:apply-style-name=\"P0\"/></number:text-style>",
                5000.0,
                "5000万元",
            ),
            (
                "<number:number-style style:name=\"N\"><number:number number:min-integer-digits=\"1\"/><number:text>%</number:text></number:number-style>",
                40.0,
                "40",
            ),
            (
                "<number:number-style style:name=\"P0\"><number:text>完成</number:text></number:number-style><number:percentage-style style:name=\"N\"><number:number number:min-integer-digits=\"1\"/><number:text>%</number:text><style:map style:condition=\"value()=1\" style:apply-style-name=\"P0\"/></number:percentage-style>",
                1.0,
                "完成",
            ),
            (
                "<number:date-style style:name=\"N\"><number:year number:style=\"long\"/><number:text>-</number:text><number:month/></number:date-style>",
                46_174.0,
                "2026年6月",
            ),
        ] {
            let styles = styles(&format!("{format}{cell}"));
            let style = styles.cell("C").expect("a style");
            let found = match style.format.numbers.shown(number, false) {
                Raw::Text(text) => text.into_owned(),
                other => other.display().into_owned(),
            };
            assert_eq!(found, shown, "{format}");
        }
    }

    #[test]
    fn styles_inherit_what_is_struck_out() {
        let styles = styles(
            "<style:style style:name=\"P\" style:family=\"table-cell\"><style:text-properties style:text-line-through-style=\"solid\"/></style:style>\
             <style:style style:name=\"C\" style:family=\"table-cell\" style:parent-style-name=\"P\"/>\
             <style:style style:name=\"D\" style:family=\"table-cell\" style:parent-style-name=\"P\"><style:text-properties style:text-line-through-style=\"none\"/></style:style>\
             <style:style style:name=\"T\" style:family=\"text\"><style:text-properties style:text-line-through-type=\"single\"/></style:style>\
             <style:style style:name=\"ta\" style:family=\"table\"><style:table-properties table:display=\"false\"/></style:style>\
             <style:style style:name=\"R\" style:family=\"table-cell\" style:parent-style-name=\"R\"/>",
        );
        let struck = |name: &str| styles.cell(name).is_some_and(|style| style.struck);
        assert_eq!(["P", "C", "D", "R"].map(struck), [true, true, false, false]);
        assert!(styles.is_struck_text("T") && !styles.is_struck_text("C") && styles.is_hidden_sheet("ta"));
    }
}
