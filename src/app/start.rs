//! The start day, which ends the 建账期: acts above a reminder begin on it.

use crate::app::compose::{App, load_config};
use crate::app::person::Person;
use crate::app::published::publish;
use crate::clock::stamp;
use crate::config::load::Config;
use crate::domain::register::period::Period;
use crate::domain::register::period::PeriodKind;
use anyhow::Context;
use chrono::NaiveDate;
use std::path::Path;

/// Minimum number of working days that units have to check their rows before acts begin.
const CHECK_WORKDAYS: u32 = 20;

/// The start day of an office.
#[derive(Debug)]
pub(crate) enum Start {
    /// It was fixed before and is not changed.
    Known(NaiveDate),
    /// It was fixed now; `calendar_known` = the working days of its year are on file.
    Fixed { day: NaiveDate, calendar_known: bool },
}

/// Fixes the start day as [`fix_start`] does, and records it.
///
/// # Errors
/// As [`fix_start`], or the database fails.
pub(crate) async fn fix_start_by(app: &App, by: Person<'_>) -> anyhow::Result<Start> {
    let start = fix_start(app.root(), app.config(), app.clock().today())?;
    let (Start::Fixed { day, .. } | Start::Known(day)) = &start;
    if matches!(start, Start::Fixed { .. }) && app.store().config_rows().newest_no().await? > 0 {
        publish(app.store(), app.clock(), &load_config(app.root())?, by).await?;
    }
    let what = if matches!(start, Start::Fixed { .. }) { "start day fixed" } else { "refused: start day is fixed" };
    app.store().audit().record(&stamp(app.clock().now()), by.who, what, &day.to_string(), by.why).await?;
    Ok(start)
}

/// Fixes the start day: the first quarter start at least [`CHECK_WORKDAYS`] working days after `today`, written to config/duban.toml.
///
/// # Errors
/// The file cannot be read or written.
fn fix_start(root: &Path, config: &Config, today: NaiveDate) -> anyhow::Result<Start> {
    if let Some(day) = config.settings.enforce_on() {
        return Ok(Start::Known(day));
    }
    let calendar = &config.policy.calendar;
    let national = calendar.of(None);
    let earliest = national.after_workdays(today, CHECK_WORKDAYS);
    let mut quarter = Period::of(PeriodKind::Quarter, today);
    while quarter.first_day() < earliest {
        quarter = quarter.next();
    }
    let day = quarter.first_day();
    let path = root.join("config/duban.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut document: toml_edit::DocumentMut = text.parse().with_context(|| format!("cannot read {}", path.display()))?;
    if !document.contains_table("start") {
        // comments below the last table belong to that table, so they have to stay before the new one
        let rest = document.trailing().as_str().unwrap_or_default().to_owned();
        let mut start = toml_edit::Table::new();
        start.decor_mut().set_prefix(format!("{}\n\n", rest.trim_end()));
        document.set_trailing("\n");
        document["start"] = toml_edit::Item::Table(start);
    }
    document["start"]["enforce_on"] = toml_edit::value(day.to_string());
    let folder = path.parent().context("config/duban.toml has no folder")?;
    let mut temp = tempfile::NamedTempFile::new_in(folder).context("cannot write into config/")?;
    std::io::Write::write_all(&mut temp, document.to_string().as_bytes())?;
    temp.as_file().sync_all()?;
    if let Ok(known) = std::fs::metadata(&path) {
        std::fs::set_permissions(temp.path(), known.permissions())?;
    }
    temp.persist(&path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Start::Fixed { day, calendar_known: calendar.knows(chrono::Datelike::year(&day)) })
}
