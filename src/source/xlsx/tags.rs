//! Reads the tags of one XML part in a window that moves along the stream, without event objects and copies: tags, the text before them,
//! attributes, the five entities, character references, CDATA and comments. Names in the namespace of the root element come without their
//! prefix, whatever prefix the program gave them.

use crate::source::xlsx::fault::{Fault, broken};
use memchr::{memchr, memchr2};
use std::borrow::Cow;
use std::io::Read;

/// Bytes read at a time.
const WINDOW_BYTES: usize = 256 * 1024;

/// The longest tag or text between two tags: a cell of 32,767 characters, each an entity.
const TOKEN_BYTES_MAX: usize = 4 * 1024 * 1024;

const CUT: &str = "XML在标签中间中断";
const TOO_LONG: &str = "一个单元格的内容过长";

/// Reads the tags of a part one by one.
pub struct Tags<R> {
    from: R,
    window: Vec<u8>,
    /// Start of the bytes that are not used yet.
    at: usize,
    /// End of the bytes that are read.
    filled: usize,
    ended: bool,
    has_root: bool,
    /// The prefixes of the root element's namespace, each with its colon. Nearly every program writes none.
    prefixes: Vec<Vec<u8>>,
    /// The text before the next tag, where a CDATA section is a part of it.
    joined: Vec<u8>,
}

/// A tag without its brackets (`c r="A1"`, `/c`, `v/`) and the text between the previous tag and it.
pub struct Piece<'w> {
    pub text: &'w [u8],
    pub tag: &'w [u8],
}

/// A cell of a frequent form: a reference, perhaps a style and a kind, and a value or a text.
pub struct PlainCell<'w> {
    pub reference: &'w [u8],
    pub style: Option<&'w [u8]>,
    pub kind: Option<&'w [u8]>,
    pub value: &'w [u8],
    /// The value is a text of the cell itself.
    pub is_inline: bool,
}

impl<R: Read> Tags<R> {
    pub fn new(from: R) -> Tags<R> {
        Tags {
            from,
            window: vec![0; WINDOW_BYTES],
            at: 0,
            filled: 0,
            ended: false,
            has_root: false,
            prefixes: Vec::new(),
            joined: Vec::new(),
        }
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
                return Err(broken(TOO_LONG));
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
        self.joined.clear();
        loop {
            let Some(open) = self.find(b'<', 0)? else { return Ok(None) };
            let Some(mut close) = self.find(b'>', open + 1)? else { return Err(broken(CUT)) };
            if self.window[self.at + open + 1] == b'!' {
                self.take_section(open)?;
                continue;
            }
            // a bracket inside a quoted value does not end the tag
            while quotes_open(&self.window[self.at + open + 1..self.at + close]) {
                close = self.find(b'>', close + 1)?.ok_or_else(|| broken(CUT))?;
            }
            let start = self.at;
            self.at += close + 1;
            let (open, close) = (start + open, start + close);
            let tag = self.without_prefix(open + 1, close);
            let text = if self.joined.is_empty() {
                &self.window[start..open]
            } else {
                self.joined.extend_from_slice(&self.window[start..open]);
                &self.joined
            };
            return Ok(Some(Piece { text, tag: &self.window[tag..close] }));
        }
    }

    /// Takes the comment or the CDATA section at an offset. The content of a section is text.
    ///
    /// # Errors
    /// It is another declaration, it has no end, or a comment divides a text: some programs read its first half only.
    fn take_section(&mut self, open: usize) -> Result<(), Fault> {
        const CDATA: &[u8] = b"<![CDATA[";
        while self.filled - self.at < open + CDATA.len() && self.fill()? {}
        let all = &self.window[self.at + open..self.filled];
        let is_comment = all.starts_with(b"<!--");
        if !is_comment && !all.starts_with(CDATA) {
            return Err(broken("XML含有声明"));
        }
        let (content, ending) = if is_comment { (open + 4, b"--") } else { (open + CDATA.len(), b"]]") };
        let mut close = content;
        loop {
            close = self.find(b'>', close)?.ok_or_else(|| broken(CUT))?;
            if close >= content + 2 && self.window[self.at + close - 2..].starts_with(ending) {
                break;
            }
            close += 1;
        }
        let text = &self.window[self.at..self.at + open];
        if is_comment {
            if !text.trim_ascii().is_empty() || !self.joined.is_empty() {
                return Err(broken("单元格的内容中夹有注释"));
            }
        } else {
            self.joined.extend_from_slice(text);
            for byte in &self.window[self.at + content..self.at + close - 2] {
                match byte {
                    b'&' => self.joined.extend_from_slice(b"&amp;"),
                    byte => self.joined.push(*byte),
                }
            }
            if self.joined.len() > TOKEN_BYTES_MAX {
                return Err(broken(TOO_LONG));
            }
        }
        self.at += close + 1;
        Ok(())
    }

