//! Rules of the source tree as tests: who may import whom, no circle of files, the words of the glossary, what a file may hold.
//!
//! A small lexer, used by these tests alone, separates code, comments and strings.

mod browsers;
mod circles;
mod dependencies;
mod documents;
mod imports;
mod level_words;
mod sources;
mod words;

use super::helpers::home;
use std::path::Path;

/// A Rust source with its path below the repository, such as `src/domain/rules/rule.rs`.
pub struct Source {
    pub name: String,
    pub text: String,
}

impl Source {
    /// Whether the file holds unit tests and nothing that ships.
    pub fn is_unit_tests(&self) -> bool {
        self.name.ends_with("/tests.rs") || (self.name.starts_with("src/") && self.name.contains("/tests/"))
    }
}

/// All Rust sources below a folder of the repository, by name.
pub fn sources(folder: &str) -> Vec<Source> {
    fn walk(at: &Path, out: &mut Vec<Source>) {
        for entry in std::fs::read_dir(at).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(home()).expect("below the repository").display().to_string();
                out.push(Source { name, text: std::fs::read_to_string(&path).expect("a source") });
            }
        }
    }
    let mut out = Vec::new();
    walk(&home().join(folder), &mut out);
    out.sort_by(|a, b| a.name.cmp(&b.name));
    out
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenKind {
    Comment,
    Identifier,
    /// A number, or a literal of text in any of its forms.
    Literal,
    /// One character, or `::`.
    Mark,
}

#[derive(Clone, Copy, Debug)]
pub struct Token<'a> {
    pub kind: TokenKind,
    pub text: &'a str,
    /// Counted from 1.
    pub line: usize,
}

/// The tokens of a Rust source, without white space.
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let bytes = text.as_bytes();
    let at_byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
    let mut out = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < bytes.len() {
        let start = at;
        let byte = bytes[at];
        let kind = if byte.is_ascii_whitespace() {
            line += usize::from(byte == b'\n');
            at += 1;
            continue;
        } else if text[at..].starts_with("//") {
            at = text[at..].find('\n').map_or(bytes.len(), |length| at + length);
            TokenKind::Comment
        } else if text[at..].starts_with("/*") {
            at = block_comment_end(bytes, at);
            TokenKind::Comment
        } else if let Some(end) = literal_end(text, at) {
            at = end;
            TokenKind::Literal
        } else if byte.is_ascii_alphanumeric() || byte == b'_' {
            while at_byte(at).is_ascii_alphanumeric() || at_byte(at) == b'_' {
                at += 1;
            }
            if byte.is_ascii_digit() { TokenKind::Literal } else { TokenKind::Identifier }
        } else {
            at += if text[at..].starts_with("::") { 2 } else { text[at..].chars().next().map_or(1, char::len_utf8) };
            TokenKind::Mark
        };
        out.push(Token { kind, text: &text[start..at], line });
        line += text[start..at].matches('\n').count();
    }
    out
}

fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < bytes.len() {
        match &bytes[at..(at + 2).min(bytes.len())] {
            b"/*" => (at, depth) = (at + 2, depth + 1),
            b"*/" => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Where the string or character that begins at `start` ends; `None` if none begins there (a lifetime is none).
fn literal_end(text: &str, start: usize) -> Option<usize> {
    let rest = &text[start..];
    if let Some(inside) = rest.strip_prefix('\'') {
        let mut characters = inside.chars();
        return match characters.next()? {
            '\\' => {
                let escaped = characters.next()?.len_utf8();
                Some(start + 2 + escaped + inside[1 + escaped..].find('\'')? + 1)
            }
            one => (characters.next()? == '\'').then(|| start + 1 + one.len_utf8() + 1),
        };
    }
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| {
        let behind = rest.strip_prefix(prefix).unwrap_or_default();
        let hashes = if prefix.ends_with('r') { behind.trim_start_matches('#') } else { behind };
        hashes.starts_with('"')
    })?;
    let opening = rest.find('"')?;
    let inside = start + opening + 1;
    if prefix.ends_with('r') {
        let closing = format!("\"{}", "#".repeat(opening - prefix.len()));
        return Some(text[inside..].find(&closing).map_or(text.len(), |length| inside + length + closing.len()));
    }
    let mut escaped = false;
    for (offset, one) in text[inside..].char_indices() {
        match one {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(inside + offset + 1),
            _ => {}
        }
    }
    Some(text.len())
}

/// The tokens of what ships: without comments, and without every item under `#[cfg(test)]`.
pub fn shipped(text: &str) -> Vec<Token<'_>> {
    let all: Vec<Token> = tokens(text).into_iter().filter(|token| token.kind != TokenKind::Comment).collect();
    let is = |at: usize, mark: &str| all.get(at).is_some_and(|token| token.text == mark);
    let mut out = Vec::new();
    let mut at = 0;
    while at < all.len() {
        if ["#", "[", "cfg", "(", "test", ")", "]"].iter().enumerate().all(|(step, mark)| is(at + step, mark)) {
            at = item_end(&all, at + 7);
        } else {
            out.push(all[at]);
            at += 1;
        }
    }
    out
}

/// Behind the item that begins at `start`: behind its block, or behind its semicolon.
fn item_end(all: &[Token], start: usize) -> usize {
    let mut depth = 0;
    for (at, token) in all.iter().enumerate().skip(start) {
        match token.text {
            "{" | "(" | "[" => depth += 1,
            ")" | "]" => depth -= 1,
            "}" => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    all.len()
}

#[test]
fn the_lexer_separates_code_comments_and_strings() {
    let text = "fn f<'a>(x: &'a str) { // note\n g('\"', '\\'', \"// \\\" no\", r#\"a \" b\"#, b\"x\"); /* a /* b */ c */ h::i(1_000) }";
    let of = |kind: TokenKind| tokens(text).into_iter().filter(|token| token.kind == kind).map(|token| token.text).collect::<Vec<_>>();
    assert_eq!(of(TokenKind::Comment), ["// note", "/* a /* b */ c */"]);
    assert_eq!(of(TokenKind::Literal), ["'\"'", "'\\''", "\"// \\\" no\"", "r#\"a \" b\"#", "b\"x\"", "1_000"]);
    assert_eq!(of(TokenKind::Identifier), ["fn", "f", "a", "x", "a", "str", "g", "h", "i"]);
    let with_tests = "use a::B;\n#[cfg(test)]\nuse c::D;\n#[cfg(test)]\nmod tests { use e::F; fn g() { h(); } }\nfn i() {}";
    let names: Vec<&str> = shipped(with_tests).iter().map(|token| token.text).filter(|text| text.len() == 1 && *text > "@").collect();
    assert_eq!(names, ["a", "B", "i", "{", "}"]);
}
