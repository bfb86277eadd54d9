//! The binary as an office runs it: the main job on the sample, repeated, killed and resumed, on two roots; and bad input.

use super::helpers::{command, duban, edit, files_below, fresh_root, home, service, stderr, stdout};
use super::outputs::as_read;
use duban::store::runs::RunState;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const RUN: [&str; 4] = ["run", "quarterly-supervision", "--as-of", "2026-09-30"];

/// Gives a root the key of the tests: the forms of two roots with keys of their own differ.
fn give_key(root: &Path) {
    // a thread of its own, because some callers are in a runtime already
    let made = std::thread::scope(|scope| {
        scope.spawn(|| tokio::runtime::Runtime::new().expect("a runtime").block_on(service(root, "2026-01-01T00:00:00Z"))).join()
    });
    drop(made.expect("a key"));
    // the tests write with the usual mask, the program with its own
    for entry in std::fs::read_dir(root.join("var")).expect("the folder").flatten().filter(|entry| entry.path().is_file()) {
        std::fs::set_permissions(entry.path(), std::fs::Permissions::from_mode(0o600)).expect("a private file");
    }
}

/// A root with a sample of this many projects; a small one makes a run take a second.
fn root_with_sample(projects: &str) -> tempfile::TempDir {
    let root = fresh_root();
    let file = root.path().join("config/sample/register.xlsx");
    let made = duban(root.path(), &["sample", "--projects", projects, file.to_str().expect("a path")]);
    assert!(made.status.success(), "{}", stderr(&made));
    give_key(root.path());
    root
}

/// The files of a run by name: workbooks, and mails without the Date header, which is the wall clock's.
fn outputs(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = files_below(&root.join("var/reports"));
    for (name, bytes) in files_below(&root.join("var/outbox")) {
        // mails to the office name the end of the audit, which is another one in every root
        let is_office = name.contains("_520000_");
        let text = if is_office { as_read(&bytes) } else { String::from_utf8_lossy(&bytes).into_owned() };
        let is_equal = |line: &&str| !line.starts_with("Date: ") && !(is_office && (line.is_empty() || line.starts_with("操作记录已封存")));
        files.push((name, text.lines().filter(is_equal).collect::<Vec<_>>().join("\n").into_bytes()));
    }
    files
}

fn findings(root: &Path) -> String {
    let output = duban(root, &["findings", "--as-of", "2026-09-30", "--format", "json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output)
}

#[test]
fn the_committed_sample_is_what_the_command_makes() {
    let root = root_with_sample("2200");
    let made = std::fs::read(root.path().join("config/sample/register.xlsx")).expect("made");
    let committed = std::fs::read(home().join("config/sample/register.xlsx")).expect("committed");
    assert!(made == committed, "run `duban sample --projects 2200 config/sample/register.xlsx` and commit it");
}

#[test]
fn two_fresh_roots_make_the_same_bytes_and_a_second_run_sends_nothing() {
    let (first, second) = (root_with_sample("300"), root_with_sample("300"));
    for root in [&first, &second] {
        let output = duban(root.path(), &RUN);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let printed = stdout(&output);
        assert!(printed.contains("督办事项：红") && printed.contains("报表：var/reports/quarterly-supervision/2026-09-30/"), "{printed}");
        assert!(printed.contains("覆盖核对") && printed.contains("相符") && !printed.contains("不符"), "{printed}");
    }
    assert!(findings(first.path()) == findings(second.path()), "the findings differ");
    let (one, two) = (outputs(first.path()), outputs(second.path()));
    assert!(one.len() > 50);
    assert_eq!(one.iter().map(|(name, _)| name).collect::<Vec<_>>(), two.iter().map(|(name, _)| name).collect::<Vec<_>>());
    for (a, b) in one.iter().zip(&two) {
        assert!(a == b, "{} differs", a.0);
    }

    let repeated = duban(first.path(), &RUN);
    assert_eq!(repeated.status.code(), Some(0));
    assert!(stdout(&repeated).contains("已于此前完成，未重复发送"), "{}", stdout(&repeated));
    assert!(outputs(first.path()) == one);

    // a revision without news sends no mail
    let revised = duban(first.path(), &["run", "quarterly-supervision", "--as-of", "2026-09-30", "--revise"]);
    assert_eq!(revised.status.code(), Some(0), "{}", stderr(&revised));
    let printed = stdout(&revised);
    assert!(!printed.contains("已于此前完成") && printed.contains("提醒：0封（另有"), "{printed}");
    let mails = |root: &Path| files_below(&root.join("var/outbox")).len();
    assert_eq!(mails(first.path()), mails(second.path()));
}

#[test]
fn a_kill_after_any_step_leads_to_the_same_result() {
    let undisturbed = root_with_sample("120");
    assert!(duban(undisturbed.path(), &RUN).status.success());
    let expected = outputs(undisturbed.path());
    for step in ["pull", "detect", "report", "remind"] {
        let root = root_with_sample("120");
        let killed = command(root.path(), &RUN).env("DUBAN_CRASH_AFTER", step).output().expect("duban starts");
        assert!(!killed.status.success(), "the process dies after {step}");
        // both the service at its next start and the same command resume the run after its last finished step
        if step == "detect" {
            assert_eq!(resume(root.path()), [RunState::Done], "after {step}");
        } else {
            let resumed = duban(root.path(), &RUN);
            assert_eq!(resumed.status.code(), Some(0), "after {step}: {}", stderr(&resumed));
        }
        let found = outputs(root.path());
        assert_eq!(
            found.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            expected.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            "after {step}"
        );
        for (a, b) in found.iter().zip(&expected) {
            assert!(a == b, "{} differs after a kill behind {step}", a.0);
        }
        // the run is done: a third command sends nothing
        assert!(stdout(&duban(root.path(), &RUN)).contains("已于此前完成"));
    }
}

/// Starts the service years later, so that it resumes unfinished runs. Returns the states of the main job's runs.
fn resume(root: &Path) -> Vec<RunState> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let service = service(root, "2030-01-01T00:00:00Z").await;
        let beat = service.scheduler().beat().await.expect("a beat");
        assert!(beat.failed.is_empty(), "{:?}", beat.failed);
        let runs = service.store().runs().list(10).await.expect("runs");
        service.store().close().await;
        runs.iter().filter(|run| run.job == "quarterly-supervision" && run.as_of == "2026-09-30").map(|run| run.state).collect()
    })
}

