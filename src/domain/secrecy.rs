//! The words of secrecy: which headers mark rows as restricted (涉密、不便公开), and what a cell below them means. The words are those of
//! `config/secrecy.toml`. In doubt a row is restricted.

use crate::domain::intake::text::{clean, normalize_name};
use crate::domain::secrecy_words::SecrecyWords;
use crate::domain::simplified::simplified;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a yes below a header means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Polarity {
    /// 是否涉密: a yes marks the row.
    Marks,
    /// 是否公开: a no marks the row.
    Opens,
}

/// What the office has decided about a header of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum HeaderDecision {
    Secrecy(Polarity),
    /// The column has nothing to do with secrecy.
    Ignored,
}

impl HeaderDecision {
    pub const ALL: [HeaderDecision; 3] =
        [HeaderDecision::Secrecy(Polarity::Marks), HeaderDecision::Secrecy(Polarity::Opens), HeaderDecision::Ignored];

    /// The name under which the store holds it.
    pub fn code(self) -> &'static str {
        match self {
            HeaderDecision::Secrecy(Polarity::Marks) => "marks",
            HeaderDecision::Secrecy(Polarity::Opens) => "opens",
            HeaderDecision::Ignored => "ignored",
        }
    }

    /// The word with which a person chooses it.
    pub fn title(self) -> &'static str {
        match self {
            HeaderDecision::Secrecy(Polarity::Marks) => "是否涉密",
            HeaderDecision::Secrecy(Polarity::Opens) => "是否公开",
            HeaderDecision::Ignored => "忽略",
        }
    }

    /// What it means for the cells below the header.
    pub fn meaning(self) -> &'static str {
        match self {
            HeaderDecision::Secrecy(Polarity::Marks) => "填“是”的不便公开",
            HeaderDecision::Secrecy(Polarity::Opens) => "填“否”的不便公开",
            HeaderDecision::Ignored => "与保密无关",
        }
    }

    pub fn parse(code: &str) -> Option<HeaderDecision> {
        HeaderDecision::ALL.into_iter().find(|decision| decision.code() == code)
    }
}

/// What the cells of secrecy of a row mean together; the later one is the stricter.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Marking {
    /// Nothing is written.
    #[default]
    None,
    /// A word states that the row is open.
    Open(String),
    /// The row is restricted; the text as it is to be stored.
    Marked(String),
    /// The grade of a state secret, whose text is not stored.
    Classified,
}

impl Marking {
    /// Whether the row is restricted.
    pub fn restricts(&self) -> bool {
        matches!(self, Marking::Marked(_) | Marking::Classified)
    }
}

/// A header or a word as it is compared: half-width, lower case, simplified, without spaces.
pub fn compared(text: &str) -> String {
    normalize_name(text).to_lowercase().chars().map(simplified).collect()
}

/// A header as it is compared: a sign before or behind it, such as the star of a column that has to be filled in, is none of it.
pub fn compared_header(text: &str) -> String {
    let is_sign = |c: char| matches!(c, '*' | '★' | '☆' | '※' | '●' | '△' | '▲' | ':' | '#' | '?');
    compared(text).trim_matches(is_sign).to_owned()
}

/// The words of the office with what it has decided about the headers of one source.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Secrecy {
    #[serde(serialize_with = "serialize_words", deserialize_with = "deserialize_words")]
    words: Arc<SecrecyWords>,
    /// By header, in the form of [`compared`].
    decided: BTreeMap<String, HeaderDecision>,
}

fn serialize_words<S: Serializer>(words: &Arc<SecrecyWords>, serializer: S) -> Result<S::Ok, S::Error> {
    SecrecyWords::serialize(words, serializer)
}

fn deserialize_words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<SecrecyWords>, D::Error> {
    SecrecyWords::deserialize(deserializer).map(Arc::new)
}

/// The stored text of a cell that states the contrary of its header: 是否公开：否.
const NOT_OPEN: &str = "不公开";
const OPEN: &str = "公开";

