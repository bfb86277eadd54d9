//! Finds the header of a sheet: among the first rows, the block of one to three rows whose column paths name most fields of a ledger.
//!
//! A column path is the texts over one column from top to bottom, such as `合同投资额` / `外资（万元）`, with merged cells expanded.

use crate::domain::intake::header::{Column, DoubtfulColumn, DuplicateColumn, Header, UnitFrom, has_all_fields};
use crate::domain::intake::header_name::{bare_name, beside_name, name_forms, without_bracket};
use crate::domain::intake::header_proposal::{nearest, proposals};
use crate::domain::intake::merges::{Merges, MergesOfRows, column_letters};
use crate::domain::intake::money::{MoneyUnit, money_unit, trailing_unit};
use crate::domain::intake::raw::{Raw, RawRow, cell_at};
use crate::domain::intake::text::{normalize_name, shortened};
use crate::domain::register::ledger::{Field, FieldKind, Ledger, Role};
use crate::domain::register::record::Columns;
use crate::domain::secrecy::{Polarity, compared_header};
use std::collections::HashMap;

/// The most rows of a header.
const HEIGHT_MAX: usize = 3;

/// A longer text is no header, but a title or a piece of prose.
const HEADER_BYTES_MAX: usize = 6000;

/// A longer text is no header over several columns.
const PARENT_BYTES_MAX: usize = 600;

/// The most columns without field whose headers the account of a sheet names, and the most characters of such a header.
const UNKNOWN_MAX: usize = 100;
const UNKNOWN_CHARS_MAX: usize = 120;

/// The fewest columns that a header must name.
const FIELDS_MIN: usize = 2;

type Rows = [RawRow<'static>];

/// The block of rows that is most like a header although a required column is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NearMiss {
    /// Its first row, from 1.
    pub row: u32,
    /// Title of the ledger it is most like.
    pub ledger: String,
    /// Titles of the required columns that are missing; empty = too few of its columns are known.
    pub missing: Vec<String>,
    /// Its columns with a header, and how many of them are known.
    pub columns: (usize, usize),
    /// Headers that are almost those of missing columns, each with the title.
    pub almost: Vec<(String, String)>,
}

/// How good a block is as a header: the fields it names, then the rows it leaves out of [`HEIGHT_MAX`]. A title above the header adds no field,
/// so of two blocks with the same fields the lower one is better.
type Score = (usize, usize);

/// The best header among the rows: most fields mapped, all required ones among them; of equal blocks the one with fewest rows, then the first.
///
/// # Errors
/// No block names all required columns of a ledger; the nearest miss, if there is one.
pub(crate) fn find<'a>(ledgers: &'a [Ledger], rows: &Rows, merges: &Merges) -> Result<(&'a Ledger, Header), Option<NearMiss>> {
    let mut near: Option<(Score, NearMiss)> = None;
    let mut best: Option<(Score, &Ledger, Header)> = None;
    let names: Vec<FieldNames<'_>> = ledgers.iter().map(FieldNames::new).collect();
    let merges = merges.of_rows(rows.iter().map(|row| row.number.saturating_sub(1)));
    let mut unit_above = None;
    for start in 0..rows.len() {
        for height in 1..=HEIGHT_MAX.min(rows.len() - start) {
            let block = &rows[start..start + height];
            // the rows of a header are neighbours
            if block.windows(2).any(|pair| pair[1].number != pair[0].number + 1) {
                break;
            }
            let texts = header_texts(block, &merges);
            let paths: Vec<ColumnPath> = texts.iter().map(|(column, texts)| ColumnPath::new(*column, texts)).collect();
            for names in &names {
                let mapping = names.map(&paths, &unit_above);
                let score = (mapping.columns.len(), HEIGHT_MAX - height);
                // a sheet of another kind may name a project in two of its columns
                if score.0 < FIELDS_MIN {
                    continue;
                }
                let missing = names.missing_required(&mapping);
                let is_known = score.0 * 2 >= paths.len() || has_all_fields(names.ledger, mapping.present());
                // what is almost known is none of a sheet of another kind
                let is_like = is_known || missing.is_empty() && (score.0 + names.almost_known(&paths, &mapping)) * 2 >= paths.len();
                if is_like != missing.is_empty() && near.as_ref().is_none_or(|(most, _)| score > *most) {
                    let almost = names.almost_required(&paths, &mapping);
                    let (row, ledger, missing) = (block[0].number, names.ledger.title.clone(), missing.clone());
                    near = Some((score, NearMiss { row, ledger, missing, columns: (paths.len(), score.0), almost }));
                }
                if !missing.is_empty() || !is_like || best.as_ref().is_some_and(|(most, ..)| *most >= score) {
                    continue;
                }
                best = Some((score, names.ledger, names.header(block, &texts, &paths, mapping)));
            }
        }
        unit_above = unit_above.or_else(|| unit_line(&rows[start]));
    }
    best.map(|(_, ledger, header)| (ledger, header)).ok_or(near.map(|(_, near)| near))
}

