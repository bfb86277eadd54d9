//! `config/levels.toml` → [`Levels`], and the words of levels in the texts of other files.

use crate::config::file_set::{FileSet, parse_toml};
use crate::domain::bounds::some_between;
use crate::domain::problem::{Problems, ProblemsAt, suggest};
use crate::domain::register::levels::{LevelDeclaration, LevelKind, LevelWord, Levels};
use crate::domain::register::record::yi_as_fen;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelsFile {
    level: Vec<LevelFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelFile {
    id: String,
    kind: String,
    ranking: Option<String>,
    /// In 亿元.
    #[serde(default, deserialize_with = "some_between::<0, 1_000_000, _, _>")]
    major: Option<i64>,
    words: BTreeMap<String, String>,
}

const FILE: &str = "config/levels.toml";

/// The levels. `None` where the file has problems.
pub(crate) fn parse(files: &FileSet, problems: &mut Problems) -> Option<Levels> {
    let before = problems.0.len();
    let file: LevelsFile = parse_toml(files, FILE, problems)?;
    let mut at = problems.at(FILE, "");
    let mut declared: Vec<LevelDeclaration> = Vec::new();
    for raw in &file.level {
        let mut at = at.at(format!("level \"{}\"", raw.id));
        if declared.iter().any(|other| other.id == raw.id) {
            at.report_place("appears twice", None);
        }
        declared.extend(level(raw, &mut at));
    }
    if declared.len() == file.level.len() {
        check_kinds(&declared, &mut at);
        check_words(&declared, &mut at);
        check_bounds(&declared, &mut at);
    }
    (problems.0.len() == before).then(|| Levels::new(declared))
}

fn level(raw: &LevelFile, at: &mut ProblemsAt<'_>) -> Option<LevelDeclaration> {
    let kind = at.coded(&LevelKind::ALL, LevelKind::code, &raw.kind, "kind")?;
    let mut words = BTreeMap::new();
    for (code, text) in &raw.words {
        if let Some(word) = at.coded(&LevelWord::ALL, LevelWord::code, code, "word") {
            check_text(code, text, at);
            words.insert(word, text.clone());
        }
    }
    raw.ranking.iter().for_each(|group| check_text("ranking", group, at));
    let major = raw.major.map(yi_as_fen);
    Some(LevelDeclaration { id: raw.id.clone(), kind, words, ranking: raw.ranking.clone(), major })
}

/// A word becomes part of sentences, of folder names and of the text of templates before these are read.
fn check_text(key: &str, text: &str, at: &mut ProblemsAt<'_>) {
    let is_unfit = |c: char| c.is_control() || "\"'\\{}/:*?<>|".contains(c);
    if text.trim().is_empty() || text.trim() != text || text.contains(is_unfit) {
        let hint = "plain text without quotes, braces, slashes and outer spaces".into();
        at.report(format!("{key} \"{}\" is no word", text.escape_debug()), Some(hint));
    }
}

fn check_kinds(declared: &[LevelDeclaration], at: &mut ProblemsAt<'_>) {
    let count = |kind: LevelKind| declared.iter().filter(|level| level.kind == kind).count();
    if count(LevelKind::Top) != 1 {
        at.report("there must be exactly one level of kind \"top\"", Some("it is the office itself".into()));
    }
    if count(LevelKind::Base) == 0 {
        at.report("there is no level of kind \"base\"", Some("its units answer for the projects in them".into()));
    }
}

/// Reports words that a level needs and lacks, and words that must tell levels apart and do not.
fn check_words(declared: &[LevelDeclaration], at: &mut ProblemsAt<'_>) {
    let has_middle = declared.iter().any(|level| level.kind == LevelKind::Middle);
    for (index, level) in declared.iter().enumerate() {
        let mut at = at.at(format!("level \"{}\"", level.id));
        for word in needed_words(level.kind, has_middle).iter().filter(|word| !level.words.contains_key(word)) {
            at.report(
                format!("word \"{}\" is missing", word.code()),
                Some(format!("a level of kind \"{}\" is spoken of by it; the head of the file explains it", level.kind.code())),
            );
        }
        if level.major.is_some() && !level.words.contains_key(&LevelWord::Grade) {
            at.report("major needs word \"grade\"", Some("it marks the projects".into()));
        }
        for word in [LevelWord::Name, LevelWord::Grade] {
            let Some(text) = level.words.get(&word) else { continue };
            if let Some(other) = declared[..index].iter().find(|other| other.words.get(&word) == Some(text)) {
                at.report(format!("word \"{}\" is also that of level \"{}\"", word.code(), other.id), None);
            }
        }
    }
}

/// The words by which the program speaks of a level; the others are for templates.
fn needed_words(kind: LevelKind, has_middle: bool) -> &'static [LevelWord] {
    use LevelWord as W;
    match kind {
        LevelKind::Top => &[W::Name, W::Grade, W::Area, W::Office, W::Departments],
        LevelKind::Lead | LevelKind::Support => &[W::Name],
        LevelKind::Middle => &[W::Name, W::Grade, W::Each],
        LevelKind::Base if has_middle => &[W::Name, W::Grade, W::Short],
        LevelKind::Base => &[W::Name, W::Grade, W::Short, W::Each],
        LevelKind::Park => &[W::Name, W::Short],
    }
}

fn check_bounds(declared: &[LevelDeclaration], at: &mut ProblemsAt<'_>) {
    let bounds: Vec<(&str, i64)> = declared.iter().filter_map(|level| Some((level.id.as_str(), level.major?))).collect();
    for pair in bounds.windows(2).filter(|pair| pair[0].1 < pair[1].1) {
        let message = format!("major is higher than that of level \"{}\"", pair[0].0);
        at.at(format!("level \"{}\"", pair[1].0)).report(message, Some("levels go from the top down, their bounds descend".into()));
    }
}

/// The text of a file with the words of levels, `{KIND.WORD}`; the other placeholders are filled in where a text is used. Words hold no
/// quotes and no line breaks, so a text stays TOML and keeps its lines. `None` where it asks for an unknown word.
pub(crate) fn fill_in_words(text: &str, levels: &Levels, at: &mut ProblemsAt<'_>) -> Option<String> {
    let before = at.count();
    let mut parts = text.split('{');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('}').and_then(|(inside, rest)| Some((inside, inside.split_once('.')?, rest))) {
            Some((inside, (kind, word), rest)) if [kind, word].iter().all(|part| is_plain(part)) => {
                match levels.words().find(|(known_kind, known_word, _)| known_kind.code() == kind && known_word.code() == word) {
                    Some((_, _, text)) => out.push_str(text),
                    None => {
                        let known: Vec<String> = levels.words().map(|(kind, word, _)| format!("{}.{}", kind.code(), word.code())).collect();
                        let hint = suggest(inside, known.iter().map(String::as_str));
                        at.report(format!("{{{inside}}} is no word of config/levels.toml"), hint);
                    }
                }
                out.push_str(rest);
            }
            _ => {
                out.push('{');
                out.push_str(part);
            }
        }
    }
    (at.count() == before).then_some(out)
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase())
}