/// Between a grade and its term: 机密★10年.
pub(crate) const TERM_MARKS: [char; 3] = ['★', '☆', '*'];
/// Signs beside a grade in a cell.
const BETWEEN_GRADES: [char; 18] = ['(', ')', '[', ']', '【', '】', '〔', '〕', '/', '"', '“', '”', '-', '—', '–', ',', ';', ':'];

/// The most characters of a cell that are stored.
const MARKING_CHARS_MAX: usize = 500;

impl Secrecy {
    pub fn new(words: Arc<SecrecyWords>) -> Secrecy {
        Secrecy { words, decided: BTreeMap::new() }
    }

    /// The same words with the decisions about the headers of a source.
    pub fn with_decisions(&self, decided: BTreeMap<String, HeaderDecision>) -> Secrecy {
        Secrecy { words: Arc::clone(&self.words), decided }
    }

    pub fn words(&self) -> &SecrecyWords {
        &self.words
    }

    /// What a header of a secrecy column means; `None` = it is none. A decision of the office comes first, but a shipped header stays one.
    pub fn polarity(&self, header: &str) -> Option<Polarity> {
        let header = compared_header(header);
        if let Some(HeaderDecision::Secrecy(polarity)) = self.decided.get(&header) {
            return Some(*polarity);
        }
        match () {
            () if self.words.opens.contains(&header) => Some(Polarity::Opens),
            () if self.words.marks.contains(&header) => Some(Polarity::Marks),
            () => None,
        }
    }

    /// What a tick means below one of several columns to choose from: 是 or 否 below a header of secrecy.
    pub fn polarity_of_choice(&self, path: &[String]) -> Option<Polarity> {
        let (choice, above) = path.split_last()?;
        let polarity = above.iter().rev().find_map(|header| self.polarity(header))?;
        let choice = self.word(choice);
        match (self.words.yes.contains(&choice), self.words.no.contains(&choice), polarity) {
            (true, _, polarity) => Some(polarity),
            (_, true, Polarity::Marks) => Some(Polarity::Opens),
            (_, true, Polarity::Opens) => Some(Polarity::Marks),
            _ => None,
        }
    }

    /// Whether a header of no field, in any of its forms, may be one of secrecy, and the office has not decided about it.
    pub fn is_doubtful(&self, forms: &[String]) -> bool {
        let forms: Vec<String> = forms.iter().map(|form| compared_header(form)).collect();
        !forms.iter().any(|form| self.decided.contains_key(form)) && forms.iter().any(|form| self.has_doubtful_word(form))
    }

    fn has_doubtful_word(&self, form: &str) -> bool {
        let known = self.words.not_doubtful.iter().fold(form.to_owned(), |form, word| form.replace(word.as_str(), ""));
        self.words.doubtful.iter().any(|word| known.contains(word.as_str()))
    }

    /// Whether the office has decided that a column has nothing to do with secrecy.
    pub fn is_ignored(&self, forms: &[String]) -> bool {
        forms.iter().any(|form| self.decided.get(&compared_header(form)) == Some(&HeaderDecision::Ignored))
    }

    /// What a yes below a header means that is in no list: 是否对社会公开 is read the other way round.
    pub fn likely_polarity(&self, header: &str) -> Polarity {
        if let Some(polarity) = self.polarity(header) {
            return polarity;
        }
        let header = compared_header(header);
        let has = |words: &[String]| words.iter().any(|word| header.contains(word.as_str()));
        if has(&self.words.opens_by) && !has(&self.words.marks_by) { Polarity::Opens } else { Polarity::Marks }
    }

    /// What a written cell of a secrecy column means.
    pub fn read(&self, polarity: Polarity, text: &str) -> Marking {
        let word = self.word(text);
        let word = self.without_remark(&word);
        let words = &self.words;
        let stored = || clean(text).chars().take(MARKING_CHARS_MAX).collect::<String>();
        if let Some(chosen) = chosen(word) {
            return chosen.into_iter().map(|choice| self.read(polarity, choice)).max().unwrap_or_default();
        }
        // a box that nobody has ticked says no where a yes would open the row
        if polarity == Polarity::Opens && matches!(word, "☐" | "□") {
            return Marking::Marked(NOT_OPEN.into());
        }
        if word.is_empty() || words.blank.contains(word) {
            return Marking::None;
        }
        if self.names_grade(word) {
            return Marking::Classified;
        }
        match polarity {
            _ if words.open.contains(word) => Marking::Open(stored()),
            Polarity::Marks if words.no.contains(word) => Marking::Open(stored()),
            Polarity::Opens if words.yes.contains(word) => Marking::Open(OPEN.into()),
            Polarity::Opens if words.no.contains(word) => Marking::Marked(NOT_OPEN.into()),
            Polarity::Marks | Polarity::Opens => Marking::Marked(stored()),
        }
    }

