//! The runs of digits in a text, and chains of them that may be one number.

use crate::domain::personal_numbers::characters::{Script, Signs, digit, folded, radio_digit, sign};

/// The most signs between two digits of one number.
const GAP_MAX: usize = 8;
/// The most digits that a chain follows; no personal number is longer.
pub const DIGITS_MAX: usize = 25;

/// Digits of one script without a sign between them.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub begin: usize,
    pub end: usize,
    pub script: Script,
    /// A part of a day, a document number or a project code.
    pub is_ours: bool,
    /// What lies between it and the next run; `None` if that ends a number, or there is no next run.
    pub gap: Option<Signs>,
}

impl Run {
    pub fn len(&self) -> usize {
        self.end - self.begin
    }
}

/// A text with its runs of digits. Positions count characters.
pub struct DigitText {
    pub original: Vec<char>,
    /// Digits as 0 to 9, letters small, everything of plain width.
    pub folded: Vec<char>,
    pub runs: Vec<Run>,
}

impl DigitText {
    pub fn new(text: &str) -> DigitText {
        let original: Vec<char> = text.chars().collect();
        let mut folded: Vec<char> = original.iter().map(|c| folded(*c)).collect();
        let mut runs: Vec<Run> = Vec::new();
        for at in 0..original.len() {
            let script = match digit(original[at]) {
                Some((_, script)) => script,
                None if folded[at] == 'o' && is_zero(&folded, at, runs.last()) || is_meant_as_digit(&original, &folded, at) => {
                    folded[at] = if folded[at] == 'o' { '0' } else { '1' };
                    Script::Plain
                }
                None => match radio_digit(original[at]).filter(|_| is_beside_chinese_digit(&original, at)) {
                    Some(value) => {
                        folded[at] = char::from(b'0' + value);
                        Script::Chinese
                    }
                    None => continue,
                },
            };
            match runs.last_mut() {
                Some(last) if last.end == at && last.script == script => last.end = at + 1,
                _ => runs.push(Run { begin: at, end: at + 1, script, is_ours: false, gap: None }),
            }
        }
        let mut text = DigitText { original, folded, runs };
        for run in 0..text.runs.len() {
            text.runs[run].gap = text.signs_behind(run);
        }
        text.mark_days();
        text.mark_documents();
        text.mark_project_codes();
        text
    }

    /// Whether a run is one or two Chinese digits right before plain ones.
    pub fn ends_name(&self, run: usize) -> bool {
        let of = self.runs[run];
        let next = self.runs.get(run + 1).is_some_and(|next| next.begin == of.end && next.script == Script::Plain && next.len() >= 5);
        of.script == Script::Chinese && of.len() <= 2 && next
    }

    /// Whether the first digit of a run may be the end of a word, as in the name 王五. Takes it from the run then.
    pub fn shorten(&mut self, run: usize) -> bool {
        let run = &mut self.runs[run];
        let is_name = run.script == Script::Chinese && run.len() > 3;
        run.begin += usize::from(is_name);
        is_name
    }

    /// The digits of a run, as 0 to 9.
    pub fn digits(&self, run: usize) -> &[char] {
        let run = self.runs[run];
        &self.folded[run.begin..run.end]
    }

    /// The number of a run of at most nine digits.
    fn value(&self, run: usize) -> u32 {
        self.digits(run).iter().take(9).fold(0, |sum, digit| sum * 10 + digit.to_digit(10).unwrap_or(0))
    }

    fn signs_behind(&self, run: usize) -> Option<Signs> {
        let (end, next) = (self.runs[run].end, self.runs.get(run + 1)?.begin);
        if next - end > GAP_MAX {
            return None;
        }
        self.original[end..next].iter().try_fold(Signs::default(), |all, c| Some(all.with(sign(*c)?)))
    }

    fn between(&self, run: usize) -> &[char] {
        match self.runs.get(run + 1) {
            Some(next) => &self.folded[self.runs[run].end..next.begin],
            None => &[],
        }
    }

    /// Days with a sign between year, month and day: `2026-09-30`.
    fn mark_days(&mut self) {
        let mut at = 0;
        while at + 2 < self.runs.len() {
            let lengths = [at, at + 1, at + 2].map(|run| self.runs[run].len());
            let signs = [self.between(at), self.between(at + 1)];
            let is_day = lengths[0] == 4
                && lengths[1] <= 2
                && lengths[2] <= 2
                && signs[0] == signs[1]
                && signs[0].len() == 1
                && is_day(self.value(at), self.value(at + 1), self.value(at + 2));
            if is_day {
                self.runs[at..at + 3].iter_mut().for_each(|run| run.is_ours = true);
            }
            at += if is_day { 3 } else { 1 };
        }
    }

