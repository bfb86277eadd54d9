//! Small workbooks in the two binary formats of Excel, for registers that come in them.

use std::io::Write;

/// A record of an xls stream.
fn record(id: u16, body: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes()[..], &(body.len() as u16).to_le_bytes(), body].concat()
}

/// A text as xls holds it: number of characters, sixteen bits each.
fn label(text: &str, length: fn(usize) -> Vec<u8>) -> Vec<u8> {
    let units: Vec<u16> = text.encode_utf16().collect();
    [length(units.len()), vec![1], units.iter().flat_map(|unit| unit.to_le_bytes()).collect()].concat()
}

const SECTOR: usize = 512;

/// An xls workbook with one sheet of texts.
pub fn xls(rows: &[Vec<String>]) -> Vec<u8> {
    let begin =
        |kind: u16| record(0x0809, &[&0x0600u16.to_le_bytes()[..], &kind.to_le_bytes(), &[0xbb, 0x0d, 0xcc, 0x07], &[0; 8]].concat());
    let end = record(0x000a, &[]);
    let name = label("台账", |length| vec![length as u8]);
    let globals_length = begin(5).len() + 4 + 6 + name.len() + end.len();
    let bound_sheet = record(0x0085, &[&(globals_length as u32).to_le_bytes()[..], &[0, 0], &name].concat());
    let mut stream = [begin(5), bound_sheet, end.clone(), begin(0x10)].concat();
    assert_eq!(globals_length + begin(0x10).len(), stream.len());
    for (at, row) in rows.iter().enumerate() {
        for (column, text) in row.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
            let place = [at as u16, column as u16, 15].map(u16::to_le_bytes).concat();
            stream.extend(record(0x0204, &[place, label(text, |length| (length as u16).to_le_bytes().to_vec())].concat()));
        }
    }
    stream.extend(end);
    // a shorter stream would be in the small sectors
    stream.resize(stream.len().max(4096).next_multiple_of(SECTOR), 0);
    container(&stream)
}

/// A compound file with one stream: its allocation table in sector 0, its directory in sector 1, the stream behind them.
fn container(stream: &[u8]) -> Vec<u8> {
    const FREE: u32 = 0xffff_ffff;
    const LAST: u32 = 0xffff_fffe;
    let sectors = stream.len() / SECTOR;
    assert!(sectors <= 120, "one sector of the table is enough");
    let mut header = vec![0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
    header.resize(24, 0);
    header.extend([0x3e, 0x00, 0x03, 0x00, 0xfe, 0xff, 9, 0, 6, 0]);
    header.resize(44, 0);
    // tables, first directory sector, transaction, size of a small stream, no small sectors, no further tables
    for number in [1, 1, 0, 4096, LAST, 0, LAST, 0, 0] {
        header.extend(u32::to_le_bytes(number));
    }
    header.resize(SECTOR, 0xff);
    let mut table = vec![0xffff_fffd, LAST];
    table.extend((0..sectors).map(|at| if at + 1 == sectors { LAST } else { at as u32 + 3 }));
    table.resize(SECTOR / 4, FREE);
    let entry = |name: &str, kind: u8, child: u32, start: u32, size: u64| {
        let mut entry: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let length = entry.len() as u16 + 2;
        entry.resize(64, 0);
        entry.extend(length.to_le_bytes());
        entry.extend([kind, 1]);
        for link in [FREE, FREE, child] {
            entry.extend(link.to_le_bytes());
        }
        entry.resize(116, 0);
        entry.extend(start.to_le_bytes());
        entry.extend(size.to_le_bytes());
        entry
    };
    let directory = [entry("Root Entry", 5, 1, LAST, 0), entry("Workbook", 2, FREE, 2, stream.len() as u64), vec![0; 256]].concat();
    [header, table.into_iter().flat_map(u32::to_le_bytes).collect(), directory, stream.to_vec()].concat()
}

/// A record of an xlsb part.
fn part_record(id: u16, body: &[u8]) -> Vec<u8> {
    let mut out = if id < 0x80 { vec![id as u8] } else { vec![(id & 0x7f) as u8 | 0x80, (id >> 7) as u8] };
    let mut length = body.len();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend(body);
    out
}

fn wide(text: &str) -> Vec<u8> {
    let units: Vec<u16> = text.encode_utf16().collect();
    [(units.len() as u32).to_le_bytes().to_vec(), units.iter().flat_map(|unit| unit.to_le_bytes()).collect()].concat()
}

/// An xlsb workbook with one sheet of texts.
pub fn xlsb(rows: &[Vec<String>]) -> Vec<u8> {
    let words = |numbers: &[u32]| -> Vec<u8> { numbers.iter().flat_map(|number| number.to_le_bytes()).collect() };
    let book = [
        part_record(131, &[]),
        part_record(143, &[]),
        part_record(156, &[words(&[0, 1]), wide("rId1"), wide("台账")].concat()),
        part_record(144, &[]),
        part_record(132, &[]),
    ]
    .concat();
    let width = rows.iter().map(Vec::len).max().unwrap_or(1) as u32;
    let mut sheet =
        [part_record(129, &[]), part_record(148, &words(&[0, rows.len() as u32 - 1, 0, width - 1])), part_record(145, &[])].concat();
    for (at, row) in rows.iter().enumerate() {
        let rest = [&[0x2c, 0x01][..], &[0; 3], &words(&[1, 0, width - 1])].concat();
        sheet.extend(part_record(0, &[words(&[at as u32, 0]), rest].concat()));
        for (column, text) in row.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
            sheet.extend(part_record(6, &[words(&[column as u32, 0]), wide(text)].concat()));
        }
    }
    sheet.extend([part_record(146, &[]), part_record(130, &[])].concat());
    let types = "<?xml version=\"1.0\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
        <Default Extension=\"bin\" ContentType=\"application/vnd.ms-excel.sheet.binary.macroEnabled.main\"/></Types>";
    let relation = |id: &str, kind: &str, target: &str| {
        let kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        format!(
            "<?xml version=\"1.0\"?><Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
             <Relationship Id=\"{id}\" Type=\"{kinds}/{kind}\" Target=\"{target}\"/></Relationships>"
        )
    };
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in [
        ("[Content_Types].xml", types.as_bytes().to_vec()),
        ("_rels/.rels", relation("rId1", "officeDocument", "xl/workbook.bin").into_bytes()),
        ("xl/workbook.bin", book),
        ("xl/_rels/workbook.bin.rels", relation("rId1", "worksheet", "worksheets/sheet1.bin").into_bytes()),
        ("xl/worksheets/sheet1.bin", sheet),
    ] {
        out.start_file(name, stored).expect("a part");
        out.write_all(&bytes).expect("a part");
    }
    out.finish().expect("a zip").into_inner()
}
