//! Small workbooks in the formats that no library of the tests writes: xls, xlsb, ods, and xlsx with prefixed elements. They are made of the sheets
//! of a case, so that a case can be read in every format.

use super::mutants::packed;

/// What a cell holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Content {
    #[default]
    Empty,
    Text(String),
    Number(f64),
    Bool(bool),
    Error(String),
}

/// A cell: what it holds, its number format as Excel writes it, whether it is struck out, and whether a formula has made it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    pub content: Content,
    pub format: String,
    pub struck: bool,
    pub formula: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Page {
    pub name: String,
    pub hidden: bool,
    pub rows: Vec<Vec<Cell>>,
    /// Top, left, bottom and right, from 0.
    pub merges: Vec<(u32, u16, u32, u16)>,
    /// From 0.
    pub hidden_rows: Vec<u32>,
    pub hidden_columns: Vec<u16>,
}

/// The kinds of cells of a workbook: number format and whether it is struck out. The first is the plain one.
fn styles(pages: &[Page]) -> Vec<(String, bool)> {
    let mut styles = vec![(String::new(), false)];
    for cell in pages.iter().flat_map(|page| &page.rows).flatten() {
        let style = (cell.format.clone(), cell.struck);
        if !styles.contains(&style) {
            styles.push(style);
        }
    }
    styles
}