    /// Document numbers: `〔2023〕12号`.
    fn mark_documents(&mut self) {
        for at in 0..self.runs.len() {
            let Run { begin, end, .. } = self.runs[at];
            let opens = begin > 0 && matches!(self.folded[begin - 1], '〔' | '[' | '(' | '【' | '﹝' | '{');
            let closes = matches!(self.folded.get(end), Some('〕' | ']' | ')' | '】' | '﹞' | '}'));
            if !(opens && closes && self.runs[at].len() == 4 && is_year(self.value(at))) {
                continue;
            }
            // the number of the paper follows, or no digit
            let next = self.runs[at].gap.filter(|gap| !gap.has(Signs::JOIN)).and_then(|_| self.runs.get(at + 1));
            let is_paper = next.map(|run| run.begin <= end + 2 && run.len() <= 6 && self.folded.get(run.end) == Some(&'号'));
            if is_paper != Some(false) {
                self.runs[at].is_ours = true;
            }
            if is_paper == Some(true) {
                self.runs[at + 1].is_ours = true;
            }
        }
    }

    /// Codes of the national project platform: `2020-520327-26-03-012345`.
    fn mark_project_codes(&mut self) {
        const LENGTHS: [usize; 5] = [4, 6, 2, 2, 6];
        for at in 0..self.runs.len().saturating_sub(4) {
            let is_code = (0..5).all(|part| self.runs[at + part].len() == LENGTHS[part])
                && (0..4).all(|part| self.between(at + part).len() == 1 && self.runs[at + part].gap == Some(Signs::DASH));
            if is_code {
                self.runs[at..at + 5].iter_mut().for_each(|run| run.is_ours = true);
            }
        }
    }

    /// The chain that begins with a run and goes on over signs, at most so far that a number of this length may be in it. `dashes`: a lone
    /// 一 between plain digits counts as a dash.
    pub fn chain(&self, first: usize, dashes: bool) -> Chain {
        let mut chain = Chain::default();
        let mut signs = Signs::default();
        for run in first..self.runs.len() {
            let is_dash = dashes && run > first && self.is_lone_one(run);
            if is_dash {
                signs = signs.with(Signs::DASH);
            } else {
                if chain.digits.len() + self.runs[run].len() > DIGITS_MAX && run > first {
                    break;
                }
                chain.digits.extend(self.digits(run));
                chain.links.push(Link { end: self.runs[run].end, digits: chain.digits.len(), signs, is_ours: self.runs[run].is_ours });
                signs = Signs::default();
            }
            match self.runs[run].gap {
                Some(more) => signs = signs.with(more),
                None => break,
            }
        }
        chain
    }

    /// Whether one of the next runs is a 一 that may be meant as a dash.
    pub fn has_lone_one_behind(&self, run: usize) -> bool {
        (run + 1..run + 8).any(|next| next < self.runs.len() && self.is_lone_one(next))
    }

    /// Whether a run is one 一 with plain digits on both sides.
    fn is_lone_one(&self, run: usize) -> bool {
        let one = self.runs[run];
        let is_plain = |run: Option<&Run>| run.is_some_and(|run| run.script == Script::Plain);
        one.len() == 1
            && self.original[one.begin] == '一'
            && is_plain(run.checked_sub(1).and_then(|before| self.runs.get(before)).filter(|before| before.end == one.begin))
            && is_plain(self.runs.get(run + 1).filter(|next| next.begin == one.end))
    }
}

/// Whether a Chinese digit is right before or behind a position, over other digits of the radio.
fn is_beside_chinese_digit(original: &[char], at: usize) -> bool {
    let is_one = |c: Option<&char>| c.is_some_and(|c| digit(*c).is_some_and(|(_, script)| script == Script::Chinese));
    let is_radio = |c: &&char| radio_digit(**c).is_some();
    let near = DIGITS_MAX.min(original.len());
    let behind = original[at + 1..].iter().take(near).find(|c| !is_radio(c));
    is_one(behind) || is_one(original[..at].iter().rev().take(near).find(|c| !is_radio(c)))
}

/// The fewest digits before an O that ends a number.
const DIGITS_BEFORE_O: usize = 3;

/// Whether the letter O at a position is written for a zero: behind the plain digits of the last run, and before another, or at the end of them.
fn is_zero(folded: &[char], at: usize, last: Option<&Run>) -> bool {
    let follows = last.is_some_and(|run| run.end == at && run.script == Script::Plain && run.len() >= 2);
    let ends = || last.is_some_and(|run| run.len() >= DIGITS_BEFORE_O);
    follows && folded.get(at + 1).map_or_else(ends, |next| next.is_ascii_digit() || *next == 'o' || !next.is_ascii_alphabetic() && ends())
}

/// The characters beside a letter that are looked at, and how many of them are digits at least where it is meant as one.
const NEAR_LETTER: usize = 20;
const DIGITS_NEAR_LETTER: usize = 6;
/// The fewest digits of a number with letters for some of them, these letters included.
const NUMBER_WITH_LETTERS_MIN: usize = 10;

