//! `rebuild`: rebuilds the workbooks of a past run and compares them with the originals.

use crate::app::compose::App;
use crate::app::runs;
use crate::cli::exit::Exit;
use crate::cli::person::PersonArguments;
use std::path::PathBuf;

/// Exit code 0: all workbooks are identical to the originals; 2: one differs, or has no original.
pub(crate) async fn rebuild(app: &App, run: &str, to: Option<PathBuf>, person: &PersonArguments) -> anyhow::Result<Exit> {
    runs::record_rebuild(&app.runner(), run, person.person(&person.who())).await?;
    let rebuilt = app.runner().rebuild(run, to).await?;
    for workbook in &rebuilt {
        let word = match &workbook.stored {
            Some(stored) if *stored == workbook.sha256 => "一致".to_owned(),
            Some(stored) => format!("不一致（原为{}）", short(stored)),
            None => "原先未能生成，无可比对".to_owned(),
        };
        print_line!("{} sha256 {} {word}", workbook.path.display(), short(&workbook.sha256));
    }
    let same = rebuilt.iter().filter(|workbook| workbook.is_identical()).count();
    print_line!("重新生成{}个报表，{same}个与当时逐字节一致", rebuilt.len());
    Ok(if same == rebuilt.len() { Exit::Done } else { Exit::Partial })
}

fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}
