//! Reads the part of a workbook that holds its shared strings.

use crate::source::bounds::bounded;
use crate::source::shared_strings::SharedStrings;
use crate::source::xlsx::fault::{Fault, broken};
use crate::source::xlsx::parts::is_on;
use crate::source::xlsx::tags::{Piece, Tags, cell_text, is_empty, name};
use std::borrow::Cow;
use std::collections::HashSet;
use std::io::Read;

/// The shared strings, and the numbers of those that are struck out altogether.
pub(crate) type ReadStrings = (SharedStrings, HashSet<u32>);

/// Reads the part. The number of strings that it declares is ignored. What is struck out beside other text is left out.
///
/// # Errors
/// The part is damaged, or its texts exceed 4 GB.
pub(crate) fn read(part: impl Read) -> Result<ReadStrings, Fault> {
    let mut tags = Tags::new(part);
    let mut strings = SharedStrings::default();
    let mut struck = HashSet::new();
    let mut runs = Runs::default();
    let mut closed = false;
    while let Some(piece) = tags.next()? {
        match name(piece.tag) {
            b"si" if is_empty(piece.tag) => end_string(&mut strings)?,
            b"/si" => {
                if runs.end(&mut strings.text) {
                    struck.insert(strings.ends.len() as u32);
                }
                end_string(&mut strings)?;
            }
            b"/sst" => closed = true,
            b"sst" => closed = is_empty(piece.tag),
            _ => runs.take(&piece, &mut strings.text)?,
        }
    }
    if !closed {
        return Err(broken("共享字符串不完整"));
    }
    Ok((strings, struck))
}

/// The runs of a text: what is struck out is left out of it, unless it is all there is.
#[derive(Default)]
pub(crate) struct Runs {
    phonetic: bool,
    struck: bool,
    left_out: String,
    has_text: bool,
}

impl Runs {
    /// Takes the next tag within a text, and adds the visible text before it to `text`.
    pub fn take(&mut self, piece: &Piece<'_>, text: &mut String) -> Result<(), Fault> {
        match name(piece.tag) {
            b"r" => self.struck = false,
            b"strike" => self.struck = is_on(piece.tag),
            b"/t" if !self.phonetic && self.struck => self.left_out.push_str(&cell_text(piece.text)?),
            b"/t" if !self.phonetic => {
                let run = cell_text(piece.text)?;
                self.has_text |= !run.trim().is_empty();
                text.push_str(&run);
            }
            b"rPh" => self.phonetic = !is_empty(piece.tag),
            b"/rPh" => self.phonetic = false,
            _ => {}
        }
        Ok(())
    }

    /// Ends the text. Returns whether it is struck out altogether; `text` is what is struck out then.
    pub fn end(&mut self, text: &mut String) -> bool {
        let is_struck = !self.has_text && !self.left_out.trim().is_empty();
        if is_struck {
            text.push_str(&self.left_out);
        }
        self.left_out.clear();
        (self.struck, self.phonetic, self.has_text) = (false, false, false);
        is_struck
    }
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
        let (strings, struck) = super::read(part.as_bytes()).unwrap();
        assert!(struck.is_empty());
        assert_eq!(
            [strings.get(0), strings.get(1), strings.get(2), strings.get(3), strings.get(4)],
            [Some("甲"), Some("乙 丙"), Some(""), Some(""), None]
        );
        assert!(super::read(&b"<sst><si><t>x</t></si>"[..]).is_err());
    }

    #[test]
    fn what_is_struck_out_is_left_out_unless_it_is_all_there_is() {
        let part = "<sst><si><r><rPr><strike/></rPr><t>1</t></r><r><rPr><strike val=\"0\"/></rPr><t>2</t></r></si><si><r><rPr><strike/></rPr><t>旧</t></r>\
                    <r><rPr><strike/></rPr><t>值</t></r></si><si><t>新</t></si></sst>";
        let (strings, struck) = super::read(part.as_bytes()).unwrap();
        assert_eq!([strings.get(0), strings.get(1), strings.get(2)], [Some("2"), Some("旧值"), Some("新")]);
        assert_eq!(struck, [1].into());
    }
}
