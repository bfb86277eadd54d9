//! The encoding of a part. Nearly every part is UTF-8 and passes as it is; another one is read whole and converted.

use crate::source::xlsx::fault::{Fault, broken};
use crate::source::xlsx::tags::{attributes, name};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use std::io::{Cursor, Read};

/// The bytes of a part that are searched for its encoding: an XML declaration is shorter.
const HEAD_BYTES: u64 = 256;

/// A part as UTF-8.
///
/// # Errors
/// The part cannot be unpacked, or its text is not of the encoding that it declares.
pub fn as_utf8<R: Read>(mut part: R) -> Result<impl Read, Fault> {
    let mut bytes = Vec::new();
    part.by_ref().take(HEAD_BYTES).read_to_end(&mut bytes).map_err(Fault::Io)?;
    let encoding = encoding_of(&bytes)?;
    if encoding != UTF_8 {
        part.read_to_end(&mut bytes).map_err(Fault::Io)?;
        let (text, _, malformed) = encoding.decode(&bytes);
        if malformed {
            return Err(broken("文字编码有误"));
        }
        bytes = text.into_owned().into_bytes();
    }
    Ok(Cursor::new(bytes).chain(part))
}

/// The encoding by the first bytes of a part: its byte order mark, then the width of its first character, then its declaration. A part of
/// single bytes that declares UTF-16 was converted after it was written, and is UTF-8.
fn encoding_of(head: &[u8]) -> Result<&'static Encoding, Fault> {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return Ok(encoding);
    }
    match head {
        [b'<', 0, ..] => return Ok(UTF_16LE),
        [0, b'<', ..] => return Ok(UTF_16BE),
        _ => {}
    }
    let declaration = head.strip_prefix(b"<").and_then(|rest| rest.split(|byte| *byte == b'>').next());
    let Some(declaration) = declaration.filter(|tag| name(tag) == b"?xml") else { return Ok(UTF_8) };
    let Some((_, label)) = attributes(declaration).find(|(key, _)| *key == b"encoding") else { return Ok(UTF_8) };
    let encoding = Encoding::for_label(label).ok_or_else(|| broken(format!("文字编码“{}”不能识别", String::from_utf8_lossy(label))))?;
    Ok(if encoding == UTF_16LE || encoding == UTF_16BE { UTF_8 } else { encoding })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Option<String> {
        let mut text = String::new();
        as_utf8(bytes).ok()?.read_to_string(&mut text).ok()?;
        Some(text)
    }

    #[test]
    fn every_encoding_becomes_utf_8() {
        let text = |encoding: &str| format!("<?xml version='1.0' encoding='{encoding}'?><t>{}</t>", "贵阳".repeat(200));
        let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        for encoding in ["UTF-8", "utf-16"] {
            assert_eq!(read(text(encoding).as_bytes()).unwrap(), text(encoding));
        }
        assert_eq!(read(&wide(&text("UTF-16"))).unwrap(), text("UTF-16"));
        assert_eq!(read(&[&[0xff, 0xfe], wide(&text("UTF-16")).as_slice()].concat()).unwrap(), text("UTF-16"));
        let gbk = encoding_rs::GBK.encode(&text("GB2312")).0.into_owned();
        assert_eq!(read(&gbk).unwrap(), text("GB2312"));
        assert_eq!(read("<t>贵阳</t>".as_bytes()).unwrap(), "<t>贵阳</t>");
        assert_eq!(read(b""), Some(String::new()));
        assert_eq!(read(text("klingon").as_bytes()), None);
        assert_eq!(read(&[b"<?xml encoding='GBK'?><t>".as_slice(), &[0xff, 0xff], b"</t>"].concat()), None);
    }
}
