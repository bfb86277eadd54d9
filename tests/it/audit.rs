//! The audit on the command line: every act on record with name, user and reason, and a check that finds what was changed behind its back.

use super::helpers::{command, duban, edit, files_below, fresh_root, import, stderr, stdout};
use super::secrecy::marks;
use super::store_contract::on;
use serde_json::Value;
use sqlx::AssertSqlSafe;
use std::path::Path;

const HEAD: &str = "项目编号,项目名称,产业类别,市（州）,县（市、区）,协议类型,项目阶段,签约时间,实际开工时间,合同投资额（亿元）";

/// A register of this many projects.
fn register(rows: usize, amount: u32) -> String {
    let row = |number| format!("GZ{number},甲{number},刺梨,黔南布依族苗族自治州,瓮安县,合同,签约,2025-01-0{},,{amount}\n", number % 9 + 1);
    format!("{HEAD}\n{}", (1..=rows).map(row).collect::<String>())
}

/// The lines of the audit: kind, object, name, reason.
fn lines(root: &Path) -> Vec<[String; 4]> {
    let output = duban(root, &["audit", "--format", "json"]);
    let lines: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)));
    let user = |line: &Value| line["os_user"].as_str().is_some_and(|user| user.contains('(') && user.ends_with(')'));
    assert!(lines.iter().all(user), "{lines:?}");
    assert!(lines.iter().all(|line| line["no"].as_i64() > Some(0)), "each command seals what it has written: {lines:?}");
    lines.iter().map(|line| ["what", "object", "who", "reason"].map(|key| line[key].as_str().unwrap_or_default().to_owned())).collect()
}

/// A statement on the database behind the program's back.
fn tamper(root: &Path, statement: &str) {
    let url = format!("sqlite://{}", root.join("var/duban.db").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let pool = sqlx::SqlitePool::connect(&url).await.expect("the database");
        let done = sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&pool).await.expect("tampered");
        assert!(done.rows_affected() > 0, "{statement}");
        pool.close().await;
    });
}

