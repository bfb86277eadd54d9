//! `audit`: prints who did what, and whether the record of it is whole.

use crate::app::audit;
use crate::app::audit::{Accepted, kind_in_words};
use crate::app::compose::App;
use crate::cli::exit::Exit;
use crate::cli::local_time::local;
use crate::cli::person::PersonArguments;
use crate::cli::print::{Filter, Printer};
use crate::domain::plain_text::shown_name;
use crate::store::audit::AuditLine;
use crate::store::audit_check::{AuditBreak, AuditVerdict};
use chrono::NaiveDate;
use serde_json::json;
use std::io::Write;

/// Prints the last lines, oldest first.
pub(crate) async fn list(app: &App, limit: Option<u32>, format: &str) -> anyhow::Result<Exit> {
    let lines = audit::list(app, limit).await?;
    if format == "json" {
        let mut out = Printer::to_stdout(Filter::Json);
        serde_json::to_writer_pretty(&mut out, &lines.iter().map(as_json).collect::<Vec<_>>())?;
        writeln!(out)?;
        out.flush()?;
    } else {
        lines.iter().for_each(|line| print_line!("{}", text(line)));
    }
    Ok(Exit::Done)
}

fn as_json(line: &AuditLine) -> serde_json::Value {
    let AuditLine { at, who, os_user, what, object, reason, no, hash, .. } = line;
    json!({ "no": no, "at": at, "who": who, "os_user": os_user, "what": what, "object": object, "reason": reason, "hash": hash })
}

/// A line of the audit as one line of text.
fn text(line: &AuditLine) -> String {
    let AuditLine { at, who, os_user, what, object, reason, no, .. } = line;
    let no = if *no == 0 { "未封".to_owned() } else { no.to_string() };
    // an entry of the pages names the account and the address
    let user = if os_user.contains('@') { "账号" } else { "系统用户" };
    format!("{no} {} {}（{user}{os_user}） {}（{what}） {object} {reason}", local(at), shown_name(who), kind_in_words(what))
}

/// The rows that a line is about, in words.
fn rows_in_words(key: &str) -> &'static str {
    match key.split(' ').next().unwrap_or_default() {
        "event" => "办理记录",
        "marks" => "不便公开的标注",
        "key" => "密钥",
        "answers" => "反馈",
        "withdrawal" => "反馈的撤回",
        "snapshot" => "快照（状态、数据截至日、行数等）",
        "account" => "网页账号（单位、角色、密码、动态码等）",
        "mails" => "一次执行所生成的邮件及其事项",
        "message" => "拟办件或改发的邮件",
        "named" => "邮件或报表所列事项的登记",
        "files" => "一次执行所生成报表的登记（路径、指纹、大小）",
        "frozen" => "执行时所用的配置",
        "bytes" => "邮件的内容",
        "header" => "保密栏的认定",
        "gone" => "退出台账的确认",
        _ => "发送的暂停",
    }
}

/// Prints whether the audit is whole. Exit code 1 = it is broken; the first bad place is printed.
pub(crate) async fn verify(app: &App, format: &str) -> anyhow::Result<Exit> {
    let verdict = audit::verify(app).await?;
    let exit = if verdict.broken.is_some() { Exit::Failed } else { Exit::Done };
    if format == "json" {
        let AuditVerdict { head, pruned, unsealed, broken, accepted } = &verdict;
        let value = json!({
            "whole": broken.is_none(), "sealed": head.no, "hash": head.hash, "pruned": pruned, "unsealed": unsealed,
            "broken": broken.as_ref().map(broken_text), "accepted": accepted.iter().map(as_json).collect::<Vec<_>>(),
        });
        let mut out = Printer::to_stdout(Filter::Json);
        serde_json::to_writer_pretty(&mut out, &value)?;
        writeln!(out)?;
        out.flush()?;
    } else {
        print_verdict(&verdict);
    }
    Ok(exit)
}