    /// A word that states a yes, a no or that the row is open, without a remark behind it that it was checked: 否（已核）.
    fn without_remark<'w>(&self, word: &'w str) -> &'w str {
        let words = &self.words;
        let Some(end) = word.find(['(', '[', '【', '〔', ',', ';', '.', '-', '—']) else { return word };
        let (head, remark) = word.split_at(end);
        let is_plain = [&words.yes, &words.no, &words.open].into_iter().any(|list| list.contains(head));
        let is_in = |word: &String| !word.is_ascii() && remark.contains(word.as_str());
        let speaks_of_secrecy = words.texts.stems.are_in(remark) || words.yes.iter().chain(&words.grades).any(is_in);
        let is_checked = words.checked.iter().any(|word| remark.contains(word.as_str()));
        if is_plain && is_checked && !speaks_of_secrecy { head } else { word }
    }

    /// Whether the value of a secrecy field names the grade of a state secret, with its term in whatever form: 机密★5年, 机密（20年）, 秘密10年,
    /// 是（机密）.
    fn names_grade(&self, word: &str) -> bool {
        graded_parts(word).any(|part| self.words.classified.contains(part))
    }

    /// Whether the stored text of a secrecy field restricts its record. Empty does not.
    pub fn is_marked(&self, text: &str) -> bool {
        self.read(Polarity::Marks, text).restricts()
    }

    /// Whether the stored text of a secrecy field states that its record is open. Empty does not.
    pub fn is_open(&self, text: &str) -> bool {
        matches!(self.read(Polarity::Marks, text), Marking::Open(_))
    }

    /// Whether a cell of a doubtful column speaks of secrecy: a yes or a no in words, or a word of secrecy.
    pub fn speaks_of_secrecy(&self, text: &str) -> bool {
        let restricts = || self.words.restricts.contains(&self.word(text));
        self.is_grade(text) || self.is_answer(text) || restricts() || self.restricting_words(text).is_some()
    }

    /// Whether a text is a word by which offices mark rows: a yes, a no or a grade.
    pub fn is_known_marking(&self, text: &str) -> bool {
        self.is_grade(text) || self.may_be_answer(text)
    }

    /// Whether a cell of a doubtful column is a word of secrecy, with its term in whatever form: 内部（长期）, 商密5年.
    pub fn is_grade(&self, text: &str) -> bool {
        let word = self.word(text);
        let words = &self.words;
        let is_known = |part: &str| [&words.open, &words.grades, &words.classified].into_iter().any(|list| list.contains(part));
        is_known(&word) || graded_parts(&word).next().is_some_and(is_known)
    }

    /// Whether a cell of a doubtful column is a yes or a no in words; `1` and `0` may be amounts.
    pub fn is_answer(&self, text: &str) -> bool {
        let word = self.word(text);
        !word.bytes().all(|byte| byte.is_ascii_digit()) && (self.words.yes.contains(&word) || self.words.no.contains(&word))
    }

    /// Whether a cell of a doubtful column may be a yes or a no.
    pub fn may_be_answer(&self, text: &str) -> bool {
        let word = self.word(text);
        self.words.yes.contains(&word) || self.words.no.contains(&word)
    }

    /// A cell in the form in which it is compared; 1.0 is 1, and a full stop at the end is none.
    pub(crate) fn word(&self, text: &str) -> String {
        let word = compared(text);
        match word.trim_end_matches(['.', ';', ',', '!', '、']) {
            "1.0" | "1.00" => "1".into(),
            "0.0" | "0.00" => "0".into(),
            trimmed => trimmed.to_owned(),
        }
    }
}

