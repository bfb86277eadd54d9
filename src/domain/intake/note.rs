//! Notes on rows, cells and sheets for the clerk, and the account of the rows of a sheet.

use serde::{Deserialize, Serialize};

/// What a note means for its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum NoteKind {
    /// 待核行: the row is not accepted; the last accepted version of its code stays open.
    Quarantined,
    /// The row is accepted; a person should check it.
    Warning,
    /// The row holds no data: a total, a heading, a remark.
    Skipped,
}

impl NoteKind {
    pub const ALL: [NoteKind; 3] = [NoteKind::Quarantined, NoteKind::Warning, NoteKind::Skipped];

    /// The name under which the store and JSON output hold it.
    pub fn code(self) -> &'static str {
        match self {
            NoteKind::Quarantined => "quarantined",
            NoteKind::Warning => "warning",
            NoteKind::Skipped => "skipped",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            NoteKind::Quarantined => "待核",
            NoteKind::Warning => "提示",
            NoteKind::Skipped => "未作数据",
        }
    }
}

/// A note about a row, a cell or a sheet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub kind: NoteKind,
    /// Sheet number in the file, from 0.
    pub sheet: u32,
    /// From 1; 0 = the sheet as a whole.
    pub row: u32,
    /// Cell such as `P27`; empty = the whole row.
    pub cell: String,
    /// Chinese title of the field; empty = no single field.
    pub field: String,
    pub code: String,
    /// The name in the row; empty where it could not be read.
    #[serde(default)]
    pub name: String,
    /// The unit that owns the row, as the row names it.
    pub unit: String,
    pub raw: String,
    pub reason: String,
    pub hint: String,
    /// The row is marked 涉密 or 不便公开, accepted or not: only the office may see the note.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restricted: bool,
    /// Code of the project the row belongs to: the note is restricted where that project is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub project: String,
}

impl Note {
    /// A note without cell, field, code, name, unit and raw text.
    pub(crate) fn new(kind: NoteKind, sheet: u32, row: u32, reason: impl Into<String>, hint: impl Into<String>) -> Note {
        Note {
            kind,
            sheet,
            row,
            cell: String::new(),
            field: String::new(),
            code: String::new(),
            name: String::new(),
            unit: String::new(),
            raw: String::new(),
            reason: reason.into(),
            hint: hint.into(),
            restricted: false,
            project: String::new(),
        }
    }
}

/// How the rows of one sheet were accounted for, and what its header was read as.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetAccount {
    pub sheet: String,
    /// Rows with content below the header.
    pub read: u64,
    pub accepted: u64,
    pub quarantined: u64,
    pub skipped: u64,
    /// Rows with content that are hidden in the file; they are part of `read`.
    #[serde(default)]
    pub hidden_rows: u64,
    /// Why the sheet was not read, such as a hidden sheet or no header of any ledger; `None` = it was read.
    pub unread: Option<String>,
    /// Field ids and column letters, in field order.
    pub columns: Vec<(String, String)>,
    /// For each column of amounts the field id, and the unit it was read in with where that unit is given.
    #[serde(default)]
    pub units: Vec<(String, String)>,
    /// Letters and header texts of the columns that name no field and are not read.
    #[serde(default)]
    pub unknown: Vec<(String, String)>,
    /// Headers that may be of secrecy: the snapshot does not come into force before the office has decided about them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undecided: Vec<String>,
    /// Headers that are almost the name of a field that some rule needs, each with the title of the field: the snapshot does not come into force
    /// before the office has decided about them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proposals: Vec<(String, String)>,
}

impl SheetAccount {
    /// Whether every row that was read is accepted, quarantined or skipped.
    pub fn adds_up(&self) -> bool {
        self.read == self.accepted + self.quarantined + self.skipped
    }
}

/// A note as a sentence for the clerk: `项目台账 第27行 签约时间（P27）写的是“2023-02-30”，这一天不存在，该行暂未入库。`
pub fn sentence(note: &Note, sheet: &str) -> String {
    let mut text = String::new();
    if !sheet.is_empty() {
        text.push_str(sheet);
        text.push(' ');
    }
    if note.row > 0 {
        text.push_str(&format!("第{}行 ", note.row));
    }
    if !note.field.is_empty() {
        text.push_str(&note.field);
    }
    if !note.cell.is_empty() {
        text.push_str(&format!("（{}）", note.cell));
    }
    if !note.raw.is_empty() {
        text.push_str(&format!("写的是“{}”，", note.raw));
    } else if !text.ends_with([' ', '）']) && !text.is_empty() {
        text.push('：');
    }
    text.push_str(&note.reason);
    text.push_str(match note.kind {
        NoteKind::Quarantined => "，该行暂未入库。",
        NoteKind::Warning | NoteKind::Skipped => "。",
    });
    if !note.hint.is_empty() {
        text.push_str(&note.hint);
        text.push('。');
    }
    text
}
