//! `accountability`: writes the list of units and persons whose findings were red over closed quarters. No other command makes it.

use crate::app::compose::App;
use crate::app::reports::{WrittenAccountability, write_accountability};
use crate::cli::exit::Exit;
use crate::cli::person::PersonArguments;
use chrono::NaiveDate;
use std::path::Path;

/// Writes the list into a file and prints how much it holds.
pub(crate) async fn accountability(app: &App, as_of: Option<NaiveDate>, file: &Path, person: &PersonArguments) -> anyhow::Result<Exit> {
    let as_of = as_of.unwrap_or_else(|| app.clock().today());
    let WrittenAccountability { path, list } = write_accountability(app.evaluator(), as_of, file, person.person(&person.who())).await?;
    print_line!("{}：截至{as_of}，列入{}件，涉及{}个单位", path.display(), list.lines, list.units);
    if (list.quarters as u32) < list.quarters_required {
        print_line!("本服务已结束的季度只有{}个，不足{}个，没有可以列入的事项", list.quarters, list.quarters_required);
    }
    let office = app.evaluator().config.policy.units.levels.office_in_text();
    print_line!("本清单仅供{office}研究使用，不发送任何单位；提出建议前应听取单位和本人的陈述");
    Ok(Exit::Done)
}