#[test]
fn a_kill_at_a_random_moment_loses_and_doubles_nothing() {
    let undisturbed = root_with_sample("120");
    assert!(duban(undisturbed.path(), &RUN).status.success());
    let expected = outputs(undisturbed.path());
    for moment in [20u64, 90, 200, 350, 500, 650, 800, 1000, 1300] {
        let root = root_with_sample("120");
        let mut child = command(root.path(), &RUN)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("duban starts");
        let started = std::time::Instant::now();
        while started.elapsed().as_millis() < u128::from(moment) && child.try_wait().expect("a child").is_none() {
            std::thread::yield_now();
        }
        let _ = child.kill();
        let _ = child.wait();
        let resumed = duban(root.path(), &RUN);
        assert_eq!(resumed.status.code(), Some(0), "killed after {moment} ms: {}", stderr(&resumed));
        let left = outputs(root.path());
        let differing: Vec<&String> = left
            .iter()
            .filter(|file| !expected.contains(file))
            .chain(expected.iter().filter(|file| !left.contains(file)))
            .map(|(name, _)| name)
            .collect();
        assert!(differing.is_empty(), "killed after {moment} ms: {differing:?}");
    }
}

#[test]
fn a_run_of_a_live_process_is_not_resumed() {
    let root = root_with_sample("120");
    let killed = command(root.path(), &RUN).env("DUBAN_CRASH_AFTER", "detect").output().expect("duban starts");
    assert!(!killed.status.success());
    let lock = std::fs::File::options()
        .write(true)
        .open(root.path().join("var/locks/quarterly-supervision@2026-10-08T08_00_00#0"))
        .expect("the run's lock");
    lock.lock().expect("locked, as a live process would");
    let refused = duban(root.path(), &RUN);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("is being worked on by another process"), "{}", stderr(&refused));
    drop(lock);
    assert_eq!(duban(root.path(), &RUN).status.code(), Some(0));
}