/// The parts of a compared text that may be grades, each without its term.
fn graded_parts(word: &str) -> impl Iterator<Item = &str> {
    let is_between = |c: char| TERM_MARKS.contains(&c) || BETWEEN_GRADES.contains(&c);
    let before_term = |part: &str| part.find(|c: char| c.is_ascii_digit()).unwrap_or(part.len());
    word.split(is_between).map(move |part| &part[..before_term(part)])
}

/// Boxes in front of the choices of a cell.
const TICKED: [char; 8] = ['☑', '☒', '√', '✓', '✔', '■', '▣', '●'];
const UNTICKED: [char; 5] = ['☐', '□', '○', '◯', '〇'];

/// The ticked choices of a cell: 否 of `□是 ☑否` and of `是□ 否☑`. `None` = it does not offer choices.
fn chosen(word: &str) -> Option<Vec<&str>> {
    let is_box = |c: char| TICKED.contains(&c) || UNTICKED.contains(&c);
    let boxes: Vec<(usize, char)> = word.char_indices().filter(|(_, c)| is_box(*c)).collect();
    let (first, last) = (boxes.first()?, boxes.last()?);
    let is_before = first.0 == 0;
    // a single tick is a yes, and a cell that neither begins nor ends with a box is something else
    if boxes.len() < 2 || !is_before && last.0 + last.1.len_utf8() != word.len() {
        return None;
    }
    let mut words = word.split(is_box).map(|choice| choice.trim_matches(['/', '、', ',', ';']));
    if is_before {
        words.next();
    }
    let choices: Vec<(char, &str)> = boxes.iter().map(|(_, c)| *c).zip(words).collect();
    let is_whole = choices.iter().all(|(_, choice)| !choice.is_empty());
    is_whole.then(|| choices.into_iter().filter(|(c, _)| TICKED.contains(c)).map(|(_, choice)| choice).collect())
}

