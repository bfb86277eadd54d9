//! Reads xlsx files without a copy of the sheet: quickly as nearly every program writes them, and the rarer forms (prefixed element names,
//! comments, CDATA, other encodings) to the same rows. The cells of a sheet are checked before its first row is written.
//!
//! calamine reads a register of 100,000 rows in five times the processor time of this module (`benches/register.rs`).

use crate::domain::intake::text::is_unseen;
use crate::domain::own_sheet;
use crate::source::bounds::RowBudget;
use crate::source::cell_style::CellStyle;
use crate::source::frame::{FrameWriter, Sheet};
use crate::source::refusal::{ReadError, ReadLimits};
use crate::source::shared_strings::SharedStrings;
use crate::source::xlsx::fault::{Fault, SheetFault, broken};
use crate::source::xlsx::parts::{Book, PartKind};
use crate::source::xlsx::sheet::{CellContext, SheetOutline};
use crate::source::xlsx::spill::RowSpill;
use crate::source::xlsx::{encoding, parts, shared_strings, sheet};
use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{Read, Seek, Write};
use std::ops::Range;
use zip::ZipArchive;

/// Reads the file. `spill` is empty.
///
/// # Errors
/// The file is damaged or outside the limits, or the parent is gone.
pub fn read<F: Read + Seek>(file: F, mut spill: RowSpill, limits: ReadLimits, out: &mut FrameWriter<impl Write>) -> Result<(), ReadError> {
    let mut archive = ZipArchive::new(file).map_err(|error| SheetFault::Part(Fault::Io(error.into())))?;
    let mut book = BookParts::read(&mut archive).map_err(SheetFault::Part)?;
    book.strings_sent = out.strings(&book.strings).map_err(ReadError::Io)?;
    if book.strings_sent == book.strings.ends.len() && !book.changes_texts() {
        book.strings.drop_texts();
    }
    let mut budget = out.budget();
    let scans = book.scan(&mut archive, limits, &mut budget, &mut spill)?;
    for (sheet, scan) in book.book.sheets.iter().zip(scans) {
        let Some(SheetScan { part, outline, comments, rows }) = scan else {
            let missing = book.missing.contains(&sheet.name);
            if !sheet.visible || missing {
                out.sheet(Sheet { name: &sheet.name, visible: sheet.visible, missing, ..Sheet::default() })?;
            }
            continue;
        };
        let SheetOutline { merges, hidden_columns, page_texts } = outline;
        let pages = page_texts.iter().map(|text| (0, text.as_str()));
        let beside = pages.chain(comments.iter().map(|(row, text)| (*row, text.as_str()))).collect();
        let (document, days_from_1904) = (&*book.document, book.book.date1904);
        out.sheet(Sheet { name: &sheet.name, visible: true, missing: false, merges, hidden_columns, days_from_1904, document, beside })?;
        match rows {
            Some(rows) => spill.read(rows, |blocks| out.blocks(blocks)).map_err(ReadError::Io)?,
            None => {
                let part = open(&mut archive, &part).map_err(SheetFault::Part)?;
                let mut budget = out.budget();
                sheet::write_rows(part, book.context(limits), &mut budget, out)?;
            }
        }
    }
    Ok(())
}

/// The parts of a workbook that are read before its sheets.
struct BookParts {
    book: Book,
    strings: SharedStrings,
    /// How many of the strings the parent has: rows refer to them by number.
    strings_sent: usize,
    /// Those that are struck out.
    struck_strings: HashSet<u32>,
    /// Those of which nothing can be seen.
    blank_strings: HashSet<u32>,
    styles: Vec<CellStyle>,
    /// The property of the file by which a document of this service is known; empty = none.
    document: String,
    /// For each sheet the name of its part; `None` for a hidden sheet and for one without cells.
    parts: Vec<Option<String>>,
    /// The names of sheets that have no part.
    missing: HashSet<String>,
}