#[test]
fn every_act_is_on_record_and_the_record_is_checked() {
    let root = fresh_root();
    let at = root.path();
    let last = || lines(at).pop().expect("a line");
    let of = |name: &str, reason: &str| ["--by", name, "--reason", reason].map(str::to_owned);
    let run = |arguments: &[&str], person: &[String]| {
        let all: Vec<&str> = arguments.iter().copied().chain(person.iter().map(String::as_str)).collect();
        duban(at, &all)
    };
    assert_eq!(import(at, "a.csv", register(40, 1), &[]).status.code(), Some(0));
    assert_eq!(last()[0], "import");
    assert_eq!(import(at, "b.csv", register(4, 9000), &[]).status.code(), Some(3));
    let released = run(&["snapshot", "release", "project", "import", "7"], &of("张三", "试"));
    assert_eq!(released.status.code(), Some(1));
    assert_eq!(last(), ["refused: snapshot in-force", "project/import/7", "张三", "试"]);
    assert!(run(&["snapshot", "discard", "project", "import", "2"], &of("张三", "报错了")).status.success());
    assert_eq!(last(), ["snapshot discarded", "project/import/2", "张三", "报错了"]);
    let accepted = import(at, "b.csv", register(4, 9000), &["--accept", "--by", "李四", "--reason", "清理重复"]);
    assert_eq!(accepted.status.code(), Some(0), "{}", stderr(&accepted));
    let [what, object, who, reason] = last();
    assert_eq!((what.as_str(), who.as_str(), reason.as_str()), ("import --accept", "李四", "清理重复"));
    assert!(object.starts_with("project/import/3 in-force sha256 "), "{object}");
    assert!(run(&["snapshot", "export", "project"], &of("王五", "年报用")).status.success());
    assert_eq!((last()[0].as_str(), last()[2].as_str()), ("export", "王五"));
    for (command, kind) in [
        (&["findings", "--as-of", "2026-09-30", "--format", "csv"][..], "export findings"),
        (&["findings", "--as-of", "2026-09-30", "--format", "json"], "export findings"),
        (&["findings", "--as-of", "2026-09-30"], "export findings"),
        (&["diff", "project/import/1", "project/import/3", "--format", "csv"], "export diff"),
        (&["feedback", "list"], "export feedback"),
    ] {
        assert!(run(command, &[]).status.success(), "{command:?}");
        assert_eq!((last()[0].as_str(), last()[3].as_str()), (kind, "未写明"));
        assert!(run(command, &of("王五", "年报用")).status.success());
        assert_eq!((last()[0].as_str(), last()[2].as_str()), (kind, "王五"));
    }
    assert!(run(&["init"], &[]).status.success());
    assert_eq!(last()[0], "start day fixed");
    edit(at, "config/duban.toml", "path = \"config/sample/register.xlsx\"\nsample = true", "path = \"a.csv\"");
    assert_eq!(run(&["pull", "sample", "--accept"], &of("李四", "核对过")).status.code(), Some(0));
    assert_eq!((last()[0].as_str(), last()[2].as_str()), ("pull --accept", "李四"));

    let done = run(&["run", "weekly-reminder", "--as-of", "2026-09-30"], &[]);
    assert!(matches!(done.status.code(), Some(0 | 2)), "{}{}", stdout(&done), stderr(&done));
    assert!(lines(at).iter().any(|line| line[..2] == ["run by hand", "weekly-reminder 2026-09-30"]));
    let listed = stdout(&run(&["outbox", "list"], &[]));
    let id = listed.lines().next().and_then(|line| line.split(' ').next()).expect("a mail").to_owned();
    assert!(run(&["outbox", "show", &id], &of("张三", "核对")).status.success());
    assert_eq!(last(), ["look at a mail".to_owned(), id.clone(), "张三".into(), "核对".into()]);
    assert!(run(&["outbox", "show", &id, "--eml"], &of("赵六", "核对")).status.success());
    assert_eq!(last()[2], "赵六");
    assert_eq!(run(&["outbox", "hold", &id], &of("张三", "试")).status.code(), Some(2), "it is delivered");
    assert_eq!(last(), ["refused: message held".to_owned(), id.clone(), "张三".into(), "试".into()]);
    let name = stdout(&run(&["runs"], &[])).split(' ').next().expect("a run").to_owned();
    let rebuilt = run(&["rebuild", &name], &of("审计", "抽查"));
    assert!(stderr(&rebuilt).contains("makes no workbooks"), "{}", stderr(&rebuilt));
    assert_eq!(last(), ["rebuild".to_owned(), name, "审计".into(), "抽查".into()]);
    let books = at.join("list.xlsx");
    let listed = run(&["accountability", "--as-of", "2026-09-30", books.to_str().expect("a path")], &of("张三", "研究"));
    assert!(listed.status.success(), "{}", stderr(&listed));
    assert_eq!((last()[0].as_str(), last()[2].as_str()), ("accountability list", "张三"));

    let verify = || duban(at, &["audit", "--verify"]);
    let whole = verify();
    assert_eq!((whole.status.code(), stdout(&whole).contains("审计记录完整：第1条至第")), (Some(0), true), "{}", stdout(&whole));
    let table = stdout(&duban(at, &["audit", "--limit", "1"]));
    assert!(table.contains(" 张三（系统用户") && table.contains("accountability list"), "{table}");
    tamper(at, "UPDATE audit SET who='别人' WHERE what='export'");
    let broken = verify();
    assert_eq!(broken.status.code(), Some(1));
    assert!(stdout(&broken).contains("条被改：") && stdout(&broken).contains("别人"), "{}", stdout(&broken));
    tamper(at, "UPDATE audit SET who='王五' WHERE what='export'");
    assert_eq!(verify().status.code(), Some(0));
    // a copy of the database whose end is missing: the file beside it knows more
    tamper(at, "DELETE FROM audit WHERE no=(SELECT MAX(no) FROM audit)");
    tamper(at, "UPDATE audit_chain SET no=no-1, hash=(SELECT hash FROM audit WHERE no=audit_chain.no-1)");
    let cut = verify();
    assert_eq!(cut.status.code(), Some(1));
    assert!(stdout(&cut).contains("起被删，应有"), "{}", stdout(&cut));
    let young = duban(at, &["audit", "--prune-before", "2026-11-01", "--by", "张三", "--reason", "清理"]);
    assert_eq!(young.status.code(), Some(1));
    assert!(stderr(&young).contains("最近400天"), "{}", stderr(&young));
}

