//! A text with the numbers of persons masked, as everything that leaves the office shows it.
//!
//! A number is masked whatever signs and digits it is written with; a code, an amount, a day or the number of a paper is not. Where a number
//! can be either, the words beside it decide, and a number that nothing explains is taken for one of a person. The time is linear in the
//! length of the text: every number is looked at over a bounded number of characters.

use crate::domain::personal_numbers::accounts::{Masked, addresses, messenger_accounts, passports};
use crate::domain::personal_numbers::characters::{digit, radio_digit};
use crate::domain::personal_numbers::markup::without_markup;
use crate::domain::personal_numbers::numbers::find;
use crate::domain::personal_numbers::runs::DigitText;

/// A text with every number of a person masked as `138****5678`. Registers hold numbers in remarks and names too, so all free text of a
/// record is masked; codes are not.
pub fn masked(text: &str) -> String {
    mask_text(text, false)
}

/// The value of a phone cell, masked; unlike [`masked`] it also masks a short local number without a word before it.
pub fn masked_phone(text: &str) -> String {
    mask_text(text, true)
}

fn mask_text(text: &str, is_phone_cell: bool) -> String {
    if !may_hold_one(text) {
        return text.to_owned();
    }
    // what stays as it is keeps its markup
    if let Some(read) = without_markup(text) {
        let shown = mask_plain(&read, is_phone_cell);
        return if shown == read { text.to_owned() } else { shown };
    }
    mask_plain(text, is_phone_cell)
}

fn mask_plain(text: &str, is_phone_cell: bool) -> String {
    let mut text = DigitText::new(text);
    let mut parts = addresses(&text);
    parts.extend(messenger_accounts(&text));
    parts.extend(passports(&text));
    parts.extend(numbers(&mut text, is_phone_cell));
    parts.sort_by_key(|part| (part.begin, std::cmp::Reverse(part.end)));
    let mut out = String::with_capacity(text.original.len() * 3);
    let mut at = 0;
    for part in parts {
        // what overlaps the part before it is masked with it
        if part.begin >= at {
            out.extend(&text.original[at..part.begin]);
            out.push_str(&part.shown);
        }
        at = at.max(part.end);
    }
    out.extend(&text.original[at..]);
    out
}

/// Whether a text has five digits, or a sign or word by which a person is reached without them.
fn may_hold_one(text: &str) -> bool {
    let mut digits = 0;
    text.chars().any(|c| {
        digits += usize::from(digit(c).is_some() || radio_digit(c).is_some());
        digits >= 5
            || matches!(c, '@' | '＠' | '﹫' | '信' | 'q' | 'Q' | 'ｑ' | 'Ｑ' | 'v' | 'V' | 'ｖ' | 'Ｖ' | 'w' | 'W' | 'ｗ' | 'Ｗ')
            || matches!(c, '扣' | '钉' | '号' | '#' | '特' | '点' | 'a' | 'A' | 'ａ' | 'Ａ')
    })
}

/// A name that ends with digits has two at most.
const DIGITS_OF_NAME: usize = 2;

/// The numbers of digits in a text.
fn numbers(text: &mut DigitText, is_phone_cell: bool) -> Vec<Masked> {
    let mut out: Vec<Masked> = Vec::new();
    let mut phone_end = None;
    let mut run = 0;
    while run < text.runs.len() {
        let begin = text.runs[run].begin;
        let listed = phone_end.is_some_and(|end| goes_on(&text.folded[end..begin]));
        // a name may end with a digit right before the number: 张三8682123
        let mut found = if text.ends_name(run) { find(text, run + 1, listed, is_phone_cell) } else { None };
        if found.is_none() {
            found = find(text, run, listed, is_phone_cell);
        }
        for _ in 0..DIGITS_OF_NAME {
            if found.is_none() && text.shorten(run) {
                found = find(text, run, listed, is_phone_cell);
            }
        }
        let Some(found) = found else {
            run += 1;
            continue;
        };
        phone_end = found.is_phone.then_some(found.end);
        while run < text.runs.len() && text.runs[run].begin < found.end {
            run += 1;
        }
        out.push(Masked { begin: found.begin, end: found.end, shown: mask(&found.digits) });
    }
    out
}

/// Whether a text between two numbers only joins them: `、`, `或`, a blank, the extension of the first: `转801、`.
fn goes_on(between: &[char]) -> bool {
    let joins = |c: &char| !c.is_alphanumeric() && *c != '。' || matches!(c, '或' | '和' | '及' | '转') || c.is_ascii_digit();
    between.len() <= 8 && between.iter().all(joins)
}

/// The first and last digits of a number.
fn mask(digits: &[char]) -> String {
    let (head, tail) = match digits.len() {
        10.. => (3, 4),
        7..=9 => (2, 2),
        _ => (1, 1),
    };
    let text = |part: &[char]| part.iter().collect::<String>().to_uppercase();
    format!("{}****{}", text(&digits[..head]), text(&digits[digits.len() - tail..]))
}
