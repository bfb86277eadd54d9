//! The form of a workbook's XML does not change what is read of it: prefixed names, comments, CDATA and UTF-16 give the rows, hidden rows and
//! columns, merged ranges and refusals of the plain form. calamine, which reads xlsx as well, finds the same values.

use super::helpers::{cases, home};
use super::intake::case_file;
use super::mutants::{packed, parts, undamaged_workbook};
use calamine::{DataRef, Reader, SheetType, SheetVisible, Xlsx};
use duban::domain::intake::raw::Raw;
use duban::source::child::ParserCommand;
use duban::source::frame::Frame;
use duban::source::input_file::InputFile;
use duban::source::refusal::ReadLimits;
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;

const LIMITS: ReadLimits = ReadLimits { file_mib_max: 64, memory_mib: 2048, seconds: 60, rows_max: 1_048_576, columns_max: 1024 };

/// The xlsx files that are compared: those of the intake cases, the sample register and a generated one.
fn workbooks() -> Vec<(String, Vec<u8>)> {
    let mut out = vec![
        ("the sample".to_owned(), std::fs::read(home().join("config/sample/register.xlsx")).expect("the sample")),
        ("a generated register".to_owned(), undamaged_workbook()),
    ];
    for (name, case) in cases("intake") {
        out.push((name, case_file(&case).1));
    }
    out.retain(|(_, bytes)| is_whole_package(bytes));
    assert!(out.len() >= 40, "{} workbooks", out.len());
    out
}

/// Whether every part can be unpacked and one is the workbook part of an xlsx file.
fn is_whole_package(bytes: &[u8]) -> bool {
    let Ok(mut archive) = zip::ZipArchive::new(Cursor::new(bytes)) else { return false };
    let unpacks = (0..archive.len()).all(|index| {
        let entry = archive.by_index(index);
        entry.is_ok_and(|mut entry| entry.read_to_end(&mut Vec::new()).is_ok())
    });
    unpacks && archive.by_name("xl/workbook.xml").is_ok()
}

/// All frames of a file as text, or its refusal.
fn frames(path: &Path, bytes: &[u8]) -> Vec<String> {
    std::fs::write(path, bytes).expect("written");
    let mut seen = Vec::new();
    let parser = ParserCommand { program: env!("CARGO_BIN_EXE_duban").into() };
    let mut file = InputFile::open(path, LIMITS).expect("a file");
    let done = parser.read(&mut file, LIMITS, |block| {
        for frame in block.frames() {
            seen.push(match frame.expect("a frame") {
                Frame::Sheet(sheet) => format!("{sheet:?}"),
                Frame::Row(row) => format!("{} {} {:?}", row.number, row.hidden, row.unpack().expect("a row").cells),
            });
        }
        true
    });
    match done {
        Ok(()) => seen,
        Err(refusal) => vec![refusal.to_string()],
    }
}

/// Calls `take` with the text before each tag and the tag with the rest of the part, and puts its results in their place.
fn rewritten(xml: &str, mut take: impl FnMut(&str, &str) -> String) -> String {
    let mut out = String::new();
    let mut rest = xml;
    while let Some(at) = rest.find('<') {
        out.push_str(&take(&rest[..at], &rest[at..]));
        let end = rest[at..].find('>').map_or(rest.len(), |end| at + end + 1);
        out.push_str(&rest[at..end]);
        rest = &rest[end..];
    }
    out + rest
}

/// The name of the tag that a text begins with, with the slash of a closing one.
fn tag_name(tag: &str) -> &str {
    let name = tag.strip_prefix('<').unwrap_or(tag);
    &name[..name.find([' ', '>', '\n', '\r', '\t']).unwrap_or(name.len())]
}

