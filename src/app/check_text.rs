//! What a configuration will do, in words: the text of `duban check` and of the page on the system.

use crate::app::check::{CheckedSource, SourceReads, confinement, policy_with_directory, sending_notes, taken_addresses};
use crate::app::old_data::old_data;
use crate::app::page_certificate::validity_text;
use crate::app::unread_files::unread_files;
use crate::clock::Clock;
use crate::config::load::Config;
use crate::domain::register::calendar::calendar_warning;
use crate::domain::register::ledger::Role;
use crate::domain::register::period::Period;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::{Act, RuleKind};
use crate::domain::rules::sentence::{clause, ladder, sentence};
use crate::domain::schedule::{Slot, slot_words};
use crate::source::confinement::ConfinementLevel;
use std::path::Path;

/// Adds a line.
macro_rules! line {
    ($out:expr, $($text:tt)*) => { $out.push(format!($($text)*)) };
}

/// What a configuration without problems will do, line by line.
///
/// # Errors
/// The database or a file beside it cannot be read.
pub(crate) async fn check_text(root: &Path, clock: &Clock, config: &Config, sources: &[CheckedSource]) -> anyhow::Result<Vec<String>> {
    let mut out: Vec<String> = Vec::new();
    let policy = &config.policy;
    line!(
        out,
        "配置检查通过：台账{}种，规则{}条，责任单位{}个，产业{}个，任务{}个，报表模板{}个。",
        policy.ledgers.len(),
        policy.rules.len(),
        policy.units.units.len(),
        policy.units.industries.len(),
        config.jobs.len(),
        config.templates.len()
    );
    for ledger in &policy.ledgers {
        if let Some((_, reason)) = ledger.without.iter().find(|(role, _)| *role == Role::Restricted) {
            line!(out, "注意：{}没有涉密栏，理由：{reason}", ledger.title);
        }
    }
    out.push(String::new());
    line!(out, "一、任务的下几次执行时点");
    slots(&mut out, config, clock);
    out.push(String::new());
    line!(out, "二、谁会收到提醒");
    recipients(&mut out, config, &policy_with_directory(root, clock, config).await?);
    out.push(String::new());
    line!(out, "三、督办规则");
    rules(&mut out, policy);
    out.push(String::new());
    line!(out, "四、日历");
    calendar(&mut out, policy, clock);
    out.push(String::new());
    line!(out, "五、台账来源");
    if !config.settings.database.url.passwords().is_empty() {
        line!(out, "  注意：[database]的url中写有密码，请改用password_file（单独的文件，权限0600）");
    }
    source_lines(&mut out, sources);
    out.extend(old_data(root, clock, config).await?.into_iter().map(|line| format!("  注意：{line}")));
    out.extend(unread_files(root, config).await?.into_iter().map(|line| format!("  注意：{line}")));
    line!(out, "  {}", confinement_line(config));
    line!(out, "  网页：{}", portal_text(config));
    let pages = config.settings.pages();
    if let Some(certificate) = pages.certificate.as_ref().filter(|_| pages.enabled) {
        line!(out, "  {}", validity_text(&root.join(certificate), clock.today())?);
    }
    for address in if pages.enabled { taken_addresses(&pages) } else { Vec::new() } {
        line!(out, "  注意：{address}已被占用；服务（duban serve）正在运行时这是正常的，否则请在[portal]中换一个端口");
    }
    out.push(String::new());
    line!(out, "六、发送");
    let mail = &config.settings.mail;
    match &mail.smtp {
        None => line!(out, "  没有设置[mail.smtp]，邮件写入var/outbox"),
        Some(smtp) => {
            line!(out, "  经{}:{}，每日至多{}封，{}日内未送出的停止发送", smtp.host, smtp.port, mail.daily_max, mail.too_late_days)
        }
    }
    for way in config.settings.plain_ways() {
        line!(out, "  注意：[{}] {}不加密，已按设置接受，理由：{}", way.section, way.place, way.reason);
    }
    if let Some(smtp) = mail.smtp.as_ref().filter(|smtp| smtp.is_plain_and_far()) {
        let rows = if smtp.plaintext_rows { "按设置（plaintext_rows）仍可列明事项" } else { "只列件数，不列事项" };
        line!(out, "  注意：邮件不加密，{rows}");
    }
    if !mail.two_persons.is_empty() {
        let acts = mail.two_persons.iter().filter_map(|act| Act::ALL.into_iter().find(|known| known.code() == act.code()));
        line!(out, "  须两人签发：{}", acts.map(|act| act.title().to_owned()).collect::<Vec<_>>().join("、"));
    }
    for line in sending_notes(root, clock, config).await? {
        line!(out, "  {line}");
    }
    Ok(out)
}

/// Slots of a job whose periods are compared.
const SLOTS_COMPARED: usize = 40;

fn slots(out: &mut Vec<String>, config: &Config, clock: &Clock) {
    for job in &config.jobs {
        let now = clock.local(job.schedule.utc_offset_seconds);
        let next: Vec<Slot> = job.schedule.upcoming(now, config.policy.calendar.of(None)).take(SLOTS_COMPARED).collect();
        let shown = |slot: &Slot| format!("{}（截至{}）", slot_words(slot.runs_at), slot.as_of);
        let shown: Vec<String> = next.iter().take(3).map(shown).collect();
        line!(out, "  {}（{}）：{}", job.title, job.name, if shown.is_empty() { "无".into() } else { shown.join("、") });
        let periods: Vec<Period> = next.iter().filter_map(|slot| job.schedule.period_of(slot)).collect();
        if let Some(two) = periods.windows(2).find(|two| two[0] == two[1]) {
            line!(out, "    注意：{}有几个时点，一个期间只执行一次，以第一个为准", two[0].title());
        }
        if let Some(two) = periods.windows(2).find(|two| two[0].next() < two[1]) {
            line!(out, "    注意：{}没有时点，不会执行", two[0].next().title());
        }
    }
}

