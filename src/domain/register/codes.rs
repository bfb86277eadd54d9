//! A map from codes to values for a whole register. The codes are in one buffer, so a million entries take 60 MB instead of 150 MB.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// A map from codes to values.
#[derive(Debug)]
pub struct Codes<T> {
    text: String,
    /// The end of each code in `text`, with its value.
    entries: Vec<(u32, T)>,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl<T> Default for Codes<T> {
    fn default() -> Codes<T> {
        Codes { text: String::new(), entries: Vec::new(), table: HashTable::new(), hasher: DefaultHashBuilder::default() }
    }
}

impl<T> Codes<T> {
    fn code<'a>(text: &'a str, entries: &[(u32, T)], index: u32) -> &'a str {
        let index = index as usize;
        let start = if index == 0 { 0 } else { entries[index - 1].0 as usize };
        &text[start..entries[index].0 as usize]
    }

    /// The index of a code in the order of insertion, from 0.
    pub fn index(&self, code: &str) -> Option<usize> {
        let hash = self.hasher.hash_one(code);
        self.table.find(hash, |index| Codes::code(&self.text, &self.entries, *index) == code).map(|index| *index as usize)
    }

    pub fn get(&self, code: &str) -> Option<&T> {
        self.index(code).map(|index| &self.entries[index].1)
    }

    pub fn get_mut(&mut self, code: &str) -> Option<&mut T> {
        self.index(code).map(|index| &mut self.entries[index].1)
    }

    /// Adds a code that is not in the map yet.
    ///
    /// # Errors
    /// The codes together are longer than 4 GB.
    pub fn insert(&mut self, code: &str, value: T) -> Result<(), TooMany> {
        let end = u32::try_from(self.text.len() + code.len()).map_err(|_| TooMany)?;
        let index = u32::try_from(self.entries.len()).map_err(|_| TooMany)?;
        self.text.push_str(code);
        self.entries.push((end, value));
        let Codes { text, entries, table, hasher } = self;
        let hash = hasher.hash_one(code);
        table.insert_unique(hash, index, |index| hasher.hash_one(Codes::code(text, entries, *index)));
        Ok(())
    }

    /// The code at an index of insertion, with its value.
    pub fn at(&self, index: usize) -> Option<(&str, &T)> {
        let (_, value) = self.entries.get(index)?;
        Some((Codes::code(&self.text, &self.entries, index as u32), value))
    }

    /// All codes and values in the order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.entries.iter().enumerate().map(|(index, (_, value))| (Codes::code(&self.text, &self.entries, index as u32), value))
    }
}

/// The codes together are longer than 4 GB.
#[derive(Debug)]
pub struct TooMany;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inserted_codes_are_found() {
        let mut codes = Codes::default();
        for number in 0..1000 {
            codes.insert(&format!("GZ{number}"), number).unwrap();
        }
        assert_eq!(codes.get("GZ7"), Some(&7));
        assert_eq!(codes.get("GZ1000"), None);
        assert_eq!((codes.index("GZ7"), codes.at(7), codes.at(1000)), (Some(7), Some(("GZ7", &7)), None));
        *codes.get_mut("GZ999").unwrap() = -1;
        assert_eq!(codes.iter().last(), Some(("GZ999", &-1)));
    }
}
