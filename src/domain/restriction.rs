//! Marks of secrecy that are stored by themselves: a mark in any row of any source restricts its code, and what belongs to it, until an
//! accepted row in force of the same source states the contrary or a person lifts it. The strictest of all sources counts.

use crate::domain::audience::{Audience, is_marked, is_restricted};
use crate::domain::compared_form::compared_name;
use crate::domain::intake::code_marks::{CodeMarks, RESTRICTED};
use crate::domain::intake::note::Note;
use crate::domain::mentions::{Mentions, PROJECTS_MAX};
use crate::domain::register::codes::{Codes, TooMany};
use crate::domain::register::ledger::{FieldKind, Ledger, Role};
use crate::domain::register::record::{Cell, Record};
use crate::domain::rules::policy::Policy;
use crate::domain::secrecy::Secrecy;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What becomes of the mark of a code by a file of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkChange {
    Unchanged,
    /// A mark begins; one with another cell ends, and its lift with it.
    Begins,
    /// The mark ends.
    Ends,
    /// The mark ends when the snapshot, which is held, comes into force.
    EndsWithSnapshot,
}

/// What a file does to the mark of a code. `known` is the cell of the mark, lifted or not; `found` the marked cell in the file; `states_open`:
/// an accepted row states that the code is open. An empty cell states nothing.
pub fn mark_change(known: Option<&str>, found: Option<&str>, states_open: bool, in_force: bool) -> MarkChange {
    match (known, found) {
        (known, Some(found)) if known != Some(found) => MarkChange::Begins,
        (Some(_), None) if states_open && in_force => MarkChange::Ends,
        (Some(_), None) if states_open => MarkChange::EndsWithSnapshot,
        _ => MarkChange::Unchanged,
    }
}

/// The marks of one ledger.
#[derive(Debug, Default)]
struct LedgerMarks {
    /// The marks that count.
    counting: CodeMarks,
    /// The codes with a mark that was lifted, and each of them with the cell of that mark.
    lifted: Codes<()>,
    lifted_cells: Codes<()>,
}

impl LedgerMarks {
    /// A code with a cell, as one text.
    fn with_cell(code: &str, cell: &str) -> String {
        format!("{code}\n{cell}")
    }

    /// Whether a person has lifted what the cell of a record states.
    fn has_lifted(&self, code: &str, cell: &Cell) -> bool {
        match cell {
            Cell::Bool(restricted) => *restricted && self.lifted.index(code).is_some(),
            cell => self.lifted_cells.index(&LedgerMarks::with_cell(code, &mark_text(&cell.to_string()))).is_some(),
        }
    }
}

/// All marks that count in one judgement.
#[derive(Debug, Default)]
pub struct Restrictions {
    /// By the id of the ledger.
    marks: BTreeMap<String, LedgerMarks>,
    /// Id of the ledger of the projects.
    projects: String,
    /// The projects whose marks count, as texts of other records name them.
    mentions: Mentions,
}

/// The cell of a mark on a record that names a marked project.
fn mention_cell(project: &str) -> String {
    mark_text(&format!("提到{project}"))
}

impl Restrictions {
    /// No restrictions; `projects` is the id of the ledger to whose records those of other ledgers belong.
    pub fn new(projects: &str) -> Restrictions {
        Restrictions { marks: BTreeMap::new(), projects: projects.to_owned(), mentions: Mentions::default() }
    }

    /// Adds a mark that no row has ended. `lifted`: a person has lifted it.
    ///
    /// # Errors
    /// The codes together are longer than 4 GB.
    pub fn add(&mut self, ledger: &str, code: &str, cell: &str, lifted: bool) -> Result<(), TooMany> {
        if !self.marks.contains_key(ledger) {
            self.marks.insert(ledger.to_owned(), LedgerMarks::default());
        }
        let Some(marks) = self.marks.get_mut(ledger) else { return Ok(()) };
        if !lifted {
            return marks.counting.add(code, "", cell, "");
        }
        let with_cell = LedgerMarks::with_cell(code, cell);
        for (known, text) in [(&mut marks.lifted, code), (&mut marks.lifted_cells, &with_cell)] {
            if known.index(text).is_none() {
                known.insert(text, ())?;
            }
        }
        Ok(())
    }

    /// The codes of the projects whose marks count.
    pub fn marked_projects(&self) -> impl Iterator<Item = &str> {
        self.marks.get(&self.projects).into_iter().flat_map(|marks| marks.counting.iter().map(|mark| mark.code))
    }

    /// How many marked projects texts of other records are not looked through for: they are too many.
    pub fn unsearched_projects(&self) -> usize {
        self.marked_projects().count().saturating_sub(PROJECTS_MAX)
    }