#[test]
fn a_register_of_its_own_needs_a_start_day() {
    let root = root_with_sample("120");
    let register = root.path().join("own.csv");
    std::fs::write(&register, OWN).expect("a register");
    let imported = duban(root.path(), &["import", register.to_str().expect("a path"), "--covers", "2026-09-30"]);
    assert_eq!(imported.status.code(), Some(0), "{}", stderr(&imported));
    let refused = duban(root.path(), &RUN);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("duban init"), "{}", stderr(&refused));
    assert!(!root.path().join("var/outbox").exists() && !root.path().join("var/reports/quarterly-supervision").exists());

    assert!(duban(root.path(), &["init"]).status.success());
    // `init` appends to the file; the commented key at its former end must still belong to [mail]
    edit(root.path(), "config/duban.toml", "# test_to = ", "test_to = ");
    let checked = duban(root.path(), &["check"]);
    assert!(checked.status.success(), "{}", stderr(&checked));
    edit(root.path(), "config/duban.toml", "test_to = ", "# test_to = ");
    let done = duban(root.path(), &RUN);
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    // the sample is ignored now, and before the start day no act above a reminder is sent
    let mails = files_below(&root.path().join("var/outbox"));
    let names: Vec<&str> = mails.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.iter().any(|name| name.contains("瓮安县")) && names.iter().any(|name| name.contains("省投资促进局")), "{names:?}");
    for (name, bytes) in &mails {
        let text = String::from_utf8_lossy(bytes);
        assert!(text.contains("Subject:"), "{name}");
    }
}

const OWN: &str = "项目编号,项目名称,产业类别,市（州）,县（市、区）,协议类型,项目阶段,合同投资额（亿元）,签约时间,实际开工时间,终止时间\n\
    GZ1,甲项目,茶叶,黔南布依族苗族自治州,瓮安县,合同,签约,2.5,2025-01-01,,\n";

#[test]
fn bad_input_is_one_clear_message_and_changes_nothing() {
    let root = fresh_root();
    let at = root.path();
    std::fs::write(at.join("notes.csv"), "今天,天气\n晴,好\n").expect("a file");
    std::fs::write(at.join("nameless.csv"), "项目编号,签约时间,县（市、区）\nGZ1,2026-01-01,瓮安县\n").expect("a file");
    std::fs::write(at.join("broken.xlsx"), b"PK\x03\x04 not a zip").expect("a file");
    std::fs::write(at.join("empty.xlsx"), b"").expect("a file");
    let path = |name: &str| at.join(name).display().to_string();
    for (arguments, expect) in [
        (vec!["import".to_owned(), path("missing.xlsx")], "文件无法打开"),
        (vec!["import".to_owned(), path("notes.csv")], "没有找到任何台账的表头"),
        (vec!["import".to_owned(), path("nameless.csv")], "第1行像是“项目台账”的表头，但缺必填栏“项目名称”"),
        (vec!["import".to_owned(), path("broken.xlsx")], "文件不完整或已损坏"),
        (vec!["import".to_owned(), path("empty.xlsx")], "文件是空的"),
        (
            vec!["import".to_owned(), path("notes.csv"), "--ledger".to_owned(), "projct".to_owned()],
            "ledger \"projct\" is unknown (did you mean \"project\"?)",
        ),
        (vec!["findings".to_owned()], "no register has been read yet"),
        (vec!["run".to_owned(), "quarterly".to_owned()], "jobs/quarterly.toml does not exist"),
        (vec!["run".to_owned(), "quarterly-supervision".to_owned()], "there is no project register to judge"),
        (vec!["pull".to_owned(), "smaple".to_owned()], "source \"smaple\" is not in config/duban.toml (did you mean \"sample\"?)"),
        (vec!["pull".to_owned()], "文件无法打开"),
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = duban(at, &arguments);
        let printed = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {printed}");
        assert!(printed.contains(expect), "{arguments:?} printed {printed}");
    }
    let listed = duban(at, &["snapshot", "list"]);
    assert_eq!(stdout(&listed), "");
    assert!(!at.join("var/outbox").exists() && !at.join("var/reports").exists());
}

#[test]
fn a_hostile_workbook_kills_only_its_own_reader() {
    use std::io::Write;
    let root = fresh_root();
    let path = root.path().join("huge.xlsx");
    // two legal cells at opposite corners: calamine's dense range would need half a terabyte; streaming stops at the row limit
    let mut package = zip::ZipWriter::new(std::fs::File::create(&path).expect("a file"));
    let options = zip::write::SimpleFileOptions::default();
    let mut part = |name: &str, text: &str| {
        package.start_file(name, options).expect("a part");
        package.write_all(text.as_bytes()).expect("a part");
    };
    part(
        "[Content_Types].xml",
        r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>"#,
    );
    part(
        "_rels/.rels",
        r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
    );
    part(
        "xl/workbook.xml",
        r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="A" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
    );
    part(
        "xl/_rels/workbook.xml.rels",
        r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>"#,
    );
    part(
        "xl/sharedStrings.xml",
        r#"<?xml version="1.0"?><sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" uniqueCount="900000000000"><si><t>x</t></si></sst>"#,
    );
    part(
        "xl/worksheets/sheet1.xml",
        r#"<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>"#,
    );
    package.finish().expect("a package");
    let started = std::time::Instant::now();
    let output = duban(root.path(), &["import", path.to_str().expect("a path")]);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    assert!(stderr(&output).contains("huge.xlsx"), "{}", stderr(&output));
    assert!(started.elapsed().as_secs() < 5);
}

