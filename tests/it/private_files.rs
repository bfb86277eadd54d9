//! What the service writes is for its own user alone, whatever the umask of the shell; `check` names what is wider.

use super::helpers::{duban, edit, fresh_root, home, stderr, stdout};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Everything below a folder that the group or others may read or change.
fn exposed(at: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mode = at.symlink_metadata().expect("a file").permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        found.push(format!("{mode:o} {}", at.display()));
    }
    if at.is_dir() {
        for entry in std::fs::read_dir(at).expect("a folder").flatten() {
            found.extend(exposed(&entry.path()));
        }
    }
    found
}

fn set(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
}

#[test]
fn nobody_else_reads_what_is_written() {
    let root = fresh_root();
    let at = root.path();
    let register = "项目编号,项目名称,产业类别,市（州）,县（市、区）,协议类型,项目阶段,签约时间,实际开工时间,合同投资额（亿元）\n\
        GZ1,甲,刺梨,黔南布依族苗族自治州,瓮安县,合同,签约,2025-01-06,,1\n";
    std::fs::write(at.join("own.csv"), register).expect("a register");
    edit(at, "config/duban.toml", "path = \"config/sample/register.xlsx\"\nsample = true", "path = \"own.csv\"");
    edit(at, "config/duban.toml", "[database]", "[start]\nenforce_on = \"2025-01-01\"\n\n[database]");
    // the folder of an earlier version
    std::fs::create_dir(at.join("var")).expect("a folder");
    set(&at.join("var"), 0o777);
    let shell = "umask 000; \"$0\" --root \"$1\" import \"$1/own.csv\" >\"$1/imported\" 2>&1; \"$0\" --root \"$1\" run weekly-reminder --as-of 2026-09-30 >\"$1/out\" 2>&1; echo $? >>\"$1/out\"";
    let done = Command::new("sh").args(["-c", shell, env!("CARGO_BIN_EXE_duban")]).arg(at).status().expect("a shell");
    assert!(done.success());
    let out = std::fs::read_to_string(at.join("out")).expect("the output");
    assert!(out.contains("提醒：") && out.ends_with("0\n"), "{out}");
    let var = at.join("var");
    for made in ["duban.db", "reports", "outbox", "locks", "sent.count", "audit.head"] {
        assert!(var.join(made).exists(), "{made} was not made");
    }
    assert_eq!(exposed(&var), Vec::<String>::new());
    let checked = duban(at, &["check"]);
    assert!(checked.status.success(), "{}", stderr(&checked));

    set(&var, 0o750);
    set(&var.join("duban.db"), 0o644);
    let checked = duban(at, &["check"]);
    assert_eq!(checked.status.code(), Some(1));
    for text in
        ["error: var: others may read or change it (mode 750) (chmod -R go= var)", "var/duban.db: others may read or change it (mode 644)"]
    {
        assert!(stderr(&checked).contains(text), "{}", stderr(&checked));
    }
}

#[test]
fn files_with_passwords_are_looked_at() {
    let root = fresh_root();
    let at = root.path();
    let password = at.join("config/business-password");
    let source = "\n[[source]]\nname = \"far\"\ndatabase = \"postgres://u@127.0.0.1:1/d\"\npassword_file = \"config/business-password\"\nquery = \"SELECT 1\"\n";
    edit(at, "config/duban.toml", "sample = true\n", &format!("sample = true\n{source}"));
    for (text, mode, expect) in [
        ("Zq7\n", 0o600, None),
        ("Zq7\n", 0o666, Some("config/business-password: others may read or change it (mode 666) (chmod 600 config/business-password)")),
        ("Zq7\n", 0o640, Some("(mode 640)")),
        ("\u{feff}Zq7\n", 0o600, Some("config/business-password: it begins with a byte order mark")),
        ("\n", 0o600, Some("config/business-password: it holds no password")),
    ] {
        std::fs::write(&password, text).expect("a password");
        set(&password, mode);
        let checked = duban(at, &["check"]);
        assert_eq!(checked.status.code(), Some(i32::from(expect.is_some())), "{text:?} {mode:o} {}", stderr(&checked));
        assert!(stderr(&checked).contains(expect.unwrap_or_default()), "{}", stderr(&checked));
        assert!(!stderr(&checked).contains("Zq7"));
        set(&password, 0o600);
    }
    std::fs::write(&password, "Zq7\n").expect("a password");
    edit(at, "config/duban.toml", "password_file = \"config/business-password\"\n", "");
    edit(at, "config/duban.toml", "postgres://u@", "postgres://u:Zq7@");
    set(&at.join("config/duban.toml"), 0o644);
    let checked = duban(at, &["check"]);
    assert!(
        stderr(&checked).contains("config/duban.toml: it holds a password, and others may read or change it (mode 644)"),
        "{}",
        stderr(&checked)
    );
    set(&at.join("config/duban.toml"), 0o600);
    assert!(duban(at, &["check"]).status.success());
}

/// The unit that both READMEs show confines the service.
#[test]
fn the_shown_unit_confines_the_service() {
    for name in ["README.md", "README.zh-CN.md"] {
        let text = std::fs::read_to_string(home().join(name)).expect("a README");
        for setting in [
            "UMask=0077",
            "NoNewPrivileges=yes",
            "PrivateTmp=yes",
            "ProtectHome=yes",
            "ProtectSystem=strict",
            "CapabilityBoundingSet=",
            "MemoryMax=",
            "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
            "SystemCallFilter=@system-service",
            "ReadWritePaths=/srv/duban/var",
        ] {
            assert!(text.lines().any(|line| line.starts_with(setting)), "{name}: {setting}");
        }
    }
}

/// A disk that takes nothing is a fault of `check`, in words and with what to do; no command answers in raw English.
#[test]
fn a_place_that_cannot_be_written_is_reported() {
    let root = fresh_root();
    let at = root.path();
    let fine = duban(at, &["check"]);
    assert!(fine.status.success(), "{}", stderr(&fine));
    assert!(!at.join("var").exists(), "check leaves nothing");
    // nobody makes files there, not even root
    std::os::unix::fs::symlink("/proc/self", at.join("var")).expect("a link");
    let checked = duban(at, &["check"]);
    assert_eq!(checked.status.code(), Some(1), "{}", stdout(&checked));
    assert!(stderr(&checked).contains("/var：") && stderr(&checked).contains("。请由管理员"), "{}", stderr(&checked));
    let refused = duban(at, &["runs"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("请由管理员"), "{}", stderr(&refused));
}