    /// From now on texts of other records are looked through for the marked projects: by their codes, and by the names that are known of each
    /// code. A name that is also that of a unit, of an industry or of an open project elsewhere (`shared`, in the compared form) means the project
    /// only where a record names its project.
    pub fn look_for_projects<'n>(
        &mut self,
        policy: &Policy,
        names: impl IntoIterator<Item = (&'n str, &'n str)>,
        shared: &BTreeSet<String>,
    ) {
        let secrecy = Secrecy::new(Arc::clone(&policy.secrecy));
        let mut names_of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        names.into_iter().for_each(|(code, name)| names_of.entry(code).or_default().push(name));
        let mut mentions = Mentions::default();
        for code in self.marked_projects() {
            mentions.add_code(code);
            for name in names_of.get(code).into_iter().flatten().flat_map(|name| [name, secrecy.name_without_marks(name)]) {
                let is_shared = shared.contains(&compared_name(name));
                mentions.add_name(code, name, |form| is_shared || policy.is_common_name(name) || policy.is_common_name(form));
            }
        }
        self.mentions = mentions;
    }

    /// The marked project that a text names.
    pub fn project_in_text(&self, text: &str) -> Option<&str> {
        self.mentions.in_text(text, &|_| true)
    }

    /// The name of a file or sheet, or a text beside it, as the reader gets it: outside the office `instead` where it names a marked project.
    pub fn shown(&self, audience: Audience, text: &str, instead: &str) -> String {
        match self.project_in_text(text).filter(|_| audience != Audience::Office) {
            Some(_) => instead.to_owned(),
            None => audience.text(text),
        }
    }

    /// Whether there is no mark, lifted or not.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// Whether a mark of this code counts.
    pub fn has(&self, ledger: &str, code: &str) -> bool {
        self.cell(ledger, code).is_some()
    }

    /// Whether a mark of this project counts, under this code or one that differs only in how it is written.
    pub fn has_project(&self, code: &str) -> bool {
        self.marked_project(code).is_some()
    }

    /// The code under which a project is marked. A person may have lifted that another way of writing means it.
    pub fn marked_project(&self, code: &str) -> Option<&str> {
        let marks = self.marks.get(&self.projects).filter(|_| !code.is_empty())?;
        let marked = marks.counting.like(code)?.code;
        let is_lifted = marked != code && marks.has_lifted(code, &Cell::Text(mention_cell(marked).into()));
        (!is_lifted).then_some(marked)
    }

    /// Whether a note is on a restricted row of this ledger.
    pub fn has_note(&self, ledger: &str, note: &Note) -> bool {
        let mentions = &self.mentions;
        note.restricted
            || self.has(ledger, &note.code)
            || self.has_project(&note.project)
            || mentions.in_tie(&note.project, &|_| true).is_some()
            || [&note.name, &note.raw, &note.unit].into_iter().any(|text| self.project_in_text(text).is_some())
    }

    /// Whether a record is restricted, whatever its own cell was when it was read.
    pub fn has_record(&self, ledger: &Ledger, record: &Record) -> bool {
        let mut now = record.clone();
        self.apply(ledger, &mut now);
        is_restricted(ledger, &now, || false)
    }

    fn cell(&self, ledger: &str, code: &str) -> Option<&str> {
        self.marks.get(ledger)?.counting.cell(code)
    }

    /// The cell of the mark that restricts a record beside its own marks: that of the project it belongs to, or of the record that an exemption
    /// names; or it names a marked project in one of its texts.
    fn cell_by_others(&self, ledger: &Ledger, record: &Record) -> Option<String> {
        let project = ledger.project_of(record).and_then(|code| self.cell(&self.projects, self.marked_project(&code)?));
        let exempt = || {
            let key = record.text(ledger.role(Role::ExemptKey));
            self.marks.values().filter(|_| !key.is_empty()).find_map(|marks| marks.counting.cell(key))
        };
        project.or_else(exempt).map(str::to_owned).or_else(|| self.mention(ledger, record).map(mention_cell))
    }

    /// The marked project that a text of a record names, without those of which a person has lifted that.
    fn mention(&self, ledger: &Ledger, record: &Record) -> Option<&str> {
        if self.mentions.is_empty() {
            return None;
        }
        // two projects whose codes are so alike are both restricted, and the list of restricted records names both
        let alike = || self.marked_project(&record.code).filter(|marked| ledger.is_of_projects() && *marked != record.code);
        let marks = self.marks.get(&ledger.id);
        let counts = |project: &str| {
            let cell = Cell::Text(mention_cell(project).into());
            !marks.is_some_and(|marks| marks.has_lifted(&record.code, &cell))
        };
        let [secrecy, project, exempt] = [Role::Restricted, Role::Project, Role::ExemptKey].map(|role| ledger.role(role));
        alike().or_else(|| {
            record.cells.iter().enumerate().filter(|(field, _)| Some(*field) != secrecy).find_map(|(field, cell)| {
                let is_tie = !ledger.is_of_projects() && [project, exempt].contains(&Some(field));
                let text = cell.text()?;
                if is_tie { self.mentions.in_tie(text, &counts) } else { self.mentions.in_text(text, &counts) }
            })
        })
    }

    /// As the cell of a mark, that a record names a marked project; `None` = it names none, or a person has lifted it.
    pub fn mention_in(&self, ledger: &Ledger, record: &Record) -> Option<String> {
        self.mention(ledger, record).map(mention_cell)
    }

    /// The marked project that a record belongs to or names.
    pub fn project_of(&self, ledger: &Ledger, record: &Record) -> Option<String> {
        let own = ledger.project_of(record).and_then(|code| self.marked_project(&code).map(str::to_owned));
        own.or_else(|| self.mention(ledger, record).map(str::to_owned))
    }

    /// Sets the secrecy cell of a record to what all marks state together: the strictest of its sources, or empty where a person has lifted
    /// what its own cell states. Returns whether the record has changed.
    pub fn apply(&self, ledger: &Ledger, record: &mut Record) -> bool {
        if self.marks.is_empty() {
            return false;
        }
        let Some(field) = ledger.role(Role::Restricted) else { return false };
        let Some(own) = record.cells.get(field) else { return false };
        let is_own_marked = is_marked(ledger, own);
        let counting = self.cell(&ledger.id, &record.code).map(str::to_owned).or_else(|| self.cell_by_others(ledger, record));
        let is_lifted = || self.marks.get(&ledger.id).is_some_and(|marks| marks.has_lifted(&record.code, own));
        let new = match counting {
            Some(_) if is_own_marked => return false,
            Some(cell) => match ledger.fields[field].kind {
                FieldKind::Bool => Cell::Bool(true),
                // a text that some word of the office calls open would open the record
                _ if ledger.secrecy.is_marked(&cell) => Cell::Text(cell.into()),
                _ => Cell::Text(RESTRICTED.into()),
            },
            None if is_own_marked && is_lifted() => Cell::Empty,
            None => return false,
        };
        record.cells[field] = new;
        record.columns.insert(field);
        true
    }
}

