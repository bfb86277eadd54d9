//! No password is printed or stored, in whatever part of an address it is written and however.

use super::helpers::{command, duban, edit, files_below, fresh_root, import, stderr, stdout};
use super::mail_server::{Failure, FailurePoint, ServerOptions, TestMailServer};
use std::path::Path;

const SECRET: &str = "Zq7SECRETpw";

fn holds(bytes: &[u8]) -> bool {
    bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
}

/// Nothing that the commands print, and nothing below var/, holds the secret.
fn assert_hidden(root: &Path, commands: &[&[&str]], what: &str) {
    for arguments in commands {
        let output = duban(root, arguments);
        assert!(!holds(&output.stdout) && !holds(&output.stderr), "{what}: {arguments:?} {}{}", stdout(&output), stderr(&output));
    }
    for (name, bytes) in files_below(&root.join("var")) {
        assert!(!holds(&bytes), "{what}: {name} holds it");
    }
}

#[test]
fn an_address_of_the_database_is_never_shown_whole() {
    // each waits for a server that is not there, so they wait beside each other
    let urls = [
        "postgres://127.0.0.1:1/d?user=u&password=Zq7SECRETpw",
        "postgres://127.0.0.1:1/d?user=u&%70assword=Zq7SECRETpw@x",
        "postgres://127.0.0.1:1/d?user=u&PASSWORD=Zq7SECRETpw",
        "postgres://u:Zq7SECRETpw?x@127.0.0.1:1/d",
        "postgres://u:Zq7SECRETpw#x@127.0.0.1:1/d",
        "postgre://u:Zq7SECRETpw@127.0.0.1:1/d",
    ];
    std::thread::scope(|scope| {
        for url in urls {
            scope.spawn(move || {
                let root = fresh_root();
                edit(root.path(), "config/duban.toml", "sqlite:var/duban.db", url);
                assert_hidden(root.path(), &[&["runs"], &["check"]], url);
            });
        }
    });
    // in a file of its own
    let root = fresh_root();
    let at = root.path();
    edit(at, "config/duban.toml", "sqlite:var/duban.db\"", "postgres://u@127.0.0.1:1/d\"\npassword_file = \"config/database-password\"");
    let missing = duban(at, &["check"]);
    assert!(stderr(&missing).contains("database: cannot read password_file "), "{}", stderr(&missing));
    // the password in place of the name of its file
    edit(at, "config/duban.toml", "\"config/database-password\"", &format!("\"{SECRET}\""));
    assert_hidden(at, &[&["runs"], &["check"]], "password_file");
    edit(at, "config/duban.toml", &format!("\"{SECRET}\""), "\"config/database-password\"");
    std::fs::write(at.join("config/database-password"), format!("\u{feff}{SECRET}\n")).expect("a password");
    std::fs::set_permissions(at.join("config/database-password"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("a mode");
    assert_hidden(at, &[&["check"]], "a password file");
    let checked = stderr(&duban(at, &["check"]));
    for text in
        ["config/database-password: others may read or change it (mode 644)", "config/database-password: it begins with a byte order mark"]
    {
        assert!(checked.contains(text), "{checked}");
    }
    edit(at, "config/duban.toml", "postgres://u@", "postgres://u:x@");
    assert!(stderr(&duban(at, &["check"])).contains("password_file goes with a postgres url without a password"));
    // an address where a table is expected
    let root = fresh_root();
    let at = root.path();
    edit(at, "config/duban.toml", "[database]\n", "");
    edit(at, "config/duban.toml", "url = \"sqlite:var/duban.db\"", "");
    edit(at, "config/duban.toml", "[office]", "database = \"postgres://u:Zq7SECRETpw@h/d\"\n[office]");
    assert_hidden(at, &[&["check"]], "a text for a table");
}

/// A password where none belongs is refused without being repeated.
#[test]
fn a_password_in_the_wrong_place_is_not_repeated() {
    let smtp = "[mail.smtp]\nhost = \"127.0.0.1\"\nport = 1\ntls = \"none\"\n";
    let with = |text: &str| format!("{text}# Without [mail.smtp]");
    let source = "\n[[source]]\nname = \"far\"\n";
    for (old, new, expect) in [
        ("sqlite:var/duban.db", "sqlite:var/duban.db?password=Zq7SECRETpw".into(), "has more than the path of a file behind sqlite:"),
        ("# Without [mail.smtp]", with(&smtp.replace("127.0.0.1", "u:Zq7SECRETpw@127.0.0.1")), "is no name or address of a machine"),
        ("# Without [mail.smtp]", with(&smtp.replace("127.0.0.1", "smtp://u:Zq7SECRETpw@h")), "is no name or address of a machine"),
        ("# Without [mail.smtp]", with(&smtp.replace("port = 1", "port = \"Zq7SECRETpw\"")), "invalid type: string, expected"),
        ("# Without [mail.smtp]", with("smtp = \"Zq7SECRETpw\"\n"), "invalid type: string, expected"),
        ("[database]", "[database]\npassword_file = { file = \"Zq7SECRETpw\" }".into(), "invalid type: map, expected"),
        ("[database]", format!("{source}path = \"postgres://u:Zq7SECRETpw@h/d\"\n[database]"), "path is an address, not a path"),
        ("[database]", format!("{source}folder = \"smb://u:Zq7SECRETpw@h/d\"\n[database]"), "folder is an address, not a path"),
    ] {
        let root = fresh_root();
        edit(root.path(), "config/duban.toml", old, &new);
        assert_hidden(root.path(), &[&["check"], &["runs"]], expect);
        let checked = duban(root.path(), &["check"]);
        assert_eq!(checked.status.code(), Some(1), "{expect}: {}", stdout(&checked));
        assert!(stderr(&checked).contains(expect), "{expect}: {}", stderr(&checked));
    }
    // a number is none of the characters that a text search finds
    let root = fresh_root();
    edit(root.path(), "config/duban.toml", "[database]", "[database]\npassword_file = 47114711");
    let checked = stderr(&duban(root.path(), &["check"]));
    assert!(checked.contains("invalid type: integer, expected a string") && !checked.contains("4711"), "{checked}");
}

#[test]
fn a_run_stores_no_password_of_its_configuration() {
    let root = fresh_root();
    let at = root.path();
    let source = "\n[[source]]\nname = \"far\" # was postgres://u:Zq7SECRETpw@h/d\ndatabase = \"postgres://127.0.0.1:1/d?user=u&%70assword=Zq7SECRETpw\"\n\
        query = \"SELECT dblink('postgres://x:Zq7SECRETpw@h/d'), 'Zq7SECRETpw'\"\n";
    edit(at, "config/duban.toml", "path = \"config/sample/register.xlsx\"\nsample = true\n", &format!("path = \"own.csv\"\n{source}"));
    edit(at, "config/duban.toml", "[database]", "[start]\nenforce_on = \"2025-01-01\"\n\n[database]");
    edit(at, "config/rules.toml", "# ", "# postgres://u:Zq7SECRETpw@h/d ");
    let register = "项目编号,项目名称,产业类别,市（州）,县（市、区）,协议类型,项目阶段,签约时间,实际开工时间,合同投资额（亿元）\n\
        GZ1,甲,刺梨,黔南布依族苗族自治州,瓮安县,合同,签约,2025-01-06,,1\n";
    assert!(import(at, "own.csv", register, &[]).status.success());
    let run = duban(at, &["run", "weekly-reminder", "--as-of", "2026-09-30"]);
    assert_eq!(run.status.code(), Some(2), "{}{}", stdout(&run), stderr(&run));
    assert!(stdout(&run).contains("连不上数据库"), "{}", stdout(&run));
    let listed = stdout(&duban(at, &["runs"]));
    let name = listed.split(' ').next().expect("a run");
    assert_hidden(at, &[&["runs"], &["check"], &["rebuild", name], &["pull"], &["audit"]], "a run");
    let rebuilt = duban(at, &["rebuild", name]);
    assert!(stderr(&rebuilt).contains("makes no workbooks"), "what is stored is a configuration: {}", stderr(&rebuilt));
}

#[test]
fn a_mail_server_that_repeats_the_login_is_not_quoted() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let server = TestMailServer::open(ServerOptions { login: "PLAIN", ..ServerOptions::default() }).await;
        let echo = b"535 AUTH PLAIN AGR1YmFuAFpxN1NFQ1JFVHB3 is duban Zq7SECRETpw\r\n";
        server.fail_at(FailurePoint::Login, Failure::Reply(echo), 1);
        let root = fresh_root();
        let at = root.path();
        let smtp = format!(
            "[mail.smtp]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nuser = \"duban\"\npassword_file = \"config/password\"\n",
            server.port
        );
        edit(at, "config/duban.toml", "# Without [mail.smtp]", &format!("{smtp}# Without [mail.smtp]"));
        edit(at, "config/duban.toml", "# test_to = \"test@gz.example\"", "test_to = \"test@gz.example\"");
        std::fs::write(at.join("config/password"), SECRET).expect("a password");
        std::fs::set_permissions(at.join("config/password"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a mode");
        let root = root.path().to_owned();
        let output = tokio::task::spawn_blocking(move || duban(&root, &["check", "--connect"])).await.expect("checked");
        let printed = format!("{}{}", stdout(&output), stderr(&output));
        assert_eq!(output.status.code(), Some(1), "{printed}");
        assert!(printed.contains("邮件服务器拒绝登录") && printed.contains("535"), "{printed}");
        assert!(!printed.contains(SECRET) && !printed.contains("AGR1YmFuAFpxN1NFQ1JFVHB3"), "{printed}");
    });
}

/// A server that has the password and repeats it in whatever reply: not in a message, not in the log, not in what is stored of the mail.
#[test]
fn a_mail_server_that_repeats_the_login_later_is_not_quoted() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        // "secret" as it is, in capitals, in Base64, and the PLAIN login as a whole and broken into two lines
        let echo = b"550-no secret SECRET c2VjcmV0 AGR1YmFuAHNlY3JldA== AGR1Ym\r\n550 FuAHNlY3JldA==\r\n";
        let garbage = b"what is secret c2VjcmV0 AGR1YmFuAHNlY3JldA==\r\n";
        let unknown = b"250-secret\r\n550 secret\r\n";
        for (point, reply) in [
            (FailurePoint::Rcpt, &echo[..]),
            (FailurePoint::Dot, echo),
            (FailurePoint::Dot, garbage),
            (FailurePoint::Data, garbage),
            (FailurePoint::Mail, unknown),
        ] {
            let server = TestMailServer::open(ServerOptions { login: "PLAIN", ..ServerOptions::default() }).await;
            server.fail_at(point, Failure::Reply(reply), 1000);
            let root = super::mail::root_with_server(server.port, "");
            let at = root.path().to_owned();
            edit(&at, "config/duban.toml", "tls = \"none\"\n", "tls = \"none\"\nuser = \"duban\"\npassword_file = \"config/password\"\n");
            std::fs::write(at.join("config/password"), "secret\n").expect("a password");
            std::fs::set_permissions(at.join("config/password"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a mode");
            let shown = tokio::task::spawn_blocking(move || {
                let mut shown = String::new();
                let mut ask = |arguments: &[&str]| {
                    let mut command = command(&at, arguments);
                    let output = command.env("RUST_LOG", "duban=debug").output().expect("duban starts");
                    shown.push_str(&format!("{}{}", stdout(&output), stderr(&output)));
                    stdout(&output)
                };
                ask(&["run", "list", "--as-of", "2026-09-30"]);
                ask(&["outbox", "send"]);
                let listed = ask(&["outbox", "list"]);
                let id = listed.lines().find_map(|line| line.split(' ').next().filter(|id| id.contains('_'))).expect("a mail").to_owned();
                ask(&["outbox", "show", &id]);
                for (name, bytes) in files_below(&at.join("var")) {
                    shown.push_str(&format!("\n{name} {}", String::from_utf8_lossy(&bytes)));
                }
                shown
            })
            .await
            .expect("done");
            assert!(shown.contains("***"), "{point:?}");
            for part in ["no secret", "is secret", "550 secret", "SECRET", "c2VjcmV0", "NlY3JldA", "AGR1YmFu"] {
                let at = shown
                    .find(part)
                    .map(|at| shown[..at].chars().rev().take(200).collect::<Vec<_>>().into_iter().rev().collect::<String>());
                assert_eq!(at, None, "{point:?}: {part}");
            }
        }
    });
}
