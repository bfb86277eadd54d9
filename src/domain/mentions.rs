//! Marked projects as the texts of other records name them: by code or by name. A text that names one may not leave the office.

use crate::domain::intake::cell::canonical_char;
use crate::domain::intake::text::is_invisible;
use std::collections::HashMap;

/// The fewest characters of a name that is looked for within texts; a shorter one is compared with whole cells.
const NAME_CHARS_MIN: usize = 4;

/// The same of codes: one with a letter and a digit, one of letters or other characters, and one of digits, which may be an amount or a day.
const MIXED_CODE_CHARS_MIN: usize = 3;
const LETTER_CODE_CHARS_MIN: usize = 4;
const DIGIT_CODE_CHARS_MIN: usize = 9;

/// A code of so many characters is found in the cell of a project where others are written right before or behind it.
const JOINED_CODE_CHARS_MIN: usize = 6;

/// Between several projects in one cell.
const BETWEEN_PROJECTS: [char; 11] = ['、', ',', ';', '/', '|', '\n', '\r', '\t', '和', '及', '与'];

/// More marked projects than these are not looked for in texts; records that belong to them are known by their codes.
pub(crate) const PROJECTS_MAX: usize = 100_000;

/// A code or name.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// Index into `Mentions::projects`.
    project: u32,
    /// It is looked for within texts too.
    is_within_texts: bool,
    /// A code is meant only where no letter or digit continues it.
    is_code: bool,
}

/// The codes and names of marked projects.
#[derive(Debug, Default)]
pub struct Mentions {
    projects: Vec<String>,
    known: HashMap<Box<[char]>, Known>,
    /// Of those that are looked for within texts: the lengths by the first two characters. Nearly all codes begin alike and have one length.
    lengths: HashMap<[char; 2], Vec<usize>>,
    /// Bytes of the shortest of them: most cells are shorter.
    bytes_min: usize,
}

/// The characters of a text in the form in which codes and names are compared: as codes are written, without spaces.
fn compared_chars(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| !c.is_whitespace() && !is_invisible(*c)).map(canonical_char)
}

/// Whether a code is one that no other text is like.
fn is_distinct_code(code: &[char]) -> bool {
    let (has_digit, has_other) = (code.iter().any(char::is_ascii_digit), code.iter().any(|c| !c.is_ascii_digit()));
    code.len()
        >= match (has_digit, has_other) {
            (true, true) => MIXED_CODE_CHARS_MIN,
            (true, false) => DIGIT_CODE_CHARS_MIN,
            (false, _) => LETTER_CODE_CHARS_MIN,
        }
}

impl Mentions {
    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Adds a marked project by its code.
    pub fn add_code(&mut self, code: &str) {
        self.add(code, code, is_distinct_code, true);
    }

    /// Adds a name of a marked project. `is_common`: other things have this name too, so that only the cell in which a record names its project
    /// means it.
    pub fn add_name(&mut self, code: &str, name: &str, is_common: bool) {
        self.add(code, name, |text| text.len() >= NAME_CHARS_MIN && !is_common, false);
    }

    fn add(&mut self, project: &str, text: &str, is_within_texts: impl Fn(&[char]) -> bool, is_code: bool) {
        let text: Box<[char]> = compared_chars(text).collect();
        if text.is_empty() || self.known.contains_key(&text) {
            return;
        }
        if self.projects.last().is_none_or(|last| last != project) {
            if self.projects.len() >= PROJECTS_MAX {
                return;
            }
            self.projects.push(project.to_owned());
        }
        let known = Known { project: self.projects.len() as u32 - 1, is_within_texts: is_within_texts(&text), is_code };
        if known.is_within_texts {
            let bytes = text.iter().map(|c| c.len_utf8()).sum();
            self.bytes_min = if self.lengths.is_empty() { bytes } else { self.bytes_min.min(bytes) };
            let lengths = self.lengths.entry([text[0], text[1]]).or_default();
            if !lengths.contains(&text.len()) {
                lengths.push(text.len());
            }
        }
        self.known.insert(text, known);
    }

    fn project(&self, known: &Known) -> Option<&str> {
        self.projects.get(known.project as usize).map(String::as_str)
    }

