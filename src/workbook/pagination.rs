//! Divides a sheet into printed pages so that it looks the same on every printer: no last page of a few rows, no heading at the foot of a
//! page, no short table divided between two pages.
//!
//! Programs draw columns at different widths, so they scale a sheet differently to fit the width of its paper. Column widths count digits
//! of Calibri 11. Excel takes 7 pixels for a digit, LibreOffice 7.4 if it has a font of the same metrics and 9.336 if it falls back to
//! DejaVu Sans (measured on the columns of a workbook that LibreOffice saved as .fods), and it prints long sheets another 2 % smaller. The
//! narrowest columns give the largest print and the fewest rows on a page. Pages are computed for those, so that other programs only
//! leave more space at the foot of each page.

use crate::workbook::model::{LazyRows, Paper, Role, Row, Sheet, fit_heights};

/// Margins of a printed page, in inches.
pub(crate) const MARGIN_LEFT_RIGHT: f64 = 0.5;
pub(crate) const MARGIN_TOP_BOTTOM: f64 = 0.7;

const POINTS_PER_INCH: f64 = 72.0;
const MM_PER_INCH: f64 = 25.4;
/// Points of a pixel. Programs round row heights to pixels.
const PIXEL: f64 = 0.75;
/// Points of a row without a height of its own.
const DEFAULT_HEIGHT: f64 = 15.0;
/// The part of a page that is used, so that small differences between printers do not add pages.
const PAGE_USED: f64 = 0.96;
/// A second page filled less than this is avoided by printing everything on one page a little smaller.
const SECOND_PAGE_MIN: f64 = 0.15;
/// The last page is filled at least so far, with rows from the page before it.
const LAST_PAGE_MIN: f64 = 0.3;
/// A table that takes at most this part of a page is not divided.
const UNDIVIDED_TABLE_MAX: f64 = 0.4;
/// The fewest rows below the header on the first page of a divided table.
const ROWS_BELOW_HEADER_MIN: usize = 3;
/// The most manual page breaks that programs accept.
const BREAKS_MAX: usize = 1000;
/// Sheets with more rows are not meant for print: their rows are written without heights.
const ROWS_MAX: usize = 20_000;

