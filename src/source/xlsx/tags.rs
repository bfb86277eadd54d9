//! Reads the tags of one XML part in a window that moves along the stream, without event objects and copies. It supports what the parts of a
//! workbook need: tags, the text before them, attributes, the five entities and character references.
//!
//! Anything else (a DOCTYPE, comments and CDATA inside the data, other encodings) is [`Fault::Unusual`].

use crate::source::xlsx::fault::{Fault, broken};
use memchr::{memchr, memmem};
use std::borrow::Cow;
use std::io::Read;

/// Bytes read at a time.
const WINDOW_BYTES: usize = 256 * 1024;

/// The longest tag or text between two tags: a cell of 32,767 characters, each an entity.
const TOKEN_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Reads the tags of a part one by one.
pub struct Tags<R> {
    from: R,
    window: Vec<u8>,
    /// Start of the bytes that are not used yet.
    at: usize,
    /// End of the bytes that are read.
    filled: usize,
    ended: bool,
}

/// A tag without its brackets (`c r="A1"`, `/c`, `v/`) and the text between the previous tag and it.
pub struct Piece<'w> {
    pub text: &'w [u8],
    pub tag: &'w [u8],
}

/// A cell of the frequent form: a reference, perhaps a style and a kind, and a value.
pub struct PlainCell<'w> {
    pub reference: &'w [u8],
    pub style: Option<&'w [u8]>,
    pub kind: Option<&'w [u8]>,
    pub value: &'w [u8],
}

impl<R: Read> Tags<R> {
    pub fn new(from: R) -> Tags<R> {
        Tags { from, window: vec![0; WINDOW_BYTES], at: 0, filled: 0, ended: false }
    }

    /// Reads more bytes into the window. `false` at the end of the stream.
    fn fill(&mut self) -> Result<bool, Fault> {
        if self.ended {
            return Ok(false);
        }
        if self.at > 0 {
            self.window.copy_within(self.at..self.filled, 0);
            self.filled -= self.at;
            self.at = 0;
        }
        if self.filled == self.window.len() {
            if self.window.len() >= TOKEN_BYTES_MAX {
                return Err(broken("一个单元格的内容过长"));
            }
            self.window.resize(self.window.len() * 2, 0);
        }
        let got = self.from.read(&mut self.window[self.filled..]).map_err(Fault::Io)?;
        self.filled += got;
        self.ended = got == 0;
        Ok(got > 0)
    }

    /// The offset of a byte at or behind the offset `from`; both count from `self.at`.
    fn find(&mut self, byte: u8, mut from: usize) -> Result<Option<usize>, Fault> {
        loop {
            if let Some(found) = memchr(byte, &self.window[self.at + from..self.filled]) {
                return Ok(Some(from + found));
            }
            from = self.filled - self.at;
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// The next tag and the text before it; `None` at the end of the part.
    pub fn next(&mut self) -> Result<Option<Piece<'_>>, Fault> {
        let Some(open) = self.find(b'<', 0)? else { return Ok(None) };
        let Some(mut close) = self.find(b'>', open + 1)? else { return Err(broken("XML在标签中间中断")) };
        // a bracket inside a quoted value does not end the tag
        while quotes_open(&self.window[self.at + open + 1..self.at + close]) {
            close = self.find(b'>', close + 1)?.ok_or_else(|| broken("XML在标签中间中断"))?;
        }
        let start = self.at;
        self.at += close + 1;
        let (open, close) = (start + open, start + close);
        if self.window[open + 1] == b'!' {
            return Err(Fault::Unusual("a comment, CDATA or DOCTYPE"));
        }
        Ok(Some(Piece { text: &self.window[start..open], tag: &self.window[open + 1..close] }))
    }

    /// The next cell where it has the form `<c r="B7" s="1" t="s"><v>12</v></c>`, as nearly every cell has. `None` where it has another form
    /// or is not whole in the window; nothing is read then.
    pub fn plain_cell(&mut self) -> Option<PlainCell<'_>> {
        let all = &self.window[self.at..self.filled];
        let (reference, rest) = quoted(all.strip_prefix(b"<c r=\"")?)?;
        let (style, rest) = match rest.strip_prefix(b" s=\"") {
            Some(rest) => quoted(rest).map(|(style, rest)| (Some(style), rest))?,
            None => (None, rest),
        };
        let (kind, rest) = match rest.strip_prefix(b" t=\"") {
            Some(rest) => quoted(rest).map(|(kind, rest)| (Some(kind), rest))?,
            None => (None, rest),
        };
        let rest = rest.strip_prefix(b"><v>")?;
        let (value, rest) = rest.split_at(rest.iter().position(|byte| *byte == b'<')?);
        let rest = rest.strip_prefix(b"</v></c>")?;
        self.at += all.len() - rest.len();
        Some(PlainCell { reference, style, kind, value })
    }

    /// Skips to behind the next `end`, a closing tag.
    ///
    /// # Errors
    /// A comment, CDATA or a DOCTYPE comes before it.
    pub fn skip_behind(&mut self, end: &[u8]) -> Result<(), Fault> {
        let end = memmem::Finder::new(end);
        let unusual = memmem::Finder::new(b"<!");
        let overlap = end.needle().len() - 1;
        loop {
            let rest = &self.window[self.at..self.filled];
            let found = end.find(rest);
            if unusual.find(&rest[..found.unwrap_or(rest.len())]).is_some() {
                return Err(Fault::Unusual("a comment or CDATA"));
            }
            if let Some(found) = found {
                self.at += found + end.needle().len();
                return Ok(());
            }
            self.at = self.filled.saturating_sub(overlap).max(self.at);
            if !self.fill()? {
                return Err(broken("XML不完整"));
            }
        }
    }
}

