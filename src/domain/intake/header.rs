//! The header of a sheet: which column holds which field, and which later rows are headers themselves.

use crate::domain::intake::header_name::bare_name;
use crate::domain::intake::header_proposal::HeaderProposal;
use crate::domain::intake::raw::{Raw, RawRow};
use crate::domain::intake::text::normalize_name;
use crate::domain::own_sheet::{self, SELECTION_PREFIX};
use crate::domain::register::ledger::{Ledger, Role};
use crate::domain::register::record::Columns;
use crate::domain::secrecy::{Polarity, Secrecy};
use std::collections::{BTreeSet, HashSet};

/// A column that is mapped to a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// From 0.
    pub column: u16,
    pub field: usize,
    /// The power of ten from an amount without unit to 分.
    pub money_power: i32,
    /// The unit of the amounts where it cannot be converted to yuan: a foreign currency, or two units at once.
    pub unsupported_currency: Option<String>,
    /// Where `money_power` was taken from.
    pub unit_from: UnitFrom,
    /// What a yes in the column means, where it is one of secrecy. A sheet may have several of them: the strictest cell of a row counts.
    pub secrecy: Option<Polarity>,
}

/// A column whose header names no field and may be one of secrecy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DoubtfulColumn {
    pub column: u16,
    /// The header, by which the office decides about it.
    pub header: String,
}

/// Where the unit of a column of amounts is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnitFrom {
    /// The column holds no amounts.
    #[default]
    None,
    Header,
    /// A line above the header.
    Sheet,
    /// Nowhere in the file; the ledger's configured unit is taken.
    Ledger,
}

impl UnitFrom {
    pub(crate) fn title(self) -> &'static str {
        match self {
            UnitFrom::None => "",
            UnitFrom::Header => "表头注明",
            UnitFrom::Sheet => "表上方注明",
            UnitFrom::Ledger => "表中没有注明，按台账约定",
        }
    }
}

/// A further column with the header of a field that another column is mapped to already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DuplicateColumn {
    pub field: usize,
    pub column: u16,
}

/// The columns of a second header that are looked at in the rows below it, which are not read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SecondHeader {
    /// Of the code, where it has one.
    pub code_column: Option<u16>,
    /// Of secrecy, each with what a yes means.
    pub secrecy: Vec<(u16, Polarity)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Header {
    /// From 1.
    pub first_row: u32,
    pub last_row: u32,
    /// In field order.
    pub columns: Vec<Column>,
    /// The fields of `columns`.
    pub present: Columns,
    pub duplicates: Vec<DuplicateColumn>,
    /// Letters and words of the columns whose header names no field.
    pub unknown: Vec<(String, String)>,
    /// Those of them that are almost the name of a field.
    pub proposals: Vec<HeaderProposal>,
    /// Those of them that may mark rows as restricted, and about which the office has not decided.
    pub doubtful: Vec<DoubtfulColumn>,
    /// The columns of secrecy, those of `doubtful`, and those about which the office has decided that they are none.
    pub decided_by_header: Vec<u16>,
    /// Normalized texts of the last header row by column.
    pub leaves: Vec<(u16, String)>,
    /// For each column up to the last one with a header, whether it has a header.
    pub headed: Vec<bool>,
    /// All normalized names of the ledger's fields.
    pub names: HashSet<String>,
    /// Those of `names` that name the code.
    pub code_names: Vec<String>,
}

impl Header {
    /// The sheet's column of a field, if it has one.
    pub fn column_of(&self, field: usize) -> Option<u16> {
        self.columns.iter().find(|column| column.field == field).map(|column| column.column)
    }

    /// The sheet's column of the field with a role, if there is one.
    pub fn column_of_role(&self, ledger: &Ledger, role: Role) -> Option<u16> {
        self.column_of(ledger.role(role)?)
    }

    /// The text of the last header row over a column; empty where there is none.
    pub fn leaf(&self, column: u16) -> &str {
        self.leaves.iter().find(|(at, _)| *at == column).map_or("", |(_, leaf)| leaf)
    }

