//! `check` and `sample`: nothing here needs the database.

use super::Exit;
use crate::app;
use crate::clock::Clock;
use crate::domain::rule::RuleKind;
use crate::domain::units::Level;
use crate::domain::workbook::{clause, ladder, sentence};
use crate::mail::templates::Templates;
use crate::report;
use anyhow::{Context, ensure};
use chrono::{Datelike, NaiveDate};
use std::path::Path;

/// Lists every problem; without any, what the configuration will do.
pub fn check(root: &Path, clock: &Clock) -> anyhow::Result<Exit> {
    let config = app::load_config(root)?;
    let policy = &config.policy;
    if let Err(errors) = Templates::new(&config.mail_templates) {
        anyhow::bail!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }
    println!(
        "配置检查通过：台账{}种，规则{}条，责任单位{}个，产业{}个，任务{}个，报表模板{}个。",
        policy.ledgers.len(),
        policy.rules.len(),
        policy.units.units.len(),
        policy.units.industries.len(),
        config.jobs.len(),
        config.templates.len()
    );
    println!("\n一、任务的下几次执行时点");
    for job in &config.jobs {
        let now = clock.local(job.schedule.utc_offset_seconds);
        let next: Vec<String> = job
            .schedule
            .slots(now, policy.calendar.of(None))
            .take(3)
            .map(|slot| format!("{}（截至{}）", slot.runs_at.format("%Y-%m-%d %H:%M"), slot.as_of))
            .collect();
        println!("  {}（{}）：{}", job.title, job.name, if next.is_empty() { "无".into() } else { next.join("、") });
    }
    println!("\n二、谁会收到提醒");
    for (_, level) in Level::NAMES {
        let units: Vec<_> = policy.units.units.iter().filter(|unit| unit.level == level).collect();
        let without: Vec<&str> = units.iter().filter(|unit| unit.mailbox.is_none()).map(|unit| unit.name.as_str()).collect();
        let jobs: Vec<&str> = config.jobs.iter().filter(|job| job.levels.contains(&level)).map(|job| job.title.as_str()).collect();
        println!(
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
    println!("\n三、督办规则");
    for (number, rule) in policy.rules.iter().enumerate() {
        println!("  {}. {}（{}，{}）：{}。{}", number + 1, rule.title, rule.id, clause(&rule.basis), sentence(policy, rule), ladder(rule));
    }
    println!("\n四、日历");
    let years: Vec<String> = policy.calendar.years().map(|year| year.to_string()).collect();
    println!("  已有国务院办公厅节假日安排的年份：{}", years.join("、"));
    let today = clock.today();
    // the notice for a year comes in the November before
    let next = today.year() + 1;
    if !policy.calendar.knows(today.year()) {
        println!("  注意：缺{}年的节假日安排，按周末估算", today.year());
    } else if today.month() == 12 && !policy.calendar.knows(next) {
        println!("  注意：请尽快录入{next}年的节假日安排（config/calendar/{next}.toml），否则按周末估算");
    }
    let periodic = policy.rules.iter().filter(|rule| matches!(rule.kind, RuleKind::Periodic { .. })).count();
    println!("  按期检查的规则{periodic}条，以最近一个已结束的期间为准");
    Ok(Exit::Done)
}

/// The day the shipped sample describes.
const SAMPLE_AS_OF: (i32, u32, u32) = (2026, 9, 30);
/// Fewer would leave a county without a finding.
const PROJECTS_MIN: usize = 1;

/// Writes a sample register.
pub fn sample(root: &Path, projects: usize, file: &Path) -> anyhow::Result<Exit> {
    ensure!((PROJECTS_MIN..=1_000_000).contains(&projects), "--projects must be between {PROJECTS_MIN} and 1000000");
    let config = app::load_config(root)?;
    let (year, month, day) = SAMPLE_AS_OF;
    let as_of = NaiveDate::from_ymd_opt(year, month, day).context("no such day")?;
    let made = crate::domain::sample::sample(&config.policy, projects, as_of);
    let bytes = report::sample::write(&made, &config.policy)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = file.file_name().context("FILE has no name")?.to_string_lossy().into_owned();
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let (path, sha256) = report::archive::write(folder, &name, &bytes)?;
    println!("{}（{projects}个项目，{}字节，sha256 {}）", path.display(), bytes.len(), &sha256[..12]);
    Ok(Exit::Done)
}
