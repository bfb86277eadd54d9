//! The shared strings of a workbook: one text after another in one buffer.

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedStrings {
    pub(crate) text: String,
    /// Where each string ends.
    pub(crate) ends: Vec<u32>,
}

impl SharedStrings {
    /// Start and end of a string.
    fn bounds(&self, index: u32) -> Option<(usize, usize)> {
        let index = index as usize;
        let end = *self.ends.get(index)? as usize;
        Some((if index == 0 { 0 } else { self.ends[index - 1] as usize }, end))
    }

    /// The string of a number; `None` = there is none.
    pub fn get(&self, index: u32) -> Option<&str> {
        let (start, end) = self.bounds(index)?;
        self.text.get(start..end)
    }

    /// Whether a string is empty; `None` = there is no string of this number.
    pub fn is_blank(&self, index: u32) -> Option<bool> {
        self.bounds(index).map(|(start, end)| start == end)
    }

    /// Frees the texts. [`SharedStrings::is_blank`] still works.
    pub fn drop_texts(&mut self) {
        self.text = String::new();
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}
