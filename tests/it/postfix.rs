//! Mail through a real Postfix: STARTTLS, implicit TLS, a login, and the mails that arrive in the mailbox. `.ci/test` starts it
//! (`.ci/postfix`); without it the test prints that it is skipped.

use super::helpers::{duban, edit, stderr, stdout};
use super::mail::root_with_server;
use mail_parser::{MessageParser, MimeHeaders};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[allow(clippy::disallowed_methods, reason = "the test command names the folder of its Postfix")]
fn folder() -> Option<PathBuf> {
    std::env::var("DUBAN_TEST_POSTFIX").ok().filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn ok(root: &Path, arguments: &[&str]) -> String {
    let output = duban(root, arguments);
    assert!(output.status.success(), "{arguments:?}: {}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

/// The mails in the mailbox, by file.
fn arrived(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(folder.join("mail/all/new")) else { return BTreeMap::new() };
    entries.flatten().map(|entry| (entry.path(), std::fs::read(entry.path()).expect("a mail"))).collect()
}

/// Waits for a number of mails: Postfix accepts a mail before it delivers it.
fn wait_for(folder: &Path, count: usize) -> BTreeMap<PathBuf, Vec<u8>> {
    let started = Instant::now();
    loop {
        let mails = arrived(folder);
        if mails.len() >= count || started.elapsed() > Duration::from_secs(20) {
            return mails;
        }
        std::thread::yield_now();
    }
}

#[test]
fn mail_arrives_whole_and_only_over_checked_tls() {
    let Some(folder) = folder() else {
        eprintln!("SKIPPED: DUBAN_TEST_POSTFIX is not set; run .ci/test, or DUBAN_TEST_POSTFIX=$(sudo bash .ci/postfix)");
        return;
    };
    let port = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a port").trim().to_owned();
    let (starttls, implicit) = (port("port"), port("port-tls"));
    let root = root_with_server(1, "");
    let at = root.path();
    std::fs::copy(folder.join("ca.pem"), at.join("config/ca.pem")).expect("the authority");
    std::fs::write(at.join("config/password"), "secret\n").expect("a password");
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(at.join("config/password"), std::fs::Permissions::from_mode(0o600)).expect("a private file");
    edit(at, "config/duban.toml", "from = \"duban@gz.example\"", "from = \"duban@gz.invalid\"");
    edit(at, "config/duban.toml", "host = \"127.0.0.1\"", "host = \"localhost\"");
    let login = "user = \"duban\"\npassword_file = \"config/password\"\nca_file = \"config/ca.pem\"";
    edit(at, "config/duban.toml", "tls = \"none\"", &format!("tls = \"starttls\"\n{login}"));
    edit(at, "config/duban.toml", "port = 1\n", &format!("port = {starttls}\n"));

    // with a wrong password, an untrusted authority or no TLS the check names the fault, and nothing is sent
    let before = arrived(&folder);
    let refused = |what: &str, words: &str| {
        let output = duban(at, &["check", "--connect"]);
        assert_eq!(output.status.code(), Some(1), "{what}: {}", stdout(&output));
        assert!(stdout(&output).contains(words), "{what}: {}{}", stdout(&output), stderr(&output));
    };
    std::fs::write(at.join("config/password"), "wrong\n").expect("a password");
    refused("wrong password", "邮件服务器拒绝登录");
    std::fs::write(at.join("config/password"), "secret\n").expect("a password");
    edit(at, "config/duban.toml", "ca_file = \"config/ca.pem\"\n", "");
    refused("unknown authority", "邮件服务器的证书不可信");
    let waiting = duban(at, &["run", "list", "--as-of", "2026-10-01"]);
    assert_eq!(waiting.status.code(), Some(2), "its mails wait: {}", stderr(&waiting));
    let printed = stdout(&waiting);
    assert!(printed.contains("已送达0") && printed.contains("邮件服务器的证书不可信"), "{printed}");
    edit(at, "config/duban.toml", "tls = \"starttls\"", "tls = \"none\"");
    refused("no TLS", "邮件服务器没有可用的登录方式");
    edit(at, "config/duban.toml", "tls = \"none\"", "tls = \"starttls\"\nca_file = \"config/ca.pem\"");
    assert_eq!(arrived(&folder).len(), before.len(), "nothing was sent");

    // with correct settings the pending mails are sent, and a second run is sent over implicit TLS
    assert!(ok(at, &["check", "--connect"]).contains("连接、加密、登录正常"));
    let sent = ok(at, &["outbox", "send"]);
    assert!(!sent.contains("送达0") && sent.contains("被拒0"), "{sent}");
    edit(at, "config/duban.toml", "tls = \"starttls\"", "tls = \"implicit\"");
    edit(at, "config/duban.toml", &format!("port = {starttls}\n"), &format!("port = {implicit}\n"));
    let printed = ok(at, &["run", "list", "--as-of", "2026-10-02"]);
    let listed = ok(at, &["outbox", "list", "--state", "accepted"]);
    let ids: BTreeSet<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(ids.len() >= 6, "{printed}{listed}");
    let mut mails = wait_for(&folder, before.len() + ids.len());
    mails.retain(|file, _| !before.contains_key(file));
    assert_eq!(mails.len(), ids.len());
    let mut seen = BTreeSet::new();
    for bytes in mails.values() {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let mail = MessageParser::default().parse(bytes).expect("a mail");
        let id = mail.message_id().expect("a Message-ID");
        let id = ids.iter().find(|known| id.starts_with(&format!("{known}@"))).expect("one of ours");
        assert!(seen.insert(*id), "{id} came twice");
        // ESMTPSA: over TLS and after a login
        assert!(text.contains("with ESMTPSA"), "{text}");
        assert!(mail.subject().expect("a subject").starts_with("【督办提醒】"), "{:?}", mail.subject());
        let to = mail.to().and_then(|to| to.first()).and_then(|to| to.address()).expect("a recipient");
        assert_eq!(mail.header_raw("Delivered-To").expect("a box").trim(), to);
        assert_eq!(mail.reply_to().and_then(|to| to.first()).and_then(|to| to.address()), Some("520000@gz.example"));
        assert!(mail.body_text(0).expect("a body").contains("截至2026年10月"), "{text}");
        assert!(mail.body_html(0).is_some());
        for attachment in mail.attachments() {
            assert!(attachment.attachment_name().expect("a name").ends_with(".xlsx"));
            assert!(super::outputs::cells(attachment.contents()).contains("-- "), "a workbook");
        }
        // below the headers that servers add, the mail has the bytes of the outbox
        let held = duban(at, &["outbox", "show", id, "--eml"]).stdout;
        let held = String::from_utf8_lossy(&held).replace("\r\n", "\n");
        let delivered = text.replace("\r\n", "\n");
        assert!(delivered.trim_end().ends_with(held.trim_end()), "{id} was changed on its way");
    }
    assert_eq!(seen.len(), ids.len());
}