/// `<c>` as `<x:c>`.
fn prefixed(xml: &str) -> Vec<u8> {
    let mut out = String::new();
    let mut rest = xml;
    while let Some(at) = rest.find('<') {
        let name_at = at + 1 + usize::from(rest[at + 1..].starts_with('/'));
        out.push_str(&rest[..name_at]);
        rest = &rest[name_at..];
        let is_name = rest.starts_with(|first: char| first.is_ascii_alphabetic());
        if is_name && !tag_name(rest).contains(':') {
            out.push_str("x:");
        }
    }
    (out + rest).replace(" xmlns=\"", " xmlns:x=\"").into_bytes()
}

/// A comment before every tag that no text precedes.
fn commented(xml: &str) -> Vec<u8> {
    let comment = |text: &str, tag: &str| {
        let free = text.trim().is_empty() && !tag.starts_with("<?") && !tag.starts_with("<!");
        if free { format!("{text}<!-- <c> -->") } else { text.to_owned() }
    };
    rewritten(xml, comment).into_bytes()
}

/// The texts and values of cells as CDATA.
fn in_sections(xml: &str) -> Vec<u8> {
    let section = |text: &str, tag: &str| {
        let is_text = matches!(tag_name(tag), "/t" | "/v") && !text.is_empty() && !text.contains('&');
        if is_text { format!("<![CDATA[{text}]]>") } else { text.to_owned() }
    };
    rewritten(xml, section).into_bytes()
}

fn in_utf16(xml: &str) -> Vec<u8> {
    let declared = xml.replacen("encoding=\"UTF-8\"", "encoding=\"UTF-16\"", 1);
    [0xff, 0xfe].into_iter().chain(declared.encode_utf16().flat_map(u16::to_le_bytes)).collect()
}

/// A way of writing one part.
type Form = fn(&str) -> Vec<u8>;

