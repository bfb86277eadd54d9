//! How much one file may hold, whatever its format. A child checks it before it sends, and its parent once more before it stores: what a child
//! sends may be forged.

use crate::domain::intake::merges::{MERGES_MAX, MergeFault, fault_of};
use crate::domain::intake::raw::{CellRange, Raw, RawRow};
use crate::domain::intake::sheet::SHARED_BYTES_MAX;
use crate::source::refusal::Refusal;
use std::borrow::Cow;

/// The most UTF-16 units of a cell: Excel's own limit.
pub(crate) const CELL_UNITS_MAX: usize = 32_767;

/// The most bytes of the text of a cell: three for each unit, and the mark of a text that was cut.
pub(crate) const CELL_BYTES_MAX: usize = CELL_UNITS_MAX * 3 + CUT.len();

/// The mark of a text that was cut. With it the text is longer than a cell may be, also where its last character would be a half.
const CUT: &str = "……";

/// The most bytes of the texts of a row.
pub(crate) const ROW_BYTES_MAX: usize = 1024 * 1024;

/// The most sheets of a file.
pub(crate) const SHEETS_MAX: usize = crate::domain::intake::rows::SHEETS_MAX;

/// The most hidden ranges of columns of a sheet.
pub(crate) const HIDDEN_RANGES_MAX: usize = 16_384;

/// The texts of a file may have so many bytes in all, and so many more for each byte of the file. A text is written once in a workbook and may be
/// named by any number of cells; those of a real register come to less than half of this.
const TEXT_BYTES_FREE: u64 = 64 * 1024 * 1024;
const TEXT_BYTES_PER_BYTE: u64 = 50;

/// The same for its cells, of which even the smallest file takes most of a byte for each.
const CELLS_FREE: u64 = 4_000_000;
const CELLS_PER_BYTE: u64 = 2;

/// The bytes of a packed cell beside those of its text, or of a cell without text.
const PACKED_CELL_BYTES: u64 = 12;

/// The most bytes of the rows of a file of so many bytes once they are packed, with the texts that rows share by merged cells.
pub(crate) fn packed_bytes_max(bytes: u64) -> u64 {
    let RowBudget { text_bytes, cells } = RowBudget::of_file(bytes);
    text_bytes.saturating_add(cells.saturating_mul(PACKED_CELL_BYTES)).saturating_add(SHARED_BYTES_MAX as u64)
}

const HINT: &str = "请用Excel或WPS另存为xlsx后再导入";

/// What is left of what the rows of a file may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowBudget {
    text_bytes: u64,
    cells: u64,
}

impl RowBudget {
    /// The budget of a file of so many bytes.
    pub(crate) fn of_file(bytes: u64) -> RowBudget {
        RowBudget {
            text_bytes: bytes.saturating_mul(TEXT_BYTES_PER_BYTE).saturating_add(TEXT_BYTES_FREE),
            cells: bytes.saturating_mul(CELLS_PER_BYTE).saturating_add(CELLS_FREE),
        }
    }

    /// Takes a row off.
    ///
    /// # Errors
    /// The row is too long, or the rows of the file are.
    pub(crate) fn take(&mut self, row: u32, cells: usize, text_bytes: usize) -> Result<(), Refusal> {
        if text_bytes > ROW_BYTES_MAX {
            let reason = format!("第{row}行的文字共{}KB，超出{}KB的限度", text_bytes / 1024, ROW_BYTES_MAX / 1024);
            return Err(Refusal::new(reason, "一行不会有这么多文字，请先检查该文件是否正常、是否选错；确有长篇材料的，拆分到附件中再导入"));
        }
        match (self.text_bytes.checked_sub(text_bytes as u64), self.cells.checked_sub(cells as u64)) {
            (Some(text_bytes), Some(cells)) => {
                *self = RowBudget { text_bytes, cells };
                Ok(())
            }
            _ => {
                let reason = format!("疑似构造的文件：到第{row}行，各单元格展开后已远大于文件本身");
                Err(Refusal::new(reason, "请核对是否选错了文件，或用Excel、WPS另存为xlsx后再导入"))
            }
        }
    }
}