/// A sheet that was read once.
struct SheetScan {
    part: String,
    outline: SheetOutline,
    /// The remarks on its cells, each with its row, and at row 0 the texts in boxes.
    comments: Vec<(u32, String)>,
    /// Where its rows are spilled; `None` = there is no room for them, so they are read once more.
    rows: Option<Range<u64>>,
}

impl BookParts {
    fn read<F: Read + Seek>(archive: &mut ZipArchive<F>) -> Result<BookParts, Fault> {
        let main = main_part(archive)?.unwrap_or_else(|| WORKBOOK.to_owned());
        let (folder, file) = main.rsplit_once('/').unwrap_or(("", &main));
        let folders: Vec<&str> = folder.split('/').filter(|folder| !folder.is_empty()).collect();
        let book = Book::read(open(archive, &main)?)?;
        let name = folders.iter().copied().chain(["_rels", &format!("{file}.rels")]).collect::<Vec<_>>().join("/");
        let relations = parts::relations(open(archive, &name)?, &folders)?;
        // some programs declare the parts of texts and styles and write none
        let named = |kind: PartKind| {
            let declared = relations.values().find(|(found, _)| *found == kind);
            declared.map(|(_, name)| name.as_str()).filter(|name| entry_name(archive, name).is_some())
        };
        let (styles, strings) = (named(PartKind::Styles), named(PartKind::SharedStrings));
        let styles = styles.map_or_else(|| Ok(Vec::new()), |name| parts::styles(open(archive, name)?))?;
        let strings = strings.map_or_else(|| Ok(Default::default()), |name| shared_strings::read(open(archive, name)?))?;
        let (strings, struck_strings) = strings;
        let is_blank = |index: &u32| strings.get(*index).is_some_and(is_unseen);
        let blank_strings = (0..strings.ends.len() as u32).filter(is_blank).collect();
        // a property that cannot be read does not hinder the rows, and a sheet has its mark as well
        let custom = open(archive, "docProps/custom.xml").and_then(|part| parts::custom_property(part, own_sheet::PROPERTY));
        let document = custom.ok().flatten().unwrap_or_default();
        let (mut parts, mut named, mut missing) = (Vec::new(), HashSet::new(), HashSet::new());
        for sheet in &book.sheets {
            let part = match book.part_of(sheet, &relations) {
                Some((PartKind::Sheet, part)) if entry_name(archive, part).is_some() => Some(part),
                // a chart has no cells
                Some((kind, _)) if kind != PartKind::Sheet => None,
                Some(_) | None => {
                    missing.insert(sheet.name.clone());
                    None
                }
            };
            // no program writes that, and a few bytes could become any number of rows
            if let Some(part) = part
                && !named.insert(part.to_ascii_lowercase())
            {
                return Err(broken(format!("工作表“{}”与另一张工作表是同一个部件", sheet.name)));
            }
            parts.push(part.filter(|_| sheet.visible).map(str::to_owned));
        }
        if let Some(sheet) = book.sheets.first().filter(|_| missing.len() == book.sheets.len()) {
            return Err(broken(format!("工作表“{}”在文件中缺失", sheet.name)));
        }
        Ok(BookParts { book, strings, struck_strings, blank_strings, strings_sent: 0, styles, document, parts, missing })
    }

    /// Whether some style or string changes what is seen of a text.
    fn changes_texts(&self) -> bool {
        !self.struck_strings.is_empty() || self.styles.iter().any(CellStyle::changes_texts)
    }

    fn context(&self, limits: ReadLimits) -> CellContext<'_> {
        let Book { date1904, uncalculated, .. } = self.book;
        CellContext {
            strings: &self.strings,
            strings_sent: self.strings_sent,
            styles: &self.styles,
            changes_texts: self.changes_texts(),
            struck_strings: &self.struck_strings,
            blank_strings: &self.blank_strings,
            date1904,
            uncalculated,
            limits,
        }
    }

    /// Reads every visible sheet once, so that a damaged one is found before a row is written.
    fn scan<F: Read + Seek>(
        &self,
        archive: &mut ZipArchive<F>,
        limits: ReadLimits,
        budget: &mut RowBudget,
        spill: &mut RowSpill,
    ) -> Result<Vec<Option<SheetScan>>, SheetFault> {
        let mut scans = Vec::with_capacity(self.parts.len());
        for name in &self.parts {
            let Some(name) = name else {
                scans.push(None);
                continue;
            };
            let (outline, rows) = sheet::scan(open(archive, name)?, self.context(limits), budget, spill)?;
            let comments = comments_of(archive, name)?;
            scans.push(Some(SheetScan { part: name.clone(), outline, comments, rows }));
        }
        Ok(scans)
    }
}

