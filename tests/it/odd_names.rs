//! Names, words and texts at which the formats of mails and workbooks have their limits: none of them costs a mail or a workbook.

use super::helpers::{duban, edit, files_below, fresh_root, import, stderr, stdout};
use super::outputs::{ORDERS, PROJECTS, cells};
use mail_parser::{MessageParser, MimeHeaders};
use std::path::Path;

/// A root whose acts are in force, with the registers of the snapshots.
fn root() -> tempfile::TempDir {
    let root = fresh_root();
    edit(root.path(), "config/duban.toml", "[database]", "[start]\nenforce_on = \"2026-07-01\"\n\n[database]");
    root
}

/// Runs a job after `check` has found nothing. Everything has to be made.
fn run(root: &Path, projects: &str, job: &str) -> String {
    let checked = duban(root, &["check"]);
    assert!(checked.status.success(), "{}", stderr(&checked));
    for (name, text) in [("台账.csv", projects), ("工作单.csv", ORDERS)] {
        let taken = import(root, name, text, &["--covers", "2026-09-30"]);
        assert!(matches!(taken.status.code(), Some(0 | 2)), "{name}: {}{}", stdout(&taken), stderr(&taken));
    }
    let output = duban(root, &["run", job, "--as-of", "2026-09-30"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{text}{}", stderr(&output));
    text
}

/// The mails in the outbox: file name and bytes.
fn mails(root: &Path) -> Vec<(String, Vec<u8>)> {
    files_below(&root.join("var/outbox")).into_iter().filter(|(name, _)| name.ends_with(".eml")).collect()
}

/// The workbook of the mail to an address, as text.
fn workbook_to(root: &Path, address: &str) -> String {
    let mut workbooks = mails(root).into_iter().filter_map(|(_, bytes)| {
        let mail = MessageParser::default().parse(&bytes)?;
        let is_to = mail.to()?.first()?.address() == Some(address);
        let file = mail.attachments().find(|part| part.attachment_name().is_some_and(|name| name.ends_with(".xlsx")))?;
        is_to.then(|| cells(file.contents()))
    });
    workbooks.next_back().expect("a mail with a workbook")
}

#[test]
fn a_job_and_a_unit_of_any_name_are_mailed() {
    let root = root();
    let at = root.path();
    std::fs::rename(at.join("jobs/quarterly-supervision.toml"), at.join("jobs/季度 督办（第一版）.toml")).expect("renamed");
    edit(at, "jobs/county-monthly-study.toml", "yield_to = \"quarterly-supervision\"", "yield_to = \"季度 督办（第一版）\"");
    edit(at, "config/units.toml", "code = \"522725\"", "code = \"52+2725/a\"");
    let long = format!("title = \"瓮安县{}\"", "招商引资项目落地督办工作领导小组办公室".repeat(5));
    edit(at, "config/units.toml", "title = \"瓮安县投资促进局\"", &long);
    let name = format!("name = \"瓮安县{}\"", "招商引资项目落地督办工作领导小组办公室".repeat(5));
    edit(at, "config/units.toml", "name = \"瓮安县\"", &name);
    edit(at, "config/units.toml", "aliases = [\"瓮安县投资促进局\"", "aliases = [\"瓮安县\", \"瓮安县投资促进局\"");
    run(at, PROJECTS, "季度 督办（第一版）");
    let mails = mails(at);
    assert!(workbook_to(at, "522725@gz.example").contains("GZ202500123"));
    for (name, bytes) in &mails {
        let text = String::from_utf8_lossy(bytes);
        let id = text.lines().find_map(|line| line.strip_prefix("Message-ID: <")).expect("an id");
        assert!(name.len() <= 255 && id.is_ascii() && id.len() <= 200, "{name} {id}");
    }
}

#[test]
fn agreed_words_that_no_rule_holds_are_cells_of_the_form() {
    for words in [
        (0..20).map(|number| format!("原因{number:02}：手续或资金等方面尚未落实")).collect::<Vec<_>>(),
        vec!["用电,用水".into(), "其他\"原因\"".into()],
    ] {
        let root = root();
        let list = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ");
        let field = "title = \"未推进原因\"\ntype = \"text\"\n";
        edit(root.path(), "config/ledgers/project.toml", field, &format!("{field}values = [{list}]\n"));
        run(root.path(), PROJECTS, "quarterly-supervision");
        let book = workbook_to(root.path(), "522725@gz.example");
        let (_, listed) = book.split_once("-- 可填的内容\n").unwrap_or_else(|| panic!("no list: {book}"));
        let listed: Vec<&str> = listed.lines().collect();
        assert_eq!(listed[0], "未推进原因");
        assert_eq!(&listed[1..], words, "each word in a cell");
    }
}

#[test]
fn a_title_of_a_ledger_that_is_no_name_of_a_tab_costs_no_mail() {
    for title in ["项目/合同台账", "History", "'项目台账'", &"项目台账及其合同履约情况".repeat(4)] {
        let root = root();
        let at = root.path();
        edit(at, "config/ledgers/project.toml", "title = \"项目台账\"", &format!("title = \"{title}\""));
        let blank = duban(at, &["blank", "project", at.join("空表.xlsx").to_str().expect("a path")]);
        assert!(blank.status.success(), "{title}: {}", stderr(&blank));
        run(at, PROJECTS, "quarterly-supervision");
        assert!(workbook_to(at, "522725@gz.example").contains("GZ202500123"), "{title}");
    }
}

#[test]
fn a_text_of_rare_characters_costs_no_workbook() {
    for text in [format!("𠮷林街道{}", "说".repeat(32_763)), "𠮷".repeat(20_000), format!("𠮷{}", "说".repeat(32_765))] {
        let root = root();
        run(root.path(), &PROJECTS.replace("项目用地未落实", &text), "quarterly-supervision");
        assert!(workbook_to(root.path(), "522725@gz.example").contains("GZ202500124"));
    }
}

#[test]
fn a_root_of_any_name_has_a_database_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["A", "%41", "q?m", "a b#c", "百分之%20", "a&b=c+d", "..a"] {
        let (root, at) = (fresh_root(), folder.path().join(name));
        std::fs::create_dir(&at).expect("a folder");
        for entry in ["config", "jobs", "report-templates"] {
            std::fs::rename(root.path().join(entry), at.join(entry)).expect("moved");
        }
        let taken = import(&at, "台账.csv", PROJECTS, &["--covers", "2026-09-30"]);
        assert!(matches!(taken.status.code(), Some(0 | 2)), "{name}: {}", stderr(&taken));
        assert!(at.join("var/duban.db").is_file(), "{name}");
        let listed = stdout(&duban(&at, &["snapshot", "list"]));
        assert_eq!(listed.lines().count(), 1, "{name}: {listed}");
        // the command is given a way that leads through the folder above
        let through = at.join("config/..");
        assert_eq!(stdout(&duban(&through, &["snapshot", "list"])), listed, "{name}");
        let checked = duban(&at, &["check"]);
        assert!(checked.status.success(), "{name}: {}", stderr(&checked));
    }
}
