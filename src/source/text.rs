//! Text files: csv and tsv in UTF-8 (with or without BOM), UTF-16 or GB18030, whatever they are named. A page of the web goes on to
//! `html`.

use super::frame::{Frame, FrameWriter};
use super::{ReadError, ReadLimits, Refusal, html};
use crate::domain::intake::{Raw, RawRow};
use std::fs::File;
use std::io::{Read, Write};

pub fn read(mut file: File, limits: ReadLimits, out: &mut FrameWriter<impl Write>) -> Result<(), ReadError> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| Refusal::new(format!("文件无法读取：{error}"), "请检查磁盘或网络位置"))?;
    if is_web_archive(&bytes) {
        return Err(Refusal::new("这是单个文件网页（MHTML）格式", "请用Excel或WPS打开后另存为xlsx再导入").into());
    }
    let text = decode(bytes)?;
    if text.trim_start().starts_with('<') {
        return html::read(&text, limits, out);
    }
    let (text, delimiter) = delimiter(&text);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    out.write(&Frame::Sheet { name: "", visible: true, merges: Vec::new(), hidden_columns: Vec::new() }).map_err(ReadError::Io)?;
    let mut record = csv::StringRecord::new();
    let first = text.lines().next().is_some_and(|line| line.starts_with("sep=")).into();
    let mut number: u32 = first;
    while reader.read_record(&mut record).map_err(|error| Refusal::new(format!("文件格式有误：{error}"), "请重新导出后再导入"))?
    {
        number += 1;
        if number > limits.rows_max || record.len() > limits.columns_max as usize {
            return Err(Refusal::new(format!("超出{}行、{}列的限度", limits.rows_max, limits.columns_max), "请拆分后分别导入").into());
        }
        let cells: Vec<(u16, Raw<'_>)> = record
            .iter()
            .enumerate()
            .filter(|(_, text)| !text.is_empty())
            .map(|(column, text)| (column as u16, Raw::Text(text.into())))
            .collect();
        if !cells.is_empty() {
            out.write(&Frame::Row(RawRow { number, hidden: false, cells })).map_err(ReadError::Io)?;
        }
    }
    Ok(())
}

/// How far into a text its kind and its encoding are named.
const HEAD_BYTES: usize = 4096;

/// A page with its pictures in one file, as a mail is.
fn is_web_archive(bytes: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(HEAD_BYTES)]).to_ascii_lowercase();
    head.lines().take(20).any(|line| line.starts_with("mime-version:")) && head.contains("multipart/related")
}

fn decode(bytes: Vec<u8>) -> Result<String, Refusal> {
    let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    if !utf16 && bytes.iter().take(HEAD_BYTES).any(|byte| *byte == 0) {
        return Err(Refusal::new("这不是表格文件", "能读取的是xlsx、xls、ods、csv和网页表格"));
    }
    if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(&bytes) {
        let (text, bad) = encoding.decode_without_bom_handling(&bytes[mark..]);
        return if bad { Err(undecodable(&bytes, encoding.name())) } else { Ok(text.into_owned()) };
    }
    let declared = declared(&bytes);
    let bytes = match String::from_utf8(bytes) {
        // systems declare one encoding and write another: what reads as Chinese in UTF-8 is UTF-8
        Ok(text) if declared.is_none() || text.is_ascii() || text.chars().any(|c| c >= '\u{2e80}') => return Ok(text),
        Ok(text) => text.into_bytes(),
        Err(error) => error.into_bytes(),
    };
    let encoding = declared.unwrap_or(encoding_rs::GB18030);
    match encoding.decode_without_bom_handling_and_without_replacement(&bytes) {
        Some(text) if !text.contains('\0') => Ok(text.into_owned()),
        _ => Err(undecodable(&bytes, encoding.name())),
    }
}

/// The encoding a page names in its head, other than UTF-8. GB18030 holds all of GBK and GB2312.
fn declared(bytes: &[u8]) -> Option<&'static encoding_rs::Encoding> {
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

/// Names the first line that is neither UTF-8 nor GB18030.
fn undecodable(bytes: &[u8], encoding: &str) -> Refusal {
    let line = bytes
        .split(|byte| *byte == b'\n')
        .position(|line| {
            std::str::from_utf8(line).is_err() && encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(line).is_none()
        })
        .map_or(1, |line| line + 1);
    Refusal::new(format!("第{line}行有无法识别的文字（按{encoding}读取）"), "请用Excel或WPS另存为xlsx，或另存为UTF-8编码的csv")
}

/// The delimiter of the first lines, and the text after a `sep=` line.
fn delimiter(text: &str) -> (&str, u8) {
    if let Some(rest) = text.strip_prefix("sep=") {
        let (line, rest) = rest.split_once('\n').unwrap_or((rest, ""));
        if let Some(byte) = line.trim().bytes().next() {
            return (rest, byte);
        }
    }
    let sample: Vec<&str> = text.lines().take(30).collect();
    let most = [b',', b'\t', b';', b'|'].into_iter().max_by_key(|byte| {
        // ties go to the comma, which comes first
        let count = sample.iter().map(|line| line.bytes().filter(|found| found == byte).count()).sum::<usize>();
        (count, *byte == b',')
    });
    (text, most.unwrap_or(b','))
}
