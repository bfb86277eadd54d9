//! Finding the header: among the first rows, the block of one to three rows whose joined column paths name most fields of a ledger.

use crate::domain::intake::cell;
use crate::domain::intake::money;
use crate::domain::intake::money::MoneyUnit;
use crate::domain::intake::sheet::{Raw, RawRow};
use crate::domain::register::ledger::{Field, FieldKind, Ledger, Role};
use crate::domain::register::record::Columns;
use crate::workbook::model::APART;
use crate::workbook::sheets::records::sheet::CHOSEN;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Merged ranges of a sheet (from 0), from top to bottom.
#[derive(Clone, Debug, Default)]
pub struct Merges(Vec<(u32, u32, u32, u32)>);

impl Merges {
    pub fn new(mut ranges: Vec<(u32, u32, u32, u32)>) -> Merges {
        ranges.sort_unstable();
        Merges(ranges)
    }

    /// First row, first column, last row, last column of each.
    pub fn ranges(&self) -> &[(u32, u32, u32, u32)] {
        &self.0
    }

    /// The top-left cell of the range a cell lies in, or the cell itself.
    fn anchor(&self, row: u32, column: u32) -> (u32, u32) {
        self.0
            .iter()
            .take_while(|(top, ..)| *top <= row)
            .find(|(top, left, bottom, right)| (*top..=*bottom).contains(&row) && (*left..=*right).contains(&column))
            .map_or((row, column), |(top, left, ..)| (*top, *left))
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One mapped column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// From 0.
    pub column: u16,
    pub field: usize,
    /// Power of ten to 分 of a bare amount.
    pub money_power: i32,
    /// The unit of the amounts, where no amount in yuan can be made of it.
    pub foreign: Option<String>,
    /// What `money_power` was taken from.
    pub unit_from: UnitFrom,
}

/// What says in which unit a column of amounts is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnitFrom {
    /// No column of amounts.
    #[default]
    None,
    Header,
    /// A line above the header.
    Sheet,
    Ledger,
}

