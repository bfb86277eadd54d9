//! Builds the bytes of one message: headers, two bodies, attachments. The same input gives the same bytes, so that every attempt of a
//! delivery sends the same: Message-ID, date and MIME boundaries are given or derived, never random.

use chrono::{DateTime, FixedOffset};
use lettre::Address;
use lettre::address::AddressError;
use lettre::message::header::{ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, MessageBuilder, MultiPart, SinglePart};
use mail_parser::{MessageParser, MimeHeaders, PartType};
use std::time::SystemTime;

/// The name that is shown, and the address that the mail is sent to.
#[derive(Clone, Copy, Debug)]
pub struct Correspondent<'a> {
    pub name: &'a str,
    pub address: &'a str,
}

/// A file attached to a mail.
#[derive(Clone, Copy, Debug)]
pub struct Attachment<'a> {
    pub name: &'a str,
    pub bytes: &'a [u8],
}

/// The parts of one message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub from: Correspondent<'a>,
    pub to: Correspondent<'a>,
    /// In test mode: the unit it would have been sent to.
    pub meant_for: Option<Correspondent<'a>>,
    pub reply_to: Correspondent<'a>,
    pub subject: &'a str,
    pub date: DateTime<FixedOffset>,
    /// The id of the outbox row, the same for every attempt. Letters, digits, `.`, `-`, `_` only.
    pub id: &'a str,
    /// The domain of the Message-ID.
    pub domain: &'a str,
    pub html: &'a str,
    pub text: &'a str,
    pub attachments: &'a [Attachment<'a>],
}

/// The most characters of the id in a boundary, which has 70 at most (RFC 2046).
const BOUNDARY_CHARS_MAX: usize = 60;

/// Why a message cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    #[error("\"{address}\" is no mail address: {source}")]
    Address { address: String, source: AddressError },
    #[error("message id \"{0}\" may hold only letters, digits, '.', '-' and '_'")]
    Id(String),
    #[error(transparent)]
    Build(#[from] lettre::error::Error),
}

/// Builds the bytes of a message.
///
/// # Errors
/// An address or id that a header cannot hold.
pub fn build(message: &Message<'_>) -> Result<Vec<u8>, MessageError> {
    let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
    if !plain(message.id) || !plain(message.domain) {
        return Err(MessageError::Id(format!("{}@{}", message.id, message.domain)));
    }
    let subject = match &message.meant_for {
        Some(unit) => format!("【测试，应发{}】{}", unit.name, message.subject),
        None => message.subject.to_owned(),
    };
    let mut builder = MessageBuilder::new()
        .from(mailbox(message.from)?)
        .to(mailbox(message.to)?)
        .reply_to(mailbox(message.reply_to)?)
        .subject(one_line(&subject))
        .date(SystemTime::from(message.date))
        .message_id(Some(format!("<{}@{}>", message.id, message.domain)))
        .header(AutoSubmitted);
    if let Some(unit) = message.meant_for {
        builder = builder.header(MeantFor(mailbox(unit)?.email.to_string()));
    }
    // "=_" is in no base64 and no quoted-printable line, so no body can contain a boundary
    let boundary = |part: &str| format!("=_{}_{part}", message.id.get(..BOUNDARY_CHARS_MAX).unwrap_or(message.id));
    let bodies = MultiPart::alternative()
        .boundary(boundary("a"))
        .singlepart(body(ContentType::TEXT_PLAIN, message.text))
        .singlepart(body(ContentType::TEXT_HTML, message.html));
    let built = match message.attachments {
        [] => builder.multipart(bodies)?,
        files => {
            let mixed = MultiPart::mixed().boundary(boundary("m")).multipart(bodies);
            builder.multipart(files.iter().fold(mixed, |mixed, file| mixed.singlepart(attached(file))))?
        }
    };
    Ok(built.formatted())
}

