//! Dates as registers write them: cells formatted as dates, serial numbers, Chinese and punctuated forms, months and periods.
//!
//! Invariant: a date is never guessed. A text without a day is read with a warning, a text without a four-digit year is refused.

use crate::domain::intake::fault::{CellFault, CellResult, fatal, warning};
use crate::domain::intake::raw::Raw;
use crate::domain::intake::text::{half_width, normalize_name};
use crate::domain::register::record::Cell;
use chrono::{Datelike, Days, Months, NaiveDate};

/// Words for a date or a number that is not known yet.
pub(crate) const NOT_YET: [&str; 7] = ["近期", "待定", "未定", "尽快", "未开工", "未签约", "暂定"];

/// How a date should be written.
const DATE_HINT: &str = "请按2026-09-30的样式填写";

/// Reads the cell of a date field. `text` is the cleaned text of `raw`; `planned` = the date lies in the future, so a month means its last day.
///
/// # Errors
/// No date can be read, the day does not exist, or its year is implausible.
pub(crate) fn read_date(raw: &Raw<'_>, text: &str, planned: bool, today: NaiveDate) -> CellResult {
    let empty = || Ok((Cell::Empty, Some(warning("是空日期留下的痕迹，按未填处理", DATE_HINT))));
    let vague = |date| Ok((Cell::Date(plausible(date, today)?), Some(warning(format!("没有写到日，按{date}读取"), DATE_HINT))));
    let parsed = match raw {
        Raw::Date(1899, ..) | Raw::Date(1900, 1, 0 | 1) => return empty(),
        Raw::Date(year, month, day) => match NaiveDate::from_ymd_opt(i32::from(*year), u32::from(*month), u32::from(*day)) {
            Some(date) => ParsedDate::Day(date),
            None => return Err(fatal("这一天不存在", DATE_HINT)),
        },
        Raw::Number(number) if *number == 0.0 || *number == 1.0 => return empty(),
        Raw::Number(number) => match date_of_serial(*number) {
            Some(date) => {
                return plausible(date, today)
                    .map(|date| (Cell::Date(date), Some(warning(format!("以数字保存，按{date}读取"), "请把该列设为日期格式"))));
            }
            // a cell with 2026.10 holds the number 2026.1: the month is lost
            None if number.fract() != 0.0 => return Err(fatal("是数字，不是日期", DATE_HINT)),
            None => parse_date(text)?,
        },
        _ => {
            let text = half_width(text);
            if EMPTY_DATES.contains(&text.as_str()) {
                return empty();
            }
            parse_date(&text)?
        }
    };
    match parsed {
        ParsedDate::Day(date) => Ok((Cell::Date(plausible(date, today)?), None)),
        ParsedDate::Month(first, last) => vague(if planned { last } else { first }),
        ParsedDate::Period(last) => vague(last),
        ParsedDate::NotYet => Ok((Cell::Empty, Some(warning("没有写日期，按未填处理", DATE_HINT)))),
    }
}

/// What spreadsheets turn an empty date into, as text.
const EMPTY_DATES: [&str; 8] = ["0", "1900-01-00", "1900-01-01", "1900/1/0", "1900/1/1", "1899-12-30", "1899-12-31", "1899/12/30"];

/// A date as far as the text gives it.
enum ParsedDate {
    Day(NaiveDate),
    /// The first and the last day of a month. A plan is read as its last day, an event as its first.
    Month(NaiveDate, NaiveDate),
    /// The last day of a quarter, a year or a part of a month: only then has the day certainly come.
    Period(NaiveDate),
    /// One of [`NOT_YET`].
    NotYet,
}

/// The day of an Excel serial number (days since 1899-12-30); `None` outside the years 1954 to 2119.
fn date_of_serial(number: f64) -> Option<NaiveDate> {
    if !(20_000.0..80_000.0).contains(&number) {
        return None;
    }
    NaiveDate::from_ymd_opt(1899, 12, 30)?.checked_add_days(Days::new(number as u64))
}

