//! What is said of rows, cells and sheets, and how the rows of a sheet are accounted for.

use serde::{Deserialize, Serialize};

/// Why a row is not simply accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum NoteKind {
    /// 待核行: the row is not taken; a known code keeps its last accepted version.
    Quarantined,
    /// The row is taken; a person should look.
    Warning,
    /// No row of data: a total, a heading, a remark.
    Skipped,
}

impl NoteKind {
    pub const ALL: [NoteKind; 3] = [NoteKind::Quarantined, NoteKind::Warning, NoteKind::Skipped];

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

/// One thing to say about a row, a cell or a sheet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub kind: NoteKind,
    /// Sheet number in the file, from 0.
    pub sheet: u32,
    /// Row as a person counts; 0 = the sheet as a whole.
    pub row: u32,
    /// Cell such as `P27`; empty = the whole row.
    pub cell: String,
    /// Chinese title of the field; empty where none.
    pub field: String,
    pub code: String,
    /// What the row calls itself, where it could be read.
    #[serde(default)]
    pub name: String,
    /// The unit that keeps the row, as the row names it.
    pub unit: String,
    pub raw: String,
    pub reason: String,
    pub hint: String,
    /// The row is marked 涉密 or 不便公开, whether or not it could be taken: for the office alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restricted: bool,
}

/// Counts of one sheet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetAccount {
    pub sheet: String,
    /// Rows with any content below the header.
    pub read: u64,
    pub accepted: u64,
    pub quarantined: u64,
    pub skipped: u64,
    /// Rows with content that are hidden in the file; they are read like the others.
    #[serde(default)]
    pub hidden_rows: u64,
    /// Not read at all, and why (hidden sheet, no header of any ledger).
    pub unread: Option<String>,
    /// Field id → column letters, in field order.
    pub columns: Vec<(String, String)>,
    /// Field id of each column of amounts → the unit it was read in, and what says so.
    #[serde(default)]
    pub units: Vec<(String, String)>,
    /// Letters and words of the columns that name no field: nothing is read from them.
    #[serde(default)]
    pub unknown: Vec<(String, String)>,
}

impl SheetAccount {
    /// The account adds up.
    pub fn holds(&self) -> bool {
        self.read == self.accepted + self.quarantined + self.skipped
    }
}

/// The sentence a clerk reads about a note: `全省项目台账 第27行 签约时间（P27）写的是“2023-02-30”，这一天不存在，该行暂未入库。`
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
