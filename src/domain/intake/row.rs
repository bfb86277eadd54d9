//! Reads the cells of one row of data by the sheet's header.

use crate::domain::intake::cell::{read_cell, struck};
use crate::domain::intake::data_merges::DataMerges;
use crate::domain::intake::date::from_1904;
use crate::domain::intake::fault::{CellFault, fatal, warning};
use crate::domain::intake::header::{Column, Header};
use crate::domain::intake::place_headings::PlaceHeadings;
use crate::domain::intake::raw::{CellsByColumn, Raw};
use crate::domain::intake::row_marks::RowStatement;
use crate::domain::register::ledger::{FieldKind, Ledger, Role};
use crate::domain::register::record::Cell;
use crate::domain::secrecy::{Marking, Polarity};
use chrono::NaiveDate;

/// The cells of a row as the values of its fields, with all that is wrong with them.
pub(crate) struct RowReading {
    /// One cell for each field of the ledger.
    pub record: Vec<Cell>,
    pub faults: Vec<FieldFault>,
    /// The whole row is struck out.
    pub struck: bool,
    /// The last column with content to the right of the header, where that means that the cells of the row are shifted.
    pub shifted: Option<u16>,
    /// Other columns with content and without header.
    pub unheaded: Vec<u16>,
    /// What the columns of secrecy mean together.
    pub marking: Marking,
    /// The column that decided it.
    pub marking_column: u16,
    /// What the other cells state.
    pub statement: RowStatement,
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
    /// The workbook counts its days from 1904, also those of cells without the format of a date.
    pub days_from_1904: bool,
    /// The places that the headings above the row name: of the division and of the place.
    pub headings: &'s PlaceHeadings,
}

