//! Text of any origin as it is printed on a terminal or in a log: without the characters that steer a terminal, turn the direction of
//! writing or forge a line.

use std::borrow::Cow;

/// The most characters of a name (of a file, a sheet, a unit or a record) that are printed.
const NAME_CHARACTERS_MAX: usize = 80;

/// What a character becomes that is not printed.
const REPLACEMENT: char = '\u{fffd}';

/// Control characters (C0, DEL, C1), direction marks and separators of lines; `\n` is one of them.
pub fn is_steering(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with every line end and tab as a space, and every other steering character replaced.
pub fn on_one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(is_steering) {
        return Cow::Borrowed(text);
    }
    text.replace("\r\n", "\n").chars().map(printed).collect()
}

/// As [`on_one_line`], for a text that this program has composed of lines: `\n` stays.
pub fn in_lines(text: &str) -> Cow<'_, str> {
    if !text.contains(|c: char| c != '\n' && is_steering(c)) {
        return Cow::Borrowed(text);
    }
    text.replace("\r\n", "\n").chars().map(|c| if c == '\n' { c } else { printed(c) }).collect()
}

/// The text as one word of a command line that a person copies into a shell.
pub fn shell_word(text: &str) -> String {
    let text = on_one_line(text);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '-' | '_') || c > '\u{2e7f}' && c.is_alphanumeric();
    match !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) {
        true => text.into_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// The text in JSON without steering characters but `\n`: they can only be inside strings, where they become escapes.
pub fn in_json(text: &str) -> Cow<'_, str> {
    if !text.contains(|c: char| c != '\n' && is_steering(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if c != '\n' && is_steering(c) {
            out.push_str(&format!("\\u{:04x}", c as u32));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// The longest beginning of a text that takes at most so many units of UTF-16, in which spreadsheet programs count.
pub fn within_units(text: &str, units_max: usize) -> &str {
    let mut units = 0;
    let end = text.char_indices().find(|(_, c)| {
        units += c.len_utf16();
        units > units_max
    });
    end.map_or(text, |(at, _)| &text[..at])
}

/// The beginning of a name on one line; what is cut off is marked.
pub fn shown_name(name: &str) -> Cow<'_, str> {
    let line = on_one_line(name);
    match line.char_indices().nth(NAME_CHARACTERS_MAX) {
        None => line,
        Some((at, _)) => Cow::Owned(format!("{}…", &line[..at])),
    }
}

fn printed(c: char) -> char {
    match c {
        '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
        c if is_steering(c) => REPLACEMENT,
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_steers_a_terminal_or_forges_a_line() {
        let forged = "表\u{1b}[2J\r\nerror: forged\u{9b}31m\u{202e}倒\u{2066}\u{7f}\ta\u{2028}b";
        assert_eq!(on_one_line(forged), "表\u{fffd}[2J error: forged\u{fffd}31m\u{fffd}倒\u{fffd}\u{fffd} a b");
        assert_eq!(in_lines("a\r\nb\rc\u{7}\n"), "a\nb c\u{fffd}\n");
        assert_eq!(in_json("{\"a\":\"\u{202e}\u{9b}\"}\n"), "{\"a\":\"\\u202e\\u009b\"}\n");
        for plain in ["瓮安县 GZ1（签约未开工）", "", "é—…“”"] {
            assert!(matches!(on_one_line(plain), Cow::Borrowed(_)), "{plain}");
        }
        for c in (0..=0x10ffff).filter_map(char::from_u32).filter(|c| is_steering(*c)) {
            assert!(!on_one_line(&c.to_string()).contains(is_steering), "{c:?}");
        }
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(shown_name(&"表".repeat(80)), "表".repeat(80));
        assert_eq!(shown_name(&"表".repeat(100_000)), format!("{}…", "表".repeat(80)));
        assert_eq!(shown_name("a\nb"), "a b");
    }
}
