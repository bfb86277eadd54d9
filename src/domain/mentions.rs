//! Marked projects as the texts of other records name them: by code or by name. A text that names one may not leave the office.

use crate::domain::compared_form::{compared_char, compared_chars, compared_code, digit_for_letter, without_project};
use crate::domain::intake::cell::canonical_char;
use std::collections::HashMap;

/// The fewest characters of a name that is looked for within texts; a shorter one is compared with whole cells. Without the word 项目 at its end a
/// name means less.
const NAME_CHARS_MIN: usize = 4;
const NAME_CHARS_WITHOUT_PROJECT_MIN: usize = 5;

/// The same of codes: one with a letter and a digit, one of letters or other characters, and one of digits, which may be an amount or a day.
const MIXED_CODE_CHARS_MIN: usize = 3;
const LETTER_CODE_CHARS_MIN: usize = 4;
const DIGIT_CODE_CHARS_MIN: usize = 9;

/// A code of so many characters is found in the cell of a project where others are written right before or behind it, and in texts also with
/// letters for digits.
const LONG_CODE_CHARS_MIN: usize = 6;

/// Between several projects in one cell.
const BETWEEN_PROJECTS: [char; 11] = ['、', ',', ';', '/', '|', '\n', '\r', '\t', '和', '及', '与'];

/// More marked projects than these are not looked for in texts; records that belong to them are known by their codes.
pub(crate) const PROJECTS_MAX: usize = 100_000;

/// What a known text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Name,
    /// It is meant only where no letter or digit continues it.
    Code,
    /// As a code, with digits for the letters that look like them.
    LongCode,
}

/// A code or name.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// Index into `Mentions::projects`.
    project: u32,
    kind: Kind,
}

/// The codes and names of marked projects.
#[derive(Debug, Default)]
pub struct Mentions {
    projects: Vec<String>,
    /// Several projects may have one name.
    known: HashMap<Box<[char]>, Vec<Known>>,
    /// Those that are looked for within texts as a tree: where a character leads on from a place, the first place is 0. However many names begin
    /// alike, a text costs no more than its length times that of the longest name.
    tree: HashMap<(u32, char), u32>,
    /// What ends at a place of the tree.
    ends: HashMap<u32, Vec<Known>>,
    /// Bytes of the shortest of them: most cells are shorter.
    bytes_min: usize,
}

/// A text in the compared form.
struct ComparedText {
    chars: Vec<char>,
    /// Whether a sign before each character was left out.
    is_behind_sign: Vec<bool>,
}

impl ComparedText {
    fn of(text: &str) -> ComparedText {
        let (mut chars, mut is_behind_sign) = (Vec::with_capacity(text.len() / 2), Vec::with_capacity(text.len() / 2));
        let mut is_behind = false;
        for c in text.chars() {
            match compared_char(c) {
                Some(c) => {
                    chars.push(c);
                    is_behind_sign.push(std::mem::take(&mut is_behind));
                }
                None => is_behind = true,
            }
        }
        ComparedText { chars, is_behind_sign }
    }

    /// Whether a letter or digit before or behind a place continues a code there.
    fn is_continued(&self, at: usize, length: usize) -> bool {
        let joined = |second: usize| {
            let pair = second.checked_sub(1).and_then(|first| self.chars.get(first)).zip(self.chars.get(second));
            pair.is_some_and(|(a, b)| a.is_ascii_alphanumeric() && b.is_ascii_alphanumeric()) && !self.is_behind_sign[second]
        };
        joined(at) || joined(at + length)
    }
}