/// The date, if its year is plausible.
///
/// # Errors
/// The year is before 1980 or more than 30 years after the present one.
pub(crate) fn plausible(date: NaiveDate, today: NaiveDate) -> Result<NaiveDate, CellFault> {
    if date.year() < 1980 || date.year() > today.year() + 30 {
        return Err(fatal(format!("年份{}不合常理", date.year()), "请核对年份"));
    }
    Ok(date)
}

/// The part before a time of day, which no field needs. A time that follows the day without a space stays, so the text is refused.
fn without_time(text: &str) -> &str {
    let Some(colon) = text.find(':') else { return text };
    let head = text[..colon].trim_end_matches(|c: char| c.is_ascii_digit());
    let day = head.trim_end_matches(['上', '下', '午']).trim_end();
    if day.len() < head.len() || head.ends_with('日') {
        return day;
    }
    head.strip_suffix(['T', 't']).unwrap_or(text)
}

/// Parses a date in the forms that clerks write.
///
/// # Errors
/// The text is no date, or the day or month does not exist.
fn parse_date(text: &str) -> Result<ParsedDate, CellFault> {
    let text: String = without_time(text).chars().filter(|c| !c.is_whitespace()).collect();
    if NOT_YET.iter().any(|word| text == *word) {
        return Ok(ParsedDate::NotYet);
    }
    let text = text.as_str();
    let unreadable = || fatal("不是能识别的日期", DATE_HINT);
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.len() {
            8 => day(&text[..4], &text[4..6], &text[6..]),
            6 => month(&text[..4], &text[4..]),
            _ => Err(unreadable()),
        };
    }
    if let Some((year, rest)) = text.split_once('年')
        && year.len() == 4
    {
        return parse_chinese_date(year, rest);
    }
    for separator in ['-', '.', '/', '\u{2212}', '\u{2010}', '\u{2011}', '—', '–', '_'] {
        let parts: Vec<&str> = text.split(separator).collect();
        match parts[..] {
            [year, month_text, day_text] if year.len() == 4 => return day(year, month_text, day_text),
            [year, month_text] if year.len() == 4 => return month(year, month_text),
            [_, _, _] => return Err(fatal("没有写四位年份", DATE_HINT)),
            _ => {}
        }
    }
    Err(unreadable())
}

/// Parses a date in Chinese from its year and the text after 年.
///
/// # Errors
/// As [`parse_date`].
fn parse_chinese_date(year: &str, rest: &str) -> Result<ParsedDate, CellFault> {
    let unreadable = || fatal("不是能识别的日期", DATE_HINT);
    let year_number: i32 = year.parse().map_err(|_| unreadable())?;
    let span = |first: (u32, u32), months: u32| {
        let first = NaiveDate::from_ymd_opt(year_number, first.0, first.1)?;
        Some(ParsedDate::Period(first + Months::new(months) - Days::new(1)))
    };
    // 2026年底前 is read as 2026年底
    let rest = ["以前", "之前", "前"].iter().find_map(|word| rest.strip_suffix(word)).filter(|rest| !rest.is_empty()).unwrap_or(rest);
    let worded = match rest {
        "" | "内" => span((1, 1), 12),
        "底" | "年底" | "末" => span((12, 1), 1),
        "初" => span((1, 1), 1),
        "上半年" => span((1, 1), 6),
        "下半年" => span((7, 1), 6),
        "第一季度" | "一季度" | "1季度" => span((1, 1), 3),
        "第二季度" | "二季度" | "2季度" => span((4, 1), 3),
        "第三季度" | "三季度" | "3季度" => span((7, 1), 3),
        "第四季度" | "四季度" | "4季度" => span((10, 1), 3),
        _ => None,
    };
    if let Some(parsed) = worded {
        return Ok(parsed);
    }
    let (month_text, rest) = rest.split_once('月').ok_or_else(unreadable)?;
    match rest {
        "" | "份" => month(year, month_text),
        "底" | "末" | "下旬" => month_end(year, month_text),
        "初" | "上旬" => third_of_month(year, month_text, 10),
        "中旬" => third_of_month(year, month_text, 20),
        rest => day(year, month_text, rest.strip_suffix(['日', '号']).unwrap_or(rest)),
    }
}

