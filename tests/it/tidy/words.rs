//! Code, comments and documents use the words of docs/GLOSSARY.md: its last table names the words that are not used, with what to write
//! instead. Strings are exempt, because keys and sentences are contracts.

use super::{TokenKind, home, sources, tokens};
use std::collections::BTreeMap;

/// Words that are replaced as a part of a longer name only: alone they are names of other libraries or of English prose.
const PARTS_OF_NAMES: [&str; 2] = ["keep", "keeps"];

/// Names of other libraries, which hold a replaced word.
const FOREIGN: [(&str, &str); 3] =
    [("fuse", "Iterator::fuse"), ("keep", "TempDir::keep and the like"), ("keep_trailing_newline", "a setting of minijinja")];

/// Replaced word → what to write instead, from the last table of the glossary.
fn replaced_words() -> BTreeMap<String, String> {
    let glossary = std::fs::read_to_string(home().join("docs/GLOSSARY.md")).expect("docs/GLOSSARY.md");
    let (_, table) = glossary.split_once("## Words that are not used").expect("the table of replaced words");
    let mut out = BTreeMap::new();
    for line in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        for word in cells[0].split('`').skip(1).step_by(2) {
            out.insert(word.to_owned(), cells[1].replace('`', ""));
        }
    }
    assert!(out.len() > 40, "the table of replaced words cannot be read: {} words", out.len());
    out
}

/// The documents in English, by path; the README in Chinese for what is English in it.
pub fn documents() -> Vec<(String, String)> {
    let mut names: Vec<String> = std::fs::read_dir(home().join("docs"))
        .expect("docs")
        .map(|entry| format!("docs/{}", entry.expect("an entry").file_name().to_string_lossy()))
        .filter(|name| name.ends_with(".md"))
        .collect();
    names.extend(["README.md", "README.zh-CN.md", "CONTRIBUTING.md"].map(str::to_owned));
    names.sort();
    names
        .into_iter()
        .map(|name| (std::fs::read_to_string(home().join(&name)).expect("a document"), name))
        .map(|(text, name)| (name, text))
        .collect()
}

/// The words of a name: `FirstOne_two3` is first, one, two, 3.
fn words_of_name(name: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let all: Vec<char> = name.chars().collect();
    for (at, one) in all.iter().enumerate() {
        let before = at.checked_sub(1).map_or('_', |at| all[at]);
        let behind = all.get(at + 1).copied().unwrap_or('_');
        let begins = !one.is_alphanumeric()
            || !before.is_alphanumeric()
            || before.is_ascii_digit() != one.is_ascii_digit()
            || one.is_uppercase() && (before.is_lowercase() || behind.is_lowercase());
        if begins {
            out.push(String::new());
        }
        if let Some(last) = out.last_mut().filter(|_| one.is_alphanumeric()) {
            last.extend(one.to_lowercase());
        }
    }
    out.retain(|word| !word.is_empty());
    out
}

/// The words of a text in lower case; only what is written with the letters a to z.
fn words_of_text(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|one: char| !one.is_ascii_alphabetic()).filter(|word| !word.is_empty()).map(str::to_ascii_lowercase)
}

/// What is wrong in one Rust source: line and word, with the name or comment it is found in.
fn wrong_in_source(text: &str, replaced: &BTreeMap<String, String>) -> Vec<(usize, String, String)> {
    let mut out = Vec::new();
    for token in tokens(text) {
        let part_only = |word: &String| PARTS_OF_NAMES.contains(&word.as_str());
        match token.kind {
            TokenKind::Comment => {
                for (offset, line) in token.text.lines().enumerate() {
                    let found = words_of_text(line).filter(|word| replaced.contains_key(word) && !part_only(word));
                    out.extend(found.map(|word| (token.line + offset, word, line.trim().to_owned())));
                }
            }
            TokenKind::Identifier if FOREIGN.iter().all(|(name, _)| *name != token.text) => {
                let found = words_of_name(token.text).into_iter().find(|word| replaced.contains_key(word));
                out.extend(found.map(|word| (token.line, word, token.text.to_owned())));
            }
            TokenKind::Identifier | TokenKind::Literal | TokenKind::Mark => {}
        }
    }
    out
}

/// What is wrong in the prose of a document: outside fences, backticks and targets of links.
fn wrong_in_document(text: &str, replaced: &BTreeMap<String, String>) -> Vec<(usize, String, String)> {
    let mut out = Vec::new();
    let (mut fenced, mut quoted) = (false, false);
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        // an empty line ends a paragraph, and with it any open backtick
        quoted &= !line.trim().is_empty();
        let mut prose = String::new();
        for (at, piece) in line.split('`').enumerate() {
            quoted ^= at > 0;
            if !quoted {
                prose += piece;
                prose.push(' ');
            }
        }
        let without_targets: String = prose
            .split("](")
            .enumerate()
            .map(|(at, piece)| if at == 0 { piece } else { piece.split_once(')').map_or("", |(_, behind)| behind) })
            .collect();
        let found = words_of_text(&without_targets).filter(|word| replaced.contains_key(word) && !PARTS_OF_NAMES.contains(&word.as_str()));
        out.extend(found.map(|word| (number + 1, word, line.trim().to_owned())));
    }
    out
}

fn message(name: &str, (line, word, place): &(usize, String, String), replaced: &BTreeMap<String, String>) -> String {
    format!("{name}:{line}: {word} in “{place}”: write {}", replaced[word])
}

#[test]
fn names_and_comments_use_the_words_of_the_glossary() {
    let replaced = replaced_words();
    let mut wrong = Vec::new();
    for source in ["src", "tests", "benches"].into_iter().flat_map(sources) {
        wrong.extend(wrong_in_source(&source.text, &replaced).iter().map(|found| message(&source.name, found, &replaced)));
    }
    assert!(wrong.is_empty(), "{}\n{} places; strings are exempt", wrong.join("\n"), wrong.len());
}

#[test]
fn documents_use_the_words_of_the_glossary() {
    let replaced = replaced_words();
    let mut wrong = Vec::new();
    for (name, text) in documents() {
        wrong.extend(wrong_in_document(&text, &replaced).iter().map(|found| message(&name, found, &replaced)));
    }
    assert!(wrong.is_empty(), "{}\n{} places; code in fences and backticks is exempt", wrong.join("\n"), wrong.len());
}

#[test]
fn replaced_words_are_found_where_they_count() {
    let replaced = replaced_words();
    let words = |found: Vec<(usize, String, String)>| found.into_iter().map(|(line, word, _)| format!("{line} {word}")).collect::<Vec<_>>();
    let source = "fn lastTold(SeatKind: u8) {} // who stands\nlet rows = \"told\"; row.keep(); row.keep_rows();\n/* one\n fate */ let a: &'told str = '\"';";
    assert_eq!(words(wrong_in_source(source, &replaced)), ["1 told", "1 seat", "1 stands", "2 keep", "4 fate", "4 told"]);
    let document = "It stands.\n`told` and [kept](docs/told.md)\n```\ntold\n```\n`told\nagain` again 再 heir\n";
    assert_eq!(words(wrong_in_document(document, &replaced)), ["1 stands", "2 kept", "7 again", "7 heir"]);
    assert_eq!(words_of_name("HTTPServer_lastTold2"), ["http", "server", "last", "told", "2"]);
    let found = message("src/a.rs", &(3, "heir".into(), "let heir = 1;".into()), &replaced);
    assert_eq!(found, "src/a.rs:3: heir in “let heir = 1;”: write successor");
}
