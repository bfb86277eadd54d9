//! `audit`: prints who did what, and whether the record of it is whole.

use crate::app::audit;
use crate::app::compose::App;
use crate::cli::exit::Exit;
use crate::cli::local_time::local;
use crate::cli::person::PersonArguments;
use crate::cli::print::{Filter, Printer};
use crate::domain::plain_text::shown_name;
use crate::store::audit::{AuditBreak, AuditHead, AuditLine, AuditVerdict};
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
    format!("{no} {} {}（系统用户{os_user}） {what} {object} {reason}", local(at), shown_name(who))
}

/// Prints whether the chain is whole. Exit code 1 = it is broken; the first bad line is printed.
pub(crate) async fn verify(app: &App, format: &str) -> anyhow::Result<Exit> {
    let (verdict, known) = audit::verify(app).await?;
    let exit = if verdict.broken.is_some() { Exit::Failed } else { Exit::Done };
    if format == "json" {
        let AuditVerdict { head, pruned, unsealed, broken } = &verdict;
        let value = json!({
            "whole": broken.is_none(), "sealed": head.no, "hash": head.hash, "pruned": pruned, "unsealed": unsealed,
            "broken": broken.as_ref().map(broken_text),
        });
        let mut out = Printer::to_stdout(Filter::Json);
        serde_json::to_writer_pretty(&mut out, &value)?;
        writeln!(out)?;
        out.flush()?;
    } else {
        print_verdict(&verdict, known.as_ref());
    }
    Ok(exit)
}

fn print_verdict(verdict: &AuditVerdict, known: Option<&AuditHead>) {
    let AuditVerdict { head, pruned, unsealed, broken } = verdict;
    match broken {
        Some(broken) => print_line!("审计记录不完整：{}", broken_text(broken)),
        None => print_line!("审计记录完整：第{}条至第{}条，末条{}", pruned + 1, head.no, head.hash.get(..16).unwrap_or("无")),
    }
    if *pruned > 0 {
        print_line!("第{pruned}条及以前的已到期清理，链条自其后一条续接");
    }
    if *unsealed > 0 {
        print_line!("另有{unsealed}条尚未封存，下一次写入或duban serve的下一拍封存");
    }
    if known.is_none() && head.no > 0 {
        print_line!("注意：数据库之外没有末条的副本（var/audit.head），末尾是否被删只能凭数据库自身判断");
    }
}

fn broken_text(broken: &AuditBreak) -> String {
    match broken {
        AuditBreak::Missing(no) => format!("第{no}条被删"),
        AuditBreak::Changed(line) => format!("第{}条被改：{}", line.no, text(line)),
        AuditBreak::CutOff { after, head } => format!("第{after}条以后的被删，应有{head}条"),
        AuditBreak::Event { message, no } => format!("邮件{message}的第{no}次经过与审计记录不符"),
    }
}

/// Removes old lines.
pub(crate) async fn prune(app: &App, before: NaiveDate, person: &PersonArguments) -> anyhow::Result<Exit> {
    let removed = audit::prune(app, before, person.person(&person.who())).await?;
    print_line!("已清理{removed}条{before}以前的审计记录");
    Ok(Exit::Done)
}
