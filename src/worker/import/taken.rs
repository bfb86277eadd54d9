//! What the child that takes a file in is to do, and what it sends: frames in postcard format. What is sent back is hostile: a frame holds no list,
//! and whoever reads it bounds its numbers and texts.

use crate::domain::intake::note::{Note, NoteKind, SheetAccount};
use crate::domain::intake::row_marks::{ClassifiedPlace, MarkedRows, RowMark};
use crate::domain::intake::rows::SheetEnd;
use crate::domain::notify::feedback::FormNumber;
use crate::domain::register::ledger::Ledger;
use crate::domain::register::record::Columns;
use crate::domain::register::units::Units;
use crate::domain::secrecy::Secrecy;
use crate::source::frame::FrameWriter;
use crate::store::open_versions::RowFingerprint;
use chrono::{Datelike, NaiveDate};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;

/// What a file is taken in as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Purpose {
    Register,
    /// A feedback form.
    Form,
}

/// What a child that takes in gets to know.
#[derive(Serialize, Deserialize)]
pub(crate) struct Task<'a> {
    pub purpose: Purpose,
    /// Those that the file may hold.
    ledgers: Cow<'a, [Ledger]>,
    secrecy: Secrecy,
    pub units: Cow<'a, Units>,
    /// Bounds plausible dates.
    pub today: NaiveDate,
    /// The most rows with data of all sheets.
    pub data_rows_max: u32,
    /// The hash of the program and the configuration that decide about a row.
    pub reading: RowFingerprint,
}

impl<'a> Task<'a> {
    pub fn new(
        purpose: Purpose,
        ledgers: &'a [Ledger],
        units: &'a Units,
        today: NaiveDate,
        data_rows_max: u32,
        reading: RowFingerprint,
    ) -> Task<'a> {
        let secrecy = ledgers.first().map_or_else(Secrecy::default, |ledger| Secrecy::clone(&ledger.secrecy));
        Task { purpose, ledgers: Cow::Borrowed(ledgers), secrecy, units: Cow::Borrowed(units), today, data_rows_max, reading }
    }

    /// # Errors
    /// The task cannot be packed.
    pub fn pack(&self) -> Result<Vec<u8>, postcard::Error> {
        postcard::to_allocvec(self)
    }

    /// # Errors
    /// The bytes are no task.
    pub fn unpack(bytes: &[u8]) -> Result<Task<'static>, postcard::Error> {
        let mut task: Task<'static> = postcard::from_bytes(bytes)?;
        let secrecy = Arc::new(task.secrecy.clone());
        for ledger in task.ledgers.to_mut() {
            ledger.secrecy = Arc::clone(&secrecy);
        }
        Ok(task)
    }

    pub fn ledgers(&self) -> &[Ledger] {
        &self.ledgers
    }
}

/// Bytes, which serde would send one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes<'a>(pub &'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bytes<'a>, D::Error> {
        struct Borrowed;
        impl<'de> Visitor<'de> for Borrowed {
            type Value = &'de [u8];

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<&'de [u8], E> {
                Ok(bytes)
            }
        }
        deserializer.deserialize_bytes(Borrowed).map(Bytes)
    }
}

/// A note on the sheet being read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PackedNote<'a> {
    kind: NoteKind,
    row: u32,
    #[serde(borrow)]
    texts: [&'a str; 9],
    restricted: bool,
}

impl<'a> From<&'a Note> for PackedNote<'a> {
    fn from(note: &'a Note) -> PackedNote<'a> {
        let Note { kind, sheet: _, row, cell, field, code, name, unit, raw, reason, hint, restricted, project } = note;
        PackedNote { kind: *kind, row: *row, texts: [cell, field, code, name, unit, raw, reason, hint, project], restricted: *restricted }
    }
}

impl PackedNote<'_> {
    /// The note, on this sheet of the file; `None` = the store could not hold it.
    pub fn on(&self, sheet: u32) -> Option<Note> {
        if self.texts.iter().any(|text| text.len() > TEXT_BYTES_MAX || text.contains('\0')) {
            return None;
        }
        let [cell, field, code, name, unit, raw, reason, hint, project] = self.texts.map(str::to_owned);
        let PackedNote { kind, row, restricted, .. } = *self;
        Some(Note { kind, sheet, row, cell, field, code, name, unit, raw, reason, hint, restricted, project })
    }
}

/// The longest text of a frame but the cells of a row.
pub(crate) const TEXT_BYTES_MAX: usize = 128 * 1024;