fn style_of(styles: &[(String, bool)], cell: &Cell) -> usize {
    styles.iter().position(|style| *style == (cell.format.clone(), cell.struck)).expect("a style")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn letters(column: u16) -> String {
    assert!(column < 26, "a small sheet");
    char::from(b'A' + column as u8).to_string()
}

/// An ods file.
pub fn ods(pages: &[Page]) -> Vec<u8> {
    let styles = styles(pages);
    let mut xml = String::from(
        "<?xml version=\"1.0\"?><office:document-content xmlns:office=\"o\" xmlns:table=\"t\" xmlns:text=\"x\">\n<office:automatic-styles>",
    );
    for (number, (format, struck)) in styles.iter().enumerate() {
        let (data, name) = ods_format(format, number);
        let line = if *struck { "<style:text-properties style:text-line-through-style=\"solid\"/>" } else { "" };
        xml.push_str(&format!("{data}<style:style style:name=\"c{number}\" style:family=\"table-cell\"{name}>{line}</style:style>"));
    }
    xml.push_str("<style:style style:name=\"hidden\" style:family=\"table\"><style:table-properties table:display=\"false\"/></style:style></office:automatic-styles>\n<office:body><office:spreadsheet>");
    for page in pages {
        let hidden = if page.hidden { " table:style-name=\"hidden\"" } else { "" };
        xml.push_str(&format!("<table:table table:name=\"{}\"{hidden}>", escaped(&page.name)));
        let width = page.rows.iter().map(Vec::len).max().unwrap_or(0) as u16;
        for column in 0..width {
            let hidden = if page.hidden_columns.contains(&column) { " table:visibility=\"collapse\"" } else { "" };
            xml.push_str(&format!("<table:table-column{hidden}/>\n"));
        }
        for (row, cells) in page.rows.iter().enumerate() {
            let hidden = if page.hidden_rows.contains(&(row as u32)) { " table:visibility=\"filter\"" } else { "" };
            xml.push_str(&format!("<table:table-row{hidden}>\n"));
            for column in 0..width {
                let cell = cells.get(usize::from(column)).cloned().unwrap_or_default();
                xml.push_str(&ods_cell(page, row as u32, column, &cell, style_of(&styles, &cell)));
            }
            xml.push_str("</table:table-row>\n");
        }
        xml.push_str("</table:table>");
    }
    xml.push_str("</office:spreadsheet></office:body></office:document-content>");
    packed(&[("mimetype".into(), b"application/vnd.oasis.opendocument.spreadsheet".to_vec()), ("content.xml".into(), xml.into_bytes())])
}

/// The data style of a format code, and the attribute that names it.
fn ods_format(format: &str, number: usize) -> (String, String) {
    let text = |text: &str| format!("<number:text>{text}</number:text>");
    let whole = |digits: usize, more: &str| format!("<number:number number:min-integer-digits=\"{digits}\"{more}");
    let (kind, inside) = match format {
        "" | "General" => return (String::new(), String::new()),
        "yyyy-mm-dd" => ("date", format!("<number:year/>{}<number:month/>{}<number:day/>", text("-"), text("-"))),
        "mmm-yy" => ("date", format!("<number:month/>{}<number:year/>", text("-"))),
        "yyyy\"年\"m\"月\"" => ("date", format!("<number:year/>{}<number:month/>{}", text("年"), text("月"))),
        "0!.0,\"万元\"" => (
            "number",
            whole(2, " number:display-factor=\"1000\"")
                + "><number:embedded-text number:position=\"1\">.</number:embedded-text></number:number>"
                + &text("万元"),
        ),
        _ if format.ends_with('%') => ("percentage", whole(1, " number:decimal-places=\"1\"/>") + &text("%")),
        _ => {
            let (digits, unit) = format.split_once('"').unwrap_or((format, ""));
            let (before, decimals) = digits.trim_end_matches(['_', ' ']).split_once('.').unwrap_or((digits, ""));
            let decimals = format!(" number:decimal-places=\"{}\"/>", decimals.len());
            ("number", whole(before.trim_end_matches(['_', ' ']).len(), &decimals) + &text(unit.trim_end_matches('"')))
        }
    };
    let data = format!("<number:{kind}-style style:name=\"n{number}\">{inside}</number:{kind}-style>");
    (data, format!(" style:data-style-name=\"n{number}\""))
}

fn ods_cell(page: &Page, row: u32, column: u16, cell: &Cell, style: usize) -> String {
    let merge = page.merges.iter().find(|(top, left, bottom, right)| (*top..=*bottom).contains(&row) && (*left..=*right).contains(&column));
    let (mut tag, mut spans) = ("table:table-cell", String::new());
    match merge {
        Some((top, left, bottom, right)) if (*top, *left) == (row, column) => {
            spans = format!(" table:number-columns-spanned=\"{}\" table:number-rows-spanned=\"{}\"", right - left + 1, bottom - top + 1);
        }
        Some(_) => tag = "table:covered-table-cell",
        None => {}
    }
    let formula = if cell.formula { " table:formula=\"of:=1\"" } else { "" };
    let (value, shown) = match &cell.content {
        Content::Empty if cell.formula => (String::new(), String::new()),
        Content::Empty => return format!("<{tag}{spans}/>\n"),
        Content::Text(text) => (" office:value-type=\"string\"".to_owned(), format!("<text:p><![CDATA[{text}]]></text:p>")),
        Content::Number(number) if cell.format.contains(['y', 'm']) => {
            let day = chrono::NaiveDate::from_ymd_opt(1899, 12, 30).expect("a day") + chrono::Days::new(*number as u64);
            (format!(" office:value-type=\"date\" office:date-value=\"{day}\""), String::new())
        }
        Content::Number(number) if cell.format.ends_with('%') => {
            (format!(" office:value-type=\"percentage\" office:value=\"{number}\""), String::new())
        }
        Content::Number(number) => {
            (format!(" office:value-type=\"float\" office:value=\"{number}\""), format!("<text:p>{number}</text:p>"))
        }
        Content::Bool(value) => (format!(" office:value-type=\"boolean\" office:boolean-value=\"{value}\""), String::new()),
        Content::Error(code) => {
            (" office:value-type=\"string\" calcext:value-type=\"error\"".to_owned(), format!("<text:p>{}</text:p>", escaped(code)))
        }
    };
    format!("<{tag} table:style-name=\"c{style}\"{spans}{formula}{value}>\n{shown}\n</{tag}>\n")
}

/// An xlsx file whose elements bear a prefix, as .NET programs write them.
pub fn prefixed_xlsx(pages: &[Page]) -> Vec<u8> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let styles = styles(pages);
    let mut parts = Vec::new();
    let (mut sheets, mut relations) = (String::new(), String::new());
    for (number, page) in pages.iter().enumerate() {
        let number = number + 1;
        let state = if page.hidden { " state=\"hidden\"" } else { "" };
        sheets.push_str(&format!("<x:sheet name=\"{}\" sheetId=\"{number}\"{state} r:id=\"rId{number}\"/>", escaped(&page.name)));
        relations.push_str(&format!(
            "<Relationship Id=\"rId{number}\" Type=\"{RELATIONS}/worksheet\" Target=\"/xl/worksheets/sheet{number}.xml\"/>"
        ));
        parts.push((format!("xl/worksheets/sheet{number}.xml"), xlsx_sheet(page, &styles).into_bytes()));
    }
    relations.push_str(&format!("<Relationship Id=\"rIdS\" Type=\"{RELATIONS}/styles\" Target=\"styles.xml\"/>"));
    let formats: String = styles
        .iter()
        .enumerate()
        .map(|(id, (code, _))| format!("<x:numFmt numFmtId=\"{}\" formatCode=\"{}\"/>", 200 + id, escaped(code)))
        .collect();
    let xfs: String = styles
        .iter()
        .enumerate()
        .map(|(id, (_, struck))| format!("<x:xf numFmtId=\"{}\" fontId=\"{}\"/>", 200 + id, u8::from(*struck)))
        .collect();
    let xml = |root: &str, inside: String| {
        format!("<?xml version=\"1.0\"?><x:{root} xmlns:x=\"{MAIN}\" xmlns:r=\"{RELATIONS}\">{inside}</x:{root}>").into_bytes()
    };
    let fonts = "<x:fonts><x:font/><x:font><x:strike/></x:font></x:fonts>";
    parts.push(("xl/workbook.xml".into(), xml("workbook", format!("<x:sheets>{sheets}</x:sheets>"))));
    parts.push(("xl/styles.xml".into(), xml("styleSheet", format!("<x:numFmts>{formats}</x:numFmts>{fonts}<x:cellXfs>{xfs}</x:cellXfs>"))));
    let list = |inside: &str| {
        format!("<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{inside}</Relationships>")
            .into_bytes()
    };
    parts.push(("xl/_rels/workbook.xml.rels".into(), list(&relations)));
    parts.push((
        "_rels/.rels".into(),
        list(&format!("<Relationship Id=\"r\" Type=\"{RELATIONS}/officeDocument\" Target=\"xl/workbook.xml\"/>")),
    ));
    packed(&parts)
}

