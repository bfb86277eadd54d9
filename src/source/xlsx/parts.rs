//! The small parts of a workbook: its sheets, where their parts are, and which cell styles are dates.

use crate::source::xlsx::fault::{Fault, broken};
use crate::source::xlsx::tags::{Tags, attributes, name, unescape};
use std::collections::HashMap;
use std::io::Read;

/// A sheet as the workbook names it.
#[derive(Debug, PartialEq, Eq)]
pub struct SheetEntry {
    pub name: String,
    pub visible: bool,
    /// Id of the relation to its part.
    relation: String,
}

/// `xl/workbook.xml`.
#[derive(Debug, Default)]
pub struct Book {
    pub sheets: Vec<SheetEntry>,
    /// Days count from 1904-01-01.
    pub date1904: bool,
    /// The program that wrote the file left its formulas to be calculated by the one that opens it.
    pub uncalculated: bool,
}

/// What a part is for its workbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sheet,
    Strings,
    Styles,
    Other,
}

/// The parts the workbook relates to, by relation id: what they are and their names in the package.
pub type Relations = HashMap<String, (Kind, String)>;

impl Book {
    pub fn read(part: impl Read) -> Result<Book, Fault> {
        let mut book = Book::default();
        each(part, b"workbook", |tag| {
            match name(tag) {
                b"sheet" => {
                    let entry = SheetEntry {
                        name: attribute(tag, b"name")?.unwrap_or_default(),
                        visible: attribute(tag, b"state")?.is_none_or(|state| state == "visible"),
                        relation: attribute_ending(tag, b":id")?.ok_or(Fault::Unusual("a sheet without relation"))?,
                    };
                    book.sheets.push(entry);
                }
                b"workbookPr" => book.date1904 = attribute(tag, b"date1904")?.is_some_and(|value| value == "1" || value == "true"),
                b"calcPr" => book.uncalculated = attribute(tag, b"fullCalcOnLoad")?.is_some_and(|value| value == "1" || value == "true"),
                _ => {}
            }
            Ok(())
        })?;
        Ok(book)
    }

    /// The sheet's part; `None` for a chart sheet and the like, which hold no cells.
    pub fn part_of<'r>(&self, sheet: &SheetEntry, relations: &'r Relations) -> Result<Option<&'r str>, Fault> {
        let (kind, part) = relations.get(&sheet.relation).ok_or_else(|| broken(format!("工作表“{}”在文件中缺失", sheet.name)))?;
        Ok((*kind == Kind::Sheet).then_some(part.as_str()))
    }
}

/// Reads `xl/_rels/workbook.xml.rels`.
pub fn relations(part: impl Read) -> Result<Relations, Fault> {
    let mut relations = Relations::new();
    each(part, b"Relationships", |tag| {
        if name(tag) != b"Relationship" || attribute(tag, b"TargetMode")?.is_some_and(|mode| mode == "External") {
            return Ok(());
        }
        let (Some(id), Some(target), Some(kind)) = (attribute(tag, b"Id")?, attribute(tag, b"Target")?, attribute(tag, b"Type")?) else {
            return Ok(());
        };
        let kind = match kind.rsplit('/').next() {
            Some("worksheet") => Kind::Sheet,
            Some("sharedStrings") => Kind::Strings,
            Some("styles") => Kind::Styles,
            _ => Kind::Other,
        };
        // from the package's root, or from the workbook's folder
        let part = target.strip_prefix('/').map_or_else(|| format!("xl/{target}"), str::to_owned);
        relations.insert(id, (kind, part));
        Ok(())
    })?;
    Ok(relations)
}

/// How a cell style shows a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shows {
    #[default]
    Number,
    Date,
    Percent,
    /// Hours beyond a day: no date.
    Duration,
}

