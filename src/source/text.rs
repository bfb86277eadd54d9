//! Text files: csv and tsv in UTF-8 (with or without BOM), UTF-16 or GB18030, whatever their name. A web page is passed on to `html`.

use crate::domain::disk_fault::in_words;
use crate::domain::intake::raw::{Raw, RawRow};
use crate::domain::intake::text::{is_unseen, unwrapped};
use crate::source::frame::{FrameWriter, Sheet};
use crate::source::html;
use crate::source::refusal::{ReadError, ReadLimits, Refusal};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};

/// # Errors
/// The file is refused, or the parent is gone.
pub(crate) fn read(mut file: File, limits: ReadLimits, out: &mut FrameWriter<impl Write>) -> Result<(), ReadError> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| Refusal::new(format!("文件无法读取：{}", in_words(&error)), "请检查磁盘或网络位置"))?;
    if is_web_archive(&bytes) {
        return Err(Refusal::new("这是单个文件网页（MHTML）格式", "请用Excel或WPS打开后另存为xlsx再导入").into());
    }
    // the end mark of old programs, and padding
    let end = bytes.iter().rposition(|byte| !matches!(byte, 0 | 0x1a)).map_or(0, |last| last + 1);
    // the second byte of a character of UTF-16
    bytes.truncate((end + usize::from(end % 2 == 1 && bytes.get(end) == Some(&0) && is_wide(&bytes[..end]))).min(bytes.len()));
    let mut text = decode(bytes)?;
    if html::is_page(&text) {
        return html::read(&text, limits, out);
    }
    // rows are counted by line feeds: old programs write carriage returns, and the last line may have none
    if !text.contains('\n') && text.contains('\r') {
        text = text.replace('\r', "\n");
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    refuse_garbled(&text)?;
    let (rest, delimiter) = delimiter(&text);
    let skipped_lines = u32::from(rest.len() < text.len());
    let (text, delimiter) = match delimiter {
        Delimiter::Ascii(byte) => (Cow::Borrowed(rest), byte),
        Delimiter::FullWidthComma => (Cow::Owned(with_placeholders(rest)), COMMA_PLACEHOLDER),
    };
    refuse_open_quotes(&text, delimiter, skipped_lines)?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    out.sheet(Sheet { visible: true, ..Sheet::default() })?;
    let mut record = csv::StringRecord::new();
    // line breaks inside quotes, which begin no row
    let mut breaks = 0u64;
    let mut last = 0;
    while reader.read_record(&mut record).map_err(|error| Refusal::new(format!("文件格式有误：{error}"), "请重新导出后再导入"))?
    {
        let inside = record.iter().map(|text| text.bytes().filter(|byte| *byte == b'\n').count() as u64).sum::<u64>();
        breaks += inside;
        let lines = reader.position().line().saturating_sub(1 + breaks);
        let number = u32::try_from(lines).unwrap_or(u32::MAX).saturating_add(skipped_lines).max(last + 1);
        last = number;
        // lines may end in thousands of empty cells
        let filled = (0..record.len()).rev().find(|at| record.get(*at).is_some_and(|text| !is_unseen(text))).map_or(0, |last| last + 1);
        if number > limits.rows_max || filled > limits.columns_max as usize {
            return Err(Refusal::new(format!("超出{}行、{}列的限度", limits.rows_max, limits.columns_max), "请拆分后分别导入").into());
        }
        let cells: Vec<(u16, Raw<'_>)> = record
            .iter()
            .take(filled)
            .enumerate()
            .filter(|(_, text)| !text.is_empty())
            .map(|(column, text)| (column as u16, Raw::Text(unwrapped(text).into())))
            .collect();
        if !cells.is_empty() {
            out.row(&mut RawRow { number, hidden: false, cells })?;
        }
    }
    Ok(())
}

/// An unclosed quote joins all rows behind it into one cell, or those up to the next stray quote.
///
/// # Errors
/// A quote is not closed, or a quoted cell of several lines has as many separators as the widest row.
fn refuse_open_quotes(text: &str, delimiter: u8, skipped_lines: u32) -> Result<(), Refusal> {
    let hint = "请删除该行多余的引号（内容中的引号要写两个），或用Excel、WPS另存为xlsx";
    let bytes = text.as_bytes();
    // separators of the widest row so far
    let mut widest = SEPARATORS_MIN;
    let (mut line, mut at, mut field_starts, mut separators) = (1 + skipped_lines, 0, true, 0);
    while at < bytes.len() {
        let byte = bytes[at];
        at += 1;
        match byte {
            b'\n' => {
                line += 1;
                widest = widest.max(separators);
                (field_starts, separators) = (true, 0);
            }
            _ if byte == delimiter => {
                separators += 1;
                field_starts = true;
            }
            b'"' if field_starts => {
                let (opened, mut inside) = (line, 0);
                loop {
                    match bytes.get(at) {
                        None => return Err(Refusal::new(format!("第{opened}行的引号没有成对，其后各行被并进了一格"), hint)),
                        Some(b'"') if bytes.get(at + 1) == Some(&b'"') => at += 1,
                        Some(b'"') => break,
                        Some(b'\n') => line += 1,
                        Some(byte) if *byte == delimiter => inside += 1,
                        Some(_) => {}
                    }
                    at += 1;
                }
                at += 1;
                if line > opened && inside >= widest {
                    return Err(Refusal::new(format!("第{opened}行的引号没有成对，到第{line}行的内容被并进了一格"), hint));
                }
                field_starts = false;
            }
            _ => field_starts = false,
        }
    }
    Ok(())
}

/// A quoted text of several lines with fewer separators is taken for a text.
const SEPARATORS_MIN: usize = 4;

/// The first bytes of a file, in which its kind and its encoding are given.
const HEAD_BYTES: usize = 4096;

/// Whether a file is a web page with its pictures in one file (MHTML), in the format of a mail.
fn is_web_archive(bytes: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(HEAD_BYTES)]).to_ascii_lowercase();
    head.lines().take(20).any(|line| line.starts_with("mime-version:")) && head.contains("multipart/related")
}

