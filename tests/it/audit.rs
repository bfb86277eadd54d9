//! The audit on the command line: every act on record with name, user and reason, and a check that finds what was changed behind its back.

use super::helpers::{duban, edit, fresh_root, import, stderr, stdout};
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
    assert!(run(&["init"], &[]).status.success());
    assert_eq!(last()[0], "start day fixed");
    edit(at, "config/duban.toml", "path = \"config/sample/register.xlsx\"\nsample = true", "path = \"a.csv\"");
    assert_eq!(run(&["pull", "sample", "--accept"], &of("李四", "核对过")).status.code(), Some(0));
    assert_eq!((last()[0].as_str(), last()[2].as_str()), ("pull --accept", "李四"));

    let done = run(&["run", "weekly-reminder", "--as-of", "2026-09-30"], &[]);
    assert!(matches!(done.status.code(), Some(0 | 2)), "{}{}", stdout(&done), stderr(&done));
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
    assert!(stdout(&cut).contains("以后的被删"), "{}", stdout(&cut));
    let young = duban(at, &["audit", "--prune-before", "2026-11-01", "--by", "张三", "--reason", "清理"]);
    assert_eq!(young.status.code(), Some(1));
    assert!(stderr(&young).contains("400 days"), "{}", stderr(&young));
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