/// Whether a code is one that no other text is like.
fn is_distinct_code(code: &str) -> bool {
    let chars = || code.chars().filter(|c| !c.is_whitespace());
    let (has_digit, has_other) = (chars().any(|c| c.is_ascii_digit()), chars().any(|c| !c.is_ascii_digit()));
    chars().count()
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
        let long: Vec<char> = compared_code(code).chars().collect();
        if long.len() >= LONG_CODE_CHARS_MIN {
            self.add(code, &long, is_distinct_code(code), Kind::LongCode);
        } else {
            self.add(code, &compared_chars(code), is_distinct_code(code), Kind::Code);
        }
    }

    /// Adds a name of a marked project. `is_common`: other things have this name too, in its compared form, so that only the cell in which a record
    /// names its project means it.
    pub fn add_name(&mut self, code: &str, name: &str, is_common: impl Fn(&str) -> bool) {
        let whole = compared_chars(name);
        let is_own = |form: &[char]| !is_common(&form.iter().collect::<String>());
        let short = without_project(&whole);
        self.add(code, &whole, whole.len() >= NAME_CHARS_MIN && is_own(&whole), Kind::Name);
        self.add(code, short, short.len() >= NAME_CHARS_WITHOUT_PROJECT_MIN && is_own(short), Kind::Name);
    }

    fn add(&mut self, project: &str, text: &[char], is_within_texts: bool, kind: Kind) {
        let is_of_project = |known: &Known| self.projects.get(known.project as usize).is_some_and(|of| of == project);
        if text.is_empty() || self.known.get(text).is_some_and(|all| all.iter().any(is_of_project)) {
            return;
        }
        if self.projects.last().is_none_or(|last| last != project) {
            if self.projects.len() >= PROJECTS_MAX {
                return;
            }
            self.projects.push(project.to_owned());
        }
        let known = Known { project: self.projects.len() as u32 - 1, kind };
        if is_within_texts && text.len() > 1 {
            let bytes = text.iter().map(|c| c.len_utf8()).sum();
            self.bytes_min = if self.ends.is_empty() { bytes } else { self.bytes_min.min(bytes) };
            let end = text.iter().fold(0, |place, c| {
                let next = self.tree.len() as u32 + 1;
                *self.tree.entry((place, *c)).or_insert(next)
            });
            self.ends.entry(end).or_default().push(known);
        }
        self.known.entry(text.into()).or_default().push(known);
    }

    /// The project of a known text, if it counts.
    fn project(&self, known: &Known, counts: &dyn Fn(&str) -> bool) -> Option<&str> {
        self.projects.get(known.project as usize).map(String::as_str).filter(|project| counts(project))
    }

    /// The project of the first code or name in a text at a place and of a length for which `is_meant` holds.
    fn find(&self, chars: &[char], counts: &dyn Fn(&str) -> bool, is_meant: impl Fn(&Known, usize, usize) -> bool) -> Option<&str> {
        (0..chars.len()).find_map(|at| {
            let mut place = 0;
            let places = chars[at..].iter().map_while(|c| {
                place = *self.tree.get(&(place, *c))?;
                Some(place)
            });
            places.enumerate().find_map(|(index, place)| {
                let known = self.ends.get(&place)?.iter();
                known.filter(|known| is_meant(known, at, index + 1)).find_map(|known| self.project(known, counts))
            })
        })
    }

    /// The marked project that a text names. `counts`: whether a project is looked for.
    pub fn in_text(&self, text: &str, counts: &dyn Fn(&str) -> bool) -> Option<&str> {
        if self.ends.is_empty() || text.len() < self.bytes_min {
            return None;
        }
        let text = ComparedText::of(text);
        let is_whole = |known: &Known, at, length| known.kind == Kind::Name || !text.is_continued(at, length);
        self.find(&text.chars, counts, is_whole).or_else(|| {
            let is_long = |known: &Known, at, length| known.kind == Kind::LongCode && !text.is_continued(at, length);
            self.find(&with_digits(&text.chars)?, counts, is_long)
        })
    }

    /// The marked project that a cell is the code or a name of.
    fn in_whole(&self, cell: &str, counts: &dyn Fn(&str) -> bool) -> Option<&str> {
        let chars = compared_chars(cell);
        let code: Vec<char> = compared_code(cell).chars().collect();
        let known = |chars: &[char], is_code: bool| {
            let mut known = self.known.get(chars)?.iter().filter(|known| !is_code || known.kind != Kind::Name);
            known.find_map(|known| self.project(known, counts))
        };
        known(&chars, false).or_else(|| known(without_project(&chars), false)).or_else(|| known(&code, true))
    }

    /// The marked project that a cell names in which a record is to name its project, or several.
    pub fn in_tie(&self, cell: &str, counts: &dyn Fn(&str) -> bool) -> Option<&str> {
        if self.is_empty() || cell.is_empty() {
            return None;
        }
        let is_between = |c: char| BETWEEN_PROJECTS.contains(&canonical_char(c)) || c.is_whitespace();
        let in_parts = || cell.split(is_between).find_map(|part| self.in_whole(part, counts));
        let whole = self.in_whole(cell, counts).or_else(|| self.in_text(cell, counts));
        whole.or_else(in_parts).or_else(|| self.in_joined_codes(cell, counts))
    }

    /// The marked project of a code in a cell that is longer by half a code at least: intake leaves out the spaces and line breaks between codes.
    fn in_joined_codes(&self, cell: &str, counts: &dyn Fn(&str) -> bool) -> Option<&str> {
        let chars = compared_chars(cell);
        let is_joined = |known: &Known, _, length: usize| known.kind == Kind::LongCode && chars.len() >= length + length / 2;
        self.find(&chars, counts, is_joined).or_else(|| self.find(&with_digits(&chars)?, counts, is_joined))
    }
}

