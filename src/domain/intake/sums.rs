//! The running sums of a sheet's money columns, for comparing with printed totals.

use crate::domain::intake::cell::read_cell;
use crate::domain::intake::header::{Column, Header};
use crate::domain::intake::sheet::{Raw, SUBTOTAL};
use crate::domain::register::ledger::{FieldKind, Ledger};
use crate::domain::register::record::Cell;
use chrono::NaiveDate;

/// One money column. Amounts in 分.
#[derive(Clone, Debug)]
struct Sum {
    column: Column,
    total: i128,
    since_subtotal: i128,
}

#[derive(Clone, Debug, Default)]
pub struct Sums {
    sums: Vec<Sum>,
    columns: Vec<u16>,
}

/// A printed total that is none.
pub struct Wrong {
    pub column: u16,
    pub field: usize,
    pub printed: String,
    /// What the rows above come to, 分.
    pub total: i128,
}

impl Sums {
    pub fn new(ledger: &Ledger, header: &Header) -> Sums {
        let money = header.columns.iter().filter(|column| ledger.fields[column.field].kind == FieldKind::Money && column.foreign.is_none());
        let sums: Vec<Sum> = money.map(|column| Sum { column: column.clone(), total: 0, since_subtotal: 0 }).collect();
        Sums { columns: sums.iter().map(|sum| sum.column.column).collect(), sums }
    }

    /// The columns that are summed.
    pub fn columns(&self) -> &[u16] {
        &self.columns
    }

    /// Adds an accepted row.
    pub fn add(&mut self, record: &[Cell]) {
        for sum in &mut self.sums {
            sum.add(&record[sum.column.field]);
        }
    }

    /// Adds a row of which only the cells of [`Sums::columns`] are given.
    pub fn add_cells(&mut self, ledger: &Ledger, cells: &[(u16, Raw<'_>)], today: NaiveDate) {
        for sum in &mut self.sums {
            if let Some(money) = sum.read(ledger, cells, today) {
                sum.add(&money);
            }
        }
    }

    /// The totals of a row that differ from the rows above it: from the whole sheet, and from those since the last subtotal.
    pub fn compare(&mut self, ledger: &Ledger, cells: &[(u16, Raw<'_>)], word: &str, today: NaiveDate) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        for sum in &mut self.sums {
            let Some(Cell::Money(printed)) = sum.read(ledger, cells, today) else { continue };
            // printed totals are rounded: half of the last printed digit per row is noise, a ten-thousandth of the sum is not
            let near = |total: i128| (i128::from(printed) - total).abs() <= (total.abs() / 10_000).max(1_000_000);
            if !near(sum.total) && !near(sum.since_subtotal) {
                let total = if word == SUBTOTAL { sum.since_subtotal } else { sum.total };
                let printed = sum.raw(cells).map(|raw| raw.display().into_owned()).unwrap_or_default();
                wrong.push(Wrong { column: sum.column.column, field: sum.column.field, printed, total });
            }
            sum.since_subtotal = 0;
        }
        wrong
    }
}

impl Sum {
    fn add(&mut self, cell: &Cell) {
        if let Cell::Money(fen) = cell {
            self.total += i128::from(*fen);
            self.since_subtotal += i128::from(*fen);
        }
    }

    fn raw<'c, 'r>(&self, cells: &'c [(u16, Raw<'r>)]) -> Option<&'c Raw<'r>> {
        let found = cells.binary_search_by_key(&self.column.column, |(index, _)| *index).ok()?;
        Some(&cells[found].1)
    }

    fn read(&self, ledger: &Ledger, cells: &[(u16, Raw<'_>)], today: NaiveDate) -> Option<Cell> {
        let read = read_cell(&ledger.fields[self.column.field], self.raw(cells)?, self.column.money_power, today);
        read.ok().map(|(cell, _)| cell)
    }
}
