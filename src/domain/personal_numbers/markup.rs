//! Markup of pages within a text: a cell that was copied from one may hold tags and character references, which hide a number from a search.

/// The longest tag and the longest reference that are looked for.
const TAG_MAX: usize = 200;
const REFERENCE_MAX: usize = 36;
/// References by name to signs that part or join digits, or begin markup.
const NAMES: [(&str, char); 14] = [
    ("nbsp", ' '),
    ("ensp", ' '),
    ("emsp", ' '),
    ("thinsp", ' '),
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("ndash", '–'),
    ("mdash", '—'),
    ("middot", '·'),
    ("lpar", '('),
    ("rpar", ')'),
    ("comma", ','),
];
const INVISIBLE: char = '\u{200b}';
/// References may be written in references.
const ROUNDS: usize = 3;

/// Tags behind which a page begins a new line.
const LINES: [&str; 8] = ["br", "p", "div", "tr", "td", "th", "li", "hr"];

/// The text as a browser shows it; `None` = it has no markup.
pub fn without_markup(text: &str) -> Option<String> {
    if !text.contains(['<', '&', '＆']) {
        return None;
    }
    let mut read = text.to_owned();
    for _ in 0..ROUNDS {
        let once = without_tags(&without_references(&read));
        if once == read {
            break;
        }
        read = once;
    }
    (read != text).then_some(read)
}

/// The text with each reference replaced by its character: `&#49;`, `&#x31;`, `&nbsp;`. The semicolon may be missing behind digits.
fn without_references(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['&', '＆']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match reference(rest) {
            Some((c, length)) => {
                out.push(c);
                rest = &rest[length..];
            }
            None => {
                let first = rest.chars().next().map_or(0, char::len_utf8);
                out.push_str(&rest[..first]);
                rest = &rest[first..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The character of the reference at the beginning of a text, and the bytes that it takes. A name that is not listed is a sign that nobody
/// sees: it parts no digits.
fn reference(text: &str) -> Option<(char, usize)> {
    let mut end = text.chars().next()?.len_utf8();
    let body = &text[end..];
    let body = &body[..body.char_indices().nth(REFERENCE_MAX).map_or(body.len(), |(at, _)| at)];
    if let Some(number) = body.strip_prefix(['#', '＃']) {
        end += body.len() - number.len();
        let (digits, radix) = match number.strip_prefix(['x', 'X']) {
            Some(digits) => (digits, 16),
            None => (number, 10),
        };
        end += number.len() - digits.len();
        let length = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
        let c = char::from_u32(u32::from_str_radix(&digits[..length], radix).ok()?).filter(|c| !c.is_control())?;
        let semicolon = digits[length..].chars().next().filter(|c| matches!(c, ';' | '；')).map_or(0, char::len_utf8);
        return Some((c, end + length + semicolon));
    }
    let name = &body[..body.find(';')?];
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let known = NAMES.into_iter().find(|(known, _)| *known == name).map_or(INVISIBLE, |(_, c)| c);
    is_name.then_some((known, end + name.len() + 1))
}

/// The text without its tags; a tag that begins a line becomes a line break. `面积<500亩` holds none.
fn without_tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match tag(rest) {
            Some((name, length)) => {
                if LINES.iter().any(|line| name.eq_ignore_ascii_case(line)) {
                    out.push('\n');
                }
                rest = &rest[length..];
            }
            None => {
                out.push('<');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The name of the tag or comment at the beginning of a text, and the bytes that it takes.
fn tag(text: &str) -> Option<(&str, usize)> {
    let head = &text[..text.char_indices().nth(TAG_MAX).map_or(text.len(), |(at, _)| at)];
    if head.starts_with("<!--") {
        return head.find("-->").map(|at| ("", at + "-->".len()));
    }
    let end = head.find('>')?;
    let inside = head[1..end].trim_start_matches('/');
    let name = &inside[..inside.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(inside.len())];
    let is_tag = name.starts_with(|c: char| c.is_ascii_alphabetic()) && !inside.contains('<');
    is_tag.then_some((name, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_as_a_browser_shows_it() {
        for (text, read) in [
            ("138<b>1234</b>5678", Some("13812345678")),
            ("138<span style=\"color:red\">1234</span>5678", Some("13812345678")),
            ("138<br/>1234<!-- -->5678", Some("138\n12345678")),
            ("&#49;&#51;8&#x31;2345678", Some("13812345678")),
            ("&#49;3812345678&#", Some("13812345678&#")),
            ("&amp;#49;3812345678", Some("13812345678")),
            ("&lt;b&gt;138&lt;/b&gt;12345678", Some("13812345678")),
            ("138&nbsp;1234", Some("138 1234")),
            ("138&ndash;1234&ndash;5678", Some("138–1234–5678")),
            ("138&zwnj;1234&ZeroWidthSpace;5678", Some("138\u{200b}1234\u{200b}5678")),
            ("&lpar;0851&rpar;8682", Some("(0851)8682")),
            ("R&D投入；A&;B& C;", None),
            ("面积<500亩，投资>3亿元", None),
            ("R&D投入", None),
            ("5<6&7>3", None),
        ] {
            assert_eq!(without_markup(text).as_deref(), read, "{text}");
        }
    }
}
