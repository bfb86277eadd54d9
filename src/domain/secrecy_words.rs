//! The words of secrecy of the office, as `config/secrecy.toml` lists them, in the form in which they are compared.

use crate::domain::simplified::pairs;
use aho_corasick::AhoCorasick;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};

/// When many codes that one file restricts at once are a flood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloodBounds {
    pub codes_max: u64,
    pub share_pct_max: u64,
    pub share_codes_min: u64,
}

impl FloodBounds {
    /// Whether `codes` codes of a ledger of `rows` rows are a flood.
    pub fn is_flood(&self, codes: u64, rows: u64) -> bool {
        codes > self.codes_max || codes >= self.share_codes_min && codes * 100 > rows * self.share_pct_max
    }
}

/// The words of the office, in the form in which they are compared.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SecrecyWords {
    pub marks: HashSet<String>,
    pub opens: HashSet<String>,
    pub doubtful: Vec<String>,
    pub not_doubtful: Vec<String>,
    pub marks_by: Vec<String>,
    pub opens_by: Vec<String>,
    pub yes: HashSet<String>,
    pub no: HashSet<String>,
    pub open: HashSet<String>,
    pub grades: HashSet<String>,
    /// Words that restrict a row below a doubtful header.
    pub restricts: HashSet<String>,
    pub classified: HashSet<String>,
    pub blank: HashSet<String>,
    /// A remark behind a yes or a no with one of these in it only states that it was checked.
    pub checked: Vec<String>,
    pub texts: TextWords,
    pub flood: FloodBounds,
    /// Before the name of a restricted row in the office's workbooks.
    pub row_mark: String,
    /// In the head of a sheet with such a row.
    pub head_mark: String,
    /// On the cover of a workbook with such a row.
    pub cover_mark: String,
}

/// The words by which texts outside the columns of secrecy are judged.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TextWords {
    /// A text that is one of these marks its row.
    pub whole: HashSet<String>,
    /// A text with one of these in it marks its row.
    pub phrases: Vec<String>,
    /// Right before one of `phrases`: the text states the contrary, or asks.
    pub denials: Vec<String>,
    /// Right behind one of `phrases`: the text speaks of something else.
    pub harmless_behind: Vec<String>,
    /// Right behind a grade: the text speaks of things (机密级保险柜).
    pub harmless_behind_grade: Vec<String>,
    /// A title line, a section's line or a name with one of these in it marks all rows below it.
    pub line_marks: Vec<String>,
    /// A title line or a name with one of these Latin words in it does so too.
    pub line_words: HashSet<String>,
    /// A remark below a table with one of these in it is about all rows, whatever codes it names.
    pub all_rows: Vec<String>,
    /// Between a grade at the end of a title line and the rest of the line.
    pub beside_grade: Vec<String>,
    /// Before the grade in a title line: the line forbids it.
    pub line_denials: Vec<String>,
    /// Right behind words that mark rows, in a line: the line states that these rows are not here.
    pub elsewhere: Vec<String>,
    /// Names that projects may have and other things too: texts are not looked through for them.
    pub common_names: HashSet<String>,
    pub stems: Stems,
}

/// Parts of words of secrecy: a text without any of them has nothing to do with it. Every text of every row is looked through for them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "BTreeSet<String>", into = "BTreeSet<String>")]
pub struct Stems {
    words: BTreeSet<String>,
    /// Finds any of the words in one pass, also in traditional characters. Where it could not be built, every text counts as one with a word.
    any: Option<AhoCorasick>,
}

impl Stems {
    /// Those of the words that are not written with Latin letters.
    pub fn new(mut words: BTreeSet<String>) -> Stems {
        words.retain(|word| !word.is_ascii());
        let any = AhoCorasick::new(words.iter().flat_map(|word| spellings(word))).ok();
        Stems { words, any }
    }

    /// Whether a text has one of the words in it.
    pub fn are_in(&self, text: &str) -> bool {
        !text.is_ascii() && self.any.as_ref().is_none_or(|any| any.is_match(text))
    }
}

impl Default for Stems {
    fn default() -> Stems {
        Stems::new(BTreeSet::new())
    }
}

impl From<BTreeSet<String>> for Stems {
    fn from(words: BTreeSet<String>) -> Stems {
        Stems::new(words)
    }
}

impl From<Stems> for BTreeSet<String> {
    fn from(stems: Stems) -> BTreeSet<String> {
        stems.words
    }
}

/// A word with each of its characters as it is and in its traditional form.
fn spellings(word: &str) -> Vec<String> {
    word.chars().fold(vec![String::new()], |begins, c| {
        let traditional = pairs().filter(|(_, simplified)| *simplified == c).map(|(traditional, _)| traditional);
        let forms = traditional.chain([c]).collect::<Vec<_>>();
        begins.iter().flat_map(|begin| forms.iter().map(move |form| format!("{begin}{form}"))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_codes_at_once_are_a_flood() {
        let bounds = FloodBounds { codes_max: 20, share_pct_max: 5, share_codes_min: 3 };
        assert!(bounds.is_flood(21, 10_000) && bounds.is_flood(3, 40) && bounds.is_flood(3, 3));
        assert!(!bounds.is_flood(20, 10_000) && !bounds.is_flood(2, 3) && !bounds.is_flood(5, 100));
        // a county with ten projects marks one of them, or two
        assert!(!bounds.is_flood(1, 10) && !bounds.is_flood(2, 10) && bounds.is_flood(3, 10));
    }

    #[test]
    fn stems_are_found_wherever_they_begin() {
        let stems = Stems::new(["密", "公开", "secret"].map(str::to_owned).into());
        for text in ["密", "机密", "x公公开", "公开招标", "不公開"] {
            assert!(stems.are_in(text), "{text}");
        }
        for text in ["", "公司", "secret", "开公", "秘\u{20000}书"] {
            assert!(!stems.are_in(text), "{text}");
        }
    }
}