#[test]
fn a_way_in_plain_text_is_accepted_with_a_reason_on_record() {
    let root = fresh_root();
    let at = root.path();
    let smtp = "[mail.smtp]\nhost = \"relay.gz.example\"\nport = 25\ntls = \"none\"\n";
    edit(at, "config/duban.toml", "# Without [mail.smtp]", &format!("{smtp}accept_plaintext = \"专线，批准文号1\"\n# Without [mail.smtp]"));
    edit(at, "config/duban.toml", "# test_to = \"test@gz.example\"", "test_to = \"test@gz.example\"\ntwo_persons = [\"circulate\"]");
    let checked = duban(at, &["check"]);
    assert!(checked.status.success(), "{}", stderr(&checked));
    for text in
        ["[mail.smtp] relay.gz.example:25不加密，已按设置接受，理由：专线，批准文号1", "邮件不加密，只列件数，不列事项", "须两人签发：通报"]
    {
        assert!(stdout(&checked).contains(text), "{text}: {}", stdout(&checked));
    }
    for _ in 0..2 {
        assert!(duban(at, &["runs"]).status.success());
    }
    edit(at, "config/duban.toml", "批准文号1", "批准文号2");
    assert!(duban(at, &["runs"]).status.success());
    edit(at, "config/duban.toml", "tls = \"none\"", "tls = \"starttls\"");
    assert!(duban(at, &["runs"]).status.success());
    let recorded: Vec<String> = lines(at).into_iter().map(|[what, object, _, reason]| format!("{what} {object} {reason}")).collect();
    let way = "plain text accepted mail.smtp";
    let expected = [
        format!("{way} relay.gz.example:25: 专线，批准文号1"),
        format!("{way} relay.gz.example:25: 专线，批准文号2"),
        format!("{way} not any more"),
    ];
    assert_eq!(recorded, expected, "once for each change");
}

