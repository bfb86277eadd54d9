//! Writes an official paper as a .docx file in the layout of GB/T 9704: A4, margins 37 (top), 35 (bottom), 28 (left) and 26 mm (right),
//! 22 lines a page, title 2号小标宋, text 3号仿宋, headings 黑体 and 楷体, first lines indented by two characters, page numbers on the outer edge.
//!
//! Invariant: equal workbooks give equal bytes, so the only date in the file is the one of the workbook. Fonts are named, not embedded.

use crate::workbook::model::{Role, Row, Sheet, Value, Workbook};
use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Why a paper could not be written.
#[derive(Debug, thiserror::Error)]
pub enum DocxError {
    #[error("文稿“{title}”无法生成：{source}")]
    Pack { title: String, source: ZipError },
}

/// Width between the margins, in twentieths of a point.
const TEXT_WIDTH: usize = 8845;

/// Tables with at least so many columns are set in 小五 instead of 五号.
const SMALL_TABLE_COLUMNS: usize = 8;

const FANGSONG: &str = "仿宋_GB2312";
const HEI: &str = "黑体";
const KAI: &str = "楷体_GB2312";
const TITLE: &str = "方正小标宋简体";

/// The bytes of the .docx file with all papers of the workbook; `None` if no sheet is a paper.
///
/// # Errors
/// The parts cannot be packed into a ZIP file.
pub(crate) fn render(book: &Workbook<'_>) -> Result<Option<Vec<u8>>, DocxError> {
    let papers: Vec<&Sheet<'_>> = book.sheets.iter().filter(|sheet| sheet.document).collect();
    if papers.is_empty() {
        return Ok(None);
    }
    let parts = [
        ("[Content_Types].xml", CONTENT_TYPES.to_owned()),
        ("_rels/.rels", RELATIONS.to_owned()),
        ("docProps/core.xml", properties(book)),
        ("word/document.xml", document(&papers)),
        ("word/styles.xml", styles()),
        ("word/settings.xml", SETTINGS.to_owned()),
        ("word/fontTable.xml", font_table()),
        ("word/footer1.xml", footer("right", "rightChars")),
        ("word/footer2.xml", footer("left", "leftChars")),
        ("word/_rels/document.xml.rels", DOCUMENT_RELATIONS.to_owned()),
    ];
    pack(&parts).map(Some).map_err(|source| DocxError::Pack { title: book.title.clone(), source })
}

/// The ZIP file of the parts, with a fixed time in its entries.
fn pack(parts: &[(&str, String)]) -> Result<Vec<u8>, ZipError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).last_modified_time(DateTime::default());
    for (name, text) in parts {
        zip.start_file(*name, options)?;
        zip.write_all(text.as_bytes())?;
    }
    Ok(zip.finish()?.into_inner())
}

const XML_DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";

const CONTENT_TYPES: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n",
    "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">",
    "<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>",
    "<Default Extension=\"xml\" ContentType=\"application/xml\"/>",
    "<Override PartName=\"/docProps/core.xml\" ContentType=\"application/vnd.openxmlformats-package.core-properties+xml\"/>",
    "<Override PartName=\"/word/document.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml\"/>",
    "<Override PartName=\"/word/styles.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml\"/>",
    "<Override PartName=\"/word/settings.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.settings+xml\"/>",
    "<Override PartName=\"/word/fontTable.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.fontTable+xml\"/>",
    "<Override PartName=\"/word/footer1.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.footer+xml\"/>",
    "<Override PartName=\"/word/footer2.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.footer+xml\"/>",
    "</Types>"
);

const RELATIONS: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n",
    "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">",
    "<Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"word/document.xml\"/>",
    "<Relationship Id=\"rId2\" Type=\"http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties\" Target=\"docProps/core.xml\"/>",
    "</Relationships>"
);

const DOCUMENT_RELATIONS: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n",
    "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">",
    "<Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles\" Target=\"styles.xml\"/>",
    "<Relationship Id=\"rId2\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/settings\" Target=\"settings.xml\"/>",
    "<Relationship Id=\"rId3\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/fontTable\" Target=\"fontTable.xml\"/>",
    "<Relationship Id=\"rId4\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/footer\" Target=\"footer1.xml\"/>",
    "<Relationship Id=\"rId5\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/footer\" Target=\"footer2.xml\"/>",
    "</Relationships>"
);

/// Odd and even pages have different footers, because the page number lies at the outer edge.
const SETTINGS: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n",
    "<w:settings xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\">",
    "<w:defaultTabStop w:val=\"420\"/><w:evenAndOddHeaders/><w:characterSpacingControl w:val=\"compressPunctuation\"/>",
    "<w:compat><w:compatSetting w:name=\"compatibilityMode\" w:uri=\"http://schemas.microsoft.com/office/word\" w:val=\"15\"/></w:compat>",
    "</w:settings>"
);

