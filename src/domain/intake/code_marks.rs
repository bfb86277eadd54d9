//! The marks of secrecy of one ledger of one file, by code. A file may mark a million rows, so codes are in one buffer and equal cells are
//! stored once.

use crate::domain::compared_form::compared_code;
use crate::domain::register::codes::{Codes, TooMany};
use std::collections::HashMap;

/// The cell of a mark, and the doubtful header it is of; empty = a column of secrecy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct MarkedBy {
    cell: String,
    header: String,
}

/// The secrecy cell of a record whose mark was read from another column.
pub(crate) const RESTRICTED: &str = "不便公开";

/// The most bytes of different cells; of further ones only that they restrict is known.
const CELL_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A mark as a file states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundMark<'a> {
    pub code: &'a str,
    pub name: &'a str,
    pub cell: &'a str,
    pub header: &'a str,
}

/// Marks by code. Of several marks of one code the first counts.
#[derive(Debug, Default)]
pub struct CodeMarks {
    codes: Codes<u32>,
    /// Of the codes that are not in the compared form, the first of each by that form.
    by_form: Codes<usize>,
    /// The names of the rows, in the order of the codes.
    names: Vec<Box<str>>,
    kinds: Vec<MarkedBy>,
    numbers: HashMap<MarkedBy, u32>,
    bytes: usize,
}

impl CodeMarks {
    /// Adds a mark, unless the code has one.
    ///
    /// # Errors
    /// The codes together are longer than 4 GB.
    pub fn add(&mut self, code: &str, name: &str, cell: &str, header: &str) -> Result<(), TooMany> {
        if self.codes.index(code).is_some() {
            return Ok(());
        }
        let mut by = MarkedBy { cell: cell.to_owned(), header: header.to_owned() };
        if !self.numbers.contains_key(&by) && self.bytes > CELL_BYTES_MAX {
            by.cell = RESTRICTED.to_owned();
        }
        let next = u32::try_from(self.kinds.len()).map_err(|_| TooMany)?;
        let number = *self.numbers.entry(by.clone()).or_insert(next);
        if number == next {
            self.bytes += by.cell.len() + by.header.len();
            self.kinds.push(by);
        }
        let form = compared_code(code);
        if form != code && self.by_form.index(&form).is_none() {
            self.by_form.insert(&form, self.names.len())?;
        }
        self.names.push(name.into());
        self.codes.insert(code, number)
    }

    /// The cell of a code's mark.
    pub fn cell(&self, code: &str) -> Option<&str> {
        self.codes.get(code).map(|number| self.kinds[*number as usize].cell.as_str())
    }

    /// The mark of a code, or of one that differs only in how it is written.
    pub fn like(&self, code: &str) -> Option<FoundMark<'_>> {
        let form = compared_code(code);
        let index = self.codes.index(code).or_else(|| self.codes.index(&form)).or_else(|| self.by_form.get(&form).copied())?;
        self.at(index)
    }

    fn at(&self, index: usize) -> Option<FoundMark<'_>> {
        let (code, number) = self.codes.at(index)?;
        let MarkedBy { cell, header } = &self.kinds[*number as usize];
        Some(FoundMark { code, name: &self.names[index], cell, header })
    }

    /// Whether a code has a mark.
    pub fn has(&self, code: &str) -> bool {
        self.codes.index(code).is_some()
    }

    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// All marks, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = FoundMark<'_>> {
        (0..self.names.len()).filter_map(|index| self.at(index))
    }

    /// Gives all marks this cell, and no name and header.
    pub fn set_cells(&mut self, cell: &str) {
        self.names.fill(Box::default());
        for by in &mut self.kinds {
            *by = MarkedBy { cell: cell.to_owned(), header: String::new() };
        }
        self.numbers.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_mark_of_a_code_counts_and_cells_are_bounded() {
        let mut marks = CodeMarks::default();
        assert!(marks.is_empty() && !marks.has("A"));
        for (code, cell) in [("A", "是"), ("B", "是"), ("A", "内部")] {
            marks.add(code, "甲", cell, "").unwrap();
        }
        let mark = |code| FoundMark { code, name: "甲", cell: "是", header: "" };
        assert_eq!(marks.iter().collect::<Vec<_>>(), [mark("A"), mark("B")]);
        for number in 0..300_000 {
            marks.add(&format!("C{number}"), "", &format!("看情况{number}"), "密").unwrap();
        }
        assert_eq!((marks.cell("C0"), marks.cell("C299999")), (Some("看情况0"), Some(RESTRICTED)));
        assert!(marks.bytes < CELL_BYTES_MAX + 1000);
        marks.add("GZ-1O", "乙", "是", "").unwrap();
        assert_eq!(marks.like("GZ10（一期）").map(|mark| mark.code), Some("GZ-1O"));
        assert_eq!((marks.like("A").map(|mark| mark.name), marks.like("GZ11")), (Some("甲"), None));
        marks.set_cells("（拒收）");
        let refused = |mark: &FoundMark<'_>| mark.cell == "（拒收）" && mark.header.is_empty() && mark.name.is_empty();
        assert_eq!(marks.iter().filter(refused).count(), 300_003);
    }
}