#[test]
fn a_halved_register_is_held_until_a_person_accepts_it() {
    let root = root_with_sample("200");
    let at = root.path();
    let pull = |path: &str, accept: bool| {
        let mut arguments = vec!["import", path, "--source", "x"];
        if accept {
            arguments.push("--accept");
        }
        duban(at, &arguments).status.code()
    };
    let (whole, half) = (at.join("whole.xlsx").display().to_string(), at.join("half.xlsx").display().to_string());
    assert!(duban(at, &["sample", "--projects", "200", &whole]).status.success());
    assert!(duban(at, &["sample", "--projects", "100", &half]).status.success());
    assert_eq!(pull(&whole, false), Some(0));
    let before = findings(at);
    assert_eq!(pull(&whole, false), Some(0), "the same again is fine");
    assert_eq!(pull(&half, false), Some(3), "half the rows are gone");
    assert!(findings(at) == before, "the last good one stays in force");
    let listed = stdout(&duban(at, &["snapshot", "list"]));
    assert!(listed.contains("project/x 第2次 暂缓") && listed.contains("行数由200减为100"), "{listed}");
    assert_eq!(pull(&half, false), Some(3), "looking again does not make it good");
    assert!(findings(at) == before);
    assert_eq!(pull(&half, true), Some(0), "a person takes it");
    assert!(findings(at) != before);
    assert_eq!(duban(at, &["snapshot", "release", "project", "x", "2"]).status.code(), Some(1), "nothing is held any more");
    assert_eq!(pull(&whole, false), Some(3), "twice as many is as odd as half");
    let released = duban(at, &["snapshot", "release", "project", "x", "3"]);
    assert_eq!(released.status.code(), Some(0), "{}", stderr(&released));
    assert_eq!(duban(at, &["snapshot", "release", "work-order", "x", "3"]).status.code(), Some(1), "a ledger that grew was not held");
    assert!(findings(at) == before, "the whole register is in force again");
}

#[test]
fn serve_runs_what_is_due_once_and_catches_up() {
    let root = root_with_sample("120");
    edit(root.path(), "jobs/quarterly-supervision.toml", "too_late_days = 60", "too_late_days = 400");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        // the first beat sees the jobs for the first time: quarters of past years are not due
        let service = service(root.path(), "2026-10-01T00:00:00Z").await;
        let beat = service.scheduler().beat().await.expect("a beat");
        assert!(beat.ran.is_empty() && beat.failed.is_empty(), "{beat:?}");
        // one second before the slot, then at it: 8 October, a working day, 08:00 in Shanghai
        let at = |text: &str| text.parse().expect("a time");
        service.clock().set(at("2026-10-07T23:59:59Z"));
        let before: Vec<String> = service.scheduler().beat().await.expect("a beat").ran.into_iter().map(|(name, _)| name).collect();
        assert!(!before.iter().any(|name| name.starts_with("quarterly")), "{before:?}");
        service.clock().set(at("2026-10-08T00:00:00Z"));
        let beat = service.scheduler().beat().await.expect("a beat");
        assert!(beat.ran.iter().any(|(name, state)| name == "quarterly-supervision@2026-10-08T08:00:00" && state == "done"), "{beat:?}");
        assert!(service.scheduler().beat().await.expect("a beat").ran.is_empty(), "once");
        // the clock goes back a year, then far forward: only the latest quarter runs, not all four
        service.clock().set(at("2025-10-08T00:00:00Z"));
        assert!(service.scheduler().beat().await.expect("a beat").ran.is_empty());
        service.clock().set(at("2027-05-01T00:00:00Z"));
        let beat = service.scheduler().beat().await.expect("a beat");
        let quarters: Vec<&String> = beat.ran.iter().map(|(name, _)| name).filter(|name| name.starts_with("quarterly-s")).collect();
        assert_eq!(quarters, ["quarterly-supervision@2027-04-08T08:00:00"], "{beat:?}");
        assert!(beat.skipped > 0);
        assert_eq!(service.store().outbox().count_undelivered().await.expect("a count"), 0);
        service.store().close().await;
    });
}

