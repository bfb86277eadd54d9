//! Reads the part of a workbook that holds its shared strings.

use crate::source::bounds::bounded;
use crate::source::shared_strings::SharedStrings;
use crate::source::xlsx::fault::{Fault, broken};
use crate::source::xlsx::tags::{Tags, cell_text, is_empty, name};
use std::borrow::Cow;
use std::io::Read;

/// Reads the part. The number of strings that it declares is ignored.
///
/// # Errors
/// The part is damaged, or its texts exceed 4 GB.
pub fn read(part: impl Read) -> Result<SharedStrings, Fault> {
    let mut tags = Tags::new(part);
    let mut strings = SharedStrings::default();
    let mut phonetic = false;
    let mut closed = false;
    while let Some(piece) = tags.next()? {
        match name(piece.tag) {
            b"t" => {}
            b"/t" if !phonetic => strings.text.push_str(&cell_text(piece.text)?),
            b"rPh" => phonetic = !is_empty(piece.tag),
            b"/rPh" => phonetic = false,
            b"si" if is_empty(piece.tag) => end_string(&mut strings)?,
            b"/si" => end_string(&mut strings)?,
            b"/sst" => closed = true,
            b"sst" => closed = is_empty(piece.tag),
            _ => {}
        }
    }
    if !closed {
        return Err(broken("共享字符串不完整"));
    }
    Ok(strings)
}

/// Ends a string, and cuts it where it is longer than a cell may be.
fn end_string(strings: &mut SharedStrings) -> Result<(), Fault> {
    let start = strings.bytes_of_first(strings.ends.len());
    if let Cow::Owned(cut) = bounded(&strings.text[start..]) {
        strings.text.truncate(start);
        strings.text.push_str(&cut);
    }
    let end = u32::try_from(strings.text.len()).map_err(|_| broken("文字总量超过4GB"))?;
    strings.ends.push(end);
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn rich_text_is_joined_and_phonetic_text_left_out() {
        let part = "<sst count=\"9\" uniqueCount=\"900000000\"><si><t>甲</t></si><si><r><t xml:space=\"preserve\">乙 </t></r><r><rPr/><t>丙</t></r>\
                    <rPh sb=\"0\" eb=\"1\"><t>yi</t></rPh></si><si/><si><t/></si></sst>";
        let strings = super::read(part.as_bytes()).unwrap();
        assert_eq!(
            [strings.get(0), strings.get(1), strings.get(2), strings.get(3), strings.get(4)],
            [Some("甲"), Some("乙 丙"), Some(""), Some(""), None]
        );
        assert!(super::read(&b"<sst><si><t>x</t></si>"[..]).is_err());
    }
}