fn xlsx_sheet(page: &Page, styles: &[(String, bool)]) -> String {
    let mut xml =
        "<?xml version=\"1.0\"?><x:worksheet xmlns:x=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><x:cols>".to_owned();
    for column in &page.hidden_columns {
        xml.push_str(&format!("<x:col min=\"{0}\" max=\"{0}\" hidden=\"1\"/>", column + 1));
    }
    xml.push_str("</x:cols><x:sheetData>");
    for (row, cells) in page.rows.iter().enumerate() {
        let hidden = if page.hidden_rows.contains(&(row as u32)) { " hidden=\"1\"" } else { "" };
        xml.push_str(&format!("<x:row r=\"{}\"{hidden}>", row + 1));
        for (column, cell) in cells.iter().enumerate() {
            let formula = if cell.formula { "<x:f>A1</x:f>" } else { "" };
            let (kind, value) = match &cell.content {
                Content::Empty if !cell.formula => continue,
                Content::Empty => ("n", String::new()),
                Content::Text(text) if cell.formula => ("str", format!("<x:v>{}</x:v>", escaped(text))),
                Content::Text(text) => ("inlineStr", format!("<x:is><x:t><![CDATA[{text}]]></x:t></x:is>")),
                Content::Number(number) => ("n", format!("<x:v>{number}</x:v>")),
                Content::Bool(value) => ("b", format!("<x:v>{}</x:v>", u8::from(*value))),
                Content::Error(code) => ("e", format!("<x:v>{}</x:v>", escaped(code))),
            };
            let place = format!("{}{}", letters(column as u16), row + 1);
            xml.push_str(&format!("<x:c r=\"{place}\" s=\"{}\" t=\"{kind}\">{formula}{value}</x:c>", style_of(styles, cell)));
        }
        xml.push_str("</x:row>");
    }
    xml.push_str("</x:sheetData><x:mergeCells>");
    for (top, left, bottom, right) in &page.merges {
        xml.push_str(&format!("<x:mergeCell ref=\"{}{}:{}{}\"/>", letters(*left), top + 1, letters(*right), bottom + 1));
    }
    xml.push_str("</x:mergeCells></x:worksheet>");
    xml
}