/// The text of the bytes.
///
/// # Errors
/// The file is no text, or its encoding is unknown.
fn decode(bytes: Vec<u8>) -> Result<String, Refusal> {
    let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    if !utf16 && bytes.iter().take(HEAD_BYTES).any(|byte| *byte == 0) {
        if let Some(text) = unmarked_utf16(&bytes) {
            return Ok(text);
        }
        return Err(Refusal::new("这不是表格文件", "能读取的是xlsx、xls、ods、csv和网页表格"));
    }
    if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(&bytes) {
        let (text, bad) = encoding.decode_without_bom_handling(&bytes[mark..]);
        return if bad { Err(undecodable(&bytes, encoding.name())) } else { Ok(text.into_owned()) };
    }
    let declared = declared_encoding(&bytes);
    let bytes = match String::from_utf8(bytes) {
        // some systems declare another encoding than they write: valid UTF-8 with Chinese characters is UTF-8
        Ok(text) if declared.is_none() || text.is_ascii() || text.chars().any(|c| c >= '\u{2e80}') => return Ok(text),
        Ok(text) => text.into_bytes(),
        Err(error) => error.into_bytes(),
    };
    let encoding = declared.unwrap_or(encoding_rs::GB18030);
    match encoding.decode_without_bom_handling_and_without_replacement(&bytes) {
        Some(text) if !text.contains('\0') => Ok(text.into_owned()),
        _ => Err(undecodable(&bytes, &encoding.name().to_ascii_uppercase())),
    }
}

/// Whether bytes are of UTF-16: half of the ASCII characters that divide cells are zero bytes.
fn is_wide(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) || head.iter().filter(|byte| **byte == 0).count() * 20 > head.len()
}

/// The text of UTF-16 without a byte order mark, in the order in which it has lines and only characters that tables have; `None` = it is no text.
fn unmarked_utf16(bytes: &[u8]) -> Option<String> {
    let read = |encoding: &'static encoding_rs::Encoding| {
        let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?.into_owned();
        let is_usual = |c: char| matches!(c, ' '..='~' | '\t' | '\r' | '\n' | '\u{2000}'..='\u{206f}' | '\u{3000}'..='\u{303f}' | '\u{4e00}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}');
        let sample: Vec<char> = text.chars().take(HEAD_BYTES).collect();
        let usual = sample.iter().filter(|c| is_usual(**c)).count();
        (!text.contains('\0') && text.contains(['\n', '\r', ',', '\t']) && usual * 10 >= sample.len() * 9).then_some(text)
    };
    read(encoding_rs::UTF_16LE).or_else(|| read(encoding_rs::UTF_16BE))
}

