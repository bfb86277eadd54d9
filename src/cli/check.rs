//! `check` and `sample`: nothing here needs the database.

use crate::app::compose;
use crate::cli::Exit;
use crate::clock::Clock;
use crate::config::load::Config;
use crate::config::source_settings::{Origin, has_password};
use crate::domain::judging::judge::Judged;
use crate::domain::notify::drafts::drafts;
use crate::domain::notify::feedback::{Answer, Answers, Proposal, editable};
use crate::domain::notify::inputs::PlanInputs;
use crate::domain::notify::plan::plan;
use crate::domain::notify::rehearsal::{draft_rehearsals, rehearsals};
use crate::domain::register::calendar::calendar_warning;
use crate::domain::register::ledger::Role;
use crate::domain::register::record::{Place, Record};
use crate::domain::register::units::Level;
use crate::domain::rules::context::Context as Judging;
use crate::domain::rules::owner::{Linked, link};
use crate::domain::rules::rule::RuleKind;

use crate::domain::rules::sentence::{clause, ladder, sentence};
use crate::mail::templates::Templates;
use crate::report;
use crate::report::archive::ArchivedFile;
use crate::source::sql::Database;
use crate::store::handle::Store;
use crate::worker::deliver::restore_guard as guard;
use crate::worker::deliver::restore_guard::CounterFile;
use crate::worker::import::input::{Input, resolve};
use anyhow::{Context, ensure};
use chrono::NaiveDate;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// Lists every problem; without any, what the configuration will do.
pub async fn check(root: &Path, clock: &Clock, connect: bool) -> anyhow::Result<Exit> {
    let config = compose::load_config(root)?;
    let policy = &config.policy;
    rehearse(&config)?;
    // a password file that is missing, or a server name TLS cannot check
    let mailer = compose::mailer(root, &config.settings.mail)?;
    let sources = sources(root, clock, &config);
    say!(
        "配置检查通过：台账{}种，规则{}条，责任单位{}个，产业{}个，任务{}个，报表模板{}个。",
        policy.ledgers.len(),
        policy.rules.len(),
        policy.units.units.len(),
        policy.units.industries.len(),
        config.jobs.len(),
        config.templates.len()
    );
    say!("\n一、任务的下几次执行时点");
    for job in &config.jobs {
        let now = clock.local(job.schedule.utc_offset_seconds);
        let next: Vec<String> = job
            .schedule
            .slots(now, policy.calendar.of(None))
            .take(3)
            .map(|slot| format!("{}（截至{}）", slot.runs_at.format("%Y-%m-%d %H:%M"), slot.as_of))
            .collect();
        say!("  {}（{}）：{}", job.title, job.name, if next.is_empty() { "无".into() } else { next.join("、") });
    }
    say!("\n二、谁会收到提醒");
    for level in Level::ALL {
        let units: Vec<_> = policy.units.units.iter().filter(|unit| unit.level == level).collect();
        let without: Vec<&str> = units.iter().filter(|unit| unit.mailbox.is_none()).map(|unit| unit.name.as_str()).collect();
        let jobs: Vec<&str> = config.jobs.iter().filter(|job| job.levels.contains(&level)).map(|job| job.title.as_str()).collect();
        say!(
            "  {}：{}个单位{}；{}",
            level.title(),
            units.len(),
            if without.is_empty() {
                String::new()
            } else {
                format!("，其中无邮箱的由本级办公室代转：{}", without.join("、"))
            },
            if jobs.is_empty() { "不发".into() } else { jobs.join("、") }
        );
    }
    say!("\n三、督办规则");
    for (number, rule) in policy.rules.iter().enumerate() {
        say!("  {}. {}（{}，{}）：{}。{}", number + 1, rule.title, rule.id, clause(&rule.basis), sentence(policy, rule), ladder(rule));
    }
    say!("\n四、日历");
    let years: Vec<String> = policy.calendar.years().map(|year| year.to_string()).collect();
    say!("  已有国务院办公厅节假日安排的年份：{}", years.join("、"));
    if let Some(warning) = calendar_warning(&policy.calendar, clock.today()) {
        say!("  注意：{warning}");
    }
    let periodic = policy.rules.iter().filter(|rule| matches!(rule.kind, RuleKind::Periodic { .. })).count();
    say!("  按期检查的规则{periodic}条，以最近一个已结束的期间为准");
    say!("\n五、台账来源");
    for line in sources {
        say!("  {line}");
    }
    say!("\n六、发送");
    for line in sending(root, clock, &config).await? {
        say!("  {line}");
    }
    if connect {
        match mailer.try_out().await {
            None => say!("  没有设置[mail.smtp]，邮件写入var/outbox"),
            Some(Ok(())) => say!("  邮件服务器：连接、加密、登录正常，未发送邮件"),
            Some(Err(fault)) => {
                say!("  注意：{}（{fault}）。{}", fault.kind.word(), fault.kind.advice());
                return Ok(Exit::Failed);
            }
        }
    }
    Ok(Exit::Done)
}

