//! Lists of words that cells offer. A validation rule holds only short ones; the words of the others are cells of a sheet of their own, to
//! which the rules point.

use crate::workbook::model::{Area, Column, Role, Row, Sheet, Value, Words, Workbook, text_width};

/// The most UTF-16 units of a list within a validation rule.
const LIST_UNITS_MAX: usize = 255;

/// The tab of the sheet with the words.
const LISTS_SHEET: &str = "可填的内容";

const WIDTH_MAX: f64 = 60.0;

/// Whether a validation rule can hold a list. A comma would divide a word into two.
pub(crate) fn fits_a_rule(words: &[String]) -> bool {
    let units = words.iter().map(|word| word.encode_utf16().count() + 1).sum::<usize>();
    units <= LIST_UNITS_MAX && !words.iter().any(|word| word.contains(|c: char| matches!(c, ',' | '"') || c.is_control()))
}

/// Writes the lists that no validation rule can hold on a sheet behind the others, one column each.
pub(crate) fn list_long_choices(book: &mut Workbook<'_>) {
    let at = book.sheets.len();
    let mut lists: Vec<(String, Vec<String>)> = Vec::new();
    for sheet in &mut book.sheets {
        for choice in &mut sheet.choices {
            let Words::These(words) = &choice.words else { continue };
            if fits_a_rule(words) {
                continue;
            }
            let column = lists.iter().position(|(_, known)| known == words).unwrap_or_else(|| {
                let above = choice.first.checked_sub(1).and_then(|row| sheet.rows.get(row));
                let head = above.and_then(|row| row.cells.get(choice.column)).map_or(String::new(), Value::shown);
                lists.push((head, words.clone()));
                lists.len() - 1
            });
            choice.words = Words::Listed { sheet: at, area: Area { column, first: 1, last: words.len() } };
        }
    }
    let Some(height) = lists.iter().map(|(_, words)| words.len()).max() else { return };
    let width = |(head, words): &(String, Vec<String>)| {
        let widest = words.iter().chain([head]).map(|word| text_width(word)).fold(8.0, f64::max);
        Column { width: (widest + 1.5).min(WIDTH_MAX), ..Column::default() }
    };
    let mut sheet = Sheet { name: LISTS_SHEET.into(), columns: lists.iter().map(width).collect(), locked: true, ..Sheet::default() };
    let heads = lists.iter().map(|(head, _)| Value::text(head.clone())).collect();
    sheet.rows.push(Row { role: Role::Head, cells: heads, ..Row::default() });
    for row in 0..height {
        let cells = lists.iter().map(|(_, words)| words.get(row).map_or(Value::Blank, |word| Value::text(word.clone()))).collect();
        sheet.rows.push(Row { cells, ..Row::default() });
    }
    book.sheets.push(sheet);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbook::model::Choice;

    #[test]
    fn a_list_that_no_rule_holds_becomes_cells() {
        let words = |text: &str| text.split('|').map(str::to_owned).collect::<Vec<_>>();
        let long: Vec<String> = (0..64).map(|number| format!("写法{number}")).collect();
        assert!(fits_a_rule(&words("合同|框架协议")) && !fits_a_rule(&long));
        assert!(!fits_a_rule(&words("用电,用水|其他")) && !fits_a_rule(&words("甲\"乙")) && !fits_a_rule(&["𠮷".repeat(128)]));
        let choice = |column: usize, words: Vec<String>| Choice { column, first: 1, last: 9, words: Words::These(words) };
        let head = Row { cells: vec![Value::text("甲"), Value::text("乙"), Value::text("丙")], ..Row::default() };
        let choices = vec![choice(0, long.clone()), choice(1, words("是|否")), choice(2, words("用电,用水|其他"))];
        let first = Sheet { rows: vec![head.clone()], choices, ..Sheet::default() };
        let second = Sheet { rows: vec![head], choices: vec![choice(1, long)], ..Sheet::default() };
        let mut book = Workbook { sheets: vec![first, second], ..Workbook::default() };
        list_long_choices(&mut book);
        let pointed = |sheet: usize, index: usize| match &book.sheets[sheet].choices[index].words {
            Words::Listed { sheet, area } => Some((*sheet, area.column, area.last)),
            _ => None,
        };
        assert_eq!((pointed(0, 0), pointed(0, 1), pointed(0, 2)), (Some((2, 0, 64)), None, Some((2, 1, 2))));
        assert_eq!(pointed(1, 0), pointed(0, 0), "equal lists are written once");
        let shown = |row: usize, column: usize| book.sheets[2].rows[row].cells[column].shown();
        assert_eq!((shown(0, 1), shown(1, 1), shown(2, 1)), ("丙".into(), "用电,用水".into(), "其他".into()));
        assert_eq!(shown(64, 0), "写法63");
    }
}
