//! How a sheet comes to lie on paper: no last page of a few rows, no heading at the foot of a page, no short table torn in two.
//!
//! Pages are reckoned from widths and heights, for the workbook's own font and for the wider one of a machine without it.

use super::model::{Paper, Role, Row, Sheet};
use std::collections::BTreeSet;

/// Blank edges of a printed page in inches: at each side, and above and below.
pub const MARGINS: (f64, f64) = (0.5, 0.7);

const POINTS_PER_INCH: f64 = 72.0;
const MM_PER_INCH: f64 = 25.4;
/// Points of a pixel, the step in which programs set heights.
const PIXEL: f64 = 0.75;
/// Points of a row whose height is not given.
const LINE: f64 = 15.0;
/// How wide columns come out in Calibri 11, the font widths are told in, and in DejaVu Sans, which a machine without Calibri puts in its
/// place: LibreOffice then takes 9.336 pixels for a digit of 7 (measured on the columns of a workbook saved again as fods).
const FONTS: [f64; 2] = [1.0, 9.336 / 7.0];
/// Rows stand higher by no more than this.
const MOST_PIXELS: u8 = 4;
/// A last page filled less than this is spared.
const ORPHAN: f64 = 0.15;
/// A last page with less than this part left is full to the brim.
const BRIM: f64 = 0.05;
/// A table that takes no more of a page than this is not torn.
const SHORT: f64 = 0.4;
/// Of a longer one, at least so many rows stand below its head.
const ROWS_BELOW_HEAD: usize = 3;
/// For the font put in another's place, no page of the workbook's own is left emptier than this.
const WELL_FILLED: f64 = 0.6;

/// Pages of a sheet on paper.
#[derive(Debug, Default)]
struct Printed {
    pages: u16,
    /// The part of the last page that its own rows fill, and the part left.
    filled: f64,
    left: f64,
    /// Rows that would better begin the next page than stay where they are: headings at a page's foot, short tables that are torn; each
    /// with the part of the page above it.
    stranded: Vec<(usize, f64)>,
    /// The part of its page above each row.
    above: Vec<f64>,
}

impl Printed {
    /// Whether the last page is worth its paper and a printer that differs by a little does not add another, when at most so many pages are
    /// asked for (0: as many as it needs).
    fn is_fair(&self, most: u16) -> bool {
        match most {
            0 => (self.pages == 1 || self.filled >= ORPHAN) && self.left >= BRIM,
            // one page more than asked for is one of a few rows, which the others take
            _ if self.pages > most => self.pages == most + 1 && self.filled < ORPHAN,
            _ => (self.pages == 1 || self.filled >= ORPHAN) && (self.pages == most || self.left >= BRIM),
        }
    }
}

