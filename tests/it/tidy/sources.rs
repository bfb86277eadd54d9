//! What a source may hold; which packages may be used; migrations are never edited.

use super::{home, shipped, sources};

/// A source longer than this holds more than one idea.
const LINES_MAX: usize = 700;

#[test]
fn sources_follow_the_house_rules() {
    let mut wrong = Vec::new();
    for source in ["src", "tests", "benches"].into_iter().flat_map(sources).filter(|source| !source.name.starts_with("tests/it/tidy")) {
        let (name, text) = (&source.name, &source.text);
        for (word, instead) in [
            ("dbg!(", "remove it"),
            ("todo!(", "finish it"),
            ("unimplemented!(", "finish it"),
            ("FIXME", "mend it"),
            ("TODO", "do it"),
            ("process::exit", "return an exit code"),
        ] {
            if text.contains(word) {
                wrong.push(format!("{name} holds {word}: {instead}"));
            }
        }
        if !text.starts_with("//!") {
            wrong.push(format!("{name} has no module head"));
        }
        if !name.starts_with("src/") {
            continue;
        }
        if !source.is_unit_tests() {
            let code: Vec<_> = shipped(text);
            for at in 0..code.len().saturating_sub(2) {
                let three = [code[at].text, code[at + 1].text, code[at + 2].text];
                if matches!(three, [".", "unwrap" | "expect", "("] | ["panic", "!", _]) {
                    wrong.push(format!("{name}:{} calls {}: handle it", code[at].line, three.concat()));
                }
            }
        }
        let lines = text.lines().count();
        if lines > LINES_MAX {
            wrong.push(format!("{name} has {lines} lines: does it hold one idea?"));
        }
        let stem = name.rsplit('/').next().unwrap_or_default();
        if ["util.rs", "utils.rs", "common.rs", "helpers.rs", "misc.rs"].contains(&stem) {
            wrong.push(format!("{name}: a helper lies beside its user"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The dependency policy of deny.toml, on every test run: no second TLS, no foreign registry, exact pins where minors break.
#[test]
fn dependencies_follow_the_policy() {
    let lock: toml::Table = toml::from_str(&std::fs::read_to_string(home().join("Cargo.lock")).expect("Cargo.lock")).expect("a lock file");
    for package in lock["package"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name");
        for banned in ["openssl", "openssl-sys", "native-tls", "aws-lc-rs", "aws-lc-sys", "rsa", "chrono-english"] {
            assert_ne!(name, banned, "see deny.toml");
        }
        if let Some(source) = package.get("source").and_then(toml::Value::as_str) {
            assert!(source.starts_with("registry+"), "{name} comes from {source}");
        }
    }
    let manifest = std::fs::read_to_string(home().join("Cargo.toml")).expect("Cargo.toml");
    for pinned in ["sqlx", "lettre", "calamine", "rust_xlsxwriter", "tokio-cron-scheduler", "croner", "html5gum"] {
        let line = manifest.lines().find(|line| line.starts_with(&format!("{pinned} = "))).unwrap_or_default();
        assert!(line.contains("\"="), "{pinned} is pinned exactly: {line}");
    }
    assert!(!manifest.contains("version = \"*\""));
}

/// A migration that has been applied somewhere is never edited: a database of that build would not open any more.
const MIGRATIONS: [(&str, &str); 1] = [("0001_first.sql", "60849096808336c7")];

#[test]
fn migrations_stay_as_they_were() {
    for (name, sum) in MIGRATIONS {
        let bytes = std::fs::read(home().join("src/store/migrations").join(name)).expect("a migration");
        assert!(duban::report::archive::sha256(&bytes).starts_with(sum), "{name} was edited: add a migration behind it instead");
    }
    let there = std::fs::read_dir(home().join("src/store/migrations")).expect("migrations").count();
    assert_eq!(there, MIGRATIONS.len(), "list the new migration with its sum");
}