/// The same message to a corrected address under a new id: only the `To` and `Message-ID` lines change.
///
/// # Errors
/// An address or id that a header cannot hold, or bytes that [`build`] did not make.
pub fn readdress(bytes: &[u8], to: Correspondent<'_>, id: &str, domain: &str) -> Result<Vec<u8>, MessageError> {
    let mail = MessageBuilder::new()
        .from(mailbox(to)?)
        .to(mailbox(to)?)
        .message_id(Some(format!("<{id}@{domain}>")))
        .body(String::new())?
        .formatted();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(|| MessageError::Id(id.to_owned()))?;
    let (head, body) = bytes.split_at(end + 2);
    let own = headers(&mail);
    let line_of = |name: &str| own.iter().find(|line| starts_with(line, name)).copied().ok_or_else(|| MessageError::Id(id.to_owned()));
    let mut out = Vec::with_capacity(bytes.len() + 64);
    let mut replaced = 0;
    for line in headers(head) {
        match ["To: ", "Message-ID: "].into_iter().find(|name| starts_with(line, name)) {
            Some(name) => {
                out.extend_from_slice(line_of(name)?);
                replaced += 1;
            }
            None => out.extend_from_slice(line),
        }
    }
    if replaced != 2 {
        return Err(MessageError::Id(id.to_owned()));
    }
    out.extend_from_slice(body);
    Ok(out)
}

/// The same message of another day: its `Date` line, and other words in its bodies. Attachments stay as they are.
///
/// # Errors
/// Bytes that [`build`] did not make.
pub fn redate(bytes: &[u8], date: DateTime<FixedOffset>, words: &[(String, String)]) -> Result<Vec<u8>, MessageError> {
    let foreign = || MessageError::Id(String::new());
    let message = MessageParser::default().parse(bytes).filter(|message| message.message_id().is_some()).ok_or_else(foreign)?;
    // what is replaced: the range of bytes, and what takes its place
    let mut changes: Vec<(std::ops::Range<usize>, Vec<u8>)> = Vec::new();
    for part in &message.parts {
        let (PartType::Text(text) | PartType::Html(text)) = &part.body else { continue };
        let worded = words.iter().fold(text.to_string(), |text, (from, to)| text.replace(from, to));
        let (begin, end) = (part.offset_body as usize, part.offset_end as usize);
        let raw = bytes.get(begin..end).ok_or_else(foreign)?;
        let length = raw.trim_ascii_end().len();
        changes.push((begin..begin + length, encoded(worded.as_bytes()).into_vec().trim_ascii_end().to_vec()));
    }
    let head_end = bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(foreign)? + 2;
    let mut at = 0;
    for line in headers(&bytes[..head_end]) {
        if starts_with(line, "Date: ") {
            changes.push((at..at + line.len(), format!("Date: {}\r\n", date.to_rfc2822()).into_bytes()));
        }
        at += line.len();
    }
    changes.sort_by_key(|(range, _)| range.start);
    let mut out = Vec::with_capacity(bytes.len() + 64);
    let mut done = 0;
    for (range, new) in changes {
        out.extend_from_slice(bytes.get(done..range.start).ok_or_else(foreign)?);
        out.extend_from_slice(&new);
        done = range.end;
    }
    out.extend_from_slice(&bytes[done..]);
    Ok(out)
}

/// What a person sees of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The plain-text body, lines ending in `\n`.
    pub text: String,
    /// Names and sizes of the attachments, in bytes.
    pub attachments: Vec<(String, usize)>,
}

/// Parses a message made by [`build`]; `None` = other bytes.
pub fn contents(bytes: &[u8]) -> Option<Contents> {
    // the parser takes any bytes for a message; ours have an id
    let message = MessageParser::default().parse(bytes).filter(|message| message.message_id().is_some())?;
    let text = message.body_text(0)?.replace("\r\n", "\n");
    let attachments =
        message.attachments().map(|part| (part.attachment_name().unwrap_or_default().to_owned(), part.contents().len())).collect();
    Some(Contents { text, attachments })
}

/// The name and the bytes of an attachment of a message made by [`build`], by its place; `None` = there is none.
pub fn attachment(bytes: &[u8], place: usize) -> Option<(String, Vec<u8>)> {
    let message = MessageParser::default().parse(bytes).filter(|message| message.message_id().is_some())?;
    let part = message.attachments().nth(place)?;
    Some((part.attachment_name().unwrap_or_default().to_owned(), part.contents().to_vec()))
}

