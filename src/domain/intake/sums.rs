//! The running sums of a sheet's money columns, for comparing with printed totals.

use crate::domain::intake::cell::read_cell;
use crate::domain::intake::header::{Column, Header};
use crate::domain::intake::raw::{Raw, cell_at};
use crate::domain::register::ledger::{FieldKind, Ledger};
use crate::domain::register::record::Cell;
use chrono::NaiveDate;

/// The word of a row that sums the rows since the previous total.
pub(crate) const SUBTOTAL: &str = "小计";

/// The sums of one money column, in 分.
#[derive(Clone, Debug)]
struct Sum {
    column: Column,
    total: i128,
    since_subtotal: i128,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Sums {
    sums: Vec<Sum>,
}

/// A printed total that differs from the rows above it.
pub(crate) struct WrongTotal {
    pub column: u16,
    pub field: usize,
    pub printed: String,
    /// The sum of the rows above, in 分.
    pub total: i128,
}

impl Sums {
    pub fn new(ledger: &Ledger, header: &Header) -> Sums {
        let money = header
            .columns
            .iter()
            .filter(|column| ledger.fields[column.field].kind == FieldKind::Money && column.unsupported_currency.is_none());
        Sums { sums: money.map(|column| Sum { column: column.clone(), total: 0, since_subtotal: 0 }).collect() }
    }

    /// Whether the cells of a column are summed.
    pub fn has_column(&self, column: u16) -> bool {
        self.sums.iter().any(|sum| sum.column.column == column)
    }

    /// Adds an accepted row.
    pub fn add(&mut self, record: &[Cell]) {
        for sum in &mut self.sums {
            sum.add(&record[sum.column.field]);
        }
    }

    /// Adds a row that was accepted at an earlier pull.
    pub fn add_cells(&mut self, ledger: &Ledger, cells: &[(u16, Raw<'_>)], today: NaiveDate) {
        for sum in &mut self.sums {
            if let Some(money) = sum.read(ledger, cells, today) {
                sum.add(&money);
            }
        }
    }

    /// The totals of a row that match neither the sum of the whole sheet nor the sum since the previous total. Begins the next subtotal.
    pub fn compare(&mut self, ledger: &Ledger, cells: &[(u16, Raw<'_>)], word: &str, today: NaiveDate) -> Vec<WrongTotal> {
        let mut wrong = Vec::new();
        // Excel counts the rows of a group, or their mean, in the same place
        if ["计数", "平均值", "最大值", "最小值"].iter().any(|other| word.ends_with(other)) {
            return wrong;
        }
        for sum in &mut self.sums {
            let Some(Cell::Money(printed)) = sum.read(ledger, cells, today) else { continue };
            // printed amounts are rounded: a difference of 1 万元 or of a ten-thousandth of the sum is tolerated
            let near = |total: i128| (i128::from(printed) - total).abs() <= (total.abs() / 10_000).max(1_000_000);
            if !near(sum.total) && !near(sum.since_subtotal) {
                let is_of_group = word.ends_with(SUBTOTAL) || word.ends_with("汇总");
                let total = if is_of_group { sum.since_subtotal } else { sum.total };
                let printed = sum.raw(cells).map(|raw| raw.display().into_owned()).unwrap_or_default();
                wrong.push(WrongTotal { column: sum.column.column, field: sum.column.field, printed, total });
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
        cell_at(cells, self.column.column)
    }

    fn read(&self, ledger: &Ledger, cells: &[(u16, Raw<'_>)], today: NaiveDate) -> Option<Cell> {
        let read = read_cell(&ledger.fields[self.column.field], self.raw(cells)?, self.column.money_power, today);
        read.ok().map(|(cell, _)| cell)
    }
}
