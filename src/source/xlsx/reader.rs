//! Reads xlsx files as nearly every program writes them, without a copy of the sheet. A file that is correct but rare (prefixed element names,
//! comments among the cells, another encoding) is found unusual before a row is written, and calamine reads it.
//!
//! calamine reads a register of 100,000 rows in five times the processor time of this module (`benches/register.rs`).

use crate::source::frame::{FrameWriter, Sheet};
use crate::source::refusal::{ReadError, ReadLimits};
use crate::source::shared_strings::SharedStrings;
use crate::source::xlsx::fault::{Fault, SheetFault};
use crate::source::xlsx::parts::{Book, NumberFormat, PartKind};
use crate::source::xlsx::sheet::{CellContext, RowSpill, SheetOutline};
use crate::source::xlsx::{parts, shared_strings, sheet};
use std::io::{Read, Seek, Write};
use zip::ZipArchive;

/// The most bytes of rows that are spilled of a sheet; a longer sheet is read twice.
const SPILL_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Reads the file. `false` = it is unusual and nothing but shared strings was written, so another reader has to read it.
///
/// # Errors
/// The file is damaged or outside the limits, or the parent is gone.
pub fn read<F: Read + Seek>(file: F, limits: ReadLimits, out: &mut FrameWriter<impl Write>) -> Result<bool, ReadError> {
    let Ok(mut archive) = ZipArchive::new(file) else { return Ok(false) };
    let (book, scans) = match BookParts::read(&mut archive).map_err(SheetFault::Part).and_then(|mut book| {
        if out.strings(&book.strings)? {
            book.strings.drop_texts();
            book.strings_sent = true;
        }
        let scans = book.scan(&mut archive, limits)?;
        Ok((book, scans))
    }) {
        Ok(read) => read,
        Err(SheetFault::Part(Fault::Unusual(_))) => return Ok(false),
        Err(fault) => return Err(fault.into()),
    };
    for (sheet, scan) in book.book.sheets.iter().zip(scans) {
        let Some(SheetScan { part, outline, spill }) = scan else {
            if !sheet.visible {
                out.sheet(&Sheet { name: &sheet.name, ..Sheet::default() }).map_err(ReadError::Io)?;
            }
            continue;
        };
        let head = Sheet { name: &sheet.name, visible: true, merges: outline.merges, hidden_columns: outline.hidden_columns };
        out.sheet(&head).map_err(ReadError::Io)?;
        match spill {
            Some(mut spill) => spill.rewind().and_then(|()| out.blocks(spill)).map_err(ReadError::Io)?,
            None => {
                let entry = archive.by_name(&part).map_err(|error| SheetFault::Part(Fault::Broken(error.to_string())))?;
                sheet::write_rows(entry, book.context(limits), out)?;
            }
        }
    }
    Ok(true)
}

/// The parts of a workbook that are read before its sheets.
struct BookParts {
    book: Book,
    strings: SharedStrings,
    /// The parent has the strings, so rows refer to them by number.
    strings_sent: bool,
    styles: Vec<NumberFormat>,
    /// For each sheet the name of its part; `None` for a hidden sheet and for one without cells.
    parts: Vec<Option<String>>,
}

/// A sheet that was read once.
struct SheetScan {
    part: String,
    outline: SheetOutline,
    /// Its rows; `None` = there are too many, so they are read once more.
    spill: Option<RowSpill>,
}

impl BookParts {
    fn read<F: Read + Seek>(archive: &mut ZipArchive<F>) -> Result<BookParts, Fault> {
        let book = Book::read(part(archive, "xl/workbook.xml")?)?;
        let relations = parts::relations(part(archive, "xl/_rels/workbook.xml.rels")?)?;
        let named = |kind: PartKind| relations.values().find(|(found, _)| *found == kind).map(|(_, name)| name.clone());
        let styles = match named(PartKind::Styles) {
            Some(name) => parts::styles(part(archive, &name)?)?,
            None => Vec::new(),
        };
        let strings = match named(PartKind::SharedStrings) {
            Some(name) => shared_strings::read(part(archive, &name)?)?,
            None => SharedStrings::default(),
        };
        let mut parts = Vec::new();
        for sheet in &book.sheets {
            parts.push(book.part_of(sheet, &relations)?.filter(|_| sheet.visible).map(str::to_owned));
        }
        Ok(BookParts { book, strings, strings_sent: false, styles, parts })
    }

    fn context(&self, limits: ReadLimits) -> CellContext<'_> {
        let Book { date1904, uncalculated, .. } = self.book;
        CellContext { strings: &self.strings, strings_sent: self.strings_sent, styles: &self.styles, date1904, uncalculated, limits }
    }

    /// Reads every visible sheet once, so that an unusual one is found before a row is written.
    fn scan<F: Read + Seek>(&self, archive: &mut ZipArchive<F>, limits: ReadLimits) -> Result<Vec<Option<SheetScan>>, SheetFault> {
        let mut scans = Vec::with_capacity(self.parts.len());
        for name in &self.parts {
            let Some(name) = name else {
                scans.push(None);
                continue;
            };
            let (outline, spill) = sheet::scan(part(archive, name)?, self.context(limits), SPILL_BYTES_MAX)?;
            scans.push(Some(SheetScan { part: name.clone(), outline, spill }));
        }
        Ok(scans)
    }
}

fn part<'a, F: Read + Seek>(archive: &'a mut ZipArchive<F>, name: &str) -> Result<impl Read + 'a, Fault> {
    archive.by_name(name).map_err(|_| Fault::Unusual("a part that is not where it should be"))
}
