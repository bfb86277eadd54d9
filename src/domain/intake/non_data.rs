//! Rows below the header that hold no data: repeated headers, second headers, totals, headings, remarks, signature lines, feet of pages, the rows of
//! templates, and rows that only wait to be filled in.

use crate::domain::intake::data_merges::DataMerges;
use crate::domain::intake::header::{Header, SecondHeader};
use crate::domain::intake::raw::{Raw, cell_at};
use crate::domain::intake::sums::SUBTOTAL;
use crate::domain::intake::template_rows::{is_example, is_example_row, is_prepared, template_row};
use crate::domain::intake::text::{clean, normalize_name};
use crate::domain::register::ledger::{Ledger, Role};

/// Why a row holds no data.
pub(crate) enum NonData {
    RepeatedHeader,
    /// A header with the columns in another order.
    SecondHeader(SecondHeader),
    /// The word of the total, such as `合计`.
    Total(String),
    Heading,
    /// A remark or a signature line.
    Remark,
    /// The head or foot of a printed page, or a line that is drawn with signs.
    PageFoot,
    /// A row of a template that explains the columns; the reason.
    Template(&'static str),
    /// Nothing is filled in but what a template has put there.
    Prepared,
}

impl NonData {
    pub fn reason(&self) -> String {
        match self {
            NonData::RepeatedHeader => "重复的表头".into(),
            NonData::SecondHeader(_) => "另一个表头，栏目次序与上面不同".into(),
            NonData::Total(word) => format!("{word}行"),
            NonData::Heading => "标题行".into(),
            NonData::Remark => "备注或签名行".into(),
            NonData::PageFoot => "页眉页脚或表线".into(),
            NonData::Template(reason) => (*reason).into(),
            NonData::Prepared => "没有填写，只有预先填好的序号".into(),
        }
    }
}

/// The most digits of a number of rows.
const COUNT_DIGITS_MAX: usize = 7;

/// Words of totals.
const TOTALS: [&str; 7] = ["合计", SUBTOTAL, "总计", "本页合计", "本页小计", "累计", "总计数"];

/// What the total of a group ends with, as Excel writes it.
const GROUP_TOTALS: [&str; 8] = ["汇总", "小计", "合计", "计数", "求和", "平均值", "最大值", "最小值"];

/// What the first text of a remark or a signature line begins with.
const REMARKS: [&str; 55] = [
    "注:",
    "注1",
    "备注",
    "说明",
    "填表人",
    "制表",
    "制单",
    "审核",
    "复核",
    "审批",
    "经办",
    "填报人",
    "填报单位",
    "填表说明",
    "测评单位",
    "办理单位",
    "数据来源",
    "联系人",
    "联系电话",
    "填表日期",
    "填报日期",
    "负责人",
    "单位负责人",
    "统计人",
    "录入人",
    "报送人",
    "报送单位",
    "报送日期",
    "打印日期",
    "打印时间",
    "打印人",
    "导出日期",
    "导出时间",
    "导出人",
    "盖章",
    "签字",
    "日期:",
    "主管领导",
    "分管领导",
    "领导签",
    "主要领导",
    "报表时间",
    "统计时间",
    "查询条件",
    "系统导出",
    "本页记录",
    "当前页",
    "总记录",
    "版权所有",
    "打印:",
    "导出:",
    "打印于",
    "导出于",
    "Printed",
    "printed",
];

/// Lines of printed pages, and what clerks write below the last row.
const PAGE_WORDS: [&str; 26] = [
    "续",
    "续页",
    "完",
    "结束",
    "本页结束",
    "本表结束",
    "表格结束",
    "全文完",
    "续表",
    "续上表",
    "接上表",
    "接上页",
    "转下页",
    "接下页",
    "承前页",
    "过次页",
    "未完待续",
    "下页续",
    "以下空白",
    "此处空白",
    "以下无正文",
    "本页无正文",
    "以下为空",
    "空白",
    "表尾",
    "END",
];

/// Rows of a template are so near below the header.
const TEMPLATE_ROWS: u32 = 3;

/// Why a row holds no data; `None` = it is a row of data. `merges` is at this row; `is_unit` knows the
/// names of units.
pub(crate) fn non_data(
    ledger: &Ledger,
    header: &Header,
    merges: &DataMerges,
    number: u32,
    cells: &[(u16, Raw<'_>)],
    is_unit: impl Fn(&str) -> bool,
) -> Option<NonData> {
    let code_column = header.column_of_role(ledger, Role::Code);
    let code = code_column.and_then(|column| cell_at(cells, column)).map(|raw| clean(&raw.display())).unwrap_or_default();
    let is_below_header = number <= header.last_row + TEMPLATE_ROWS;
    if is_below_header && let Some(reason) = template_row(cells) {
        return Some(NonData::Template(reason));
    }
    if is_below_header && is_example_of_row(ledger, header, &code, cells) {
        return Some(NonData::Template("示例行"));
    }
    // nearly every row: a code such as GZ202500001 and other cells; no total, heading, remark or repeated header begins like this
    let latin = code.starts_with(|c: char| c.is_ascii_alphanumeric() || ('\u{ff10}'..='\u{ff5a}').contains(&c));
    let number_only = code.bytes().all(|byte| byte.is_ascii_digit());
    if cells.len() > 3 && latin && (!number_only || code.len() > COUNT_DIGITS_MAX) {
        return None;
    }
    // the lower rows of a header of several rows lie below its merged cells
    let is_below_repeated = |column: u16| merges.top(column).is_some_and(|raw| header.matches_leaf(column, raw));
    if header.is_repeated(cells) || merges.is_open() && code_column.is_some_and(is_below_repeated) {
        return Some(NonData::RepeatedHeader);
    }
    if let Some(second) = header.second_header(&ledger.secrecy, cells) {
        return Some(NonData::SecondHeader(second));
    }
    let words: Vec<String> = cells.iter().map(|(_, raw)| normalize_name(&raw.display())).filter(|text| !text.is_empty()).collect();
    let code_name = normalize_name(&code);
    let name_column = header.column_of_role(ledger, Role::Name);
    let name = name_column.and_then(|column| cell_at(cells, column)).map(|raw| normalize_name(&raw.display())).unwrap_or_default();
    if is_example(&code_name) || is_below_header && is_example(&name) {
        return Some(NonData::Template("示例行"));
    }
    let is_foot = |word: &String| is_page_foot(word) || is_remark(word);
    let is_drawn_row = words.len() > 1 && words.iter().all(|word| word.chars().all(is_drawn));
    if is_drawn_row || words.first().is_some_and(|first| is_page_foot(first)) && words.iter().all(is_foot) {
        return Some(NonData::PageFoot);
    }
    if let Some(word) = words.iter().take(3).find(|word| is_total(word)) {
        // a project whose name begins with 合计 has a code of its own
        let is_only_total = code.is_empty() || TOTALS.contains(&code_name.as_str()) || code_name == *word;
        // the number of rows may be in the column of the code
        if is_only_total || number_only && name.is_empty() {
            return Some(NonData::Total(word.clone()));
        }
    }
    let is_group_total =
        |word: &&String| GROUP_TOTALS.iter().any(|total| word.ends_with(total)) && (code_name.is_empty() || code_name == **word);
    if let Some(word) = words.iter().find(is_group_total).filter(|word| name.is_empty() || name == **word) {
        return Some(NonData::Total(word.clone()));
    }
    // a heading such as 一、工业项目（53个） may be in any column, the code's included
    if words.len() <= 4 && (code.is_empty() || has_numeral(&code_name)) && words.iter().any(|word| has_numeral(word)) {
        return Some(NonData::Heading);
    }
    if let Some((first, others)) = words.split_first()
        && (code.is_empty() || code_name == *first)
        && is_group_heading(first, is_unit)
        && others.iter().all(|word| word.starts_with(|c: char| c.is_ascii_digit()))
    {
        return Some(NonData::Heading);
    }
    // a signature line may begin in the column of the code: 填表人：张三 …… 审核人：李四
    let is_signature = code.contains([':', '：']) && (name.is_empty() || name.contains(':'));
    if !code.is_empty() && cells.len() > 1 && !is_signature {
        return None;
    }
    let first = words.first()?;
    // 共15个 and nothing else in the row
    let is_count = words.len() == 1 && first.strip_prefix('共').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if is_count || is_remark(first) {
        return Some(NonData::Remark);
    }
    if code.is_empty() && name.is_empty() && is_prepared(ledger, header, cells) {
        return Some(NonData::Prepared);
    }
    // a line of words in the column of the code, or in one that is not read, is no record of which something was forgotten
    if let [(column, raw)] = cells
        && name.is_empty()
        && !merges.is_open()
        && (Some(*column) == code_column || header.columns.iter().all(|known| known.column != *column))
        && !header.decided_by_header.contains(column)
        && !may_be_code(raw)
    {
        return Some(NonData::Remark);
    }
    None
}

/// Whether a row below the header with a code of its own is an example.
fn is_example_of_row(ledger: &Ledger, header: &Header, code: &str, cells: &[(u16, Raw<'_>)]) -> bool {
    let name_column = header.column_of_role(ledger, Role::Name);
    let text = |raw: &Raw<'_>| normalize_name(&raw.display());
    let name = name_column.and_then(|column| cell_at(cells, column)).map(text).unwrap_or_default();
    let others: Vec<String> = cells.iter().filter(|(column, _)| Some(*column) != name_column).map(|(_, raw)| text(raw)).collect();
    is_example_row(&normalize_name(code), &name, others.iter())
}

/// `合计`, `合计：`, `合计（53个）`, `合计共53个`, `合计53`.
fn is_total(word: &str) -> bool {
    TOTALS.iter().any(|total| {
        word.strip_prefix(total)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(|c: char| matches!(c, ':' | '(' | '共') || c.is_ascii_digit()))
    })
}

fn is_remark(word: &str) -> bool {
    let bare = word.trim_start_matches(['(', '[', '【', '*']);
    REMARKS.iter().any(|remark| bare.starts_with(remark))
}

/// Whether a cell holds what may be the code of a record: letters with digits behind them, or a long number.
fn may_be_code(raw: &Raw<'_>) -> bool {
    const LETTERS_MIN: usize = 2;
    const DIGITS_MIN: usize = 4;
    let text = clean(&raw.display());
    let (letters, digits) = (text.bytes().filter(u8::is_ascii_alphabetic).count(), text.bytes().filter(u8::is_ascii_digit).count());
    let is_day = text.contains('年') || text.split(['-', '/', '.']).count() == 3;
    let is_code = text.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '/' | '.' | '(' | ')'));
    let speaks = text.chars().filter(|c| !c.is_ascii()).count() > 4;
    is_code && !is_day && !speaks && (letters >= LETTERS_MIN && digits > 0 || digits >= DIGITS_MIN)
        || matches!(raw, Raw::Error(_) | Raw::Uncalculated | Raw::Struck(_))
}

/// Whether a text begins with a Chinese numeral as headings do: `一、`, `（二）`.
fn has_numeral(text: &str) -> bool {
    text.trim_start_matches('(').starts_with(|c| "一二三四五六七八九十".contains(c)) && text.contains(['、', ')'])
}

/// Whether a text names a group of rows: a unit, or words with the number of the rows: `工业项目(共53个)`.
fn is_group_heading(word: &str, is_unit: impl Fn(&str) -> bool) -> bool {
    const CHARS_MAX: usize = 12;
    let is_count = |inside: &str| {
        let digits = inside.trim_start_matches(['共', '计']).trim_end_matches(['个', '项', '家', '户', '条', '件', '目']);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    let counted = word.strip_suffix(')').and_then(|rest| rest.rsplit_once('(')).filter(|(_, inside)| is_count(inside));
    let bare = counted.map_or(word, |(bare, _)| bare).trim_end_matches(':');
    let is_short = !bare.is_empty() && bare.chars().count() <= CHARS_MAX && !bare.contains(|c: char| c.is_ascii_digit());
    is_short && (counted.is_some() || is_unit(bare))
}

/// Signs with which lines are drawn.
fn is_drawn(c: char) -> bool {
    "-—–=_~*+|·.".contains(c) || ('\u{2500}'..='\u{257f}').contains(&c)
}

/// Whether a text belongs to a printed page, or is a line that is drawn with signs.
fn is_page_foot(word: &str) -> bool {
    let bare = word.trim_matches(['(', ')', '[', ']', '【', '】', '-', '—', '.', '…']);
    if bare.is_empty() {
        return word.chars().count() >= 3;
    }
    if word.ends_with("(续表)") || word.ends_with("(续)") {
        return true;
    }
    if PAGE_WORDS.iter().any(|page| bare.eq_ignore_ascii_case(page)) || word.chars().count() >= 3 && word.chars().all(is_drawn) {
        return true;
    }
    // 第1页，共2页; 第一页; 共 3 页; Page 1 of 2; 1/2页
    let number = |c: char| c.is_ascii_digit() || "一二三四五六七八九十".contains(c);
    let left: String = bare.chars().filter(|c| !number(*c)).collect();
    let has_number = left.chars().count() < bare.chars().count();
    has_number
        && matches!(
            left.to_ascii_lowercase().as_str(),
            "第页"
                | "共页"
                | "第页,共页"
                | "第页共页"
                | "第页/共页"
                | "页"
                | "/页"
                | "pageof"
                | "page"
                | "第页,总页"
                | "第/页"
                | "页码:"
                | "页码:/"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feet_of_pages_and_headings_of_groups() {
        for word in [
            "第1页,共2页",
            "第1页共2页",
            "(续表)",
            "续表",
            "以下空白",
            "-----",
            "=====",
            "┌──┬──┐",
            "(续)",
            "全省项目台账(续表)",
            "Page1of2",
            "第一页",
            "——————",
            "END",
        ] {
            assert!(is_page_foot(word), "{word}");
        }
        for word in ["GZ1", "1", "页岩气项目", "第1页的项目", "-", "—", "甲项目"] {
            assert!(!is_page_foot(word), "{word}");
        }
        let is_unit = |name: &str| name == "甲州";
        for word in ["甲州", "乙州(2个)", "甲州(共12个项目)", "工业项目(53个)", "甲州:"] {
            assert!(is_group_heading(word, is_unit), "{word}");
        }
        for word in ["甲产业园项目", "GZ1", "12", "甲州2026年", "工业(二期)", "乙州", ""] {
            assert!(!is_group_heading(word, is_unit), "{word}");
        }
    }
}