const NAMESPACES: &str = "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\" \
     xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"";

fn properties(book: &Workbook<'_>) -> String {
    let created = format!("{}T00:00:00Z", book.created);
    format!(
        "{XML_DECLARATION}<cp:coreProperties xmlns:cp=\"http://schemas.openxmlformats.org/package/2006/metadata/core-properties\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:dcterms=\"http://purl.org/dc/terms/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><dc:title>{}</dc:title><dc:subject>{}</dc:subject>\
         <dc:creator>{}</dc:creator><cp:keywords>{}</cp:keywords><dc:description>{}</dc:description>\
         <dcterms:created xsi:type=\"dcterms:W3CDTF\">{created}</dcterms:created>\
         <dcterms:modified xsi:type=\"dcterms:W3CDTF\">{created}</dcterms:modified></cp:coreProperties>",
        escaped(&book.title),
        escaped(&book.subject),
        escaped(&book.author),
        escaped(&book.keywords),
        escaped(&book.description),
    )
}

/// The fonts used, each with the fallback for computers where it is not installed.
fn font_table() -> String {
    let mut out = format!("{XML_DECLARATION}<w:fonts {NAMESPACES}>");
    for (name, fallback) in [(FANGSONG, "仿宋"), (KAI, "楷体"), (TITLE, "宋体"), (HEI, "SimHei")] {
        let _ = write!(out, "<w:font w:name=\"{name}\"><w:altName w:val=\"{fallback}\"/><w:charset w:val=\"86\"/></w:font>");
    }
    out.push_str("</w:fonts>");
    out
}

/// The paragraph styles: for each the id, name, font, size in half points, and paragraph properties.
fn styles() -> String {
    let mut out = format!(
        "{XML_DECLARATION}<w:styles {NAMESPACES}><w:docDefaults><w:rPrDefault><w:rPr>{}<w:kern w:val=\"0\"/><w:sz w:val=\"32\"/>\
         <w:szCs w:val=\"32\"/><w:lang w:val=\"en-US\" w:eastAsia=\"zh-CN\"/></w:rPr></w:rPrDefault></w:docDefaults>\
         <w:style w:type=\"paragraph\" w:default=\"1\" w:styleId=\"Normal\"><w:name w:val=\"Normal\"/><w:qFormat/>\
         <w:pPr><w:spacing w:line=\"578\" w:lineRule=\"exact\"/><w:jc w:val=\"both\"/></w:pPr></w:style>",
        font(FANGSONG)
    );
    let indent = "<w:ind w:firstLineChars=\"200\" w:firstLine=\"640\"/>";
    let heading = |level: u8| format!("<w:keepNext/>{indent}<w:outlineLvl w:val=\"{level}\"/>");
    let (first_level, second_level) = (heading(0), heading(1));
    for (id, name, face, size, properties) in [
        (
            "PaperTitle",
            "标题",
            TITLE,
            44,
            "<w:keepNext/><w:spacing w:before=\"578\" w:after=\"578\" w:line=\"680\" w:lineRule=\"exact\"/><w:jc w:val=\"center\"/>",
        ),
        ("PaperMark", "附件", HEI, 32, "<w:jc w:val=\"left\"/>"),
        ("PaperText", "正文段落", FANGSONG, 32, indent),
        ("PaperAddress", "主送", FANGSONG, 32, ""),
        ("PaperHeading", "一级标题", HEI, 32, first_level.as_str()),
        ("PaperSubheading", "二级标题", KAI, 32, second_level.as_str()),
        (
            "PaperSign",
            "落款",
            FANGSONG,
            32,
            "<w:keepLines/><w:spacing w:before=\"578\" w:after=\"578\"/><w:ind w:rightChars=\"400\" w:right=\"1280\"/><w:contextualSpacing/><w:jc w:val=\"right\"/>",
        ),
        (
            "PaperCaption",
            "表题",
            HEI,
            24,
            "<w:keepNext/><w:spacing w:before=\"160\" w:line=\"480\" w:lineRule=\"exact\"/><w:jc w:val=\"center\"/>",
        ),
        ("PaperNote", "表注", FANGSONG, 21, "<w:spacing w:before=\"60\" w:after=\"160\" w:line=\"320\" w:lineRule=\"exact\"/>"),
        ("PaperHead", "表头", HEI, 21, "<w:keepNext/><w:spacing w:line=\"300\" w:lineRule=\"exact\"/><w:jc w:val=\"center\"/>"),
        ("PaperSmallHead", "表头（密）", HEI, 18, "<w:keepNext/><w:spacing w:line=\"280\" w:lineRule=\"exact\"/><w:jc w:val=\"center\"/>"),
        ("PaperSmallCell", "表文（密）", FANGSONG, 18, "<w:spacing w:line=\"280\" w:lineRule=\"exact\"/><w:jc w:val=\"left\"/>"),
        ("PaperCell", "表文", FANGSONG, 21, "<w:spacing w:line=\"300\" w:lineRule=\"exact\"/><w:jc w:val=\"left\"/>"),
    ] {
        let _ = write!(
            out,
            "<w:style w:type=\"paragraph\" w:customStyle=\"1\" w:styleId=\"{id}\"><w:name w:val=\"{name}\"/><w:basedOn w:val=\"Normal\"/>\
             <w:qFormat/><w:pPr>{properties}</w:pPr><w:rPr>{}<w:sz w:val=\"{size}\"/><w:szCs w:val=\"{size}\"/></w:rPr></w:style>",
            font(face)
        );
    }
    out.push_str("</w:styles>");
    out
}