impl UnitFrom {
    pub fn title(self) -> &'static str {
        match self {
            UnitFrom::None => "",
            UnitFrom::Header => "表头注明",
            UnitFrom::Sheet => "表上方注明",
            UnitFrom::Ledger => "表中没有注明，按台账约定",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Header {
    /// As a person counts.
    pub first_row: u32,
    pub last_row: u32,
    /// In field order.
    pub columns: Vec<Column>,
    /// The fields of `columns`.
    pub present: Columns,
    /// Fields whose header stands over a second column too, with that column.
    pub repeated: Vec<(usize, u16)>,
    /// Letters and words of the columns that name no field.
    pub unknown: Vec<(String, String)>,
    /// Texts of the last header row by column, for recognising a repeated header.
    leaves: Vec<(u16, String)>,
    /// Whether a column has any header, from the first column on.
    headed: Vec<bool>,
    /// All words that name fields of the ledger, and which of them name the code.
    words: HashSet<String>,
    codes: Vec<String>,
}

impl Header {
    /// Whether a cell says what the header says above it.
    pub fn says(&self, column: u16, raw: &Raw<'_>) -> bool {
        let text = cell::key(&raw.display());
        self.leaves.iter().any(|(at, leaf)| *at == column && *leaf == text)
    }

    /// Whether any words stand over a column.
    pub fn is_over(&self, column: u16) -> bool {
        self.headed.get(usize::from(column)).copied().unwrap_or(false)
    }

    /// Whether a column lies behind the last one with words over it.
    pub fn ends_before(&self, column: u16) -> bool {
        usize::from(column) >= self.headed.len()
    }

    /// A row that is a header of the same ledger with its columns in another order: the column of its codes, where it has one.
    pub fn is_another(&self, cells: &[(u16, Raw<'_>)]) -> Option<Option<u16>> {
        let keys: Vec<(u16, String)> = cells.iter().map(|(column, raw)| (*column, bare_key(&raw.display()))).collect();
        let filled = keys.iter().filter(|(_, key)| !key.is_empty()).count();
        let known: BTreeSet<&str> = keys.iter().map(|(_, key)| key.as_str()).filter(|key| self.words.contains(*key)).collect();
        let is_header = known.len() >= 3 && known.len() * 2 > filled;
        is_header.then(|| keys.iter().find(|(_, key)| self.codes.contains(key)).map(|(column, _)| *column))
    }

    /// Whether the sheet is one that this service made of what it read. One that is filled in for a ledger, made of the rows of another,
    /// is none: it has every column of the ledger, and says of which it was made.
    pub fn is_of_own_list(&self, ledger: &Ledger, rows: &Rows) -> bool {
        let above = || rows.iter().filter(|row| row.number < self.first_row).flat_map(|row| &row.cells).map(|(_, raw)| raw.display());
        let made_of = || above().find_map(|text| Some(text.strip_prefix(CHOSEN)?.to_owned()));
        let whole = self.columns.len() == ledger.fields.len();
        above().any(|text| text.contains(APART)) && !(whole && made_of().is_some_and(|title| !title.starts_with(&ledger.title)))
    }

    /// A row of a form in which nothing was filled in.
    pub fn is_blank_form(&self, ledger: &Ledger, cells: &[(u16, Raw<'_>)]) -> bool {
        let filled = |field: &usize| {
            let column = self.columns.iter().find(|column| column.field == *field).map(|column| column.column);
            cells.iter().any(|(at, raw)| Some(*at) == column && !raw.display().trim().is_empty())
        };
        !ledger.form.is_empty() && !ledger.form.iter().any(filled)
    }

    /// A row that says the header again (each printed page).
    pub fn is_repeated(&self, cells: &[(u16, Raw<'_>)]) -> bool {
        let same = cells
            .iter()
            .filter(|(column, raw)| {
                let text = cell::key(&raw.display());
                !text.is_empty() && self.leaves.iter().any(|(at, leaf)| at == column && *leaf == text)
            })
            .count();
        same >= 3 && same * 2 > cells.len()
    }
}

/// `A`, `B`, … `AA`.
pub fn column_letters(column: u16) -> String {
    let mut letters = Vec::new();
    let mut rest = u32::from(column) + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'A' + (rest % 26) as u8));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

/// Header rows at most.
const HEIGHT_MAX: usize = 3;

type Rows = [RawRow<'static>];

/// What came nearest to a header where none was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    /// First row of it, as a person counts.
    pub row: u32,
    /// Title of the ledger it is nearest to.
    pub ledger: String,
    /// Titles of the required columns it lacks.
    pub missing: Vec<String>,
}

/// The best header among the rows: most fields mapped, all required ones among them; of equal ones the
/// lowest block, then the first.
///
/// # Errors
/// No block names all required columns of a ledger; what came nearest, if anything.
pub fn find<'a>(ledgers: &'a [Ledger], rows: &Rows, merges: &Merges) -> Result<(&'a Ledger, Header), Option<NearMiss>> {
    let mut near: Option<((usize, usize), NearMiss)> = None;
    let mut best: Option<((usize, usize), &Ledger, Header)> = None;
    let names: Vec<Names<'_>> = ledgers.iter().map(Names::new).collect();
    for start in 0..rows.len() {
        for height in 1..=HEIGHT_MAX.min(rows.len() - start) {
            let block = &rows[start..start + height];
            // rows of a header are neighbours
            if block.windows(2).any(|pair| pair[1].number != pair[0].number + 1) {
                break;
            }
            let words = paths(block, merges);
            let paths: Vec<Path> = words.iter().map(|(column, words)| Path::new(*column, words)).collect();
            let sheet_unit = sheet_unit(&rows[..start]);
            for names in &names {
                let (columns, repeated) = names.map(&paths, &sheet_unit);
                let ledger = names.ledger;
                let missing: Vec<String> = ledger
                    .fields
                    .iter()
                    .enumerate()
                    .filter(|(index, field)| field.required && !columns.iter().any(|column| column.field == *index))
                    .map(|(_, field)| field.title.clone())
                    .collect();
                // a title row above the header adds nothing: of equal blocks the lowest wins
                let score = (columns.len(), HEIGHT_MAX - height);
                // a sheet of something else may well name a project in two of its columns
                let known = score.0 >= SCORE_MIN && (score.0 * 2 >= paths.len() || score.0 == ledger.fields.len());
                if known && !missing.is_empty() && near.as_ref().is_none_or(|(most, _)| score > *most) {
                    near = Some((score, NearMiss { row: block[0].number, ledger: ledger.title.clone(), missing: missing.clone() }));
                }
                if !missing.is_empty() || !known || best.as_ref().is_some_and(|(known, ..)| *known >= score) {
                    continue;
                }
                let named =
                    |column: u16| columns.iter().any(|known| known.column == column) || repeated.iter().any(|(_, at)| *at == column);
                let unknown = words.iter().filter(|(column, _)| !named(*column));
                let unknown = unknown.map(|(column, words)| (column_letters(*column), words.join("/"))).collect();
                let leaves = paths.iter().filter_map(|path| Some((path.column, path.keys.last()?.clone()))).collect();
                best = Some((
                    score,
                    ledger,
                    Header {
                        present: columns.iter().map(|column| column.field).collect(),
                        first_row: block[0].number,
                        last_row: block[height - 1].number,
                        columns,
                        repeated,
                        unknown,
                        leaves,
                        headed: words.iter().fold(Vec::new(), |mut headed, (column, _)| {
                            headed.resize(usize::from(*column), false);
                            headed.push(true);
                            headed
                        }),
                        words: names.words.keys().cloned().collect(),
                        codes: ledger
                            .role(Role::Code)
                            .map(|code| names.words.iter().filter(|(_, field)| **field == code).map(|(word, _)| word.clone()).collect())
                            .unwrap_or_default(),
                    },
                ));
            }
        }
    }
    best.map(|(_, ledger, header)| (ledger, header)).ok_or(near.map(|(_, near)| near))
}

/// Columns a header must name at least.
const SCORE_MIN: usize = 2;

/// For each column the header words from top to bottom, merged cells expanded.
fn paths(block: &Rows, merges: &Merges) -> Vec<(u16, Vec<String>)> {
    let text_at = |row: u32, column: u32| -> Option<String> {
        let (row, column) = merges.anchor(row - 1, column);
        let cells = &block.iter().find(|found| found.number == row + 1)?.cells;
        let at = cells.binary_search_by_key(&(column as u16), |(index, _)| *index).ok()?;
        let text = cells[at].1.display().into_owned();
        (!text.trim().is_empty()).then_some(text)
    };
    let width = block.iter().flat_map(|row| row.cells.last().map(|(column, _)| *column)).max().unwrap_or(0);
    (0..=width)
        .map(|column| {
            let mut path: Vec<String> = Vec::new();
            for row in block {
                let number = row.number;
                let found = text_at(number, u32::from(column));
                // files without merge information: a parent stands over the blank cells to its right that have a leaf below
                let found = found.or_else(|| {
                    let is_leaf_row = number == block.last().map_or(0, |last| last.number);
                    if is_leaf_row || !merges.is_empty() {
                        return None;
                    }
                    (0..column).rev().find_map(|left| text_at(number, u32::from(left)))
                });
                if let Some(text) = found
                    && path.last() != Some(&text)
                {
                    path.push(text);
                }
            }
            (column, path)
        })
        .filter(|(_, path)| !path.is_empty())
        .collect()
}

type Mapped = (Vec<Column>, Vec<(usize, u16)>);

/// The header words of one column as they are compared: whole, and without a bracket behind them.
struct Path {
    column: u16,
    keys: Vec<String>,
    bare: Vec<String>,
    /// The leaf without a unit that ends it.
    unitless: Option<String>,
    unit: Option<MoneyUnit>,
}

impl Path {
    fn new(column: u16, words: &[String]) -> Path {
        Path {
            column,
            keys: words.iter().map(|text| cell::key(text)).collect(),
            bare: words.iter().map(|text| bare_key(text)).collect(),
            unitless: words.last().and_then(|leaf| Some(money::trailing_unit(&cell::key(leaf))?.0.to_owned())),
            unit: words
                .iter()
                .rev()
                .find_map(|text| unit_in_brackets(text))
                .or_else(|| Some(money::trailing_unit(&cell::key(words.last()?))?.1)),
        }
    }
}

/// The spellings a ledger's fields are known by.
struct Names<'a> {
    ledger: &'a Ledger,
    /// Titles and aliases; a title goes before another field's alias.
    words: HashMap<String, usize>,
    /// Aliases `parent/leaf`.
    paths: Vec<(String, String, usize)>,
}

impl Names<'_> {
    fn new(ledger: &Ledger) -> Names<'_> {
        let mut words = HashMap::new();
        let mut paths = Vec::new();
        for (index, field) in ledger.fields.iter().enumerate() {
            words.entry(cell::key(&field.title)).or_insert(index);
        }
        for (index, field) in ledger.fields.iter().enumerate() {
            for alias in &field.aliases {
                match alias.split_once('/') {
                    Some((parent, leaf)) => paths.push((cell::key(parent), cell::key(leaf), index)),
                    None => {
                        words.entry(cell::key(alias)).or_insert(index);
                    }
                }
            }
        }
        Names { ledger, words, paths }
    }

    fn map(&self, paths: &[Path], sheet_unit: &Option<MoneyUnit>) -> Mapped {
        let mut columns: Vec<Column> = Vec::new();
        let mut repeated = Vec::new();
        for path in paths {
            let Some(field) = self.field_of(path) else { continue };
            if columns.iter().any(|known| known.field == field) {
                repeated.push((field, path.column));
                continue;
            }
            let (unit, unit_from) = match (self.ledger.fields[field].kind, &path.unit, sheet_unit) {
                (FieldKind::Money, Some(unit), _) => (unit.clone(), UnitFrom::Header),
                (FieldKind::Money, None, Some(unit)) => (unit.clone(), UnitFrom::Sheet),
                (FieldKind::Money, None, None) => (MoneyUnit::Power(self.ledger.money_power), UnitFrom::Ledger),
                _ => (MoneyUnit::Power(0), UnitFrom::None),
            };
            let (money_power, foreign) = match unit {
                MoneyUnit::Power(power) => (power, None),
                MoneyUnit::Other(words) => (0, Some(words)),
            };
            columns.push(Column { column: path.column, field, money_power, foreign, unit_from });
        }
        columns.sort_by_key(|column| column.field);
        (columns, repeated)
    }

    /// The field a header path names: an alias `parent/leaf` by the end of the path, then the leaf as title or alias, then the leaf
    /// without its bracket.
    fn field_of(&self, path: &Path) -> Option<usize> {
        let (leaf, above) = path.keys.split_last()?;
        let (bare_leaf, bare_above) = path.bare.split_last()?;
        let by_path = self
            .paths
            .iter()
            .find(|(parent, last, _)| (leaf == last || bare_leaf == last) && (above.contains(parent) || bare_above.contains(parent)));
        let of_amounts = |field: &usize| self.ledger.fields[*field].kind == FieldKind::Money;
        by_path
            .map(|(.., field)| *field)
            .or_else(|| self.words.get(leaf).copied())
            .or_else(|| self.words.get(bare_leaf).copied())
            .or_else(|| self.words.get(path.unitless.as_ref()?).copied().filter(of_amounts))
    }
}

/// Of some fields the one whose title or alias comes nearest to a header that names none: one holds the other; the longest such wins.
pub fn nearest_field<'a>(fields: impl Iterator<Item = &'a Field>, header: &str) -> Option<&'a Field> {
    let leaf = cell::key(without_bracket(header.rsplit('/').next().unwrap_or(header)));
    let likeness = |field: &Field| {
        let spellings = std::iter::once(&field.title).chain(&field.aliases).map(|name| cell::key(name.rsplit('/').next().unwrap_or(name)));
        let alike = spellings.filter(|name| name.contains(&leaf) || leaf.contains(name.as_str()));
        // a single sign such as 县 is in too many words
        alike.map(|name| name.chars().count().min(leaf.chars().count())).filter(|length| *length > 1).max()
    };
    fields
        .filter_map(|field| Some((likeness(field)?, field)))
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, field)| field)
}

