//! The lists of the import report: name, advice to the reader, columns.

// Titles of the columns with their widths in characters.
pub(super) const NOTE_HEADS: [(&str, f64); 11] = [
    ("序号", 6.0),
    ("责任单位", 14.0),
    ("台账", 11.0),
    ("工作表", 13.0),
    ("单元格", 9.0),
    ("编号", 14.5),
    ("名称", 20.0),
    ("栏目", 12.0),
    ("原文", 16.0),
    ("原因", 30.0),
    ("怎样改", 26.0),
];
pub(super) const SKIPPED_HEADS: [(&str, f64); 6] =
    [("序号", 6.0), ("台账", 12.0), ("工作表", 18.0), ("行", 9.0), ("原文", 60.0), ("原因", 26.0)];
pub(super) const CODE_HEADS: [(&str, f64); 7] = [
    ("序号", 6.0),
    ("类别", 8.0),
    ("台账", 12.0),
    ("编号", 18.0),
    ("名称", 36.0),
    ("责任单位", 20.0),
    ("所在位置（消失的为最后一次所在位置）", 42.0),
];

/// The lists of the report, in the order of their sheets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ListKind {
    Quarantined,
    Warnings,
    Skipped,
    Codes,
}

impl ListKind {
    pub(super) const ALL: [ListKind; 4] = [ListKind::Quarantined, ListKind::Warnings, ListKind::Skipped, ListKind::Codes];

    pub(super) fn name(self) -> &'static str {
        match self {
            ListKind::Quarantined => "待核行",
            ListKind::Warnings => "提示",
            ListKind::Skipped => "未作数据的行",
            ListKind::Codes => "新增与消失",
        }
    }

    /// What the reader is to do with the list.
    pub(super) fn advice(self) -> &'static str {
        match self {
            ListKind::Quarantined => {
                "本表列没有入库、需要改正的行。请各责任单位按“怎样改”一栏在原文件中改正，再把改好的文件重新导入；同一行有几处要改的，分几条列出。"
            }
            ListKind::Warnings => {
                "本表列不影响入库、但需要看一看的内容。请各责任单位核对，有误的在原文件中改正后重新导入，无误的不用处理。"
            }
            ListKind::Skipped => {
                "本表列没有当作数据的行，如合计、标题、备注。请看一遍：如其中有真正的数据，请补上编号后重新导入；没有的不用处理。"
            }
            ListKind::Codes => {
                "本表列与上一次相比新增和消失的编号。请核对消失的：漏报的，补报后重新导入；确已退出的，报办公室用 duban snapshot confirm-gone 确认。"
            }
        }
    }

    /// The content of the list, for the table of sheets.
    pub(super) fn description(self) -> &'static str {
        match self {
            ListKind::Quarantined => "没有入库的行：改正后重新导入",
            ListKind::Warnings => "不影响入库、需要看一看的内容",
            ListKind::Skipped => "合计、标题、备注等没有当作数据的行",
            ListKind::Codes => "与上一次相比新增和消失的编号",
        }
    }

    pub(super) fn heads(self) -> &'static [(&'static str, f64)] {
        match self {
            ListKind::Quarantined | ListKind::Warnings => &NOTE_HEADS,
            ListKind::Skipped => &SKIPPED_HEADS,
            ListKind::Codes => &CODE_HEADS,
        }
    }
}

/// A list with its number of rows and the index of its first sheet.
pub(super) struct PlannedList {
    pub(super) kind: ListKind,
    pub(super) count: usize,
    pub(super) sheet: usize,
}
