//! The audit: its lines, whether they are whole, what a person accepts of it, and the removal of old lines.

use crate::app::compose::App;
use crate::app::person::Person;
use crate::clock::stamp;
use crate::config::load::Config;
use crate::domain::account::AccountRoles;
use crate::domain::notify::delivery::DeliveryEvent;
use crate::domain::rules::rule::Act;
use crate::store::audit::{AuditEntry, AuditLine, PRUNE_DAYS_MIN};
use crate::store::audit_check::{AuditBreak, AuditVerdict};
use crate::worker::audit_head::{AuditHeadFile, FILE, StoredHead, accept_end};
use anyhow::{Context, ensure};
use chrono::{Days, NaiveDate};

/// The last lines, oldest first; `None` = all.
///
/// # Errors
/// The database fails.
pub(crate) async fn list(app: &App, limit: Option<u32>) -> anyhow::Result<Vec<AuditLine>> {
    Ok(app.store().audit().list(limit.map(i64::from)).await?)
}

/// Checks the audit against itself, against the head beside the database, and against what its lines are about.
///
/// # Errors
/// The database fails, or the file cannot be read.
pub(crate) async fn verify(app: &App) -> anyhow::Result<AuditVerdict> {
    let known = AuditHeadFile::below(&app.root().join("var")).read().context("cannot read var/audit.head")?;
    let (audit, now) = (app.store().audit(), app.clock().now());
    let mut verdict = audit.verify(known.known(), now).await?;
    let sealed = verdict.head.no - verdict.pruned;
    let of_file = match known {
        StoredHead::Missing => {
            let since = audit.record_missing_head(&audit.file_of_root(FILE), &stamp(now)).await?;
            AuditBreak::HeadFileMissing { since, sealed }
        }
        StoredHead::Damaged => AuditBreak::HeadFileDamaged { sealed },
        StoredHead::Head(_) => return Ok(verdict),
    };
    verdict.broken = verdict.broken.filter(AuditBreak::is_in_chain).or(Some(of_file));
    Ok(verdict)
}

/// Records that rows of the register, or what units wrote, are handed out by a command.
///
/// # Errors
/// The database fails.
pub(crate) async fn record_export(app: &App, what: &str, object: &str, by: Person<'_>) -> anyhow::Result<()> {
    Ok(app.store().audit().record(&stamp(app.clock().now()), by.who, what, object, by.why).await?)
}

/// What came of accepting what was found.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// The end was as it should be, so nothing was done.
    WasWhole,
    Done,
    /// The audit is broken in a place that nobody can accept.
    Broken(AuditBreak),
}

/// Accepts what [`verify`] has found: that the head beside the database was lost, that the database was replaced by an older copy, or that rows
/// were changed past the program. `in_words` names what was wrong, for the line that shows it for ever.
///
/// # Errors
/// Name or reason is empty, the database fails, or the file cannot be read or written.
pub(crate) async fn accept(app: &App, by: Person<'_>, in_words: impl Fn(&AuditBreak) -> String) -> anyhow::Result<Accepted> {
    by.ensure_named("认可审计记录")?;
    let Some(broken) = verify(app).await?.broken else { return Ok(Accepted::WasWhole) };
    let now = app.clock().now();
    let at = stamp(now);
    let entry = AuditEntry { at: &at, who: by.who, why: by.why };
    if let AuditBreak::Rows(key) = &broken {
        let is_done = app.store().audit().accept_rows(key, &in_words(&broken), entry).await?;
        return Ok(if is_done { Accepted::Done } else { Accepted::Broken(broken) });
    }
    let is_end = matches!(
        broken,
        AuditBreak::HeadFileMissing { .. }
            | AuditBreak::HeadFileDamaged { .. }
            | AuditBreak::CutOff { .. }
            | AuditBreak::NoHead
            | AuditBreak::OtherHead(_)
            | AuditBreak::Changed(_)
    );
    if !is_end {
        return Ok(Accepted::Broken(broken));
    }
    let inside = accept_end(app.store(), &app.root().join("var"), &in_words(&broken), entry, now).await?;
    Ok(inside.map_or(Accepted::Done, Accepted::Broken))
}

/// Removes the lines before a day, and records who had it done.
///
/// # Errors
/// The day is less than [`PRUNE_DAYS_MIN`] days ago, the chain is broken, or the database fails.
pub(crate) async fn prune(app: &App, before: NaiveDate, by: Person<'_>) -> anyhow::Result<u64> {
    let latest = app.clock().today().checked_sub_days(Days::new(PRUNE_DAYS_MIN as u64)).context("no such day")?;
    ensure!(before <= latest, "最近{PRUNE_DAYS_MIN}天的审计记录不能清理：最晚可写{latest}");
    app.seal_audit().await?;
    ensure!(verify(app).await?.broken.is_none(), "审计记录不完整，没有清理；请先查明：duban audit --verify");
    let at = stamp(app.clock().now());
    Ok(app.store().audit().prune(&before.to_string(), AuditEntry { at: &at, who: by.who, why: by.why }).await?)
}

