//! How a sheet comes to lie on paper: every page ends where it is meant to, so that it looks the same wherever it is printed. No last page of a
//! few rows, no heading at the foot of a page, no short table torn in two.
//!
//! Programs differ in how wide they draw a column, and so in how small they print a sheet that has to fit the width of its paper. Excel
//! takes 7 pixels for a digit of Calibri 11, the font that widths are told in, LibreOffice 7.4 where it has a font of the same measures and
//! 9.336 where it puts DejaVu Sans in its place (measured on columns of a workbook saved again as fods), and for a long sheet it goes 2 %
//! smaller still. The narrowest columns are printed largest, with the fewest rows on a page: pages are reckoned for those, and other
//! programs leave a little more paper white at the foot.

use crate::workbook::model::{Later, Paper, Role, Row, Sheet, fit_heights};

/// Blank edges of a printed page in inches: at each side, and above and below.
pub const MARGINS: (f64, f64) = (0.5, 0.7);

const POINTS_PER_INCH: f64 = 72.0;
const MM_PER_INCH: f64 = 25.4;
/// Points of a pixel, the step in which programs set heights.
const PIXEL: f64 = 0.75;
/// Points of a row whose height is not given.
const LINE: f64 = 15.0;
/// The part of a page that is filled: a printer that differs by a little does not add a page to each.
const FILLED: f64 = 0.96;
/// A second page filled less than this is spared by printing a little smaller.
const SPARED: f64 = 0.15;
/// The last page is filled at least so far, at the cost of the one before it.
const LAST: f64 = 0.3;
/// A table that takes no more of a page than this is not torn.
const SHORT: f64 = 0.4;
/// Of a longer one, at least so many rows stand below its head.
const ROWS_BELOW_HEAD: usize = 3;
/// The most places where a program lets pages end by hand.
const BREAKS_MAX: usize = 1000;
/// Longer sheets are no longer printed: their rows are written without a height.
const ROWS_MAX: usize = 20_000;