    /// The start of a tag without the prefix of its name, where that is of the root element's namespace. The slash of a closing tag is put in
    /// the place of the colon.
    fn without_prefix(&mut self, start: usize, end: usize) -> usize {
        if !self.has_root && self.window[start] != b'?' {
            self.has_root = true;
            self.prefixes = root_prefixes(&self.window[start..end]);
        }
        if self.prefixes.is_empty() {
            return start;
        }
        let closes = self.window[start] == b'/';
        let name = start + usize::from(closes);
        let Some(prefix) = self.prefixes.iter().find(|prefix| self.window[name..end].starts_with(prefix)) else { return start };
        let bare = name + prefix.len();
        if closes {
            self.window[bare - 1] = b'/';
            return bare - 1;
        }
        bare
    }

    /// The next cell where it has the form `<c r="B7" s="1" t="s"><v>12</v></c>` or `<c r="B7" t="inlineStr"><is><t>甲</t></is></c>`, as nearly
    /// every cell has. `None` where it has another form or is not whole in the window; nothing is read then.
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
        let is_inline = kind == Some(b"inlineStr");
        let (value, rest) = if is_inline {
            let rest = rest.strip_prefix(b"><is><t>")?;
            let (text, rest) = rest.split_at(memchr(b'<', rest)?);
            (text, rest.strip_prefix(b"</t></is></c>")?)
        } else {
            let rest = rest.strip_prefix(b"><v>")?;
            // mostly a few digits
            let (value, rest) = rest.split_at(rest.iter().position(|byte| *byte == b'<')?);
            (value, rest.strip_prefix(b"</v></c>")?)
        };
        self.at += all.len() - rest.len();
        Some(PlainCell { reference, style, kind, value, is_inline })
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

/// The prefixes that a root element gives its own namespace, each with its colon.
fn root_prefixes(tag: &[u8]) -> Vec<Vec<u8>> {
    let name = name(tag);
    let own = memchr(b':', name).map_or(&b""[..], |colon| &name[..colon]);
    let declared = |key: &'_ [u8]| if key == b"xmlns" { Some(Vec::new()) } else { key.strip_prefix(b"xmlns:").map(<[u8]>::to_vec) };
    let all: Vec<(Vec<u8>, &[u8])> = attributes(tag).filter_map(|(key, value)| Some((declared(key)?, value))).collect();
    let namespace = all.iter().find(|(prefix, _)| prefix == own).map(|(_, value)| *value);
    let same = all.iter().filter(|(_, value)| Some(*value) == namespace).map(|(prefix, _)| prefix.as_slice());
    same.chain([own]).filter(|prefix| !prefix.is_empty()).map(|prefix| [prefix, b":"].concat()).collect()
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

fn not_utf8() -> Fault {
    broken("文字编码有误")
}

/// Text with its entities and character references resolved.
pub fn unescape(bytes: &[u8]) -> Result<Cow<'_, str>, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| not_utf8())?;
    if memchr(b'&', bytes).is_none() {
        return Ok(Cow::Borrowed(text));
    }
    quick_xml::escape::unescape(text).map_err(|_| broken("文字转义有误"))
}

/// The text of a cell. Excel writes characters that XML cannot hold as `_x000D_`, and an underscore before such an escape as `_x005F_` (ECMA-376,
/// ST_Xstring); a character of two UTF-16 units has two escapes.
pub fn cell_text(bytes: &[u8]) -> Result<Cow<'_, str>, Fault> {
    // nearly every text has neither entities nor escapes
    if memchr2(b'&', b'_', bytes).is_none() {
        return std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| not_utf8());
    }
    let text = unescape(bytes)?;
    if !text.contains("_x") {
        return Ok(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(at) = rest.find("_x") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let units = [escaped_unit(rest), rest.get(ESCAPE_BYTES..).and_then(escaped_unit)];
        let decoded = match units {
            [Some(high @ 0xd800..=0xdbff), Some(low @ 0xdc00..=0xdfff)] => {
                char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)).map(|character| (character, 2 * ESCAPE_BYTES))
            }
            [unit, _] => unit.and_then(char::from_u32).map(|character| (character, ESCAPE_BYTES)),
        };
        match decoded {
            Some((character, length)) => {
                out.push(character);
                rest = &rest[length..];
            }
            None => {
                out.push_str("_x");
                rest = &rest[2..];
            }
        }
    }
    out.push_str(rest);
    Ok(Cow::Owned(out))
}

