//! Rows below the header that hold no data: repeated headers, second headers, totals, headings, remarks and signature lines.

use crate::domain::intake::data_merges::DataMerges;
use crate::domain::intake::header::{Header, SecondHeader};
use crate::domain::intake::raw::{Raw, cell_at};
use crate::domain::intake::sums::SUBTOTAL;
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
}

impl NonData {
    pub fn reason(&self) -> String {
        match self {
            NonData::RepeatedHeader => "重复的表头".into(),
            NonData::SecondHeader(_) => "另一个表头，栏目次序与上面不同".into(),
            NonData::Total(word) => format!("{word}行"),
            NonData::Heading => "标题行".into(),
            NonData::Remark => "备注或签名行".into(),
        }
    }
}

/// The most digits of a number of rows.
const COUNT_DIGITS_MAX: usize = 7;

/// Words of totals.
const TOTALS: [&str; 6] = ["合计", SUBTOTAL, "总计", "本页合计", "本页小计", "累计"];

/// What the first text of a remark or a signature line begins with.
const REMARKS: [&str; 15] = [
    "注:",
    "注1",
    "备注",
    "说明",
    "填表人",
    "制表",
    "审核人",
    "填报人",
    "填报单位",
    "测评单位",
    "办理单位",
    "数据来源",
    "联系人",
    "填表日期",
    "负责人",
];

/// Why a row holds no data; `None` = it is a row of data. `merges` is at this row.
pub(crate) fn non_data(ledger: &Ledger, header: &Header, merges: &DataMerges, cells: &[(u16, Raw<'_>)]) -> Option<NonData> {
    let code_column = header.column_of_role(ledger, Role::Code);
    let code = code_column.and_then(|column| cell_at(cells, column)).map(|raw| clean(&raw.display())).unwrap_or_default();
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
    if let Some(word) = words.iter().take(3).find(|word| is_total(word)) {
        // a project whose name begins with 合计 has a code of its own
        let is_only_total = code.is_empty() || TOTALS.contains(&code_name.as_str()) || code_name == *word;
        // the number of rows may be in the column of the code
        let has_name = || name_column.and_then(|column| cell_at(cells, column)).is_some_and(|raw| !raw.display().trim().is_empty());
        if is_only_total || number_only && !has_name() {
            return Some(NonData::Total(word.clone()));
        }
    }
    // a heading such as 一、工业项目（53个） may be in any column, the code's included
    if words.len() <= 4 && (code.is_empty() || has_numeral(&code_name)) && words.iter().any(|word| has_numeral(word)) {
        return Some(NonData::Heading);
    }
    // a signature line may begin in the column of the code: 填表人：张三 …… 审核人：李四
    let is_signature = code.contains([':', '：']) && name_column.is_none_or(|column| cell_at(cells, column).is_none());
    if !code.is_empty() && cells.len() > 1 && !is_signature {
        return None;
    }
    let first = words.first()?;
    // 共15个 and nothing else in the row
    let is_count = words.len() == 1 && first.strip_prefix('共').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    (is_count || REMARKS.iter().any(|remark| first.starts_with(remark))).then_some(NonData::Remark)
}

/// `合计`, `合计：`, `合计（53个）`, `合计共53个`, `合计53`.
fn is_total(word: &str) -> bool {
    TOTALS.iter().any(|total| {
        word.strip_prefix(total)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(|c: char| matches!(c, ':' | '(' | '共') || c.is_ascii_digit()))
    })
}

/// Whether a text begins with a Chinese numeral as headings do: `一、`, `（二）`.
fn has_numeral(text: &str) -> bool {
    text.trim_start_matches('(').starts_with(|c| "一二三四五六七八九十".contains(c)) && text.contains(['、', ')'])
}