/// The end of the audit is cut off in the database and the file beside it is removed: no later command makes a new file, and only a named
/// person accepts it, by a line that every check shows.
#[test]
fn a_lost_head_is_accepted_by_a_named_person_only() {
    let root = fresh_root();
    let at = root.path();
    assert_eq!(import(at, "a.csv", register(40, 1), &[]).status.code(), Some(0));
    for _ in 0..2 {
        assert!(duban(at, &["snapshot", "export", "project"]).status.success());
    }
    let verify = || {
        let done = duban(at, &["audit", "--verify"]);
        (done.status.code(), stdout(&done))
    };
    let accept = |person: &[&str]| duban(at, &[&["audit", "--accept"], person].concat());
    assert_eq!(verify().0, Some(0));
    assert!(stdout(&accept(&["--by", "张三", "--reason", "试"])).contains("没有需要认可的"));
    tamper(at, "DELETE FROM audit WHERE no>1");
    tamper(at, "UPDATE audit_chain SET no=1, hash=(SELECT hash FROM audit WHERE no=1)");
    std::fs::remove_file(at.join("var/audit.head")).expect("removed");
    for _ in 0..2 {
        assert!(duban(at, &["snapshot", "export", "project"]).status.success(), "nothing else is refused");
        let (code, text) = verify();
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("末条的副本var/audit.head不在（") && text.contains("duban audit --accept --by"), "{text}");
        assert!(!at.join("var/audit.head").exists());
    }
    for person in [&[][..], &["--by", "张三"], &["--by", " ", "--reason", "x"], &["--reason", "x"]] {
        let refused = accept(person);
        assert_eq!(refused.status.code(), Some(1));
        assert!(stderr(&refused).contains("认可审计记录须写明姓名和事由"), "{}", stderr(&refused));
    }
    let done = accept(&["--by", "张三", "--reason", "磁盘更换"]);
    assert!(done.status.success(), "{}{}", stdout(&done), stderr(&done));
    for _ in 0..2 {
        let (code, text) = verify();
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains("曾经有人认可：") && text.contains("张三（系统用户") && text.contains("磁盘更换（末条的副本"), "{text}");
    }
    let json = stdout(&duban(at, &["audit", "--verify", "--format", "json"]));
    let json: Value = serde_json::from_str(&json).expect("json");
    assert_eq!((json["whole"].as_bool(), json["accepted"].as_array().map(Vec::len)), (Some(true), Some(1)), "{json}");

    // emptied altogether, with and without its end, beside the file and without it
    let copies = ["var/audit.head", "var/duban.db", "var/duban.db-wal"].map(|name| (at.join(name), std::fs::read(at.join(name)).ok()));
    tamper(at, "DELETE FROM audit");
    tamper(at, "UPDATE audit_chain SET no=0, hash=''");
    assert!(verify().1.contains("第1条起被删，应有"));
    std::fs::remove_file(at.join("var/audit.head")).expect("removed");
    let (code, text) = verify();
    assert!(code == Some(1) && text.contains("数据库中现有0条已封存，是否自第1条起或在末尾被删"), "{text}");
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(at.join(format!("var/duban.db{ending}")));
    }
    for (path, bytes) in copies.into_iter().filter_map(|(path, bytes)| Some((path, bytes?))) {
        std::fs::write(path, bytes).expect("put back");
    }
    assert_eq!(verify().0, Some(0), "{}", verify().1);
    tamper(at, "DELETE FROM audit");
    assert!(verify().1.contains("第1条起被删，应有"));
    tamper(at, "DELETE FROM audit_chain");
    std::fs::remove_file(at.join("var/audit.head")).expect("removed");
    let (code, text) = verify();
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("第1条起无法核验"), "{text}");
    assert!(duban(at, &["runs"]).status.success());
}

/// A copy of the head that holds something else is a fault in Chinese words, stops no command, and is begun anew by a named person only.
#[test]
fn a_damaged_head_is_accepted_by_a_named_person_only() {
    let root = fresh_root();
    let at = root.path();
    assert_eq!(import(at, "a.csv", register(40, 1), &[]).status.code(), Some(0));
    for damaged in [&b"\xff\xfe\x00"[..], b"", b"seven"] {
        std::fs::write(at.join("var/audit.head"), damaged).expect("damaged");
        let exported = duban(at, &["snapshot", "export", "project"]);
        assert!(exported.status.success(), "{}", stderr(&exported));
        let found = duban(at, &["audit", "--verify"]);
        let text = stdout(&found);
        assert_eq!(found.status.code(), Some(1), "{text}");
        assert!(text.contains("末条的副本var/audit.head已损坏") && text.contains("duban audit --accept --by"), "{text}");
        assert_eq!(std::fs::read(at.join("var/audit.head")).expect("the file"), damaged, "it stays for whoever looks into it");
        let accepted = duban(at, &["audit", "--accept", "--by", "张三", "--reason", "磁盘故障"]);
        assert!(accepted.status.success(), "{}{}", stdout(&accepted), stderr(&accepted));
        let whole = stdout(&duban(at, &["audit", "--verify"]));
        assert!(whole.starts_with("审计记录完整") && whole.contains("磁盘故障（末条的副本var/audit.head已损坏"), "{whole}");
    }
}

