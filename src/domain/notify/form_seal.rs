//! The keyed checks of a feedback form (HMAC with SHA-256): the seal of its number and the 校验码 of each row show that this service made
//! them, for which unit and day, and whether a row is as it was sent.

use chrono::NaiveDate;
use ring::hmac;

/// Letters and digits of a seal: without those that are easily confused, and without E, which makes a number of digits in a spreadsheet.
const ALPHABET: &[u8; 32] = b"ABCDFGHJKLMNPQRSTVWXYZ0123456789";
/// Characters of a seal, of five bits each: 80 bits.
const SEAL: usize = 16;
/// Characters of a mark that only shows whether something is as it was sent.
const MARK: usize = 8;
/// Characters of a mark that shows whether one cell is.
const CELL: usize = 4;

/// A key of the feedback forms. Its secret is never printed.
#[derive(Clone, Debug)]
pub struct FormKey {
    /// Its number in the table of keys.
    pub id: i64,
    key: hmac::Key,
}

impl FormKey {
    pub fn new(id: i64, secret: &[u8]) -> FormKey {
        FormKey { id, key: hmac::Key::new(hmac::HMAC_SHA256, secret) }
    }

    /// The key of forms that are made for a rehearsal and go to nobody; none of them is taken.
    pub fn of_nobody() -> FormKey {
        FormKey::new(0, &[])
    }

    /// The seal of the number of a unit's form.
    pub fn number_seal(&self, unit: &str, as_of: NaiveDate) -> String {
        self.code(SEAL, &["number", unit, &as_of.to_string()], &[])
    }

    /// The seal of a draft on the signing list: this run, this draft, these bytes.
    pub fn draft_seal(&self, run: &str, id: &str, bytes_sha256: &str) -> String {
        self.code(SEAL, &["draft", run, id, bytes_sha256], &[])
    }

    /// The 校验码 of a row as it is sent.
    pub fn row_check(&self, row: &SealedRow<'_>) -> String {
        let head = ["row", row.unit, &row.as_of.to_string(), row.ledger, row.code];
        let code = |kind: &'static str, count: usize, cells: &[(&str, String)]| {
            let mut parts = head.to_vec();
            parts[0] = kind;
            self.code(count, &parts, cells)
        };
        let seal = format!("{}-{}-{}", code("row", SEAL, &[]), code("facts", MARK, row.facts), code("cells", MARK, row.cells));
        format!("{seal}-{}-{}", code("name", CELL, row.name), code("findings", CELL, row.findings))
    }

    /// What a 校验码 shows of the row in which it came back.
    pub fn check(&self, row: &SealedRow<'_>, check: &str) -> RowCheck {
        let (ours, came) = (plain(&self.row_check(row)), plain(check));
        let is_equal = |from: usize, count: usize| came.len() == ours.len() && ours[from..from + count] == came[from..from + count];
        const CELLS: usize = SEAL + 2 * MARK;
        RowCheck {
            is_ours: is_equal(0, SEAL),
            has_facts_as_sent: is_equal(SEAL, MARK),
            is_untouched: is_equal(SEAL + MARK, MARK),
            has_name_as_sent: is_equal(CELLS, CELL),
            has_findings_as_sent: is_equal(CELLS + CELL, CELL),
        }
    }

    fn code(&self, count: usize, parts: &[&str], cells: &[(&str, String)]) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        let mut add = |text: &str| {
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        };
        parts.iter().for_each(|part| add(part));
        for (field, text) in cells {
            add(field);
            // programs break and trim lines differently
            add(&text.split_whitespace().collect::<String>());
        }
        let tag = context.sign();
        let bits = tag.as_ref().iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
        let bits: Vec<u8> = bits.take(count * 5).collect();
        bits.chunks(5).map(|five| char::from(ALPHABET[five.iter().fold(0, |sum, bit| sum << 1 | usize::from(*bit))])).collect()
    }
}

/// Letters and digits of a code as it was typed or printed.
pub fn plain(code: &str) -> Vec<u8> {
    code.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_uppercase()).collect()
}

/// What a 校验码 is reckoned from. Cells are pairs of field id and text.
pub struct SealedRow<'a> {
    /// Code of the unit.
    pub unit: &'a str,
    pub as_of: NaiveDate,
    /// Id of the ledger.
    pub ledger: &'a str,
    pub code: &'a str,
    /// The facts that the unit reads.
    pub facts: &'a [(&'a str, String)],
    /// Every cell.
    pub cells: &'a [(&'a str, String)],
    /// The name, and the findings in words.
    pub name: &'a [(&'a str, String)],
    pub findings: &'a [(&'a str, String)],
}

/// What the 校验码 of a returned row shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowCheck {
    /// This service made the row for this unit, day and record.
    pub is_ours: bool,
    pub has_facts_as_sent: bool,
    /// Every cell that is read is as it was sent.
    pub is_untouched: bool,
    pub has_name_as_sent: bool,
    /// The cell with the findings in words.
    pub has_findings_as_sent: bool,
}