    /// Whether a cell holds the same text as the last header row above it.
    pub fn matches_leaf(&self, column: u16, raw: &Raw<'_>) -> bool {
        let text = normalize_name(&raw.display());
        self.leaves.iter().any(|(at, leaf)| *at == column && *leaf == text)
    }

    /// Whether a column has a header.
    pub fn is_headed(&self, column: u16) -> bool {
        self.headed.get(usize::from(column)).copied().unwrap_or(false)
    }

    /// Whether a column lies to the right of the last one with a header.
    pub fn is_past_last_column(&self, column: u16) -> bool {
        usize::from(column) >= self.headed.len()
    }

    /// Whether a row is a second header, of the same ledger with its columns in another order: at least three field names that are more than
    /// half of its filled cells. `Some` holds the new columns of the code and of secrecy.
    pub fn second_header(&self, secrecy: &Secrecy, cells: &[(u16, Raw<'_>)]) -> Option<SecondHeader> {
        let texts: Vec<(u16, String)> = cells.iter().map(|(column, raw)| (*column, bare_name(&raw.display()))).collect();
        let filled = texts.iter().filter(|(_, text)| !text.is_empty()).count();
        let known: BTreeSet<&str> = texts.iter().map(|(_, text)| text.as_str()).filter(|text| self.names.contains(*text)).collect();
        let is_header = known.len() >= 3 && known.len() * 2 > filled;
        is_header.then(|| SecondHeader {
            code_column: texts.iter().find(|(_, text)| self.code_names.contains(text)).map(|(column, _)| *column),
            secrecy: texts.iter().filter_map(|(column, text)| Some((*column, secrecy.polarity(text)?))).collect(),
        })
    }

    /// Whether this service made the sheet as a list of records: it has the mark, or its file has the property. A sheet with every column of
    /// this ledger that was made of another ledger's rows is a form to fill in and no such list.
    pub fn is_own_list(&self, ledger: &Ledger, rows: &[RawRow<'static>], property: &str) -> bool {
        let above = || rows.iter().filter(|row| row.number < self.first_row).flat_map(|row| &row.cells).map(|(_, raw)| raw.display());
        let made_of = || above().find_map(|text| Some(text.strip_prefix(SELECTION_PREFIX)?.to_owned()));
        let has_all_fields = has_all_fields(ledger, self.present);
        (own_sheet::is_own_list(property) || above().any(|text| own_sheet::has_mark(&text)))
            && !(has_all_fields && made_of().is_some_and(|title| !title.starts_with(&ledger.title)))
    }

    /// Whether no field of the ledger's form is filled in. Always `false` for a ledger without form.
    pub fn is_unfilled(&self, ledger: &Ledger, cells: &[(u16, Raw<'_>)]) -> bool {
        let filled = |field: &usize| {
            let column = self.column_of(*field);
            cells.iter().any(|(at, raw)| Some(*at) == column && !raw.display().trim().is_empty())
        };
        !ledger.append_only.is_empty() && !ledger.append_only.iter().any(filled)
    }

    /// Whether a row repeats the header, as printed pages do: at least three cells that are more than half of its cells.
    pub fn is_repeated(&self, cells: &[(u16, Raw<'_>)]) -> bool {
        let same =
            cells.iter().filter(|(column, raw)| !normalize_name(&raw.display()).is_empty() && self.matches_leaf(*column, raw)).count();
        same >= 3 && same * 2 > cells.len()
    }
}

/// Whether every field of a ledger has a column. That of secrecy may be missing: forms for others do not ask for it.
pub(crate) fn has_all_fields(ledger: &Ledger, present: Columns) -> bool {
    let secrecy = ledger.role(Role::Restricted);
    (0..ledger.fields.len()).all(|field| present.contains(field) || secrecy == Some(field) || ledger.fields[field].own)
}
