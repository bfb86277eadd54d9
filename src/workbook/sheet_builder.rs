//! Building one sheet: its head, its notes, and the figures and sums it adds to the workbook.

use crate::domain::judging::finding::State;
use crate::domain::rules::rule::Light;
use crate::workbook::model::{At, Column, Figure, FigureKey, Role, Sheet, Sum, Value, Workbook};
use crate::workbook::sheet_frame::SheetFrame;
use crate::workbook::visible::VisibleMaterial;
use std::collections::BTreeMap;

/// The most rows of a table on one sheet. Further rows go to a sheet of the same name with （2）.
pub(crate) const LIST_ROWS_MAX: usize = 1_000_000;

/// What the sheets of a workbook need to know of each other.
pub(crate) struct Contents<'b> {
    /// Every sheet, in order.
    pub(crate) frames: Vec<&'b SheetFrame>,
    /// Index of the summary.
    pub(crate) summary: Option<usize>,
    /// Index of the cover.
    pub(crate) cover: Option<usize>,
    /// Index of the first sheet that lists the open findings of a rule, by rule.
    pub(crate) lists: BTreeMap<usize, usize>,
    /// Notes of the first sheet: sheets that were left out because their data is missing, and the data sources.
    pub(crate) notes: Vec<String>,
}

/// One sheet under construction, and the workbook that records its figures and sums.
pub(crate) struct SheetBuilder<'a, 'b> {
    pub(crate) visible: &'b VisibleMaterial<'a>,
    /// Title of the template, with placeholders.
    pub(crate) title: &'b str,
    /// What the template declares of this sheet.
    pub(crate) frame: &'b SheetFrame,
    /// Index of this sheet in the contents and in the workbook.
    pub(crate) index: usize,
    pub(crate) contents: &'b Contents<'b>,
    pub(crate) book: &'b mut Workbook<'a>,
}

impl<'a> SheetBuilder<'a, '_> {
    /// A text of the template with its placeholders filled in.
    pub(crate) fn fill_in(&self, text: &str) -> String {
        self.visible.fill_in(text, self.title)
    }

    /// A sheet with columns, mark, title and subtitle; its table is added below them.
    pub(crate) fn start_sheet(&self, columns: Vec<Column>, subtitle: &str) -> Sheet<'a> {
        let frame = self.frame;
        let mut sheet = Sheet {
            name: frame.name.clone(),
            landscape: frame.landscape,
            paper: frame.paper,
            pages_high: frame.pages_high,
            columns,
            ..Sheet::default()
        };
        self.add_first_lines(&mut sheet);
        sheet.banner(Role::Title, self.fill_in(&frame.title));
        if !subtitle.is_empty() {
            sheet.subtitle(subtitle);
            // the subtitle links back to the summary; the link is invisible in print
            let summary = self.contents.summary.filter(|summary| *summary < self.index);
            if let (Some(summary), Some(cell)) = (summary, sheet.rows.last_mut().and_then(|row| row.cells.first_mut())) {
                *cell = Value::Link { text: cell.shown(), sheet: summary };
            }
        }
        sheet
    }

    /// Adds what is above the title: of which day old data are, and the mark.
    pub(crate) fn add_first_lines(&self, sheet: &mut Sheet<'_>) {
        let data_line = self.visible.material.data_line;
        if !data_line.is_empty() {
            sheet.banner(Role::Note, data_line.to_owned());
        }
        if !self.frame.mark.is_empty() {
            sheet.banner(Role::Mark, self.frame.mark.clone());
        }
    }

    /// Adds the notes below the table: the template's note, the number of items that are only counted, on the first sheet the data sources
    /// and the sheets that were left out, and the line for stamp and names.
    pub(crate) fn add_notes(&self, sheet: &mut Sheet<'_>) {
        if !self.frame.note.is_empty() {
            sheet.banner(Role::Note, self.fill_in(&self.frame.note));
        }
        let only_counted = self.visible.only_counted();
        if only_counted > 0 {
            sheet.banner(Role::Note, format!("注：另有{only_counted}件不便列示。"));
        }
        if self.index == 0 {
            self.contents.notes.iter().for_each(|text| sheet.banner(Role::Note, text.clone()));
        }
        if !self.frame.sign.is_empty() {
            sheet.banner(Role::Address, self.fill_in(&self.frame.sign));
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
}
