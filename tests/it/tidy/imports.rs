//! Which folder of src/ may name which other, and which crates; a table entry that nothing uses any more is struck out.

use super::{Token, TokenKind, home, shipped, sources};
use std::collections::BTreeSet;

/// Folder (or file) → the crate's own modules it may name, and the outside crates it may name.
const IMPORTS: [(&str, &[&str], &[&str]); 12] = [
    (
        "src/domain",
        &["domain"],
        &["aho_corasick", "chrono", "serde", "croner", "thiserror", "hashbrown", "compact_str", "postcard", "ring", "strsim", "url"],
    ),
    ("src/workbook", &["workbook", "domain"], &["chrono", "hashbrown", "serde", "thiserror"]),
    ("src/config", &["config", "domain", "workbook", "clock"], &["chrono", "serde", "toml"]),
    (
        "src/source",
        &["source", "domain"],
        &[
            "chrono",
            "csv",
            "encoding_rs",
            "futures_util",
            "hex",
            "html5gum",
            "landlock",
            "libc",
            "memchr",
            "zip",
            "postcard",
            "quick_xml",
            "rlimit",
            "rustix",
            "seccompiler",
            "serde",
            "ring",
            "sqlx",
            "tempfile",
            "thiserror",
            "tokio",
            "tracing",
            "xxhash_rust",
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
            "rustix",
        ],
    ),
    (
        "src/report",
        &["report", "workbook", "domain"],
        &["rust_xlsxwriter", "zip", "hex", "itoa", "ring", "tempfile", "chrono", "thiserror"],
    ),
    (
        "src/mail",
        &["mail", "domain"],
        &[
            "http_body_util",
            "hyper",
            "hyper_util",
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
            "futures_util",
            "hex",
            "indicatif",
            "postcard",
            "serde",
            "serde_json",
            "ring",
            "rustix",
            "sd_notify",
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
    (
        "src/app",
        &["app", "clock", "config", "domain", "mail", "report", "source", "store", "workbook", "worker"],
        &[
            "anyhow",
            "argon2",
            "chrono",
            "hex",
            "ring",
            "rustix",
            "serde",
            "tempfile",
            "tokio",
            "tokio_rustls",
            "toml_edit",
            "tracing",
            "x509_cert",
        ],
    ),
    (
        "src/web",
        &["web", "app", "clock", "config", "domain", "store"],
        &[
            "anyhow",
            "axum",
            "axum_server",
            "chrono",
            "futures_util",
            "hex",
            "hyper_util",
            "minijinja",
            "ring",
            "subtle",
            "tempfile",
            "tokio",
            "tokio_util",
            "tower_http",
            "tracing",
            "url",
        ],
    ),
    (
        "src/cli",
        &["cli", "app", "clock", "domain", "source", "store", "web", "worker"],
        &["anyhow", "chrono", "clap", "csv", "rustix", "serde_json", "tokio", "tokio_util", "tracing", "tracing_subscriber"],
    ),
];

/// A crate that only one place may name.
const ONLY_IN: [(&str, &[&str]); 14] = [
    // our own tables, and the queries of others'
    ("sqlx", &["src/store/", "src/source/sql.rs"]),
    ("landlock", &["src/source/confinement.rs"]),
    ("seccompiler", &["src/source/confinement.rs"]),
    ("lettre", &["src/mail/message.rs", "src/mail/smtp.rs"]),
    ("tokio_rustls", &["src/mail/smtp.rs", "src/mail/web_call.rs", "src/app/page_certificate.rs"]),
    ("mail_parser", &["src/mail/message.rs"]),
    ("html5gum", &["src/source/html.rs"]),
    ("rust_xlsxwriter", &["src/report/"]),
    ("tokio_cron_scheduler", &["src/worker/schedule/serving.rs"]),
    ("sd_notify", &["src/worker/watch/service_manager.rs"]),
    ("minijinja", &["src/mail/templates.rs", "src/web/"]),
    ("axum", &["src/web/"]),
    ("argon2", &["src/app/passwords.rs"]),
    ("croner", &["src/domain/schedule.rs"]),
];

/// Modules of the crate's root, and the file that starts the program.
const OWN: [&str; 12] = ["app", "cli", "clock", "config", "domain", "mail", "report", "source", "store", "web", "workbook", "worker"];

/// The outside crates of the manifest, as they are named in code.
fn crates() -> Vec<String> {
    let manifest: toml::Table =
        toml::from_str(&std::fs::read_to_string(home().join("Cargo.toml")).expect("Cargo.toml")).expect("a manifest");
    manifest["dependencies"].as_table().expect("dependencies").keys().map(|name| name.replace('-', "_")).collect()
}

/// First names of the paths in a source (`chrono` of `chrono::NaiveDate`), and of `crate::` paths the second, as `crate::store`.
fn roots(code: &[Token]) -> BTreeSet<String> {
    let text = |at: usize| code.get(at).map_or("", |token| token.text);
    let mut out = BTreeSet::new();
    for at in 0..code.len() {
        let begins = code[at].kind == TokenKind::Identifier && (at == 0 || !["::", "."].contains(&text(at - 1)));
        let is_use = at > 0 && text(at - 1) == "use";
        if !begins || text(at + 1) != "::" && !is_use {
            continue;
        }
        if text(at) != "crate" {
            out.insert(text(at).to_owned());
        } else if text(at + 2) != "{" {
            out.insert(format!("crate::{}", text(at + 2)));
        } else {
            // use crate::{a::b, c}: the names behind the outer brace and its commas
            let mut depth = 0;
            for next in at + 2..code.len() {
                depth += i32::from(text(next) == "{") - i32::from(text(next) == "}");
                if depth == 1 && ["{", ","].contains(&text(next)) {
                    out.insert(format!("crate::{}", text(next + 1)));
                }
                if depth == 0 {
                    break;
                }
            }
        }
    }
    out
}

#[test]
fn modules_know_only_whom_they_may() {
    let crates = crates();
    let mut wrong = Vec::new();
    let mut used: BTreeSet<(&str, String)> = BTreeSet::new();
    for source in sources("src").iter().filter(|source| !source.is_unit_tests()) {
        let name = &source.name;
        let roots = roots(&shipped(&source.text));
        for (krate, places) in ONLY_IN {
            if roots.contains(krate) && !places.iter().any(|place| name.starts_with(place)) {
                wrong.push(format!("{name} names {krate}, which belongs to {places:?}"));
            }
        }
        let Some((room, modules, outside)) = IMPORTS.iter().find(|(folder, ..)| name == *folder || name.starts_with(&format!("{folder}/")))
        else {
            if !["src/lib.rs", "src/main.rs"].contains(&name.as_str()) {
                wrong.push(format!("{name} lies in no room of the table"));
            }
            continue;
        };
        for module in OWN.iter().filter(|module| roots.contains(&format!("crate::{module}"))) {
            used.insert((room, (*module).to_owned()));
            if !modules.contains(module) {
                wrong.push(format!("{name} knows {module}"));
            }
        }
        for krate in crates.iter().filter(|krate| roots.contains(*krate)) {
            used.insert((room, krate.clone()));
            if !outside.contains(&krate.as_str()) {
                wrong.push(format!("{name} knows the crate {krate}"));
            }
        }
    }
    for (room, modules, outside) in IMPORTS {
        for name in modules.iter().chain(outside).filter(|name| !used.contains(&(room, (**name).to_owned()))) {
            let itself = room == format!("src/{name}");
            if !itself {
                wrong.push(format!("{room} no longer names {name}: strike it from the table"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