fn starts_with(line: &[u8], name: &str) -> bool {
    line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name.as_bytes())
}

/// Header lines, each with its folded continuation lines.
fn headers(head: &[u8]) -> Vec<&[u8]> {
    let mut out: Vec<&[u8]> = Vec::new();
    let mut start = 0;
    for (at, _) in head.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        if !matches!(head.get(at + 1), Some(b' ' | b'\t')) {
            out.push(&head[start..=at]);
            start = at + 1;
        }
    }
    out
}

fn mailbox(correspondent: Correspondent<'_>) -> Result<Mailbox, MessageError> {
    let address: Address =
        correspondent.address.parse().map_err(|source| MessageError::Address { address: correspondent.address.to_owned(), source })?;
    let name = one_line(correspondent.name);
    Ok(Mailbox::new(Some(name).filter(|name| !name.is_empty()), address))
}

/// Replaces control characters by spaces: lettre panics on a line end in a name and encodes it visibly in a subject.
fn one_line(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(CHARS_MAX).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn body(kind: ContentType, text: &str) -> SinglePart {
    // base64 keeps line ends as they are, and text in a mail has CRLF
    let text = text.replace("\r\n", "\n").replace('\n', "\r\n");
    SinglePart::builder().header(kind).body(encoded(text.as_bytes()))
}

/// An .xlsx with a Chinese name. Old Outlook, QQ and Coremail show `tcmime.1.bin` for RFC 2231 alone; they read the encoded words in
/// `name` and `filename`.
fn attached(file: &Attachment<'_>) -> SinglePart {
    let name = file_name(file.name);
    let words = encoded_words(&name);
    SinglePart::builder()
        .header(NamedType(format!("{XLSX};\r\n name=\"{words}\"")))
        .header(NamedDisposition(format!("attachment;\r\n filename=\"{words}\";\r\n filename*=UTF-8''{}", percent(&name))))
        .body(encoded(file.bytes))
}

const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// A file name that every system accepts, with its extension.
fn file_name(name: &str) -> String {
    const CHARS_MAX: usize = 60;
    let name = one_line(name).replace(['/', '\\', '"', ':', '*', '?', '<', '>', '|'], "_");
    let (stem, ending) = name.rsplit_once('.').unwrap_or((&name, ""));
    format!("{}.{ending}", stem.chars().take(CHARS_MAX).collect::<String>())
}

/// RFC 2047 encoded words; none splits a character, each has at most 75 ASCII characters.
fn encoded_words(text: &str) -> String {
    const BYTES_MAX: usize = 45;
    let mut words: Vec<String> = vec![String::new()];
    for c in text.chars() {
        if words.last().is_some_and(|word| word.len() + c.len_utf8() > BYTES_MAX) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    let encode = |word: &String| format!("=?utf-8?B?{}?=", String::from_utf8_lossy(&encoded(word.as_bytes()).into_vec()).trim_end());
    words.iter().map(encode).collect::<Vec<_>>().join("\r\n ")
}

fn percent(text: &str) -> String {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    text.bytes().map(|byte| if safe(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Bytes as base64, whatever the content: some relays cannot take the 8-bit lines that another encoding would make.
fn encoded(bytes: &[u8]) -> Body {
    // base64 takes any bytes, so the fallback is never used
    Body::new_with_encoding(bytes.to_vec(), ContentTransferEncoding::Base64).unwrap_or_else(Body::new)
}

/// `Auto-Submitted: auto-generated` (RFC 3834), so that no out-of-office reply is sent.
#[derive(Clone)]
struct AutoSubmitted;

/// `X-Duban-Meant-For`: the address a mail of test mode would have gone to.
#[derive(Clone)]
struct MeantFor(String);

/// Content-Type with an encoded name.
#[derive(Clone)]
struct NamedType(String);

/// Content-Disposition with an encoded name.
#[derive(Clone)]
struct NamedDisposition(String);

/// The error type of `Header::parse`, which these headers never return: they are only written.
type NotRead = Box<dyn std::error::Error + Send + Sync>;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<AutoSubmitted, NotRead> {
        Ok(AutoSubmitted)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(AutoSubmitted::name(), "auto-generated".to_owned())
    }
}

impl Header for MeantFor {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("X-Duban-Meant-For")
    }

    fn parse(text: &str) -> Result<MeantFor, NotRead> {
        Ok(MeantFor(text.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(MeantFor::name(), self.0.clone())
    }
}

impl Header for NamedType {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Content-Type")
    }

    fn parse(text: &str) -> Result<NamedType, NotRead> {
        Ok(NamedType(text.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::dangerous_new_pre_encoded(NamedType::name(), self.0.clone(), self.0.clone())
    }
}

impl Header for NamedDisposition {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Content-Disposition")
    }

    fn parse(text: &str) -> Result<NamedDisposition, NotRead> {
        Ok(NamedDisposition(text.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::dangerous_new_pre_encoded(NamedDisposition::name(), self.0.clone(), self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message<'static> {
        Message {
            from: Correspondent { name: "省投资促进局督办", address: "duban@gz.example" },
            to: Correspondent { name: "瓮安县投资促进局\r\nBcc: x@y.example", address: "522725@gz.example" },
            meant_for: None,
            reply_to: Correspondent { name: "省投资促进局", address: "520000@gz.example" },
            subject: "【督办提醒】瓮安县 截至2026年9月30日：红3 橙5 黄8，本周到期2（新增4、升级2）",
            date: DateTime::parse_from_rfc3339("2026-10-08T08:00:00+08:00").unwrap(),
            id: "quarterly-20261008-522725",
            domain: "gz.example",
            html: "<p>截至2026年9月30日</p>",
            text: "截至2026年9月30日\r\n一、请立即办理\n",
            attachments: &[Attachment {
                name: "督办清单_三都水族自治县人力资源和社会保障局_2026-09-30.xlsx",
                bytes: &[0, 159, 146, 150, 13, 10, 13],
            }],
        }
    }

    #[test]
    fn a_released_letter_bears_the_day_of_its_release() {
        let text = "请于〔签发之日起5个工作日内〕书面报告。\n〔签发日期〕\n".repeat(40);
        let sheets = [Attachment { name: "督办清单.xlsx", bytes: b"PK" }, Attachment { name: "研究材料.xlsx", bytes: b"PK2" }];
        let html = format!("<p>{text}</p>");
        let letter = build(&Message { text: &text, html: &html, attachments: &sheets, ..message() }).unwrap();
        let day = DateTime::parse_from_rfc3339("2026-10-15T09:00:00+08:00").unwrap();
        let words = [("〔签发之日起5个工作日内〕", "2026年10月22日前"), ("〔签发日期〕", "2026年10月15日")];
        let words = words.map(|(from, to)| (from.to_owned(), to.to_owned()));
        let dated = redate(&letter, day, &words).unwrap();
        let read = contents(&dated).unwrap();
        assert_eq!(read.text, "请于2026年10月22日前书面报告。\n2026年10月15日\n".repeat(40));
        for place in 0..3 {
            assert_eq!(attachment(&dated, place), attachment(&letter, place));
        }
        assert_eq!(attachment(&letter, 1), Some(("研究材料.xlsx".to_owned(), b"PK2".to_vec())));
        let parsed = MessageParser::default().parse(&dated).unwrap();
        assert!(parsed.body_html(0).unwrap().contains("2026年10月22日前") && !parsed.body_html(0).unwrap().contains('〔'));
        assert_eq!(parsed.date().unwrap().to_rfc3339(), "2026-10-15T09:00:00+08:00");
        assert_eq!(redate(&dated, day, &words).unwrap(), dated, "nothing is left to replace");
        assert!(redate(b"no message", day, &words).is_err());
    }

    #[test]
    fn the_same_message_has_the_same_bytes() {
        let bytes = build(&message()).unwrap();
        assert_eq!(bytes, build(&message()).unwrap());
        let text = String::from_utf8(bytes).unwrap();
        for line in [
            "Message-ID: <quarterly-20261008-522725@gz.example>\r\n",
            "Date: Thu, 08 Oct 2026 00:00:00 +0000\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "boundary=\"=_quarterly-20261008-522725_m\"",
            " filename*=UTF-8''%E7%9D%A3%E5%8A%9E",
            "name=\"=?utf-8?B?",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(text.lines().all(|line| line.is_ascii() && line.len() < 998));
        assert!(!text.contains("\r\nBcc"), "{text}");
        // DUBAN_LETTER=FILE cargo test … writes the message to a file, for other parsers
        if let Some(path) = std::env::var_os("DUBAN_LETTER") {
            std::fs::write(path, &text).unwrap();
        }
    }

    #[test]
    fn a_corrected_address_changes_two_lines() {
        let bytes = build(&message()).unwrap();
        let new = Correspondent { name: "瓮安县投资促进局", address: "right@gz.example" };
        let readdressed = readdress(&bytes, new, "quarterly-20261008-522725-a1", "gz.example").unwrap();
        let (old, new) = (String::from_utf8(bytes).unwrap(), String::from_utf8(readdressed.clone()).unwrap());
        assert_eq!(old.split_once("\r\n\r\n").unwrap().1, new.split_once("\r\n\r\n").unwrap().1);
        assert!(
            new.contains("<right@gz.example>\r\n") && new.contains("Message-ID: <quarterly-20261008-522725-a1@gz.example>\r\n"),
            "{new}"
        );
        assert!(!new.contains("522725@gz.example>\r\n"), "{new}");
        let head = |text: &str| text.split_once("\r\n\r\n").unwrap().0.matches(":").count();
        assert_eq!(head(&old), head(&new));
        // a readdressed message can be readdressed
        readdress(&readdressed, Correspondent { name: "", address: "a@gz.example" }, "x-a2", "gz.example").unwrap();
        assert!(readdress(b"no message", Correspondent { name: "", address: "a@gz.example" }, "x", "y").is_err());
    }

    #[test]
    fn test_mode_names_the_unit_the_message_is_meant_for() {
        let meant_for = Some(Correspondent { name: "瓮安县投资促进局", address: "522725@gz.example" });
        let text = String::from_utf8(build(&Message { meant_for, ..message() }).unwrap()).unwrap();
        assert!(text.contains("X-Duban-Meant-For: 522725@gz.example\r\n"), "{text}");
        assert!(!String::from_utf8(build(&message()).unwrap()).unwrap().contains("X-Duban"));
    }

    #[test]
    fn contents_of_a_built_message_are_its_input() {
        let long = "截至2026年9月30日，你单位有3项需办理。\n".repeat(200);
        for (size, text) in [(0usize, ""), (1, "a"), (2, "甲\n乙\n"), (3, long.as_str()), (100_000, "--=_x\nContent-Type: text/plain\n")]
        {
            let bytes: Vec<u8> = (0..size).map(|number| (number * 31) as u8).collect();
            let name = "瓮安县督办事项清单（截至2026年9月30日）100%.xlsx";
            let file = Attachment { name, bytes: &bytes };
            let read = contents(&build(&Message { text, attachments: &[file], ..message() }).unwrap()).unwrap();
            assert_eq!(read, Contents { text: text.to_owned(), attachments: vec![(name.to_owned(), size)] });
            let bare = contents(&build(&Message { text, attachments: &[], ..message() }).unwrap()).unwrap();
            assert_eq!(bare, Contents { text: text.to_owned(), attachments: Vec::new() });
        }
        assert_eq!(contents(b"no message"), None);
    }

    #[test]
    fn a_bad_address_or_id_is_an_error() {
        let to = Correspondent { name: "甲", address: "甲乙" };
        assert!(matches!(build(&Message { to, ..message() }), Err(MessageError::Address { .. })));
        assert!(matches!(build(&Message { id: "a\r\nBcc: b", ..message() }), Err(MessageError::Id(_))));
    }
}