/// A year, month or day.
///
/// # Errors
/// The text is not one to four digits.
fn number(text: &str) -> Result<u32, CellFault> {
    if text.is_empty() || text.len() > 4 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(fatal("不是能识别的日期", "请按2026-09-30的样式填写"));
    }
    text.parse().map_err(|_| fatal("不是能识别的日期", "请按2026-09-30的样式填写"))
}

fn day(year: &str, month: &str, day: &str) -> Result<ParsedDate, CellFault> {
    NaiveDate::from_ymd_opt(number(year)? as i32, number(month)?, number(day)?)
        .map(ParsedDate::Day)
        .ok_or_else(|| fatal("这一天不存在", "请改正后重新导入"))
}

fn month(year: &str, month: &str) -> Result<ParsedDate, CellFault> {
    let first =
        NaiveDate::from_ymd_opt(number(year)? as i32, number(month)?, 1).ok_or_else(|| fatal("这个月份不存在", "请改正后重新导入"))?;
    Ok(ParsedDate::Month(first, first + Months::new(1) - Days::new(1)))
}

/// The last day of a third of a month.
fn third_of_month(year: &str, month: &str, last_day: u32) -> Result<ParsedDate, CellFault> {
    NaiveDate::from_ymd_opt(number(year)? as i32, number(month)?, last_day)
        .map(ParsedDate::Period)
        .ok_or_else(|| fatal("这个月份不存在", "请改正后重新导入"))
}

fn month_end(year: &str, month_text: &str) -> Result<ParsedDate, CellFault> {
    Ok(match month(year, month_text)? {
        ParsedDate::Month(_, last) => ParsedDate::Period(last),
        other => other,
    })
}

/// The year, month and day of the most frequent forms, without a check of the day: `2026年1月7日`, `2026-01-07`, `2026/1/7`, `2026.1.7` or `20260107`.
pub(crate) fn plain_date(text: &str) -> Option<(i32, u32, u32)> {
    let (year, rest) = text.split_at_checked(4)?;
    let digits = |text: &str, digits_max: usize| -> Option<u32> {
        let is_number = !text.is_empty() && text.len() <= digits_max && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { text.parse().ok() } else { None }
    };
    let year = digits(year, 4)? as i32;
    let (month, day) = match rest.as_bytes().first()? {
        b'0'..=b'9' if rest.len() == 4 => rest.split_at_checked(2)?,
        b'-' => rest[1..].split_once('-')?,
        b'/' => rest[1..].split_once('/')?,
        b'.' => rest[1..].split_once('.')?,
        _ => rest.strip_prefix('年')?.strip_suffix('日')?.split_once('月')?,
    };
    Some((year, digits(month, 2)?, digits(day, 2)?))
}

/// The date up to which a sheet's data go, from a title such as `项目台账（截至2026年9月30日）`.
pub fn covers_on(text: &str) -> Option<NaiveDate> {
    let text = normalize_name(text);
    let rest = text.split_once("截至").or_else(|| text.split_once("截止"))?.1;
    let end = rest.find('日').map(|at| at + '日'.len_utf8()).or_else(|| rest.find([')', ',', '。']))?;
    match parse_date(&rest[..end]).ok()? {
        ParsedDate::Day(date) => Some(date),
        ParsedDate::Month(_, last) | ParsedDate::Period(last) => Some(last),
        ParsedDate::NotYet => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_covered_day_is_read_from_a_title() {
        assert_eq!(covers_on("全省项目台账（截至2026年9月30日）"), NaiveDate::from_ymd_opt(2026, 9, 30));
        assert_eq!(covers_on("全省项目台账"), None);
    }
}
