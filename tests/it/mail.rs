//! Mail through a test server: TLS, login, test mode, the restore guard, the daily limit and the commands of the outbox.

use super::helpers::{duban, edit, fresh_root, home, service, stderr, stdout};
use super::mail_server::{Failure, FailurePoint, ServerOptions, TestMailServer, TlsMode};
use duban::domain::notify::channel::{Fault, FaultKind, Phase};
use duban::domain::notify::delivery::{Attempt, DeliveryState};
use duban::domain::secret::Secret;
use duban::mail::smtp::{PooledConnection, Server, ServerTls};
use duban::mail::transport::{Mailer, OutgoingFile};
use std::path::Path;
use std::time::Duration;

fn server(mail_server: &TestMailServer, tls: ServerTls) -> Server {
    Server {
        host: "localhost".into(),
        port: mail_server.port,
        tls,
        ca_file: Some(home().join("tests/fixtures/tls/ca.pem")),
        login: Some(("duban".into(), Secret::new("secret"))),
        hello: None,
        timeout: Duration::from_millis(1500),
        final_timeout: Duration::from_millis(1500),
        connections: 2,
    }
}

async fn send(server: Server) -> Attempt {
    let mailer = Mailer::smtp(server, "duban@gz.example").expect("a mailer");
    let message = OutgoingFile { to: "522725@gz.example", file: "x", bytes: b"Message-ID: <m@x>\r\n\r\n.hello\r\n" };
    let mut connection = PooledConnection::default();
    let attempt = mailer.deliver(&mut connection, &message, &|| true).await;
    connection.close().await;
    attempt
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_required_and_checked() {
    use ServerTls::{Implicit, Plain, Starttls};
    let good = ServerOptions { login: "PLAIN LOGIN", ..ServerOptions::default() };
    for (offered, tls) in [(TlsMode::Implicit, Implicit), (TlsMode::Starttls, Starttls), (TlsMode::Plain, Plain)] {
        for login in ["PLAIN LOGIN", "LOGIN", "CRAM-MD5 PLAIN"] {
            let mail_server = TestMailServer::open(ServerOptions { tls: offered, login, ..good }).await;
            assert_eq!(send(server(&mail_server, tls)).await, Attempt::Accepted("250 2.0.0 queued".into()), "{offered:?} {login}");
            let log = mail_server.log.lock().expect("the log");
            let (to, bytes) = log.last.as_ref().expect("a message");
            assert_eq!((to.as_str(), bytes.as_slice()), ("522725@gz.example", &b"Message-ID: <m@x>\r\n\r\n.hello\r\n"[..]));
        }
    }
    // a fault before the login is named by its kind, and no part of the message is sent
    let without_authority = |mail_server: &TestMailServer, tls| Server { ca_file: None, ..server(mail_server, tls) };
    for (what, offered, tls, failure, with_authority, kind) in [
        ("unknown authority", TlsMode::Implicit, Implicit, None, false, FaultKind::Certificate),
        ("unknown authority", TlsMode::Starttls, Starttls, None, false, FaultKind::Certificate),
        ("no STARTTLS", TlsMode::NoStarttls, Starttls, None, true, FaultKind::NoTls),
        (
            "STARTTLS refused",
            TlsMode::Starttls,
            Starttls,
            Some((FailurePoint::Starttls, Failure::Reply(b"454 not now\r\n"))),
            true,
            FaultKind::NoTls,
        ),
        (
            "words slipped in before TLS",
            TlsMode::Starttls,
            Starttls,
            Some((FailurePoint::Starttls, Failure::Reply(b"220 go\r\n250-x\r\n250 ok\r\n"))),
            true,
            FaultKind::NoTls,
        ),
        (
            "no TLS behind STARTTLS",
            TlsMode::Starttls,
            Starttls,
            Some((FailurePoint::Handshake, Failure::Reply(b"250 ok, plain then\r\n"))),
            true,
            FaultKind::Handshake,
        ),
        ("silence behind STARTTLS", TlsMode::Starttls, Starttls, Some((FailurePoint::Handshake, Failure::Stall)), true, FaultKind::Timeout),
        ("a plain server where TLS is set", TlsMode::Plain, Implicit, None, true, FaultKind::Handshake),
        ("a TLS server where STARTTLS is set", TlsMode::Implicit, Starttls, None, true, FaultKind::Timeout),
    ] {
        let mail_server = TestMailServer::open(ServerOptions { tls: offered, ..good }).await;
        if let Some((at, how)) = failure {
            mail_server.fail_at(at, how, 1);
        }
        let chosen = if with_authority { server(&mail_server, tls) } else { without_authority(&mail_server, tls) };
        match send(chosen).await {
            Attempt::Channel(fault) => {
                // plain text after STARTTLS is noticed before the handshake or breaks it, depending on when it arrives
                let early = failure.is_some_and(|(at, _)| at == FailurePoint::Handshake) && fault.kind == FaultKind::NoTls;
                assert!(fault.kind == kind || early, "{what}: {fault}");
            }
            other => panic!("{what}: {other:?}"),
        }
        assert_eq!(mail_server.log.lock().expect("the log").mail_commands, 0, "{what}");
    }
    for certificate in ["expired", "other-name", "self-signed"] {
        for (offered, tls) in [(TlsMode::Implicit, Implicit), (TlsMode::Starttls, Starttls)] {
            let mail_server = TestMailServer::open(ServerOptions { tls: offered, certificate, ..good }).await;
            match send(server(&mail_server, tls)).await {
                Attempt::Channel(Fault { kind: FaultKind::Certificate, phase: Phase::Tls, .. }) => {}
                other => panic!("{certificate}: {other:?}"),
            }
            assert_eq!(mail_server.log.lock().expect("the log").mail_commands, 0, "{certificate}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_login_is_a_channel_fault() {
    for (login, password, kind) in [
        ("PLAIN LOGIN", "wrong", FaultKind::Login),
        ("LOGIN", "wrong", FaultKind::Login),
        ("CRAM-MD5", "secret", FaultKind::NoLogin),
        ("", "secret", FaultKind::NoLogin),
    ] {
        let mail_server = TestMailServer::open(ServerOptions { tls: TlsMode::Implicit, login, ..ServerOptions::default() }).await;
        let server = Server { login: Some(("duban".into(), Secret::new(password))), ..server(&mail_server, ServerTls::Implicit) };
        match send(server.clone()).await {
            Attempt::Channel(fault) => {
                assert_eq!(fault.kind, kind, "{login}: {fault}");
                assert!(!fault.to_string().contains(password), "{fault}");
            }
            other => panic!("{login}: {other:?}"),
        }
        let tried = Mailer::smtp(server, "duban@gz.example").expect("a mailer").try_out("520000@gz.example").await.expect("a server");
        assert_eq!(tried.expect_err("no login").kind, kind);
        assert_eq!(mail_server.log.lock().expect("the log").mail_commands, 0);
    }
    // the prompts of AUTH LOGIN are in any words, or none
    for prompts in [
        ["55So5oi35ZCNOg==", "5a+G56CBOg=="],
        ["", ""],
        ["Benutzername:", "Kennwort:"],
        ["TG9naW46", "UGFzc3dvcmQ6"],
        ["UGFzc3dvcmQ6", "VXNlcm5hbWU6"],
        ["=", "\u{fffd}"],
    ] {
        let login = "LOGIN";
        let mail_server = TestMailServer::open(ServerOptions { tls: TlsMode::Implicit, login, prompts, ..ServerOptions::default() }).await;
        assert_eq!(send(server(&mail_server, ServerTls::Implicit)).await, Attempt::Accepted("250 2.0.0 queued".into()), "{prompts:?}");
    }
    // no server at the port, and a host name that does not resolve
    let mail_server = TestMailServer::open(ServerOptions::default()).await;
    let gone = Server { port: 1, ..server(&mail_server, ServerTls::Plain) };
    assert!(matches!(send(gone).await, Attempt::Channel(Fault { kind: FaultKind::Unreachable, .. })));
    let nameless = Server { host: "no-such-host.invalid".into(), ..server(&mail_server, ServerTls::Plain) };
    assert!(matches!(send(nameless).await, Attempt::Channel(Fault { kind: FaultKind::Name | FaultKind::Timeout, .. })));
}

/// A root with a small register (three projects in two counties) that mails through a server at a port.
pub fn root_with_server(port: u16, more: &str) -> tempfile::TempDir {
    let root = fresh_root();
    let at = root.path();
    edit(at, "config/units.toml", ".example\"", ".invalid\"");
    for file in std::fs::read_dir(at.join("jobs")).expect("jobs").flatten() {
        std::fs::remove_file(file.path()).expect("removed");
    }
    std::fs::write(at.join("jobs/list.toml"), JOB).expect("a job");
    std::fs::write(at.join("own.csv"), OWN).expect("a register");
    let settings = std::fs::read_to_string(home().join("config/duban.toml")).expect("settings");
    let settings = settings
        .replace("path = \"config/sample/register.xlsx\"\nsample = true", "path = \"own.csv\"")
        .replace("allowed_domains = [\"example\"]", "allowed_domains = [\"invalid\", \"example\"]")
        .replace("[database]", "[start]\nenforce_on = \"2025-01-01\"\n\n[database]");
    let smtp = format!(
        "{more}\n[mail.smtp]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\ntimeout_seconds = 5\nfinal_timeout_seconds = 5\n"
    );
    std::fs::write(at.join("config/duban.toml"), settings + &smtp).expect("settings");
    root
}

const JOB: &str = r#"
title = "清单"
slot = "0 0 8 * * *"
zone = "Asia/Shanghai"
as_of = "slot-day"
holiday = "run"
missed = "latest"
too_late_days = 1
steps = ["pull", "detect", "report", "remind"]
workbooks = ["county-monthly-study"]

[remind]
rhythm = "always"
levels = ["county", "city", "province"]
template = "digest"
attachment = "unit-list"
"#;

const OWN: &str = "项目编号,项目名称,产业类别,市（州）,县（市、区）,协议类型,项目阶段,合同投资额（亿元）,签约时间,实际开工时间,终止时间\n\
    GZ1,甲项目,茶叶,黔南布依族苗族自治州,瓮安县,合同,签约,2.5,2024-01-01,,\n\
    GZ2,乙项目,茶叶,黔南布依族苗族自治州,瓮安县,合同,签约,1.5,2024-02-01,,\n\
    GZ3,丙项目,茶叶,黔南布依族苗族自治州,福泉市,合同,签约,0.5,2024-03-01,,\n";

fn ok(root: &Path, arguments: &[&str]) -> String {
    let output = duban(root, arguments);
    assert!(output.status.success(), "{arguments:?}: {}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

/// Runs the job. Its exit code is 2 exactly where mails wait or were refused.
fn run(root: &Path, day: &str) -> String {
    let output = duban(root, &["run", "list", "--as-of", day]);
    let text = stdout(&output);
    let is_open = text.contains("应发") && !(text.contains("被拒0 ") && text.contains("待发0 "));
    assert_eq!(output.status.code(), Some(if is_open { 2 } else { 0 }), "{text}{}", stderr(&output));
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_mail_is_resent_to_a_corrected_address() {
    let mail_server = TestMailServer::open(ServerOptions::default()).await;
    mail_server.fail_at(FailurePoint::Rcpt, Failure::Reply(b"550 5.1.1 no such user\r\n"), 1);
    let root = root_with_server(mail_server.port, "");
    let at = root.path();
    // one connection, so that the first message is the refused one
    edit(at, "config/duban.toml", "final_timeout_seconds = 5\n", "final_timeout_seconds = 5\nconnections = 1\n");
    let printed = run(at, "2026-10-01");
    assert!(printed.contains("被拒1"), "{printed}");
    let refused = ok(at, &["outbox", "list", "--state", "refused"]);
    let id = refused.split_whitespace().next().expect("one").to_owned();
    let unit = refused.split_whitespace().nth(2).expect("a unit").to_owned();
    assert_eq!(refused.lines().count(), 1, "{refused}");
    assert!(refused.contains("550 5.1.1 no such user") && refused.contains("***@"), "{refused}");

    // the mails of one finding
    let found = ok(at, &["outbox", "list", "--finding", "unstarted", "GZ3"]);
    assert!(found.lines().count() >= 2 && found.contains("福泉市") && found.contains("告知：●红"), "{found}");
    assert!(!found.contains(" 瓮安县 <"), "{found}");
    assert!(ok(at, &["outbox", "list", "--finding", "unstarted", "GZ9"]).contains("没有邮件告知过"));
    assert!(ok(at, &["outbox", "list", "--unit", "福泉市"]).lines().all(|line| line.contains("福泉市")));

    // with the mailbox corrected, the same content is sent there
    let mut units = std::fs::read_to_string(at.join("config/units.toml")).expect("units");
    let old = {
        let service = service(at, "2026-10-02T00:00:00Z").await;
        let address = service.store().outbox().get(&id).await.expect("a look").expect("a row").address;
        service.store().close().await;
        address
    };
    units = units.replace(&format!("\"{old}\""), "\"right@gz.invalid\"");
    std::fs::write(at.join("config/units.toml"), units).expect("units");
    let retried = ok(at, &["outbox", "retry", "--corrected", "--by", "张三", "--reason", "邮箱更正"]);
    assert!(retried.contains(&format!("{id} → {id}-a1 {unit} <r***@gz.invalid>")) && retried.contains("改发1封"), "{retried}");
    let sent = ok(at, &["outbox", "send"]);
    assert!(sent.contains("送达1"), "{sent}");
    let (to, bytes) = mail_server.log.lock().expect("the log").last.clone().expect("a message");
    assert_eq!(to, "right@gz.invalid");
    let before = duban(at, &["outbox", "show", &id, "--eml"]).stdout;
    let body = |bytes: &[u8]| String::from_utf8_lossy(bytes).split_once("\r\n\r\n").expect("a body").1.to_owned();
    assert_eq!(body(&bytes), body(&before), "the content is the same");
    let head = String::from_utf8_lossy(&bytes).into_owned();
    assert!(head.contains("right@gz.invalid") && !head.contains(&old) && head.contains(&format!("Message-ID: <{id}-a1@")), "{head}");
    let history = ok(at, &["outbox", "show", &id]);
    assert!(history.contains("改发至更正后的地址（张三）") && history.contains("邮箱更正") && history.contains("被拒"), "{history}");
    assert!(ok(at, &["outbox", "show", &format!("{id}-a1")]).contains("内容同"));
    assert!(ok(at, &["outbox", "list", "--finding", "unstarted", "GZ3"]).contains("right") || unit != "福泉市");
    assert!(run(at, "2026-10-01").contains("已被代替1"));

    // an unknown message cannot be held
    let held = duban(at, &["outbox", "hold", "nothing"]);
    assert_eq!(held.status.code(), Some(2));
    assert!(stdout(&held).contains("没有这封邮件"));
}

#[tokio::test(flavor = "multi_thread")]
async fn test_mode_mails_one_box_and_notifies_nobody() {
    let mail_server = TestMailServer::open(ServerOptions::default()).await;
    let root = root_with_server(mail_server.port, "");
    let at = root.path();
    edit(at, "config/duban.toml", "# test_to = \"test@gz.example\"", "test_to = \"box@gz.example\"");
    assert!(ok(at, &["check"]).contains("测试模式：所有邮件发往box@gz.example"));
    let printed = run(at, "2026-10-01");
    assert!(printed.contains("试发送："), "{printed}");
    let (to, bytes) = mail_server.log.lock().expect("the log").last.clone().expect("a message");
    assert_eq!(to, "box@gz.example");
    let mail = mail_parser::MessageParser::default().parse(&bytes).expect("a mail");
    assert!(mail.subject().expect("a subject").starts_with("【测试，应发"), "{:?}", mail.subject());
    let meant = mail.header_raw("X-Duban-Meant-For").expect("the real address").trim().to_owned();
    assert!(meant.ends_with(".invalid"), "{meant}");
    let test = mail_server.log.lock().expect("the log").taken.len();
    {
        let service = service(at, "2026-10-02T00:00:00Z").await;
        assert!(service.store().notified().last(false).await.expect("told").is_empty());
        assert!(service.store().notified().last_digests(false, "", "").await.expect("days").is_empty());
        service.store().close().await;
    }
    // without test mode a revision of the same slot reaches every unit
    edit(at, "config/duban.toml", "test_to = \"box@gz.example\"", "");
    let printed = ok(at, &["run", "list", "--as-of", "2026-10-01", "--revise"]);
    assert!(printed.contains(&format!("应发{test} = 已送达{test}")), "{printed}");
    assert!(!mail_server.log.lock().expect("the log").last.as_ref().expect("a message").0.contains("box@"));

    // a mail queued for a unit is not sent while test mode is on
    mail_server.fail_at(FailurePoint::Greeting, Failure::ReplyAndClose(b"421 later\r\n"), 1);
    run(at, "2026-10-02");
    edit(at, "config/duban.toml", "daily_max", "test_to = \"box@gz.example\"\ndaily_max");
    let before = mail_server.log.lock().expect("the log").mail_commands;
    ok(at, &["outbox", "send"]);
    assert_eq!(mail_server.log.lock().expect("the log").mail_commands, before);
}

/// Makes the copy that `sqlite3 var/duban.db ".backup …"` makes.
async fn backup(root: &Path) {
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&format!("sqlite://{}", root.join("var/duban.db").display())).await.expect("the database");
    sqlx::query(sqlx::AssertSqlSafe(format!("VACUUM INTO '{}'", root.join("copy.db").display()))).execute(&pool).await.expect("a copy");
    pool.close().await;
}

fn restore(root: &Path) {
    for part in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(root.join(format!("var/duban.db{part}")));
    }
    let database = root.join("var/duban.db");
    std::fs::copy(root.join("copy.db"), &database).expect("restored");
    std::fs::set_permissions(&database, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("private");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_copy_mails_nothing_until_released() {
    let mail_server = TestMailServer::open(ServerOptions::default()).await;
    let root = root_with_server(mail_server.port, "");
    let at = root.path();
    run(at, "2026-10-01");
    backup(at).await;
    let day_after = run(at, "2026-10-02");
    assert!(day_after.contains("已送达"), "{day_after}");
    let sent = mail_server.log.lock().expect("the log").mail_commands;
    // the restored backup does not know the second run
    restore(at);
    let printed = ok(at, &["check"]);
    assert!(printed.contains("数据库是从备份恢复的") && printed.contains("duban outbox release --sending"), "{printed}");
    let repeated = run(at, "2026-10-02");
    assert!(repeated.contains("已送达0") && repeated.contains("数据库是从备份恢复的"), "{repeated}");
    assert!(ok(at, &["outbox", "list"]).contains("数据库是从备份恢复的"));
    assert_eq!(mail_server.log.lock().expect("the log").mail_commands, sent, "not a word was sent");
    // the office knows that this run was mailed and holds its mails
    assert!(ok(at, &["outbox", "hold", "--by", "张三", "--reason", "已发过"]).contains("暂缓"));
    let released = ok(at, &["outbox", "release", "--sending", "--by", "张三", "--reason", "已核对"]);
    assert!(released.contains("发送已恢复，待发0封"), "{released}");
    assert!(!ok(at, &["check"]).contains("从备份恢复"));
    let third = run(at, "2026-10-03");
    assert!(third.contains("已送达") && !third.contains("已送达0"), "{third}");

    // a person stops all sending
    assert!(ok(at, &["outbox", "hold", "--sending", "--by", "李四", "--reason", "地址核对中"]).contains("全部发送已暂停"));
    let held = run(at, "2026-10-04");
    assert!(held.contains("已送达0") && held.contains("发送已由李四暂停（地址核对中）"), "{held}");
    ok(at, &["outbox", "release", "--sending"]);
    assert!(ok(at, &["outbox", "send"]).contains("送达"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_the_journal_is_not_resent() {
    let mail_server = TestMailServer::open(ServerOptions::default()).await;
    let root = root_with_server(mail_server.port, "");
    let at = root.path();
    mail_server.fail_at(FailurePoint::Greeting, Failure::ReplyAndClose(b"421 4.3.2 not yet\r\n"), 4);
    assert!(run(at, "2026-10-01").contains("已送达0"));
    backup(at).await;
    mail_server.fail_at(FailurePoint::Greeting, Failure::Close, 0);
    ok(at, &["outbox", "send"]);
    let taken = mail_server.log.lock().expect("the log").taken.clone();
    assert!(taken.len() >= 3);
    restore(at);
    assert_eq!(duban(at, &["outbox", "send"]).status.code(), Some(1), "held");
    ok(at, &["outbox", "release", "--sending", "--reason", "已核对"]);
    let sent = ok(at, &["outbox", "send"]);
    assert!(sent.contains(&format!("送达{}", taken.len())), "{sent}");
    assert_eq!(mail_server.log.lock().expect("the log").taken, taken, "nobody got it twice");
    assert!(ok(at, &["outbox", "list"]).contains("据var/sent.log"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daily_limit_stops_sending() {
    let mail_server = TestMailServer::open(ServerOptions::default()).await;
    let root = root_with_server(mail_server.port, "");
    let at = root.path();
    edit(at, "config/duban.toml", "daily_max = 5000", "daily_max = 2");
    let printed = run(at, "2026-10-01");
    assert!(printed.contains("已送达2") && printed.contains("今日已发2封，达到每日上限"), "{printed}");
    assert!(ok(at, &["check"]).contains("达到每日上限"));
    assert!(ok(at, &["outbox", "list"]).contains("达到每日上限"));
    let sent = duban(at, &["outbox", "send"]);
    assert_eq!(sent.status.code(), Some(1));
    assert!(ok(at, &["outbox", "release", "--sending", "--reason", "季度通报"]).contains("今日再放行2封"));
    let _ = duban(at, &["outbox", "send"]);
    assert_eq!(mail_server.log.lock().expect("the log").taken.len(), 4);
}

/// What a server has against the sender it mostly answers to RCPT only.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_sender_is_no_refusal_of_a_unit() {
    for reply in [
        &b"504 5.5.2 <vm>: Helo command rejected: need fully-qualified hostname\r\n"[..],
        b"553 5.7.1 <duban@gz.example>: Sender address rejected: not owned by user duban\r\n",
        b"554 5.7.1 <x@gz.invalid>: Relay access denied\r\n",
        b"554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked\r\n",
        b"550 5.7.1 duban@gz.example may not\r\n",
        // nothing in it speaks of us, but it is the answer to everybody
        b"550 5.7.0 rejected by policy\r\n",
    ] {
        let mail_server = TestMailServer::open(ServerOptions::default()).await;
        let root = root_with_server(mail_server.port, "");
        let at = root.path();
        mail_server.fail_at(FailurePoint::Rcpt, Failure::Reply(reply), 99);
        let words = String::from_utf8_lossy(reply);
        let checked = duban(at, &["check", "--connect"]);
        assert_eq!(checked.status.code(), Some(1), "{words}");
        assert!(stdout(&checked).contains(words.trim()), "{}", stdout(&checked));
        let ran = duban(at, &["run", "list"]);
        assert_eq!(ran.status.code(), Some(2), "{words}: {}", stdout(&ran));
        let text = stdout(&ran);
        assert!(text.contains(" + 被拒0 + ") && text.contains("待发4") && text.contains("现在发不出去"), "{words}: {text}");
        // once the server takes them, all of them arrive
        mail_server.fail_at(FailurePoint::Rcpt, Failure::Reply(reply), 0);
        assert!(ok(at, &["outbox", "send"]).contains("送达4 被拒0"), "{words}");
    }
    // what is about the recipient is
    let mail_server = TestMailServer::open(ServerOptions::default()).await;
    let root = root_with_server(mail_server.port, "");
    mail_server.fail_at(FailurePoint::Rcpt, Failure::Reply(b"550 5.1.1 User unknown\r\n"), 99);
    let ran = duban(root.path(), &["run", "list"]);
    assert!(stdout(&ran).contains("被拒4"), "{}", stdout(&ran));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_office_reads_whom_the_last_mail_did_not_reach() {
    let mail_server = TestMailServer::open(ServerOptions::default()).await;
    let root = root_with_server(mail_server.port, "");
    let at = root.path();
    mail_server.fail_at(FailurePoint::Rcpt, Failure::Reply(b"550 5.1.1 User unknown\r\n"), 99);
    run(at, "2026-10-01");
    assert!(ok(at, &["runs"]).contains("部分完成") && ok(at, &["runs"]).contains("被拒4封"));
    mail_server.fail_at(FailurePoint::Rcpt, Failure::Reply(b""), 0);
    run(at, "2026-10-02");
    let id = ok(at, &["outbox", "list", "--unit", "省投资促进局", "--state", "accepted"]);
    let id = id.split_whitespace().next().expect("the mail of the office");
    let text = ok(at, &["outbox", "show", id]);
    assert!(text.contains("上次邮件没有送达（4个单位）") && text.contains("瓮安县 被拒"), "{text}");
    run(at, "2026-10-03");
    let id = ok(at, &["outbox", "list", "--unit", "省投资促进局", "--state", "accepted"]);
    let text = ok(at, &["outbox", "show", id.split_whitespace().next().expect("the mail of the office")]);
    assert!(!text.contains("没有送达"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_tests_the_mail_server() {
    let mail_server = TestMailServer::open(ServerOptions::default()).await;
    let root = root_with_server(mail_server.port, "");
    let at = root.path();
    let printed = ok(at, &["check", "--connect"]);
    assert!(printed.contains("连接、加密、登录正常，发件人和办公室的邮箱可用，未发送邮件"), "{printed}");
    assert!(!at.join("var").exists(), "a check makes nothing");
    edit(at, "config/duban.toml", "tls = \"none\"", "tls = \"starttls\"");
    mail_server.log.lock().expect("the log").mail_commands = 0;
    let failed = duban(at, &["check", "--connect"]);
    assert_eq!(failed.status.code(), Some(1));
    let printed = stdout(&failed);
    assert!(printed.contains("注意：邮件服务器不支持加密（STARTTLS）") && printed.contains("不会改用不加密的方式发送"), "{printed}");
    assert_eq!(mail_server.log.lock().expect("the log").mail_commands, 0);
    // a run prints why nothing was sent, and the messages stay pending
    let printed = run(at, "2026-10-01");
    assert!(printed.contains("已送达0") && printed.contains("现在发不出去：邮件服务器不支持加密"), "{printed}");
    let service = service(at, "2026-10-02T00:00:00Z").await;
    let rows = service.store().outbox().list(&duban::store::outbox::OutboxFilter::default()).await.expect("messages");
    assert!(rows.iter().all(|row| (row.state, row.attempts) == (DeliveryState::Pending, 0)));
}
