//! The place of a value in its file, down to the cell.

use crate::domain::intake::note::SheetAccount;

/// The cell of a field, such as `register.xlsx 项目台账 P27`; the row (`第27行`) without a field or where the sheet has no column for it.
/// The sheet is left out where the file has none (CSV). `accounts` are those of the snapshot in which the row's version began.
pub fn place_of(file: &str, sheets: &[String], accounts: &[SheetAccount], sheet: u32, row: u32, field: Option<&str>) -> String {
    let sheet = sheets.get(sheet as usize).map_or("", String::as_str);
    let letters = field.and_then(|field| {
        let account = accounts.iter().find(|account| account.sheet == sheet)?;
        account.columns.iter().find(|(id, _)| id == field).map(|(_, letters)| letters.as_str())
    });
    let cell = match letters {
        Some(letters) => format!("{letters}{row}"),
        None => format!("第{row}行"),
    };
    [file, sheet, &cell].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_names_file_sheet_and_cell() {
        let columns = vec![("code".to_owned(), "B".to_owned()), ("signed_on".to_owned(), "P".to_owned())];
        let accounts = [SheetAccount { sheet: "全省项目台账".into(), columns, ..SheetAccount::default() }];
        let sheets = ["封面".to_owned(), "全省项目台账".to_owned(), String::new()];
        let place = |sheet, field| place_of("register.xlsx", &sheets, &accounts, sheet, 27, field);
        assert_eq!(place(1, Some("signed_on")), "register.xlsx 全省项目台账 P27");
        assert_eq!(place(1, Some("reason")), "register.xlsx 全省项目台账 第27行", "the sheet has no such column");
        assert_eq!(place(0, Some("signed_on")), "register.xlsx 封面 第27行", "the columns of one sheet do not apply to another");
        assert_eq!(place(1, None), "register.xlsx 全省项目台账 第27行");
        assert_eq!(place(2, None), "register.xlsx 第27行");
        assert_eq!(place(9, None), "register.xlsx 第27行");
    }
}
