//! `blank`: writes the empty sheet of a ledger.

use crate::app::compose;
use crate::app::reports::write_blank;
use crate::cli::exit::Exit;
use std::path::Path;

/// Writes the sheet, and prints where it is and how to import it.
pub(crate) fn blank(root: &Path, ledger: &str, file: &Path) -> anyhow::Result<Exit> {
    let made = write_blank(&compose::load_config(root)?, ledger, file)?;
    match made.written {
        Some(path) => print_line!("{}：{}空表，填写说明见第二个工作表；填好后用 duban import 导入", path.display(), made.title),
        None => print_line!("{}：已有相同的{}空表，未作改动", file.display(), made.title),
    }
    Ok(Exit::Done)
}
