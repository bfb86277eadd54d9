//! The bad hour: a configuration with a slip, a database that is damaged or gone. The emergency stop works, and what is wrong is named at once.

use super::helpers::{duban, edit, fresh_root, import, stderr, stdout};
use super::outputs::PROJECTS;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// A root with a register and, if asked for, one run.
fn root(is_run: bool) -> tempfile::TempDir {
    let root = fresh_root();
    edit(root.path(), "config/duban.toml", "[database]", "[start]\nenforce_on = \"2026-07-01\"\n\n[database]");
    let taken = import(root.path(), "台账.csv", PROJECTS, &["--covers", "2026-09-30"]);
    assert!(matches!(taken.status.code(), Some(0 | 2)), "{}", stderr(&taken));
    if is_run {
        let ran = duban(root.path(), &["run", "quarterly-supervision", "--as-of", "2026-09-30"]);
        assert_eq!(ran.status.code(), Some(0), "{}", stderr(&ran));
    }
    root
}

fn append(root: &Path, file: &str, text: &str) {
    let mut file = std::fs::File::options().append(true).open(root.join(file)).expect("the file");
    file.write_all(text.as_bytes()).expect("written");
}

/// Changes something of a root or of a file.
type Change = fn(&Path);

/// Slips in each kind of file, by their name.
const SLIPS: [(&str, Change); 5] = [
    ("a list of units that does not end", |root| append(root, "config/units.toml", "x = \"unclosed\n")),
    ("settings that do not end", |root| append(root, "config/duban.toml", "x = \"unclosed\n")),
    ("a job of another program", |root| std::fs::write(root.join("jobs/x.toml"), "5").expect("written")),
    ("no templates", |root| std::fs::remove_dir_all(root.join("report-templates")).expect("removed")),
    ("a password that is away", |root| {
        let smtp = "\n[mail.smtp]\nhost = \"localhost\"\nport = 25\ntls = \"none\"\nuser = \"u\"\npassword_file = \"config/none\"\n";
        append(root, "config/duban.toml", smtp);
        edit(root, "config/units.toml", ".example\"", ".invalid\"");
    }),
];

#[test]
fn sending_is_stopped_whatever_is_wrong_in_the_configuration() {
    for is_run in [true, false] {
        for (name, slip) in SLIPS {
            let root = root(is_run);
            let at = root.path();
            slip(at);
            let hold = ["outbox", "hold", "--sending", "--by", "值班员", "--reason", "发错"];
            for arguments in [&hold[..], &["runs"], &["outbox", "list"], &["snapshot", "list"]] {
                let output = duban(at, arguments);
                assert_eq!(output.status.code(), Some(0), "{name} {arguments:?}: {}{}", stdout(&output), stderr(&output));
                assert!(stderr(&output).contains("配置有误"), "{name}: {}", stderr(&output));
            }
            assert!(stdout(&duban(at, &hold)).contains("发送此前已暂停"), "{name}");
            let listed = [&["runs"][..], &["outbox", "list"]].map(|list| stdout(&duban(at, list)).contains("quarterly-supervision"));
            assert_eq!(listed, [is_run; 2], "{name}");
            assert_eq!(duban(at, &["run", "quarterly-supervision"]).status.code(), Some(1), "{name}: nothing else runs");
        }
    }
    let root = root(true);
    append(root.path(), "config/units.toml", "x = \"unclosed\n");
    let named = ["--by", "值班员", "--reason", "改正后再发"];
    let reject = duban(root.path(), &[&["outbox", "reject", "--act", "circulate"], &named[..]].concat());
    assert!(stdout(&reject).contains("不予签发"), "{}{}", stdout(&reject), stderr(&reject));
    assert_eq!(duban(root.path(), &[&["outbox", "release"], &named[..]].concat()).status.code(), Some(0));
    assert_eq!(duban(root.path(), &[&["outbox", "release", "--sending"], &named[..]].concat()).status.code(), Some(0));
    // without a database there is nothing to stop, and the slip is named
    std::fs::remove_dir_all(root.path().join("var")).expect("removed");
    let output = duban(root.path(), &["runs"]);
    assert!(output.status.code() == Some(1) && stderr(&output).contains("config/units.toml"), "{}", stderr(&output));
    assert!(!root.path().join("var").exists(), "nothing is made");
}

/// Damages of a database file.
const DAMAGES: [(&str, Change); 6] = [
    ("cut in half", |file| {
        let length = std::fs::metadata(file).expect("the file").len();
        std::fs::File::options().write(true).open(file).expect("the file").set_len(length / 2).expect("cut");
    }),
    ("another kind of file", |file| std::fs::write(file, "没有数据库".repeat(9000)).expect("written")),
    ("emptied", |file| std::fs::write(file, "").expect("written")),
    ("gone", |file| std::fs::remove_file(file).expect("removed")),
    ("a folder", |file| {
        std::fs::remove_file(file).expect("removed");
        std::fs::create_dir(file).expect("a folder");
    }),
    ("overwritten in the middle", |file| {
        let length = std::fs::metadata(file).expect("the file").len();
        let mut opened = std::fs::File::options().write(true).open(file).expect("the file");
        opened.seek(SeekFrom::Start(length / 2 / 16384 * 16384)).expect("a place");
        opened.write_all(&[0x5a; 3 * 16384]).expect("written");
    }),
];

#[test]
fn a_database_that_cannot_be_used_is_named_by_check_and_at_once() {
    for (name, damage) in DAMAGES {
        let root = root(true);
        let at = root.path();
        for ending in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(at.join(format!("var/duban.db{ending}")));
        }
        damage(&at.join("var/duban.db"));
        let begun = Instant::now();
        let checked = duban(at, &["check"]);
        let text = stderr(&checked);
        assert_eq!(checked.status.code(), Some(1), "{name}: {}{text}", stdout(&checked));
        assert!(text.contains("数据库") && ["恢复", "不是文件"].iter().any(|word| text.contains(word)), "{name}: {text}");
        if !["emptied", "gone"].contains(&name) {
            duban(at, &["runs"]);
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{name} took {:?}", begun.elapsed());
    }
    let root = root(false);
    assert!(duban(root.path(), &["check"]).status.success(), "a whole one is fine");
}

/// What is read from the database is what was written: a record that somebody changed past the program is not judged.
#[tokio::test]
async fn a_record_that_is_not_as_it_was_stored_is_named_and_not_judged() {
    let root = root(false);
    let at = root.path();
    sqlx::any::install_default_drivers();
    let tables = sqlx::AnyPool::connect(&format!("sqlite://{}", at.join("var/duban.db").display())).await.expect("the tables");
    let changed =
        sqlx::query("UPDATE record SET body=CAST(body || 'x' AS BLOB) WHERE code=(SELECT MIN(code) FROM record)").execute(&tables).await;
    assert_eq!(changed.expect("changed").rows_affected(), 1);
    tables.close().await;
    for command in [&["findings", "--as-of", "2026-09-30"][..], &["run", "quarterly-supervision", "--as-of", "2026-09-30"]] {
        let read = duban(at, command);
        assert!(read.status.code() == Some(1) && stderr(&read).contains("与存入时不同"), "{command:?}: {}", stderr(&read));
    }
    assert!(!at.join("var/outbox").exists() || std::fs::read_dir(at.join("var/outbox")).expect("mails").next().is_none());
}
