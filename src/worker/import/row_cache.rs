//! Fingerprints of rows. A row whose fingerprint the previous pull stored has not changed, so it is counted and not read.
//!
//! Invariant: a fingerprint covers everything that the reading of a row depends on, and it is stored only for a row that was accepted without a
//! note.

use crate::config::load::Config;
use crate::domain::intake::sheet::SheetIntake;
use crate::store::open_versions::RowFingerprint;
use chrono::{Datelike, NaiveDate};
use xxhash_rust::xxh3::Xxh3Default;

/// Makes the fingerprints of the rows of one sheet. They distinguish rows and need not resist forgery, so the hash is a fast one.
pub(crate) struct RowFingerprinter(Xxh3Default);

impl RowFingerprinter {
    /// Hashes the program, the configuration, the sheet's columns, and the year that bounds plausible dates; `None` until the header is
    /// found.
    pub fn of(config: &Config, sheet: &SheetIntake<'_>, today: NaiveDate) -> Option<RowFingerprinter> {
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
            let (field, currency) = (&ledger.fields[column.field].id, &column.unsupported_currency);
            add(&format!("{} {field} {} {currency:?} {:?}", column.column, column.money_power, column.secrecy));
        }
        Some(RowFingerprinter(hash))
    }

    /// The fingerprint of a row with these packed cells.
    pub fn fingerprint(&self, cells: &[u8]) -> RowFingerprint {
        let mut hash = self.0.clone();
        hash.update(cells);
        hash.digest128().to_le_bytes()
    }
}
