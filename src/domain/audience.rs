//! Who may see what: which records are restricted, and how phone numbers are masked. Mails and the workbooks of units hold no phone number
//! in full, wherever in a text it is.

use crate::domain::register::ledger::{Ledger, Role};
use crate::domain::register::record::{Cell, Record};

/// A text with every phone number masked as `138****5678`. Registers hold numbers in remarks and names too, so all free text of a record
/// is masked; codes are not.
pub fn masked(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let boundary = at == 0 || digit(chars[at - 1]).is_none();
        match boundary.then(|| number_at(&chars[at..])).flatten() {
            Some((length, digits)) => {
                out.push_str(&mask(&digits));
                at += length;
            }
            None => {
                out.push(chars[at]);
                at += 1;
            }
        }
    }
    out
}

/// The value of a phone cell, masked; unlike [`masked`] it also masks a short local number.
pub fn masked_phone(text: &str) -> String {
    let masked = masked(text);
    if masked != text {
        return masked;
    }
    let digits: Vec<u8> = text.chars().filter_map(digit).collect();
    if digits.len() < 5 { masked } else { mask(&digits) }
}

fn digit(c: char) -> Option<u8> {
    match c {
        '0'..='9' => Some(c as u8),
        // full-width digits
        '\u{ff10}'..='\u{ff19}' => Some((c as u32 - 0xff10) as u8 + b'0'),
        _ => None,
    }
}

fn mask(digits: &[u8]) -> String {
    let (head, tail) = if digits.len() >= 10 { (3, 4) } else { (2, 2) };
    let text = |part: &[u8]| part.iter().map(|digit| char::from(*digit)).collect::<String>();
    format!("{}****{}", text(&digits[..head]), text(&digits[digits.len() - tail..]))
}

/// A phone number at the start of `chars`: its length in characters and its digits. Single spaces or dashes may separate the digits.
fn number_at(chars: &[char]) -> Option<(usize, Vec<u8>)> {
    let mut solid = Vec::new();
    while let Some(value) = chars.get(solid.len()).copied().and_then(digit) {
        solid.push(value);
    }
    // no figure of a project has eleven digits in a row: this is a mobile number, one with country code, or an identity number
    if solid.len() >= 11 {
        return Some((solid.len(), solid));
    }
    let lengths: &[usize] = match solid.first() {
        Some(b'1') => &[11],
        // area code and local number
        Some(b'0') => &[12, 11, 10],
        _ => return None,
    };
    let (mut digits, mut at, mut ends) = (Vec::new(), 0, Vec::new());
    while digits.len() < 12 {
        match chars.get(at).copied() {
            Some(c) if digit(c).is_some() => digits.extend(digit(c)),
            Some('-' | '－' | '—' | ' ' | '\u{a0}') if ends.last().is_some_and(|end| *end == at) => {}
            _ => break,
        }
        at += 1;
        if digit(chars[at - 1]).is_some() {
            ends.push(at);
        }
    }
    let complete = |count: &usize| {
        let end = *ends.get(count - 1)?;
        chars.get(end).copied().and_then(digit).is_none().then_some((end, digits[..*count].to_vec()))
    };
    lengths.iter().find_map(complete)
}

/// The texts of an unrestricted record; any other text restricts it.
const UNRESTRICTED: [&str; 7] = ["否", "公开", "无", "不涉密", "非涉密", "非密", "不涉及"];

/// Whether a record is marked 涉密 or 不便公开: it is only counted outside the office's own workbook.
pub fn is_restricted(ledger: &Ledger, record: &Record) -> bool {
    ledger.role(Role::Restricted).is_some_and(|field| is_marked(record.cell(field)))
}

/// Whether the value of a secrecy field restricts the record.
pub fn is_marked(cell: &Cell) -> bool {
    match cell {
        Cell::Empty => false,
        Cell::Bool(restricted) => *restricted,
        Cell::Text(text) => !text.trim().is_empty() && !UNRESTRICTED.contains(&text.trim()),
        _ => true,
    }
}
