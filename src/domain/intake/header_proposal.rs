//! Headers that are almost the name of a field that no column has. Nothing is guessed: the office decides, once for each source and header.

use crate::domain::intake::header_name::bare_name;
use crate::domain::register::ledger::{Field, FieldKind, Ledger, Role};
use crate::domain::register::record::Columns;

/// A header that names no field, and the field that it may mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderProposal {
    pub column: u16,
    pub header: String,
    pub field: usize,
    /// Some rule needs the field, or the owner of the records is found by it: the file waits until the office has decided.
    pub is_needed: bool,
}

/// The proposals for headers that name no field: each with its column and text. `present` are the fields that have a column.
pub(crate) fn proposals<'h>(ledger: &Ledger, present: Columns, headers: impl Iterator<Item = (u16, &'h str)>) -> Vec<HeaderProposal> {
    let mut found: Vec<HeaderProposal> = Vec::new();
    for (column, header) in headers {
        let taken = |field: usize| present.contains(field) || found.iter().any(|known| known.field == field);
        if let Some(field) = nearest(ledger, header, taken) {
            let is_needed = ledger.judged.contains(field);
            found.push(HeaderProposal { column, header: header.to_owned(), field, is_needed });
        }
    }
    found
}

/// The field whose name a header almost is: the nearest one, and of equally near ones one that is needed.
pub(crate) fn nearest(ledger: &Ledger, header: &str, taken: impl Fn(usize) -> bool) -> Option<usize> {
    let name = bare_name(header);
    let fields = ledger.fields.iter().enumerate();
    let free = fields.filter(|(index, field)| !taken(*index) && !field.own && field.role != Some(Role::Restricted));
    let distance = |field: &Field| {
        let almost = names(field).filter(|known| is_almost(&name, known, field.kind));
        almost.map(|known| strsim::damerau_levenshtein(&name, &known)).min()
    };
    let found = free.filter_map(|(index, field)| Some((distance(field)?, !ledger.judged.contains(index), index)));
    found.min().map(|(.., index)| index)
}

fn names(field: &Field) -> impl Iterator<Item = String> + '_ {
    let simple = field.aliases.iter().filter(|alias| !alias.contains('/'));
    std::iter::once(&field.title).chain(simple).map(|name| bare_name(name))
}

/// Words at the end of a header that are written one for another, by what the field holds, the longest first.
const ENDINGS_OF_DATES: [&str; 9] = ["具体时间", "时间安排", "年月日", "时间", "日期", "年月", "时限", "期限", "日"];
const ENDINGS_OF_AMOUNTS: [&str; 3] = ["金额", "总额", "额"];
const ENDINGS_OF_TEXTS: [&str; 4] = ["名称", "情况", "单位", "部门"];

fn endings(kind: FieldKind) -> &'static [&'static str] {
    match kind {
        FieldKind::Date { .. } => &ENDINGS_OF_DATES,
        FieldKind::Money => &ENDINGS_OF_AMOUNTS,
        FieldKind::Text => &ENDINGS_OF_TEXTS,
        FieldKind::Decimal | FieldKind::Int | FieldKind::Bool => &[],
    }
}

/// The fewest characters of a name that is known although something is added or left out.
const CHARS_MIN: usize = 4;

/// The most characters that are added or left out.
const ADDED_MAX: usize = 2;

/// Whether a header is almost the name of a field of a kind: it has another ending, its characters are in another order, or up to two are added or left out. A character in
/// place of another one means another thing (开工 and 完工).
fn is_almost(header: &str, name: &str, kind: FieldKind) -> bool {
    if header == name {
        return false;
    }
    let core = |text: &'_ str| -> String {
        let ending = endings(kind).iter().find_map(|ending| text.strip_suffix(ending)).filter(|rest| rest.chars().count() >= 2);
        ending.unwrap_or(text).to_owned()
    };
    if core(header) == core(name) && core(name).chars().count() >= 2 {
        return true;
    }
    let sorted = |text: &str| {
        let mut chars: Vec<char> = text.chars().collect();
        chars.sort_unstable();
        chars
    };
    let (one, other) = (header.chars().count(), name.chars().count());
    if one == other {
        return one >= CHARS_MIN && sorted(header) == sorted(name);
    }
    let (short, long) = if one < other { (header, name) } else { (name, header) };
    // a word behind a name makes another one of it: 形象进度说明
    one.min(other) >= CHARS_MIN && one.abs_diff(other) <= ADDED_MAX && !long.starts_with(short) && is_within(short, long)
}

/// Whether a text has the characters of another one in their order.
fn is_within(short: &str, long: &str) -> bool {
    let mut rest = long.chars();
    short.chars().all(|c| rest.any(|found| found == c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_almost_a_name_unless_it_means_another_thing() {
        for (header, name) in [
            ("合同总投资额", "合同投资额"),
            ("签约日期", "签约时间"),
            ("计划开工年月", "计划开工时间"),
            ("到位资金累计", "累计到位资金"),
            ("项目合同投资额", "合同投资额"),
            ("计划的开工时间", "计划开工时间"),
        ] {
            let kind = if name.ends_with("时间") { FieldKind::Date { planned: false } } else { FieldKind::Money };
            assert!(is_almost(header, name, kind), "{header}");
        }
        for (header, name) in [
            ("计划完工时间", "计划开工时间"),
            ("完工时间", "开工时间"),
            ("合同投资额", "合同投资额"),
            ("备注", "备注说明"),
            ("形象进度说明", "形象进度"),
            ("序号", "项目编号"),
            ("联系人", "责任人"),
            ("签约日", "签约金额"),
            ("履约情况", "履约时间"),
        ] {
            assert!([FieldKind::Money, FieldKind::Text].into_iter().all(|kind| !is_almost(header, name, kind)), "{header}");
        }
    }
}