/// For each column with a header its texts from top to bottom, merged cells expanded.
fn header_texts(block: &Rows, merges: &MergesOfRows) -> Vec<(u16, Vec<String>)> {
    let text_at = |row: u32, column: u32| -> Option<String> {
        let (row, column) = merges.anchor(row.saturating_sub(1), column);
        let cells = &block.iter().find(|found| found.number == row + 1)?.cells;
        let text = cell_at(cells, column as u16)?.display();
        (text.len() <= HEADER_BYTES_MAX && !text.trim().is_empty()).then(|| text.into_owned())
    };
    let width = block.iter().flat_map(|row| row.cells.last().map(|(column, _)| *column)).max().unwrap_or(0);
    let leaf_row = block.last().map_or(0, |last| last.number);
    // of each row the last text to the left
    let mut parents: Vec<Option<String>> = vec![None; block.len()];
    (0..=width)
        .map(|column| {
            let mut texts: Vec<String> = Vec::new();
            for (row, parent) in block.iter().zip(&mut parents) {
                let found = text_at(row.number, u32::from(column));
                // without merge information, a parent text applies to the empty cells to its right
                let applies = row.number != leaf_row && merges.is_empty();
                if applies && found.is_some() {
                    *parent = found.clone().filter(|text| text.len() <= PARENT_BYTES_MAX);
                }
                let found = found.or_else(|| parent.clone().filter(|_| applies));
                if let Some(text) = found
                    && texts.last() != Some(&text)
                {
                    texts.push(text);
                }
            }
            (column, texts)
        })
        .filter(|(_, texts)| !texts.is_empty())
        .collect()
}

/// The header texts of one column in the forms in which they are compared.
struct ColumnPath {
    column: u16,
    names: Vec<String>,
    /// `names` without what templates put around them.
    bare_names: Vec<String>,
    /// The last name from the whole text to the bare name.
    leaf_forms: Vec<String>,
    /// The last name without the unit at its end.
    unitless: Option<String>,
    unit: Option<MoneyUnit>,
}

impl ColumnPath {
    fn new(column: u16, texts: &[String]) -> ColumnPath {
        let bare_names: Vec<String> = texts.iter().map(|text| bare_name(text)).collect();
        let trailing = bare_names.last().and_then(|leaf| trailing_unit(leaf));
        ColumnPath {
            column,
            names: texts.iter().map(|text| normalize_name(text)).collect(),
            leaf_forms: texts.last().map(|leaf| name_forms(leaf)).unwrap_or_default(),
            unitless: trailing.as_ref().map(|(words, _)| (*words).to_owned()),
            unit: texts.iter().rev().find_map(|text| money_unit(&beside_name(text))).or(trailing.map(|(_, unit)| unit)),
            bare_names,
        }
    }
}

impl ColumnPath {
    /// The header in the forms by which it may be one of secrecy: the last name with and without its bracket, and the whole path.
    fn forms(&self) -> [String; 3] {
        let last = |names: &[String]| names.last().cloned().unwrap_or_default();
        [last(&self.names), last(&self.bare_names), self.names.join("/")]
    }
}

/// The columns of a block as fields of one ledger.
struct ColumnMapping {
    /// In field order.
    columns: Vec<Column>,
    duplicates: Vec<DuplicateColumn>,
}

impl ColumnMapping {
    /// The fields that a column is mapped to.
    fn present(&self) -> Columns {
        self.columns.iter().map(|column| column.field).collect()
    }
}

/// The normalized names of a ledger's fields.
struct FieldNames<'a> {
    ledger: &'a Ledger,
    /// Titles and aliases; the title of one field takes precedence over the alias of another.
    names: HashMap<String, usize>,
    /// Aliases of the form `parent/leaf`.
    paths: Vec<(String, String, usize)>,
}