/// The length of `_x000D_`.
const ESCAPE_BYTES: usize = 7;

/// The UTF-16 unit of the escape that a text begins with.
fn escaped_unit(text: &str) -> Option<u32> {
    let code = text.strip_prefix("_x")?.get(..5)?.strip_suffix('_').filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u32::from_str_radix(code, 16).ok()
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
            ("_xD842__xDFB7_野 _xDFB7__xD842_", "𠮷野 _xDFB7__xD842_"),
        ] {
            assert_eq!(cell_text(written.as_bytes()).unwrap(), read);
        }
    }

    /// The texts and names of a part, read byte by byte.
    fn pieces(part: &str) -> Vec<String> {
        let mut tags = Tags::new(Drip(part.as_bytes()));
        let mut seen = Vec::new();
        while let Some(piece) = tags.next().unwrap() {
            seen.push(format!("{}|{}", unescape(piece.text).unwrap(), std::str::from_utf8(name(piece.tag)).unwrap()));
        }
        seen
    }

    #[test]
    fn names_of_the_roots_namespace_have_no_prefix() {
        let part = "<x:sst xmlns:x='main' xmlns:y='main' xmlns:z='other'><x:si><y:t>甲</y:t></x:si><z:t>乙</z:t><x:si/></x:sst>";
        assert_eq!(pieces(part), ["|sst", "|si", "|t", "甲|/t", "|/si", "|z:t", "乙|/z:t", "|si", "|/sst"]);
        assert_eq!(pieces("<book xmlns='main' xmlns:x='other'><x:t/><t/></book>"), ["|book", "|x:t", "|t", "|/book"]);
        assert_eq!(pieces("<?xml version='1.0'?><x:sst><x:t/></x:sst>"), ["|?xml", "|sst", "|t", "|/sst"]);
    }

    #[test]
    fn sections_of_character_data_are_text_and_comments_nothing() {
        let part = "<!-- > --><t>甲<![CDATA[<b> & ]] ]]>乙&amp;<![CDATA[]]></t><!----><t><!-- x -->丙</t>";
        assert_eq!(pieces(part), ["|t", "甲<b> & ]] 乙&|/t", "|t", "丙|/t"]);
    }

    #[test]
    fn declarations_and_divided_values_are_refused_and_truncated_xml_broken() {
        for part in
            ["<!DOCTYPE x>", "<v>4<!-- x -->.25</v>", "<v><![CDATA[4]]><!-- x -->.25</v>", "<row r=\"1\"", "<v><![CDATA[4</v>", "<!-->"]
        {
            let mut tags = Tags::new(part.as_bytes());
            let error = loop {
                match tags.next() {
                    Ok(Some(_)) => {}
                    other => break other.map(|_| ()),
                }
            };
            assert!(matches!(error, Err(Fault::Broken(_))), "{part}");
        }
        assert!(unescape(b"&xxe;").is_err());
    }
}