/// The words of a list in the form in which they are compared.
pub fn compared_words<'a>(words: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
    words.into_iter().map(|word| compared(word)).filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|word| compared(word)).collect()
    }

    fn secrecy() -> Secrecy {
        let set = |list: &[&str]| words(list).into_iter().collect::<HashSet<String>>();
        Secrecy::new(Arc::new(SecrecyWords {
            marks: set(&["是否涉密", "密级"]),
            opens: set(&["是否公开"]),
            doubtful: words(&["密", "公开", "敏感"]),
            marks_by: words(&["不便公开"]),
            opens_by: words(&["公开"]),
            yes: set(&["是", "Y", "TRUE", "1", "√"]),
            no: set(&["否", "N", "FALSE", "0", "×", "无"]),
            open: set(&["公开", "不涉密"]),
            grades: set(&["内部", "涉密", "机密"]),
            classified: set(&["绝密", "机密", "秘密"]),
            blank: set(&["-", "/"]),
            checked: words(&["核"]),
            ..SecrecyWords::default()
        }))
    }

    #[test]
    fn a_filled_cell_restricts_unless_it_states_that_the_row_is_open() {
        let secrecy = secrecy();
        for text in ["是", "y", "1", "1.0", "√", "涉密", "内部", "ＹＥＳ吗", "看情况", "公开招标", "2026-01-01"] {
            assert!(secrecy.read(Polarity::Marks, text).restricts(), "{text}");
        }
        for text in ["否", "N", "false", "0", "0.0", "×", "无", " 公 开 ", "不涉密。"] {
            assert!(matches!(secrecy.read(Polarity::Marks, text), Marking::Open(_)), "{text}");
        }
        for text in ["", " ", "-", "／"] {
            assert_eq!(secrecy.read(Polarity::Marks, text), Marking::None, "{text}");
        }
        for text in ["绝密", "机 密", "机密★10年", "秘密★", "机密（20年）", "秘密 10年", "★秘密", "“机密”", "机密/10年", "是（机密）"]
        {
            assert_eq!(secrecy.read(Polarity::Marks, text), Marking::Classified, "{text}");
            assert_eq!(secrecy.read(Polarity::Opens, text), Marking::Classified, "{text}");
        }
    }

    #[test]
    fn a_remark_behind_an_answer_and_ticked_choices_are_read() {
        let secrecy = secrecy();
        for text in ["否（已核）", "否，经核实", "不涉密（张三核）", "□是 ☑否", "是□ 否√", "☐ 涉密 ☑ 不涉密", "□是□否☑无"]
        {
            assert!(matches!(secrecy.read(Polarity::Marks, text), Marking::Open(_)), "{text}");
        }
        for text in
            ["是（已核）", "否（涉密）", "☑是 □否", "是√ 否□", "☑涉密 ☑不涉密", "否或是", "否，待定", "0.5", "☑", "□是√", "否，是内部"]
        {
            assert!(secrecy.read(Polarity::Marks, text).restricts(), "{text}");
        }
        assert_eq!(secrecy.read(Polarity::Marks, "□是 □否"), Marking::None);
        assert_eq!(secrecy.read(Polarity::Marks, "□是 ☑机密"), Marking::Classified);
    }

    #[test]
    fn choices_below_a_header_of_secrecy_and_headers_with_a_star_are_read() {
        let secrecy = secrecy();
        let path = |names: &[&str]| secrecy.polarity_of_choice(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!((path(&["是否涉密", "是"]), path(&["是否涉密", "否"])), (Some(Polarity::Marks), Some(Polarity::Opens)));
        assert_eq!((path(&["是否公开", "否"]), path(&["是否公开", "是"])), (Some(Polarity::Marks), Some(Polarity::Opens)));
        assert_eq!((path(&["是否涉密", "备注"]), path(&["是"]), path(&["项目", "是"])), (None, None, None));
        assert_eq!((secrecy.polarity("*是否涉密"), secrecy.polarity("＊密 級：")), (Some(Polarity::Marks), Some(Polarity::Marks)));
    }

    #[test]
    fn whether_a_row_is_public_is_read_the_other_way_round() {
        let secrecy = secrecy();
        for (text, stored) in [("否", "不公开"), ("N", "不公开"), ("0", "不公开"), ("看情况", "看情况"), ("内部", "内部")]
        {
            assert_eq!(secrecy.read(Polarity::Opens, text), Marking::Marked(stored.into()), "{text}");
            assert!(secrecy.is_marked(stored), "what is stored of {text} restricts too");
        }
        for text in ["是", "Y", "1", "√", "公开", "不涉密"] {
            let Marking::Open(stored) = secrecy.read(Polarity::Opens, text) else { panic!("{text}") };
            assert!(secrecy.is_open(&stored), "what is stored of {text} opens too");
        }
        assert_eq!(secrecy.read(Polarity::Opens, "-"), Marking::None);
    }

    #[test]
    fn other_headers_are_doubtful_until_the_office_has_decided() {
        let doubtful = |secrecy: &Secrecy, header: &str| secrecy.is_doubtful(&[header.to_owned()]);
        let secrecy = secrecy();
        assert_eq!((secrecy.polarity("密 级"), secrecy.polarity("是否公开")), (Some(Polarity::Marks), Some(Polarity::Opens)));
        for header in ["涉密人员数", "是否对外公开", "敏感点"] {
            assert!(secrecy.polarity(header).is_none() && doubtful(&secrecy, header), "{header}");
        }
        assert!(!doubtful(&secrecy, "招标方式"));
        assert_eq!(secrecy.likely_polarity("是否对外公开"), Polarity::Opens);
        assert_eq!(secrecy.likely_polarity("是否不便公开事项"), Polarity::Marks);
        let decided = |decision| secrecy.with_decisions(BTreeMap::from([(compared("敏感点"), decision)]));
        let ignored = decided(HeaderDecision::Ignored);
        assert!(!doubtful(&ignored, "敏感点") && ignored.polarity("敏感点").is_none());
        assert_eq!(decided(HeaderDecision::Secrecy(Polarity::Opens)).polarity("敏感点"), Some(Polarity::Opens));
    }
}