/// The encoding that a web page declares, other than UTF-8. GB18030 includes GBK and GB2312.
fn declared_encoding(bytes: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(HEAD_BYTES)]).to_ascii_lowercase();
    if !head.trim_start().starts_with('<') {
        return None;
    }
    let rest = &head[head.find("charset")? + "charset".len()..];
    let name = rest.trim_start_matches(|c: char| c.is_whitespace() || "='\"".contains(c));
    let name = name.split(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c))).next()?;
    let encoding = encoding_rs::Encoding::for_label(name.as_bytes())?;
    match encoding {
        encoding if encoding == encoding_rs::GBK => Some(encoding_rs::GB18030),
        encoding if encoding == encoding_rs::UTF_8 => None,
        encoding => Some(encoding),
    }
}

/// The refusal that names the first line that is neither UTF-8 nor GB18030.
fn undecodable(bytes: &[u8], encoding: &str) -> Refusal {
    let line = bytes
        .split(|byte| *byte == b'\n')
        .position(|line| {
            std::str::from_utf8(line).is_err() && encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(line).is_none()
        })
        .map_or(1, |line| line + 1);
    Refusal::new(format!("第{line}行有无法识别的文字（按{encoding}读取）"), "请用Excel或WPS另存为xlsx，或另存为UTF-8编码的csv")
}

/// The character between cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delimiter {
    Ascii(u8),
    FullWidthComma,
}

/// Replaces the full-width comma, since the csv reader needs an ASCII delimiter.
const COMMA_PLACEHOLDER: u8 = 0x1f;

/// The first lines, which are checked for the delimiter and for garbled text.
const SAMPLE_LINES: usize = 30;

/// The delimiter of the first lines, and the text without a `sep=` line.
fn delimiter(text: &str) -> (&str, Delimiter) {
    let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
    let line = line.trim_matches(['"', '\r', ' ']);
    if line.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("sep="))
        && let Some(declared) = line[4..].chars().next()
    {
        match u8::try_from(declared) {
            Ok(byte) if byte.is_ascii() => return (rest, Delimiter::Ascii(byte)),
            _ if declared == '，' => return (rest, Delimiter::FullWidthComma),
            _ => {}
        }
    }
    let sample: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(SAMPLE_LINES).collect();
    // the lines with the character, then its occurrences; of equal ones the comma wins
    let score = |character: char| {
        let counts: Vec<usize> = sample.iter().map(|line| outside_quotes(line).filter(|found| *found == character).count()).collect();
        (counts.iter().filter(|count| **count > 0).count(), counts.iter().sum::<usize>())
    };
    let mut best = (',', score(','));
    for candidate in ['\t', ';', '|'] {
        let found = score(candidate);
        if found > best.1 {
            best = (candidate, found);
        }
    }
    // a full-width comma also occurs in sentences: it is the delimiter only where no other character can be
    let full_width = score('，').0;
    if full_width * 2 > sample.len() && best.1.0 * 2 <= full_width {
        return (text, Delimiter::FullWidthComma);
    }
    (text, Delimiter::Ascii(best.0 as u8))
}

/// The characters of a line outside quotes.
fn outside_quotes(text: &str) -> impl Iterator<Item = char> {
    let mut quoted = false;
    text.chars().filter(move |c| {
        if *c == '"' {
            quoted = !quoted;
        }
        !quoted
    })
}

/// The text with [`COMMA_PLACEHOLDER`] for each full-width comma outside quotes.
fn with_placeholders(text: &str) -> String {
    let mut quoted = false;
    text.chars()
        .map(|c| {
            if c == '"' {
                quoted = !quoted;
            }
            if c == '，' && !quoted { char::from(COMMA_PLACEHOLDER) } else { c }
        })
        .collect()
}