impl Sheet<'_> {
    /// Sees to it that the sheet lies well on paper. Returns the rows, as they were numbered before, above which the head of a torn table
    /// of a paper now stands again.
    pub fn lay_out(&mut self) -> Vec<usize> {
        let set = self.one_page || self.pages_high > 0 || self.pages_wide > 1 || !self.charts.is_empty() || self.printed_to.is_some();
        if set || self.streamed > 0 || self.height() > ROWS_MAX {
            return Vec::new();
        }
        let heights = self.heights(self.page());
        let begins = self.pages(&heights);
        if let [second] = begins[..]
            && heights[second..].iter().sum::<f64>() < SPARED
            && !self.document
        {
            self.pages_high = 1;
            return Vec::new();
        }
        if begins.len() > BREAKS_MAX {
            return Vec::new();
        }
        if self.document {
            return self.begin_below_heads(&begins);
        }
        self.breaks = begins.iter().map(|begin| *begin as u32).collect();
        Vec::new()
    }

    /// How high each row is, in parts of a page.
    fn heights(&self, page: f64) -> Vec<f64> {
        let part = |row: &Row| (row.height.unwrap_or(LINE) / PIXEL).round() * PIXEL / page;
        let made = |later: &Later<'_>, number: usize| {
            let mut row = later.row(number);
            fit_heights(std::slice::from_mut(&mut row), &self.columns);
            part(&row)
        };
        let later = self.later.iter().flat_map(|later| (0..later.count).map(move |number| made(later, number)));
        self.rows.iter().map(part).chain(later).chain(self.tail.iter().map(part)).collect()
    }

    /// What a row is for; those made later are rows of the table.
    fn role(&self, row: usize) -> Role {
        let tail = self.height() - self.tail.len();
        match self.rows.get(row) {
            Some(row) => row.role,
            None if row < tail => Role::Body,
            None => self.tail[row - tail].role,
        }
    }

    /// How high the filled part of a page is, in points of the sheet, which is printed as small as its width asks for.
    fn page(&self) -> f64 {
        let (across, along) = match self.paper {
            Paper::A4 => (210.0, 297.0),
            Paper::A3 => (297.0, 420.0),
        };
        let (width, height) = if self.landscape { (along, across) } else { (across, along) };
        let within = |mm: f64, margin: f64| POINTS_PER_INCH * (mm / MM_PER_INCH - 2.0 * margin);
        let (width, height) = (within(width, MARGINS.0), within(height, MARGINS.1));
        let needed: f64 = self.columns.iter().map(|column| (column.width * 7.0 + 5.0) * PIXEL).sum();
        // programs print at whole percents
        height / ((width / needed.max(1.0)).min(1.0) * 100.0).floor() * 100.0 * FILLED
    }

    /// The rows that begin a page, but for the first; heights are parts of a page.
    fn pages(&self, heights: &[f64]) -> Vec<usize> {
        let mut begins: Vec<usize> = Vec::new();
        let (mut top, mut used, mut at) = (0, 0.0, 0);
        while at < heights.len() {
            if used + heights[at] <= 1.0 || at == top {
                used += heights[at];
                at += 1;
                continue;
            }
            let begin = self.not_alone(self.better_break(at, top, heights).unwrap_or(at), top);
            begins.push(begin);
            used = self.above(begin, heights);
            (top, at) = (begin, begin);
        }
        if let Some(last) = begins.pop() {
            let top = begins.last().copied().unwrap_or(0);
            let filled = |from: usize| heights[from..].iter().sum::<f64>();
            let mut begin = last;
            // a second page that is spared is as it is
            while begin > top + 1 && filled(begin) < LAST && !(begins.is_empty() && filled(last) < SPARED) {
                begin -= 1;
            }
            begins.push(self.not_alone(self.headed(begin, top), top));
        }
        begins
    }

    /// What stands above a row that begins a page: the rows printed on every page, or the head of the table that goes on.
    fn above(&self, begin: usize, heights: &[f64]) -> f64 {
        match self.repeat {
            Some((first, last)) => heights[first..=last].iter().sum(),
            None if self.document && self.is_torn(begin) => self.head_of(begin).map_or(0.0, |head| heights[head]),
            None => 0.0,
        }
    }

    /// A total, a note, or who signs does not begin a page of its own.
    fn not_alone(&self, begin: usize, top: usize) -> usize {
        let alone = |row: usize| matches!(self.role(row), Role::Total | Role::Subtotal | Role::Note | Role::Sign | Role::Address);
        let mut begin = begin;
        while begin > top + 1 && alone(begin) {
            begin -= 1;
        }
        self.headed(begin, top)
    }

    /// The first of the headings right above a row.
    fn headed(&self, row: usize, top: usize) -> usize {
        let mut begin = row;
        while begin > top && self.is_heading(begin - 1) {
            begin -= 1;
        }
        if begin > top { begin } else { row }
    }

    /// The row that would better begin the page than `at`, where the page before begins with `top`: the heading at its foot, or the first
    /// row of a short table.
    fn better_break(&self, at: usize, top: usize, heights: &[f64]) -> Option<usize> {
        let foot = self.headed(at, top);
        if foot < at {
            return Some(foot);
        }
        // the rows of a list that has its head on every page may be parted anywhere
        if self.repeat.is_some() || !self.is_table(at) {
            return None;
        }
        let first = (top..at).rev().take_while(|row| self.is_table(*row)).last()?;
        let end = (at..heights.len()).take_while(|row| self.is_table(*row)).last()? + 1;
        let begin = self.headed(first, top);
        let height: f64 = heights[begin..end].iter().sum();
        (begin > top && (height <= SHORT || at - first < ROWS_BELOW_HEAD)).then_some(begin)
    }

    /// A paper has tables of its own, each with its head: one that goes on does so below it.
    fn begin_below_heads(&mut self, begins: &[usize]) -> Vec<usize> {
        let head = |begin: usize| Some((begin, self.rows[self.head_of(begin)?].clone()));
        let torn: Vec<(usize, Row)> = begins.iter().copied().filter(|begin| self.is_torn(*begin)).filter_map(head).collect();
        let above = |row: usize| torn.iter().filter(|(begin, _)| *begin < row).count();
        self.breaks = begins.iter().map(|begin| (begin + above(*begin)) as u32).collect();
        let again: Vec<usize> = torn.iter().map(|(begin, _)| *begin).collect();
        for (begin, head) in torn.into_iter().rev() {
            self.rows.insert(begin, head);
        }
        again
    }

    /// Whether a row is the head of a table that goes on from the page before.
    pub fn is_head_again(&self, row: usize) -> bool {
        self.document && self.role(row) == Role::Head && self.breaks.contains(&(row as u32)) && row > 0 && self.is_table(row - 1)
    }

    fn is_torn(&self, begin: usize) -> bool {
        self.is_table(begin) && begin > 0 && self.is_table(begin - 1)
    }

    fn head_of(&self, row: usize) -> Option<usize> {
        (0..row).rev().find(|above| self.role(*above) == Role::Head)
    }

    fn is_table(&self, row: usize) -> bool {
        matches!(self.role(row), Role::Body | Role::Subtotal | Role::Total)
    }

    /// Whether a row says what those below it are.
    fn is_heading(&self, row: usize) -> bool {
        let own_head = |row: usize| {
            let repeated = self.repeat.is_some_and(|(first, last)| (first..=last).contains(&row));
            !repeated && row < self.height() && self.role(row) == Role::Head
        };
        match self.role(row) {
            Role::Section | Role::Subsection => true,
            Role::Subtitle => own_head(row + 1),
            _ => own_head(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbook::model::{Column, Value};

    /// The rows of each page, with what each fills of a page of a printer that takes columns so much wider.
    fn pages(sheet: &Sheet<'_>, wider: f64) -> Vec<(std::ops::Range<usize>, f64)> {
        let mut wide = Sheet { landscape: sheet.landscape, columns: sheet.columns.clone(), ..Sheet::default() };
        wide.columns.iter_mut().for_each(|column| column.width = (column.width + 5.0 / 7.0) * wider - 5.0 / 7.0);
        let page = wide.page() / FILLED;
        let mut begins = vec![0];
        begins.extend(sheet.breaks.iter().map(|row| *row as usize));
        let ends = begins.iter().copied().skip(1).chain([sheet.rows.len()]);
        let repeated = |begin: usize| sheet.repeat.filter(|(first, _)| begin > *first).map_or(0.0, |_| 24.0);
        let height = |range: &std::ops::Range<usize>| sheet.rows[range.clone()].iter().map(|row| row.height.unwrap_or(LINE)).sum::<f64>();
        begins.iter().zip(ends).map(|(begin, end)| (*begin..end, (height(&(*begin..end)) + repeated(*begin)) / page)).collect()
    }

    /// No page runs over in any program, and the last one is worth its paper.
    fn lies_well(sheet: &Sheet<'_>, what: &str) {
        if sheet.pages_high == 1 {
            return;
        }
        for wider in [1.0, 7.4 / 7.0, 9.336 / 7.0] {
            let pages = pages(sheet, wider);
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
    fn a_table_of_any_length_lies_well_in_every_program() {
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
                sheet.lay_out();
                lies_well(&sheet, &format!("{rows} rows of {width}"));
            }
        }
    }

    /// A list by county never ends a page with the name of a county whose rows begin the next.
    #[test]
    fn a_list_under_headings_lies_well_in_every_program() {
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
                sheet.lay_out();
                lies_well(&sheet, &format!("{groups} groups of {size}"));
            }
        }
    }

    /// A table of a paper that goes on does so below its head, and the paper does not end with a page of who signs it.
    #[test]
    fn the_pages_of_a_paper_end_where_they_are_meant_to() {
        let mut torn = 0;
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
            let again = sheet.lay_out();
            assert_eq!(sheet.rows.len(), before + again.len());
            torn += again.len();
            for (begin, shift) in again.iter().zip(0..) {
                assert!(sheet.is_head_again(begin + shift), "{rows} rows");
                assert!(begin - first >= ROWS_BELOW_HEAD);
            }
            for begin in sheet.breaks.iter().map(|row| *row as usize) {
                let alone = matches!(sheet.rows[begin].role, Role::Sign | Role::Total);
                assert!(!alone && (sheet.is_head_again(begin) || !sheet.is_table(begin)), "{rows} rows: row {begin} begins a page");
            }
        }
        assert!(torn > 30, "{torn}");
    }

    #[test]
    fn a_short_table_of_a_paper_stays_whole() {
        let columns = vec![Column { width: 12.0, ..Column::default() }; 7];
        for before in 5..60usize {
            let mut sheet = Sheet { columns: columns.clone(), ..Sheet::default() };
            for _ in 0..before {
                sheet.banner(Role::Paragraph, "　　现将有关情况通报如下。");
            }
            sheet.banner(Role::Section, "二、办理情况");
            sheet.banner(Role::Subtitle, "表1　各市（州）办理情况");
            sheet.row(Role::Head, vec![Value::text("市（州）")]);
            for number in 0..9 {
                sheet.row(Role::Body, vec![Value::count(number)]);
            }
            sheet.row(Role::Total, vec![Value::text("合计")]);
            sheet.lay_out();
            let table = before + 2..before + 14;
            let torn = sheet.breaks.iter().any(|row| table.contains(&(*row as usize - 1)));
            assert!(sheet.pages_high > 0 || !torn, "{before} paragraphs before: {:?}", sheet.breaks);
        }
    }
}
