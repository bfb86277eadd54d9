//! Characters: what is trimmed, ignored or brought to one form before a text is read or compared.

use crate::domain::look_alikes::{may_look_alike, usual_char};

/// Control characters and the Unicode characters that take no room: zero-width, direction marks, soft hyphen, byte order mark.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}')
}

/// The text without surrounding spaces of any width and without invisible characters, with the usual characters in place of look-alikes. Line breaks
/// inside it stay.
pub fn clean(text: &str) -> String {
    let is_edge = |c: char| c.is_whitespace() || is_invisible(c);
    let trimmed = text.trim_matches(is_edge);
    // printable ASCII only: no invisible character is possible
    if !trimmed.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && trimmed.chars().any(is_invisible) {
        let visible = |c| match c {
            '\t' => Some(' '),
            '\n' => Some(c),
            c => (!is_invisible(c)).then_some(usual_char(c)),
        };
        return trimmed.chars().filter_map(visible).collect();
    }
    if !trimmed.is_ascii() && trimmed.chars().any(may_look_alike) {
        return trimmed.chars().map(usual_char).collect();
    }
    trimmed.to_owned()
}

/// Whether nothing of a text can be seen.
pub(crate) fn is_unseen(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_invisible(c))
}

/// A text as a spreadsheet program shows it that programs have wrapped so that it stays a text: `="052010001"` and `'052010001`.
pub(crate) fn unwrapped(text: &str) -> &str {
    let inside = text.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"')).filter(|inside| !inside.contains('"'));
    let behind_quote = || text.strip_prefix('\'').filter(|rest| !rest.contains('\''));
    inside.or_else(behind_quote).unwrap_or(text)
}

/// The text with full-width digits, letters and punctuation as ASCII: the part of Unicode NFKC that numbers, dates and codes need.
pub fn half_width(text: &str) -> String {
    text.chars().map(half_width_char).collect()
}

/// The same of one character.
pub(crate) fn half_width_char(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '\u{3000}' | '\u{a0}' => ' ',
        '。' => '.',
        c => usual_char(c),
    }
}

/// The form in which a search compares texts: half-width, in small letters.
pub fn search_form(text: &str) -> String {
    half_width(text).to_lowercase()
}

/// The canonical form of a name, for comparing: half-width, without spaces and invisible characters.
pub fn normalize_name(text: &str) -> String {
    half_width(text).chars().filter(|c| !c.is_whitespace() && !is_invisible(*c)).collect()
}

/// The first 80 characters of a raw text on one line, for a note.
pub fn excerpt(text: &str) -> String {
    let mut out: String = text.chars().take(80).map(|c| if c == '\n' { '↵' } else { c }).collect();
    if text.chars().count() > 80 {
        out.push('…');
    }
    out
}

/// Cuts a text to so many characters, with a mark at its end.
pub(crate) fn shortened(text: &mut String, chars_max: usize) {
    // a text has at least as many bytes as characters
    if text.len() > chars_max
        && let Some((end, _)) = text.char_indices().nth(chars_max)
    {
        text.truncate(end);
        text.push('…');
    }
}

/// Whether a text contains characters of the private use areas: fonts of one office show them, other computers show an empty box.
pub(crate) fn has_private_characters(text: &str) -> bool {
    // in UTF-8 they begin with these bytes; most texts have none and need no decoding
    text.bytes().any(|byte| matches!(byte, 0xee | 0xef | 0xf3 | 0xf4))
        && text.chars().any(|c| matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}'))
}