    /// The marked project that a text names.
    pub fn in_text(&self, text: &str) -> Option<&str> {
        if self.lengths.is_empty() || text.len() < self.bytes_min {
            return None;
        }
        let text: Vec<char> = compared_chars(text).collect();
        let is_continued =
            |inner: char, outer: Option<&char>| inner.is_ascii_alphanumeric() && outer.is_some_and(char::is_ascii_alphanumeric);
        let known_at = |at: usize, length: usize| {
            let found = text.get(at..at + length)?;
            let before = at.checked_sub(1).and_then(|before| text.get(before));
            let is_part =
                |known: &Known| known.is_code && (is_continued(found[0], before) || is_continued(found[length - 1], text.get(at + length)));
            self.known.get(found).filter(|known| known.is_within_texts && !is_part(known))
        };
        let found = text.windows(2).enumerate().find_map(|(at, start)| {
            let lengths = self.lengths.get(&[start[0], start[1]])?;
            lengths.iter().find_map(|length| known_at(at, *length))
        })?;
        self.project(found)
    }

    /// The marked project that a cell is the code or a name of.
    pub fn in_whole(&self, cell: &str) -> Option<&str> {
        let cell: Vec<char> = compared_chars(cell).collect();
        self.known.get(cell.as_slice()).and_then(|known| self.project(known))
    }

    /// The marked project that a cell names in which a record is to name its project, or several.
    pub fn in_tie(&self, cell: &str) -> Option<&str> {
        if self.is_empty() || cell.is_empty() {
            return None;
        }
        let is_between = |c: char| BETWEEN_PROJECTS.contains(&canonical_char(c)) || c.is_whitespace();
        let whole = self.in_whole(cell).or_else(|| self.in_text(cell));
        whole.or_else(|| cell.split(is_between).find_map(|part| self.in_whole(part))).or_else(|| self.in_joined_codes(cell))
    }

    /// The marked project of a code in a cell that is longer by half a code at least: intake leaves out the spaces and line breaks between codes.
    fn in_joined_codes(&self, cell: &str) -> Option<&str> {
        let cell: Vec<char> = compared_chars(cell).collect();
        let found = cell.windows(2).enumerate().find_map(|(at, start)| {
            let mut lengths = self.lengths.get(&[start[0], start[1]])?.iter();
            lengths.find_map(|length| {
                let is_long = *length >= JOINED_CODE_CHARS_MIN && cell.len() >= length + length / 2;
                self.known.get(cell.get(at..at + length)?).filter(|known| known.is_code && is_long)
            })
        })?;
        self.project(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mentions() -> Mentions {
        let mut mentions = Mentions::default();
        for (code, name) in [("GZ501", "磷酸铁锂生产线（一期）"), ("7", "茶厂"), ("202500123", "标准厂房建设"), ("黔招12号", "")]
        {
            mentions.add_code(code);
            mentions.add_name(code, name, name == "标准厂房建设");
        }
        mentions
    }

    #[test]
    fn a_text_names_a_project_by_its_code_or_its_whole_name() {
        let mentions = mentions();
        for (text, code) in [
            ("请推进GZ501。", "GZ501"),
            ("ｇｚ５０１", "GZ501"),
            ("见 GZ 501、GZ502", "GZ501"),
            ("W-GZ501-2", "GZ501"),
            ("关于磷酸铁锂 生产线(一期)用地的请示", "GZ501"),
            ("第202500123号", "202500123"),
            ("按黔招12号办理", "黔招12号"),
        ] {
            assert_eq!(mentions.in_text(text), Some(code), "{text}");
            assert_eq!(mentions.in_tie(text), Some(code), "{text}");
        }
        for text in
            ["", "GZ5012", "AGZ501", "磷酸铁锂生产线（二期）", "7", "第7号", "茶厂", "标准厂房建设", "1202500123", "酸铁锂生产线（一期）"]
        {
            assert_eq!(mentions.in_text(text), None, "{text}");
        }
        assert_eq!(Mentions::default().in_text("GZ501"), None);
    }

    #[test]
    fn a_cell_that_is_to_name_projects_names_each_of_them() {
        let mentions = mentions();
        for (cell, code) in [
            ("7", "7"),
            ("GZ1、7", "7"),
            ("GZ1；GZ501", "GZ501"),
            ("GZ1 7", "7"),
            ("茶厂", "7"),
            ("茶厂和糖厂", "7"),
            ("标准厂房建设", "202500123"),
            ("GZ1\n７", "7"),
        ] {
            assert_eq!(mentions.in_tie(cell), Some(code), "{cell}");
        }
        for cell in ["", "17", "GZ1、77", "茶厂二号", "糖厂"] {
            assert_eq!(mentions.in_tie(cell), None, "{cell}");
        }
    }
}
