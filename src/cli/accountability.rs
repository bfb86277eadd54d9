//! `accountability`: the list of those whose findings stayed red over closed quarters. It is made by nothing else, and goes into one file.

use crate::app::accountability::accountability_list;
use crate::app::compose::App;
use crate::cli::Exit;
use crate::clock::stamp;
use crate::report::archive;
use crate::report::archive::ArchivedFile;
use crate::report::xlsx;
use anyhow::{Context, ensure};
use chrono::NaiveDate;
use std::path::Path;

pub async fn accountability(app: &App, as_of: Option<NaiveDate>, file: &Path) -> anyhow::Result<Exit> {
    let as_of = as_of.unwrap_or_else(|| app.clock().today());
    let is_xlsx = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("xlsx"));
    ensure!(is_xlsx, "{} must end in .xlsx: the list is an Excel workbook", file.display());
    let name = file.file_name().context("FILE has no name")?.to_string_lossy().into_owned();
    ensure!(archive::safe_name(&name) == name, "{name} is no file name that every system takes");
    ensure!(!file.exists(), "{} exists; nothing was written (name another file, or move it away first)", file.display());
    let list = accountability_list(app.evaluator(), as_of).await?;
    let bytes = xlsx::render(&list.book)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let ArchivedFile { path, sha256, .. } = archive::write(folder, &name, &bytes)?;
    let now = stamp(app.clock().now());
    app.store().audit().record(&now, "cli", "accountability list", &as_of.to_string(), &sha256).await?;
    say!("{}：截至{as_of}，列入{}项，涉及{}个单位", path.display(), list.lines, list.units);
    if (list.quarters as u32) < list.wanted {
        say!("本服务已结束的季度只有{}个，不足{}个，没有可以列入的事项", list.quarters, list.wanted);
    }
    say!("本清单仅供省级办公室研究使用，不发送任何单位；提出建议前应听取单位和本人的陈述");
    Ok(Exit::Done)
}
