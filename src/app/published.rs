//! The configuration in force: the one that was published last. What changes who gets what is published by a person alone.

use crate::app::person::Person;
use crate::clock::{Clock, stamp};
use crate::config::addressees::have_same_addressees;
use crate::config::file_set::FileSet;
use crate::config::load::Config;
use crate::store::audit::AuditEntry;
use crate::store::config_rows::{PublishedConfig, WaitingConfig};
use crate::store::handle::Store;
use anyhow::ensure;

/// What waits, and what to do.
pub(crate) const WAITS: &str =
    "配置已改动，涉及收件单位、邮箱、督办方式、邮件域名或保密设置，尚未生效。核对后：duban check --apply --by 姓名 --reason 事由";

/// The configuration in force for a folder that holds `folder`, and its number; 0 = none was published, the folder counts.
///
/// # Errors
/// The database fails, or a text of it is missing there.
pub(crate) async fn in_force(store: &Store, folder: Config) -> anyhow::Result<(Config, i64)> {
    let Some(PublishedConfig { no, files }) = store.config_rows().newest().await? else { return Ok((folder, 0)) };
    let published = store.frozen_texts().read(&files).await?;
    Ok((merged(published, folder), no))
}

/// A published configuration, with the passwords that only the folder has. One that this version of the program does not read any more gives way to
/// the folder.
fn merged(published: FileSet, folder: Config) -> Config {
    let without_secrets = folder.files_without_secrets();
    if published == without_secrets {
        return folder;
    }
    let with_secrets = |(path, text): (String, String)| match folder.files.get(&path) {
        Some(own) if without_secrets.get(&path) == Some(&text) => (path, own.clone()),
        _ => (path, text),
    };
    match Config::parse(published.into_iter().map(with_secrets).collect()) {
        Ok(config) => config,
        Err(problems) => {
            tracing::warn!(%problems, "this version does not read the configuration in force: that of the folder is used");
            folder
        }
    }
}

/// Puts the configuration of the folder in force, in the name of a person or of the service. Returns what differs from the one before; `None` =
/// nothing does.
///
/// # Errors
/// The database fails, or somebody else publishes at the same moment.
pub(crate) async fn publish(store: &Store, clock: &Clock, folder: &Config, by: Person<'_>) -> anyhow::Result<Option<String>> {
    let texts = folder.files_without_secrets();
    let newest = store.config_rows().newest().await?;
    let before = match &newest {
        Some(published) => store.frozen_texts().read(&published.files).await?,
        None => FileSet::new(),
    };
    if newest.is_some() && before == texts {
        store.config_rows().set_waiting(None).await?;
        return Ok(None);
    }
    let changed = if newest.is_some() { difference(&before, &texts) } else { format!("共{}个文件", texts.len()) };
    let files = store.frozen_texts().freeze(&texts).await?;
    let now = stamp(clock.now());
    let entry = AuditEntry { at: &now, who: by.who, why: by.why };
    let is_published = store.config_rows().publish(newest.map_or(0, |published| published.no), &files, &changed, entry).await?;
    ensure!(is_published, "配置刚由他人更新，请重新核对后再执行");
    Ok(Some(changed))
}

/// The most lines of a file that a difference names.
const LINES_MAX: usize = 20;

/// What differs between two sets of texts: each file with the lines that are gone and those that are new.
fn difference(before: &FileSet, now: &FileSet) -> String {
    let mut out = Vec::new();
    for path in before.keys().chain(now.keys().filter(|path| !before.contains_key(*path))) {
        let lines = |files: &FileSet| files.get(path).map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).unwrap_or_default();
        let (old, new) = (lines(before), lines(now));
        let missing_in = |one: &[String], other: &[String], sign: char| -> Vec<String> {
            one.iter()
                .filter(|line| !line.trim().is_empty() && !other.contains(line))
                .map(|line| format!("{sign} {}", line.trim()))
                .collect()
        };
        let changed: Vec<String> = [missing_in(&old, &new, '-'), missing_in(&new, &old, '+')].concat();
        if old == new {
            continue;
        }
        let word = match (before.contains_key(path), now.contains_key(path)) {
            (true, false) => "删除",
            (false, true) => "新增",
            _ => "修改",
        };
        let more = if changed.len() > LINES_MAX { format!("\n…另有{}行", changed.len() - LINES_MAX) } else { String::new() };
        out.push(format!("{word} {path}\n{}{more}", changed.iter().take(LINES_MAX).cloned().collect::<Vec<_>>().join("\n")));
    }
    out.join("\n")
}

/// Publishes the folder at the start of the service, where nothing was published before or nothing decides who gets what in another way. Else it
/// waits for a person.
///
/// # Errors
/// The database fails.
pub(crate) async fn publish_at_start(store: &Store, clock: &Clock, folder: &Config) -> anyhow::Result<()> {
    let (now, no) = in_force(store, folder.clone()).await?;
    if no > 0 && !have_same_addressees(&now, folder) {
        let waiting = WaitingConfig { since: stamp(clock.now()), text: WAITS.to_owned() };
        return Ok(store.config_rows().set_waiting(Some(&waiting)).await?);
    }
    let by = Person { who: "duban", why: "duban serve 启动" };
    if let Some(changed) = publish(store, clock, folder, by).await? {
        tracing::info!(%changed, "the configuration of the folder is in force");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_files_and_lines() {
        let of = |files: &[(&str, &str)]| files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect::<FileSet>();
        let before = of(&[("config/a.toml", "x = 1\ny = 2\n"), ("config/b.toml", "same"), ("config/c.toml", "old")]);
        let now = of(&[("config/a.toml", "x = 1\ny = 3\n"), ("config/b.toml", "same"), ("config/d.toml", "new")]);
        assert_eq!(difference(&before, &now), "修改 config/a.toml\n- y = 2\n+ y = 3\n删除 config/c.toml\n- old\n新增 config/d.toml\n+ new");
        assert_eq!(difference(&now, &now), "");
    }
}
