//! Which file of a folder is the register: the newest. The date in the file name, which the office wrote, counts before the time of the
//! file, which copying may have changed.

use chrono::{DateTime, Datelike, Months, NaiveDate, TimeDelta, Utc};
use std::cmp::Reverse;

/// A file as the folder lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderFile {
    pub name: String,
    pub modified: DateTime<Utc>,
}

/// What distinguished the chosen file from the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChosenBy {
    /// There was no other candidate.
    Only,
    NameDate(NaiveDate),
    Modified(DateTime<Utc>),
    Name,
}

/// The file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its index in the given list.
    pub index: usize,
    /// Number of candidates.
    pub of: usize,
    pub by: ChosenBy,
    /// Matching files that are still being written.
    pub being_written: Vec<String>,
}

/// Why no file can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoChoice {
    /// The folder has no files other than temporary ones.
    Empty,
    /// None of this many files matches.
    NoMatch(usize),
    /// All matching files are still being written.
    BeingWritten(Vec<String>),
}

/// The newest matching file: by the date in its name, then by its time, then by its name. A file changed less than `quiet` ago counts as
/// still being written.
///
/// # Errors
/// No file can be read.
pub fn choose(files: &[FolderFile], pattern: &str, now: DateTime<Utc>, quiet: TimeDelta) -> Result<Choice, NoChoice> {
    let listed: Vec<(usize, &FolderFile)> = files.iter().enumerate().filter(|(_, file)| !is_temporary(&file.name)).collect();
    if listed.is_empty() {
        return Err(NoChoice::Empty);
    }
    let matching: Vec<(usize, &FolderFile)> = listed.iter().copied().filter(|(_, file)| matches(pattern, &file.name)).collect();
    if matching.is_empty() {
        return Err(NoChoice::NoMatch(listed.len()));
    }
    // a time far in the future comes from a wrong clock, not from a copy in progress
    let is_being_written = |file: &FolderFile| (now - file.modified).abs() < quiet;
    let mut being_written: Vec<String> =
        matching.iter().filter(|(_, file)| is_being_written(file)).map(|(_, file)| file.name.clone()).collect();
    being_written.sort();
    let mut ranked: Vec<(usize, &FolderFile, Option<NaiveDate>)> = matching
        .into_iter()
        .filter(|(_, file)| !is_being_written(file))
        .map(|(index, file)| (index, file, name_date(&file.name)))
        .collect();
    ranked.sort_by_key(|(_, file, date)| Reverse((*date, file.modified, file.name.clone())));
    let Some((index, file, date)) = ranked.first() else { return Err(NoChoice::BeingWritten(being_written)) };
    let by = match (ranked.get(1), date) {
        (None, _) => ChosenBy::Only,
        (Some((_, _, next)), Some(date)) if *next != Some(*date) => ChosenBy::NameDate(*date),
        (Some((_, next, _)), _) if next.modified != file.modified => ChosenBy::Modified(file.modified),
        _ => ChosenBy::Name,
    };
    Ok(Choice { index: *index, of: ranked.len(), by, being_written })
}

/// Whether a file is one of the temporary files of Office, WPS, browsers and copying programs.
fn is_temporary(name: &str) -> bool {
    const ENDINGS: [&str; 6] = [".tmp", ".part", ".partial", ".crdownload", ".download", ".filepart"];
    let lower = name.to_lowercase();
    lower.starts_with(['.', '~']) || lower.ends_with('~') || ENDINGS.iter().any(|ending| lower.ends_with(ending))
}

/// Why a pattern is invalid; `None` = it is valid.
pub fn pattern_fault(pattern: &str) -> Option<&'static str> {
    if pattern.trim().is_empty() {
        Some("is empty")
    } else if pattern.contains(['/', '\\']) {
        Some("names a folder; only files of the folder itself are looked at")
    } else if pattern.contains(['[', ']', '{', '}']) || pattern.contains("**") {
        Some("holds more than * (any characters) and ? (one character)")
    } else {
        None
    }
}