/// Several roots share one PostgreSQL: each has a copy of the head of its own from its first use on; one that is lost later is reported.
#[test]
fn a_second_root_on_one_server_begins_its_own_copy_of_the_head() {
    on(true, async |db| {
        let roots = [fresh_root(), fresh_root()];
        let verified = |at: &Path| {
            let done = duban(at, &["audit", "--verify"]);
            (done.status.code(), format!("{}{}", stdout(&done), stderr(&done)))
        };
        for (number, root) in roots.iter().enumerate() {
            edit(root.path(), "config/duban.toml", "sqlite:var/duban.db", db.url());
            assert_eq!(import(root.path(), "a.csv", register(40, 1), &[]).status.code(), Some(0));
            for root in &roots[..=number] {
                let (code, text) = verified(root.path());
                assert_eq!(code, Some(0), "root {number}: {text}");
                assert!(!text.contains("audit.head"), "{text}");
            }
        }
        let second = roots[1].path();
        std::fs::remove_file(second.join("var/audit.head")).expect("removed");
        let (code, text) = verified(second);
        assert!(code == Some(1) && text.contains("末条的副本var/audit.head不在"), "{text}");
        std::fs::remove_dir_all(second.join("var")).expect("removed");
        let (code, text) = verified(second);
        assert!(code == Some(1) && text.contains("末条的副本var/audit.head不在"), "a root that had a copy has lost it: {text}");
        assert_eq!(verified(roots[0].path()).0, Some(0));
    });
}

/// Whoever writes into the tables past the program is found: a mark lifted, a draft released, a line planted with an earlier day.
#[test]
fn what_is_done_past_the_program_is_found() {
    let root = fresh_root();
    let at = root.path();
    edit(at, "config/duban.toml", "[database]", "[start]\nenforce_on = \"2025-01-01\"\n\n[database]");
    assert!(duban(at, &["sample", "--projects", "200", at.join("config/sample/register.xlsx").to_str().expect("a path")]).status.success());
    let done = duban(at, &["run", "quarterly-supervision", "--as-of", "2026-09-30"]);
    assert!(matches!(done.status.code(), Some(0 | 2)), "{}{}", stdout(&done), stderr(&done));
    let marked = register(1, 1).replace(HEAD, &format!("{HEAD},是否涉密")).replace(",,1\n", ",,1,是\n");
    assert_eq!(import(at, "marked.csv", marked, &[]).status.code(), Some(0));
    let order = "工作单编号,项目编号,项目名称,派发日期,承办单位,办结时限\nA1,P10,甲项目,2026-06-10,瓮安县,2026-12-31\n";
    assert_eq!(import(at, "orders.csv", order, &[]).status.code(), Some(0));
    let handled = duban(at, &["handle", "work-order", "A1", "receive", "--by", "李四", "--unit", "瓮安县"]);
    assert_eq!(handled.status.code(), Some(0), "{}{}", stdout(&handled), stderr(&handled));
    let verify = || {
        let done = duban(at, &["audit", "--verify"]);
        (done.status.code(), stdout(&done))
    };
    assert_eq!(verify().0, Some(0), "{}", verify().1);
    let none = i64::MAX;
    for (change, undo, text) in [
        (
            "UPDATE outbox SET state='pending' WHERE id=(SELECT MIN(id) FROM outbox WHERE state='draft')".to_owned(),
            "UPDATE outbox SET state='draft' WHERE act<>''".to_owned(),
            "的状态（pending）与经过不符",
        ),
        (
            format!("UPDATE restriction SET lifted=1, lifted_by='张三' WHERE lifted={none}"),
            format!("UPDATE restriction SET lifted={none}, lifted_by=''"),
            "数据库中不便公开的标注（marks 1）与最后一条有关的审计记录不符",
        ),
        (
            "UPDATE event SET body=replace(body, '李四', '王五')".to_owned(),
            "UPDATE event SET body=replace(body, '王五', '李四')".to_owned(),
            "数据库中办理记录（event 1）与最后一条有关的审计记录不符",
        ),
        ("UPDATE event SET retracted=2".to_owned(), "UPDATE event SET retracted=0".to_owned(), "数据库中办理记录（event 1）"),
        (
            format!("INSERT INTO secret_key SELECT {none}, purpose, secret, valid_from, valid_until, revoked_at FROM secret_key LIMIT 1"),
            format!("DELETE FROM secret_key WHERE id={none}"),
            "数据库中密钥",
        ),
        (
            "INSERT INTO secrecy_header (source, header, decision, at, who) VALUES ('import', '可否向社会公开', 'ignored', '', '')"
                .to_owned(),
            "DELETE FROM secrecy_header".to_owned(),
            "数据库中",
        ),
        (
            "INSERT INTO audit SELECT '2020-01-01T00:00:00.000Z 0 a', '2020-01-01T00:00:00.000Z', '张三', os_user, what, object, reason, \
             '', '', 0, '' FROM audit LIMIT 1"
                .to_owned(),
            "DELETE FROM audit WHERE at<'2021'".to_owned(),
            "有一条不是当时写入的",
        ),
    ] {
        tamper(at, &change);
        for _ in 0..2 {
            let (code, found) = verify();
            assert_eq!(code, Some(1), "{change}: {found}");
            assert!(found.contains(text), "{change}: {found}");
        }
        tamper(at, &undo);
        assert_eq!(verify().0, Some(0), "{undo}: {}", verify().1);
    }
    // a draft is released and sent only with the bytes that it was made with
    let listed = || stdout(&duban(at, &["outbox", "list"]));
    let drafts = listed();
    let id = drafts.lines().find(|line| line.contains("待签发")).and_then(|line| line.split_whitespace().next()).expect("a draft");
    let forge = format!("UPDATE outbox_body SET message=message || 'x' WHERE id='{id}'");
    tamper(at, &forge);
    let (code, found) = verify();
    assert!(code == Some(1) && found.contains(&format!("数据库中邮件的内容（bytes {id}）")), "{found}");
    let release = || duban(at, &["outbox", "release", id, "--by", "张三", "--reason", "同意"]);
    let refused = release();
    assert!(refused.status.code() == Some(1) && stderr(&refused).contains("被越过程序改动，不能发出"), "{}", stderr(&refused));
    tamper(at, &format!("UPDATE outbox_body SET message=CAST(substr(message, 1, length(message)-1) AS BLOB) WHERE id='{id}'"));
    assert_eq!(verify().0, Some(0), "{}", verify().1);
    assert_eq!(release().status.code(), Some(0));
    tamper(at, &forge);
    let sent = command(at, &["outbox", "send"]).env("RUST_LOG", "error").output().expect("duban starts");
    assert!(stderr(&sent).contains("changed past the program"), "{}", stderr(&sent));
    assert!(listed().lines().any(|line| line.starts_with(id) && line.contains("暂缓")), "{}", listed());
    assert!(!files_below(&at.join("var/outbox")).iter().any(|(name, _)| name.contains(id)));
}

