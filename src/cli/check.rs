//! `check` and `sample`, which need no database.

use crate::app::check;
use crate::app::check::{Checked, CheckedSource, SourceReads, sample_as_of};
use crate::app::compose;
use crate::app::reports::{check_projects, write_sample};
use crate::app::unread_files::unread_files;
use crate::cli::exit::Exit;
use crate::clock::Clock;
use crate::domain::register::calendar::calendar_warning;
use crate::domain::register::ledger::Role;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::{Act, RuleKind};
use crate::domain::rules::sentence::{clause, ladder, sentence};
use crate::source::confinement::ConfinementLevel;
use std::path::Path;

/// Prints what the configuration will do. With `connect`, tries the mail server as well.
///
/// # Errors
/// The configuration has problems; the message lists all of them.
pub(crate) async fn check(root: &Path, clock: &Clock, connect: bool) -> anyhow::Result<Exit> {
    let checked = check::check(root, clock)?;
    let Checked { config, sources, .. } = &checked;
    let policy = &config.policy;
    print_line!(
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
            print_line!("注意：{}没有涉密栏，理由：{reason}", ledger.title);
        }
    }
    print_line!("");
    print_line!("一、任务的下几次执行时点");
    print_slots(&checked, clock);
    print_line!("");
    print_line!("二、谁会收到提醒");
    print_recipients(&checked);
    print_line!("");
    print_line!("三、督办规则");
    print_rules(policy);
    print_line!("");
    print_line!("四、日历");
    print_calendar(policy, clock);
    print_line!("");
    print_line!("五、台账来源");
    if !config.settings.database.url.passwords().is_empty() {
        print_line!("  注意：[database]的url中写有密码，请改用password_file（单独的文件，权限0600）");
    }
    print_sources(sources);
    print_unread(unread_files(root, config).await?);
    print_line!("  {}", confinement_line(&checked));
    print_line!("  网页：{}", portal_text(&checked));
    print_line!("");
    print_line!("六、发送");
    let mail = &config.settings.mail;
    match &mail.smtp {
        None => print_line!("  没有设置[mail.smtp]，邮件写入var/outbox"),
        Some(smtp) => {
            print_line!("  经{}:{}，每日至多{}封，{}日内未送出的停止发送", smtp.host, smtp.port, mail.daily_max, mail.too_late_days)
        }
    }
    for way in config.settings.plain_ways() {
        print_line!("  注意：[{}] {}不加密，已按设置接受，理由：{}", way.section, way.place, way.reason);
    }
    if let Some(smtp) = mail.smtp.as_ref().filter(|smtp| smtp.is_plain_and_far()) {
        let rows = if smtp.plaintext_rows { "按设置（plaintext_rows）仍可列明事项" } else { "只列件数，不列事项" };
        print_line!("  注意：邮件不加密，{rows}");
    }
    if !mail.two_persons.is_empty() {
        let acts = mail.two_persons.iter().filter_map(|act| Act::ALL.into_iter().find(|known| known.code() == act.code()));
        print_line!("  须两人签发：{}", acts.map(|act| act.title().to_owned()).collect::<Vec<_>>().join("、"));
    }
    for line in check::sending_notes(root, clock, config).await? {
        print_line!("  {line}");
    }
    let connected = if connect { try_mail_server(&checked).await } else { Exit::Done };
    let exposed = check::exposed(root, config)?.0;
    for problem in &exposed {
        print_error!("error: {problem}");
    }
    let unwritable = check::unwritable(root);
    if let Some(problem) = &unwritable {
        print_error!("error: {problem}");
    }
    Ok(connected.or_worse(if exposed.is_empty() && unwritable.is_none() { Exit::Done } else { Exit::Failed }))
}

fn print_slots(checked: &Checked, clock: &Clock) {
    let config = &checked.config;
    for job in &config.jobs {
        let now = clock.local(job.schedule.utc_offset_seconds);
        let next: Vec<String> = job
            .schedule
            .slots(now, config.policy.calendar.of(None))
            .take(3)
            .map(|slot| format!("{}（截至{}）", slot.runs_at.format("%Y-%m-%d %H:%M"), slot.as_of))
            .collect();
        print_line!("  {}（{}）：{}", job.title, job.name, if next.is_empty() { "无".into() } else { next.join("、") });
    }
}