impl Sheet<'_> {
    /// Sees to it that the sheet lies well on paper: it is printed a little smaller, its rows stand a little higher, or a page ends early.
    pub fn lay_out(&mut self) {
        let set = self.one_page || self.pages_high > 0 || self.pages_wide > 1 || !self.charts.is_empty() || self.printed_to.is_some();
        if set || self.height() != self.rows.len() {
            return;
        }
        let none = BTreeSet::new();
        let squeezed = |print: &Printed| (print.pages > 1 && print.filled < ORPHAN).then(|| print.pages - 1);
        // ways that leave no few rows on a page of their own in either font, with the headings they leave at the foot of one
        let mut fair: Vec<(usize, f64, u16)> = Vec::new();
        for pixels in 0..=MOST_PIXELS {
            let more = f64::from(pixels) * PIXEL;
            let prints = FONTS.map(|wider| self.printed(wider, more, &none));
            let stranded = prints[0].stranded.len() * 2 + prints[1].stranded.len();
            let ways = [Some(0), squeezed(&prints[0]), Some(prints[0].pages)].into_iter().flatten();
            for most in ways.filter(|most| prints.iter().all(|print| print.is_fair(*most))) {
                if stranded == 0 {
                    return self.print_so(more, most, Vec::new());
                }
                fair.push((stranded, more, most));
            }
        }
        let mut own_alone = None;
        for pixels in 0..=MOST_PIXELS {
            let more = f64::from(pixels) * PIXEL;
            let (breaks, prints) = self.broken(more);
            let fair = prints.each_ref().map(|print| print.is_fair(0));
            match fair {
                [true, true] if !breaks.is_empty() => return self.print_so(more, 0, breaks),
                [true, false] => own_alone = own_alone.or(Some((more, 0, breaks))),
                _ => {}
            }
        }
        let fewest = fair.into_iter().min_by_key(|(stranded, ..)| *stranded).map(|(_, more, most)| (more, most, Vec::new()));
        // where no way serves both fonts, the workbook's own counts
        let own = || (0.0, squeezed(&self.printed(FONTS[0], 0.0, &none)).unwrap_or(0), Vec::new());
        let (more, most, breaks) = fewest.or(own_alone).unwrap_or_else(own);
        self.print_so(more, most, breaks);
    }

    fn print_so(&mut self, more: f64, most: u16, breaks: Vec<u32>) {
        self.pages_high = most;
        self.breaks = breaks;
        if more > 0.0 {
            for row in self.rows.iter_mut().filter(|row| row.role == Role::Body) {
                row.height = Some(row.height.unwrap_or(LINE) + more);
            }
        }
    }

    /// Where pages have to end early so that nothing is stranded, and how it lies then in both fonts.
    fn broken(&self, more: f64) -> (Vec<u32>, [Printed; 2]) {
        let mut breaks = BTreeSet::new();
        loop {
            let prints = FONTS.map(|wider| self.printed(wider, more, &breaks));
            let next = |print: &Printed, least: f64| {
                let mut stranded = print.stranded.iter().filter(|(row, _)| !breaks.contains(row) && prints[0].above[*row] >= least);
                stranded.next().map(|(row, _)| *row)
            };
            // a break moves all that follows: one by one from the top
            let first = [next(&prints[0], 0.0), next(&prints[1], WELL_FILLED)].into_iter().flatten().min();
            match first {
                Some(row) => breaks.insert(row),
                None => return (breaks.into_iter().map(|row| row as u32).collect(), prints),
            };
        }
    }

    /// How it comes to lie on paper where columns are so much wider, the rows of the table stand higher by so many points and these rows
    /// begin a page.
    fn printed(&self, wider: f64, more: f64, breaks: &BTreeSet<usize>) -> Printed {
        let (across, along) = match self.paper {
            Paper::A4 => (210.0, 297.0),
            Paper::A3 => (297.0, 420.0),
        };
        let (width, height) = if self.landscape { (along, across) } else { (across, along) };
        let within = |mm: f64, margin: f64| POINTS_PER_INCH * (mm / MM_PER_INCH - 2.0 * margin);
        let (width, height) = (within(width, MARGINS.0), within(height, MARGINS.1));
        let needed: f64 = self.columns.iter().map(|column| (column.width * 7.0 + 5.0) * PIXEL * wider).sum();
        // programs print at whole percents and set heights in whole pixels
        let page = height / ((width / needed.max(1.0)).min(1.0) * 100.0).floor() * 100.0;
        let of = |row: &Row| {
            let height = row.height.unwrap_or(LINE) + if row.role == Role::Body { more } else { 0.0 };
            (height / PIXEL).round() * PIXEL
        };
        let repeated: f64 = self.repeat.map_or(0.0, |(first, last)| self.rows[first..=last].iter().map(of).sum());
        let mut print = Printed { pages: 1, above: Vec::with_capacity(self.rows.len()), ..Printed::default() };
        let mut used = 0.0;
        let mut top = 0;
        for (at, row) in self.rows.iter().enumerate() {
            let full = used + of(row) > page;
            if full || breaks.contains(&at) && at > top {
                let better = if full { self.better_break(at, top, |row| of(row) / page) } else { None };
                print.stranded.extend(better.map(|row| (row, print.above[row])));
                print.pages = print.pages.saturating_add(1);
                used = repeated;
                top = at;
            }
            print.above.push(used / page);
            used += of(row);
        }
        let own = if print.pages > 1 { used - repeated } else { used };
        (print.filled, print.left) = (own / page, 1.0 - used / page);
        print
    }

    /// The row that would better begin the page that `at` begins: the heading that stands at the foot of the page before, which begins with
    /// `top`, or the first row of a short table.
    fn better_break(&self, at: usize, top: usize, part: impl Fn(&Row) -> f64) -> Option<usize> {
        let headed = |mut row: usize| {
            while row > top && self.is_heading(row - 1) {
                row -= 1;
            }
            row
        };
        let foot = headed(at);
        if foot < at {
            return (foot > top).then_some(foot);
        }
        // the rows of a list that has its head on every page may be parted anywhere
        if self.repeat.is_some() || !self.is_table(at) {
            return None;
        }
        let first = (top..at).rev().take_while(|row| self.is_table(*row)).last()?;
        let end = (at..self.rows.len()).take_while(|row| self.is_table(*row)).last()? + 1;
        let begin = headed(first);
        let height: f64 = self.rows[begin..end].iter().map(part).sum();
        (begin > top && (height <= SHORT || at - first < ROWS_BELOW_HEAD)).then_some(begin)
    }

    fn is_table(&self, row: usize) -> bool {
        matches!(self.rows[row].role, Role::Body | Role::Subtotal | Role::Total)
    }

    /// Whether a row says what those below it are.
    fn is_heading(&self, row: usize) -> bool {
        let own_head = |row: usize| {
            let repeated = self.repeat.is_some_and(|(first, last)| (first..=last).contains(&row));
            !repeated && self.rows.get(row).is_some_and(|row| row.role == Role::Head)
        };
        match self.rows[row].role {
            Role::Section | Role::Subsection => true,
            Role::Subtitle => own_head(row + 1),
            _ => own_head(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::{Column, Value};
    use super::*;

    fn rows_of(sheet: &Sheet<'_>) -> [Printed; 2] {
        let breaks: BTreeSet<usize> = sheet.breaks.iter().map(|row| *row as usize).collect();
        FONTS.map(|wider| sheet.printed(wider, 0.0, &breaks))
    }

    /// Tables of any length end with a page worth its paper, in the font that widths are told in and in the wider one put in its place.
    #[test]
    fn no_table_ends_with_a_page_of_a_few_rows_in_either_font() {
        let unfair = |width: f64, rows: usize| {
            let columns = vec![Column { width, ..Column::default() }; 12];
            let mut sheet = Sheet { landscape: true, columns, repeat: Some((1, 1)), ..Sheet::default() };
            sheet.banner(Role::Title, "在谈项目和目标企业台账");
            sheet.row(Role::Head, vec![Value::text("序号")]);
            for number in 0..rows {
                sheet.row(Role::Body, vec![Value::count(number)]);
            }
            sheet.banner(Role::Note, "注：去向由省投资促进局确定。");
            sheet.lay_out();
            let sides = rows_of(&sheet).map(|print| !print.is_fair(sheet.pages_high));
            (sides[0], sides[1], sheet.rows.last().unwrap().height)
        };
        for width in [9.0, 13.5, 22.0] {
            let all: Vec<_> = (1..400).map(|rows| unfair(width, rows)).collect();
            assert_eq!(all.iter().filter(|sides| sides.0).count(), 0, "width {width}: own font");
            // hardly any table, one in a hundred, finds no way for both
            assert!(all.iter().filter(|sides| sides.1).count() < 4, "width {width}: the font put in its place");
            assert!(all.iter().all(|sides| sides.2 == all[0].2), "a note keeps its height");
        }
    }

    /// A list by county never ends a page with the name of a county whose rows begin the next.
    #[test]
    fn no_heading_is_left_at_the_foot_of_a_page() {
        let (mut own, mut other, mut all) = (0, 0, 0);
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
                let prints = rows_of(&sheet);
                all += 1;
                own += usize::from(sheet.pages_high == 0 && !prints[0].stranded.is_empty());
                other += usize::from(sheet.pages_high == 0 && !prints[1].stranded.is_empty());
                assert!(prints[0].is_fair(sheet.pages_high), "{groups} groups of {size}");
            }
        }
        assert_eq!(own, 0, "of {all}, in the workbook's own font");
        assert!(other * 20 < all, "{other} of {all} in the font put in its place");
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
            assert!(sheet.pages_high > 0 || rows_of(&sheet)[0].stranded.is_empty(), "{before} paragraphs before");
        }
    }
}
