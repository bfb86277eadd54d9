//! Somebody hears of it: `duban status`, the messages to the operator, and lists for machines.

use super::helpers::{duban, edit, files_below, fresh_root, import, import_into, service, stderr, stdout};
use super::outputs::{ORDERS, PROJECTS, as_read};
use chrono::{DateTime, Utc};
use duban::worker::run::runner::{RunRequest, RunWhen};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

fn time(text: &str) -> DateTime<Utc> {
    format!("{text}+08:00").parse().expect("a time in Beijing")
}

fn started(root: &Path) {
    edit(root, "config/duban.toml", "[database]", "[start]\nenforce_on = \"2026-07-01\"\n\n[database]");
}

fn status(root: &Path) -> (Value, Option<i32>) {
    let output = duban(root, &["status", "--json"]);
    (serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}")), output.status.code())
}

fn ids(status: &Value) -> Vec<&str> {
    status["problems"].as_array().expect("a list").iter().map(|problem| problem["id"].as_str().expect("an id")).collect()
}

#[test]
fn status_names_what_needs_a_person() {
    let root = fresh_root();
    let root = root.path();
    started(root);
    let (fresh, code) = status(root);
    assert_eq!((fresh["ok"].as_bool(), code, ids(&fresh).contains(&"run-failed")), (Some(ids(&fresh).is_empty()), code, false));
    for key in ["ok", "problems", "sending", "clock", "config", "parser", "last_runs", "data_days"] {
        assert!(fresh.get(key).is_some(), "{key}: {fresh}");
    }
    assert_eq!((&fresh["sending"], &fresh["clock"], &fresh["config"]), (&"on".into(), &"trusted".into(), &"in-force".into()));
    import(root, "台账.csv", PROJECTS, &["--covers", "2026-09-30"]);
    import(root, "工作单.csv", ORDERS, &["--covers", "2026-09-30"]);
    assert_eq!(duban(root, &["run", "quarterly-supervision", "--as-of", "2026-09-30"]).status.code(), Some(0));
    let (done, code) = status(root);
    assert_eq!(done["data_days"], serde_json::json!({"project": {"import": "2026-09-30"}, "work-order": {"import": "2026-09-30"}}));
    let run = &done["last_runs"][0];
    assert_eq!((&run["job"], &run["as_of"], &run["state"]), (&"quarterly-supervision".into(), &"2026-09-30".into(), &"done".into()));
    assert!(ids(&done).contains(&"drafts-unsigned") && code == Some(1), "{done}");
    // a person stops sending, and the register halves
    duban(root, &["outbox", "hold", "--sending", "--by", "值班员", "--reason", "发错"]);
    let head = PROJECTS.lines().take(3).collect::<Vec<_>>().join("\n");
    assert_eq!(import(root, "半.csv", head, &["--covers", "2026-09-30"]).status.code(), Some(3));
    let (held, code) = status(root);
    assert!(["sending-held", "held-snapshot"].iter().all(|id| ids(&held).contains(id)), "{held}");
    assert_eq!((&held["sending"], &held["ok"], code), (&"held".into(), &false.into(), Some(1)));
    let printed = stdout(&duban(root, &["status"]));
    assert!(
        printed.contains("值班员") && printed.contains("snapshot release project import 2") && printed.contains("季度督办（"),
        "{printed}"
    );
    // a slip in a file hides nothing
    edit(root, "config/units.toml", "[[", "x = \"unclosed\n[[");
    let (slip, code) = status(root);
    assert!(["sending-held", "config-waiting"].iter().all(|id| ids(&slip).contains(id)), "{slip}");
    assert_eq!((&slip["config"], code), (&"waiting".into(), Some(1)));
}

