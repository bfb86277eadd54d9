//! The names on the tabs of a workbook: what spreadsheet programs take for one.

use crate::domain::plain_text::within_units;
use std::collections::BTreeSet;

/// The most UTF-16 units of a name.
pub(crate) const UNITS_MAX: usize = 31;

/// A name that Excel keeps for itself.
const RESERVED: &str = "History";

/// Room for the number of a name that others have too.
const NUMBER_UNITS: usize = 6;

fn is_forbidden(c: char) -> bool {
    c.is_control() || matches!(c, '[' | ']' | ':' | '*' | '?' | '/' | '\\' | '\u{fffe}' | '\u{ffff}')
}

/// Whether spreadsheet programs take a text as the name of a tab.
pub(crate) fn is_tab_name(name: &str) -> bool {
    !name.trim().is_empty()
        && within_units(name, UNITS_MAX).len() == name.len()
        && !name.contains(is_forbidden)
        && !name.starts_with('\'')
        && !name.ends_with('\'')
        && !name.eq_ignore_ascii_case(RESERVED)
}

/// By what names of tabs are compared: a workbook has no two that differ in capitals only.
pub(crate) fn compared_tab(name: &str) -> String {
    name.to_lowercase()
}

/// The text as a name of a tab, with another sign in the place of one that no name holds.
fn as_tab_name(text: &str) -> String {
    let name: String = text.chars().map(|c| if is_forbidden(c) { '_' } else { c }).collect();
    let name = within_units(&name, UNITS_MAX).trim().trim_matches('\'').trim();
    match name {
        "" => "_".to_owned(),
        reserved if reserved.eq_ignore_ascii_case(RESERVED) => format!("{reserved}_"),
        name => name.to_owned(),
    }
}

/// Names that one workbook takes, as near to these as it can be. A name that is fine stays.
pub(crate) fn tab_names<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut known = BTreeSet::new();
    let distinct = |wanted: &str| {
        let name = if is_tab_name(wanted) { wanted.to_owned() } else { as_tab_name(wanted) };
        let numbered = |number: usize| format!("{}（{number}）", within_units(&name, UNITS_MAX - NUMBER_UNITS));
        let name = std::iter::once(name.clone()).chain((2..).map(numbered)).find(|name| known.insert(compared_tab(name)));
        name.unwrap_or_default()
    };
    names.map(distinct).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_becomes_a_name_of_its_own() {
        let long = "责任单位反馈情况".repeat(5);
        let rare = "𠮷".repeat(20);
        let wanted = [
            "项目/合同台账",
            "项目:合同台账",
            "History",
            "REPORT",
            "Report",
            "报表'",
            "'报表",
            "",
            " ",
            "\u{1}",
            &long,
            &long,
            &rare,
            "a[1]*?\\",
        ];
        let names = tab_names(wanted.into_iter());
        assert!(names.iter().all(|name| is_tab_name(name)), "{names:?}");
        let distinct: BTreeSet<String> = names.iter().map(|name| compared_tab(name)).collect();
        assert_eq!(distinct.len(), wanted.len(), "{names:?}");
        assert_eq!(&names[..5], ["项目_合同台账", "项目_合同台账（2）", "History_", "REPORT", "Report（2）"]);
        let fine = ["封面说明", "a'b", "2026年"];
        assert_eq!(tab_names(fine.into_iter()), fine);
    }
}
