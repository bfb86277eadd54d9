//! The rows of a ledger at its previous pull, as the child that takes a file in knows them: with them it recognises unchanged rows as the store does
//! ([`SnapshotWriter::add_unchanged`], which has the last word).
//!
//! [`SnapshotWriter::add_unchanged`]: crate::store::snapshot_writer::SnapshotWriter::add_unchanged

use crate::domain::register::codes::Codes;
use crate::domain::register::packed::append;
use crate::store::open_versions::RowFingerprint;
use std::io::{Error, Result};

/// The rows of one ledger, in the order of the previous file.
#[derive(Default)]
pub(crate) struct KnownRows {
    /// The fingerprint of each code; `None` = its row is read at every pull.
    rows: Codes<Option<RowFingerprint>>,
    /// The index behind the row that came last.
    next: usize,
    /// Which of them this file has.
    seen: Vec<bool>,
}

impl KnownRows {
    /// # Errors
    /// The bytes are not those of [`pack`].
    pub fn unpack(mut bytes: &[u8]) -> Result<KnownRows> {
        let mut known = KnownRows::default();
        while !bytes.is_empty() {
            let ((code, fingerprint), rest) = postcard::take_from_bytes::<(&str, Option<RowFingerprint>)>(bytes).map_err(Error::other)?;
            known.rows.insert(code, fingerprint).map_err(|_| Error::other("too many known rows"))?;
            known.seen.push(false);
            bytes = rest;
        }
        Ok(known)
    }

    /// Whether any row could now be an unchanged one.
    pub fn expects_unchanged(&self) -> bool {
        self.rows.at(self.next).is_some_and(|(_, known)| known.is_some()) && !self.seen[self.next]
    }

    /// Takes the row that followed the last one in the previous file, if it has this fingerprint: it is unchanged.
    pub fn take_unchanged(&mut self, fingerprint: RowFingerprint) -> bool {
        let Some((_, known)) = self.rows.at(self.next) else { return false };
        if *known != Some(fingerprint) || self.seen[self.next] {
            return false;
        }
        self.seen[self.next] = true;
        self.next += 1;
        true
    }

    /// Notes that the file has an accepted row of a code.
    pub fn add(&mut self, code: &str) {
        if let Some(index) = self.rows.index(code)
            && !std::mem::replace(&mut self.seen[index], true)
        {
            self.next = index + 1;
        }
    }
}

/// Packs the known rows for the child.
///
/// # Errors
/// A row cannot be packed.
pub(crate) fn pack<'a>(rows: impl Iterator<Item = (&'a str, Option<RowFingerprint>)>) -> std::result::Result<Vec<u8>, postcard::Error> {
    let mut bytes = Vec::new();
    for row in rows {
        append(&mut bytes, &row)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_recognised_in_the_order_of_the_previous_file() {
        let rows = [("A", Some([1; 16])), ("B", None), ("C", Some([3; 16])), ("D", Some([4; 16]))];
        let mut known = KnownRows::unpack(&pack(rows.into_iter()).unwrap()).unwrap();
        assert!(known.expects_unchanged());
        assert!(known.take_unchanged([1; 16]) && !known.take_unchanged([1; 16]), "each row once");
        assert!(!known.take_unchanged([3; 16]) && !known.expects_unchanged(), "B is read at every pull");
        known.add("B");
        known.add("E");
        assert!(known.take_unchanged([3; 16]) && known.take_unchanged([4; 16]));
        known.add("A");
        assert!(!known.take_unchanged([3; 16]), "the file has it already");
    }
}
