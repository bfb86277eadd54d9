//! The small parts of a workbook: its sheets, the names of their parts, and which cell styles show dates.

use crate::source::bounds::SHEETS_MAX;
use crate::source::cell_style::{CellFormat, CellStyle};
use crate::source::xlsx::fault::{Fault, broken};
use crate::source::xlsx::tags::{Tags, attributes, is_empty, name, unescape};
use std::collections::{BTreeMap, HashMap};
use std::io::Read;

/// A sheet in the list of the workbook.
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
    /// The program that wrote the file did not calculate its formulas; the one that opens it has to.
    pub uncalculated: bool,
}

/// The kind of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// The workbook itself, or the main part of another kind of document.
    Document,
    Sheet,
    SharedStrings,
    Styles,
    /// Remarks on cells.
    Comments,
    /// Pictures and boxes with text over the cells.
    Drawing,
    Other,
}

/// The parts of the workbook by relation id: the kind and the name in the package.
pub type Relations = BTreeMap<String, (PartKind, String)>;

impl Book {
    pub fn read(part: impl Read) -> Result<Book, Fault> {
        let mut book = Book::default();
        for_each_tag(part, b"workbook", |tag| {
            match name(tag) {
                b"sheet" => {
                    let entry = SheetEntry {
                        name: attribute(tag, b"name")?.unwrap_or_default(),
                        visible: attribute(tag, b"state")?.is_none_or(|state| state == "visible"),
                        // without relation it has no part
                        relation: attribute_ending(tag, b":id")?.unwrap_or_default(),
                    };
                    book.sheets.push(entry);
                    if book.sheets.len() > SHEETS_MAX {
                        return Err(broken(format!("工作表超过{SHEETS_MAX}张")));
                    }
                }
                b"workbookPr" => book.date1904 = attribute(tag, b"date1904")?.is_some_and(|value| value == "1" || value == "true"),
                b"calcPr" => book.uncalculated = attribute(tag, b"fullCalcOnLoad")?.is_some_and(|value| value == "1" || value == "true"),
                _ => {}
            }
            Ok(())
        })?;
        Ok(book)
    }

    /// The kind and the name of the part of a sheet; `None` = the workbook only names the sheet.
    pub fn part_of<'r>(&self, sheet: &SheetEntry, relations: &'r Relations) -> Option<(PartKind, &'r str)> {
        relations.get(&sheet.relation).map(|(kind, part)| (*kind, part.as_str()))
    }
}

/// Reads the relations of a part; `folder` is that of the part, which targets are relative to.
pub fn relations(part: impl Read, folder: &[&str]) -> Result<Relations, Fault> {
    let mut relations = Relations::new();
    for_each_tag(part, b"Relationships", |tag| {
        if name(tag) != b"Relationship" || attribute(tag, b"TargetMode")?.is_some_and(|mode| mode == "External") {
            return Ok(());
        }
        let (Some(id), Some(target), Some(kind)) = (attribute(tag, b"Id")?, attribute(tag, b"Target")?, attribute(tag, b"Type")?) else {
            return Ok(());
        };
        let kind = match kind.rsplit('/').next() {
            Some("officeDocument") => PartKind::Document,
            Some("worksheet") => PartKind::Sheet,
            Some("sharedStrings") => PartKind::SharedStrings,
            Some("styles") => PartKind::Styles,
            Some("comments" | "threadedComment") => PartKind::Comments,
            Some("drawing") => PartKind::Drawing,
            _ => PartKind::Other,
        };
        relations.insert(id, (kind, part_name(&target, folder)?));
        Ok(())
    })?;
    Ok(relations)
}

/// The name in the package of a target, which is relative to the root of the package or to a folder.
fn part_name(target: &str, folder: &[&str]) -> Result<String, Fault> {
    let mut folders = if target.starts_with(['/', '\\']) { Vec::new() } else { folder.to_vec() };
    for step in target.split(['/', '\\']) {
        match step {
            "" | "." => {}
            ".." => drop(folders.pop().ok_or_else(|| broken("部件名指向文件之外"))?),
            name => folders.push(name),
        }
    }
    Ok(folders.join("/"))
}

