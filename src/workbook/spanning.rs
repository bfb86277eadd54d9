//! Rows of texts of different width on one sheet: each cell spans several columns of a grid.

use crate::workbook::model::{Role, Row, Sheet, Value, text_lines};

/// Columns of the grid.
pub(crate) const COLUMNS: usize = 10;

/// Adds a row of texts, each in the column where it begins.
pub(crate) fn add_spanning_texts(sheet: &mut Sheet<'_>, role: Role, heads: &[(usize, &str)]) {
    add_spanning_row(sheet, role, heads.iter().map(|(column, text)| (*column, Value::text(*text))).collect());
}

/// Adds a row whose cells each span the columns up to the next one, as high as its texts need.
pub(crate) fn add_spanning_row(sheet: &mut Sheet<'_>, role: Role, values: Vec<(usize, Value)>) {
    let mut cells = vec![Value::Blank; COLUMNS];
    let mut merges = Vec::new();
    let mut lines = 1;
    let starts: Vec<usize> = values.iter().map(|(column, _)| *column).chain([COLUMNS]).collect();
    for ((column, value), next) in values.into_iter().zip(starts.iter().skip(1)) {
        let width: f64 = sheet.columns[column..*next].iter().map(|column| column.width).sum();
        if let Value::Text(text) | Value::Link { text, .. } = &value {
            lines = lines.max(text_lines(text, width * 0.94));
        }
        if next - column > 1 {
            merges.push((column, next - 1));
        }
        cells[column] = value;
    }
    let height = Some(14.5 * lines as f64 + if role == Role::Head { 9.0 } else { 5.0 });
    sheet.rows.push(Row { role, cells, height, merges, ..Row::default() });
}