/// Prints, for each level, how many units there are, which have no mailbox, and which jobs mail them.
fn print_recipients(checked: &Checked) {
    let config = &checked.config;
    let levels = &config.policy.units.levels;
    for level in levels.all() {
        let units: Vec<_> = config.policy.units.units.iter().filter(|unit| unit.level == level).collect();
        let without: Vec<&str> = units.iter().filter(|unit| unit.mailbox.is_none()).map(|unit| unit.name.as_str()).collect();
        let jobs: Vec<&str> = config.jobs.iter().filter(|job| job.levels.contains(&level)).map(|job| job.title.as_str()).collect();
        print_line!(
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

fn print_rules(policy: &Policy) {
    for (number, rule) in policy.rules.iter().enumerate() {
        print_line!(
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

fn print_calendar(policy: &Policy, clock: &Clock) {
    let years: Vec<String> = policy.calendar.years().map(|year| year.to_string()).collect();
    print_line!("  已有国务院办公厅节假日安排的年份：{}", years.join("、"));
    if let Some(warning) = calendar_warning(&policy.calendar, clock.today()) {
        print_line!("  注意：{warning}");
    }
    let periodic = policy.rules.iter().filter(|rule| matches!(rule.kind, RuleKind::Periodic { .. })).count();
    print_line!("  按期检查的规则{periodic}条，以最近一个已结束的期间为准");
}

fn print_sources(sources: &[CheckedSource]) {
    for source in sources {
        print_line!("  {}：{}", source.name, source_text(&source.reads));
        if source.password_in_url {
            print_line!("  {}：注意：数据库地址中写有密码，请改用password_file（单独的文件，权限0600）", source.name);
        }
    }
}

/// Prints the files that the service does not read by itself any more.
fn print_unread(files: Vec<String>) {
    for line in files {
        print_line!("  注意：{line}");
    }
}

/// How far the processes that read files are confined, as a line; it begins with 注意 where the system does not let them be confined fully.
pub(crate) fn confinement_line(checked: &Checked) -> String {
    let level = match check::confinement(&checked.config) {
        Ok(level) => level,
        Err(error) => return format!("注意：{error}"),
    };
    let line = format!("文件解析隔离：{}（{}）", level.code(), level.meaning());
    match (level, &checked.config.settings.parser.accept_weak) {
        (ConfinementLevel::Full, _) => line,
        (ConfinementLevel::NoLandlock, _) => format!("注意：{line}"),
        (ConfinementLevel::LimitsOnly, Some(reason)) => format!("注意：{line}，已写明理由：{reason}"),
        (ConfinementLevel::LimitsOnly, None) => {
            format!("注意：{line}。请换用有seccomp的内核；确认可以接受的，在config/duban.toml的[parser]中写accept_weak = \"理由\"")
        }
    }
}

/// Connects to the mail server and logs in, without sending anything, and prints what came of it.
async fn try_mail_server(checked: &Checked) -> Exit {
    match checked.mailer.try_out().await {
        None => print_line!("  没有设置[mail.smtp]，邮件写入var/outbox"),
        Some(Ok(())) => print_line!("  邮件服务器：连接、加密、登录正常，未发送邮件"),
        Some(Err(fault)) => {
            print_line!("  注意：{}（{fault}）。{}", fault.kind.word(), fault.kind.advice());
            return Exit::Failed;
        }
    }
    Exit::Done
}

/// Where the pages are, in words.
fn portal_text(checked: &Checked) -> String {
    let portal = checked.config.settings.pages();
    if !portal.enabled {
        return "不开放".to_owned();
    }
    if checked.config.settings.portal.is_none() {
        return format!("{}（只限本机，建立第一个账号后开放）", portal.listen);
    }
    let way = match (&portal.certificate, portal.proxies.is_empty(), portal.is_reached_from_afar()) {
        (Some(_), ..) => "https",
        (None, false, _) => "由代理提供https",
        (None, true, false) => "只限本机",
        (None, true, true) => "注意：不加密，已按设置（insecure_http）接受",
    };
    let hosts = if portal.hosts.is_empty() { String::new() } else { format!("，主机名{}", portal.hosts.join("、")) };
    format!("{}{hosts}（{way}）", portal.listen)
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

/// Writes a sample register and prints where.
pub(crate) fn sample(root: &Path, projects: usize, file: &Path) -> anyhow::Result<Exit> {
    check_projects(projects)?;
    let written = write_sample(&compose::load_config(root)?, projects, sample_as_of()?, file)?;
    print_line!("{}（{projects}个项目，{}字节，sha256 {}）", written.path.display(), written.bytes, &written.sha256[..12]);
    Ok(Exit::Done)
}
