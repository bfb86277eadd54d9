//! Fingerprints of rows. A row whose fingerprint the previous pull stored has not changed, so it is counted and not read. The child that takes a file in makes
//! them.
//!
//! Invariant: a fingerprint covers everything that the reading of a row depends on, and it is stored only for a row that was accepted without a
//! note.

use crate::config::load::Config;
use crate::domain::intake::sheet::SheetIntake;
use crate::store::open_versions::RowFingerprint;
use chrono::{Datelike, NaiveDate};
use xxhash_rust::xxh3::Xxh3Default;

/// The hash of the program and the configuration that decide about a row.
pub(crate) fn reading_of(config: &Config) -> RowFingerprint {
    let mut hash = Xxh3Default::new();
    add_part(&mut hash, env!("DUBAN_READING"));
    for (path, text) in config.files_of_policy() {
        add_part(&mut hash, path);
        add_part(&mut hash, text);
    }
    hash.digest128().to_le_bytes()
}

fn add_part(hash: &mut Xxh3Default, part: &str) {
    hash.update(&(part.len() as u64).to_le_bytes());
    hash.update(part.as_bytes());
}

/// Makes the fingerprints of the rows of one sheet. They distinguish rows and need not resist forgery, so the hash is a fast one.
pub(crate) struct RowFingerprinter(Xxh3Default);

impl RowFingerprinter {
    /// Hashes the program and the configuration (`reading`), the sheet's columns, and the year that bounds plausible dates; `None` until the
    /// header is found.
    pub fn of(reading: &RowFingerprint, sheet: &SheetIntake<'_>, today: NaiveDate) -> Option<RowFingerprinter> {
        let ledger = sheet.ledger()?;
        let mut hash = Xxh3Default::new();
        hash.update(reading);
        let mut add = |part: &str| add_part(&mut hash, part);
        add(&ledger.id);
        add(&today.year().to_string());
        add(if sheet.has_days_from_1904() { "1904" } else { "1900" });
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