impl Sheet<'_> {
    /// Sets the page breaks. In a paper, a divided table gets a copy of its header on the next page. Returns the rows above which a copy was
    /// inserted, as they were numbered before.
    pub(crate) fn paginate(&mut self) -> Vec<usize> {
        let is_fixed =
            self.single_page || self.pages_high > 0 || self.pages_wide > 1 || !self.charts.is_empty() || self.printed_to.is_some();
        if is_fixed || self.streamed > 0 || self.height() > ROWS_MAX {
            return Vec::new();
        }
        let heights = self.row_heights(self.page_height());
        let starts = self.page_starts(&heights);
        if let [second] = starts[..]
            && heights[second..].iter().sum::<f64>() < SECOND_PAGE_MIN
            && !self.document
        {
            self.pages_high = 1;
            return Vec::new();
        }
        if starts.len() > BREAKS_MAX {
            return Vec::new();
        }
        if self.document {
            return self.repeat_headers(&starts);
        }
        self.breaks = starts.iter().map(|start| *start as u32).collect();
        Vec::new()
    }

    /// The height of each row as a part of the height of a page.
    fn row_heights(&self, page: f64) -> Vec<f64> {
        let part = |row: &Row| (row.height.unwrap_or(DEFAULT_HEIGHT) / PIXEL).round() * PIXEL / page;
        let made = |later: &LazyRows<'_>, number: usize| {
            let mut row = later.row(number);
            fit_heights(std::slice::from_mut(&mut row), &self.columns);
            part(&row)
        };
        let later = self.lazy_rows.iter().flat_map(|later| (0..later.count).map(move |number| made(later, number)));
        self.rows.iter().map(part).chain(later).chain(self.closing_rows.iter().map(part)).collect()
    }

    /// The role of a row; lazy rows are body rows.
    fn role(&self, row: usize) -> Role {
        let tail = self.height() - self.closing_rows.len();
        match self.rows.get(row) {
            Some(row) => row.role,
            None if row < tail => Role::Body,
            None => self.closing_rows[row - tail].role,
        }
    }

    /// The height of the used part of a page, in points of the unscaled sheet.
    fn page_height(&self) -> f64 {
        let (across, along) = match self.paper {
            Paper::A4 => (210.0, 297.0),
            Paper::A3 => (297.0, 420.0),
        };
        let (width, height) = if self.landscape { (along, across) } else { (across, along) };
        let within = |mm: f64, margin: f64| POINTS_PER_INCH * (mm / MM_PER_INCH - 2.0 * margin);
        let (width, height) = (within(width, MARGIN_LEFT_RIGHT), within(height, MARGIN_TOP_BOTTOM));
        let needed: f64 = self.columns.iter().map(|column| (column.width * 7.0 + 5.0) * PIXEL).sum();
        // Programs scale by whole percents.
        height / ((width / needed.max(1.0)).min(1.0) * 100.0).floor() * 100.0 * PAGE_USED
    }

    /// The rows that start a page, without the first page. `heights` are parts of a page.
    fn page_starts(&self, heights: &[f64]) -> Vec<usize> {
        let mut starts: Vec<usize> = Vec::new();
        let (mut top, mut used, mut at) = (0, 0.0, 0);
        while at < heights.len() {
            if used + heights[at] <= 1.0 || at == top {
                used += heights[at];
                at += 1;
                continue;
            }
            let start = self.start_with_company(self.better_start(at, top, heights).unwrap_or(at), top);
            starts.push(start);
            used = self.repeated_height(start, heights);
            (top, at) = (start, start);
        }
        if let Some(last) = starts.pop() {
            let top = starts.last().copied().unwrap_or(0);
            let filled = |from: usize| heights[from..].iter().sum::<f64>();
            let mut start = last;
            // A second page that `paginate` will avoid is not filled.
            while start > top + 1 && filled(start) < LAST_PAGE_MIN && !(starts.is_empty() && filled(last) < SECOND_PAGE_MIN) {
                start -= 1;
            }
            starts.push(self.start_with_company(self.first_heading(start, top), top));
        }
        starts
    }

    /// The height of what is repeated above the first row of a page: the rows printed on every page, or the header of a divided table.
    fn repeated_height(&self, start: usize, heights: &[f64]) -> f64 {
        match self.repeat {
            Some((first, last)) => heights[first..=last].iter().sum(),
            None if self.document && self.divides_table(start) => self.header_of(start).map_or(0.0, |header| heights[header]),
            None => 0.0,
        }
    }

    /// The row that should start the page so that it does not start with a total, a note or a signature. `top` starts the page before.
    fn start_with_company(&self, start: usize, top: usize) -> usize {
        let needs_company = |row: usize| matches!(self.role(row), Role::Total | Role::Subtotal | Role::Note | Role::Sign | Role::Address);
        let mut start = start;
        while start > top + 1 && needs_company(start) {
            start -= 1;
        }
        self.first_heading(start, top)
    }

    /// The first of the headings directly above a row; the row itself if it has none, or if they fill the page that starts at `top`.
    fn first_heading(&self, row: usize, top: usize) -> usize {
        let mut first = row;
        while first > top && self.is_heading(first - 1) {
            first -= 1;
        }
        if first > top { first } else { row }
    }

    /// A row that should start the page instead of `at`: a heading at the foot of the page before, or the first row of a short table. `top`
    /// starts the page before.
    fn better_start(&self, at: usize, top: usize, heights: &[f64]) -> Option<usize> {
        let heading = self.first_heading(at, top);
        if heading < at {
            return Some(heading);
        }
        // A list whose header is printed on every page may be divided anywhere.
        if self.repeat.is_some() || !self.is_table(at) {
            return None;
        }
        let first = (top..at).rev().take_while(|row| self.is_table(*row)).last()?;
        let end = (at..heights.len()).take_while(|row| self.is_table(*row)).last()? + 1;
        let start = self.first_heading(first, top);
        let height: f64 = heights[start..end].iter().sum();
        (start > top && (height <= UNDIVIDED_TABLE_MAX || at - first < ROWS_BELOW_HEADER_MIN)).then_some(start)
    }

    /// Sets the breaks of a paper and inserts a copy of the header where a page divides a table. Returns the rows above which a copy was
    /// inserted, as they were numbered before.
    fn repeat_headers(&mut self, starts: &[usize]) -> Vec<usize> {
        let header = |start: usize| Some((start, self.rows[self.header_of(start)?].clone()));
        let divided: Vec<(usize, Row)> = starts.iter().copied().filter(|start| self.divides_table(*start)).filter_map(header).collect();
        let copies_above = |row: usize| divided.iter().filter(|(start, _)| *start < row).count();
        self.breaks = starts.iter().map(|start| (start + copies_above(*start)) as u32).collect();
        let repeated: Vec<usize> = divided.iter().map(|(start, _)| *start).collect();
        for (start, header) in divided.into_iter().rev() {
            self.rows.insert(start, header);
        }
        repeated
    }

    /// Whether a row is the copy of a header that [`Sheet::paginate`] inserted in a divided table.
    pub(crate) fn is_repeated_header(&self, row: usize) -> bool {
        self.document && self.role(row) == Role::Head && self.breaks.contains(&(row as u32)) && row > 0 && self.is_table(row - 1)
    }

    /// Whether a page that starts with this row divides a table.
    fn divides_table(&self, start: usize) -> bool {
        self.is_table(start) && start > 0 && self.is_table(start - 1)
    }

    fn header_of(&self, row: usize) -> Option<usize> {
        (0..row).rev().find(|above| self.role(*above) == Role::Head)
    }

    fn is_table(&self, row: usize) -> bool {
        matches!(self.role(row), Role::Body | Role::Subtotal | Role::Total)
    }

    /// Whether a row is a heading, or a table header that is not printed on every page.
    fn is_heading(&self, row: usize) -> bool {
        let is_header = |row: usize| {
            let repeated = self.repeat.is_some_and(|(first, last)| (first..=last).contains(&row));
            !repeated && row < self.height() && self.role(row) == Role::Head
        };
        match self.role(row) {
            Role::Section | Role::Subsection => true,
            Role::Subtitle => is_header(row + 1),
            _ => is_header(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbook::model::{Column, Value};

    /// The rows of each page, and how far they fill it, for a program that draws columns wider by a factor.
    fn pages(sheet: &Sheet<'_>, factor: f64) -> Vec<(std::ops::Range<usize>, f64)> {
        let mut wide = Sheet { landscape: sheet.landscape, columns: sheet.columns.clone(), ..Sheet::default() };
        wide.columns.iter_mut().for_each(|column| column.width = (column.width + 5.0 / 7.0) * factor - 5.0 / 7.0);
        let page = wide.page_height() / PAGE_USED;
        let mut starts = vec![0];
        starts.extend(sheet.breaks.iter().map(|row| *row as usize));
        let ends = starts.iter().copied().skip(1).chain([sheet.rows.len()]);
        let repeated = |start: usize| sheet.repeat.filter(|(first, _)| start > *first).map_or(0.0, |_| 24.0);
        let height =
            |range: &std::ops::Range<usize>| sheet.rows[range.clone()].iter().map(|row| row.height.unwrap_or(DEFAULT_HEIGHT)).sum::<f64>();
        starts.iter().zip(ends).map(|(start, end)| (*start..end, (height(&(*start..end)) + repeated(*start)) / page)).collect()
    }

    /// No page overflows in any program, no heading is at the foot of a page, and the last page is filled enough.
    fn assert_well_paginated(sheet: &Sheet<'_>, what: &str) {
        if sheet.pages_high == 1 {
            return;
        }
        for factor in [1.0, 7.4 / 7.0, 9.336 / 7.0] {
            let pages = pages(sheet, factor);
            assert!(pages.iter().all(|(_, filled)| *filled <= 1.0), "{what}: {pages:?}");
            let (last, filled) = pages.last().unwrap();
            assert!(pages.len() == 1 || *filled > 0.2, "{what}: {pages:?}");
            for (page, _) in pages.iter().filter(|(page, _)| page.end < sheet.rows.len()) {
                assert!(!sheet.is_heading(page.end - 1), "{what}: a heading at the foot of a page");
            }
            assert!(last.is_empty() || !matches!(sheet.rows[last.start].role, Role::Total | Role::Note | Role::Sign), "{what}");
        }
    }

    #[test]
    fn a_table_of_any_length_is_well_paginated_in_every_program() {
        for width in [9.0, 13.5, 22.0] {
            for rows in 1..400 {
                let columns = vec![Column { width, ..Column::default() }; 12];
                let mut sheet = Sheet { landscape: true, columns, repeat: Some((1, 1)), ..Sheet::default() };
                sheet.banner(Role::Title, "在谈项目和目标企业台账");
                sheet.row(Role::Head, vec![Value::text("序号")]);
                for number in 0..rows {
                    sheet.row(Role::Body, vec![Value::count(number)]);
                }
                sheet.banner(Role::Note, "注：去向由省投资促进局确定。");
                sheet.paginate();
                assert_well_paginated(&sheet, &format!("{rows} rows of {width}"));
            }
        }
    }

    /// The heading of a county is on the same page as the first of its rows.
    #[test]
    fn a_list_with_headings_is_well_paginated_in_every_program() {
        for groups in 1..60usize {
            for size in [1, 3, 7] {
                let columns = vec![Column { width: 13.0, ..Column::default() }; 14];
                let mut sheet = Sheet { landscape: true, columns, repeat: Some((1, 1)), ..Sheet::default() };
                sheet.banner(Role::Title, "签约未开工项目清单");
                sheet.row(Role::Head, vec![Value::text("序号")]);
                for group in 0..groups {
                    sheet.banner(Role::Section, "瓮安县　3项");
                    for number in 0..size + group % 3 {
                        sheet.row(Role::Body, vec![Value::count(number)]);
                    }
                }
                sheet.paginate();
                assert_well_paginated(&sheet, &format!("{groups} groups of {size}"));
            }
        }
    }

    /// A divided table of a paper has its header on each page, and no page has only the signature.
    #[test]
    fn a_divided_table_of_a_paper_repeats_its_header() {
        let mut divided = 0;
        for rows in 1..90 {
            let mut sheet = Sheet { columns: vec![Column { width: 12.0, ..Column::default() }; 7], document: true, ..Sheet::default() };
            sheet.banner(Role::Title, "通报");
            sheet.banner(Role::Subtitle, "表1　各单位办理情况");
            sheet.row(Role::Head, vec![Value::text("单位")]);
            let first = sheet.rows.len();
            (0..rows).for_each(|number| _ = sheet.row(Role::Body, vec![Value::count(number)]));
            sheet.row(Role::Total, vec![Value::text("合计")]);
            sheet.banner(Role::Paragraph, "　　请于10月14日前反馈。");
            sheet.banner(Role::Sign, "省产业大招商工作领导小组办公室");
            let before = sheet.rows.len();
            let repeated = sheet.paginate();
            assert_eq!(sheet.rows.len(), before + repeated.len());
            divided += repeated.len();
            for (start, shift) in repeated.iter().zip(0..) {
                assert!(sheet.is_repeated_header(start + shift), "{rows} rows");
                assert!(start - first >= ROWS_BELOW_HEADER_MIN);
            }
            for start in sheet.breaks.iter().map(|row| *row as usize) {
                let alone = matches!(sheet.rows[start].role, Role::Sign | Role::Total);
                assert!(!alone && (sheet.is_repeated_header(start) || !sheet.is_table(start)), "{rows} rows: row {start} starts a page");
            }
        }
        assert!(divided > 30, "{divided}");
    }

    #[test]
    fn a_short_table_of_a_paper_is_not_divided() {
        let columns = vec![Column { width: 12.0, ..Column::default() }; 7];
        for paragraphs in 5..60usize {
            let mut sheet = Sheet { columns: columns.clone(), ..Sheet::default() };
            for _ in 0..paragraphs {
                sheet.banner(Role::Paragraph, "　　现将有关情况通报如下。");
            }
            sheet.banner(Role::Section, "二、办理情况");
            sheet.banner(Role::Subtitle, "表1　各市（州）办理情况");
            sheet.row(Role::Head, vec![Value::text("市（州）")]);
            for number in 0..9 {
                sheet.row(Role::Body, vec![Value::count(number)]);
            }
            sheet.row(Role::Total, vec![Value::text("合计")]);
            sheet.paginate();
            let table = paragraphs + 2..paragraphs + 14;
            let divided = sheet.breaks.iter().any(|row| table.contains(&(*row as usize - 1)));
            assert!(sheet.pages_high > 0 || !divided, "{paragraphs} paragraphs before: {:?}", sheet.breaks);
        }
    }
}