/// PostgreSQL gives the same workbooks, mails and findings as SQLite, also after a kill in the middle of the run.
#[test]
fn the_main_job_is_the_same_on_postgresql() {
    super::store_contract::on(true, async |db| {
        let embedded = root_with_sample("120");
        assert!(duban(embedded.path(), &RUN).status.success());
        let root = root_with_sample("120");
        edit(root.path(), "config/duban.toml", "url = \"sqlite:var/duban.db\"", &format!("url = \"{}\"", db.url()));
        std::fs::remove_dir_all(root.path().join("var")).expect("the folder of the embedded database");
        give_key(root.path());
        let killed = command(root.path(), &RUN).env("DUBAN_CRASH_AFTER", "detect").output().expect("duban starts");
        assert!(!killed.status.success());
        let resumed = duban(root.path(), &RUN);
        assert_eq!(resumed.status.code(), Some(0), "{}", stderr(&resumed));
        assert!(stdout(&duban(root.path(), &RUN)).contains("已于此前完成"));
        assert!(findings(root.path()) == findings(embedded.path()), "the findings differ");
        assert!(outputs(root.path()) == outputs(embedded.path()), "workbooks or mails differ");
        assert!(!root.path().join("var/duban.db").exists());
        // another machine gives out what this one has made
        let pool = db.raw().await;
        let statement = "SELECT COUNT(*) AS n FROM report_file f WHERE NOT EXISTS (SELECT 1 FROM report_piece p WHERE p.sha256=f.sha256)";
        let missing: i64 = sqlx::Row::get(&sqlx::query(statement).fetch_one(&pool).await.expect("a count"), "n");
        assert_eq!(missing, 0, "files without pieces");
        pool.close().await;
    });
}

/// A header without rows neither replaces the sample nor begins a ledger.
#[test]
fn a_register_without_rows_is_refused() {
    let root = root_with_sample("120");
    let file = root.path().join("head.csv");
    std::fs::write(&file, "项目编号,项目名称,合同投资额（亿元）\n").expect("a file");
    let refused = duban(root.path(), &["import", file.to_str().expect("a path")]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("表头下面没有数据"), "{}", stderr(&refused));
    std::fs::write(&file, [0x89, b'P', b'N', b'G', 0, 0, 0, 13]).expect("a file");
    assert!(stderr(&duban(root.path(), &["import", file.to_str().expect("a path")])).contains("这不是表格文件"));
    assert!(duban(root.path(), &RUN).status.success());
}

/// After the cause of a failed run is mended, the same command succeeds.
#[test]
fn a_failed_run_is_started_over() {
    let root = root_with_sample("120");
    edit(root.path(), "report-templates/digest.txt.j2", "{{ addressee }}", "{{ addressee }}{% if %}");
    assert_eq!(duban(root.path(), &["check"]).status.code(), Some(1));
    let failed = duban(root.path(), &RUN);
    assert_eq!(failed.status.code(), Some(1));
    assert!(stderr(&failed).contains("digest.txt.j2"), "{}", stderr(&failed));
    assert!(files_below(&root.path().join("var/outbox")).is_empty());
    edit(root.path(), "report-templates/digest.txt.j2", "{% if %}", "");
    let done = duban(root.path(), &RUN);
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
}

#[test]
fn a_broken_mail_template_is_reported_once_and_a_revision_sends_the_mails() {
    let root = root_with_sample("60");
    let template = root.path().join("report-templates/digest.txt.j2");
    let whole = std::fs::read_to_string(&template).expect("a template");
    std::fs::write(&template, format!("{whole}{{{{ nothing.at_all }}}}")).expect("broken");
    let broken = duban(root.path(), &RUN);
    let printed = format!("{}{}", stdout(&broken), stderr(&broken));
    assert_eq!(broken.status.code(), Some(2), "{printed}");
    assert_eq!(printed.matches("的提醒未能生成").count(), 1, "{printed}");
    assert!(printed.contains("个单位的提醒未能生成："), "{printed}");
    let repeated = duban(root.path(), &RUN);
    assert_eq!(repeated.status.code(), Some(2));
    assert!(
        stdout(&repeated).contains("已于此前只完成一部分") && stdout(&repeated).contains("--as-of 2026-09-30 --revise"),
        "{}",
        stdout(&repeated)
    );
    std::fs::write(&template, whole).expect("mended");
    let mended = duban(root.path(), &[&RUN[..], &["--revise"]].concat());
    assert_eq!(mended.status.code(), Some(0), "{}", stderr(&mended));
    assert!(!files_below(&root.path().join("var/outbox")).is_empty());
}