/// The font element: Chinese text in this face, Latin letters and digits in Times New Roman.
fn font(face: &str) -> String {
    format!("<w:rFonts w:ascii=\"Times New Roman\" w:hAnsi=\"Times New Roman\" w:eastAsia=\"{face}\" w:cs=\"Times New Roman\"/>")
}

/// The page number as `— 1 —` in 4号, aligned to a side and indented by one character.
fn footer(side: &str, indent: &str) -> String {
    let run = "<w:rPr><w:rFonts w:ascii=\"宋体\" w:hAnsi=\"宋体\" w:eastAsia=\"宋体\"/><w:sz w:val=\"28\"/></w:rPr>";
    let twips = indent.trim_end_matches("Chars");
    format!(
        "{XML_DECLARATION}<w:ftr {NAMESPACES}><w:p><w:pPr><w:ind w:{indent}=\"100\" w:{twips}=\"280\"/><w:jc w:val=\"{side}\"/></w:pPr>\
         <w:r>{run}<w:t xml:space=\"preserve\">— </w:t></w:r><w:r>{run}<w:fldChar w:fldCharType=\"begin\"/></w:r>\
         <w:r>{run}<w:instrText xml:space=\"preserve\"> PAGE </w:instrText></w:r><w:r>{run}<w:fldChar w:fldCharType=\"separate\"/></w:r>\
         <w:r>{run}<w:t>1</w:t></w:r><w:r>{run}<w:fldChar w:fldCharType=\"end\"/></w:r>\
         <w:r>{run}<w:t xml:space=\"preserve\"> —</w:t></w:r></w:p></w:ftr>"
    )
}

