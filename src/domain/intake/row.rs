//! Reads the cells of one row of data by the sheet's header.

use crate::domain::intake::cell::read_cell;
use crate::domain::intake::data_merges::DataMerges;
use crate::domain::intake::fault::CellFault;
use crate::domain::intake::header::{Column, Header};
use crate::domain::intake::raw::{Raw, cell_at};
use crate::domain::register::ledger::Ledger;
use crate::domain::register::record::Cell;
use chrono::NaiveDate;

/// The cells of a row as the values of its fields, with all that is wrong with them.
pub(crate) struct RowReading {
    /// One cell for each field of the ledger.
    pub record: Vec<Cell>,
    pub faults: Vec<FieldFault>,
    /// The last column with content to the right of the header, where that means that the cells of the row are shifted.
    pub shifted: Option<u16>,
    /// Other columns with content and without header.
    pub unheaded: Vec<u16>,
}

/// A problem of the cell of one field.
pub(crate) struct FieldFault {
    pub field: usize,
    pub column: u16,
    pub raw: String,
    pub fault: CellFault,
}

/// What a row is read by.
pub(crate) struct RowReader<'s> {
    pub ledger: &'s Ledger,
    pub header: &'s Header,
    /// At the row that is read.
    pub merges: &'s DataMerges,
    /// A text file has no sheets, and a comma too many shifts all cells behind it.
    pub is_text_file: bool,
    /// Bounds plausible dates.
    pub today: NaiveDate,
}

impl RowReader<'_> {
    pub fn read(&self, cells: &[(u16, Raw<'_>)]) -> RowReading {
        let mut reading =
            RowReading { record: vec![Cell::Empty; self.ledger.fields.len()], faults: Vec::new(), shifted: None, unheaded: Vec::new() };
        for (column, _) in cells.iter().filter(|(column, raw)| !self.header.is_headed(*column) && !raw.is_blank()) {
            if self.is_text_file && self.header.is_past_last_column(*column) {
                reading.shifted = Some(*column);
            } else {
                reading.unheaded.push(*column);
            }
        }
        for column in &self.header.columns {
            let shared = if self.merges.is_open() { self.merges.shared_value(column.column) } else { None };
            if let Some(raw) = shared.or_else(|| cell_at(cells, column.column)) {
                self.read_field(column, raw, &mut reading);
            }
        }
        if self.merges.is_open() {
            for cell in self.merges.ambiguous() {
                let (title, first, last) = (&self.ledger.fields[cell.field].title, cell.first, cell.last);
                let reason = format!("{title}在第{first}行至第{last}行合并为一格，分不清属于哪一行");
                let fault = CellFault { fatal: true, reason, hint: format!("请取消合并，逐行填写{title}") };
                reading.faults.push(FieldFault { field: cell.field, column: cell.column, raw: cell.raw, fault });
            }
        }
        reading
    }

    fn read_field(&self, column: &Column, raw: &Raw<'_>, reading: &mut RowReading) {
        let fault = match read_cell(&self.ledger.fields[column.field], raw, column.money_power, self.today) {
            Ok((value, warning)) => match &column.unsupported_currency {
                Some(unit) if !value.is_empty() => Some(CellFault {
                    fatal: true,
                    reason: format!("表头注明的单位是“{unit}”，不能作为人民币金额读取"),
                    hint: "请折合成人民币，并在表头写明亿元或万元".to_owned(),
                }),
                _ => {
                    reading.record[column.field] = value;
                    warning
                }
            },
            Err(fault) => Some(fault),
        };
        if let Some(fault) = fault {
            reading.faults.push(FieldFault { field: column.field, column: column.column, raw: raw.display().into_owned(), fault });
        }
    }
}
