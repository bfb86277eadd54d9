//! Templates (报表模板): the sheets of a workbook and their contents, already checked against the policy.

use crate::domain::audience::Audience;
use crate::domain::judging::finding::State;
use crate::workbook::sheet_frame::SheetFrame;
use crate::workbook::sheets::kinds::SheetKind;

/// One `report-templates/NAME.toml`.
#[derive(Clone, Debug, Default)]
pub struct Template {
    /// File stem.
    pub name: String,
    pub title: String,
    pub subject: String,
    pub keywords: String,
    /// File name with `{title}`, `{as_of}` and `{unit}`.
    pub file: String,
    pub sheets: Vec<SheetTemplate>,
    /// The workbook goes to someone outside the offices, who fills it in.
    pub third_party: bool,
}

impl Template {
    /// Who reads the workbook that the office makes of the template.
    pub fn audience(&self) -> Audience {
        if self.third_party { Audience::ThirdParty } else { Audience::Office }
    }

    /// How many lists show every finding of a rule in a state. A list with one row per project shows only some and is not counted.
    pub fn lists_of(&self, rule: usize, state: State) -> usize {
        let lists = self.sheets.iter().filter_map(|sheet| if let SheetKind::List(list) = &sheet.kind { Some(list) } else { None });
        lists.filter(|list| !list.fold && list.rules.contains(&rule) && list.states.contains(&state)).count()
    }
}

/// One `[[sheet]]` of a template.
#[derive(Clone, Debug)]
pub struct SheetTemplate {
    pub frame: SheetFrame,
    pub kind: SheetKind,
}