/// The cell styles, by the index that cells refer to.
pub(crate) fn styles(part: impl Read) -> Result<Vec<CellStyle>, Fault> {
    let mut custom: HashMap<String, CellFormat> = HashMap::new();
    let mut styles = Vec::new();
    // for each font, whether it strikes out
    let mut fonts: Vec<bool> = Vec::new();
    let (mut in_cells, mut in_fonts) = (false, false);
    for_each_tag(part, b"styleSheet", |tag| {
        match name(tag) {
            b"numFmt" => {
                if let (Some(id), Some(code)) = (attribute(tag, b"numFmtId")?, attribute(tag, b"formatCode")?) {
                    custom.insert(id, CellFormat::parse(&code));
                }
            }
            b"fonts" => in_fonts = !is_empty(tag),
            b"/fonts" => in_fonts = false,
            b"font" if in_fonts => fonts.push(false),
            b"strike" if in_fonts => {
                if let Some(struck) = fonts.last_mut() {
                    *struck = is_on(tag);
                }
            }
            b"cellXfs" => in_cells = true,
            b"/cellXfs" => in_cells = false,
            b"xf" if in_cells => {
                let id = attribute(tag, b"numFmtId")?.unwrap_or_default();
                let built_in = || id.parse().map_or_else(|_| CellFormat::default(), CellFormat::built_in);
                let format = custom.get(&id).cloned().unwrap_or_else(built_in);
                let font = attribute(tag, b"fontId")?.and_then(|font| font.parse::<usize>().ok()).unwrap_or(0);
                styles.push(CellStyle { format, struck: fonts.get(font).copied().unwrap_or(false) });
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(styles)
}

/// Whether a property that is named by a tag holds: `<strike/>`, not `<strike val="0"/>`.
pub(crate) fn is_on(tag: &[u8]) -> bool {
    attributes(tag).find(|(key, _)| *key == b"val").is_none_or(|(_, value)| !matches!(value, b"0" | b"false" | b"off" | b"none"))
}

/// The value of a custom property of the document, from `docProps/custom.xml`.
pub fn custom_property(part: impl Read, key: &str) -> Result<Option<String>, Fault> {
    let mut tags = Tags::new(part);
    let mut is_wanted = false;
    while let Some(piece) = tags.next()? {
        match name(piece.tag) {
            b"property" => is_wanted = attribute(piece.tag, b"name")?.is_some_and(|name| name == key),
            b"/property" => is_wanted = false,
            tag if is_wanted && tag.starts_with(b"/") => return Ok(Some(unescape(piece.text)?.into_owned())),
            _ => {}
        }
    }
    Ok(None)
}

/// The remarks of a part with their rows (from 1). Remarks that answer each other are all on their cell.
pub fn comments(part: impl Read) -> Result<Vec<(u32, String)>, Fault> {
    let mut tags = Tags::new(part);
    let mut found: Vec<(u32, String)> = Vec::new();
    while let Some(piece) = tags.next()? {
        match name(piece.tag) {
            b"comment" | b"threadedComment" => {
                let row = attribute(piece.tag, b"ref")?.map(|place| place.trim_start_matches(|c: char| !c.is_ascii_digit()).to_owned());
                found.push((row.and_then(|row| row.parse().ok()).unwrap_or(0), String::new()));
                if found.len() > COMMENTS_MAX {
                    return Err(broken(format!("批注超过{COMMENTS_MAX}条")));
                }
            }
            b"/t" | b"/text" => {
                if let Some((_, text)) = found.last_mut() {
                    text.push_str(&unescape(piece.text)?);
                }
            }
            _ => {}
        }
    }
    found.retain(|(_, text)| !text.trim().is_empty());
    Ok(found)
}

/// The paragraphs of the boxes with text that a part draws over the cells.
pub fn drawn_texts(part: impl Read) -> Result<Vec<String>, Fault> {
    let mut tags = Tags::new(part);
    let mut found = vec![String::new()];
    while let Some(piece) = tags.next()? {
        let tag = name(piece.tag);
        match tag.iter().position(|byte| *byte == b':').map(|at| (tag[0] == b'/', &tag[at + 1..])) {
            Some((true, b"t")) => {
                let text = unescape(piece.text)?;
                found.last_mut().into_iter().for_each(|paragraph| paragraph.push_str(&text));
            }
            Some((true, b"p")) if found.last().is_some_and(|paragraph| !paragraph.trim().is_empty()) => found.push(String::new()),
            _ => {}
        }
        if found.len() > COMMENTS_MAX {
            return Err(broken(format!("文本框的文字超过{COMMENTS_MAX}段")));
        }
    }
    found.retain(|text| !text.trim().is_empty());
    Ok(found)
}

/// The most remarks of a part.
const COMMENTS_MAX: usize = 20_000;

/// The characters of a colour in the text of a page.
const COLOUR_CHARS: usize = 6;

/// The texts of the head or foot of a printed page, without its codes: `&L&"宋体"&10内部资料&R&P/&N` → `内部资料`, `/`.
pub fn page_texts(coded: &str) -> Vec<String> {
    let mut texts = vec![String::new()];
    let mut chars = coded.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('&', Some('&')) => {
                chars.next();
                texts.last_mut().into_iter().for_each(|text| text.push('&'));
            }
            ('&', Some('"')) => {
                chars.next();
                while chars.next().is_some_and(|c| c != '"') {}
            }
            ('&', Some(digit)) if digit.is_ascii_digit() => while chars.next_if(char::is_ascii_digit).is_some() {},
            ('&', Some('L' | 'C' | 'R')) => {
                chars.next();
                texts.push(String::new());
            }
            // a colour: &KFF0000, or one of the theme with its shade: &K01+049
            ('&', Some('K')) => {
                chars.next();
                for _ in 0..COLOUR_CHARS {
                    chars.next_if(|c| c.is_ascii_hexdigit() || matches!(c, '+' | '-'));
                }
            }
            ('&', _) => drop(chars.next()),
            _ => texts.last_mut().into_iter().for_each(|text| text.push(c)),
        }
    }
    texts.retain(|text| !text.trim().is_empty());
    texts
}

/// Calls `take` with every tag of a part. The root element has to be `root`.
fn for_each_tag(part: impl Read, root: &[u8], mut take: impl FnMut(&[u8]) -> Result<(), Fault>) -> Result<(), Fault> {
    let mut tags = Tags::new(part);
    let mut has_root = false;
    while let Some(piece) = tags.next()? {
        if !has_root && piece.tag.first() != Some(&b'?') {
            if name(piece.tag) != root {
                return Err(broken(format!("部件的内容不是{}", String::from_utf8_lossy(root))));
            }
            has_root = true;
        }
        take(piece.tag)?;
    }
    if has_root { Ok(()) } else { Err(broken("部件是空的")) }
}

fn attribute(tag: &[u8], key: &[u8]) -> Result<Option<String>, Fault> {
    attributes(tag).find(|(found, _)| *found == key).map(|(_, value)| Ok(unescape(value)?.into_owned())).transpose()
}

/// The value of the attribute whose name has an ending, whatever its prefix.
fn attribute_ending(tag: &[u8], ending: &[u8]) -> Result<Option<String>, Fault> {
    attributes(tag).find(|(found, _)| found.ends_with(ending)).map(|(_, value)| Ok(unescape(value)?.into_owned())).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_custom_property_is_found_by_its_name() {
        let part = "<?xml version=\"1.0\"?><Properties xmlns=\"a\" xmlns:vt=\"b\"><property pid=\"2\" name=\"other\"><vt:i4>1</vt:i4></property>\
                    <property pid=\"3\" name=\"duban\"><vt:lpwstr>re&#112;ort</vt:lpwstr></property></Properties>";
        assert_eq!(custom_property(part.as_bytes(), "duban").unwrap(), Some("report".to_owned()));
        assert_eq!(custom_property(part.as_bytes(), "third").unwrap(), None);
    }

    #[test]
    fn remarks_and_the_heads_of_pages_are_texts() {
        let part = "<comments xmlns=\"a\"><authors><author>x</author></authors><commentList><comment ref=\"B12\" authorId=\"0\"><text><r><t>张三:</t></r>\
                    <r><t xml:space=\"preserve\">&#10;涉密</t></r></text></comment><comment ref=\"C3\"><text><t> </t></text></comment></commentList></comments>";
        assert_eq!(comments(part.as_bytes()).unwrap(), [(12, "张三:\n涉密".to_owned())]);
        let threaded = "<ThreadedComments xmlns=\"a\"><threadedComment ref=\"A2\"><text>不公开</text></threadedComment></ThreadedComments>";
        assert_eq!(comments(threaded.as_bytes()).unwrap(), [(2, "不公开".to_owned())]);
        assert_eq!(page_texts("&L&\"宋体,常规\"&10内部资料&C&A&R第&P页 甲&&乙"), ["内部资料", "第页 甲&乙"]);
        assert_eq!(page_texts("&C&KFF0000机密&R&K01+049内部"), ["机密", "内部"]);
        assert!(page_texts("").is_empty() && page_texts("&C&P").is_empty());
        let drawing = "<xdr:wsDr xmlns:xdr=\"a\" xmlns:a=\"b\"><xdr:sp><xdr:txBody><a:p><a:r><a:t>内部</a:t></a:r><a:r><a:t>资料</a:t></a:r></a:p>\
                       <a:p/><a:p><a:r><a:t>不得外传</a:t></a:r></a:p></xdr:txBody></xdr:sp></xdr:wsDr>";
        assert_eq!(drawn_texts(drawing.as_bytes()).unwrap(), ["内部资料", "不得外传"]);
    }

    #[test]
    fn targets_are_names_of_parts() {
        for (target, part) in [
            ("worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
            ("/xl/worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
            ("../xl/./worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
            ("worksheets\\..\\sheet1.xml", "xl/sheet1.xml"),
        ] {
            assert_eq!(part_name(target, &["xl"]).unwrap(), part, "{target}");
        }
        assert!(part_name("../../sheet1.xml", &["xl"]).is_err());
    }
}
