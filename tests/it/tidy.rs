//! House rules as a test: who may import whom, what words are banned, what every folder keeps.

use super::helpers::home;
use std::path::{Path, PathBuf};

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    fn walk(at: &Path, out: &mut Vec<(PathBuf, String)>) {
        for entry in std::fs::read_dir(at).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                out.push((path.clone(), std::fs::read_to_string(&path).expect("a source")));
            }
        }
    }
    let mut out = Vec::new();
    walk(&home().join(folder), &mut out);
    out.sort();
    out
}

/// The part of a source that ships: everything before its unit tests.
fn shipped(path: &Path, text: &str) -> String {
    let below = path.parent().is_some_and(|folder| folder.ends_with("tests"));
    if below || path.file_name().is_some_and(|name| name == "tests.rs") {
        return String::new();
    }
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned()
}

/// Folder (or file) → the crate's own modules it may name, and the outside crates it may name.
const IMPORTS: [(&str, &[&str], &[&str]); 10] = [
    ("src/domain", &["domain"], &["chrono", "serde", "croner", "thiserror", "serde_json", "hashbrown", "compact_str"]),
    ("src/workbook", &["workbook", "domain"], &["chrono", "serde"]),
    ("src/config", &["config", "domain", "workbook", "clock"], &["chrono", "serde", "toml", "thiserror", "strsim"]),
    (
        "src/source",
        &["source", "domain"],
        &[
            "calamine",
            "csv",
            "encoding_rs",
            "futures_util",
            "hex",
            "html5gum",
            "memchr",
            "zip",
            "postcard",
            "quick_xml",
            "rlimit",
            "serde",
            "ring",
            "sqlx",
            "tempfile",
            "thiserror",
            "tracing",
        ],
    ),
    (
        "src/store",
        &["store", "domain"],
        &[
            "sqlx",
            "flate2",
            "postcard",
            "serde",
            "serde_json",
            "hex",
            "ring",
            "xxhash_rust",
            "chrono",
            "thiserror",
            "tokio",
            "futures_util",
        ],
    ),
    ("src/report", &["report", "workbook", "domain"], &["rust_xlsxwriter", "zip", "hex", "ring", "tempfile", "chrono", "thiserror"]),
    (
        "src/mail",
        &["mail", "domain"],
        &[
            "lettre",
            "mail_parser",
            "minijinja",
            "ring",
            "tempfile",
            "chrono",
            "serde",
            "thiserror",
            "tokio",
            "tokio_rustls",
            "rustls_native_certs",
        ],
    ),
    (
        "src/worker",
        &["worker", "domain", "workbook", "config", "source", "store", "report", "mail", "clock"],
        &[
            "anyhow",
            "chrono",
            "hex",
            "indicatif",
            "serde",
            "serde_json",
            "ring",
            "tempfile",
            "thiserror",
            "tokio",
            "tokio_cron_scheduler",
            "tokio_util",
            "tracing",
            "xxhash_rust",
        ],
    ),
    ("src/clock.rs", &[], &["chrono", "chrono_tz"]),
    ("src/app", &["app", "clock", "config", "domain", "mail", "report", "source", "store", "workbook", "worker"], &["anyhow", "chrono"]),
];

/// A crate that only one place may name.
const ONLY_IN: [(&str, &[&str]); 10] = [
    // our own tables, and the queries of others'
    ("sqlx", &["src/store/", "src/source/sql.rs"]),
    ("lettre", &["src/mail/message.rs", "src/mail/smtp.rs"]),
    ("tokio_rustls", &["src/mail/smtp.rs"]),
    ("mail_parser", &["src/mail/message.rs"]),
    ("calamine", &["src/source/workbook.rs"]),
    ("html5gum", &["src/source/html.rs"]),
    ("rust_xlsxwriter", &["src/report/"]),
    ("tokio_cron_scheduler", &["src/worker/schedule/scheduler.rs"]),
    ("minijinja", &["src/mail/templates.rs"]),
    ("croner", &["src/domain/schedule.rs"]),
];

fn crates() -> Vec<String> {
    let manifest: toml::Table =
        toml::from_str(&std::fs::read_to_string(home().join("Cargo.toml")).expect("Cargo.toml")).expect("a manifest");
    manifest["dependencies"].as_table().expect("dependencies").keys().map(|name| name.replace('-', "_")).collect()
}

