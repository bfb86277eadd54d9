//! deny.toml held against `cargo metadata`: licences, sources, bans and duplicates of every package, in each test run. `.ci/long deny` adds
//! the advisories.

use super::home;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

/// Crates whose minor versions change what this program depends on: they are pinned exactly.
const PINNED: [&str; 8] = ["sqlx", "lettre", "calamine", "rust_xlsxwriter", "tokio-cron-scheduler", "croner", "html5gum", "landlock"];

/// The registry that packages may come from.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The lists of deny.toml.
#[derive(Default)]
struct Policy {
    licences: Vec<String>,
    /// Banned crates, with the crates that may still use them.
    banned: Vec<(String, Vec<String>)>,
    denies_duplicates: bool,
    denies_wildcards: bool,
}

fn texts(value: Option<&toml::Value>) -> Vec<String> {
    value.and_then(toml::Value::as_array).into_iter().flatten().filter_map(toml::Value::as_str).map(str::to_owned).collect()
}

fn policy(text: &str) -> Policy {
    let file: toml::Table = text.parse().expect("deny.toml");
    let (bans, sources) = (&file["bans"], &file["sources"]);
    for unknown in ["unknown-registry", "unknown-git"] {
        assert_eq!(sources[unknown].as_str(), Some("deny"), "deny.toml [sources] {unknown}");
    }
    let allowed = texts(sources.get("allow-registry"));
    assert!(allowed.is_empty() && sources.get("allow-git").is_none(), "packages come from crates.io only: {allowed:?}");
    assert!(file["licenses"].get("exceptions").is_none(), "this test does not know exceptions of licences");
    let banned = |ban: &toml::Value| {
        let name = ban.get("crate").or(ban.get("name")).and_then(toml::Value::as_str).expect("the name of a banned crate");
        (name.to_owned(), texts(ban.get("wrappers")))
    };
    Policy {
        licences: texts(file["licenses"].get("allow")),
        banned: bans["deny"].as_array().expect("bans").iter().map(banned).collect(),
        denies_duplicates: bans["multiple-versions"].as_str() == Some("deny"),
        denies_wildcards: bans["wildcards"].as_str() == Some("deny"),
    }
}

/// Whether an SPDX expression is satisfied by allowed licences: `A OR B`, `A AND B`, `A WITH B`, brackets; `/` is an old way to write OR.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let satisfied = any_of(&words, &mut at, allowed);
    satisfied && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut satisfied = all_of(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        satisfied |= all_of(words, at, allowed);
    }
    satisfied
}

fn all_of(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut satisfied = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        satisfied &= one(words, at, allowed);
    }
    satisfied
}

fn one(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let satisfied = any_of(words, at, allowed);
        let is_closed = words.get(*at) == Some(&")");
        *at += 1;
        return satisfied && is_closed;
    }
    let mut licence = (*word).to_owned();
    if words.get(*at) == Some(&"WITH") {
        licence = format!("{licence} WITH {}", words.get(*at + 1).unwrap_or(&""));
        *at += 2;
    }
    allowed.contains(&licence)
}

/// What is wrong with the packages that `cargo metadata` lists.
fn faults(metadata: &Value, policy: &Policy) -> Vec<String> {
    let mut wrong = Vec::new();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages: BTreeMap<String, &Value> =
        metadata["packages"].as_array().expect("packages").iter().map(|package| (text(&package["id"]), package)).collect();
    let mut versions: BTreeMap<String, u32> = BTreeMap::new();
    for node in metadata["resolve"]["nodes"].as_array().expect("the resolved graph") {
        let package = packages[&text(&node["id"])];
        let (name, version) = (text(&package["name"]), text(&package["version"]));
        *versions.entry(name.clone()).or_default() += 1;
        let licence = text(&package["license"]);
        if !is_allowed(&licence, &policy.licences) {
            wrong.push(format!("{name} {version} has the licence \"{licence}\""));
        }
        if !package["source"].is_null() && package["source"] != CRATES_IO {
            wrong.push(format!("{name} {version} comes from {}", package["source"]));
        }
        for dependency in node["dependencies"].as_array().expect("dependencies") {
            let used = text(&packages[&text(dependency)]["name"]);
            if policy.banned.iter().any(|(banned, wrappers)| *banned == used && !wrappers.contains(&name)) {
                wrong.push(format!("{name} {version} uses {used}, which is banned"));
            }
        }
        let is_ours = package["source"].is_null();
        for dependency in package["dependencies"].as_array().expect("dependencies").iter().filter(|_| is_ours && policy.denies_wildcards) {
            if dependency["req"] == "*" {
                wrong.push(format!("{name} takes any version of {}", dependency["name"]));
            }
        }
    }
    if policy.denies_duplicates {
        wrong.extend(versions.iter().filter(|(_, count)| **count > 1).map(|(name, count)| format!("{name} is there in {count} versions")));
    }
    wrong
}

