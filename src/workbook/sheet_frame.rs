//! What a template declares of every sheet, whatever its kind: name, title, notes, page.

use crate::domain::bounds::between;
use crate::domain::problem::ProblemsAt;
use crate::workbook::model::Paper;
use crate::workbook::sheets::references::check_placeholders;
use crate::workbook::tab_names::{UNITS_MAX, is_tab_name};
use serde::Deserialize;

/// The declaration of a sheet without what belongs to its kind.
#[derive(Clone, Debug, Default)]
pub struct SheetFrame {
    /// Name on the tab.
    pub name: String,
    /// Title above the table.
    pub title: String,
    /// Mark of an attachment above the title: 附件1; empty = none.
    pub mark: String,
    pub note: String,
    /// Line below the notes for stamp, names and date, on sheets that are filled in and sent back; empty = none.
    pub sign: String,
    pub landscape: bool,
    pub paper: Paper,
    /// The sheet is printed smaller to fit this many pages in height; 0 = as many pages as it needs.
    pub pages_high: u16,
    /// The sheet is left out if it has no rows.
    pub optional: bool,
}

/// The keys of every sheet in a template.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FrameKeys {
    /// The kind of the sheet.
    pub(crate) form: String,
    pub(crate) name: String,
    title: Option<String>,
    #[serde(default)]
    mark: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    sign: String,
    #[serde(default = "landscape")]
    orientation: String,
    #[serde(default = "a4")]
    paper: String,
    #[serde(default, deserialize_with = "between::<0, 1000, _, _>")]
    pages_high: u16,
    #[serde(default)]
    optional: bool,
}

fn landscape() -> String {
    "landscape".into()
}

fn a4() -> String {
    "A4".into()
}

const ORIENTATIONS: [(&str, bool); 2] = [("landscape", true), ("portrait", false)];

const PAPERS: [(&str, Paper); 2] = [("A4", Paper::A4), ("A3", Paper::A3)];

impl FrameKeys {
    /// Every key of [`FrameKeys`]: the other keys of a sheet belong to its kind.
    pub(crate) const NAMES: [&str; 10] =
        ["form", "name", "title", "mark", "note", "sign", "orientation", "paper", "pages_high", "optional"];

    /// The frame. Reports a tab name that Excel refuses, unknown words, and unknown placeholders; those of the title are left to the kind.
    pub(crate) fn check(self, at: &mut ProblemsAt<'_>) -> Option<SheetFrame> {
        if !is_tab_name(&self.name) {
            let hint = "none of [ ] : * ? / \\, no ' at either end, not History; a rare character counts as two";
            at.report(format!("a tab name has 1 to {UNITS_MAX} characters that Excel takes"), Some(hint.into()));
        }
        check_placeholders([&self.note, &self.sign], at);
        let landscape = at.named(&ORIENTATIONS, &self.orientation, "orientation");
        let paper = at.named(&PAPERS, &self.paper, "paper");
        Some(SheetFrame {
            landscape: landscape?,
            paper: paper?,
            title: self.title.unwrap_or_else(|| self.name.clone()),
            name: self.name,
            mark: self.mark,
            note: self.note,
            sign: self.sign,
            pages_high: self.pages_high,
            optional: self.optional,
        })
    }
}