/// What a line is about, in words: names in place of the codes of jobs, units, roles, ledgers and messages.
pub(crate) fn object_in_words(config: &Config, object: &str) -> String {
    let word = |token: &str| {
        message_in_words(config, token)
            .unwrap_or_else(|| token.split('/').map(|code| code_in_words(config, code)).collect::<Vec<_>>().join("/"))
    };
    object.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// The name behind a code; a text that is none stays as it is.
fn code_in_words(config: &Config, code: &str) -> String {
    let units = &config.policy.units.units;
    let job = config.job(code).map(|job| job.title.clone());
    let ledger = || Some(config.policy.ledgers[config.policy.ledger(code)?].title.clone());
    let unit = || units.iter().find(|unit| unit.code.eq_ignore_ascii_case(code)).map(|unit| unit.name.clone());
    let roles = || AccountRoles::parse(code).ok().map(|roles| roles.words());
    let word = || match code {
        "--revise" => Some("（修订）".to_owned()),
        "GET" => Some("打开".to_owned()),
        "POST" => Some("提交".to_owned()),
        _ => None,
    };
    job.or_else(ledger).or_else(unit).or_else(roles).or_else(word).unwrap_or_else(|| code.to_owned())
}

/// The id of a message in words: its job, its day, its unit, and the act of a draft.
fn message_in_words(config: &Config, id: &str) -> Option<String> {
    let mut parts = id.split('_');
    let (job, as_of, _, unit) = (config.job(parts.next()?)?, parts.next()?, parts.next()?, parts.next()?);
    let act = parts.next().and_then(|code| Act::ALL.into_iter().find(|act| act.code() == code));
    let act = act.map_or_else(String::new, |act| format!("（{}）", act.title()));
    Some(format!("{}（截至{as_of}）{}{act}", job.title, code_in_words(config, unit)))
}

/// The kind of a line on a login that was refused unseen; its reason is the beginning of the quarter of an hour that has one such line.
pub(crate) const LOCKED: &str = "refused: login locked";

/// The reason of a line as people read it: empty where it only sets one line apart from the next.
pub(crate) fn reason_in_words(line: &AuditLine) -> &str {
    if line.what == LOCKED { "" } else { &line.reason }
}

/// The kind of a line in words.
pub(crate) fn kind_in_words(what: &str) -> &str {
    if let Some(event) = what.strip_prefix("message ") {
        return DeliveryEvent::parse(event).map_or("邮件", |event| event.word(false));
    }
    match what {
        "import" => "导入",
        "import --accept" => "强制导入",
        "pull" => "读取来源",
        "pull --accept" => "强制读取来源",
        "snapshot taken" => "生成快照",
        "mails made" => "生成邮件",
        "draft made" => "生成拟办件",
        "message readdressed" => "改发邮件",
        "records named" => "登记所列事项",
        "files made" => "登记报表文件",
        "snapshot held" => "快照暂缓",
        "snapshot in-force" => "放行快照",
        "snapshot discarded" => "作废快照",
        "confirm gone" => "确认退出台账",
        "marks of a file" => "标注不便公开",
        "marks ended" => "标注终止",
        "restriction lifted" => "解除标注",
        "secrecy header decided" => "认定保密栏",
        "header decided" => "认定栏目",
        "feedback" => "收下反馈",
        "feedback refused" => "退回反馈表",
        "feedback withdraw" => "撤回反馈",
        "key made" | "key rotate" => "启用密钥",
        "key ended" => "停用密钥",
        "key revoke" => "作废密钥",
        "look at a mail" => "查看邮件",
        "sending held" => "暂停发送",
        "sending released" => "恢复发送",
        "export" | "export findings" | "export diff" | "export feedback" => "导出",
        "accountability list" => "问责清单",
        "run by hand" => "手动执行任务",
        "rebuild" => "重新生成报表",
        "start day fixed" => "确定启动日",
        "audit pruned" => "清理审计记录",
        "audit accepted" => "认可审计记录",
        "audit head begun" => "启用末条的副本",
        "audit head missing" => "末条的副本不在",
        "plain text accepted" => "接受不加密",
        "login" => "登录",
        "logout" => "退出",
        "download" | "download of a period" => "下载",
        "download of a period begun" => "开始打包下载",
        "account code begun" => "启用动态码",
        "account code ended" => "停用动态码",
        "recovery code used" => "使用备用码",
        "account added" => "建立账号",
        "account ended" => "停用账号",
        "account password changed" => "更改密码",
        "account password reset" => "重设密码",
        "administrator code" => "给出启用码",
        "refused: login" => "登录未成",
        "refused: login code" => "动态码输错",
        LOCKED => "暂停登录",
        "refused: password" => "密码输错",
        "refused: administrator code" => "启用码输错",
        "refused: download" => "下载被拒绝",
        refused if refused.starts_with("refused") => "被拒绝的操作",
        _ => "其他",
    }
}
