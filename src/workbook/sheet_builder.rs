//! Building one sheet: its head, its notes, and the figures and sums it adds to the workbook.

use crate::domain::judging::finding::State;
use crate::workbook::model::{At, Column, Figure, FigureKey, Role, Sheet, Sum, Value, Workbook};
use crate::workbook::template::{SheetKind, SheetTemplate, Template};
use crate::workbook::visible::VisibleMaterial;

/// The most rows of findings one sheet takes; what is more goes to a sheet （2）.
pub(crate) const LIST_ROWS_MAX: usize = 1_000_000;

/// One sheet under construction, with the book whose figures it adds to.
pub(crate) struct SheetBuilder<'a, 'b> {
    pub(crate) visible: &'b VisibleMaterial<'a>,
    pub(crate) template: &'b Template,
    pub(crate) declaration: &'b SheetTemplate,
    pub(crate) index: usize,
    pub(crate) included: &'b [&'b SheetTemplate],
    /// What is said of sheets that could not be made.
    pub(crate) left_out: &'b [String],
    pub(crate) book: &'b mut Workbook<'a>,
}

impl<'a> SheetBuilder<'a, '_> {
    /// A sheet with its columns, mark, title and subtitle; the table follows.
    pub(crate) fn head(&self, columns: Vec<Column>, subtitle: &str) -> Sheet<'a> {
        let mut sheet = Sheet {
            name: self.declaration.name.clone(),
            landscape: self.declaration.landscape,
            paper: self.declaration.paper,
            columns,
            ..Sheet::default()
        };
        sheet.pages_high = self.declaration.pages_high;
        if !self.declaration.mark.is_empty() {
            sheet.banner(Role::Mark, self.declaration.mark.clone());
        }
        sheet.banner(Role::Title, self.visible.fill_in(&self.declaration.title, self.template));
        if !subtitle.is_empty() {
            sheet.banner(Role::Subtitle, subtitle);
            // from a list back to the figures that lead to it; on paper nothing of it is seen
            let summary = self.included.iter().position(|sheet| matches!(sheet.kind, SheetKind::Summary { .. }));
            if let (Some(to), Some(cell)) =
                (summary.filter(|to| *to < self.index), sheet.rows.last_mut().and_then(|row| row.cells.first_mut()))
            {
                *cell = Value::Link { text: cell.shown(), sheet: to };
            }
        }
        sheet
    }

    pub(crate) fn note(&self, sheet: &mut Sheet<'_>) {
        if !self.declaration.note.is_empty() {
            sheet.banner(Role::Note, self.visible.fill_in(&self.declaration.note, self.template));
        }
        let withheld = self.visible.withheld();
        if withheld > 0 {
            sheet.banner(Role::Note, format!("注：另有{withheld}项不便列示。"));
        }
        if self.index == 0 {
            let provenance = self.visible.provenance(self.included);
            self.left_out.iter().cloned().chain(provenance).for_each(|text| sheet.banner(Role::Note, text));
        }
        if !self.declaration.sign.is_empty() {
            sheet.banner(Role::Address, self.visible.fill_in(&self.declaration.sign, self.template));
        }
    }

    pub(crate) fn figure(&mut self, key: FigureKey, row: usize, column: usize) {
        self.book.figures.push(Figure { key, at: At { sheet: self.index, row, column } });
    }

    pub(crate) fn total(&mut self, key: impl Into<String>, row: usize, column: usize) {
        self.figure(FigureKey::Total(key.into()), row, column);
    }

    pub(crate) fn sum(&mut self, row: usize, parts: &[usize], column: usize) {
        let at = |row| At { sheet: self.index, row, column };
        self.book.sums.push(Sum { total: at(row), parts: parts.iter().map(|part| at(*part)).collect() });
    }

    /// The sheet that lists a rule's open findings.
    pub(crate) fn sheet_of(&self, rule: usize) -> Option<usize> {
        self.included.iter().position(
            |sheet| matches!(&sheet.kind, SheetKind::List(list) if list.rules.contains(&rule) && list.states.contains(&State::Open)),
        )
    }
}
