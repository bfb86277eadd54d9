//! Every case of a bad configuration file makes `duban check` print a message with place and hint and exit with 1.

use super::helpers::{cases, duban, edit, fresh_root, home, stderr, stdout};

#[test]
fn the_shipped_configuration_has_no_problem() {
    let root = fresh_root();
    let output = duban(root.path(), &["check"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("配置检查通过"));
    assert!(!root.path().join("var").exists(), "check writes nothing");
}

/// The bench of the whole job replaces rules, job and template; nobody else would notice that they are out of date.
#[test]
fn the_bench_of_the_register_has_a_configuration_that_runs() {
    let root = fresh_root();
    let bench = home().join("benches/root");
    for (from, to) in [("rules.toml", "config"), ("duban.toml", "config"), ("found.toml", "report-templates"), ("bench.toml", "jobs")] {
        let text = std::fs::read_to_string(bench.join(from)).expect("a file of the bench");
        let text = text.replace("{file}", &home().join("config/sample/register.xlsx").display().to_string());
        if to != "config" {
            std::fs::remove_dir_all(root.path().join(to)).expect("the shipped ones");
            std::fs::create_dir(root.path().join(to)).expect("a folder");
        }
        std::fs::write(root.path().join(to).join(from), text).expect("the file");
    }
    let output = duban(root.path(), &["run", "bench", "--as-of", "2026-09-30"]);
    assert!(matches!(output.status.code(), Some(0 | 2)), "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains("督办项目（截至2026年9月30日）.xlsx"), "{}", stdout(&output));
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
fn secrecy_is_left_out_only_with_a_reason() {
    let file = "config/ledgers/project.toml";
    let root = fresh_root();
    edit(root.path(), file, "role = \"restricted\"", "required = false");
    let line = |without: &str| edit(root.path(), file, "money_unit = \"亿元\"\n", &format!("money_unit = \"亿元\"\n{without}\n"));
    line("without = [\"restricted\"]");
    let output = duban(root.path(), &["check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no field has role \"restricted\""), "{}", stderr(&output));
    edit(root.path(), file, "without = [\"restricted\"]", "[without]\nrestricted = \" \"");
    assert_eq!(duban(root.path(), &["check"]).status.code(), Some(1), "a blank is no reason");
    edit(root.path(), file, "restricted = \" \"", "restricted = \"本台账不含涉密项目（保密审查意见2026年第3号）\"");
    let output = duban(root.path(), &["check"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stdout(&output).contains("注意：项目台账没有涉密栏，理由：本台账不含涉密项目（保密审查意见2026年第3号）"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn a_root_without_configuration_is_explained() {
    let root = tempfile::tempdir().expect("a folder");
    let output = duban(root.path(), &["check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("is --root the folder that holds config/"));
}