/// For each level, how many units there are, which have no mailbox, and which jobs mail them.
fn recipients(out: &mut Vec<String>, config: &Config, policy: &Policy) {
    let levels = &policy.units.levels;
    for level in levels.all() {
        let units: Vec<_> = policy.units.units.iter().filter(|unit| unit.level == level).collect();
        let without: Vec<&str> = units.iter().filter(|unit| unit.mailbox.is_none()).map(|unit| unit.name.as_str()).collect();
        let jobs: Vec<&str> = config.jobs.iter().filter(|job| job.levels.contains(&level)).map(|job| job.title.as_str()).collect();
        line!(
            out,
            "  {}：{}个单位{}；{}",
            levels.name(level),
            units.len(),
            if without.is_empty() {
                String::new()
            } else {
                format!("，其中无邮箱的由本级办公室代转：{}", without.join("、"))
            },
            if jobs.is_empty() { "不发".into() } else { jobs.join("、") }
        );
    }
}

fn rules(out: &mut Vec<String>, policy: &Policy) {
    for (number, rule) in policy.rules.iter().enumerate() {
        line!(
            out,
            "  {}. {}（{}，{}）：{}。{}",
            number + 1,
            rule.title,
            rule.id,
            clause(&rule.basis),
            sentence(policy, rule),
            ladder(rule)
        );
    }
}

fn calendar(out: &mut Vec<String>, policy: &Policy, clock: &Clock) {
    let years: Vec<String> = policy.calendar.years().map(|year| year.to_string()).collect();
    line!(out, "  已有国务院办公厅节假日安排的年份：{}", years.join("、"));
    if let Some(warning) = calendar_warning(&policy.calendar, clock.today()) {
        line!(out, "  注意：{warning}");
    }
    let periodic = policy.rules.iter().filter(|rule| matches!(rule.kind, RuleKind::Periodic { .. })).count();
    line!(out, "  按期检查的规则{periodic}条，以最近一个已结束的期间为准");
}

fn source_lines(out: &mut Vec<String>, sources: &[CheckedSource]) {
    for source in sources {
        line!(out, "  {}：{}", source.name, source_text(&source.reads));
        if source.password_in_url {
            line!(out, "  {}：注意：数据库地址中写有密码，请改用password_file（单独的文件，权限0600）", source.name);
        }
    }
}

/// How far the processes that read files are confined, as a line; it begins with 注意 where the system does not let them be confined fully.
pub(crate) fn confinement_line(config: &Config) -> String {
    let level = match confinement(config) {
        Ok(level) => level,
        Err(error) => return format!("注意：{error}"),
    };
    let line = format!("文件解析隔离：{}（{}）", level.code(), level.meaning());
    match (level, &config.settings.parser.accept_weak) {
        (ConfinementLevel::Full, _) => line,
        (ConfinementLevel::NoLandlock, _) => format!("注意：{line}"),
        (ConfinementLevel::LimitsOnly, Some(reason)) => format!("注意：{line}，已写明理由：{reason}"),
        (ConfinementLevel::LimitsOnly, None) => {
            format!("注意：{line}。请换用有seccomp的内核；确认可以接受的，在config/duban.toml的[parser]中写accept_weak = \"理由\"")
        }
    }
}

/// Where the pages are, in words.
fn portal_text(config: &Config) -> String {
    let portal = config.settings.pages();
    if !portal.enabled {
        return "不开放".to_owned();
    }
    if config.settings.portal.is_none() {
        return format!("{}（只限本机，建立第一个账号后开放）", portal.listen);
    }
    let way = match (&portal.certificate, portal.proxies.is_empty(), portal.is_reached_from_afar()) {
        (Some(_), ..) => "https",
        (None, false, _) => "由代理提供https",
        (None, true, false) => "只限本机",
        (None, true, true) => "注意：不加密，已按设置（insecure_http）接受",
    };
    let hosts = if portal.hosts.is_empty() { String::new() } else { format!("，主机名{}", portal.hosts.join("、")) };
    let health = portal.health_listen.map_or_else(String::new, |health| format!("；健康检查和指标：http://{health}/readyz、/metrics"));
    format!("{}{hosts}（{way}）{health}", portal.listen)
}

/// What a source reads, in words.
fn source_text(reads: &SourceReads) -> String {
    match reads {
        SourceReads::Picked(picked) => picked.clone(),
        SourceReads::File(path) => format!("文件{}", path.display()),
        SourceReads::MissingFile(path) => format!("注意：文件{}不存在", path.display()),
        SourceReads::MissingDatabase(path) => format!("注意：数据库文件{}不存在", path.display()),
        SourceReads::Query { rows_max, seconds } => format!("数据库查询，最多{rows_max}行、{seconds}秒（检查时不连接）"),
        SourceReads::Nothing(error) => format!("注意：{error}"),
    }
}
