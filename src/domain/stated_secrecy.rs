//! What texts outside the columns of secrecy state: the grade of a state secret, in a cell or in a title line, or that a row is restricted
//! (本项目涉密). A text that speaks of secrecy in another way (保密协议, 非涉密, 不得涉及国家秘密) states nothing.

use crate::domain::intake::text::{half_width, half_width_char, is_invisible, normalize_name};
use crate::domain::secrecy::{Marking, Secrecy, TERM_MARKS, compared};

/// Between the clauses of a text.
const CLAUSE_ENDS: [char; 6] = [';', '.', ',', '\n', '\r', '!'];

/// Brackets in half-width form, each opening one with its closing one.
const BRACKETS: [(char, char); 9] =
    [('(', ')'), ('[', ']'), ('{', '}'), ('【', '】'), ('〔', '〕'), ('《', '》'), ('「', '」'), ('『', '』'), ('<', '>')];

/// Between a name and a mark before or behind it: 某某项目-涉密.
const BESIDE_NAMES: [char; 15] = ['-', '—', '–', '_', '·', '|', '~', '★', '*', ',', ';', ':', '/', '、', '.'];

/// Between the words of a list.
const LIST_MARKS: [char; 5] = ['、', '或', '和', '及', '与'];

/// The most characters of a line that marks what is below it; a longer one explains something.
const LINE_CHARS_MAX: usize = 60;

/// The most characters of a line above a header; the clauses of a longer one than [`LINE_CHARS_MAX`] are looked at each for itself.
const TITLE_CHARS_MAX: usize = 300;

/// The most characters of a remark below the rows: it may name hundreds of codes.
const REMARK_CHARS_MAX: usize = 10_000;

/// Between the words of a title line.
const LINE_MARKS: [char; 9] = [':', '|', '-', '—', '_', '·', '★', '☆', '"'];

/// The most bytes of a text that are looked through; a grade is at the beginning or the end of a cell, or is the whole of it.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// A grade written with its term: 长期, or a number of years.
fn is_term(text: &str) -> bool {
    text.starts_with("长期") || text.starts_with(|c: char| c.is_ascii_digit())
}

/// Whether a text is more than one clause.
pub(crate) fn has_clauses(text: &str) -> bool {
    half_width(text).trim_end_matches(CLAUSE_ENDS).contains(CLAUSE_ENDS)
}

/// Begins of phrases that may belong to what is before them.
const LINKS: [char; 3] = ['为', '属', '系'];

/// Whether a character may be between a name and a mark.
fn is_beside_name(c: char) -> bool {
    c.is_whitespace() || BESIDE_NAMES.contains(&half_width_char(c))
}

fn is_bracket(c: char) -> bool {
    BRACKETS.iter().any(|(open, close)| c == *open || c == *close)
}

/// The text within brackets that surround all of it, else the text.
fn without_outer_brackets(text: &str) -> &str {
    let within = |(open, close): &(char, char)| text.strip_prefix(*open)?.strip_suffix(*close);
    BRACKETS.iter().find_map(within).unwrap_or(text)
}

impl Secrecy {
    /// Whether a text may speak of secrecy at all; nearly no text of a register does.
    pub(crate) fn may_state(&self, text: &str) -> bool {
        let stems = &self.words().texts.stems;
        let is_torn = || !text.is_ascii() && text.contains(|c: char| c.is_whitespace() || is_invisible(c));
        // 不 公 开
        text.len() <= TEXT_BYTES_MAX && (stems.are_in(text) || is_torn() && stems.are_in(&normalize_name(text)))
    }

    /// Whether a cell holds the grade of a state secret: as its whole value, with its term (机密★5年), or behind a header of secrecy (密级：机密).
    pub fn is_grade_of_cell(&self, text: &str) -> bool {
        self.may_state(text) && self.has_grade(text)
    }

