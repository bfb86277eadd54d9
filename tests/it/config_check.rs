//! Every case of a bad configuration file makes `duban check` print a message with place and hint and exit with 1.

use super::helpers::{cases, duban, edit, fresh_root, stderr, stdout};

#[test]
fn the_shipped_configuration_has_no_problem() {
    let root = fresh_root();
    let output = duban(root.path(), &["check"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("配置检查通过"));
    assert!(!root.path().join("var").exists(), "check writes nothing");
}

#[test]
fn every_bad_file_is_explained() {
    let mut wrong = Vec::new();
    for (name, case) in cases("config-bad") {
        let text = |key: &str| case[key].as_str().unwrap_or_else(|| panic!("{name}: {key}")).to_owned();
        let root = fresh_root();
        match case.get("old") {
            Some(_) => edit(root.path(), &text("file"), &text("old"), &text("new")),
            None => std::fs::write(root.path().join(text("file")), text("new")).expect("the file"),
        }
        let output = duban(root.path(), &["check"]);
        let message = stderr(&output);
        if output.status.code() != Some(1) || !message.contains(&text("expect")) {
            wrong.push(format!("{name}: exit {:?}\n  expected {}\n  printed {message}", output.status.code(), text("expect")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_root_without_configuration_is_explained() {
    let root = tempfile::tempdir().expect("a folder");
    let output = duban(root.path(), &["check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("is --root the folder that holds config/"));
}