/// A mail that the office has stored proves up to where the audit was whole; that the audit has gone on since makes no mail anew.
#[test]
fn the_office_gets_the_end_of_the_audit_and_no_second_mail_for_it() {
    let root = fresh_root();
    edit(root.path(), "config/duban.toml", "[database]", "[start]\nenforce_on = \"2026-01-01\"\n\n[database]");
    let read = import(root.path(), "台账.csv", register(20, 2), &["--covers", "2026-09-30"]);
    assert_eq!(read.status.code(), Some(0), "{}", stderr(&read));
    let mails = || -> Vec<String> {
        let all = super::helpers::files_below(&root.path().join("var/outbox"));
        all.into_iter().filter(|(name, _)| name.contains("_520000_")).map(|(_, bytes)| super::outputs::as_read(&bytes)).collect()
    };
    let ran = duban(root.path(), &["run", "weekly-reminder"]);
    assert!(matches!(ran.status.code(), Some(0 | 2)), "{}{}", stdout(&ran), stderr(&ran));
    let sent = mails();
    assert_eq!(sent.len(), 1, "{}", stdout(&ran));
    let (no, rest) = sent[0].split_once("操作记录已封存至第").expect("the end of the audit").1.split_once("条，校验值").expect("a number");
    let hash: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
    let audit: Vec<Value> = serde_json::from_slice(&duban(root.path(), &["audit", "--format", "json"]).stdout).expect("lines");
    let no: i64 = no.parse().expect("a number");
    assert!(audit.iter().any(|line| line["no"] == no && line["hash"] == *hash), "{no} {hash}: {audit:?}");
    let revised = duban(root.path(), &["run", "weekly-reminder", "--revise"]);
    assert!(stdout(&revised).contains("与前次相同"), "{}{}", stdout(&revised), stderr(&revised));
    assert_eq!(mails(), sent, "the audit alone has gone on");
}