/// An xlsb file.
pub fn xlsb(pages: &[Page]) -> Vec<u8> {
    const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let styles = styles(pages);
    let (mut workbook, mut relations, mut parts) = (Vec::new(), String::new(), Vec::new());
    for (number, page) in pages.iter().enumerate() {
        let number = number as u32 + 1;
        let head = [u32::from(page.hidden).to_le_bytes(), number.to_le_bytes()].concat();
        record(&mut workbook, 156, &[head, wide(&format!("rId{number}")), wide(&page.name)].concat());
        relations.push_str(&format!(
            "<Relationship Id=\"rId{number}\" Type=\"{RELATIONS}/worksheet\" Target=\"worksheets/sheet{number}.bin\"/>"
        ));
        parts.push((format!("xl/worksheets/sheet{number}.bin"), xlsb_sheet(page, &styles)));
    }
    relations.push_str(&format!("<Relationship Id=\"rIdS\" Type=\"{RELATIONS}/styles\" Target=\"styles.bin\"/>"));
    let mut formats = Vec::new();
    for (id, (code, _)) in styles.iter().enumerate() {
        record(&mut formats, 44, &[(200 + id as u16).to_le_bytes().to_vec(), wide(code)].concat());
    }
    for bits in [0u16, 8] {
        record(&mut formats, 43, &[220u16.to_le_bytes(), bits.to_le_bytes()].concat());
    }
    record(&mut formats, 617, &(styles.len() as u32).to_le_bytes());
    for (id, (_, struck)) in styles.iter().enumerate() {
        let numbers = [0xffff, 200 + id as u16, u16::from(*struck)];
        record(&mut formats, 47, &numbers.map(u16::to_le_bytes).concat());
    }
    record(&mut formats, 618, &[]);
    let list = |inside: &str| {
        format!("<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{inside}</Relationships>")
            .into_bytes()
    };
    parts.push(("xl/workbook.bin".into(), workbook));
    parts.push(("xl/styles.bin".into(), formats));
    parts.push(("xl/_rels/workbook.bin.rels".into(), list(&relations)));
    parts.push((
        "_rels/.rels".into(),
        list(&format!("<Relationship Id=\"r\" Type=\"{RELATIONS}/officeDocument\" Target=\"xl/workbook.bin\"/>")),
    ));
    packed(&parts)
}

/// Appends a record of an xlsb part.
fn record(out: &mut Vec<u8>, kind: u32, bytes: &[u8]) {
    match kind {
        0..0x80 => out.push(kind as u8),
        _ => out.extend([(kind & 0x7f) as u8 | 0x80, (kind >> 7) as u8]),
    }
    let mut length = bytes.len();
    loop {
        let more = length > 0x7f;
        out.push((length & 0x7f) as u8 | if more { 0x80 } else { 0 });
        length >>= 7;
        if !more {
            break;
        }
    }
    out.extend_from_slice(bytes);
}

/// A text of UTF-16 behind its length.
fn wide(text: &str) -> Vec<u8> {
    let units: Vec<u16> = text.encode_utf16().collect();
    (units.len() as u32).to_le_bytes().into_iter().chain(units.into_iter().flat_map(u16::to_le_bytes)).collect()
}

fn xlsb_sheet(page: &Page, styles: &[(String, bool)]) -> Vec<u8> {
    let mut out = Vec::new();
    for column in &page.hidden_columns {
        let numbers = [u32::from(*column), u32::from(*column), 256, 0];
        record(&mut out, 60, &[numbers.map(u32::to_le_bytes).concat(), vec![1, 0]].concat());
    }
    record(&mut out, 145, &[]);
    for (row, cells) in page.rows.iter().enumerate() {
        let hidden = if page.hidden_rows.contains(&(row as u32)) { 0x10 } else { 0 };
        record(&mut out, 0, &[(row as u32).to_le_bytes().as_slice(), &[0; 4], &[0, 1, 0, hidden, 0, 0, 0, 0, 0]].concat());
        for (column, cell) in cells.iter().enumerate() {
            let place = [(column as u32).to_le_bytes(), (style_of(styles, cell) as u32).to_le_bytes()].concat();
            let (kind, value) = match &cell.content {
                Content::Empty => continue,
                Content::Text(text) if cell.formula => (8, [wide(text), vec![0; 10]].concat()),
                Content::Text(text) => (6, wide(text)),
                Content::Number(number) if cell.formula => (9, [number.to_le_bytes().as_slice(), &[0; 10]].concat()),
                Content::Number(number) if number.fract() == 0.0 && number.abs() < 1e8 => {
                    (2, ((*number as i32) << 2 | 2).to_le_bytes().to_vec())
                }
                Content::Number(number) => (5, number.to_le_bytes().to_vec()),
                Content::Bool(value) => (4, vec![u8::from(*value)]),
                Content::Error(code) => (3, vec![error_byte(code)]),
            };
            record(&mut out, kind, &[place, value].concat());
        }
    }
    record(&mut out, 146, &[]);
    for (top, left, bottom, right) in &page.merges {
        record(&mut out, 176, &[*top, *bottom, u32::from(*left), u32::from(*right)].map(u32::to_le_bytes).concat());
    }
    out
}

