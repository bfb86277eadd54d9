//! Marks of secrecy of files that make no snapshot: refused files and the forms of units. They restrict only codes that the store knows, and
//! nothing else of such a file is stored.

use crate::clock::stamp;
use crate::domain::intake::code_marks::CodeMarks;
use crate::domain::intake::row_marks::{ClassifiedPlace, ClassifiedPlaces};
use crate::domain::register::codes::Codes;
use crate::source::refusal::Refusal;
use crate::store::database::StoreError;
use crate::store::restrictions::FileMarks;
use crate::worker::deliver::withhold::withhold;
use crate::worker::import::importer::Importer;
use std::collections::BTreeMap;

impl Importer {
    /// Restricts the codes of these marks, by the id of their ledger, of those that the store knows.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn restrict_known(
        &self,
        source: &str,
        marks: &BTreeMap<String, CodeMarks>,
        file_sha256: &str,
        sample: bool,
    ) -> Result<(), StoreError> {
        let (stated_open, at) = (Codes::default(), stamp(self.clock.now()));
        let marked: Vec<(&String, &CodeMarks)> = marks.iter().filter(|(_, found)| !found.is_empty()).collect();
        for (ledger, found) in &marked {
            let of_file = FileMarks { found, stated_open: &stated_open, in_force: false, file_sha256, sample, at: &at };
            self.store.restrictions().restrict_known(ledger, source, of_file).await?;
        }
        if !marked.is_empty() {
            withhold(&self.store, &self.config, &self.clock).await?;
        }
        Ok(())
    }
}

/// The cell of a mark in a file with grades of state secrets, because none of its text is stored.
pub(crate) const CLASSIFIED_FILE: &str = "（拒收的文件标注）";

/// How many places of a refused file are named.
const CLASSIFIED_NAMED: usize = 5;

/// The refusal of a file with grades of state secrets; `sheets` are the names of its sheets. It names places, and nothing that is written in
/// them.
pub(crate) fn state_secrets(places: &ClassifiedPlaces, sheets: &[String]) -> Refusal {
    let sheet_of = |number: u32| {
        let is_named = places.first.contains(&(number, ClassifiedPlace::SheetName));
        match sheets.get(number as usize).map(String::as_str) {
            None | Some("") => String::new(),
            Some(_) if is_named => format!("第{}张工作表", number + 1),
            Some(name) => format!("“{name}”"),
        }
    };
    let place = |(sheet, place): &(u32, ClassifiedPlace)| match place {
        ClassifiedPlace::FileName => "文件名".to_owned(),
        ClassifiedPlace::SheetName => format!("第{}张工作表的名称", sheet + 1),
        ClassifiedPlace::Page => format!("{}页眉或页脚", sheet_of(*sheet)),
        ClassifiedPlace::Line(row) => format!("{}第{row}行（标题或说明）", sheet_of(*sheet)),
        ClassifiedPlace::Cell { row, header } if header.is_empty() => format!("{}第{row}行", sheet_of(*sheet)),
        ClassifiedPlace::Cell { row, header } => format!("{}第{row}行的“{header}”栏", sheet_of(*sheet)),
    };
    let named = places.first.iter().take(CLASSIFIED_NAMED).map(place).collect::<Vec<_>>().join("、");
    let more = if places.count > CLASSIFIED_NAMED as u64 { format!("等{}处", places.count) } else { String::new() };
    Refusal::new(
        format!("{named}{more}写有国家秘密的密级，本系统不得处理，已拒收，文件内容没有保存"),
        "请按保密规定办理；如密级已解除，请去掉密级后重新导入",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_places_and_no_name_that_bears_a_grade() {
        let mut places = ClassifiedPlaces::default();
        let cell = |row, header: &str| ClassifiedPlace::Cell { row, header: header.to_owned() };
        for (sheet, place) in [(0, ClassifiedPlace::SheetName), (0, cell(3, "备注")), (1, ClassifiedPlace::Line(1)), (1, cell(4, ""))] {
            places.add(sheet, place);
        }
        let refusal = state_secrets(&places, &["机密台账".to_owned(), "表二".to_owned()]);
        assert_eq!(
            refusal.reason,
            "第1张工作表的名称、第1张工作表第3行的“备注”栏、“表二”第1行（标题或说明）、“表二”第4行写有国家秘密的密级，本系统不得处理，已拒收，文件内容没有保存"
        );
        (5..20).for_each(|row| places.add(1, cell(row, "")));
        assert!(state_secrets(&places, &[]).reason.contains("等19处写有"));
    }
}
