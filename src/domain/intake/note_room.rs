//! How many notes a file may have. Beyond it they are counted and not listed: a file of which nothing can be read would otherwise have more notes
//! than rows, and nobody reads them.

use crate::domain::intake::note::{Note, NoteKind};
use crate::domain::intake::text::shortened;

/// The most notes of each kind on the rows of a file.
pub const NOTES_MAX: u32 = 40_000;

/// The most bytes of the texts of all notes on the rows of a file.
const BYTES_MAX: usize = 48 * 1024 * 1024;

/// The most characters of each text of a note that stems from the file.
const TEXT_CHARS_MAX: usize = 300;

/// How many notes on rows may still be listed, and how many were not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoteRoom {
    /// For each kind, in the order of [`NoteKind::ALL`].
    left: [u32; 3],
    bytes_left: usize,
    unlisted: [u64; 3],
}

impl Default for NoteRoom {
    fn default() -> NoteRoom {
        NoteRoom { left: [NOTES_MAX; 3], bytes_left: BYTES_MAX, unlisted: [0; 3] }
    }
}

impl NoteRoom {
    /// Bounds the notes from an index on: those for which there is no room are removed and counted. Notes on a sheet as a whole stay as they are.
    pub(crate) fn bound(&mut self, notes: &mut Vec<Note>, from: usize) {
        let mut at = from;
        while let Some(note) = notes.get_mut(at) {
            if note.row == 0 {
                at += 1;
                continue;
            }
            let mut bytes = note.hint.len();
            for text in [&mut note.code, &mut note.name, &mut note.unit, &mut note.raw, &mut note.reason, &mut note.project] {
                shortened(text, TEXT_CHARS_MAX);
                bytes += text.len();
            }
            let kind = note.kind as usize;
            if self.left[kind] == 0 || self.bytes_left < bytes {
                self.unlisted[kind] += 1;
                notes.remove(at);
                continue;
            }
            self.left[kind] -= 1;
            self.bytes_left -= bytes;
            at += 1;
        }
    }

    /// The notes that were not listed, of all kinds.
    pub(crate) fn unlisted(&self) -> u64 {
        self.unlisted.iter().sum()
    }

    /// How many notes of each kind were not listed since the room was `before`.
    pub(crate) fn unlisted_counts(&self, before: &NoteRoom) -> [u64; 3] {
        NoteKind::ALL.map(|kind| self.unlisted[kind as usize] - before.unlisted[kind as usize])
    }

    /// Counts notes of each kind that were not listed elsewhere.
    pub(crate) fn add_unlisted(&mut self, counts: [u64; 3]) {
        for (unlisted, count) in self.unlisted.iter_mut().zip(counts) {
            *unlisted = unlisted.saturating_add(count);
        }
    }

    /// How many notes of each kind were not listed since `before`, as a sentence; `None` = none.
    pub(crate) fn unlisted_since(&self, before: &NoteRoom) -> Option<String> {
        let counts = NoteKind::ALL.into_iter().zip(self.unlisted_counts(before)).collect::<Vec<_>>();
        let words: Vec<String> =
            counts.iter().filter(|(_, count)| *count > 0).map(|(kind, count)| format!("{}{count}条", kind.title())).collect();
        (!words.is_empty()).then(|| format!("另有{}未逐条列出，每个文件每类最多列{NOTES_MAX}条", words.join("、")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_listed_up_to_a_bound_and_then_counted() {
        let mut room = NoteRoom { left: [2, 1, 0], ..NoteRoom::default() };
        let before = room;
        let note = |kind, row| Note { code: "长".repeat(400), ..Note::new(kind, 0, row, "原因", "") };
        let mut notes = vec![note(NoteKind::Quarantined, 1)];
        notes.extend((2..6).map(|row| note(NoteKind::Quarantined, row)));
        notes.extend([note(NoteKind::Warning, 6), note(NoteKind::Skipped, 7), note(NoteKind::Warning, 0)]);
        room.bound(&mut notes, 1);
        let listed: Vec<(NoteKind, u32)> = notes.iter().map(|note| (note.kind, note.row)).collect();
        let expected = [
            (NoteKind::Quarantined, 1),
            (NoteKind::Quarantined, 2),
            (NoteKind::Quarantined, 3),
            (NoteKind::Warning, 6),
            (NoteKind::Warning, 0),
        ];
        assert_eq!(listed, expected);
        assert_eq!(notes[1].code.chars().count(), TEXT_CHARS_MAX + 1);
        assert_eq!(room.unlisted(), 3);
        assert_eq!(room.unlisted_since(&before).unwrap(), "另有待核2条、未作数据1条未逐条列出，每个文件每类最多列40000条");
        assert_eq!(room.unlisted_since(&room), None);
        let mut full = NoteRoom { bytes_left: 1000, ..NoteRoom::default() };
        let mut notes = vec![note(NoteKind::Warning, 1), note(NoteKind::Warning, 2)];
        full.bound(&mut notes, 0);
        assert_eq!((notes.len(), full.unlisted()), (1, 1), "the second has no room");
    }
}