/// The number format of each cell style, in the order cells name them.
pub fn styles(part: impl Read) -> Result<Vec<Shows>, Fault> {
    let mut own: HashMap<String, Shows> = HashMap::new();
    let mut styles = Vec::new();
    let mut in_cells = false;
    each(part, b"styleSheet", |tag| {
        match name(tag) {
            b"numFmt" => {
                if let (Some(id), Some(code)) = (attribute(tag, b"numFmtId")?, attribute(tag, b"formatCode")?) {
                    own.insert(id, format_shows(&code));
                }
            }
            b"cellXfs" => in_cells = true,
            b"/cellXfs" => in_cells = false,
            b"xf" if in_cells => {
                let id = attribute(tag, b"numFmtId")?.unwrap_or_default();
                styles.push(own.get(&id).copied().unwrap_or_else(|| built_in(&id)));
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(styles)
}

/// The built-in formats (ECMA-376 part 1, 18.8.30): 14-22 and 45-47 everywhere, 27-36 and 50-58 are the Chinese dates and times.
fn built_in(id: &str) -> Shows {
    match id.parse::<u32>() {
        Ok(14..=22 | 27..=36 | 45 | 47 | 50..=58) => Shows::Date,
        Ok(46) => Shows::Duration,
        Ok(9 | 10) => Shows::Percent,
        _ => Shows::Number,
    }
}

/// What a format code shows: letters of a date outside quotes, brackets and escapes; only its first section counts.
fn format_shows(code: &str) -> Shows {
    let mut chars = code.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => while chars.next().is_some_and(|c| c != '"') {},
            '\\' | '_' | '*' => {
                chars.next();
            }
            '[' => {
                let inside: String = chars.by_ref().take_while(|c| *c != ']').collect();
                let inside = inside.to_ascii_lowercase();
                if !inside.is_empty() && ["h", "m", "s"].iter().any(|unit| inside.trim_matches(|c| unit.starts_with(c)).is_empty()) {
                    return Shows::Duration;
                }
            }
            ';' => return Shows::Number,
            '%' => return Shows::Percent,
            'd' | 'D' | 'm' | 'M' | 'h' | 'H' | 'y' | 'Y' | 's' | 'S' => return Shows::Date,
            'G' | 'g' => {
                // General
                while chars.peek().is_some_and(char::is_ascii_alphabetic) {
                    chars.next();
                }
            }
            _ => {}
        }
    }
    Shows::Number
}

/// Hands every tag of a part to `take`; the part's root has to be `root`, without a prefix.
fn each(part: impl Read, root: &[u8], mut take: impl FnMut(&[u8]) -> Result<(), Fault>) -> Result<(), Fault> {
    let mut tags = Tags::new(part);
    let mut rooted = false;
    while let Some(piece) = tags.next()? {
        if !rooted && piece.tag.first() != Some(&b'?') {
            if name(piece.tag) != root {
                return Err(Fault::Unusual("another root element"));
            }
            rooted = true;
        }
        take(piece.tag)?;
    }
    if rooted { Ok(()) } else { Err(Fault::Unusual("no root element")) }
}

fn attribute(tag: &[u8], key: &[u8]) -> Result<Option<String>, Fault> {
    attributes(tag).find(|(found, _)| *found == key).map(|(_, value)| Ok(unescape(value)?.into_owned())).transpose()
}

fn attribute_ending(tag: &[u8], ending: &[u8]) -> Result<Option<String>, Fault> {
    attributes(tag).find(|(found, _)| found.ends_with(ending)).map(|(_, value)| Ok(unescape(value)?.into_owned())).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_code_shows_a_date_or_not() {
        for (code, shows) in [
            ("General", Shows::Number),
            ("G/通用格式", Shows::Number),
            ("0.00_ ", Shows::Number),
            ("#,##0.00\"days\"", Shows::Number),
            ("[Red]0.0", Shows::Number),
            ("0;yyyy", Shows::Number),
            ("yyyy-mm-dd", Shows::Date),
            ("yyyy\"年\"m\"月\";@", Shows::Date),
            ("[$-804]yyyy\"年\"m\"月\"d\"日\"", Shows::Date),
            ("[DBNum1][$-804]m\"月\"", Shows::Date),
            ("[h]:mm", Shows::Duration),
            ("[mm]:ss", Shows::Duration),
        ] {
            assert_eq!(format_shows(code), shows, "{code}");
        }
    }
}