    fn has_grade(&self, text: &str) -> bool {
        let classified = &self.words().classified;
        let word = self.word(text);
        let word = without_outer_brackets(&word);
        classified.contains(word)
            || word.char_indices().filter(|(_, c)| TERM_MARKS.contains(c)).any(|(at, mark)| {
                let (before, behind) = (&word[..at], &word[at + mark.len_utf8()..]);
                let is_meant = mark != '*' || is_term(behind) || behind.is_empty();
                is_meant && classified.iter().any(|grade| before.ends_with(grade.as_str()))
            })
            || self.clauses(text).any(|marking| marking == Marking::Classified)
    }

    /// Whether a title line marks its file with the grade of a state secret: `机密★5年 2026年项目台账`, `项目台账（机密）`.
    pub fn is_grade_of_line(&self, text: &str) -> bool {
        self.may_state(text) && (self.has_grade(text) || self.is_beside_line(text))
    }

    /// Whether a grade is the first or the last word of a line.
    fn is_beside_line(&self, text: &str) -> bool {
        let words = self.words();
        let line = half_width(text).to_lowercase();
        let is_between = |c: char| c.is_whitespace() || is_bracket(c) || LINE_MARKS.contains(&c);
        let tokens: Vec<&str> = line.split(is_between).filter(|token| !token.is_empty()).collect();
        let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return false };
        let grades = tokens.iter().filter(|token| words.classified.contains(**token)).count();
        // several grades are a list to choose from
        if grades > 1 {
            return false;
        }
        let whole = compared(text);
        let whole = whole.trim_end_matches(|c| is_bracket(c) || CLAUSE_ENDS.contains(&c));
        let beside = &words.texts.beside_grade;
        let begins = |grade: &String| {
            let behind = whole.strip_prefix(grade.as_str());
            let is_harmless = |rest: &str| words.texts.harmless_behind_grade.iter().any(|word| rest.starts_with(word.as_str()));
            behind.filter(|rest| !is_harmless(rest) && !rest.strip_prefix('级').is_some_and(is_harmless)).is_some_and(|rest| {
                rest.starts_with(|c: char| c.is_ascii_digit()) || beside.iter().any(|word| rest.starts_with(word.as_str()))
            })
        };
        let is_denied = |before: &str| words.texts.line_denials.iter().any(|word| before.contains(word.as_str()));
        let ends = |grade: &String| {
            let before = whole.strip_suffix(grade.as_str());
            before.is_some_and(|before| !is_denied(before) && beside.iter().any(|word| before.ends_with(word.as_str())))
        };
        words.classified.contains(*first)
            || words.classified.contains(*last) && !is_denied(whole)
            || words.classified.iter().any(|grade| begins(grade) || ends(grade))
    }

    /// The words by which a cell outside the columns of secrecy states that its row is restricted. `None` = it states nothing of the kind.
    pub fn restricting_words(&self, text: &str) -> Option<String> {
        if !self.may_state(text) {
            return None;
        }
        let (words, text_words) = (self.words(), &self.words().texts);
        let whole = self.word(text);
        let is_mark = |word: &str| text_words.whole.contains(word);
        let is_mark_in_brackets = |word: &str| is_mark(word) || words.grades.contains(word) || words.classified.contains(word);
        if is_mark(without_outer_brackets(&whole)) {
            return Some(whole);
        }
        if let Some(found) = in_brackets(&whole).find(|word| is_mark_in_brackets(word)) {
            return Some(found.to_owned());
        }
        // （涉密，勿传）
        let mut lists = in_brackets(&whole).filter(|list| !list.split(CLAUSE_ENDS).any(|word| self.is_contrary(word)));
        let is_restricting = |word: &&str| is_mark_in_brackets(word) && !words.classified.contains(*word);
        if let Some(found) = lists.find_map(|list| list.split(CLAUSE_ENDS).find(is_restricting)) {
            return Some(found.to_owned());
        }
        if let Some(found) = self.mark_beside_name(text) {
            return Some(found);
        }
        if let Some(Marking::Marked(stated)) = self.clauses(text).find(Marking::restricts) {
            return Some(stated);
        }
        let is_meant = |at: usize, word: &str| {
            let (before, behind) = (&whole[..at], &whole[at + word.len()..]);
            let is_behind = |others: &[String]| others.iter().any(|other| behind.starts_with(other.as_str()));
            // 原为涉密 denies 为涉密
            let linked = before.len() + word.chars().next().filter(|c| LINKS.contains(c)).map_or(0, char::len_utf8);
            let is_denied = self.is_denied(before) || self.is_denied(&whole[..linked]);
            let is_of_things = word.ends_with('级') && is_behind(&text_words.harmless_behind_grade);
            // 不宜公开招标, but 涉密项目招标
            let is_another = !word.ends_with("项目") && is_behind(&text_words.harmless_behind);
            !is_denied && !is_of_things && !is_another
        };
        text_words.phrases.iter().find(|word| whole.match_indices(word.as_str()).any(|(at, word)| is_meant(at, word))).cloned()
    }

    /// Whether what is before a word of secrecy denies it, itself or through a list: 无涉密项目、敏感项目.
    fn is_denied(&self, before: &str) -> bool {
        let texts = &self.words().texts;
        let mut before = before;
        loop {
            if texts.denials.iter().any(|denial| before.ends_with(denial.as_str())) {
                return true;
            }
            let Some(list) = before.strip_suffix(LIST_MARKS) else { return false };
            let words = texts.whole.iter().chain(&texts.phrases).chain(&texts.line_marks);
            let Some(rest) = words.filter_map(|word| list.strip_suffix(word.as_str())).min_by_key(|rest| rest.len()) else {
                return false;
            };
            before = rest;
        }
    }

    /// Whether a part of a text is a question, an answer to one or a denial, beside which no word is a mark.
    fn is_contrary(&self, part: &str) -> bool {
        let (words, denials) = (self.words(), &self.words().texts.denials);
        let is_denial = |denial: &String| {
            let rest = part.strip_prefix(denial.as_str());
            rest.is_some_and(|rest| rest.is_empty() || words.texts.whole.contains(rest) || words.grades.contains(rest))
        };
        words.no.contains(part) || words.open.contains(part) || words.yes.contains(part) || denials.iter().any(is_denial)
    }

    /// The mark that is the first or the last part of a name or a code: 某某项目-涉密, 某某项目 涉密, GZ-2025-001-密.
    fn mark_beside_name(&self, text: &str) -> Option<String> {
        let (words, text_words) = (self.words(), &self.words().texts);
        let parts: Vec<String> = text.split(is_beside_name).map(compared).filter(|part| !part.is_empty()).collect();
        let [first, .., last] = parts.as_slice() else { return None };
        if parts.iter().any(|part| self.is_contrary(part)) {
            return None;
        }
        let is_code = parts[..parts.len() - 1].iter().all(|part| part.is_ascii());
        if is_code && words.grades.contains(last) {
            return Some(last.clone());
        }
        [last, first].into_iter().find(|part| text_words.whole.contains(*part)).cloned()
    }

    /// The words by which a line marks what is below it as restricted, such as the title of a sheet or of a section, its name, or the name of the
    /// file: 内部资料 注意保存, 不公开项目. `None` = it states nothing of the kind, or explains something.
    pub fn restricting_line(&self, text: &str) -> Option<String> {
        self.restricting_line_of(text, LINE_CHARS_MAX)
    }

    /// The same of a text above a header, which may be longer.
    pub(crate) fn restricting_title(&self, text: &str) -> Option<String> {
        self.restricting_clause(text, TITLE_CHARS_MAX)
    }

    /// The same of a remark below the rows, which may name many codes.
    pub(crate) fn restricting_remark(&self, text: &str) -> Option<String> {
        self.restricting_clause(text, REMARK_CHARS_MAX)
    }

    fn restricting_clause(&self, text: &str, chars_max: usize) -> Option<String> {
        match text.chars().count() {
            chars if chars <= LINE_CHARS_MAX => self.restricting_line(text),
            chars if chars <= chars_max => {
                half_width(text).split(CLAUSE_ENDS).find_map(|clause| self.restricting_line_of(clause, chars_max))
            }
            _ => None,
        }
    }

    fn restricting_line_of(&self, text: &str, chars_max: usize) -> Option<String> {
        if text.chars().count() > chars_max {
            return None;
        }
        let (words, text_words) = (self.words(), &self.words().texts);
        let latin = half_width(text).to_lowercase();
        if let Some(found) = latin.split(|c: char| !c.is_ascii_alphanumeric()).find(|word| text_words.line_words.contains(*word)) {
            return Some(found.to_owned());
        }
        if !self.may_state(text) {
            return None;
        }
        // 内 部 资 料
        let line = compared(text);
        let whole = self.without_elsewhere(&line);
        // the words are no longer where they were
        let text = if whole == line { text } else { &whole.clone() };
        // 严禁外传 is a mark and forbids nothing else
        let rest = text_words.line_marks.iter().fold(whole.clone(), |rest, word| rest.replace(word.as_str(), ""));
        if text_words.line_denials.iter().any(|word| rest.contains(word.as_str())) {
            return None;
        }
        if let Some(found) = self.restricting_words(text) {
            return Some(found);
        }
        let is_meant = |at: usize| !self.is_denied(&whole[..at]);
        let phrase = text_words.line_marks.iter().find(|word| whole.match_indices(word.as_str()).any(|(at, _)| is_meant(at)));
        let is_between = |c: char| c.is_whitespace() || is_bracket(c) || LINE_MARKS.contains(&c) || CLAUSE_ENDS.contains(&c);
        if words.grades.contains(without_outer_brackets(&whole)) {
            return Some(whole);
        }
        let line = half_width(text);
        // 密 级
        let is_word = |token: &str| token.chars().count() > 1;
        let token = || {
            line.split(is_between)
                .map(compared)
                .find(|token| is_word(token) && words.grades.contains(token) && !words.classified.contains(token))
        };
        phrase.cloned().or_else(token)
    }

    /// A line without what states that no row of its table is meant: 涉密项目另行报送.
    fn without_elsewhere(&self, line: &str) -> String {
        let texts = &self.words().texts;
        let elsewhere: Vec<&String> = texts.elsewhere.iter().filter(|word| line.contains(word.as_str())).collect();
        let words = texts.phrases.iter().chain(&texts.line_marks);
        let stated = words.flat_map(|word| elsewhere.iter().map(move |elsewhere| format!("{word}{elsewhere}")));
        stated.fold(line.to_owned(), |line, stated| line.replace(&stated, ""))
    }

    /// Whether a remark below a table is about rows that it does not name: 其余均为涉密项目.
    pub(crate) fn speaks_of_all_rows(&self, remark: &str) -> bool {
        let remark = compared(remark);
        self.words().texts.all_rows.iter().any(|word| remark.contains(word.as_str()))
    }

    /// A name without the words of secrecy before or behind it: 某某项目（涉密）, 某某项目，涉密.
    pub fn name_without_marks<'n>(&self, name: &'n str) -> &'n str {
        let is_open =
            |c: char| half_width(c.encode_utf8(&mut [0; 4])).chars().next().is_some_and(|c| BRACKETS.iter().any(|(open, _)| *open == c));
        let is_bracket = |c: char| half_width(c.encode_utf8(&mut [0; 4])).chars().next().is_some_and(is_bracket);
        let is_mark = |part: &str| self.restricting_words(part).is_some() || self.is_grade(part);
        let mut rest = name.trim();
        loop {
            let behind = rest.char_indices().rev().find(|(_, c)| is_open(*c)).filter(|_| rest.ends_with(is_bracket));
            let before = rest.char_indices().find(|(at, c)| *at > 0 && is_bracket(*c)).filter(|_| rest.starts_with(is_open));
            if let Some((at, _)) = behind.filter(|(at, _)| *at > 0 && is_mark(&rest[*at..])) {
                rest = rest[..at].trim_end();
            } else if let Some((at, c)) = before.filter(|(at, c)| at + c.len_utf8() < rest.len() && is_mark(&rest[..at + c.len_utf8()])) {
                rest = rest[at + c.len_utf8()..].trim_start();
            } else if let Some(bare) = self.without_last_mark(rest) {
                rest = bare;
            } else {
                return rest;
            }
        }
    }

    fn without_last_mark<'n>(&self, name: &'n str) -> Option<&'n str> {
        let (bare, mark) = name.trim_end_matches(is_beside_name).rsplit_once(is_beside_name)?;
        let bare = bare.trim_end_matches(is_beside_name);
        (!bare.is_empty() && self.words().texts.whole.contains(&compared(mark))).then_some(bare)
    }

    /// What the clauses of a text mean that are a header of secrecy with its value: 密级：内部；是否公开：否.
    fn clauses<'t>(&self, text: &'t str) -> impl Iterator<Item = Marking> + use<'t, '_> {
        text.split(|c| CLAUSE_ENDS.contains(&c) || matches!(c, '；' | '。' | '，' | '！')).filter_map(|clause| {
            let (header, value) = clause.split_once([':', '：'])?;
            let polarity = self.polarity(header)?;
            // a longer text is no value of such a header
            self.is_known_marking(value).then(|| self.read(polarity, value))
        })
    }
}