/// What is known of a sheet at its end, one piece after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum About<'a> {
    /// The field and the letters of a column.
    Column(&'a str, &'a str),
    /// The field of a column of amounts, and the unit it was read in.
    Unit(&'a str, &'a str),
    /// The letters and the header of a column that is not read.
    Unknown(&'a str, &'a str),
    Undecided(&'a str),
    /// A header that is almost the name of a field, and the title of the field.
    Proposal(&'a str, &'a str),
    /// What marks rows of the ledger, and the remark that may name them.
    MarksAll(&'a str, &'a str),
    Doubt(&'a str),
    /// Why the sheet is not read.
    Unread(&'a str),
}

impl About<'_> {
    /// Bytes of its texts.
    pub fn bytes(&self) -> usize {
        match self {
            About::Column(one, other)
            | About::Unit(one, other)
            | About::Unknown(one, other)
            | About::Proposal(one, other)
            | About::MarksAll(one, other) => one.len() + other.len(),
            About::Undecided(text) | About::Doubt(text) | About::Unread(text) => text.len(),
        }
    }
}

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Taken<'a> {
    /// A sheet begins.
    Sheet {
        name: &'a str,
        visible: bool,
    },
    /// The header of the sheet is found: the index of its ledger, and the fields it has columns for. The child of a register then waits for the
    /// known rows of the ledger, once for each ledger.
    Ledger {
        ledger: u32,
        columns: Columns,
    },
    /// A note on the header.
    HeaderNote(PackedNote<'a>),
    Note(PackedNote<'a>),
    Mark {
        code: &'a str,
        name: &'a str,
        cell: &'a str,
        header: &'a str,
    },
    /// The grade of a state secret in a row, with the header of its column, or in a line that is no data.
    Classified {
        row: u32,
        header: Option<&'a str>,
    },
    /// A row that is unchanged since the previous pull. It ends with this frame.
    Unchanged {
        row: u32,
        fingerprint: RowFingerprint,
    },
    /// A row with its packed cells; the fingerprint is that of a row without a note.
    Accepted {
        row: u32,
        fingerprint: Option<RowFingerprint>,
        body: Bytes<'a>,
    },
    /// An acceptable row of a file with state secrets.
    Passed {
        code: &'a str,
    },
    Quarantined {
        code: &'a str,
    },
    Skipped,
    /// A row of the file ends, whatever became of it.
    RowEnd,
    About(About<'a>),
    SheetEnd {
        read: u64,
        accepted: u64,
        quarantined: u64,
        skipped: u64,
        hidden_rows: u64,
        unlisted: [u64; 3],
        covers_on: Option<NaiveDate>,
    },
    /// Nearly nothing of the file can be used: it is not read on.
    Unusable,
    /// The head of a form, before its sheet ends.
    Form {
        number: Option<PackedNumber<'a>>,
        who: &'a str,
        filled_on: Option<NaiveDate>,
    },
}

/// The number of a form: unit, day, key and seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PackedNumber<'a>(&'a str, NaiveDate, i64, &'a str);

impl<'a> From<&'a FormNumber> for PackedNumber<'a> {
    fn from(number: &'a FormNumber) -> PackedNumber<'a> {
        PackedNumber(&number.unit, number.as_of, number.key, &number.seal)
    }
}

impl From<PackedNumber<'_>> for FormNumber {
    fn from(PackedNumber(unit, as_of, key, seal): PackedNumber<'_>) -> FormNumber {
        FormNumber { unit: unit.to_owned(), as_of, key, seal: seal.to_owned() }
    }
}

/// Whether a day is one that a file can give.
pub(crate) fn is_day(day: Option<NaiveDate>) -> bool {
    day.is_none_or(|day| (0..10_000).contains(&day.year()))
}

impl<'a> From<&'a RowMark> for Taken<'a> {
    fn from(RowMark { code, name, cell, header }: &'a RowMark) -> Taken<'a> {
        Taken::Mark { code, name, cell, header }
    }
}

impl<'a> From<&'a ClassifiedPlace> for Taken<'a> {
    fn from(place: &'a ClassifiedPlace) -> Taken<'a> {
        match place {
            // names are looked at by the parent
            ClassifiedPlace::FileName | ClassifiedPlace::SheetName => Taken::Classified { row: 0, header: None },
            ClassifiedPlace::Page => Taken::Classified { row: 0, header: None },
            ClassifiedPlace::Line(row) => Taken::Classified { row: *row, header: None },
            ClassifiedPlace::Cell { row, header } => Taken::Classified { row: *row, header: Some(header) },
        }
    }
}

/// The place of a grade that a child has sent.
pub(crate) fn classified_place(row: u32, header: Option<&str>) -> ClassifiedPlace {
    match header {
        Some(header) => ClassifiedPlace::Cell { row, header: header.chars().take(HEADER_CHARS_MAX).collect() },
        None if row == 0 => ClassifiedPlace::Page,
        None => ClassifiedPlace::Line(row),
    }
}

/// The most characters of a header that a refusal names.
const HEADER_CHARS_MAX: usize = 120;

/// Why no further row is taken in.
pub(crate) enum Stop {
    /// The file is refused, in words for the clerk.
    Refused { reason: String, hint: String },
    /// Nearly nothing of it can be used; the parent words it.
    Unusable,
}

/// Sends the end of a sheet.
///
/// # Errors
/// The parent is gone.
pub(crate) fn send_end(end: &SheetEnd, out: &mut FrameWriter<impl Write>) -> std::io::Result<()> {
    let SheetEnd { account, notes, unlisted, covers_on, doubts, undecided, marks_all } = end;
    for note in notes {
        out.frame(&Taken::Note(PackedNote::from(note)))?;
    }
    let pieces = account.columns.iter().map(|(field, letters)| About::Column(field, letters));
    let pieces = pieces.chain(account.units.iter().map(|(field, unit)| About::Unit(field, unit)));
    let pieces = pieces.chain(account.unknown.iter().map(|(letters, header)| About::Unknown(letters, header)));
    let pieces = pieces.chain(account.proposals.iter().map(|(header, title)| About::Proposal(header, title)));
    let pieces =
        pieces.chain(undecided.iter().map(|header| About::Undecided(header))).chain(doubts.iter().map(|doubt| About::Doubt(doubt)));
    let pieces = pieces.chain(marks_all.iter().map(|marks| About::MarksAll(&marks.cell, &marks.remark)));
    for piece in pieces.chain(account.unread.as_deref().map(About::Unread)) {
        out.frame(&Taken::About(piece))?;
    }
    let SheetAccount { read, accepted, quarantined, skipped, hidden_rows, .. } = *account;
    let unlisted = *unlisted;
    out.frame(&Taken::SheetEnd { read, accepted, quarantined, skipped, hidden_rows, unlisted, covers_on: *covers_on })
}

/// Puts the pieces about a sheet together.
#[derive(Default)]
pub(crate) struct SheetPieces {
    account: SheetAccount,
    doubts: Vec<String>,
    marks_all: Option<MarkedRows>,
    bytes: usize,
}

/// The most bytes of the pieces about one sheet.
const PIECES_BYTES_MAX: usize = 4 * 1024 * 1024;

impl SheetPieces {
    /// Adds a piece; `None` = there is too much about the sheet.
    pub fn add(&mut self, piece: About<'_>) -> Option<()> {
        // each takes some memory beside its texts
        self.bytes += piece.bytes() + 64;
        if self.bytes > PIECES_BYTES_MAX {
            return None;
        }
        let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
        match piece {
            About::Column(field, letters) => self.account.columns.push(pair(field, letters)),
            About::Unit(field, unit) => self.account.units.push(pair(field, unit)),
            About::Unknown(letters, header) => self.account.unknown.push(pair(letters, header)),
            About::Proposal(header, title) => self.account.proposals.push(pair(header, title)),
            About::Undecided(header) => self.account.undecided.push(header.to_owned()),
            About::MarksAll(cell, remark) => self.marks_all = Some(MarkedRows { cell: cell.to_owned(), remark: remark.to_owned() }),
            About::Doubt(doubt) => self.doubts.push(doubt.to_owned()),
            About::Unread(reason) => self.account.unread = Some(reason.to_owned()),
        }
        Some(())
    }

    /// The end of the sheet, by its last frame; `None` = the frame is another one, or gives no day.
    pub fn end(self, last: &Taken<'_>) -> Option<SheetEnd> {
        let Taken::SheetEnd { read, accepted, quarantined, skipped, hidden_rows, unlisted, covers_on } = *last else { return None };
        let undecided = self.account.undecided.clone();
        let account = SheetAccount { read, accepted, quarantined, skipped, hidden_rows, ..self.account };
        is_day(covers_on).then_some(SheetEnd {
            account,
            notes: Vec::new(),
            unlisted,
            covers_on,
            doubts: self.doubts,
            undecided,
            marks_all: self.marks_all,
        })
    }
}
