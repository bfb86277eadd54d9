//! Rows that a template brings along: an example, the names of the fields, what has to be filled in, numbers of the columns, and rows below the last
//! one that are numbered beforehand.

use crate::domain::intake::header::Header;
use crate::domain::intake::raw::Raw;
use crate::domain::intake::text::normalize_name;
use crate::domain::register::ledger::Ledger;

/// What an example begins with.
const EXAMPLES: [&str; 9] = ["示例", "样例", "范例", "填写示例", "例如", "例:", "如:", "举例", "示范:"];

/// Words for an example, by which a name ends in brackets, or a short text as a whole.
const EXAMPLE_WORDS: [&str; 6] = ["示例", "样例", "范例", "示范", "例", "样例数据"];

/// The most characters of a text that is nothing but the word of an example: 填写范例.
const EXAMPLE_CHARS_MAX: usize = 6;

/// Whether a text is marked as an example: `示例：GZ202600000`, `（例）`, `填写范例`.
pub(crate) fn is_example(text: &str) -> bool {
    let bare = text.trim_start_matches(['(', '[', '【', '<', '*']);
    EXAMPLES.iter().any(|word| bare.starts_with(word))
        || bare.trim_end_matches([')', ']', '】', '>']) == "例"
        || text.chars().count() <= EXAMPLE_CHARS_MAX && ["示例", "样例", "范例"].iter().any(|word| text.ends_with(word))
}

/// Whether a row with a code of its own shows by its name, or by another cell, that it is an example: `示例项目（填写时请删除）`,
/// `XX产业园项目（示例）`, `示例：某公司`.
pub(crate) fn is_example_row<'t>(code: &str, name: &str, mut others: impl Iterator<Item = &'t String>) -> bool {
    let is_stated = |text: &str| {
        let bare = text.trim_start_matches(['(', '[', '【', '<', '*']);
        let behind = EXAMPLES.iter().find_map(|word| bare.strip_prefix(word));
        behind.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', ')', ']', '】', '(', '-']))
    };
    let behind = EXAMPLES.iter().find_map(|word| name.strip_prefix(word)).unwrap_or(name);
    let is_named = behind != name && (behind.starts_with("项目") && !behind.starts_with("项目区") || behind.starts_with("数据"));
    let bracket = name.strip_suffix([')', '】', ']']).and_then(|rest| rest.rsplit_once(['(', '【', '[']));
    let is_crossed = |text: &str| text.chars().count() >= 3 && text.chars().all(|c| matches!(c, 'x' | 'X' | '×' | '*'));
    is_stated(name)
        || is_named
        || bracket.is_some_and(|(_, inside)| EXAMPLE_WORDS.contains(&inside))
        || is_crossed(code)
        || others.any(|text| is_stated(text))
}