#[test]
fn dependencies_follow_deny_toml() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(home())
        .output()
        .expect("cargo metadata");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata");
    assert!(metadata["resolve"]["nodes"].as_array().is_some_and(|nodes| nodes.len() > 100), "the graph is there");
    let policy = policy(&std::fs::read_to_string(home().join("deny.toml")).expect("deny.toml"));
    assert!(policy.banned.len() > 3 && policy.licences.len() > 3);
    let wrong = faults(&metadata, &policy);
    assert!(wrong.is_empty(), "against deny.toml: {}", wrong.join("\n"));
    // a package of the lock file that only another system uses is banned too
    let lock: toml::Table = std::fs::read_to_string(home().join("Cargo.lock")).expect("Cargo.lock").parse().expect("a lock file");
    for package in lock["package"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name");
        assert!(policy.banned.iter().all(|(banned, _)| banned != name), "{name} is banned by deny.toml");
        let source = package.get("source").and_then(toml::Value::as_str).unwrap_or(CRATES_IO);
        assert_eq!(source, CRATES_IO, "{name}");
    }
    let manifest = std::fs::read_to_string(home().join("Cargo.toml")).expect("Cargo.toml");
    for pinned in PINNED {
        let line = manifest.lines().find(|line| line.starts_with(&format!("{pinned} = "))).unwrap_or_default();
        assert!(line.contains("\"="), "{pinned} is pinned exactly: {line}");
    }
}

#[test]
fn what_breaks_the_policy_is_found() {
    let policy = policy(
        "[licenses]\nallow = [\"MIT\", \"Apache-2.0 WITH LLVM-exception\"]\n[bans]\nmultiple-versions = \"deny\"\nwildcards = \"deny\"\n\
         deny = [{ crate = \"openssl\", wrappers = [\"c\"] }]\n[sources]\nunknown-registry = \"deny\"\nunknown-git = \"deny\"\n",
    );
    for (expression, allowed) in [
        ("MIT", true),
        ("MIT OR GPL-3.0", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND MIT", true),
        ("MIT AND (GPL-3.0 OR LGPL-3.0)", false),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
        ("Apache-2.0", false),
        ("", false),
        ("MIT )", false),
    ] {
        assert_eq!(is_allowed(expression, &policy.licences), allowed, "{expression}");
    }
    let package = |name: &str, version: &str, licence: &str, source: Value| {
        serde_json::json!({
            "id": format!("{name} {version}"), "name": name, "version": version, "license": licence, "source": source,
            "dependencies": [{ "name": "any", "req": "*" }],
        })
    };
    let metadata = serde_json::json!({
        "packages": [
            package("ours", "1", "MIT", Value::Null),
            package("a", "1", "GPL-3.0", CRATES_IO.into()),
            package("a", "2", "MIT", "git+https://elsewhere.example/a".into()),
            package("c", "1", "MIT", CRATES_IO.into()),
            package("openssl", "1", "MIT", CRATES_IO.into()),
        ],
        "resolve": { "nodes": [
            { "id": "ours 1", "dependencies": ["a 1", "a 2", "c 1"] },
            { "id": "a 1", "dependencies": ["openssl 1"] },
            { "id": "a 2", "dependencies": [] },
            { "id": "c 1", "dependencies": ["openssl 1"] },
            { "id": "openssl 1", "dependencies": [] },
        ] },
    });
    let expected = [
        "ours takes any version of \"any\"",
        "a 1 has the licence \"GPL-3.0\"",
        "a 1 uses openssl, which is banned",
        "a 2 comes from \"git+https://elsewhere.example/a\"",
        "a is there in 2 versions",
    ];
    assert_eq!(faults(&metadata, &policy), expected);
}
