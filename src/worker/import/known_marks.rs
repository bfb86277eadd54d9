//! Marks of secrecy of files that make no snapshot: refused files and the forms of units. They restrict only codes that the store knows, and
//! nothing else of such a file is stored.

use crate::clock::stamp;
use crate::domain::intake::row_marks::{ClassifiedCell, RowMark};
use crate::source::refusal::Refusal;
use crate::store::database::StoreError;
use crate::store::restrictions::FileMarks;
use crate::worker::deliver::withhold::withhold;
use crate::worker::import::importer::Importer;
use std::collections::{BTreeMap, BTreeSet};

impl Importer {
    /// Restricts the codes of these marks, each with the id of its ledger, of those that the store knows.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn restrict_known(
        &self,
        source: &str,
        marks: &[(String, RowMark)],
        file_sha256: &str,
        sample: bool,
    ) -> Result<(), StoreError> {
        if marks.is_empty() {
            return Ok(());
        }
        let (found, stated_open, at) = (BTreeMap::new(), BTreeSet::new(), stamp(self.clock.now()));
        let of_file = FileMarks { found: &found, stated_open: &stated_open, in_force: false, file_sha256, sample, at: &at };
        self.store.restrictions().restrict_known(source, marks, of_file).await?;
        withhold(&self.store, &self.config, &self.clock).await?;
        Ok(())
    }
}

/// How many rows of a refused file are named.
const CLASSIFIED_NAMED: usize = 5;

/// The refusal of a file with grades of state secrets, each with its sheet. It names rows, and nothing that is written in them.
pub(crate) fn state_secrets(cells: &[(String, ClassifiedCell)]) -> Refusal {
    let row = |(sheet, cell): &(String, ClassifiedCell)| match sheet.as_str() {
        "" => format!("第{}行", cell.row),
        sheet => format!("“{sheet}”第{}行", cell.row),
    };
    let named = cells.iter().take(CLASSIFIED_NAMED).map(row).collect::<Vec<_>>().join("、");
    let headers: BTreeSet<&str> = cells.iter().map(|(_, cell)| cell.header.as_str()).filter(|header| !header.is_empty()).collect();
    let columns = if headers.is_empty() {
        "保密栏".to_owned()
    } else {
        headers.iter().map(|header| format!("“{header}”栏")).collect::<Vec<_>>().join("、")
    };
    let more = if cells.len() > CLASSIFIED_NAMED { format!("等{}行", cells.len()) } else { String::new() };
    Refusal::new(
        format!("{named}{more}的{columns}写有国家秘密的密级，本系统不得处理，已拒收，文件内容没有保存"),
        "请按保密规定办理；如密级已解除，请改为“否”后重新导入",
    )
}
