//! xlsx, read without a copy of the sheet: what nearly every program writes. What is correct but rare (prefixed element
//! names, comments among the cells, another encoding) is told as unusual before any row is given out, and calamine reads the file.
//!
//! calamine alone reads a register of 100,000 rows in five times the processor time of this module (`benches/register.rs`).

use crate::source::frame::{FrameWriter, Sheet};
use crate::source::refusal::{ReadError, ReadLimits};
use crate::source::strings::Strings;
use crate::source::xlsx::fault::{Fault, SheetFault};
use crate::source::xlsx::parts::{Book, Kind};
use crate::source::xlsx::sheet::{Context, Held, Outline};
use crate::source::xlsx::{parts, sheet, strings};
use std::io::{Read, Seek, Write};
use zip::ZipArchive;

/// The most bytes of rows held of a sheet: more are read twice.
const HELD_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Reads the file, or says `false` when another reader has to: no sheet has been written then.
pub fn read<F: Read + Seek>(file: F, limits: ReadLimits, out: &mut FrameWriter<impl Write>) -> Result<bool, ReadError> {
    let Ok(mut archive) = ZipArchive::new(file) else { return Ok(false) };
    let (facts, surveys) = match Facts::read(&mut archive).map_err(SheetFault::Part).and_then(|mut facts| {
        if out.strings(&facts.strings)? {
            facts.strings.forget_texts();
            facts.by_number = true;
        }
        let surveys = facts.survey(&mut archive, limits)?;
        Ok((facts, surveys))
    }) {
        Ok(read) => read,
        Err(SheetFault::Part(Fault::Unusual(_))) => return Ok(false),
        Err(fault) => return Err(fault.into()),
    };
    for (sheet, survey) in facts.book.sheets.iter().zip(surveys) {
        let Some(Survey { part, outline, held }) = survey else {
            if !sheet.visible {
                out.sheet(&Sheet { name: &sheet.name, ..Sheet::default() }).map_err(ReadError::Io)?;
            }
            continue;
        };
        let head = Sheet { name: &sheet.name, visible: true, merges: outline.merges, hidden_columns: outline.hidden_columns };
        out.sheet(&head).map_err(ReadError::Io)?;
        match held {
            Some(mut held) => held.rewind().and_then(|()| out.blocks(held)).map_err(ReadError::Io)?,
            None => {
                let entry = archive.by_name(&part).map_err(|error| SheetFault::Part(Fault::Broken(error.to_string())))?;
                sheet::give(entry, facts.context(limits), out)?;
            }
        }
    }
    Ok(true)
}

/// All that is known of a workbook before its sheets are read.
struct Facts {
    book: Book,
    strings: Strings,
    /// The parent has got the strings.
    by_number: bool,
    styles: Vec<parts::Shows>,
    /// For each sheet its part; `None` for a hidden sheet and for one that holds no cells.
    parts: Vec<Option<String>>,
}

/// A sheet that has been gone through.
struct Survey {
    part: String,
    outline: Outline,
    /// Its rows; `None` = they have to be read once more.
    held: Option<Held>,
}

impl Facts {
    fn read<F: Read + Seek>(archive: &mut ZipArchive<F>) -> Result<Facts, Fault> {
        let book = Book::read(part(archive, "xl/workbook.xml")?)?;
        let relations = parts::relations(part(archive, "xl/_rels/workbook.xml.rels")?)?;
        let named = |kind: Kind| relations.values().find(|(found, _)| *found == kind).map(|(_, name)| name.clone());
        let styles = match named(Kind::Styles) {
            Some(name) => parts::styles(part(archive, &name)?)?,
            None => Vec::new(),
        };
        let strings = match named(Kind::Strings) {
            Some(name) => strings::strings(part(archive, &name)?)?,
            None => Strings::default(),
        };
        let mut parts = Vec::new();
        for sheet in &book.sheets {
            parts.push(book.part_of(sheet, &relations)?.filter(|_| sheet.visible).map(str::to_owned));
        }
        Ok(Facts { book, strings, by_number: false, styles, parts })
    }

    fn context(&self, limits: ReadLimits) -> Context<'_> {
        let Book { date1904, uncalculated, .. } = self.book;
        Context { strings: &self.strings, by_number: self.by_number, styles: &self.styles, date1904, uncalculated, limits }
    }

    fn survey<F: Read + Seek>(&self, archive: &mut ZipArchive<F>, limits: ReadLimits) -> Result<Vec<Option<Survey>>, SheetFault> {
        let mut surveys = Vec::with_capacity(self.parts.len());
        for name in &self.parts {
            let Some(name) = name else {
                surveys.push(None);
                continue;
            };
            let (outline, held) = sheet::survey(part(archive, name)?, self.context(limits), HELD_BYTES_MAX)?;
            surveys.push(Some(Survey { part: name.clone(), outline, held }));
        }
        Ok(surveys)
    }
}

fn part<'a, F: Read + Seek>(archive: &'a mut ZipArchive<F>, name: &str) -> Result<impl Read + 'a, Fault> {
    archive.by_name(name).map_err(|_| Fault::Unusual("a part that is not where it should be"))
}