/// `*` matches any characters, `?` one character; case is ignored.
fn matches(pattern: &str, name: &str) -> bool {
    let fold = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<Vec<_>>();
    let (pattern, name) = (fold(pattern), fold(name));
    let (mut at, mut here) = (0, 0);
    // the pattern index behind the last `*`, and the name index it has matched up to
    let mut star: Option<(usize, usize)> = None;
    while here < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at + 1, here));
                at += 1;
            }
            Some(c) if *c == '?' || *c == name[here] => {
                at += 1;
                here += 1;
            }
            _ => match star {
                Some((behind, taken)) => {
                    star = Some((behind, taken + 1));
                    at = behind;
                    here = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

/// The date in a file name: the first after 截至 if there is one, otherwise the latest. A month, a quarter and a half-year mean their last
/// day.
pub fn name_date(name: &str) -> Option<NaiveDate> {
    let name: Vec<char> = name
        .chars()
        .map(|c| match c {
            '０'..='９' => char::from_u32(c as u32 - '０' as u32 + '0' as u32).unwrap_or(c),
            '．' | '－' | '＿' => '-',
            c => c,
        })
        .filter(|c| !c.is_whitespace())
        .collect();
    let dates = dates(&name);
    let stated = name.windows(2).position(|pair| pair[0] == '截' && (pair[1] == '至' || pair[1] == '止'));
    stated
        .and_then(|stated| dates.iter().find(|(at, _)| *at >= stated).map(|(_, date)| *date))
        .or_else(|| dates.iter().map(|(_, date)| *date).max())
}

/// Every date in a name, with the index of its first character.
fn dates(name: &[char]) -> Vec<(usize, NaiveDate)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < name.len() {
        let run = digits(name, at);
        if run == 0 {
            at += 1;
            continue;
        }
        let date = match run {
            4 => number(name, at, 4).and_then(|year| after_year(year, &name[at + 4..])),
            // 202609
            6 => number(name, at, 4).zip(number(name, at + 4, 2)).and_then(|(year, month)| month_end(year, month)),
            // 20260930, also followed by a time
            8 | 12 | 14 | 17 => match (number(name, at, 4), number(name, at + 4, 2), number(name, at + 6, 2)) {
                (Some(year), Some(month), Some(day)) => day_of(year, month, day),
                _ => None,
            },
            _ => None,
        };
        found.extend(date.map(|date| (at, date)));
        at += run;
    }
    found
}

fn digits(name: &[char], at: usize) -> usize {
    name[at.min(name.len())..].iter().take_while(|c| c.is_ascii_digit()).count()
}

fn number(name: &[char], at: usize, length: usize) -> Option<u32> {
    name.get(at..at + length)?.iter().try_fold(0u32, |sum, c| Some(sum * 10 + c.to_digit(10)?))
}

/// A number of one or two digits, and the rest.
fn short(rest: &[char]) -> Option<(u32, &[char])> {
    let length = digits(rest, 0);
    if !(1..=2).contains(&length) {
        return None;
    }
    Some((number(rest, 0, length)?, &rest[length..]))
}

/// What follows a year: 年9月30日, 年9月, 年1-9月, 年三季度, 年上半年, -09-30, .9.30, -09, Q3.
fn after_year(year: u32, rest: &[char]) -> Option<NaiveDate> {
    let (first, behind) = rest.split_first()?;
    match first {
        '年' => {
            if let Some(date) = quarter(year, behind) {
                return Some(date);
            }
            if behind.starts_with(&['上', '半', '年']) {
                return month_end(year, 6);
            }
            if behind.starts_with(&['下', '半', '年']) {
                return month_end(year, 12);
            }
            let (mut month, mut rest) = short(behind)?;
            if let Some(('-' | '—' | '–' | '~' | '至' | '～', last)) = rest.split_first().map(|(c, rest)| (*c, rest)) {
                (month, rest) = short(last)?;
            }
            let ('月', rest) = rest.split_first().map(|(c, rest)| (*c, rest))? else { return None };
            match short(rest) {
                Some((day, ['日' | '号', ..])) => day_of(year, month, day),
                _ => month_end(year, month),
            }
        }
        'Q' | 'q' => quarter(year, rest),
        '-' | '.' | '_' => {
            if let Some(date) = quarter(year, behind) {
                return Some(date);
            }
            let (month, rest) = short(behind)?;
            match rest.split_first() {
                Some((c, day)) if c == first => match short(day) {
                    Some((day, _)) => day_of(year, month, day),
                    None => month_end(year, month),
                },
                _ => month_end(year, month),
            }
        }
        _ => None,
    }
}

/// 三季度, 第3季度, Q3.
fn quarter(year: u32, rest: &[char]) -> Option<NaiveDate> {
    let of = |c: &char| match c {
        '一' | '1' => Some(1),
        '二' | '2' => Some(2),
        '三' | '3' => Some(3),
        '四' | '4' => Some(4),
        _ => None,
    };
    let quarter = match rest {
        ['第', c, '季', ..] | [c, '季', ..] => of(c)?,
        ['Q' | 'q', c, ..] if c.is_ascii_digit() => of(c)?,
        _ => return None,
    };
    month_end(year, quarter * 3)
}

fn day_of(year: u32, month: u32, day: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day).filter(|date| (1990..2100).contains(&date.year()))
}