impl<'a> FieldNames<'a> {
    fn new(ledger: &'a Ledger) -> FieldNames<'a> {
        let mut names = HashMap::new();
        let mut paths = Vec::new();
        // a column of a source never holds what only events set
        for (index, field) in ledger.fields.iter().enumerate().filter(|(_, field)| !field.own) {
            names.entry(normalize_name(&field.title)).or_insert(index);
        }
        for (index, field) in ledger.fields.iter().enumerate() {
            for alias in &field.aliases {
                match alias.split_once('/') {
                    Some((parent, leaf)) => paths.push((normalize_name(parent), normalize_name(leaf), index)),
                    None => {
                        names.entry(normalize_name(alias)).or_insert(index);
                    }
                }
            }
        }
        FieldNames { ledger, names, paths }
    }

    fn map(&self, paths: &[ColumnPath], sheet_unit: &Option<MoneyUnit>) -> ColumnMapping {
        let mut columns: Vec<Column> = Vec::new();
        let mut duplicates = Vec::new();
        for path in paths {
            if let Some((field, polarity)) = self.secrecy_of(path) {
                let unit_from = UnitFrom::None;
                let column =
                    Column { column: path.column, field, money_power: 0, unsupported_currency: None, unit_from, secrecy: Some(polarity) };
                columns.push(column);
                continue;
            }
            let Some(field) = self.field_of(path) else { continue };
            if columns.iter().any(|known| known.field == field) {
                duplicates.push(DuplicateColumn { field, column: path.column });
                continue;
            }
            let (unit, unit_from) = match (self.ledger.fields[field].kind, &path.unit, sheet_unit) {
                (FieldKind::Money, Some(unit), _) => (unit.clone(), UnitFrom::Header),
                (FieldKind::Money, None, Some(unit)) => (unit.clone(), UnitFrom::Sheet),
                (FieldKind::Money, None, None) => (MoneyUnit::Power(self.ledger.money_power), UnitFrom::Ledger),
                _ => (MoneyUnit::Power(0), UnitFrom::None),
            };
            let (money_power, unsupported_currency) = match unit {
                MoneyUnit::Power(power) => (power, None),
                MoneyUnit::Unsupported(words) => (0, Some(words)),
            };
            columns.push(Column { column: path.column, field, money_power, unsupported_currency, unit_from, secrecy: None });
        }
        columns.sort_by_key(|column| column.field);
        ColumnMapping { columns, duplicates }
    }

    /// The field that a column path names. Tried in this order: what the office has decided, an alias `parent/leaf` at the end of the path, the last name as title or alias,
    /// from the whole text to the bare name, and for amounts the bare name without its unit.
    fn field_of(&self, path: &ColumnPath) -> Option<usize> {
        let (_, above) = path.names.split_last()?;
        let (_, bare_above) = path.bare_names.split_last()?;
        let is_above = |parent: &String| above.contains(parent) || bare_above.contains(parent);
        let by_path = self.paths.iter().find(|(parent, last, _)| path.leaf_forms.contains(last) && is_above(parent));
        let is_money = |field: &usize| self.ledger.fields[*field].kind == FieldKind::Money;
        let decided = || {
            let forms = path.leaf_forms.iter().map(|form| compared_header(form));
            forms
                .into_iter()
                .find_map(|form| self.ledger.decided_headers.iter().find(|(header, _)| *header == form).map(|(_, field)| *field))
        };
        let by_decision = if self.ledger.decided_headers.is_empty() { None } else { decided() };
        by_decision
            .or(by_path.map(|(.., field)| *field))
            .or_else(|| path.leaf_forms.iter().find_map(|form| self.names.get(form).copied()))
            .or_else(|| self.names.get(path.unitless.as_ref()?).copied().filter(is_money))
    }

    /// The secrecy field, if a column is one of secrecy, with what a yes in it means.
    fn secrecy_of(&self, path: &ColumnPath) -> Option<(usize, Polarity)> {
        let field = self.ledger.role(Role::Restricted)?;
        let listed = path.forms().iter().find_map(|form| self.ledger.secrecy.polarity(form));
        let listed = listed.or_else(|| self.ledger.secrecy.polarity_of_choice(&path.bare_names));
        let polarity = listed.or_else(|| (self.field_of(path) == Some(field)).then_some(Polarity::Marks));
        Some((field, polarity?))
    }

    /// Titles of the required fields that no column is mapped to.
    fn missing_required(&self, mapping: &ColumnMapping) -> Vec<String> {
        let fields = self.ledger.fields.iter().enumerate();
        fields
            .filter(|(index, field)| field.required && !mapping.columns.iter().any(|column| column.field == *index))
            .map(|(_, field)| field.title.clone())
            .collect()
    }

    /// How many headers without a field are almost the name of one.
    fn almost_known(&self, paths: &[ColumnPath], mapping: &ColumnMapping) -> usize {
        let is_mapped = |column: u16| mapping.columns.iter().any(|known| known.column == column);
        let free = paths.iter().filter(|path| !is_mapped(path.column));
        proposals(self.ledger, mapping.present(), free.filter_map(|path| Some((path.column, path.names.last()?.as_str())))).len()
    }

    /// The headers that are almost those of required fields without a column, each with the title of the field.
    fn almost_required(&self, paths: &[ColumnPath], mapping: &ColumnMapping) -> Vec<(String, String)> {
        let is_mapped = |column: u16| mapping.columns.iter().any(|known| known.column == column);
        let is_taken = |index: usize| {
            let field = &self.ledger.fields[index];
            !field.required || mapping.columns.iter().any(|column| column.field == index)
        };
        let free = paths.iter().filter(|path| !is_mapped(path.column)).filter_map(|path| path.names.last());
        free.filter_map(|header| Some((header.clone(), self.ledger.fields[nearest(self.ledger, header, is_taken)?].title.clone())))
            .collect()
    }

    /// The header of a block that names all required fields.
    fn header(&self, block: &Rows, texts: &[(u16, Vec<String>)], paths: &[ColumnPath], mapping: ColumnMapping) -> Header {
        let present = mapping.present();
        let ColumnMapping { columns, duplicates } = mapping;
        let is_mapped = |column: u16| {
            columns.iter().any(|known| known.column == column) || duplicates.iter().any(|duplicate| duplicate.column == column)
        };
        let unknown = texts.iter().filter(|(column, _)| !is_mapped(*column));
        let listed = |texts: &[String]| {
            let mut text = texts.join("/");
            shortened(&mut text, UNKNOWN_CHARS_MAX);
            text
        };
        let unknown = unknown.take(UNKNOWN_MAX).map(|(column, texts)| (column_letters(*column), listed(texts))).collect();
        let free = paths.iter().filter(|path| !is_mapped(path.column) && !self.ledger.secrecy.is_ignored(&path.forms()));
        let headers = free.filter_map(|path| Some((path.column, path.names.last()?.as_str())));
        let proposals = proposals(self.ledger, present, headers);
        let doubtful = paths.iter().filter(|path| !is_mapped(path.column));
        let doubtful = doubtful.filter(|path| self.ledger.secrecy.is_doubtful(&path.forms()));
        let doubtful = doubtful.map(|path| DoubtfulColumn { column: path.column, header: path.names.last().cloned().unwrap_or_default() });
        let doubtful: Vec<DoubtfulColumn> = doubtful.collect();
        let secrecy = columns.iter().filter(|column| column.secrecy.is_some()).map(|column| column.column);
        let ignored = paths.iter().filter(|path| self.ledger.secrecy.is_ignored(&path.forms())).map(|path| path.column);
        let decided_by_header = secrecy.chain(ignored).chain(doubtful.iter().map(|column| column.column)).collect();
        let code = self.ledger.role(Role::Code);
        let code_names = self.names.iter().filter(|(_, field)| Some(**field) == code).map(|(name, _)| name.clone()).collect();
        Header {
            present,
            first_row: block.first().map_or(0, |row| row.number),
            last_row: block.last().map_or(0, |row| row.number),
            columns,
            duplicates,
            unknown,
            proposals,
            doubtful,
            decided_by_header,
            leaves: paths.iter().filter_map(|path| Some((path.column, path.names.last()?.clone()))).collect(),
            headed: texts.iter().fold(Vec::new(), |mut headed, (column, _)| {
                headed.resize(usize::from(*column), false);
                headed.push(true);
                headed
            }),
            names: self.names.keys().cloned().collect(),
            code_names,
        }
    }
}

/// Of some fields the one whose title or alias is most like a header that names no field: one of the two contains the other, and the longest
/// common part wins.
pub(crate) fn nearest_field<'a>(fields: impl Iterator<Item = &'a Field>, header: &str) -> Option<&'a Field> {
    let leaf = normalize_name(without_bracket(header.rsplit('/').next().unwrap_or(header)));
    let likeness = |field: &Field| {
        let names = std::iter::once(&field.title).chain(&field.aliases).map(|name| normalize_name(name.rsplit('/').next().unwrap_or(name)));
        let alike = names.filter(|name| name.contains(&leaf) || leaf.contains(name.as_str()));
        // a single character is part of too many names
        alike.map(|name| name.chars().count().min(leaf.chars().count())).filter(|length| *length > 1).max()
    };
    fields
        .filter_map(|field| Some((likeness(field)?, field)))
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, field)| field)
}

/// The unit in a line above the header, such as `单位：亿元`.
fn unit_line(row: &RawRow<'_>) -> Option<MoneyUnit> {
    row.cells.iter().find_map(|(_, raw)| match raw {
        Raw::Text(text) => {
            let text = normalize_name(text);
            let at = text.find("单位:")?;
            money_unit(&text[at..])
        }
        _ => None,
    })
}
