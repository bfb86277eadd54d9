//! Rows that stand in a file as they stood at the last pull: known by a mark, so they are counted and not read once more.
//!
//! Invariant: a mark is made of all that the reading of a row depends on, and only a row that was accepted without a word gets one.

use crate::config::load::Config;
use crate::domain::intake::sheet::SheetIntake;
use crate::store::open_versions::RowFingerprint;
use chrono::{Datelike, NaiveDate};
use xxhash_rust::xxh3::Xxh3Default;

/// What the rows of one sheet are read by. A mark has to tell rows apart, not to stand against whoever keeps the register: it takes the
/// quickest hash there is.
pub(crate) struct Manner(Xxh3Default);

impl Manner {
    /// The program, the configuration, the sheet's columns, and the year that bounds plausible dates; `None` until the header is found.
    pub fn of(config: &Config, sheet: &SheetIntake<'_>, today: NaiveDate) -> Option<Manner> {
        let ledger = sheet.ledger()?;
        let mut hash = Xxh3Default::new();
        let mut add = |part: &str| {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        };
        add(env!("DUBAN_READING"));
        for (path, text) in config.files_of_policy() {
            add(path);
            add(text);
        }
        add(&ledger.id);
        add(&today.year().to_string());
        for column in sheet.mapping() {
            add(&format!("{} {} {} {:?}", column.column, ledger.fields[column.field].id, column.money_power, column.unsupported_currency));
        }
        Some(Manner(hash))
    }

    /// The mark of a row with these cells, packed.
    pub fn mark(&self, cells: &[u8]) -> RowFingerprint {
        let mut hash = self.0.clone();
        hash.update(cells);
        hash.digest128().to_le_bytes()
    }
}
