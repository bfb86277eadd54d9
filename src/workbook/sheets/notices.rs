//! 近期到期: one row per due date that is near.

use crate::domain::problem::ProblemsAt;
use crate::domain::register::period::chinese_date;
use crate::workbook::model::{Role, Row, Sheet, fit_heights};
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::sheets::kind::{Kind, Rows};
use crate::workbook::sheets::list::columns::{BuiltIn, ListColumn, has_columns, list_columns, project_if_shown};
use crate::workbook::sheets::list::sheet::head_row;
use crate::workbook::sheets::references::{References, ledgers_of, rules_named};
use crate::workbook::visible::VisibleMaterial;
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoticesKeys {
    rules: Option<Vec<String>>,
    #[serde(default)]
    columns: Vec<String>,
}

/// Which due dates the sheet lists, and how.
#[derive(Clone, Debug)]
pub struct Notices {
    /// Rule indices; `None` = all rules.
    rules: Option<Vec<usize>>,
    columns: Vec<ListColumn>,
}

impl Kind for Notices {
    type Keys = NoticesKeys;

    fn check(keys: NoticesKeys, references: &References<'_>, at: &mut ProblemsAt<'_>) -> Option<Notices> {
        if !has_columns(&keys.columns, at) {
            return None;
        }
        let policy = references.policy;
        let rules = keys.rules.as_deref().map(|rules| rules_named(rules, policy, at));
        let with_notice: Vec<usize> = (0..policy.rules.len()).filter(|rule| policy.rules[*rule].notice_days > 0).collect();
        let columns = list_columns(&keys.columns, &ledgers_of(&with_notice, policy), BuiltIn::is_of_finding, policy, at);
        Some(Notices { rules, columns })
    }

    fn build<'a>(&self, builder: &mut SheetBuilder<'a, '_>) -> Vec<Sheet<'a>> {
        vec![builder.notices(self)]
    }

    fn rows(&self, visible: &VisibleMaterial<'_>) -> Rows {
        Rows::listed_if(visible.notices_of(self.rules.as_deref()).next().is_some())
    }

    fn ledgers(&self, visible: &VisibleMaterial<'_>) -> BTreeSet<usize> {
        let policy = visible.policy();
        let listed = visible.notices_of(self.rules.as_deref()).map(|notice| policy.rules[notice.rule].ledger);
        listed.chain(project_if_shown(&self.columns, policy)).collect()
    }
}

impl<'a> SheetBuilder<'a, '_> {
    /// The sheet of due dates that are near.
    fn notices(&mut self, notices: &Notices) -> Sheet<'a> {
        let columns = &notices.columns;
        let mut body: Vec<Row> = self
            .visible
            .notices_of(notices.rules.as_deref())
            .enumerate()
            .map(|(index, notice)| self.visible.notice_row(columns, index + 1, notice))
            .collect();
        let (head, widths) = head_row(columns, &body);
        fit_heights(&mut body, &widths);
        let subtitle = format!("截至{}　　共{}件", chinese_date(self.visible.material.as_of), body.len());
        let mut sheet = self.start_sheet(widths, &subtitle);
        let head_at = sheet.rows.len();
        sheet.rows.push(head);
        if body.is_empty() {
            sheet.banner(Role::Note, "近期无到期事项。");
        } else {
            sheet.rows.append(&mut body);
            sheet.filter = Some((head_at, sheet.rows.len() - 1));
        }
        sheet.freeze = Some((head_at + 1, 0));
        sheet.repeat = Some((head_at, head_at));
        self.add_notes(&mut sheet);
        sheet
    }
}