/// Whether a text names a record by its code.
pub(crate) fn is_named_in(text: &str, code: &str) -> bool {
    let mut mentions = Mentions::default();
    mentions.add_code(code);
    mentions.in_text(text, &|_| true).is_some()
}

/// The characters with digits for the letters that look like them; `None` = there is none.
fn with_digits(chars: &[char]) -> Option<Vec<char>> {
    let digits: Vec<char> = chars.iter().copied().map(digit_for_letter).collect();
    (digits != chars).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(_: &str) -> bool {
        true
    }

    fn mentions() -> Mentions {
        let mut mentions = Mentions::default();
        for (code, name) in [("GZ501", "磷酸铁锂生产线（一期）"), ("7", "茶厂"), ("202500123", "标准厂房建设"), ("黔招12号", "")]
        {
            mentions.add_code(code);
            mentions.add_name(code, name, |form| form == "标准厂房建设");
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
            ("关于《磷酸铁锂生产线》（一期）的请示", "GZ501"),
            ("磷酸鐵鋰·生產線一期", "GZ501"),
            ("GZ-501", "GZ501"),
            ("第2025-00123号", "202500123"),
            ("第2O25OOI23号", "202500123"),
        ] {
            assert_eq!(mentions.in_text(text, &all), Some(code), "{text}");
            assert_eq!(mentions.in_tie(text, &all), Some(code), "{text}");
        }
        for text in [
            "",
            "GZ5012",
            "AGZ501",
            "GZ5O1",
            "GZ50、1",
            "磷酸铁锂生产线（二期）",
            "7",
            "第7号",
            "茶厂",
            "标准厂房建设",
            "1202500123",
            "酸铁锂生产线（一期）",
        ] {
            assert_eq!(mentions.in_text(text, &all), None, "{text}");
        }
        assert_eq!(Mentions::default().in_text("GZ501", &all), None);
    }

    /// Names that all begin alike cost no more than their length, however many they are.
    #[test]
    fn many_names_with_one_beginning_are_looked_for_in_one_walk() {
        let mut mentions = Mentions::default();
        let name = |length: usize| format!("{}乙", "甲".repeat(length));
        for length in 10..200 {
            mentions.add_name(&format!("GZ{length}"), &name(length), |_| false);
        }
        let text = "甲".repeat(9) + "丙" + &"甲".repeat(20_000);
        assert_eq!(mentions.in_text(&text, &all), None);
        assert_eq!(mentions.in_text(&format!("丙{}丙", name(77)), &|project| project == "GZ77"), Some("GZ77"));
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
            ("《茶厂》", "7"),
            ("茶厂项目", "7"),
            ("茶廠", "7"),
        ] {
            assert_eq!(mentions.in_tie(cell, &all), Some(code), "{cell}");
        }
        for cell in ["", "17", "GZ1、77", "茶厂二号", "糖厂"] {
            assert_eq!(mentions.in_tie(cell, &all), None, "{cell}");
        }
    }

    #[test]
    fn a_project_that_does_not_count_hides_no_other_one() {
        let mentions = mentions();
        let counts = |project: &str| project != "GZ501";
        for text in ["GZ501，202500123", "磷酸铁锂生产线（一期），202500123"] {
            assert_eq!(mentions.in_text(text, &counts), Some("202500123"), "{text}");
        }
        assert_eq!(mentions.in_tie("GZ501、7", &counts), Some("7"));
        let mut namesakes = Mentions::default();
        for code in ["GZ501", "GZ502"] {
            namesakes.add_name(code, "磷酸铁锂生产线", |_| false);
        }
        assert_eq!(namesakes.in_text("推进磷酸铁锂生产线", &counts), Some("GZ502"));
        assert_eq!(namesakes.in_tie("磷酸铁锂生产线", &counts), Some("GZ502"));
    }
}