fn error_byte(code: &str) -> u8 {
    match code {
        "#REF!" => 0x17,
        "#DIV/0!" => 0x07,
        _ => 0x2a,
    }
}

/// An xls file of BIFF8. Texts are shared strings, long enough in all to go on in a second record.
pub fn xls(pages: &[Page]) -> Vec<u8> {
    let styles = styles(pages);
    let texts: Vec<&str> = {
        let mut texts = Vec::new();
        for cell in pages.iter().flat_map(|page| &page.rows).flatten().filter(|cell| !cell.formula) {
            if let Content::Text(text) = &cell.content
                && !texts.contains(&text.as_str())
            {
                texts.push(text.as_str());
            }
        }
        texts
    };
    let mut globals = Vec::new();
    biff(&mut globals, 0x0809, &[0x0600u16, 5, 0, 0].map(u16::to_le_bytes).concat());
    // the fifth font is not written, so the sixth is the one that strikes out
    for bits in [0u16, 0, 0, 0, 8] {
        biff(&mut globals, 0x0031, &[[220u16, bits].map(u16::to_le_bytes).concat(), vec![0; 12]].concat());
    }
    for (id, (code, _)) in styles.iter().enumerate() {
        biff(&mut globals, 0x041e, &[(200 + id as u16).to_le_bytes().to_vec(), unicode(code, 2)].concat());
    }
    for (id, (_, struck)) in styles.iter().enumerate() {
        biff(&mut globals, 0x00e0, &[[if *struck { 5 } else { 0 }, 200 + id as u16].map(u16::to_le_bytes).concat(), vec![0; 16]].concat());
    }
    let mut places = Vec::new();
    for page in pages {
        places.push(globals.len() + 4);
        biff(&mut globals, 0x0085, &[vec![0, 0, 0, 0, u8::from(page.hidden), 0], unicode(&page.name, 1)].concat());
    }
    let mut strings = [(texts.len() as u32).to_le_bytes(), (texts.len() as u32).to_le_bytes()].concat();
    for (index, text) in texts.iter().enumerate() {
        // the second text goes on in another record, as texts at the end of a long one do
        let whole = unicode(text, 2);
        if index == 1 && whole.len() > 7 {
            strings.extend_from_slice(&whole[..5]);
            biff(&mut globals, 0x00fc, &strings);
            strings = [&[1u8], &whole[5..]].concat();
        } else {
            strings.extend(whole);
        }
    }
    let kind = if texts.len() > 1 && unicode(texts[1], 2).len() > 7 { 0x003c } else { 0x00fc };
    biff(&mut globals, kind, &strings);
    biff(&mut globals, 0x000a, &[]);
    let mut stream = globals;
    for (page, place) in pages.iter().zip(places) {
        let start = (stream.len() as u32).to_le_bytes();
        stream[place..place + 4].copy_from_slice(&start);
        xls_sheet(&mut stream, page, &styles, &texts);
    }
    compound(stream)
}

