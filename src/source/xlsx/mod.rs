//! xlsx, read in one pass without a copy of the sheet: what nearly every program writes. What is correct but rare (prefixed element
//! names, comments among the cells, another encoding) is told as unusual before any row is given out, and calamine reads the file.
//!
//! calamine alone reads a register of 100,000 rows in five times the processor time of this module (`benches/register.rs`).

mod parts;
mod sheet;
mod strings;
mod tags;

use super::frame::{FrameWriter, Sheet};
use super::{ReadError, ReadLimits, Refusal};
use parts::{Book, Kind};
use sheet::{CellsFault, Context};
use std::io::{Read, Seek, Write};
use strings::Strings;
use tags::Fault;
use zip::ZipArchive;

const HINT: &str = "请用Excel或WPS另存为xlsx后再导入";

fn refused(fault: Fault) -> ReadError {
    match fault {
        Fault::Unusual(what) => {
            tracing::debug!(what, "an unusual workbook");
            Refusal::new("文件结构有误或与常见的写法不同", HINT).into()
        }
        Fault::Broken(what) => Refusal::new(format!("文件结构有误：{what}"), HINT).into(),
        // what cannot be unpacked: a wrong checksum, a cut file
        Fault::Io(error) => {
            tracing::debug!(%error, "a workbook that cannot be unpacked");
            Refusal::new("文件不完整或已损坏", "请重新保存或重新下载后再导入").into()
        }
    }
}

/// Reads the file, or says `false` when another reader has to: nothing has been written then.
pub fn read<F: Read + Seek>(file: F, limits: ReadLimits, out: &mut FrameWriter<impl Write>) -> Result<bool, ReadError> {
    let Ok(mut archive) = ZipArchive::new(file) else { return Ok(false) };
    let facts = match Facts::read(&mut archive) {
        Ok(facts) => facts,
        Err(Fault::Unusual(_)) => return Ok(false),
        Err(fault) => return Err(refused(fault)),
    };
    for (sheet, outline) in facts.book.sheets.iter().zip(facts.outlines) {
        let Some((part, outline)) = outline else {
            if !sheet.visible {
                out.sheet(&Sheet { name: &sheet.name, ..Sheet::default() }).map_err(ReadError::Io)?;
            }
            continue;
        };
        let head = Sheet { name: &sheet.name, visible: true, merges: outline.merges, hidden_columns: outline.hidden_columns };
        out.sheet(&head).map_err(ReadError::Io)?;
        let context = Context {
            strings: &facts.strings,
            styles: &facts.styles,
            date1904: facts.book.date1904,
            uncalculated: facts.book.uncalculated,
            limits,
        };
        let entry = archive.by_name(&part).map_err(|error| refused(Fault::Broken(error.to_string())))?;
        match sheet::cells(entry, context, out) {
            Ok(()) => {}
            Err(CellsFault::Part(fault)) => return Err(refused(fault)),
            Err(CellsFault::Refused(refusal)) => return Err(refusal.into()),
            Err(CellsFault::Out(error)) => return Err(ReadError::Io(error)),
        }
    }
    Ok(true)
}

/// All that is known of a workbook before its cells are read.
struct Facts {
    book: Book,
    strings: Strings,
    styles: Vec<parts::Shows>,
    /// For each sheet its part and outline; `None` for a hidden sheet and for one that holds no cells.
    outlines: Vec<Option<(String, sheet::Outline)>>,
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
        let mut outlines = Vec::new();
        for sheet in &book.sheets {
            let outline = match book.part_of(sheet, &relations)? {
                Some(name) if sheet.visible => Some((name.to_owned(), sheet::outline(part(archive, name)?)?)),
                _ => None,
            };
            outlines.push(outline);
        }
        let strings = match named(Kind::Strings) {
            Some(name) => Strings::read(part(archive, &name)?)?,
            None => Strings::default(),
        };
        Ok(Facts { book, strings, styles, outlines })
    }
}

fn part<'a, F: Read + Seek>(archive: &'a mut ZipArchive<F>, name: &str) -> Result<impl Read + 'a, Fault> {
    archive.by_name(name).map_err(|_| Fault::Unusual("a part that is not where it should be"))
}
