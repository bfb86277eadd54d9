//! The shared strings of a workbook: one text after another in one buffer.

use super::tags::{Fault, Tags, broken, name, unescape};
use std::io::Read;

#[derive(Debug, Default)]
pub struct Strings {
    text: String,
    /// Where each string ends.
    ends: Vec<u32>,
}

impl Strings {
    /// Reads the part; counts it declares are not believed.
    pub fn read(part: impl Read) -> Result<Strings, Fault> {
        let mut tags = Tags::new(part);
        let mut strings = Strings::default();
        let mut phonetic = false;
        let mut closed = false;
        while let Some(piece) = tags.next()? {
            match name(piece.tag) {
                b"t" => {}
                b"/t" if !phonetic => strings.text.push_str(&unescape(piece.text)?),
                b"rPh" => phonetic = !super::tags::is_empty(piece.tag),
                b"/rPh" => phonetic = false,
                b"si" if super::tags::is_empty(piece.tag) => strings.end()?,
                b"/si" => strings.end()?,
                b"/sst" => closed = true,
                b"sst" => closed = super::tags::is_empty(piece.tag),
                other if other.contains(&b':') => return Err(Fault::Unusual("a prefix in the shared strings")),
                _ => {}
            }
        }
        if !closed {
            return Err(broken("共享字符串不完整"));
        }
        Ok(strings)
    }

    fn end(&mut self) -> Result<(), Fault> {
        let end = u32::try_from(self.text.len()).map_err(|_| broken("文字总量超过4GB"))?;
        self.ends.push(end);
        Ok(())
    }

    pub fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)? as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        self.text.get(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rich_text_is_joined_and_readings_left_out() {
        let part = "<sst count=\"9\" uniqueCount=\"900000000\"><si><t>甲</t></si><si><r><t xml:space=\"preserve\">乙 </t></r><r><rPr/><t>丙</t></r>\
                    <rPh sb=\"0\" eb=\"1\"><t>yi</t></rPh></si><si/><si><t/></si></sst>";
        let strings = Strings::read(part.as_bytes()).unwrap();
        assert_eq!(
            [strings.get(0), strings.get(1), strings.get(2), strings.get(3), strings.get(4)],
            [Some("甲"), Some("乙 丙"), Some(""), Some(""), None]
        );
        assert!(Strings::read(&b"<sst><si><t>x</t></si>"[..]).is_err());
    }
}
