//! Building one sheet: its head, its notes, and the figures and sums it adds to the workbook.

use crate::domain::judging::finding::State;
use crate::domain::rules::rule::Light;
use crate::workbook::model::{At, Column, Figure, FigureKey, Role, Sheet, Sum, Value, Workbook};
use crate::workbook::template::{SheetKind, SheetTemplate, Template};
use crate::workbook::visible::VisibleMaterial;

/// The most rows of a table on one sheet. Further rows go to a sheet of the same name with （2）.
pub(crate) const LIST_ROWS_MAX: usize = 1_000_000;

/// One sheet under construction, and the workbook that records its figures and sums.
pub(crate) struct SheetBuilder<'a, 'b> {
    pub(crate) visible: &'b VisibleMaterial<'a>,
    pub(crate) template: &'b Template,
    /// What the template declares of this sheet.
    pub(crate) declaration: &'b SheetTemplate,
    /// Index of this sheet in `included` and in the workbook.
    pub(crate) index: usize,
    /// Every sheet of the workbook, in order.
    pub(crate) included: &'b [&'b SheetTemplate],
    /// Notes on sheets that were left out because their data is missing.
    pub(crate) left_out: &'b [String],
    pub(crate) book: &'b mut Workbook<'a>,
}

impl<'a> SheetBuilder<'a, '_> {
    /// A sheet with columns, mark, title and subtitle; its table is added below them.
    pub(crate) fn start_sheet(&self, columns: Vec<Column>, subtitle: &str) -> Sheet<'a> {
        let declaration = self.declaration;
        let mut sheet = Sheet {
            name: declaration.name.clone(),
            landscape: declaration.landscape,
            paper: declaration.paper,
            pages_high: declaration.pages_high,
            columns,
            ..Sheet::default()
        };
        if !declaration.mark.is_empty() {
            sheet.banner(Role::Mark, declaration.mark.clone());
        }
        sheet.banner(Role::Title, self.visible.fill_in(&declaration.title, self.template));
        if !subtitle.is_empty() {
            sheet.banner(Role::Subtitle, subtitle);
            // the subtitle links back to the summary; the link is invisible in print
            let summary = self.included.iter().position(|sheet| matches!(sheet.kind, SheetKind::Summary { .. }));
            if let (Some(summary), Some(cell)) =
                (summary.filter(|summary| *summary < self.index), sheet.rows.last_mut().and_then(|row| row.cells.first_mut()))
            {
                *cell = Value::Link { text: cell.shown(), sheet: summary };
            }
        }
        sheet
    }

    /// Adds the notes below the table: the template's note, the number of items that are only counted, on the first sheet the data sources
    /// and the sheets that were left out, and the line for stamp and names.
    pub(crate) fn add_notes(&self, sheet: &mut Sheet<'_>) {
        if !self.declaration.note.is_empty() {
            sheet.banner(Role::Note, self.visible.fill_in(&self.declaration.note, self.template));
        }
        let only_counted = self.visible.only_counted();
        if only_counted > 0 {
            sheet.banner(Role::Note, format!("注：另有{only_counted}项不便列示。"));
        }
        if self.index == 0 {
            let provenance = self.visible.provenance(self.included);
            self.left_out.iter().cloned().chain(provenance).for_each(|text| sheet.banner(Role::Note, text));
        }
        if !self.declaration.sign.is_empty() {
            sheet.banner(Role::Address, self.visible.fill_in(&self.declaration.sign, self.template));
        }
    }

    /// Records that a cell prints a figure, so that the balance check can compare it with the other cells that print the same figure.
    pub(crate) fn record_figure(&mut self, key: FigureKey, row: usize, column: usize) {
        self.book.figures.push(Figure { key, at: At { sheet: self.index, row, column } });
    }

    /// Records that a cell prints the total of this name.
    pub(crate) fn record_total(&mut self, name: impl Into<String>, row: usize, column: usize) {
        self.record_figure(FigureKey::Total(name.into()), row, column);
    }

    /// Records that a cell prints how many findings of a rule there are in a state; `light: None` counts every light.
    pub(crate) fn record_finding_count(&mut self, rule: usize, state: State, light: Option<Light>, row: usize, column: usize) {
        self.record_figure(FigureKey::Findings { rule, state, light }, row, column);
    }

    /// Records that a cell is the sum of the cells of other rows in the same column.
    pub(crate) fn record_sum(&mut self, row: usize, part_rows: &[usize], column: usize) {
        let at = |row| At { sheet: self.index, row, column };
        self.book.sums.push(Sum { total: at(row), parts: part_rows.iter().map(|part| at(*part)).collect() });
    }

    /// Index of the sheet that lists a rule's open findings.
    pub(crate) fn list_sheet_of(&self, rule: usize) -> Option<usize> {
        self.included.iter().position(
            |sheet| matches!(&sheet.kind, SheetKind::List(list) if list.rules.contains(&rule) && list.states.contains(&State::Open)),
        )
    }
}