impl RowReader<'_> {
    pub fn read(&self, cells: &[(u16, Raw<'_>)]) -> RowReading {
        let mut reading = RowReading {
            record: std::iter::repeat_with(|| Cell::Empty).take(self.ledger.fields.len()).collect(),
            faults: Vec::new(),
            struck: false,
            shifted: None,
            unheaded: Vec::new(),
            marking: Marking::None,
            marking_column: 0,
            statement: self.statement(cells.iter().map(|(column, raw)| (*column, raw))),
        };
        for (column, _) in cells.iter().filter(|(column, raw)| !self.header.is_headed(*column) && !raw.is_blank()) {
            if self.is_text_file && self.header.is_past_last_column(*column) {
                reading.shifted = Some(*column);
            } else {
                reading.unheaded.push(*column);
            }
        }
        let by_column = CellsByColumn::new(cells);
        for column in &self.header.columns {
            let shared = if self.merges.is_open() { self.merges.shared_value(column.column) } else { None };
            let Some(raw) = shared.or_else(|| by_column.get(column.column)) else { continue };
            match column.secrecy {
                None => self.read_field(column, raw, &mut reading),
                Some(polarity) => self.read_marking(column, polarity, raw, &mut reading),
            }
        }
        if self.merges.is_open() && reading.statement.restricting.is_none() {
            let shared = self.header.columns.iter().filter_map(|column| Some((column.column, self.merges.shared_value(column.column)?)));
            reading.statement.restricting = self.statement(shared).restricting;
        }
        if reading.shifted.is_some() {
            self.read_shifted_markings(cells, &mut reading);
        }
        self.headings.fill(self.ledger, self.header.present, &mut reading.record);
        if let Some(field) = self.ledger.role(Role::Restricted) {
            reading.record[field] = marking_cell(&reading.marking, self.ledger.fields[field].kind);
        }
        let is_struck = |raw: &Raw<'_>| matches!(raw, Raw::Struck(_)) || raw.is_blank();
        if reading.faults.len() > 1 && cells.iter().all(|(_, raw)| is_struck(raw)) {
            reading.faults.clear();
            reading.struck = true;
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

    /// What cells outside the columns of secrecy state.
    fn statement<'c>(&self, cells: impl Iterator<Item = (u16, &'c Raw<'c>)>) -> RowStatement {
        RowStatement::of(&self.ledger.secrecy, cells, &self.header.decided_by_header)
    }

    /// Reads a cell of secrecy. What cannot be read restricts the row.
    fn read_marking(&self, column: &Column, polarity: Polarity, raw: &Raw<'_>, reading: &mut RowReading) {
        let text = raw.display();
        let marking = match raw {
            Raw::Text(_) | Raw::Number(_) | Raw::Bool(_) => self.ledger.secrecy.read(polarity, &text),
            Raw::Date(..) | Raw::Error(_) | Raw::Uncalculated | Raw::Struck(_) => Marking::Marked(text.clone().into_owned()),
        };
        let fault = match (raw, &marking) {
            (Raw::Struck(_), _) => Some(struck()),
            (Raw::Uncalculated, _) => Some(fatal("文件中没有公式的计算结果", "请用Excel打开并保存一次，或粘贴为数值后再导入")),
            // the cell of a shifted row belongs to another column
            (_, Marking::Marked(_)) if reading.shifted.is_none() && !self.ledger.secrecy.is_known_marking(&text) => {
                Some(warning("看不出是否可以公开，按不便公开处理", "请填写“是”或“否”"))
            }
            _ => None,
        };
        if let Some(fault) = fault {
            reading.faults.push(FieldFault { field: column.field, column: column.column, raw: text.into_owned(), fault });
        }
        if marking > reading.marking {
            (reading.marking, reading.marking_column) = (marking, column.column);
        }
    }

    /// Reads the cells to the right of the first column of secrecy in a row whose cells are shifted: its mark may be in any of them.
    fn read_shifted_markings(&self, cells: &[(u16, Raw<'_>)], reading: &mut RowReading) {
        let Some(first) = self.header.columns.iter().filter(|column| column.secrecy.is_some()).map(|column| column.column).min() else {
            return;
        };
        for (column, raw) in cells.iter().filter(|(column, _)| *column > first) {
            let text = raw.display();
            let is_word = self.ledger.secrecy.is_known_marking(&text);
            let marking = if is_word { self.ledger.secrecy.read(Polarity::Marks, &text) } else { Marking::None };
            if marking > reading.marking {
                (reading.marking, reading.marking_column) = (marking, *column);
            }
        }
    }

    fn read_field(&self, column: &Column, shown: &Raw<'_>, reading: &mut RowReading) {
        let field = &self.ledger.fields[column.field];
        if let Raw::Struck(text) = shown {
            // code, name and unit of the row are named in its notes
            reading.record[column.field] =
                read_cell(field, &Raw::Text(text.as_ref().into()), column.money_power, self.today).map_or(Cell::Empty, |(value, _)| value);
            reading.faults.push(FieldFault { field: column.field, column: column.column, raw: text.as_ref().into(), fault: struck() });
            return;
        }
        let days = match shown {
            Raw::Number(number) if self.days_from_1904 && matches!(field.kind, FieldKind::Date { .. }) => from_1904(*number),
            _ => None,
        };
        let raw = days.map(Raw::Number);
        let raw = raw.as_ref().unwrap_or(shown);
        let fault = match read_cell(field, raw, column.money_power, self.today) {
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

/// A marking as the cell of its field.
fn marking_cell(marking: &Marking, kind: FieldKind) -> Cell {
    match (marking, kind) {
        (Marking::None, _) => Cell::Empty,
        (Marking::Open(_), FieldKind::Bool) => Cell::Bool(false),
        (Marking::Marked(_) | Marking::Classified, FieldKind::Bool) => Cell::Bool(true),
        (Marking::Open(text) | Marking::Marked(text), _) => Cell::Text(text.as_str().into()),
        // the file is refused
        (Marking::Classified, _) => Cell::Empty,
    }
}