/// The most characters of the cell of a mark.
const MARK_CHARS_MAX: usize = 40;

/// A cell as its mark stores it: its beginning on one line.
pub fn mark_text(cell: &str) -> String {
    cell.chars().map(|c| if c == '\n' { ' ' } else { c }).take(MARK_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_ends_by_a_row_in_force_and_a_lift_by_another_cell() {
        use MarkChange::{Begins, Ends, EndsWithSnapshot, Unchanged};
        for (known, found, states_open, in_force, expected) in [
            (None, Some("是"), false, false, Begins),
            (Some("是"), Some("是"), false, true, Unchanged),
            (Some("是"), Some("内部"), false, true, Begins),
            // two rows of one file: the mark counts
            (Some("是"), Some("是"), true, true, Unchanged),
            (Some("是"), None, true, true, Ends),
            (Some("是"), None, true, false, EndsWithSnapshot),
            // an empty cell or a missing row states nothing
            (Some("是"), None, false, true, Unchanged),
            (None, None, true, true, Unchanged),
        ] {
            let change = mark_change(known, found, states_open, in_force);
            assert_eq!(change, expected, "{known:?} {found:?} {states_open} {in_force}");
        }
    }

    #[test]
    fn projects_that_are_too_many_to_look_for_are_counted() {
        let mut restrictions = Restrictions::new("project");
        for number in 0..PROJECTS_MAX + 2 {
            restrictions.add("project", &format!("GZ{number}"), "是", false).unwrap();
        }
        assert_eq!(restrictions.unsearched_projects(), 2);
    }

    #[test]
    fn the_strictest_source_counts_and_a_lift_holds_for_its_own_cell_only() {
        let mut restrictions = Restrictions::new("project");
        for (code, cell, lifted) in [("A", "是", true), ("A", "内部", false), ("B", "是", true), ("B", "是", true)] {
            restrictions.add("project", code, cell, lifted).unwrap();
        }
        let marks = &restrictions.marks["project"];
        assert!(marks.has_lifted("B", &Cell::Text("是".into())) && marks.has_lifted("B", &Cell::Bool(true)));
        assert!(!marks.has_lifted("B", &Cell::Text("内部".into())) && !marks.has_lifted("C", &Cell::Bool(true)));
        assert!(restrictions.has("project", "A") && restrictions.has_project("A"));
        assert!(!restrictions.has("project", "B") && !restrictions.has("order", "A"));
    }
}