fn month_end(year: u32, month: u32) -> Option<NaiveDate> {
    day_of(year, month, 1)?.checked_add_months(Months::new(1))?.pred_opt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        format!("{text}Z").parse().unwrap()
    }

    fn files(names: &[(&str, &str)]) -> Vec<FolderFile> {
        names.iter().map(|(name, modified)| FolderFile { name: (*name).to_owned(), modified: at(modified) }).collect()
    }

    fn chosen(names: &[(&str, &str)], pattern: &str) -> Result<(String, ChosenBy, usize), NoChoice> {
        let files = files(names);
        let choice = choose(&files, pattern, at("2026-10-08T08:00:00"), TimeDelta::seconds(60))?;
        Ok((files[choice.index].name.clone(), choice.by, choice.of))
    }

    #[test]
    fn dates_in_names() {
        for (name, expect) in [
            ("台账2026-09-30.xlsx", "2026-09-30"),
            ("台账20260930.xlsx", "2026-09-30"),
            ("20260930123055导出.xlsx", "2026-09-30"),
            ("台账2026年9月.xlsx", "2026-09-30"),
            ("台账２０２６年２月.xlsx", "2026-02-28"),
            ("2026年三季度台账.xlsx", "2026-09-30"),
            ("2026年第4季度.xlsx", "2026-12-31"),
            ("register-2026Q1.xlsx", "2026-03-31"),
            ("2026年上半年.xlsx", "2026-06-30"),
            ("2026年1-9月台账.xlsx", "2026-09-30"),
            ("2026年 9月 5日.xlsx", "2026-09-05"),
            ("2026.9.5.xlsx", "2026-09-05"),
            ("2026.9.xlsx", "2026-09-30"),
            ("台账_202609.xlsx", "2026-09-30"),
            ("台账（截至2026年9月30日）20261012导出.xlsx", "2026-09-30"),
            ("2024-2026项目20260930.xlsx", "2026-09-30"),
            ("2026年三季度（20261015修订）.xlsx", "2026-10-15"),
        ] {
            assert_eq!(name_date(name), Some(day(expect)), "{name}");
        }
        for name in
            ["台账.xlsx", "台账2026年.xlsx", "2024-2026.xlsx", "20260231.xlsx", "13812345678.xlsx", "GZ1-2026.xlsx", "2026年13月.xlsx"]
        {
            assert_eq!(name_date(name), None, "{name}");
        }
    }

    #[test]
    fn the_date_in_the_name_then_the_time_then_the_name() {
        let older = "2026-10-01T00:00:00";
        let newer = "2026-10-02T00:00:00";
        let one = |names: &[(&str, &str)]| chosen(names, "*.xlsx").unwrap();
        assert_eq!(one(&[("a.xlsx", older)]), ("a.xlsx".into(), ChosenBy::Only, 1));
        let dated = [("台账2026-06-30.xlsx", newer), ("台账2026年三季度.xlsx", older), ("最新.xlsx", newer)];
        assert_eq!(one(&dated), ("台账2026年三季度.xlsx".into(), ChosenBy::NameDate(day("2026-09-30")), 3));
        assert_eq!(one(&[("a.xlsx", newer), ("b.xlsx", older)]), ("a.xlsx".into(), ChosenBy::Modified(at(newer)), 2));
        assert_eq!(one(&[("20260930a.xlsx", newer), ("20260930b.xlsx", older)]).1, ChosenBy::Modified(at(newer)));
        assert_eq!(one(&[("a.xlsx", older), ("b.xlsx", older)]), ("b.xlsx".into(), ChosenBy::Name, 2));
    }

    #[test]
    fn temporary_names_and_files_being_written_do_not_count() {
        let past = "2026-10-01T00:00:00";
        let now = "2026-10-08T07:59:30";
        let temporary =
            [("~$a.xlsx", past), (".a.xlsx", past), ("a.xlsx.part", past), ("a.TMP", past), ("b.xlsx.crdownload", past), ("a.xlsx~", past)];
        assert_eq!(chosen(&temporary, "*"), Err(NoChoice::Empty));
        assert_eq!(chosen(&[], "*"), Err(NoChoice::Empty));
        assert_eq!(chosen(&[("a.csv", past), ("~$a.xlsx", past)], "*.xlsx"), Err(NoChoice::NoMatch(1)));
        assert_eq!(chosen(&[("a.xlsx", now)], "*.xlsx"), Err(NoChoice::BeingWritten(vec!["a.xlsx".into()])));
        let choice =
            choose(&files(&[("new.xlsx", now), ("old.xlsx", past)]), "*.xlsx", at("2026-10-08T08:00:00"), TimeDelta::seconds(60)).unwrap();
        assert_eq!((choice.index, choice.of, choice.being_written), (1, 1, vec!["new.xlsx".to_owned()]));
        // a server whose clock is a day ahead
        assert!(chosen(&[("a.xlsx", "2026-10-09T08:00:00")], "*.xlsx").is_ok());
    }

    #[test]
    fn patterns() {
        for (pattern, name, expect) in [
            ("*.xlsx", "台账.XLSX", true),
            ("*.xls?", "台账.xlsx", true),
            ("*.xls?", "台账.xls", false),
            ("项目台账*", "项目台账2026.csv", true),
            ("项目*台账*.xlsx", "项目（一）台账台账.xlsx", true),
            ("项目台账*", "工作单.csv", false),
            ("*", "a", true),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
        ] {
            assert_eq!(matches(pattern, name), expect, "{pattern} {name}");
        }
        for bad in ["", " ", "a/b", "..\\*.xlsx", "[ab].xlsx", "*.{xlsx,csv}", "**.xlsx"] {
            assert!(pattern_fault(bad).is_some(), "{bad}");
        }
        assert_eq!(pattern_fault("项目台账*.xls?"), None);
    }
}