/// The text: papers one after the other, each on a new page, with tables and paragraphs in the order of the rows.
fn document(papers: &[&Sheet<'_>]) -> String {
    let mut out = format!("{XML_DECLARATION}<w:document {NAMESPACES}><w:body>");
    for (number, sheet) in papers.iter().enumerate() {
        if number > 0 {
            out.push_str("<w:p><w:r><w:br w:type=\"page\"/></w:r></w:p>");
        }
        // A text document breaks its own pages, so the table headers that pagination repeated are left out.
        let original = |(index, row)| (!sheet.is_repeated_header(index)).then_some(row);
        let mut rows = sheet.rows.iter().enumerate().filter_map(original).peekable();
        while let Some(row) = rows.next() {
            if !is_table(row.role) {
                write_text_row(&mut out, row);
                continue;
            }
            let mut table = vec![row];
            // Each header row begins a new table.
            while let Some(next) = rows.next_if(|next| is_table(next.role) && next.role != Role::Head) {
                table.push(next);
            }
            write_table(&mut out, sheet, &table);
        }
    }
    // Margins of 37 (top), 35 (bottom), 28 (left) and 26 mm (right).
    out.push_str(
        "<w:sectPr><w:footerReference w:type=\"default\" r:id=\"rId4\"/><w:footerReference w:type=\"even\" r:id=\"rId5\"/>\
         <w:pgSz w:w=\"11906\" w:h=\"16838\"/><w:pgMar w:top=\"2098\" w:right=\"1474\" w:bottom=\"1984\" w:left=\"1587\" w:header=\"851\" \
         w:footer=\"1588\" w:gutter=\"0\"/></w:sectPr></w:body></w:document>",
    );
    out
}

fn is_table(role: Role) -> bool {
    matches!(role, Role::Head | Role::Body | Role::Subtotal | Role::Total)
}

/// Writes a row outside tables as a paragraph in the style of its role.
fn write_text_row(out: &mut String, row: &Row) {
    let style = match row.role {
        Role::Mark => "PaperMark",
        Role::Title => "PaperTitle",
        Role::Subtitle => "PaperCaption",
        Role::Section => "PaperHeading",
        Role::Subsection => "PaperSubheading",
        Role::Address => "PaperAddress",
        Role::Sign => "PaperSign",
        Role::Note => "PaperNote",
        _ => "PaperText",
    };
    let text = row.cells.first().map(Value::shown).unwrap_or_default();
    // The style indents the first line, so the spaces of the text go.
    write_paragraph(out, style, "", text.trim_start_matches('　'));
}

/// Writes a paragraph; `properties` are XML elements beside those of the style.
fn write_paragraph(out: &mut String, style: &str, properties: &str, text: &str) {
    let _ = write!(out, "<w:p><w:pPr><w:pStyle w:val=\"{style}\"/>{properties}</w:pPr>");
    for (number, line) in text.split('\n').enumerate() {
        let break_before = if number > 0 { "<w:br/>" } else { "" };
        let _ = write!(out, "<w:r>{break_before}<w:t xml:space=\"preserve\">{}</w:t></w:r>", escaped(line));
    }
    out.push_str("</w:p>");
}

/// Writes a table on the column grid of the sheet: a merged cell is as wide as its columns together. The header row is repeated on every
/// page.
fn write_table(out: &mut String, sheet: &Sheet<'_>, rows: &[&Row]) {
    let Some(first) = rows.first() else { return };
    let cells = cell_spans(first, sheet.columns.len());
    let total: f64 = sheet.columns.iter().map(|column| column.width).sum::<f64>().max(1.0);
    let edge = |column: usize| {
        let before: f64 = sheet.columns[..column].iter().map(|column| column.width).sum();
        (before / total * TEXT_WIDTH as f64).round() as usize
    };
    let widths: Vec<usize> = cells.iter().map(|(first, last)| edge(last + 1) - edge(*first)).collect();
    out.push_str("<w:tbl><w:tblPr><w:tblW w:w=\"");
    let _ = write!(out, "{TEXT_WIDTH}\" w:type=\"dxa\"/><w:jc w:val=\"center\"/><w:tblBorders>");
    for side in ["top", "left", "bottom", "right", "insideH", "insideV"] {
        let _ = write!(out, "<w:{side} w:val=\"single\" w:sz=\"4\" w:space=\"0\" w:color=\"auto\"/>");
    }
    out.push_str(
        "</w:tblBorders><w:tblLayout w:type=\"fixed\"/><w:tblCellMar><w:left w:w=\"20\" w:type=\"dxa\"/>\
         <w:right w:w=\"20\" w:type=\"dxa\"/></w:tblCellMar></w:tblPr><w:tblGrid>",
    );
    for width in &widths {
        let _ = write!(out, "<w:gridCol w:w=\"{width}\"/>");
    }
    out.push_str("</w:tblGrid>");
    for row in rows {
        let is_header = row.role == Role::Head;
        let repeated = if is_header { "<w:tblHeader/>" } else { "" };
        let _ = write!(out, "<w:tr><w:trPr><w:cantSplit/>{repeated}</w:trPr>");
        for ((column, _), width) in cells.iter().zip(&widths) {
            let value = row.cells.get(*column).unwrap_or(&Value::Blank);
            let _ = write!(out, "<w:tc><w:tcPr><w:tcW w:w=\"{width}\" w:type=\"dxa\"/><w:vAlign w:val=\"center\"/></w:tcPr>");
            let style = match (is_header || row.role == Role::Total, cells.len() >= SMALL_TABLE_COLUMNS) {
                (true, false) => "PaperHead",
                (true, true) => "PaperSmallHead",
                (false, false) => "PaperCell",
                (false, true) => "PaperSmallCell",
            };
            write_paragraph(out, style, &format!("<w:jc w:val=\"{}\"/>", alignment(is_header, value)), &value.shown());
            out.push_str("</w:tc>");
        }
        out.push_str("</w:tr>");
    }
    out.push_str("</w:tbl>");
}

/// Headers are centred, numbers aligned right, texts left.
fn alignment(is_header: bool, value: &Value) -> &'static str {
    match value {
        _ if is_header => "center",
        Value::Percent(None) | Value::Change(None) | Value::Points(None) | Value::Light(_) | Value::Date(_) => "center",
        Value::Text(text) if text == "-" => "center",
        Value::Text(_) | Value::Link { .. } | Value::Blank => "left",
        _ => "right",
    }
}

/// First and last column of every cell of a row; a merged area is one cell.
fn cell_spans(row: &Row, columns: usize) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    let mut column = 0;
    while column < columns.min(row.cells.len()) {
        let last = row.merges.iter().find(|(first, _)| *first == column).map_or(column, |(_, last)| (*last).min(columns - 1));
        out.push((column, last));
        column = last + 1;
    }
    out
}

/// The text as XML content: the five reserved characters escaped, characters that XML forbids left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}