/// A mark that somebody lifts in the database is no lift: nothing is judged or mailed by it until a person has looked at it.
#[test]
fn marks_that_were_changed_past_the_program_stop_a_run_and_what_waits() {
    let root = marks::root();
    let at = root.path();
    let text = marks::register("是否涉密", &[("P10", "2022-01-01", "是"), ("P11", "2024-01-01", "否"), ("P12", "2024-01-01", "")]);
    assert_eq!(import(at, "a.csv", text, &["--covers", "2026-09-30"]).status.code(), Some(0));
    let run = || marks::run(at, &["--as-of", "2026-09-30", "--revise"]);
    let (code, text) = run();
    assert_eq!((code, marks::mailed(at).0), (Some(0), marks::codes(&["P11", "P12"])), "{text}");
    const OPEN: i64 = i64::MAX;
    for (change, undo) in [
        (
            "UPDATE restriction SET lifted=1, lifted_by='张三' WHERE code='P10'".to_owned(),
            format!("UPDATE restriction SET lifted={OPEN}, lifted_by=''"),
        ),
        ("UPDATE restriction SET ended=1 WHERE code='P10'".to_owned(), format!("UPDATE restriction SET ended={OPEN}")),
        ("UPDATE restriction SET code='P99' WHERE code='P10'".to_owned(), "UPDATE restriction SET code='P10'".to_owned()),
        ("UPDATE restriction SET sample=1".to_owned(), "UPDATE restriction SET sample=0".to_owned()),
        ("UPDATE restriction_position SET position=0".to_owned(), "UPDATE restriction_position SET position=1".to_owned()),
    ] {
        tamper(at, &change);
        let (code, text) = run();
        assert!(code == Some(1) && text.contains("不便公开的标注被越过程序改动") && text.contains("未发邮件"), "{change}: {text}");
        tamper(at, &undo);
        let (code, text) = run();
        assert_eq!((code, marks::mailed(at).0), (Some(0), marks::codes(&["P11", "P12"])), "{undo}: {text}");
    }
    // mails that wait are not sent by marks that were changed after they were made
    edit(at, "config/duban.toml", "daily_max = 5000", "daily_max = 1");
    let of =
        |cell: &str| marks::register("是否涉密", &[("P10", "2022-01-01", "是"), ("P13", "2024-01-01", cell), ("P14", "2024-01-01", "")]);
    assert_eq!(import(at, "b.csv", of("否"), &["--covers", "2026-09-30", "--accept"]).status.code(), Some(0));
    let (code, text) = run();
    assert!(matches!(code, Some(0 | 2)) && text.contains("待发"), "{text}");
    let sent = || files_below(&at.join("var/outbox")).len();
    let (before, waiting) = (sent(), || stdout(&duban(at, &["outbox", "list", "--state", "pending"])));
    assert!(waiting().contains("quarterly"), "{}", waiting());
    tamper(at, "UPDATE restriction_position SET position=position+1");
    tamper(at, "UPDATE restriction SET lifted=1 WHERE code='P10'");
    edit(at, "config/duban.toml", "daily_max = 1", "daily_max = 5000");
    duban(at, &["outbox", "send"]);
    assert!(sent() == before && waiting().contains("quarterly"), "{}", waiting());
    let accepted = duban(at, &["audit", "--accept", "--by", "张三", "--reason", "已查明"]);
    assert_eq!(accepted.status.code(), Some(0), "{}{}", stdout(&accepted), stderr(&accepted));
    duban(at, &["outbox", "send"]);
    assert!(sent() > before, "{}", waiting());
    // a position that was set back is put right by whoever accepts it
    tamper(at, "UPDATE restriction_position SET position=0");
    assert_eq!(run().0, Some(1));
    assert_eq!(duban(at, &["audit", "--accept", "--by", "张三", "--reason", "已查明"]).status.code(), Some(0));
    let (code, text) = run();
    assert_eq!(code, Some(0), "{text}");
}