/// Whether an l, I or O is meant as a digit of a long number: `l38 1234 5678`, `1381234567l`, `O851-86821234`.
fn is_meant_as_digit(original: &[char], folded: &[char], at: usize) -> bool {
    let is_like = |c: char| matches!(c, 'l' | 'i' | 'o');
    if !is_like(folded[at]) {
        return false;
    }
    let is_digit = |at: usize| folded.get(at).is_some_and(char::is_ascii_digit);
    let is_word = |at: usize| folded.get(at).is_some_and(|c| c.is_ascii_alphabetic() && !is_like(*c));
    let before = at.checked_sub(1);
    let is_beside_digit = before.is_some_and(is_digit) || is_digit(at + 1);
    let is_litre = folded[at] == 'l' && !is_digit(at + 1) && folded[..at].ends_with(&['0', '0']);
    if !is_beside_digit || before.is_some_and(is_word) || is_word(at + 1) || is_litre {
        return false;
    }
    let goes_on = |place: &usize| folded[*place].is_ascii_digit() || is_like(folded[*place]) || sign(original[*place]).is_some();
    let behind = (at + 1..folded.len()).take(NEAR_LETTER).take_while(goes_on);
    let near = (0..at).rev().take(NEAR_LETTER).take_while(goes_on).chain(behind);
    let (digits, letters) = near.fold((0, 1), |(digits, letters), place| match is_like(folded[place]) {
        true => (digits, letters + 1),
        false => (digits + usize::from(folded[place].is_ascii_digit()), letters),
    });
    digits >= DIGITS_NEAR_LETTER && digits + letters >= NUMBER_WITH_LETTERS_MIN
}

/// One run of a chain.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// The position behind the run.
    pub end: usize,
    /// The digits of the chain up to its end.
    pub digits: usize,
    /// The signs before it.
    pub signs: Signs,
    pub is_ours: bool,
}

/// Runs of digits with nothing but signs between them.
#[derive(Debug, Default)]
pub struct Chain {
    pub digits: Vec<char>,
    pub links: Vec<Link>,
}

impl Chain {
    /// The beginning of the chain that has so many digits and ends with a run.
    pub fn beginning(&self, digits: usize) -> Option<Beginning<'_>> {
        let link = self.links.binary_search_by_key(&digits, |link| link.digits).ok()?;
        Some(Beginning::new(self, link + 1))
    }
}

/// The first runs of a chain, as one number.
#[derive(Debug)]
pub struct Beginning<'a> {
    pub digits: &'a [char],
    /// The digits between two signs, by their count.
    pub blocks: Vec<usize>,
    /// The signs between the blocks.
    pub signs: Vec<Signs>,
    /// The position behind it.
    pub end: usize,
    /// Whether a part of it is of a day, a document number or a project code.
    pub has_ours: bool,
}

impl<'a> Beginning<'a> {
    fn new(chain: &'a Chain, count: usize) -> Beginning<'a> {
        let links = &chain.links[..count];
        let (mut blocks, mut signs, mut before) = (Vec::new(), Vec::new(), 0);
        for link in links {
            let digits = link.digits - before;
            match blocks.last_mut().filter(|_| link.signs.is_empty()) {
                Some(last) => *last += digits,
                None => {
                    if !blocks.is_empty() {
                        signs.push(link.signs);
                    }
                    blocks.push(digits);
                }
            }
            before = link.digits;
        }
        let end = links.last().map_or(0, |link| link.end);
        Beginning { digits: &chain.digits[..before], blocks, signs, end, has_ours: links.iter().any(|link| link.is_ours) }
    }

    /// Whether one of the signs is of a kind.
    pub fn has(&self, kind: Signs) -> bool {
        self.signs.iter().any(|signs| signs.has(kind))
    }

    /// Whether all signs are alike, and no dots, commas or slashes, which join several figures.
    pub fn is_uniform(&self) -> bool {
        let joins = |signs: &Signs| signs.has(Signs::DOT) || signs.has(Signs::COMMA) || signs.has(Signs::SLASH);
        self.signs.windows(2).all(|two| two[0] == two[1]) && !self.signs.iter().any(joins)
    }

    /// The blocks without the first digits.
    pub fn blocks_without(&self, mut digits: usize) -> Vec<usize> {
        let mut out = Vec::new();
        for block in &self.blocks {
            let less = digits.min(*block);
            digits -= less;
            if *block > less {
                out.push(block - less);
            }
        }
        out
    }
}

/// A year of a register or of the birth of a person.
pub fn is_year(year: u32) -> bool {
    (1900..2100).contains(&year)
}

/// Whether a year, month and day can be one.
pub fn is_day(year: u32, month: u32, day: u32) -> bool {
    is_year(year) && (1..=12).contains(&month) && (1..=31).contains(&day)
}
