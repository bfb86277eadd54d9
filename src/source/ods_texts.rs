//! The texts of an ods file beside its cells: the remarks on cells, and the heads and feet of the printed pages.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::collections::HashMap;
use std::io::{BufReader, Read, Seek};

/// The texts beside the cells of a workbook.
#[derive(Debug, Default)]
pub(crate) struct TextsBeside {
    /// By the name of the sheet, each with its row from 1.
    remarks: HashMap<String, Vec<(u32, String)>>,
    /// Which sheet a head or a foot is of is not known.
    pages: Vec<String>,
}

impl TextsBeside {
    /// The texts of a sheet as its frame has them: row 0 = a head or foot of a page.
    pub(crate) fn of_sheet(&self, name: &str) -> Vec<(u32, &str)> {
        let remarks = self.remarks.get(name).into_iter().flatten().map(|(row, text)| (*row, text.as_str()));
        self.pages.iter().map(|text| (0, text.as_str())).chain(remarks).collect()
    }
}

/// The texts of an ods file. A part that is not well formed is refused by the reader that follows.
pub(crate) fn read(file: impl Read + Seek) -> TextsBeside {
    let mut texts = TextsBeside::default();
    let Ok(mut archive) = zip::ZipArchive::new(file) else { return texts };
    if let Ok(part) = archive.by_name("content.xml") {
        texts.remarks = remarks(part);
    }
    if let Ok(part) = archive.by_name("styles.xml") {
        texts.pages = pages(part);
    }
    texts
}

fn remarks(part: impl Read) -> HashMap<String, Vec<(u32, String)>> {
    let mut remarks: HashMap<String, Vec<(u32, String)>> = HashMap::new();
    let (mut sheet, mut row, mut next) = (String::new(), 0u32, 1u32);
    let attribute = |tag: &BytesStart<'_>, key: &str| tag.try_get_attribute(key).ok().flatten().map(|found| found.value.into_owned());
    let mut begin = |tag: &BytesStart<'_>| match tag.name().as_ref() {
        "table:table" => {
            let name = attribute(tag, "table:name").unwrap_or_default();
            sheet = quick_xml::escape::unescape(&name).map_or(name.clone(), |name| name.into_owned());
            next = 1;
            None
        }
        "table:table-row" => {
            row = next;
            let repeated = attribute(tag, "table:number-rows-repeated").and_then(|count| count.parse().ok());
            next = next.saturating_add(repeated.unwrap_or(1));
            None
        }
        "office:annotation" => Some((sheet.clone(), row)),
        _ => None,
    };
    each_text(part, &mut begin, |(sheet, row), text| remarks.entry(sheet).or_default().push((row, text)));
    remarks
}

fn pages(part: impl Read) -> Vec<String> {
    const TEXTS: [&str; 6] =
        ["style:header", "style:header-left", "style:header-first", "style:footer", "style:footer-left", "style:footer-first"];
    let mut pages = Vec::new();
    let mut begin = |tag: &BytesStart<'_>| TEXTS.contains(&tag.name().as_ref()).then_some(());
    each_text(part, &mut begin, |(), text| pages.push(text));
    pages
}

/// Calls `take` with the whole text of each element for which `begin` gives its place. Each paragraph is a line.
fn each_text<P>(part: impl Read, begin: &mut impl FnMut(&BytesStart<'_>) -> Option<P>, mut take: impl FnMut(P, String)) {
    let mut reader = Reader::from_reader(BufReader::new(part));
    let mut bytes = Vec::new();
    // the element being read, the elements open within it, and its text
    let mut open: Option<(P, usize, String)> = None;
    loop {
        match reader.read_event_into(&mut bytes) {
            Ok(Event::Start(tag)) => match &mut open {
                Some((_, depth, _)) => *depth += 1,
                None => open = begin(&tag).map(|place| (place, 0, String::new())),
            },
            Ok(Event::Empty(tag)) if open.is_none() => drop(begin(&tag)),
            Ok(Event::End(tag)) => match open.take() {
                Some((place, 0, text)) if !text.trim().is_empty() => take(place, text),
                Some((place, depth, mut text)) if depth > 0 => {
                    if tag.name().as_ref() == "text:p" {
                        text.push('\n');
                    }
                    open = Some((place, depth - 1, text));
                }
                _ => {}
            },
            Ok(Event::Text(more)) => {
                if let Some((.., text)) = &mut open {
                    text.push_str(&more);
                }
            }
            Ok(Event::GeneralRef(reference)) => {
                if let Some((.., text)) = &mut open {
                    text.push_str(&quick_xml::escape::unescape(&format!("&{};", &*reference)).unwrap_or_default());
                }
            }
            Ok(Event::Eof) | Err(_) => return,
            Ok(_) => {}
        }
        bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write};

    #[test]
    fn remarks_have_their_rows_and_pages_their_texts() {
        let content = "<office:document-content><table:table table:name=\"甲&amp;乙\"><table:table-row table:number-rows-repeated=\"2\"><table:table-cell/>\
            </table:table-row><table:table-row><table:table-cell><office:annotation><dc:creator>张三</dc:creator><text:p>该项目</text:p>\
            <text:p>不宜<text:span>公&#24320;</text:span></text:p></office:annotation><text:p>P10</text:p></table:table-cell></table:table-row>\
            </table:table></office:document-content>";
        let styles = "<office:document-styles><style:header-style/><style:header><text:p>内部资料</text:p></style:header><style:footer/>\
            <style:footer-left><text:p> </text:p></style:footer-left></office:document-styles>";
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in [("content.xml", content), ("styles.xml", styles)] {
            zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        let texts = read(zip.finish().unwrap());
        assert_eq!(texts.of_sheet("甲&乙"), [(0, "内部资料\n"), (3, "张三该项目\n不宜公开\n")]);
        assert_eq!(texts.of_sheet("丙"), [(0, "内部资料\n")]);
    }
}