/// Whether mails go out, and what keeps them back. The database is looked at as it is; there may be none yet.
async fn sending(root: &Path, clock: &Clock, config: &Config) -> anyhow::Result<Vec<String>> {
    let mail = &config.settings.mail;
    let mut lines = vec![match &mail.smtp {
        None => "没有设置[mail.smtp]，邮件写入var/outbox".to_owned(),
        Some(smtp) => format!("经{}:{}，每日至多{}封，{}日内未送出的停止发送", smtp.host, smtp.port, mail.daily_max, mail.too_late_days),
    }];
    let day = clock.today().to_string();
    match Store::open_existing(root, &config.settings.database.url).await {
        Ok(None) => lines.extend(guard::notes(mail, None, None)),
        Ok(Some(store)) => {
            let counter = CounterFile::below(&root.join("var")).read().context("cannot read var/sent.count")?;
            let state = store.sending().state(&day).await?;
            store.close().await;
            lines.extend(guard::notes(mail, Some(&state), counter));
        }
        Err(error) => lines.push(format!("注意：{error}，不知道发件箱的状态")),
    }
    Ok(lines)
}

/// What each source would read now. One that has nothing to read is a warning: its file may come later.
fn sources(root: &Path, clock: &Clock, config: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    for source in &config.settings.sources {
        let name = &source.name;
        let resolved = resolve(root, clock.now(), config.settings.limits.columns_max, source);
        lines.push(match resolved {
            Err(error) => format!("{name}：注意：{error}"),
            Ok(resolved) => match (resolved.picked, resolved.input) {
                (Some(picked), _) => format!("{name}：{picked}"),
                (None, Input::File(path)) if path.is_file() => format!("{name}：文件{}", path.display()),
                (None, Input::File(path)) => format!("{name}：注意：文件{}不存在", path.display()),
                (None, Input::Query(query)) => match &query.database {
                    Database::Sqlite(path) if !path.is_file() => format!("{name}：注意：数据库文件{}不存在", path.display()),
                    _ => format!("{name}：数据库查询，最多{}行、{}秒（检查时不连接）", query.rows_max, query.timeout.as_secs()),
                },
            },
        });
        if let Origin::Database(database) = source.origin()
            && has_password(database.url)
        {
            lines.push(format!("{name}：注意：数据库地址中写有密码，请改用password_file（单独的文件，权限0600）"));
        }
    }
    lines
}