/// The remarks on the cells of a sheet, by the name of its part, and at row 0 the texts in boxes.
fn comments_of<F: Read + Seek>(archive: &mut ZipArchive<F>, sheet: &str) -> Result<Vec<(u32, String)>, Fault> {
    let (folder, file) = sheet.rsplit_once('/').unwrap_or(("", sheet));
    let relations = format!("{folder}/_rels/{file}.rels");
    // most sheets have no relations
    if entry_name(archive, &relations).is_none() {
        return Ok(Vec::new());
    }
    let folders: Vec<&str> = folder.split('/').collect();
    let relations = parts::relations(open(archive, &relations)?, &folders)?;
    let mut comments = Vec::new();
    for (wanted, parts_max) in [(PartKind::Comments, COMMENT_PARTS_MAX), (PartKind::Drawing, 1)] {
        let of_kind = relations.values().filter(|(kind, _)| *kind == wanted);
        let mut names: Vec<&String> = of_kind.map(|(_, name)| name).collect();
        names.sort();
        names.dedup();
        for name in names.into_iter().take(parts_max) {
            // some programs name a part that they do not write
            if entry_name(archive, name).is_none() {
                continue;
            }
            let part = open(archive, name)?;
            match wanted {
                PartKind::Drawing => comments.extend(parts::drawn_texts(part)?.into_iter().map(|text| (0, text))),
                _ => comments.append(&mut parts::comments(part)?),
            }
        }
    }
    Ok(comments)
}

/// The most parts with remarks of a sheet: the plain ones, and those that answer each other.
const COMMENT_PARTS_MAX: usize = 2;

/// Where nearly every program puts the workbook.
const WORKBOOK: &str = "xl/workbook.xml";

/// The name of the main part of a package, which its relations name; `None` = they name none.
pub(crate) fn main_part<F: Read + Seek>(archive: &mut ZipArchive<F>) -> Result<Option<String>, Fault> {
    const RELATIONS: &str = "_rels/.rels";
    if entry_name(archive, RELATIONS).is_none() {
        return Ok(None);
    }
    let relations = parts::relations(open(archive, RELATIONS)?, &[])?;
    let mut documents = relations.into_values().filter(|(kind, _)| *kind == PartKind::Document).map(|(_, name)| name);
    Ok(documents.next().filter(|name| entry_name(archive, name).is_some()))
}

/// The name of a part as the archive writes it: office programs ignore case and the kind of slash.
pub(crate) fn entry_name<F: Read + Seek>(archive: &ZipArchive<F>, name: &str) -> Option<String> {
    let names = || archive.file_names().filter_map(Result::ok);
    let found = names().find(|found| found.replace('\\', "/").eq_ignore_ascii_case(name));
    // a name with a space is written with %20 in one of the two places, or in both
    let decoded = || names().find(|found| unescaped(&found.replace('\\', "/")).eq_ignore_ascii_case(&unescaped(name)));
    found.or_else(|| if name.contains(['%', ' ']) { decoded() } else { None }).map(Cow::into_owned)
}

/// A name with the characters in place of their bytes (%20).
fn unescaped(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let byte = behind.get(..2).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match byte.filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Opens a part as UTF-8.
fn open<'a, F: Read + Seek>(archive: &'a mut ZipArchive<F>, name: &str) -> Result<impl Read + 'a, Fault> {
    let found = entry_name(archive, name).ok_or_else(|| broken(format!("部件{name}在文件中缺失")))?;
    encoding::as_utf8(archive.by_name(&found).map_err(|error| Fault::Io(error.into()))?)
}