/// What a row below the header explains of its columns; `None` = it is no row of a template.
pub(crate) fn template_row(cells: &[(u16, Raw<'_>)]) -> Option<&'static str> {
    const CELLS_MIN: usize = 2;
    const NUMBERS_MIN: usize = 3;
    const LATIN_MIN: usize = 4;
    let shown: Vec<String> = cells.iter().map(|(_, raw)| raw.display().trim().to_owned()).filter(|text| !text.is_empty()).collect();
    let words: Vec<String> = shown.iter().map(|text| normalize_name(text)).filter(|word| !word.is_empty()).collect();
    let first = words.first()?;
    if words.len() >= NUMBERS_MIN && is_running(&words) {
        return Some("栏号行");
    }
    let all = |is_of_kind: fn(&str) -> bool| words.len() >= CELLS_MIN && words.iter().all(|word| is_of_kind(word));
    let is_latin_row = words.len() >= LATIN_MIN && words.iter().all(|word| is_latin_title(word));
    if all(is_field_name) && words.iter().any(|word| is_surely_field_name(word))
        || words.len() >= NUMBERS_MIN && (is_counted(&words) || words.iter().all(|word| is_placeholder(word)))
        || is_latin_row
    {
        return Some("字段名行");
    }
    // a remark of its own beside what the others explain: 必填，唯一 | 填全称
    let explained = words.iter().filter(|word| is_explanation(word)).count();
    let is_explained =
        explained >= CELLS_MIN && explained * 2 >= words.len() && !words.iter().any(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
    if is_explained && is_explanation(first) || is_remark_on_filling(first) || words.len() >= NUMBERS_MIN && all(is_mark) {
        return Some("填写要求行");
    }
    // the mark of an example may be in a column that is not read
    is_example(first).then_some("示例行")
}

/// Whether a text states how a column is to be filled in: `必填`, `选填，文本`, `日期格式`.
fn is_explanation(word: &str) -> bool {
    const BEGINNINGS: [&str; 29] = [
        "必填",
        "选填",
        "非必填",
        "可选",
        "可填",
        "必录",
        "必输",
        "可空",
        "不必填",
        "下拉",
        "格式",
        "系统自动",
        "自动生成",
        "不能为空",
        "不得为空",
        "不可为空",
        "可为空",
        "允许为空",
        "请填",
        "请选",
        "请输入",
        "填写",
        "不超过",
        "不多于",
        "不少于",
        "由系统",
        "与营业执照",
        "与备案",
        "选择",
    ];
    const WORDS: [&str; 26] = [
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
        "字符型",
        "数值型",
        "日期型",
        "整型",
        "text",
        "date",
        "number",
        "string",
        "required",
        "optional",
    ];
    let bare = word.trim_matches(['(', ')', '[', ']', '【', '】', '<', '>', '*']);
    // 文本格式，18位
    let head = bare.split([',', ';']).next().unwrap_or_default();
    BEGINNINGS.iter().any(|begin| bare.starts_with(begin))
        || WORDS.iter().any(|known| head.eq_ignore_ascii_case(known))
        || is_type(bare)
        || is_in_brackets(word)
}

/// Whether a text is the type of a field: `C(20)`, `N(18,2)`.
fn is_type(word: &str) -> bool {
    let Some((name, inside)) = word.strip_suffix(')').and_then(|rest| rest.split_once('(')) else { return false };
    (1..=9).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && !inside.is_empty()
        && inside.bytes().all(|byte| byte.is_ascii_digit() || byte == b',')
}

/// Whether a text is a remark in brackets as a whole: `（与备案一致）`.
fn is_in_brackets(word: &str) -> bool {
    let inside = word.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    inside.is_some_and(|inside| {
        inside.chars().count() >= 2 && !inside.contains(['(', ')']) && !inside.bytes().any(|byte| byte.is_ascii_digit())
    })
}

/// Whether a text begins the remarks on how a table is filled in.
fn is_remark_on_filling(word: &str) -> bool {
    ["填写说明", "填表说明", "填报说明", "说明:", "填写要求", "字段说明"].iter().any(|begin| word.starts_with(begin))
}

/// Whether a text is a mark of a column that has to be filled in, and nothing else.
fn is_mark(word: &str) -> bool {
    matches!(word, "*" | "**" | "★" | "☆" | "√" | "×" | "●" | "○" | "是" | "否" | "必" | "选" | "Y" | "N" | "y" | "n" | "M" | "O")
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

/// Whether a text is in Latin letters without a digit, as the names of columns in another language or in the letters of their sounds are: a row of
/// data has dates, amounts or Chinese words.
fn is_latin_title(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.bytes().all(|byte| byte.is_ascii_alphabetic() || b"_-./()#".contains(&byte))
}

/// Whether a text is the place of a value in a template of a program: `{{code}}`, `${code}`, `{.code}`.
fn is_placeholder(word: &str) -> bool {
    ["{{", "${", "{.", "#{", "<%", "[["].iter().any(|begin| word.starts_with(begin)) && word.ends_with(['}', '>', ']'])
}

/// Whether the texts have the same letters and a number behind them that grows by one: `field_1`, `F2`.
fn is_counted(words: &[String]) -> bool {
    let split = |word: &'_ String| -> Option<(String, u32)> {
        let prefix = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let is_prefix = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        Some((prefix.to_owned(), word[prefix.len()..].parse().ok()?)).filter(|_| is_prefix && word.len() <= prefix.len() + 3)
    };
    let Some(parts) = words.iter().map(split).collect::<Option<Vec<_>>>() else { return false };
    // GZ1 and GZ2 are codes
    parts.first().is_some_and(|(_, number)| *number <= 1)
        && parts.windows(2).all(|pair| pair[0].0 == pair[1].0 && pair[1].1 == pair[0].1 + 1)
}

/// The rows of signs by which columns are numbered.
const SERIES: [&str; 4] = ["甲乙丙丁戊己庚辛壬癸", "一二三四五六七八九十", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"];

/// The Roman numerals of columns.
const ROMAN: [&str; 12] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

/// The row and the number of a sign by which a column is numbered: `3`, `(3)`, `③`, `⑶`, `甲`, `第3列`, `5=3+4`, `Ⅲ`.
fn column_number(word: &str, is_roman: bool) -> Option<(usize, u32)> {
    const DIGITS: usize = SERIES.len();
    let bare = word.trim_matches(['(', ')', '[', ']', '<', '>', '【', '】']).split('=').next()?;
    let bare = bare.strip_prefix('第').unwrap_or(bare);
    let bare = bare.strip_prefix(['列', '栏']).unwrap_or(bare);
    let bare = bare.strip_suffix(['列', '栏']).unwrap_or(bare);
    if is_roman {
        return ROMAN.iter().position(|known| *known == bare).map(|at| (DIGITS, at as u32 + 1));
    }
    let mut chars = bare.chars();
    if let (Some(c), None) = (chars.next(), chars.next()) {
        for (first, last) in [('①', '⑳'), ('⑴', '⒇'), ('⒈', '⒛'), ('Ⅰ', 'Ⅻ'), ('ⅰ', 'ⅻ'), ('㈠', '㈩')] {
            if (first..=last).contains(&c) {
                return Some((DIGITS, c as u32 - first as u32 + 1));
            }
        }
        let of_series = |(series, signs): (usize, &&str)| Some((series, signs.chars().position(|sign| sign == c)? as u32 + 1));
        if let Some(found) = SERIES.iter().enumerate().find_map(of_series) {
            return Some(found);
        }
    }
    let is_short = !bare.is_empty() && bare.len() <= 3 && bare.bytes().all(|byte| byte.is_ascii_digit());
    if is_short { Some((DIGITS, bare.parse().ok()?)) } else { None }
}

/// Whether the cells of a row number their columns from 0 or 1 on, perhaps with letters before the numbers, or behind the word for such a row.
fn is_running(words: &[String]) -> bool {
    let words = match words.split_first() {
        Some((first, others)) if matches!(first.as_str(), "栏次" | "栏号" | "列号" | "列次" | "行次" | "序号") => others,
        _ => words,
    };
    let is_in_order = |numbers: &[(usize, u32)]| {
        let first_of_digits = numbers.iter().position(|(series, _)| *series == SERIES.len());
        numbers.iter().enumerate().all(|(at, (series, number))| match at.checked_sub(1).map(|before| numbers[before]) {
            Some((series_before, before)) if series_before == *series => *number == before + 1,
            // the numbers count on behind letters, or begin anew
            Some(_) => first_of_digits == Some(at) && (*number <= 1 || *number as usize == at + 1),
            None => *number <= 1,
        })
    };
    let read = |is_roman: bool| words.iter().map(|word| column_number(word, is_roman)).collect::<Option<Vec<_>>>();
    !words.is_empty() && [false, true].into_iter().any(|is_roman| read(is_roman).is_some_and(|numbers| is_in_order(&numbers)))
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
            (&["A", "B", "1", "2"], Some("栏号行")),
            (&["栏次", "1", "2", "3"], Some("栏号行")),
            (&["一", "二", "三"], Some("栏号行")),
            (&["第1列", "第2列", "第3列"], Some("栏号行")),
            (&["1栏", "2栏", "3栏"], Some("栏号行")),
            (&["列1", "列2", "列3"], Some("栏号行")),
            (&["a", "b", "c"], Some("栏号行")),
            (&["(A)", "(B)", "(C)"], Some("栏号行")),
            (&["I", "II", "III", "IV"], Some("栏号行")),
            (&["Ⅰ", "Ⅱ", "Ⅲ"], Some("栏号行")),
            (&["⑴", "⑵", "⑶"], Some("栏号行")),
            (&["01", "02", "03"], Some("栏号行")),
            (&["xmbh", "xmmc", "szs", "szx"], Some("字段名行")),
            (&["Project No.", "Project Name", "City", "County"], Some("字段名行")),
            (&["F1", "F2", "F3"], Some("字段名行")),
            (&["field_1", "field_2", "field_3"], Some("字段名行")),
            (&["{{code}}", "{{name}}", "{{city}}"], Some("字段名行")),
            (&["${code}", "{.name}", "${city}"], Some("字段名行")),
            (&["必填，唯一", "必填，不超过100字", "下拉选择", "填全称"], Some("填写要求行")),
            (&["不能为空", "字符型", "C(20)", "N(18,2)"], Some("填写要求行")),
            (&["★", "★", "☆"], Some("填写要求行")),
            (&["是", "是", "否"], Some("填写要求行")),
            (&["填写说明：", "项目编号由平台生成"], Some("填写要求行")),
            (&["（由平台生成）", "（与备案一致）", "（市州）"], Some("填写要求行")),
            (&["填写范例", "某项目", "某公司"], Some("示例行")),
            (&["GZ1", "GZ2", "GZ4"], None),
            (&["GZ1", "Tesla", "2026-03-01"], None),
            (&["1", "甲", "乙"], None),
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
        let is_example_row =
            |code: &str, name: &str, other: &str| is_example_row(code, &normalize_name(name), [normalize_name(other)].iter());
        for (code, name, other, expected) in [
            ("GZ202600000", "示例项目（填写时请删除）", "", true),
            ("GZ202600000", "XX产业园项目（示例）", "", true),
            ("GZ202600000", "某某项目", "示例：某公司", true),
            ("XXXXXXXXX", "XXX项目", "", true),
            ("GZ1", "示例乡项目", "", false),
            ("GZ1", "甲项目（一期）", "示例科技公司", false),
            ("GZ1", "示范项目", "", false),
        ] {
            assert_eq!(is_example_row(code, name, other), expected, "{name}");
        }
        for (text, expected) in
            [("示例：GZ1", true), ("【样例】甲", true), ("(例)", true), ("例", true), ("例外项目", false), ("甲", false)]
        {
            assert_eq!(is_example(&normalize_name(text)), expected, "{text}");
        }
    }
}