/// Renders every mail body for the digests of an invented register: a name that a template misspells shows here, not at eight in the
/// morning.
fn rehearse(config: &Config) -> anyhow::Result<()> {
    const PROJECTS: usize = 200;
    let policy = &config.policy;
    let templates = Templates::new(&config.mail_templates)
        .map_err(|errors| anyhow::anyhow!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
    let (year, month, day) = SAMPLE_AS_OF;
    let as_of = NaiveDate::from_ymd_opt(year, month, day).context("no such day")?;
    let mut records: HashMap<(usize, String), Record> = HashMap::new();
    for (index, rows) in crate::domain::sample::sample(policy, PROJECTS, as_of).ledgers {
        let code = policy.ledgers[index].role(Role::Code).unwrap_or_default();
        for cells in rows {
            let key = cells[code].to_string();
            let columns = (0..cells.len()).collect();
            records.insert((index, key.clone()), Record { code: key, cells, columns, place: Place::default() });
        }
    }
    let projects: HashMap<String, Linked> = records
        .iter()
        .filter(|((index, _), _)| Some(*index) == policy.project_ledger())
        .map(|((index, code), record)| (code.clone(), link(policy, &policy.ledgers[*index], record)))
        .collect();
    let (waiting, exempt) = (HashMap::new(), HashMap::new());
    let context = Judging { policy, as_of, projects: &projects, waiting_on: &waiting, exempt: &exempt };
    let mut judged = Judged::new(policy);
    for ((index, _), record) in &records {
        judged.record(&context, *index, record);
    }
    judged.sort();
    // every unit has answered something, so that no word of the templates goes untried
    let mut answers = Answers::new();
    for (index, code) in records.keys() {
        let ledger = &policy.ledgers[*index];
        let field = |field: usize| ledger.fields[field].id.clone();
        let Some(filled) = editable(ledger).next() else { continue };
        let proposal = |fact| Proposal { field: field(fact), was: String::new(), now: as_of.to_string() };
        let answer = Answer {
            ledger: ledger.id.clone(),
            code: code.clone(),
            unit: String::new(),
            who: "某某".into(),
            filled_on: as_of,
            as_of,
            verdict: String::new(),
            remark: String::new(),
            values: [(field(filled), "示例".to_owned())].into(),
            proposals: ledger.role(Role::Started).map(proposal).into_iter().collect(),
        };
        answers.insert((ledger.id.clone(), code.clone()), answer);
    }
    let (told, days, gone) = (HashMap::new(), HashMap::new(), BTreeSet::new());
    for job in config.jobs.iter().filter(|job| !job.digest.is_empty()) {
        for started in [true, false] {
            let of = PlanInputs {
                policy,
                as_of,
                sent_on: as_of,
                office_name: &config.settings.office.name,
                contact: &config.settings.office.contact,
                objection_workdays: config.settings.office.objection_workdays,
                judged: &judged,
                records: &records,
                last_notified: &told,
                last_digest_on: &days,
                gone: &gone,
                rhythm: job.rhythm,
                answers: &answers,
                levels: &job.levels,
                started,
                source_line: "数据来源：样例",
                // the year of the next mail is another now and then, and each form of the line is tried
                next_on: &|level| NaiveDate::from_ymd_opt(if level == Level::County { year } else { year + 1 }, 12, 31),
                may_carry_rows: &|_| true,
            };
            for draft in drafts(&of, &job.drafts) {
                for draft in draft_rehearsals(&draft).iter().chain([&draft]) {
                    templates.render(&job.draft, draft)?;
                }
            }
            let planned = plan(&of);
            ensure!(planned.coverage.adds_up(), "the coverage proof fails on the sample:\n{}", planned.coverage);
            for digest in &planned.digests {
                for digest in rehearsals(digest).iter().chain([digest]) {
                    templates.render(&job.digest, digest)?;
                }
            }
        }
    }
    Ok(())
}

/// The day the shipped sample describes.
const SAMPLE_AS_OF: (i32, u32, u32) = (2026, 9, 30);
/// Fewer would leave a county without a finding.
const PROJECTS_MIN: usize = 1;

/// Writes a sample register.
pub fn sample(root: &Path, projects: usize, file: &Path) -> anyhow::Result<Exit> {
    ensure!((PROJECTS_MIN..=1_000_000).contains(&projects), "--projects must be between {PROJECTS_MIN} and 1000000");
    let config = compose::load_config(root)?;
    let (year, month, day) = SAMPLE_AS_OF;
    let as_of = NaiveDate::from_ymd_opt(year, month, day).context("no such day")?;
    let made = crate::domain::sample::sample(&config.policy, projects, as_of);
    let bytes = report::sample::write(&made, &config.policy)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = file.file_name().context("FILE has no name")?.to_string_lossy().into_owned();
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let ArchivedFile { path, sha256, .. } = report::archive::write(folder, &name, &bytes)?;
    say!("{}（{projects}个项目，{}字节，sha256 {}）", path.display(), bytes.len(), &sha256[..12]);
    Ok(Exit::Done)
}
