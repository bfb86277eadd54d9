//! What one sheet states about secrecy, whatever becomes of its rows: the marks of its rows, and the grades of state secrets in them, in the
//! lines around them.

use crate::domain::intake::header::DoubtfulColumn;
use crate::domain::intake::raw::{Raw, RawRow};
use crate::domain::intake::row_marks::{
    ClassifiedPlace, ClassifiedPlaces, CodedRow, DoubtfulColumns, DoubtfulResult, MarkedRows, RowMark, RowStatement,
};
use crate::domain::intake::text::normalize_name;
use crate::domain::restriction::mark_text;
use crate::domain::secrecy::{Marking, Secrecy};
use crate::domain::stated_secrecy::has_clauses;
use std::collections::BTreeMap;

/// What a sheet states about secrecy.
#[derive(Default)]
pub struct SheetSecrecy {
    /// The words with what the office has decided; `None` = there is no ledger that could be read.
    words: Option<Secrecy>,
    sheet: u32,
    /// The marks of rows that the caller has not taken yet.
    marks: Vec<RowMark>,
    /// What the name of the sheet or a line above its header states of all its rows, as the cell of a mark.
    sheet_mark: Option<String>,
    section: Section,
    /// Remarks on the cells of a row.
    remarks: BTreeMap<u32, Vec<String>>,
    /// What a line below the rows states of all of them.
    pub(crate) marks_all: Option<MarkedRows>,
    /// The first lines and names that mark the rows below them, each with its row; 0 = a name.
    pub(crate) marking_lines: Vec<(u32, String)>,
    /// The first marked row without code and name, and how many there are: nothing is known that could be restricted.
    pub(crate) nameless: Option<(u32, u64)>,
    /// Grades of state secrets that the caller has not taken yet: the file is to be refused.
    pub classified: ClassifiedPlaces,
    /// The last row with a grade in a cell; a row counts once.
    last_classified: u32,
    /// The last of the first rows that was looked through for a grade.
    last_looked_through: u32,
    doubtful: DoubtfulColumns,
}

/// Where the rows are among the headings below the header.
#[derive(Default)]
struct Section {
    /// What the heading of a section states of the rows below it, as the cell of a mark, and its level.
    mark: Option<(String, Option<u32>)>,
    /// The level of the last heading with a number, without those within a section with a mark.
    numbered: Option<u32>,
    /// Whether a row came below the last heading.
    has_rows: bool,
}

impl Section {
    fn begin(&mut self, heading: &str, found: Option<String>) {
        let level = heading_level(heading);
        // one without number below the heading of a section with a number is a part of it
        let ends = |of: Option<u32>| match (of.or(self.numbered.filter(|_| level.is_some())), level) {
            (Some(of), Some(level)) => level <= of,
            (of, None) => of.is_none(),
            (None, Some(_)) => false,
        };
        if self.mark.as_ref().is_none_or(|(_, of)| ends(*of)) {
            self.has_rows = false;
            self.mark = found.map(|mark| (mark, level));
            self.numbered = level.or(self.numbered);
        }
    }
}

/// The level of a heading with a number, as offices number: 一、 then （一） then 1. then 1.1 then （1） or ①. `None` = it has none.
fn heading_level(text: &str) -> Option<u32> {
    let text = normalize_name(text);
    let in_bracket = text.starts_with('(');
    let begin = text.trim_start_matches(['(', '第']);
    let rest = begin.trim_start_matches(|c| "一二三四五六七八九十".contains(c));
    if rest.len() < begin.len() {
        let is_number =
            rest.starts_with(['、', ')', '.', ',', ':']) || text.starts_with('第') && rest.starts_with(['部', '章', '类', '批']);
        return is_number.then_some(u32::from(in_bracket));
    }
    let rest = begin.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = &begin[..begin.len() - rest.len()];
    let parts = number.split('.').filter(|part| !part.is_empty()).count() as u32;
    match rest.chars().next() {
        _ if text.starts_with(|c| matches!(c, '①'..='⑳')) => Some(HEADING_LEVEL_LAST),
        _ if parts == 0 => None,
        Some(')') => Some(HEADING_LEVEL_LAST),
        Some('、') => Some(1 + parts),
        _ if number.contains('.') => Some(1 + parts),
        _ => None,
    }
}

/// The level of headings such as （1）.
const HEADING_LEVEL_LAST: u32 = 9;

