//! The shared strings of a workbook: one text after another in one buffer.

use xxhash_rust::xxh3::xxh3_64;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedStrings {
    pub(crate) text: String,
    /// Where each string ends.
    pub(crate) ends: Vec<u32>,
    /// The hash of each string; empty until [`SharedStrings::hash`] is called.
    hashes: Vec<u64>,
}

/// The hash of a text. It distinguishes texts and need not resist forgery.
pub fn hash(text: &[u8]) -> u64 {
    xxh3_64(text)
}

impl SharedStrings {
    pub fn new(text: String, ends: Vec<u32>) -> SharedStrings {
        SharedStrings { text, ends, hashes: Vec::new() }
    }

    /// Start and end of a string.
    fn bounds(&self, index: u32) -> Option<(usize, usize)> {
        let index = index as usize;
        let end = *self.ends.get(index)? as usize;
        Some((if index == 0 { 0 } else { self.ends[index - 1] as usize }, end))
    }

    /// The bytes of the first strings together.
    pub(crate) fn bytes_of_first(&self, count: usize) -> usize {
        count.checked_sub(1).and_then(|last| self.ends.get(last)).map_or(0, |end| *end as usize)
    }

    /// The bytes of a string; `None` = there is no string of this number.
    pub fn len_of(&self, index: u32) -> Option<usize> {
        self.bounds(index).map(|(start, end)| end.saturating_sub(start))
    }

    /// The string of a number; `None` = there is none.
    pub fn get(&self, index: u32) -> Option<&str> {
        let (start, end) = self.bounds(index)?;
        self.text.get(start..end)
    }

    /// Hashes all strings once: rows repeat them.
    pub fn hash(&mut self) {
        self.hashes = (0..self.ends.len() as u32).map(|index| hash(self.get(index).unwrap_or_default().as_bytes())).collect();
    }

    /// The hash of a string, as [`hash`] makes it; `None` = there is no string of this number, or the strings are not hashed.
    pub fn hash_of(&self, index: u32) -> Option<u64> {
        self.hashes.get(index as usize).copied()
    }

    /// Frees the texts. [`SharedStrings::len_of`] still works.
    pub fn drop_texts(&mut self) {
        self.text = String::new();
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}
