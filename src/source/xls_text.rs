//! The texts of xls files: of UTF-16 or of one byte a character in newer ones, of an encoding of the system in older ones.

use crate::domain::intake::raw::Raw;
use crate::source::bounds::into_bounded;
use encoding_rs::Encoding;
use std::borrow::Cow;

/// How the texts of a workbook are stored.
pub(crate) struct Texts {
    /// BIFF8: each text begins with its width.
    is_wide: bool,
    /// Of the texts of older files.
    encoding: &'static Encoding,
    /// The file names an encoding of Chinese, Japanese or Unicode.
    is_certain: bool,
}

/// The bytes of a file that are looked through for its encoding.
const SAMPLE_BYTES: usize = 256 * 1024;

impl Texts {
    pub fn new(is_wide: bool) -> Texts {
        Texts { is_wide, encoding: encoding_rs::WINDOWS_1252, is_certain: false }
    }

    pub fn set_code_page(&mut self, page: u16) {
        let encoding = match page {
            936 | 54936 => encoding_rs::GB18030,
            950 => encoding_rs::BIG5,
            932 => encoding_rs::SHIFT_JIS,
            949 => encoding_rs::EUC_KR,
            65001 => encoding_rs::UTF_8,
            _ => return,
        };
        (self.encoding, self.is_certain) = (encoding, true);
    }

    /// Takes the encoding of Chinese where the file names none of its own, and the bytes of its texts are Chinese characters.
    pub fn find_code_page(&mut self, stream: &[u8]) {
        if self.is_certain {
            return;
        }
        let (mut pairs, mut others, mut at) = (0, 0, 0);
        let sample = &stream[..stream.len().min(SAMPLE_BYTES)];
        // runs of high bytes in pairs are Chinese; a single one is a letter with an accent
        while at < sample.len() {
            let run = sample[at..].iter().take_while(|byte| **byte >= 0xa1 && **byte < 0xff).count();
            let is_chinese = run >= 4
                && run % 2 == 0
                && sample[at..at + run].chunks_exact(2).all(|pair| (0xb0..=0xf7).contains(&pair[0]) || matches!(pair[0], 0xa1 | 0xa3));
            match run {
                0 => {}
                _ if is_chinese => pairs += run / 2,
                _ => others += 1,
            }
            at += run + 1;
        }
        if pairs >= 4 && pairs > others {
            self.encoding = encoding_rs::GB18030;
        }
    }

    /// A text whose length takes one byte.
    pub fn short(&self, bytes: &[u8]) -> Option<String> {
        let (length, rest) = bytes.split_first()?;
        self.counted(usize::from(*length), rest)
    }

    /// A text whose length takes two bytes.
    pub fn long(&self, bytes: &[u8]) -> Option<String> {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        self.counted(usize::from(u16::from_le_bytes(*length)), rest)
    }

    fn counted(&self, length: usize, bytes: &[u8]) -> Option<String> {
        if !self.is_wide {
            return Some(self.encoding.decode_without_bom_handling(bytes.get(..length)?).0.into_owned());
        }
        let pieces = [bytes];
        let mut pieces = Pieces::new(&pieces);
        let bits = pieces.byte()?;
        pieces.chars(length, bits & 1 != 0)
    }

    /// The same as [`Texts::long`], of a text that further records continue.
    pub fn long_in(&self, pieces: &[&[u8]]) -> Option<String> {
        if !self.is_wide {
            return self.long(pieces.first()?);
        }
        let mut pieces = Pieces::new(pieces);
        let length = usize::from(pieces.short()?);
        let bits = pieces.byte()?;
        pieces.chars(length, bits & 1 != 0)
    }

    /// The text of a cell with fonts of its own, of which some may strike out.
    pub fn rich_label(&self, bytes: &[u8], struck_fonts: &[bool]) -> Option<Raw<'static>> {
        let mut visible = String::new();
        let text = self.long(bytes)?;
        // each run takes two numbers: in older files of one byte each
        let length = usize::from(u16::from_le_bytes([*bytes.first()?, *bytes.get(1)?]));
        let mut runs = Vec::new();
        if self.is_wide {
            let width = if bytes.get(2)? & 1 != 0 { 2 } else { 1 };
            let rest = bytes.get(3 + length * width..)?;
            let count = usize::from(u16::from_le_bytes([*rest.first()?, *rest.get(1)?]));
            runs.extend(
                rest.get(2..)?
                    .chunks_exact(4)
                    .take(count)
                    .map(|run| (u16::from_le_bytes([run[0], run[1]]), u16::from_le_bytes([run[2], run[3]]))),
            );
        } else if let Some((count, rest)) = bytes.get(2 + length..).and_then(<[u8]>::split_first) {
            // a place is that of a byte
            let place = |at: u8| {
                let before = bytes.get(2..2 + usize::from(at).min(length)).unwrap_or_default();
                self.encoding.decode_without_bom_handling(before).0.encode_utf16().count() as u16
            };
            runs.extend(rest.chunks_exact(2).take(usize::from(*count)).map(|run| (place(run[0]), u16::from(run[1]))));
        }
        let is_struck = RichText { text, runs }.push_to(&mut visible, struck_fonts);
        let text = into_bounded(Cow::Owned(visible));
        Some(if is_struck { Raw::Struck(text) } else { Raw::Text(text) })
    }
}