/// The bytes before the next quote, and those behind it.
fn quoted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'"')?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// Whether a quoted value has begun and not ended.
fn quotes_open(tag: &[u8]) -> bool {
    let mut open = None;
    for byte in tag {
        match open {
            Some(quote) if quote == *byte => open = None,
            None if matches!(*byte, b'"' | b'\'') => open = Some(*byte),
            _ => {}
        }
    }
    open.is_some()
}

/// The name of a tag, with the slash of a closing one.
pub fn name(tag: &[u8]) -> &[u8] {
    let end = tag.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).unwrap_or(tag.len());
    let name = &tag[..end];
    if name.len() > 1 { name.strip_suffix(b"/").unwrap_or(name) } else { name }
}

/// Whether a tag closes itself, as `<c r="A1"/>`.
pub fn is_empty(tag: &[u8]) -> bool {
    tag.last() == Some(&b'/')
}

/// The attributes of a tag, in their order.
pub fn attributes(tag: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = &tag[name(tag).len()..];
    std::iter::from_fn(move || {
        let start = rest.iter().position(|byte| !byte.is_ascii_whitespace() && *byte != b'/')?;
        let equals = start + memchr(b'=', &rest[start..])?;
        let key = rest[start..equals].trim_ascii_end();
        let quote = equals + rest[equals..].iter().position(|byte| matches!(byte, b'"' | b'\''))?;
        let end = quote + 1 + memchr(rest[quote], &rest[quote + 1..])?;
        let value = &rest[quote + 1..end];
        rest = &rest[end + 1..];
        Some((key, value))
    })
}

/// Text with its entities and character references resolved.
pub fn unescape(bytes: &[u8]) -> Result<Cow<'_, str>, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| broken("文字编码有误"))?;
    if memchr(b'&', bytes).is_none() {
        return Ok(Cow::Borrowed(text));
    }
    quick_xml::escape::unescape(text).map_err(|_| broken("文字转义有误"))
}

/// The text of a cell. Excel writes characters that XML cannot hold as `_x000D_`, and an underscore before such an escape as `_x005F_` (ECMA-376,
/// ST_Xstring).
pub fn cell_text(bytes: &[u8]) -> Result<Cow<'_, str>, Fault> {
    let text = unescape(bytes)?;
    if !text.contains("_x") {
        return Ok(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(at) = rest.find("_x") {
        out.push_str(&rest[..at]);
        let code =
            rest[at..].get(2..7).and_then(|code| code.strip_suffix('_')).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match code.and_then(|code| char::from_u32(u32::from_str_radix(code, 16).ok()?)) {
            Some(character) => {
                out.push(character);
                rest = &rest[at + 7..];
            }
            None => {
                out.push_str("_x");
                rest = &rest[at + 2..];
            }
        }
    }
    out.push_str(rest);
    Ok(Cow::Owned(out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    /// Yields one byte at a time, so that each token is cut at every place.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            into[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn tags_are_whole_wherever_the_stream_is_cut() {
        let part = "<?xml version=\"1.0\"?><row r='1' x=\"a>b\"><c r=\"A1\" t=\"str\"><v>贵&amp;阳</v></c><c/></row>";
        let mut tags = Tags::new(Drip(part.as_bytes()));
        let mut seen = Vec::new();
        while let Some(piece) = tags.next().unwrap() {
            seen.push(format!("{}|{}", unescape(piece.text).unwrap(), std::str::from_utf8(name(piece.tag)).unwrap()));
        }
        assert_eq!(seen, ["|?xml", "|row", "|c", "|v", "贵&阳|/v", "|/c", "|c", "|/row"]);
    }

    #[test]
    fn attributes_are_read_in_any_quotes() {
        let found: Vec<_> = attributes(b"c r=\"A1\" t = 's' s=\"\"/").collect();
        assert_eq!(found, [(&b"r"[..], &b"A1"[..]), (b"t", b"s"), (b"s", b"")]);
        assert!(attributes(b"c r=\"A1").next().is_none());
    }

    #[test]
    fn escaped_characters_are_read() {
        for (written, read) in [
            ("GZ1_x000D_", "GZ1\r"),
            ("a_x005F_x000D_b", "a_x000D_b"),
            ("_x4E00_二&amp;_x", "一二&_x"),
            ("_x12_ _xD800_ _x+041_", "_x12_ _xD800_ _x+041_"),
        ] {
            assert_eq!(cell_text(written.as_bytes()).unwrap(), read);
        }
    }

    #[test]
    fn unsupported_xml_is_unusual_and_truncated_xml_broken() {
        assert!(matches!(Tags::new(&b"<!DOCTYPE x>"[..]).next(), Err(Fault::Unusual(_))));
        let mut tags = Tags::new(&b"<sheetData><c><!-- x --></c></sheetData>"[..]);
        assert!(matches!(tags.skip_behind(b"</sheetData>"), Err(Fault::Unusual(_))));
        assert!(matches!(Tags::new(&b"<row r=\"1\""[..]).next(), Err(Fault::Broken(_))));
        assert!(unescape(b"&xxe;").is_err());
    }
}