/// A text cut to the limit of a cell, with a mark at its end. The intake reports it, because it is longer than a cell may be.
pub(crate) fn bounded(text: &str) -> Cow<'_, str> {
    // a text has at least as many bytes as UTF-16 units
    if text.len() <= CELL_UNITS_MAX {
        return Cow::Borrowed(text);
    }
    let mut units = 0;
    let end = text.char_indices().find(|(_, character)| {
        units += character.len_utf16();
        units > CELL_UNITS_MAX
    });
    match end {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}{CUT}", &text[..end])),
    }
}

/// As [`bounded`].
pub(crate) fn into_bounded(text: Cow<'_, str>) -> Cow<'_, str> {
    if let Cow::Owned(cut) = bounded(&text) {
        return Cow::Owned(cut);
    }
    text
}

/// Bounds the texts of a row, and returns their bytes.
pub(crate) fn bound_texts(row: &mut RawRow<'_>) -> usize {
    let mut bytes = 0;
    for (_, raw) in &mut row.cells {
        if let Raw::Text(text) | Raw::Error(text) | Raw::Struck(text) = raw {
            if let Cow::Owned(cut) = bounded(text) {
                *text = Cow::Owned(cut);
            }
            bytes += text.len();
        }
    }
    bytes
}

/// # Errors
/// There are too many merged ranges, or two of them overlap.
pub(crate) fn check_merges(ranges: &[CellRange]) -> Result<(), Refusal> {
    match fault_of(ranges) {
        None => Ok(()),
        Some(MergeFault::TooMany) => Err(too_many_merges()),
        Some(MergeFault::Overlap(range)) => Err(Refusal::new(format!("文件结构有误：合并单元格互相重叠（{}处）", range.name()), HINT)),
    }
}

/// The most texts beside the cells of a sheet, and the most bytes of them together.
const BESIDE_MAX: usize = 20_000;
const BESIDE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// # Errors
/// There are too many texts beside the cells of a sheet, or they are too long.
pub(crate) fn check_beside(texts: &[(u32, &str)]) -> Result<(), Refusal> {
    let bytes: usize = texts.iter().map(|(_, text)| text.len()).sum();
    if texts.len() > BESIDE_MAX || bytes > BESIDE_BYTES_MAX {
        return Err(Refusal::new(format!("一张工作表的批注超过{BESIDE_MAX}条，或过长"), "请删除批注后再导入"));
    }
    Ok(())
}

pub(crate) fn too_many_merges() -> Refusal {
    Refusal::new(format!("一张工作表的合并单元格超过{MERGES_MAX}处"), "请取消合并，逐行填写后再导入")
}

pub(crate) fn too_many_sheets() -> Refusal {
    Refusal::new(format!("文件中的工作表超过{SHEETS_MAX}张"), "请只保留台账所在的工作表，或分成几个文件导入")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_counts_up_to_the_limit_of_a_cell() {
        let longest = "贵".repeat(CELL_UNITS_MAX);
        assert_eq!(bounded(&longest), longest);
        assert_eq!(bounded(&format!("{longest}阳")), format!("{longest}……"));
        // a character outside the basic plane is two units
        let wide = "𠀀".repeat(20_000);
        assert_eq!(bounded(&wide), format!("{}……", "𠀀".repeat(CELL_UNITS_MAX / 2)));
        assert!(bounded(&wide).len() <= CELL_BYTES_MAX && bounded(&format!("{longest}阳")).len() <= CELL_BYTES_MAX);
    }

    #[test]
    fn the_rows_of_a_small_file_are_bounded() {
        let mut budget = RowBudget::of_file(1000);
        assert!(budget.take(1, 1, ROW_BYTES_MAX + 1).unwrap_err().reason.contains("第1行"));
        let rows = (1..).take_while(|row| budget.take(*row, 64, ROW_BYTES_MAX).is_ok()).count();
        assert_eq!(rows, 64, "64 MiB and a little");
        let mut budget = RowBudget::of_file(1000);
        assert_eq!((1..).take_while(|row| budget.take(*row, 1024, 0).is_ok()).count(), 4_002_000 / 1024);
    }
}