/// A header's word as it is compared, without the bracket behind it.
fn bare_key(text: &str) -> String {
    cell::key(without_bracket(text))
}

/// The text before a trailing bracket, with what is bracketed in it: `合同投资额（万元（人民币））` → `合同投资额`.
fn without_bracket(text: &str) -> &str {
    let mut depth = 0;
    for (at, c) in text.trim_end().char_indices().rev() {
        match c {
            ')' | '）' | ']' | '】' => depth += 1,
            '(' | '（' | '[' | '【' => depth -= 1,
            _ => {}
        }
        if depth <= 0 {
            let is_open = matches!(c, '(' | '（' | '[' | '【');
            return if is_open && at > 0 { &text[..at] } else { text };
        }
    }
    text
}

fn unit_in_brackets(text: &str) -> Option<MoneyUnit> {
    let inside = text.trim_end().strip_prefix(without_bracket(text)).unwrap_or_default();
    money::money_unit(inside)
}

/// `单位：亿元` in the rows above the header.
fn sheet_unit(rows: &Rows) -> Option<MoneyUnit> {
    rows.iter().flat_map(|row| &row.cells).find_map(|(_, raw)| match raw {
        Raw::Text(text) => {
            let key = cell::key(text);
            let at = key.find("单位:")?;
            money::money_unit(&key[at..])
        }
        _ => None,
    })
}