/// The most characters of a text in brackets that may be a mark.
const IN_BRACKETS_MAX: usize = 20;

/// The short texts in innermost brackets.
fn in_brackets(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices().filter_map(|(at, c)| {
        let (open, close) = BRACKETS.iter().find(|(open, _)| *open == c)?;
        let within = &text[at + open.len_utf8()..];
        let (end, _) = within.char_indices().take(IN_BRACKETS_MAX).find(|(_, c)| c == close)?;
        Some(&within[..end])
    })
}

#[cfg(test)]
mod tests {
    use crate::config::load::{Config, read_files};
    use crate::domain::secrecy::Secrecy;
    use std::path::Path;
    use std::sync::Arc;

    /// The words as they are shipped.
    fn secrecy() -> Secrecy {
        let config = Config::parse(read_files(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("files")).expect("the shipped configuration");
        Secrecy::new(Arc::clone(&config.policy.secrecy))
    }

    #[test]
    fn a_cell_that_is_a_grade_marks_its_file() {
        let secrecy = secrecy();
        for text in [
            "机密",
            " 绝密 ",
            "秘 密",
            "机密级",
            "（机密）",
            "【秘密】",
            "机密★5年",
            "秘密 ★ 1年",
            "机密★长期",
            "绝密☆",
            "机密*10年",
            "密级：机密",
            "密级:秘密★3年",
            "本件密级：机密★5年",
            "2026年项目台账 机密★5年",
            "密级：机密；知悉范围：局领导",
            "ＭＩ；秘级：绝密。",
        ] {
            assert!(secrecy.is_grade_of_cell(text), "{text}");
            assert!(secrecy.is_grade_of_line(text), "{text}");
        }
        for text in [
            "",
            "公司",
            "秘密花园",
            "公司名 秘密花园",
            "保密协议",
            "非涉密",
            "非机密",
            "不得涉及国家秘密",
            "商业秘密",
            "机密文件销毁中心",
            "绝密、机密、秘密",
            "密级：非密",
            "密级（绝密/机密/秘密）",
            "★★★",
            "秘密花园★推荐",
            "秘密*花园",
            "机要室",
            "涉密",
            "内部★",
        ] {
            assert!(!secrecy.is_grade_of_cell(text), "{text}");
        }
    }

    #[test]
    fn a_title_line_with_a_grade_at_its_end_marks_its_file() {
        let secrecy = secrecy();
        for text in [
            "机密 2026年项目台账",
            "机密★5年　2026年项目台账",
            "机密2026年项目台账",
            "机密项目台账",
            "机密级文件",
            "2026年项目台账（机密）",
            "2026年项目台账 秘密",
            "2026年项目台账【绝密】",
            "项目台账机密",
            "本表为机密",
            "密级：机密",
            "密 级：　秘密",
            "秘密-项目清单",
            "机密 不得外传",
            "2026年不便公开项目台账（秘密）",
        ] {
            assert!(secrecy.is_grade_of_line(text), "{text}");
        }
        for text in [
            "",
            "2026年项目台账",
            "秘密花园项目台账",
            "公司名 秘密花园",
            "保密协议签订情况表",
            "非涉密项目台账",
            "不得涉及国家秘密",
            "严禁填报 秘密",
            "本表不属于机密",
            "密级： 绝密 机密 秘密",
            "填报说明：不得填报绝密、机密、秘密级项目",
            "涉密人员名单",
            "商业秘密保护示范点名单",
            "不含机密（秘密）",
            "单位：亿元",
        ] {
            assert!(!secrecy.is_grade_of_line(text), "{text}");
        }
    }

    #[test]
    fn a_text_that_states_it_restricts_its_row_and_one_that_denies_it_does_not() {
        let secrecy = secrecy();
        for text in [
            "某某项目（涉密）",
            "某某项目(涉密)",
            "【涉密】某某项目",
            "某某项目[机密]",
            "某某项目【 秘密 】",
            "（不便公开）某某",
            "某某（一期）（涉密）",
            "某某（涉密）一期",
            "涉密",
            "【涉密】",
            "本项目涉密",
            "涉密项目",
            "该项目涉密，由专班推进",
            "属于涉密项目，不宜公开",
            "企业要求不得公开",
            "不宜公开。",
            "某某项目-涉密",
            "某某项目——涉密",
            "某某项目 涉密",
            "涉密_某某项目",
            "某某项目（內部）",
            "某某项目(内部)",
            "某某项目【内部】",
            "某某项目「涉密」",
            "不對外公開",
            "勿外传",
            "请勿公开",
            "对外保密",
            "内部掌握",
            "企业要求暂不公开",
            "该项目限内部掌握，勿外传",
            "是否涉密：是",
            "是否公开：否",
            "保密级别：内部",
            "不是一般项目，属涉密项目",
            "定为机密级",
            "不公开（企业要求）",
            "敏感，不公开",
            "该项目为涉密",
            "此项目保密",
            "请注意保密",
            "已签协议，不得对外披露",
            "涉军项目，不宜宣传",
            "暂不宜公布",
            "商密",
            "（商业秘密）",
            "内 部 掌 握",
            "不宜公\n开",
            "不 公 开",
            "某某项目*涉密*",
            "某某项目，涉密",
            "某某项目/涉密",
            "某某项目﹙涉密﹚",
            "某某项目：涉密",
            "某某项目、涉密",
            "某某项目（涉密，勿传）",
            "GZ-2025-777-密",
            "该项目为保密项目",
            "企业要求不公开",
            "该项目不公开。",
            "严禁公开",
            "不得向社会公开",
            "暂不公示",
            "因涉密不列入通报",
            "涉密，勿发",
            "涉密项目招标已完成",
            "含商业秘密",
            "該項目涉及企業商業秘密",
        ] {
            assert!(secrecy.restricting_words(text).is_some(), "{text}");
        }
        for text in [
            "",
            "不涉密",
            "本项目不涉密",
            "非涉密",
            "非涉密项目",
            "不属于涉密项目",
            "均不属于涉密项目",
            "不是涉密项目",
            "无涉密项目",
            "是否涉密项目",
            "是否涉密：否",
            "是否公开：是",
            "如涉密项目另行报送",
            "不宜公开招标",
            "因故不宜公开招标，改为邀请招标",
            "公开",
            "公开招标",
            "已签保密协议",
            "秘密花园",
            "涉密资质",
            "不得涉及国家秘密",
            "不涉及国家秘密",
            "未涉及国家秘密",
            "某某公司（内部道路）",
            "敏感点",
            "项目（公开）",
            "严禁填报涉密项目",
            "机密级保险柜采购",
            "涉密载体销毁中心",
            "是否 涉密",
            "涉密 否",
            "不-涉密",
            "内部道路",
            "商业保密协议-一期",
            "不涉商密",
            "未涉及商业秘密",
            "商业秘密保护示范点",
            "原为涉密项目，现已解密",
            "已解除暂不公开",
            "严禁公开招标",
            "无涉密项目、敏感项目",
            "请勿将涉密项目录入本表",
            "公开/不公开",
            "密级（绝密，机密，秘密）",
            "不涉密，不敏感",
        ] {
            assert_eq!(secrecy.restricting_words(text), None, "{text}");
        }
    }

    #[test]
    fn a_line_marks_what_is_below_it_and_one_that_explains_does_not() {
        let secrecy = secrecy();
        for text in [
            "内部资料 注意保存",
            "内部资料，请勿外传",
            "（内部）",
            "项目台账（内部）",
            "不公开项目",
            "二、不公开项目",
            "涉密项目",
            "三、涉密项目（5个）",
            "涉密项目台账",
            "台账-涉密",
            "仅供内部使用",
            "內部資料",
            "保密",
            "内 部 资 料",
            "（内　部　资　料）",
            "保密期限：5年",
            "请勿对外公布",
            "密",
            "（密）",
            "请勿洩露",
            "嚴禁外傳",
            "Confidential",
            "secret",
            "ＳＥＣＲＥＴ_list",
        ] {
            assert!(secrecy.restricting_line(text).is_some(), "{text}");
        }
        for text in [
            "",
            "项目台账",
            "公开项目",
            "一、公开项目",
            "非涉密项目",
            "不涉密项目台账",
            "严禁填报涉密项目",
            "填报说明：涉密项目不得填报",
            "内部道路建设项目",
            "信息公开台账",
            "密码产业项目",
            "注：无涉密项目、敏感项目",
            "注：涉密项目共0个",
            "注：涉密项目不在本表",
            "注：涉密项目已剔除",
            "备注：涉密项目另行线下报送",
            "注意：涉密项目线下报送",
            "本表为非涉密项目",
            "请勿将涉密项目录入本表",
            "各单位内部使用请自行下载",
            "注：部分项目因涉密未列入",
            "机密级保险柜采购项目",
            "密 级：非密",
            "Secretary list",
        ] {
            assert_eq!(secrecy.restricting_line(text), None, "{text}");
        }
        assert!(!secrecy.is_grade_of_line("机密级保险柜采购项目台账"));
    }

    #[test]
    fn a_long_title_is_looked_at_clause_by_clause() {
        let secrecy = secrecy();
        let title =
            "贵州省二〇二六年上半年招商引资重大产业项目签约开工投产情况以及续建项目储备项目跨年度结转项目和重点企业服务情况汇总台账";
        for text in [format!("{title}（内部资料）"), format!("{title}，请妥善保管，不得外传")] {
            assert!(secrecy.restricting_title(&text).is_some() && secrecy.restricting_line(&text).is_none(), "{text}");
        }
        let explained = format!("{title}。填报说明：不得填报涉密项目；涉密项目另行报送。");
        for text in [title.to_owned(), explained, format!("{}内部资料", title.repeat(9))] {
            assert_eq!(secrecy.restricting_title(&text), None, "{text}");
        }
    }

    #[test]
    fn a_name_is_looked_for_without_its_marks() {
        let secrecy = secrecy();
        for (name, bare) in [
            ("某某项目（涉密）", "某某项目"),
            ("【涉密】某某项目", "某某项目"),
            ("某某（一期）（内部）", "某某（一期）"),
            ("某某（一期）", "某某（一期）"),
            ("（涉密）", "（涉密）"),
            ("某某项目*涉密*", "某某项目"),
            ("某某项目（涉密，勿传）", "某某项目"),
            ("某某项目，涉密", "某某项目"),
            ("某某", "某某"),
        ] {
            assert_eq!(secrecy.name_without_marks(name), bare, "{name}");
        }
    }
}