/// Whether a line that holds no data of a row bears the grade of a state secret.
pub(crate) fn is_classified_line(secrecy: &Secrecy, cells: &[(u16, Raw<'_>)]) -> bool {
    cells.iter().any(|(_, raw)| matches!(raw, Raw::Text(text) if secrecy.is_grade_of_line(text)))
}

/// How many lines that mark rows are named to the clerk.
const MARKING_LINES_MAX: usize = 5;

/// From so many cells on, a line of a sheet that is not read is taken for a row of a table.
const LINE_CELLS_MAX: usize = 3;

/// Whether a row of a sheet that is not read bears the grade of a state secret: in a title line, or as a cell.
pub(crate) fn is_classified_row(secrecy: &Secrecy, cells: &[(u16, Raw<'_>)]) -> bool {
    match cells.iter().filter(|(_, raw)| !raw.is_blank()).count() {
        0..=LINE_CELLS_MAX => is_classified_line(secrecy, cells),
        _ => cells.iter().any(|(_, raw)| matches!(raw, Raw::Text(text) if secrecy.is_grade_of_cell(text))),
    }
}

impl SheetSecrecy {
    /// `sheet` is its number in the file, from 0.
    pub(crate) fn new(secrecy: Option<&Secrecy>, sheet: u32, name: &str) -> SheetSecrecy {
        let mut sheet = SheetSecrecy { words: secrecy.cloned(), sheet, ..SheetSecrecy::default() };
        sheet.sheet_mark = sheet.marking_line(0, "工作表名称", name);
        sheet
    }

    /// What a line or a name states of the rows below it, as the cell of a mark.
    fn marking_line(&mut self, row: u32, place: &str, text: &str) -> Option<String> {
        let found = self.words.as_ref()?.restricting_line(text)?;
        Some(self.marking(row, place, found))
    }

    /// The same of a text above the header.
    fn marking_title(&mut self, row: u32, place: &str, text: &str) -> Option<String> {
        let found = self.words.as_ref()?.restricting_title(text)?;
        Some(self.marking(row, place, found))
    }

    fn marking(&mut self, row: u32, place: &str, found: String) -> String {
        if self.marking_lines.len() < MARKING_LINES_MAX {
            self.marking_lines.push((row, found.clone()));
        }
        mark_text(&format!("{place}：{found}"))
    }

    /// What a line states of the rows below it, by all its cells.
    fn marking_cells(&mut self, row: u32, place: &str, cells: &[(u16, Raw<'_>)]) -> Option<String> {
        cells.iter().find_map(|(_, raw)| if let Raw::Text(text) = raw { self.marking_line(row, place, text) } else { None })
    }

    /// Reads the lines above the header: what they state holds for all rows of the sheet.
    pub(crate) fn read_title_lines<'r>(&mut self, rows: impl IntoIterator<Item = &'r RawRow<'static>>) {
        for row in rows {
            let is_line = row.cells.iter().filter(|(_, raw)| !raw.is_blank()).count() <= LINE_CELLS_MAX;
            for (_, raw) in &row.cells {
                // the header of a group of columns may be a word of secrecy
                let is_header = |text: &str| !is_line && self.words.as_ref().is_some_and(|secrecy| secrecy.polarity(text).is_some());
                let Raw::Text(text) = raw else { continue };
                if !is_header(text) {
                    let found = self.marking_title(row.number, "标题", text);
                    self.sheet_mark = self.sheet_mark.take().or(found);
                }
            }
        }
    }

    /// Reads the remarks on the cells of the header, from its first to its last row, and of the rows above it, as the lines there.
    pub(crate) fn read_title_remarks(&mut self, first: u32, last: u32) {
        let Some(secrecy) = self.words.clone() else { return };
        let below = self.remarks.split_off(&(last + 1));
        for (row, remarks) in std::mem::replace(&mut self.remarks, below) {
            for line in remarks.iter().flat_map(|remark| remark.lines()) {
                // a remark on a header may explain the grades
                if secrecy.is_grade_of_cell(line) || row < first && secrecy.is_grade_of_line(line) {
                    self.classified.add(self.sheet, ClassifiedPlace::Line(row));
                }
                let found = self.marking_title(row, "批注", line);
                self.sheet_mark = self.sheet_mark.take().or(found);
            }
        }
    }

    /// Begins a section with its line below the header: what the heading of one of the same or a lower level has stated ends.
    pub(crate) fn begin_section(&mut self, number: u32, cells: &[(u16, Raw<'_>)]) {
        let found = self.marking_cells(number, "小标题", cells);
        let heading = cells.iter().map(|(_, raw)| raw.display()).find(|text| !text.trim().is_empty());
        self.section.begin(&heading.unwrap_or_default(), found);
    }

    /// Reads a line of words that has the form of neither a heading nor a remark.
    pub(crate) fn read_words(&mut self, number: u32, cells: &[(u16, Raw<'_>)]) {
        let text: String = cells.iter().map(|(_, raw)| raw.display()).collect();
        let is_remark = has_clauses(&text) || self.words.as_ref().is_none_or(|secrecy| secrecy.speaks_of_all_rows(&text));
        if is_remark { self.read_remark(number, cells) } else { self.begin_section(number, cells) }
    }

    /// Reads a remark below the rows: what it states holds for the rows of the file's ledger that it names by their codes, else for all.
    pub(crate) fn read_remark(&mut self, number: u32, cells: &[(u16, Raw<'_>)]) {
        let Some(words) = self.words.clone() else { return };
        let restricting = |raw: &Raw<'_>| if let Raw::Text(text) = raw { words.restricting_remark(text) } else { None };
        let Some(found) = cells.iter().find_map(|(_, raw)| restricting(raw)) else { return };
        let cell = self.marking(number, "备注", found);
        let text: String = cells.iter().map(|(_, raw)| format!("{} ", raw.display())).collect();
        let is_of_all = self.words.as_ref().is_none_or(|secrecy| secrecy.speaks_of_all_rows(&text));
        let remark = if is_of_all { String::new() } else { text };
        self.marks_all = Some(MarkedRows { cell, remark }.with(self.marks_all.take()));
    }

    /// Whether a line or a name marks the rows that come, or a remark this one.
    pub(crate) fn marks_row(&self, number: u32) -> bool {
        self.sheet_mark.is_some() || self.section.mark.is_some() || self.remarks.contains_key(&number)
    }

    /// Takes the texts beside the cells: the remarks on cells by their row, and at row 0 the heads and feet of the printed pages.
    pub(crate) fn read_beside(&mut self, beside: &[(u32, &str)]) {
        let Some(secrecy) = self.words.clone() else { return };
        for (row, text) in beside {
            match row {
                0 if secrecy.is_grade_of_line(text) => self.classified.add(self.sheet, ClassifiedPlace::Page),
                0 => {
                    let found = self.marking_title(0, "表外文字", text);
                    self.sheet_mark = self.sheet_mark.take().or(found);
                }
                row => self.remarks.entry(*row).or_default().push((*text).to_owned()),
            }
        }
    }

    /// Reads the remarks on the cells of a row; they may begin with the name of their author.
    fn read_remarks(&mut self, row: &CodedRow<'_, '_>) {
        let (Some(secrecy), Some(remarks)) = (self.words.clone(), self.remarks.remove(&row.number)) else { return };
        for remark in &remarks {
            let lines = || remark.lines().map(str::trim).chain([remark.as_str()]);
            if lines().any(|line| secrecy.is_grade_of_line(line)) {
                self.classify(row, "批注");
            } else if let Some(words) = lines().find_map(|line| secrecy.restricting_line(line).or_else(|| secrecy.restricting_words(line)))
            {
                self.mark(row, mark_text(&format!("批注：{words}")));
            }
        }
    }

    /// The marks of the rows that the caller has not taken.
    pub fn marks(&self) -> &[RowMark] {
        &self.marks
    }

    /// The marks of the rows since the last call.
    pub(crate) fn take_marks(&mut self) -> Vec<RowMark> {
        std::mem::take(&mut self.marks)
    }

    /// Looks for the grade of a state secret in rows that are no data; some of them may have been looked through before.
    pub(crate) fn look_through<'r>(
        &mut self,
        rows: impl IntoIterator<Item = &'r RawRow<'static>>,
        is_classified: fn(&Secrecy, &[(u16, Raw<'_>)]) -> bool,
    ) {
        let Some(secrecy) = &self.words else { return };
        for row in rows {
            if row.number > self.last_looked_through && is_classified(secrecy, &row.cells) {
                self.classified.add(self.sheet, ClassifiedPlace::Line(row.number));
            }
            self.last_looked_through = self.last_looked_through.max(row.number);
        }
    }

    /// Begins the rows below the header.
    pub(crate) fn begin_rows(&mut self, columns: &[DoubtfulColumn]) {
        self.doubtful = DoubtfulColumns::new(columns);
    }

    /// Looks for a grade in a line below the header that is no data.
    pub(crate) fn read_line(&mut self, number: u32, cells: &[(u16, Raw<'_>)]) {
        if self.words.as_ref().is_some_and(|secrecy| is_classified_line(secrecy, cells)) {
            self.classified.add(self.sheet, ClassifiedPlace::Line(number));
        }
    }

    /// Takes what the columns of secrecy state of a row. `header` is that of the column which decided it.
    pub(crate) fn read_marking(&mut self, row: &CodedRow<'_, '_>, marking: &Marking, header: &str) {
        match marking {
            Marking::None | Marking::Open(_) => {}
            Marking::Marked(cell) => self.mark(row, mark_text(cell)),
            Marking::Classified => self.classify(row, header),
        }
    }

    /// Takes what the other cells of a row state.
    pub(crate) fn read_statement<'h>(&mut self, row: &CodedRow<'_, '_>, statement: &RowStatement, header_of: impl Fn(u16) -> &'h str) {
        self.read_remarks(row);
        // a line with one cell is none of the table
        if row.cells.iter().filter(|(_, raw)| !raw.is_blank()).take(2).count() == 1 {
            self.read_line(row.number, row.cells);
            // a name alone, a code and 单位：亿元 end no section
            let is_heading = |text: &str| !text.is_ascii() && !text.contains([':', '：']);
            let ends = row.name.is_empty() && row.cells.iter().any(|(_, raw)| is_heading(&raw.display()));
            let is_marking = |text: &str| self.words.as_ref().is_some_and(|secrecy| secrecy.restricting_line(text).is_some());
            if ends || row.cells.iter().any(|(_, raw)| is_marking(&raw.display())) {
                self.begin_section(row.number, row.cells);
            }
            // a name alone may be a project's, and anything else is none
            if row.name.is_empty() {
                return;
            }
        } else if let Some(column) = statement.classified {
            self.classify(row, header_of(column));
        }
        self.section.has_rows = true;
        if let Some((column, words, _)) = &statement.restricting {
            self.mark(row, mark_text(&format!("{}：{words}", header_of(*column))));
        } else if let Some(cell) = self.section_mark().or_else(|| self.sheet_mark.clone()) {
            self.mark(row, cell);
        }
    }

    /// Reads the cells of a row below headers that may be of secrecy.
    pub(crate) fn read_doubtful(&mut self, row: &CodedRow<'_, '_>) {
        let classified = self.words.as_ref().and_then(|secrecy| self.doubtful.read(secrecy, row, &mut self.marks));
        if let Some(header) = classified {
            self.classify(row, &header);
        }
    }

    /// Ends the rows: what is known of the columns whose header may be of secrecy.
    pub(crate) fn finish_rows(&mut self) -> Vec<DoubtfulResult> {
        // a line of words with no row below it speaks of the rows above
        if let Some((mark, None)) = self.section.mark.take()
            && !self.section.has_rows
        {
            self.marks_all = Some(MarkedRows { cell: mark, remark: String::new() }.with(self.marks_all.take()));
        }
        std::mem::take(&mut self.doubtful).finish(&mut self.marks)
    }

    /// What the heading of the present section states.
    fn section_mark(&self) -> Option<String> {
        self.section.mark.as_ref().map(|(mark, _)| mark.clone())
    }

    fn mark(&mut self, row: &CodedRow<'_, '_>, cell: String) {
        match row.mark(cell, String::new()) {
            Some(mark) => self.marks.push(mark),
            None => {
                let (first, rows) = self.nameless.unwrap_or((row.number, 0));
                self.nameless = Some((first, rows + 1));
            }
        }
    }

    /// Records the grade of a state secret in a row, whose code is restricted.
    fn classify(&mut self, row: &CodedRow<'_, '_>, header: &str) {
        if row.number != self.last_classified {
            self.last_classified = row.number;
            self.classified.add(self.sheet, ClassifiedPlace::Cell { row: row.number, header: header.to_owned() });
        }
        self.mark(row, String::new());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_ends_at_a_heading_of_its_level_or_a_higher_one() {
        for (heading, inside, ends) in [
            ("二、不公开项目", vec!["（一）茶叶产业", "1、南明区", "1.南明区", "（1）南明区", "①南明区", "南明区"], "三、公开项目"),
            ("（二）不公开项目", vec!["1、南明区", "1.1 南明区", "南明区"], "三、公开项目"),
            ("2. 不公开项目", vec!["2.1 南明区", "(1)南明区", "南明区"], "3. 公开项目"),
            ("不公开项目", vec!["一、南明区", "（一）云岩区", "二、南明区"], "公开项目"),
            ("第二部分 不公开项目", vec!["（一）茶叶产业"], "第三部分 公开项目"),
        ] {
            let mut section = Section::default();
            section.begin(heading, Some("不公开项目".into()));
            for part in inside {
                section.begin(part, None);
                assert!(section.mark.is_some(), "{heading} {part}");
            }
            section.begin(ends, None);
            assert!(section.mark.is_none(), "{heading} {ends}");
        }
        let mut section = Section::default();
        section.begin("一、一般项目", None);
        section.begin("不公开项目", Some("不公开项目".into()));
        section.begin("（一）南明区", None);
        section.begin("（二）云岩区", None);
        assert!(section.mark.is_some());
        section.begin("二、一般项目", None);
        assert!(section.mark.is_none());
    }
}
