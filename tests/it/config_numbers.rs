//! Numbers of the shipped configuration set to extreme values, at random: `check` never panics, and what it passes judges the sample without
//! a panic. A failure prints its seed.

use super::helpers::{duban, edit, fresh_root, seeds, stderr};
use fastrand::Rng;
use std::ops::Range;

/// How many numbers are edited, one at a time.
const EDITS: u64 = 24;

const EXTREMES: [&str; 16] = [
    "0",
    "1",
    "-1",
    "2",
    "13",
    "40",
    "99",
    "366",
    "1200",
    "9999",
    "36500",
    "4000000",
    "4294967295",
    "9223372036854775807",
    "99999999999999999999",
    "0.5",
];

/// The places of the numbers of a file, those in texts and dates included, those in comments not.
fn numbers(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut begin = 0;
    for line in text.split_inclusive('\n') {
        let mut quoted = false;
        let mut digits: Option<usize> = None;
        for (at, c) in line.char_indices() {
            if c.is_ascii_digit() {
                digits.get_or_insert(at);
                continue;
            }
            if let Some(first) = digits.take() {
                found.push(begin + first..begin + at);
            }
            quoted ^= c == '"';
            if c == '#' && !quoted {
                break;
            }
        }
        begin += line.len();
    }
    found
}

#[test]
fn no_number_of_the_configuration_panics() {
    let root = fresh_root();
    let at = root.path();
    let register = at.join("样例.xlsx");
    let register = register.to_str().expect("a path");
    assert!(duban(at, &["sample", "--projects", "120", register]).status.success());
    edit(at, "config/duban.toml", "path = \"config/sample/register.xlsx\"", "path = \"样例.xlsx\"");
    let pulled = duban(at, &["pull"]);
    assert!(matches!(pulled.status.code(), Some(0 | 2)), "{}", stderr(&pulled));
    let mut files: Vec<String> = Vec::new();
    for folder in ["config", "config/ledgers", "config/calendar", "jobs", "report-templates"] {
        for entry in std::fs::read_dir(at.join(folder)).expect("a folder").flatten() {
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            // each of the many numbers of these two is part of a code, a mailbox or a date
            if name.ends_with(".toml") && !["config/units.toml", "config/industries.toml"].contains(&name.as_str()) {
                files.push(name);
            }
        }
    }
    files.sort();
    let mut passed = 0;
    for seed in seeds(EDITS) {
        let mut dice = Rng::with_seed(seed);
        let (path, text, places) = loop {
            let path = at.join(dice.choice(&files).expect("files"));
            let text = std::fs::read_to_string(&path).expect("a file");
            let places = numbers(&text);
            if !places.is_empty() {
                break (path, text, places);
            }
        };
        let place = dice.choice(&places).expect("places").clone();
        let extreme = *dice.choice(&EXTREMES).expect("values");
        let context = format!("seed {seed}: {} byte {}: {} → {extreme}", path.display(), place.start, &text[place.clone()]);
        std::fs::write(&path, format!("{}{extreme}{}", &text[..place.start], &text[place.end..])).expect("written");
        let checked = duban(at, &["check"]);
        let message = stderr(&checked);
        assert!(matches!(checked.status.code(), Some(0 | 1)) && !message.contains("panicked"), "{context}: {message}");
        if checked.status.success() {
            passed += 1;
            let found = duban(at, &["findings", "--as-of", "2026-09-30", "--format", "json"]);
            let message = stderr(&found);
            assert!(matches!(found.status.code(), Some(0 | 1)) && !message.contains("panicked"), "{context}: {message}");
        } else {
            assert!(message.contains(".toml"), "{context}: a problem names its file: {message}");
        }
        std::fs::write(&path, text).expect("written");
    }
    assert!(passed > 0, "no edit passed");
}
