//! Rows that a template brings along: an example, the names of the fields, what has to be filled in, numbers of the columns, and rows below the last
//! one that are numbered beforehand.

use crate::domain::intake::header::Header;
use crate::domain::intake::raw::Raw;
use crate::domain::intake::text::normalize_name;
use crate::domain::register::ledger::Ledger;

/// What an example begins with.
const EXAMPLES: [&str; 9] = ["示例", "样例", "范例", "填写示例", "例如", "例:", "如:", "举例", "示范:"];

/// Whether a text is marked as an example: `示例：GZ202600000`, `（例）`.
pub(crate) fn is_example(text: &str) -> bool {
    let bare = text.trim_start_matches(['(', '[', '【', '<', '*']);
    EXAMPLES.iter().any(|word| bare.starts_with(word)) || bare.trim_end_matches([')', ']', '】', '>']) == "例"
}

/// What a row below the header explains of its columns; `None` = it is no row of a template.
pub(crate) fn template_row(cells: &[(u16, Raw<'_>)]) -> Option<&'static str> {
    const CELLS_MIN: usize = 2;
    // the first cell of nearly every row shows that it is none
    let mut words = cells.iter().map(|(_, raw)| normalize_name(&raw.display())).filter(|word| !word.is_empty());
    let first = words.next()?;
    let kind = [(is_explanation as fn(&str) -> bool, "填写要求行"), (is_field_name, "字段名行"), (is_column_number, "栏号行")]
        .into_iter()
        .find(|(is_of_kind, _)| is_of_kind(&first));
    if let Some((is_of_kind, reason)) = kind {
        let others: Vec<String> = words.collect();
        let is_whole = others.len() + 1 >= CELLS_MIN && others.iter().all(|word| is_of_kind(word));
        let fits = match reason {
            "栏号行" => others.len() >= CELLS_MIN && is_running(&first, &others),
            "字段名行" => std::iter::once(&first).chain(&others).any(|word| is_surely_field_name(word)),
            _ => true,
        };
        return (is_whole && fits).then_some(reason);
    }
    // the mark of an example may be in a column that is not read
    is_example(&first).then_some("示例行")
}

/// Whether a text states how a column is to be filled in: `必填`, `选填，文本`, `日期格式`.
fn is_explanation(word: &str) -> bool {
    const BEGINNINGS: [&str; 13] =
        ["必填", "选填", "非必填", "可选", "可填", "必录", "必输", "可空", "不必填", "下拉", "格式", "系统自动", "自动生成"];
    const WORDS: [&str; 22] = [
        "文本",
        "字符",
        "字符串",
        "文字",
        "日期",
        "日期格式",
        "文本格式",
        "数字",
        "数值",
        "数字格式",
        "整数",
        "小数",
        "金额",
        "单选",
        "多选",
        "是/否",
        "text",
        "date",
        "number",
        "string",
        "required",
        "optional",
    ];
    let bare = word.trim_matches(['(', ')', '[', ']', '【', '】', '<', '>', '*']);
    BEGINNINGS.iter().any(|begin| bare.starts_with(begin)) || WORDS.iter().any(|known| bare.eq_ignore_ascii_case(known))
}

/// Whether a text is a name that a program gives a field: `PROJECT_CODE`, `projectName`, `signed_on`, `VARCHAR(64)`.
fn is_field_name(word: &str) -> bool {
    let name = word.split('(').next().unwrap_or_default();
    let letters = name.bytes().filter(u8::is_ascii_alphabetic).count();
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
    is_name && letters >= 2 && !name.bytes().any(|byte| byte.is_ascii_digit()) && name.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// Whether a name is one of a program and of nobody else: it has words behind one another, or is a usual name of a field.
fn is_surely_field_name(word: &str) -> bool {
    const USUAL: [&str; 10] = ["code", "name", "id", "date", "amount", "status", "type", "remark", "varchar", "string"];
    let is_joined =
        word.contains('_') || word.as_bytes().windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    is_joined || USUAL.iter().any(|usual| word.eq_ignore_ascii_case(usual))
}

/// Whether a text is the number of a column: `3`, `(3)`, `③`, `甲`, `5=3+4`.
fn is_column_number(word: &str) -> bool {
    column_number(word).is_some() || is_column_letter(word)
}

fn is_column_letter(word: &str) -> bool {
    let mut chars = word.chars();
    let first = chars.next();
    chars.next().is_none() && first.is_some_and(|c| c.is_ascii_uppercase() || "甲乙丙丁戊己庚辛壬癸".contains(c))
}

fn column_number(word: &str) -> Option<u32> {
    let bare = word.trim_matches(['(', ')', '[', ']', '<', '>']).split('=').next()?;
    let mut chars = bare.chars();
    if let (Some(c @ '①'..='⑳'), None) = (chars.next(), chars.next()) {
        return Some(c as u32 - '①' as u32 + 1);
    }
    let is_short = !bare.is_empty() && bare.len() <= 3 && bare.bytes().all(|byte| byte.is_ascii_digit());
    if is_short { bare.parse().ok() } else { None }
}

/// Whether the numbers of columns grow by one from cell to cell, from 0 or 1 on; letters may come before them.
fn is_running(first: &str, others: &[String]) -> bool {
    let numbers: Vec<u32> = std::iter::once(first)
        .chain(others.iter().map(String::as_str))
        .skip_while(|word| is_column_letter(word))
        .map_while(column_number)
        .collect();
    let letters = std::iter::once(first).chain(others.iter().map(String::as_str)).take_while(|word| is_column_letter(word)).count();
    letters + numbers.len() == others.len() + 1
        && numbers.first().is_none_or(|number| *number <= 1 || *number as usize == letters + 1)
        && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1)
}

/// Whether nothing is filled in of a row but what a template has put there: a running number, choices that nobody has made, zeros of formulas.
pub(crate) fn is_prepared(ledger: &Ledger, header: &Header, cells: &[(u16, Raw<'_>)]) -> bool {
    const UNCHOSEN: [&str; 12] = ["请选择", "请填写", "请输入", "待填", "待填写", "未选择", "下拉选择", "选择", "否", "元", "亿元", "万元"];
    let is_unfilled = |raw: &Raw<'_>| match raw {
        Raw::Number(number) => *number == 0.0,
        Raw::Bool(value) => !value,
        Raw::Error(_) | Raw::Uncalculated => true,
        Raw::Date(year, ..) => *year <= 1900,
        Raw::Text(_) | Raw::Struck(_) => {
            let text = normalize_name(&raw.display());
            let bare = text.trim_matches(['-', '—', '/', '.', '…', '(', ')', '[', ']', '【', '】']);
            let zeros = bare.trim_end_matches('%');
            bare.is_empty() || UNCHOSEN.contains(&bare) || !zeros.is_empty() && zeros.bytes().all(|byte| matches!(byte, b'0' | b'.'))
        }
    };
    let is_number = |raw: &Raw<'_>| match raw {
        Raw::Number(_) | Raw::Uncalculated => true,
        Raw::Text(text) => text.trim().bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'),
        _ => false,
    };
    let is_read = |column: u16| {
        header.columns.iter().any(|known| known.column == column) || header.doubtful.iter().any(|known| known.column == column)
    };
    let fields = header.columns.iter().filter(|column| !ledger.fields[column.field].required);
    // a ledger of which only the required fields are in the file has nothing else to tell
    fields.count() > 0 && cells.iter().all(|(column, raw)| is_unfilled(raw) || !is_read(*column) && is_number(raw))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(words: &[&str]) -> Option<&'static str> {
        let cells: Vec<(u16, Raw<'_>)> = words.iter().enumerate().map(|(at, word)| (at as u16, Raw::Text((*word).into()))).collect();
        template_row(&cells)
    }

    #[test]
    fn rows_of_templates_are_known() {
        for (words, expected) in [
            (&["必填", "必填", "选填（文本）"][..], Some("填写要求行")),
            (&["必填，文本", "日期", "数字"], Some("填写要求行")),
            (&["PROJECT_CODE", "PROJECT_NAME", "signedOn"], Some("字段名行")),
            (&["code", "name"], Some("字段名行")),
            (&["1", "2", "3", "4=2+3"], Some("栏号行")),
            (&["（1）", "（2）", "（3）"], Some("栏号行")),
            (&["①", "②", "③"], Some("栏号行")),
            (&["甲", "乙", "1", "2"], Some("栏号行")),
            (&["A", "B", "C"], Some("栏号行")),
            (&["示例", "GZ1", "甲项目"], Some("示例行")),
            (&["GZ202600001", "甲项目", "日期"], None),
            (&["1", "GZ1", "甲项目"], None),
            (&["1", "2"], None),
            (&["1", "3", "5"], None),
            (&["GZ", "甲项目"], None),
            (&["GZA", "Tesla"], None),
            (&["示范区项目"], None),
            (&["必填"], None),
        ] {
            assert_eq!(kind(words), expected, "{words:?}");
        }
        for (text, expected) in
            [("示例：GZ1", true), ("【样例】甲", true), ("(例)", true), ("例", true), ("例外项目", false), ("甲", false)]
        {
            assert_eq!(is_example(&normalize_name(text)), expected, "{text}");
        }
    }
}