/// A text with the places (in UTF-16 units) from which on a font holds.
pub(crate) struct RichText {
    pub text: String,
    pub runs: Vec<(u16, u16)>,
}

impl RichText {
    /// Adds the text without what is struck out, unless that is all there is. Returns whether it is.
    pub fn push_to(self, out: &mut String, struck_fonts: &[bool]) -> bool {
        let is_struck = |font: u16| struck_fonts.get(usize::from(font)).copied().unwrap_or(false);
        if !self.runs.iter().any(|(_, font)| is_struck(*font)) {
            out.push_str(&self.text);
            return false;
        }
        let start = out.len();
        let (mut unit, mut next, mut struck) = (0u16, 0, false);
        for c in self.text.chars() {
            while let Some((_, font)) = self.runs.get(next).filter(|(at, _)| *at <= unit) {
                struck = is_struck(*font);
                next += 1;
            }
            if !struck {
                out.push(c);
            }
            unit = unit.saturating_add(c.len_utf16() as u16);
        }
        if !out[start..].trim().is_empty() || self.text.trim().is_empty() {
            return false;
        }
        out.truncate(start);
        out.push_str(&self.text);
        true
    }
}

/// The bytes of a record that further records continue.
pub(crate) struct Pieces<'p, 's> {
    pieces: &'p [&'s [u8]],
    piece: usize,
    at: usize,
}

impl<'p, 's> Pieces<'p, 's> {
    pub fn new(pieces: &'p [&'s [u8]]) -> Pieces<'p, 's> {
        Pieces { pieces, piece: 0, at: 0 }
    }

    /// Moves on to the next piece with bytes. Returns whether it has moved.
    fn advance(&mut self) -> Option<bool> {
        let mut has_moved = false;
        while self.at >= self.pieces.get(self.piece)?.len() {
            self.piece += 1;
            self.at = 0;
            has_moved = true;
        }
        Some(has_moved)
    }

    pub fn byte(&mut self) -> Option<u8> {
        self.advance()?;
        self.at += 1;
        self.pieces[self.piece].get(self.at - 1).copied()
    }

    pub fn short(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes([self.byte()?, self.byte()?]))
    }

    pub fn long(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes([self.byte()?, self.byte()?, self.byte()?, self.byte()?]))
    }

    pub fn skip(&mut self, mut count: usize) -> Option<()> {
        while count > 0 {
            self.advance()?;
            let step = count.min(self.pieces[self.piece].len() - self.at);
            self.at += step;
            count -= step;
        }
        Some(())
    }

    /// So many characters. Where they go on in the next piece, it begins with their width.
    pub fn chars(&mut self, count: usize, is_wide: bool) -> Option<String> {
        let (mut units, mut is_wide): (Vec<u16>, bool) = (Vec::with_capacity(count), is_wide);
        while units.len() < count {
            if self.advance()? {
                is_wide = self.byte()? & 1 != 0;
                continue;
            }
            let rest = &self.pieces[self.piece][self.at..];
            let wanted = count - units.len();
            if is_wide {
                let found = rest.chunks_exact(2).take(wanted);
                let before = units.len();
                units.extend(found.map(|pair| u16::from_le_bytes([pair[0], pair[1]])));
                self.at += (units.len() - before) * 2;
                // half a character at the end of a piece is none
                if units.len() == before {
                    self.at = self.pieces[self.piece].len();
                }
            } else {
                let found = &rest[..rest.len().min(wanted)];
                units.extend(found.iter().map(|byte| u16::from(*byte)));
                self.at += found.len();
            }
        }
        Some(String::from_utf16_lossy(&units))
    }

    /// A text with its fonts; what it holds of how it is pronounced is passed over.
    pub fn rich_text(&mut self) -> Option<RichText> {
        let length = usize::from(self.short()?);
        let bits = self.byte()?;
        let runs = if bits & 8 != 0 { self.short()? } else { 0 };
        let beside = if bits & 4 != 0 { self.long()? } else { 0 };
        let text = self.chars(length, bits & 1 != 0)?;
        let runs = (0..runs).map(|_| Some((self.short()?, self.short()?))).collect::<Option<Vec<_>>>()?;
        self.skip(beside as usize)?;
        Some(RichText { text, runs })
    }
}