/// # Errors
/// A program decoded the text wrongly and saved it; its header would name no column.
fn refuse_garbled(text: &str) -> Result<(), Refusal> {
    for (index, line) in text.lines().take(SAMPLE_LINES).enumerate() {
        if is_garbled(line) {
            let reason = format!("第{}行的文字是乱码（文件在另存时用错了编码）", index + 1);
            return Err(Refusal::new(reason, "请回到原文件，用Excel或WPS另存为xlsx后再导入"));
        }
    }
    Ok(())
}

/// Whether a line of Chinese was decoded with the wrong encoding.
fn is_garbled(line: &str) -> bool {
    let non_ascii: String = line.chars().filter(|c| !c.is_ascii()).collect();
    // a row of one repeated character such as × is no evidence
    let distinct: BTreeSet<char> = non_ascii.chars().collect();
    if non_ascii.chars().count() < 6 || distinct.len() < 4 && !distinct.contains(&'\u{fffd}') {
        return false;
    }
    if non_ascii.contains("锟斤拷") || non_ascii.chars().filter(|c| *c == '\u{fffd}').count() >= 3 {
        return true;
    }
    let is_chinese = |text: &str| {
        let chinese = text.chars().filter(|c| ('\u{4e00}'..='\u{9fff}').contains(c)).count();
        chinese >= 2 && chinese * 2 > text.chars().count()
    };
    // Chinese bytes decoded as Latin-1
    let bytes: Option<Vec<u8>> = non_ascii.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    if let Some(bytes) = bytes {
        let known = std::str::from_utf8(&bytes).is_ok_and(is_chinese);
        return known
            || encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(&bytes).is_some_and(|text| is_chinese(&text));
    }
    // UTF-8 decoded as GB18030: encoded as GB18030 it is UTF-8, except where a character was cut in two
    let (bytes, _, lost) = encoding_rs::GB18030.encode(&non_ascii);
    if lost {
        return false;
    }
    let good: usize =
        bytes.utf8_chunks().map(|chunk| chunk.valid().chars().filter(|c| ('\u{4e00}'..='\u{9fff}').contains(c)).count()).sum();
    good >= 4 && good * 3 * 5 > bytes.len() * 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_the_character_of_most_lines() {
        for (text, expected) in [
            ("项目编号,项目名称\nGZ1,甲\n", Delimiter::Ascii(b',')),
            ("项目编号;项目名称;投资\nGZ1;甲;1,200\n", Delimiter::Ascii(b';')),
            ("项目编号，项目名称\nGZ1，甲\n", Delimiter::FullWidthComma),
            ("全省台账，截至九月，单位：亿元\n项目编号,项目名称\nGZ1,\"甲，乙，丙，丁\"\n", Delimiter::Ascii(b',')),
            ("编号,说明\n1,甲，乙，丙\n2,甲，乙，丙\n", Delimiter::Ascii(b',')),
        ] {
            assert_eq!(delimiter(text), (text, expected), "{text}");
        }
        assert_eq!(delimiter("sep=;\r\na;b\n"), ("a;b\n", Delimiter::Ascii(b';')));
        assert_eq!(delimiter("\"SEP=，\"\na，b\n"), ("a，b\n", Delimiter::FullWidthComma));
    }

    #[test]
    fn garbled_text_is_distinguished_from_chinese() {
        let header = "项目编号,项目名称,合同投资额（亿元）,签约时间";
        let through = |encoding: &'static encoding_rs::Encoding, bytes: &[u8]| encoding.decode_without_bom_handling(bytes).0.into_owned();
        let gb = encoding_rs::GB18030.encode(header).0.into_owned();
        let western = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect::<String>();
        assert!(!is_garbled(header));
        assert!(!is_garbled("GZ1,×,×,×,×,×,×,×"));
        assert!(!is_garbled("㐂镕𠮷项目，备注：①甲；②乙——联通公司"));
        assert!(is_garbled(&through(encoding_rs::GB18030, header.as_bytes())));
        assert!(is_garbled(&western(&gb)));
        assert!(is_garbled(&western(header.as_bytes())));
        assert!(is_garbled(&through(encoding_rs::UTF_8, &gb)));
    }
}