#[test]
fn a_database_that_cannot_be_used_is_named() {
    let root = fresh_root();
    let root = root.path();
    import(root, "台账.csv", PROJECTS, &["--covers", "2026-09-30"]);
    let file = root.join("var/duban.db");
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(root.join(format!("var/duban.db{ending}")));
    }
    std::fs::write(&file, "no database at all, but a text that is long enough to be looked at").expect("damage");
    let (broken, code) = status(root);
    assert_eq!((ids(&broken), code), (vec!["database"], Some(1)), "{broken}");
}

#[test]
fn the_outbox_is_listed_for_machines_and_by_the_title_of_a_rule() {
    let root = fresh_root();
    let root = root.path();
    started(root);
    import(root, "台账.csv", PROJECTS, &["--covers", "2026-09-30"]);
    import(root, "工作单.csv", ORDERS, &["--covers", "2026-09-30"]);
    // a job by its title, and a ledger too
    assert_eq!(duban(root, &["run", "季度督办", "--as-of", "2026-09-30"]).status.code(), Some(0));
    assert_eq!(duban(root, &["findings", "--as-of", "2026-09-30", "--ledger", "工作单"]).status.code(), Some(0));
    let by = |words: &[&str]| duban(root, &[&["outbox", "list", "--finding"], words].concat());
    let of_id = stdout(&by(&["order-overdue", "GZD2026-00001"]));
    assert!(of_id.contains("告知：") && stdout(&by(&["工作单逾期未办结", "GZD2026-00001"])) == of_id, "{of_id}");
    let unknown = by(&["工作单逾期未办", "GZD2026-00001"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(stderr(&unknown).contains("工作单逾期未办结") && !stdout(&unknown).contains("没有邮件"), "{unknown:?}");
    let rows: Vec<Value> = serde_json::from_slice(&duban(root, &["outbox", "list", "--format", "json"]).stdout).expect("rows");
    let of_county = |state: &str| rows.iter().find(|row| row["unit"] == "瓮安县" && row["state"] == state).expect("a message");
    let accepted = of_county("accepted");
    assert_eq!(accepted["address"], "522725@gz.example");
    assert_eq!((&accepted["job"], &accepted["attempts"]), (&"quarterly-supervision".into(), &1.into()));
    assert_eq!(accepted["key"], "2026Q3");
    assert!(accepted["message_id"].as_str().expect("an id").contains('@'));
    let letter = rows.iter().find(|row| row["unit"] == "黔南布依族苗族自治州" && row["state"] == "draft").expect("a letter");
    let draft = letter["id"].as_str().expect("an id").to_owned();
    duban(root, &["outbox", "hold", "--sending", "--by", "值班员", "--reason", "看一看"]);
    duban(root, &["outbox", "release", &draft, "--by", "王处长", "--reason", "同意"]);
    let rows: Vec<Value> = serde_json::from_slice(&duban(root, &["outbox", "list", "--format", "json"]).stdout).expect("rows");
    assert!(rows.iter().any(|row| row["id"] == draft.as_str() && row["state"] == "released"), "{rows:?}");
}

/// A server that takes requests and hands on their first line and body; it answers each with this text.
pub fn listener(reply: &'static str) -> (String, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}/hook?key=7", listener.local_addr().expect("an address"));
    let (taken, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut text = Vec::new();
            let mut buffer = [0; 4096];
            loop {
                let read = stream.read(&mut buffer).expect("a request");
                text.extend_from_slice(&buffer[..read]);
                let request = String::from_utf8_lossy(&text).into_owned();
                let Some((head, body)) = request.split_once("\r\n\r\n") else { continue };
                let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
                if body.len() >= length || read == 0 {
                    // in two pieces, as servers answer that do not know yet how much comes
                    let (begin, end) = reply.split_at(reply.len() / 2);
                    let pieces: String = [begin, end]
                        .iter()
                        .filter(|piece| !piece.is_empty())
                        .map(|piece| format!("{:x}\r\n{piece}\r\n", piece.len()))
                        .collect();
                    write!(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{pieces}0\r\n\r\n").expect("a reply");
                    let first = head.lines().next().unwrap_or_default().to_owned();
                    if taken.send((first, body.to_owned())).is_err() {
                        return;
                    }
                    break;
                }
            }
        }
    });
    (address, requests)
}

pub fn secret(root: &Path, file: &str, text: &str) {
    std::fs::write(root.join(file), text).expect("a file");
    std::fs::set_permissions(root.join(file), std::fs::Permissions::from_mode(0o600)).expect("its mode");
}

fn to_operator(root: &Path) -> Vec<String> {
    let mails = files_below(&root.join("var/outbox")).into_iter().filter(|(name, _)| name.starts_with("operator"));
    mails.map(|(_, bytes)| as_read(&bytes)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_hears_once_of_each_beginning_and_each_end() {
    let root = fresh_root();
    let at = root.path();
    started(at);
    let (address, requests) = listener("{\"errcode\":0,\"errmsg\":\"ok\"}");
    secret(at, "config/operator-webhook", &address);
    edit(
        at,
        "config/duban.toml",
        "[mail]\n",
        "[[source]]\nname = \"platform\"\npath = \"register.csv\"\n\n[operator]\nmailbox = \"ops@gz.example\"\nwebhook = \"wecom\"\n\
         webhook_file = \"config/operator-webhook\"\n\n[mail]\n",
    );
    let sample = "[[source]]\nname = \"sample\"\npath = \"config/sample/register.xlsx\"\nsample = true\n";
    edit(at, "config/duban.toml", sample, "");
    std::fs::write(at.join("register.csv"), PROJECTS).expect("the register");
    let service = service(at, &time("2026-10-12T09:00:00").to_rfc3339()).await;
    let pull = async |day: &str| {
        let when = RunWhen::AsOf(day.parse().expect("a day"));
        service.runner().run_job(&RunRequest { job: "daily-pull".into(), when, revise: false }).await.expect("a run");
    };
    let beat = async |now: &str| {
        service.clock().set(time(now));
        service.scheduler().beat().await.expect("a beat");
    };
    pull("2026-10-12").await;
    beat("2026-10-12T09:00:00").await;
    assert_eq!(to_operator(at), Vec::<String>::new(), "all is well");
    std::fs::remove_file(at.join("register.csv")).expect("gone");
    pull("2026-10-13").await;
    for now in ["2026-10-12T10:00:00", "2026-10-12T10:00:30", "2026-10-12T12:00:00"] {
        beat(now).await;
    }
    let begun = to_operator(at);
    assert_eq!(begun.len(), 1, "{begun:?}");
    assert!(begun[0].contains("To: 值守人员 <ops@gz.example>") && begun[0].contains("问题：来源“platform”未能读取"), "{}", begun[0]);
    let (first, body) = requests.recv_timeout(std::time::Duration::from_secs(10)).expect("a post");
    let posted: Value = serde_json::from_str(&body).expect("JSON");
    assert!(first.starts_with("POST /hook?key=7 HTTP/1.1"), "{first}");
    assert!(posted["text"]["content"].as_str().expect("a text").contains("出现问题"), "{body}");
    // it comes and goes: no storm
    std::fs::write(at.join("register.csv"), PROJECTS).expect("the register");
    pull("2026-10-14").await;
    beat("2026-10-12T12:10:00").await;
    std::fs::remove_file(at.join("register.csv")).expect("gone");
    pull("2026-10-15").await;
    beat("2026-10-12T12:20:00").await;
    assert_eq!(to_operator(at).len(), 1);
    std::fs::write(at.join("register.csv"), PROJECTS).expect("the register");
    pull("2026-10-16").await;
    for now in ["2026-10-12T13:00:00", "2026-10-12T13:20:00"] {
        beat(now).await;
        assert_eq!(to_operator(at).len(), 1, "its end is not certain yet");
    }
    for now in ["2026-10-12T13:31:00", "2026-10-12T14:31:00"] {
        beat(now).await;
        let all = to_operator(at);
        assert_eq!(all.len(), 2, "{all:?}");
        assert!(all[1].contains("已解除：来源“platform”未能读取") && !all[1].contains("问题："), "{}", all[1]);
    }
    assert!(requests.try_iter().count() == 1, "the chat hears what the mailbox hears");
    service.store().close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_that_refuses_hears_it_later_and_nothing_shows_its_address() {
    let root = fresh_root();
    let at = root.path();
    started(at);
    let (address, requests) = listener("{\"errcode\":45009,\"errmsg\":\"api freq out of limit\"}");
    secret(at, "config/operator-webhook", &address);
    edit(at, "config/duban.toml", "[mail]\n", "[operator]\nwebhook = \"dingtalk\"\nwebhook_file = \"config/operator-webhook\"\n\n[mail]\n");
    let service = service(at, &time("2026-10-12T09:00:00").to_rfc3339()).await;
    import_into(&service, "台账.csv", PROJECTS, "2026-09-01").await;
    for (now, posts) in [("09:00:00", 1), ("09:01:00", 0), ("09:06:00", 1), ("09:09:00", 0), ("09:17:00", 1)] {
        service.clock().set(time(&format!("2026-10-12T{now}")));
        service.scheduler().beat().await.expect("a beat");
        assert_eq!(requests.try_iter().count(), posts, "{now}");
    }
    service.store().close().await;
    secret(at, "config/operator-webhook", "http://chat.example/hook?key=7");
    let check = duban(at, &["check"]);
    assert!(!stdout(&check).contains("key=7") && !stderr(&check).contains("key=7"), "{check:?}");
}

/// A file that a crash has torn holds sending, and nothing else; a person lets sending go on.
#[test]
fn a_counter_that_cannot_be_read_holds_sending_alone() {
    for torn in ["", "garbage", "\0\0\0\0\0\0\0\0"] {
        let root = fresh_root();
        let root = root.path();
        started(root);
        import(root, "台账.csv", PROJECTS, &["--covers", "2026-09-30"]);
        assert_eq!(duban(root, &["run", "quarterly-supervision", "--as-of", "2026-09-30"]).status.code(), Some(0));
        std::fs::write(root.join("var/sent.count"), torn).expect("torn");
        for command in [&["outbox", "list"][..], &["check"]] {
            let done = duban(root, command);
            assert!(done.status.code() == Some(0) && stdout(&done).contains("var/sent.count不能读取"), "{torn:?} {command:?}: {done:?}");
        }
        assert!(ids(&status(root).0).contains(&"sending-held"), "{torn:?}");
        let sent = files_below(&root.join("var/outbox")).len();
        let run = duban(root, &["run", "county-monthly-study", "--as-of", "2026-10-31"]);
        assert_eq!((run.status.code(), files_below(&root.join("var/outbox")).len()), (Some(2), sent), "{torn:?}: {run:?}");
        let released = duban(root, &["outbox", "release", "--sending", "--by", "王处长", "--reason", "核对过"]);
        assert_eq!(released.status.code(), Some(0), "{released:?}");
        assert_eq!(duban(root, &["outbox", "send"]).status.code(), Some(0));
        assert!(files_below(&root.join("var/outbox")).len() > sent, "{torn:?}");
        assert!(!ids(&status(root).0).contains(&"sending-held"), "{torn:?}");
    }
}

#[test]
fn a_half_set_operator_is_a_problem() {
    let root = fresh_root();
    let root = root.path();
    edit(root, "config/duban.toml", "[mail]\n", "[operator]\nmailbox = \"值班\"\nwebhook = \"feishu\"\n\n[mail]\n");
    let check = duban(root, &["check"]);
    let printed = stderr(&check);
    assert_eq!(check.status.code(), Some(1));
    assert!(
        printed.contains("operator: webhook and webhook_file go together") && printed.contains("mailbox \"值班\" is no mail address"),
        "{printed}"
    );
}