/// Whether `text` names the path `word::`.
fn names(text: &str, word: &str) -> bool {
    text.match_indices(&format!("{word}::")).any(|(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
        || text.lines().any(|line| line.trim_start().starts_with(&format!("use {word};")))
}

#[test]
fn modules_know_only_whom_they_may() {
    let own = ["app", "cli", "clock", "config", "domain", "mail", "report", "source", "store", "workbook", "worker"];
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        let name = path.strip_prefix(home()).expect("below").display().to_string();
        let Some((_, modules, outside)) = IMPORTS.iter().find(|(folder, ..)| name == *folder || name.starts_with(&format!("{folder}/")))
        else {
            continue;
        };
        let code: String = shipped(&path, &text).lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        for module in own.iter().filter(|module| !modules.contains(module)) {
            if code.contains(&format!("crate::{module}")) {
                wrong.push(format!("{name} knows {module}"));
            }
        }
        for krate in crates().iter().filter(|krate| !outside.contains(&krate.as_str())) {
            if names(&code, krate) {
                wrong.push(format!("{name} knows the crate {krate}"));
            }
        }
    }
    for (path, text) in sources("src") {
        let name = path.strip_prefix(home()).expect("below").display().to_string();
        let code: String = shipped(&path, &text).lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        for (krate, places) in ONLY_IN {
            if names(&code, krate) && !places.iter().any(|place| name.starts_with(place)) {
                wrong.push(format!("{name} names {krate}, which belongs to {places:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn sources_keep_the_house_rules() {
    let mut wrong = Vec::new();
    for folder in ["src", "tests"] {
        for (path, text) in sources(folder) {
            let name = path.strip_prefix(home()).expect("below").display().to_string();
            if name == "tests/it/tidy.rs" {
                continue;
            }
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
            if folder == "src" {
                let code = shipped(&path, &text);
                for word in [".unwrap()", ".expect(", "panic!("] {
                    if code.contains(word) {
                        wrong.push(format!("{name} holds {word}: handle it"));
                    }
                }
                let lines = text.lines().count();
                if lines > 700 {
                    wrong.push(format!("{name} has {lines} lines: does it hold one idea?"));
                }
                let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
                if ["util", "utils", "common", "helpers", "misc"].contains(&stem.as_str()) {
                    wrong.push(format!("{name}: a helper lives beside its user"));
                }
                if !text.starts_with("//!") {
                    wrong.push(format!("{name} has no module head"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The dependency policy of deny.toml, on every test run: no second TLS, no foreign registry, exact pins where minors break.
#[test]
fn dependencies_keep_the_policy() {
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

/// Every subcommand and every job is in both READMEs, and the changelog is there.
#[test]
fn documents_name_what_exists() {
    let read = |name: &str| std::fs::read_to_string(home().join(name)).unwrap_or_else(|_| panic!("{name} is missing"));
    for name in ["README.md", "README.zh-CN.md"] {
        let text = read(name);
        for command in [
            "run",
            "serve",
            "check",
            "preview",
            "findings",
            "pull",
            "import",
            "init",
            "snapshot",
            "runs",
            "outbox",
            "sample",
            "blank",
            "diff",
            "explain",
            "rebuild",
            "accountability",
        ] {
            assert!(text.contains(&format!("duban {command}")), "{name} does not name duban {command}");
        }
        for command in ["cargo run --release -- run quarterly-supervision --as-of 2026-09-30", "bash .ci/test"] {
            assert!(text.contains(command), "{name} does not begin with {command}");
        }
    }
    for command in [
        "duban blank",
        "duban diff",
        "duban snapshot gone",
        "duban snapshot confirm-gone",
        "duban explain",
        "duban rebuild",
        "duban accountability",
    ] {
        assert!(read("docs/OPERATIONS.md").contains(command), "docs/OPERATIONS.md does not name {command}");
    }
    assert!(read("docs/ARCHITECTURE.md").contains("domain"));
    assert!(read("CHANGELOG.md").contains("0.1.0"));
    assert!(read(".ci/run").contains("/test"), ".ci/run calls the test command of the README");
}

/// A migration that has been applied somewhere is never edited: a database of that build would not open any more.
const MIGRATIONS: [(&str, &str); 9] = [
    ("0001_first.sql", "1747345b925adfdb"),
    ("0002_gone.sql", "8b539d42c2282cf2"),
    ("0003_outbox.sql", "a4427f5a732c356a"),
    ("0005_packed.sql", "5e67aa4a36a55b99"),
    ("0006_feedback.sql", "e534a49fea65a037"),
    ("0007_drafts.sql", "a96724f5106dd638"),
    ("0008_indicators.sql", "01bb180eb10acfba"),
    ("0009_standing.sql", "5f8caf4f831cc734"),
    ("0010_open_rows.sql", "be491a2885ca65a0"),
];

#[test]
fn migrations_stay_as_they_were() {
    for (name, sum) in MIGRATIONS {
        let bytes = std::fs::read(home().join("src/store/migrations").join(name)).expect("a migration");
        assert!(duban::report::archive::sha256(&bytes).starts_with(sum), "{name} was edited: add a migration behind it instead");
    }
    let there = std::fs::read_dir(home().join("src/store/migrations")).expect("migrations").count();
    assert_eq!(there, MIGRATIONS.len(), "list the new migration with its sum");
}