/// A mistyped year would be mailed to every unit.
#[test]
fn a_day_no_calendar_knows_is_refused() {
    let root = root_with_sample("60");
    for day in ["9999-12-31", "1900-01-01"] {
        let refused = duban(root.path(), &["run", "quarterly-supervision", "--as-of", day]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(stderr(&refused).contains("mistyped?"), "{}", stderr(&refused));
    }
    assert!(files_below(&root.path().join("var/outbox")).is_empty());
}

/// A database whose end is missing, as a full disk or a broken copy leaves it.
#[test]
fn a_database_that_is_cut_off_is_named_at_once() {
    let root = root_with_sample("60");
    assert!(duban(root.path(), &["run", "daily-pull"]).status.success());
    let path = root.path().join("var/duban.db");
    let whole = std::fs::read(&path).expect("the database");
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(root.path().join(format!("var/duban.db{ending}")));
    }
    for length in [50, 1000, 16384, whole.len() / 2, whole.len() - 20_000] {
        std::fs::write(&path, &whole[..length]).expect("a shorter file");
        let started = std::time::Instant::now();
        let refused = duban(root.path(), &["runs"]);
        assert_eq!(refused.status.code(), Some(1), "{length}: {}", stderr(&refused));
        assert!(stderr(&refused).contains("已损坏") && stderr(&refused).contains("备份"), "{length}: {}", stderr(&refused));
        assert!(started.elapsed().as_secs() < 10, "{length}");
    }
}

/// Nobody listens, or somebody who never answers: a person reads what is waited for, and the command ends.
#[test]
fn a_database_that_is_away_is_named_and_waited_for_within_bounds() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let waiting = ["127.0.0.1:1".to_owned(), format!("127.0.0.1:{port}")].map(|place| {
        std::thread::spawn(move || {
            let root = root_with_sample("60");
            super::helpers::edit(root.path(), "config/duban.toml", "sqlite:var/duban.db", &format!("postgres://u@{place}/d"));
            let started = std::time::Instant::now();
            (duban(root.path(), &["runs"]), started.elapsed().as_secs(), place)
        })
    });
    for command in waiting {
        let (ended, seconds, place) = command.join().expect("an end");
        let text = stderr(&ended);
        assert_eq!((ended.status.code(), stdout(&ended).as_str()), (Some(1), ""), "{text}");
        assert!(
            text.starts_with("数据库暂无应答，正在等待") && text.contains(&format!("error: 数据库 {place}/d 没有应答，已等待15秒")),
            "{text}"
        );
        assert!((14..30).contains(&seconds), "{seconds}");
    }
}

#[test]
fn a_file_that_is_no_database_is_refused_at_once() {
    let root = root_with_sample("60");
    std::fs::remove_dir_all(root.path().join("var")).expect("the folder of the database");
    std::fs::create_dir_all(root.path().join("var")).expect("a folder");
    std::fs::write(root.path().join("var/duban.db"), "项目编号,项目名称\n".repeat(100)).expect("a file");
    let started = std::time::Instant::now();
    let refused = duban(root.path(), &["runs"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("已损坏或不是数据库") && stderr(&refused).contains("备份"), "{}", stderr(&refused));
    assert!(started.elapsed().as_secs() < 20);
}

/// A wrong path in the configuration may name another program's database.
#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    let root = fresh_root();
    let path = root.path().join("var/duban.db");
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
    sqlx::any::install_default_drivers();
    let other = sqlx::AnyPool::connect(&format!("sqlite://{}?mode=rwc", path.display())).await.expect("a database");
    sqlx::query("CREATE TABLE project (id INTEGER)").execute(&other).await.expect("a table");
    other.close().await;
    std::fs::set_permissions(path.parent().expect("a folder"), std::fs::Permissions::from_mode(0o700)).expect("a private folder");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a private file");
    let before = std::fs::read(&path).expect("the file");
    for (arguments, code) in [(["check"], 1), (["runs"], 1), (["pull"], 1)] {
        let output = duban(root.path(), &arguments);
        let printed = stdout(&output) + &stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {printed}");
        assert!(printed.contains("holds the tables of another program: name a file of its own"), "{arguments:?} {printed}");
    }
    assert_eq!(std::fs::read(&path).expect("the file"), before);
}
