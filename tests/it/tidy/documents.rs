//! The documents name what exists, and what they link to exists.

use super::home;

/// Every subcommand is in both READMEs, which begin with their two commands.
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
            "restricted",
            "audit",
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

/// Every relative link of a document leads to a file of the repository.
#[test]
fn links_of_documents_lead_somewhere() {
    let mut wrong = Vec::new();
    for (name, text) in super::words::documents() {
        let folder = home().join(&name);
        let folder = folder.parent().expect("a folder");
        for (_, rest) in text.match_indices("](").map(|(at, _)| text.split_at(at + 2)) {
            let target = rest.split([')', '#']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !folder.join(target).exists() {
                wrong.push(format!("{name} links to {target}, which is not there"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every source, test and document that a document names in backticks by its path is there.
#[test]
fn files_named_in_documents_exist() {
    let mut wrong = Vec::new();
    for (name, text) in super::words::documents() {
        for path in text.split('`').skip(1).step_by(2) {
            let is_path = ["src/", "tests/", "benches/", "docs/", ".ci/"].iter().any(|folder| path.starts_with(folder))
                && path.chars().all(|one| one.is_ascii_alphanumeric() || "/._-".contains(one));
            if is_path && !home().join(path).exists() {
                wrong.push(format!("{name} names {path}, which is not there"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