fn biff(out: &mut Vec<u8>, kind: u16, bytes: &[u8]) {
    out.extend(kind.to_le_bytes());
    out.extend((bytes.len() as u16).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// A text of UTF-16 behind its length in so many bytes, and its width.
fn unicode(text: &str, length_bytes: usize) -> Vec<u8> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let length = (units.len() as u16).to_le_bytes();
    length[..length_bytes].iter().copied().chain([1]).chain(units.into_iter().flat_map(u16::to_le_bytes)).collect()
}

fn xls_sheet(out: &mut Vec<u8>, page: &Page, styles: &[(String, bool)], texts: &[&str]) {
    biff(out, 0x0809, &[0x0600u16, 0x10, 0, 0].map(u16::to_le_bytes).concat());
    for column in &page.hidden_columns {
        biff(out, 0x007d, &[*column, *column, 256, 0, 1, 0].map(u16::to_le_bytes).concat());
    }
    for row in &page.hidden_rows {
        biff(out, 0x0208, &[*row as u16, 0, 1, 255, 0, 0, 0x20, 0].map(u16::to_le_bytes).concat());
    }
    for (row, cells) in page.rows.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            let place = [row as u16, column as u16, style_of(styles, cell) as u16].map(u16::to_le_bytes).concat();
            let formula = |result: [u8; 8]| [place.clone(), result.to_vec(), vec![0; 8]].concat();
            match &cell.content {
                Content::Empty if cell.formula => biff(out, 0x0006, &formula([0, 0, 0, 0, 0, 0, 0xff, 0xff])),
                Content::Empty => {}
                Content::Text(text) if cell.formula => {
                    biff(out, 0x0006, &formula([0, 0, 0, 0, 0, 0, 0xff, 0xff]));
                    biff(out, 0x0207, &unicode(text, 2));
                }
                Content::Text(text) => {
                    let index = texts.iter().position(|known| known == text).expect("a text") as u32;
                    biff(out, 0x00fd, &[place, index.to_le_bytes().to_vec()].concat());
                }
                Content::Number(number) if cell.formula => biff(out, 0x0006, &formula(number.to_le_bytes())),
                Content::Number(number) if number.fract() == 0.0 && number.abs() < 1e8 => {
                    biff(out, 0x027e, &[place, ((*number as i32) << 2 | 2).to_le_bytes().to_vec()].concat());
                }
                Content::Number(number) => biff(out, 0x0203, &[place, number.to_le_bytes().to_vec()].concat()),
                Content::Bool(value) => biff(out, 0x0205, &[place, vec![u8::from(*value), 0]].concat()),
                Content::Error(code) => biff(out, 0x0205, &[place, vec![error_byte(code), 1]].concat()),
            }
        }
    }
    if !page.merges.is_empty() {
        let ranges = page.merges.iter().flat_map(|(top, left, bottom, right)| [*top as u16, *bottom as u16, *left, *right]);
        let numbers = [page.merges.len() as u16].into_iter().chain(ranges);
        biff(out, 0x00e5, &numbers.flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    }
    biff(out, 0x000a, &[]);
}

/// A compound file with one stream, `Workbook`.
fn compound(mut stream: Vec<u8>) -> Vec<u8> {
    const SECTOR: usize = 512;
    const SHORTEST: usize = 4096;
    const END: u32 = 0xffff_fffe;
    stream.resize(stream.len().max(SHORTEST).next_multiple_of(SECTOR), 0);
    let sectors = stream.len() / SECTOR;
    let tables = (sectors + 1).div_ceil(SECTOR / 4 - 1);
    let mut header = vec![0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
    header.resize(SECTOR, 0);
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0x18, &[0x3e, 0, 3, 0, 0xfe, 0xff, 9, 0, 6, 0]);
    put(0x2c, &(tables as u32).to_le_bytes());
    put(0x30, &(tables as u32).to_le_bytes());
    put(0x38, &(SHORTEST as u32).to_le_bytes());
    put(0x3c, &END.to_le_bytes());
    put(0x44, &END.to_le_bytes());
    for table in 0..109u32 {
        let number = if (table as usize) < tables { table } else { u32::MAX };
        put(0x4c + table as usize * 4, &number.to_le_bytes());
    }
    // the tables, then the directory, then the stream
    let mut table: Vec<u32> = vec![0xffff_fffd; tables];
    table.push(END);
    let first = tables + 1;
    table.extend((0..sectors).map(|sector| if sector + 1 == sectors { END } else { (first + sector + 1) as u32 }));
    table.resize(tables * (SECTOR / 4), u32::MAX);
    let entry = |name: &str, kind: u8, start: u32, size: u32| {
        let mut entry: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let length = entry.len() as u16 + 2;
        entry.resize(64, 0);
        entry.extend(length.to_le_bytes());
        entry.extend([kind, 1]);
        entry.extend([0xff; 12]);
        entry.resize(116, 0);
        entry.extend([start, size, 0].map(u32::to_le_bytes).concat());
        entry
    };
    let mut directory = [entry("Root Entry", 5, END, 0), entry("Workbook", 2, first as u32, stream.len() as u32)].concat();
    directory.resize(SECTOR, 0);
    [header, table.into_iter().flat_map(u32::to_le_bytes).collect(), directory, stream].concat()
}