#[test]
fn a_workbook_is_read_alike_in_every_form_of_its_xml() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("register.xlsx");
    let forms: [(&str, Form); 4] =
        [("prefixed", prefixed), ("commented", commented), ("in sections", in_sections), ("in UTF-16", in_utf16)];
    let mut wrong = Vec::new();
    for (name, bytes) in workbooks() {
        let plain = frames(&path, &bytes);
        for (form, rewrite) in forms {
            let mut parts = parts(&bytes);
            for (part, bytes) in &mut parts {
                if let (true, Ok(xml)) = (part.starts_with("xl/"), str::from_utf8(bytes)) {
                    *bytes = rewrite(xml);
                }
            }
            let found = frames(&path, &packed(&parts));
            if found != plain {
                let differing = plain.iter().zip(&found).find(|(plain, found)| plain != found);
                wrong.push(format!("{name} {form}: {} and {} frames, {differing:#?}", plain.len(), found.len()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A cell by sheet, row and column (from 0).
type Cells = BTreeMap<(String, u32, u32), String>;

/// The sheets and cells that the service reads; `None` where it refuses the file.
fn read_here(path: &Path, bytes: &[u8]) -> Option<(Vec<String>, Cells)> {
    std::fs::write(path, bytes).expect("written");
    let (mut sheets, mut cells, mut at) = (Vec::new(), Cells::new(), String::new());
    let parser = ParserCommand { program: env!("CARGO_BIN_EXE_duban").into() };
    let mut file = InputFile::open(path, LIMITS).expect("a file");
    let done = parser.read(&mut file, LIMITS, |block| {
        for frame in block.frames() {
            match frame.expect("a frame") {
                Frame::Sheet(sheet) => {
                    at = sheet.name.to_owned();
                    let merges: Vec<_> = sheet.merges.iter().map(|range| (range.top, range.left, range.bottom, range.right)).collect();
                    sheets.push(format!("{} {} {merges:?}", sheet.name, sheet.visible));
                }
                Frame::Row(row) => {
                    for (column, value) in row.unpack().expect("a row").cells {
                        let shown = match value {
                            Raw::Text(text) => text.trim().to_owned(),
                            Raw::Number(number) => format!("{number}"),
                            Raw::Date(year, month, day) => format!("{year}-{month}-{day}"),
                            Raw::Bool(value) => format!("{value}"),
                            Raw::Error(code) | Raw::Struck(code) => code.into_owned(),
                            Raw::Uncalculated => "(formula)".to_owned(),
                        };
                        cells.insert((at.clone(), row.number - 1, u32::from(column)), shown);
                    }
                }
            }
        }
        true
    });
    done.ok().map(|()| (sheets, cells))
}

/// The sheets and cells that calamine reads; `None` where it cannot read the file. It knows neither percentages nor whether a formula was
/// calculated: `here` has the cells that are one of them.
fn read_by_calamine(bytes: &[u8], here: &Cells) -> Option<(Vec<String>, Cells)> {
    let mut book = Xlsx::new(Cursor::new(bytes)).ok()?;
    let (mut sheets, mut cells) = (Vec::new(), Cells::new());
    for sheet in book.sheets_metadata().to_vec() {
        if sheet.visible != SheetVisible::Visible {
            sheets.push(format!("{} false []", sheet.name));
            continue;
        }
        if sheet.typ != SheetType::WorkSheet {
            continue;
        }
        let merges = book.merge_cells_by_sheet_name(&sheet.name).ok()?;
        let merges: Vec<_> = merges.iter().map(|range| (range.start.0, range.start.1, range.end.0, range.end.1)).collect();
        sheets.push(format!("{} true {merges:?}", sheet.name));
        let mut reader = book.worksheet_cells_reader(&sheet.name).ok()?;
        while let Some(cell) = reader.next_cell_with_formula_metadata().ok()? {
            let place = (sheet.name.clone(), cell.pos.0, cell.pos.1);
            let shown_here = here.get(&place).map_or("", String::as_str);
            let shown = match cell.value {
                DataRef::Empty | DataRef::Float(0.0) if cell.formula.is_some() && shown_here == "(formula)" => shown_here.to_owned(),
                DataRef::Empty => continue,
                DataRef::Int(number) => format!("{number}"),
                DataRef::Float(number) => match shown_here.strip_suffix('%').and_then(|shown| shown.parse::<f64>().ok()) {
                    Some(shown) if (shown - number * 100.0).abs() < 1e-9 => shown_here.to_owned(),
                    _ => format!("{number}"),
                },
                DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.trim().to_owned(),
                DataRef::SharedString(text) => text.trim().to_owned(),
                DataRef::Bool(value) => format!("{value}"),
                DataRef::DateTime(value) if !value.is_datetime() || value.as_f64() < 1.0 => format!("{}", value.as_f64()),
                DataRef::DateTime(value) => {
                    let (year, month, day, ..) = value.to_ymd_hms_milli();
                    format!("{year}-{month}-{day}")
                }
                DataRef::Error(code) => code.to_string(),
            };
            cells.insert(place, shown);
        }
    }
    cells.retain(|_, shown| !shown.is_empty());
    Some((sheets, cells))
}

#[test]
fn calamine_finds_the_same_values() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("register.xlsx");
    let mut compared = 0;
    for (name, bytes) in workbooks() {
        // calamine reserves memory for as many texts as the file declares, and would end this process
        if name == "text-count-beyond-all-bounds.toml" {
            continue;
        }
        // it does not know what a format shows, what is struck out, and which part is the workbook
        if ["numbers-as-they-are-shown.toml", "struck-out-cells.toml", "words-in-number-formats.toml", "workbook-under-another-name.toml"]
            .contains(&name.as_str())
        {
            continue;
        }
        let Some((sheets, mut cells)) = read_here(&path, &bytes) else { continue };
        let Some((peer_sheets, peer_cells)) = read_by_calamine(&bytes, &cells) else { continue };
        cells.retain(|_, shown| !shown.is_empty());
        assert_eq!(sheets, peer_sheets, "{name}");
        for (place, shown) in &cells {
            assert_eq!(Some(shown), peer_cells.get(place), "{name} {place:?}");
        }
        assert_eq!(cells.len(), peer_cells.len(), "{name}");
        compared += 1;
    }
    assert!(compared >= 30, "{compared} workbooks compared");
}