fn print_verdict(verdict: &AuditVerdict) {
    let AuditVerdict { head, pruned, unsealed, broken, accepted } = verdict;
    match broken {
        Some(broken) => print_line!("审计记录不完整：{}", broken_text(broken)),
        None if head.no == 0 => print_line!("审计记录完整：还没有封存的记录"),
        None => print_line!("审计记录完整：第{}条至第{}条，末条{}", pruned + 1, head.no, head.hash.get(..16).unwrap_or(&head.hash)),
    }
    for line in accepted {
        print_line!("曾经有人认可：{}", text(line));
    }
    if *pruned > 0 {
        print_line!("第{pruned}条及以前的已到期清理，链条自其后一条续接");
    }
    if *unsealed > 0 {
        print_line!("另有{unsealed}条尚未封存，下一次写入或duban serve的下一拍封存");
    }
}

/// What is wrong, and what to do about it.
fn broken_text(broken: &AuditBreak) -> String {
    let todo = match broken {
        AuditBreak::NoHead
        | AuditBreak::OtherHead(_)
        | AuditBreak::CutOff { .. }
        | AuditBreak::Rows(_)
        | AuditBreak::HeadFileMissing { .. }
        | AuditBreak::HeadFileDamaged { .. } => "查明原因后，由负责人认可：duban audit --accept --by 姓名 --reason 事由".to_owned(),
        AuditBreak::Missing(_) | AuditBreak::Changed(_) | AuditBreak::Event { .. } => "请用备份核对".to_owned(),
        AuditBreak::DatedBack(_) => "请查明是谁写进数据库的".to_owned(),
        AuditBreak::State { message, .. } => format!("经过见 duban outbox show {message}"),
    };
    format!("{}。{todo}", fault_text(broken))
}

/// What is wrong.
fn fault_text(broken: &AuditBreak) -> String {
    match broken {
        AuditBreak::NoHead => "第1条起无法核验：数据库中记录末条的一行被删".to_owned(),
        AuditBreak::OtherHead(no) => format!("数据库中记录末条的一行被改：与第{no}条不符"),
        AuditBreak::Missing(no) => format!("第{no}条被删"),
        AuditBreak::Changed(line) => format!("第{}条被改：{}", line.no, text(line)),
        AuditBreak::CutOff { after, head } => format!("第{}条起被删，应有{head}条", after + 1),
        AuditBreak::DatedBack(line) => {
            format!("有一条不是当时写入的：没有封存，所写时间却早于已封存的末条：{}", text(line))
        }
        AuditBreak::Event { message, no } => format!("邮件{message}的第{no}次经过与审计记录不符"),
        AuditBreak::State { message, state } => format!("邮件{message}的状态（{state}）与经过不符：有人越过程序改了数据库"),
        AuditBreak::Rows(key) => {
            format!("数据库中{}（{key}）与最后一条有关的审计记录不符：有人越过程序改了数据库，或缺审计记录", rows_in_words(key))
        }
        AuditBreak::HeadFileMissing { since, sealed } => format!(
            "末条的副本var/audit.head不在（{}发现）；数据库中现有{sealed}条已封存，是否自第1条起或在末尾被删，无法判断",
            local(since)
        ),
        AuditBreak::HeadFileDamaged { sealed } => {
            format!("末条的副本var/audit.head已损坏，读不出末条的序号和校验值；数据库中现有{sealed}条已封存，是否在末尾被删，无法判断")
        }
    }
}

/// Accepts what a check has found, in the name of a person.
pub(crate) async fn accept(app: &App, person: &PersonArguments) -> anyhow::Result<Exit> {
    let named = person.named("认可审计记录")?;
    match audit::accept(app, named, fault_text).await? {
        Accepted::WasWhole => {
            print_line!("审计记录完整，没有需要认可的");
            Ok(Exit::Done)
        }
        Accepted::Done => {
            print_line!("已记录{}的认可，今后每次核验都会列出；请再核验一次：duban audit --verify", person.who());
            Ok(Exit::Done)
        }
        Accepted::Broken(broken) => {
            print_line!("不能认可：{}", broken_text(&broken));
            Ok(Exit::Failed)
        }
    }
}

/// Removes old lines.
pub(crate) async fn prune(app: &App, before: NaiveDate, person: &PersonArguments) -> anyhow::Result<Exit> {
    let removed = audit::prune(app, before, person.named("清理审计记录")?).await?;
    print_line!("已清理{removed}条{before}以前的审计记录");
    Ok(Exit::Done)
}
