//! What the style of a cell does to its content: how numbers and texts are shown, and whether it is struck out. All workbook formats share it.

use crate::domain::intake::raw::Raw;
use crate::source::bounds::into_bounded;
use crate::source::number_format::{AroundText, NumberFormat};
use std::borrow::Cow;

/// A number format, for numbers and for texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CellFormat {
    pub numbers: NumberFormat,
    pub texts: Option<AroundText>,
}

impl CellFormat {
    pub(crate) fn parse(code: &str) -> CellFormat {
        CellFormat { numbers: NumberFormat::parse(code), texts: AroundText::parse(code) }
    }

    pub(crate) fn built_in(id: u32) -> CellFormat {
        CellFormat { numbers: NumberFormat::built_in(id), texts: None }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CellStyle {
    pub format: CellFormat,
    /// The content is struck out.
    pub struck: bool,
}

impl CellStyle {
    /// Whether it changes more than the numbers: nearly no style does.
    pub(crate) fn changes_texts(&self) -> bool {
        self.struck || self.format.texts.is_some()
    }

    /// What a person sees of a text.
    pub(crate) fn text<'t>(&self, text: Cow<'t, str>) -> Cow<'t, str> {
        match &self.format.texts {
            Some(around) if !text.trim().is_empty() => Cow::Owned(around.around(&text)),
            _ => text,
        }
    }
}

/// A cell as a row holds it: its text within bounds, or as struck out; `None` = it is empty.
pub(crate) fn finished(raw: Raw<'_>, is_struck: bool) -> Option<Raw<'_>> {
    match raw {
        Raw::Text(text) if text.is_empty() => None,
        raw if is_struck && !raw.is_blank() => Some(Raw::Struck(into_bounded(Cow::Owned(raw.display().into_owned())))),
        Raw::Text(text) => Some(Raw::Text(into_bounded(text))),
        raw => Some(raw),
    }
}
