//! Dates as registers write them: cells formatted as dates, serial numbers, Chinese and punctuated forms, months and periods, and what programs
//! write.
//!
//! Invariant: a date is never guessed. A text without a day is read with a warning, a text without a four-digit year is refused.

use crate::domain::intake::chinese_number::with_arabic_numbers;
use crate::domain::intake::fault::{CellFault, CellResult, fatal, warning};
use crate::domain::intake::program_date::{ProgramDate, program_date};
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
    let by_serial = |date: NaiveDate| -> CellResult {
        let date = plausible(date, today)?;
        Ok((Cell::Date(date), Some(warning(format!("以数字保存，按{date}读取"), "请把该列设为日期格式"))))
    };
    let parsed = match raw {
        Raw::Date(1899, ..) | Raw::Date(1900, 1, 0 | 1) => return empty(),
        Raw::Date(year, month, day) => match NaiveDate::from_ymd_opt(i32::from(*year), u32::from(*month), u32::from(*day)) {
            Some(date) => ParsedDate::Day(date),
            None => return Err(fatal("这一天不存在", DATE_HINT)),
        },
        Raw::Number(number) if *number == 0.0 || *number == 1.0 => return empty(),
        Raw::Number(number) => match date_of_serial(*number) {
            Some(date) => return by_serial(date),
            // a cell with 2026.10 holds the number 2026.1: the month is lost
            None if number.fract() != 0.0 => return Err(fatal("是数字，不是日期", DATE_HINT)),
            None => parse_date(text)?,
        },
        _ => {
            let text = half_width(text);
            if EMPTY_DATES.contains(&text.as_str()) {
                return empty();
            }
            if let Some(date) = serial_in(&text) {
                return by_serial(date);
            }
            parse_date(&text)?
        }
    };
    match parsed {
        ParsedDate::Day(date) => Ok((Cell::Date(plausible(date, today)?), None)),
        ParsedDate::Shifted(date, reason) => {
            Ok((Cell::Date(plausible(date, today)?), Some(warning(format!("{reason}，按{date}读取"), "请核对日期"))))
        }
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
    /// A day that the text does not name as it is read, and why.
    Shifted(NaiveDate, &'static str),
    /// The first and the last day of a month. A plan is read as its last day, an event as its first.
    Month(NaiveDate, NaiveDate),
    /// The last day of a quarter, a year or a part of a month: only then has the day certainly come.
    Period(NaiveDate),
    /// One of [`NOT_YET`].
    NotYet,
}

/// A serial number that counts from 1904 as one that counts from 1900; `None` = it is no day.
pub(crate) fn from_1904(number: f64) -> Option<f64> {
    const DAYS_BETWEEN: f64 = 1462.0;
    date_of_serial(number + DAYS_BETWEEN).map(|_| number + DAYS_BETWEEN)
}

/// The day of an Excel serial number (days since 1899-12-30); `None` outside the years 1954 to 2119.
fn date_of_serial(number: f64) -> Option<NaiveDate> {
    if !(20_000.0..80_000.0).contains(&number) {
        return None;
    }
    NaiveDate::from_ymd_opt(1899, 12, 30)?.checked_add_days(Days::new(number as u64))
}

/// The day of a serial number that is stored as text: `46082`, `46082.0`, `46082.5`.
fn serial_in(text: &str) -> Option<NaiveDate> {
    let (days, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (days.len() == 5 && is_number(days) && is_number(fraction)).then(|| date_of_serial(days.parse().ok()?))?
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

/// Without the day of the week at the end: `星期日`, `（周二）`, `Sunday`.
fn without_weekday(text: &str) -> &str {
    const DAYS: &str = "一二三四五六日天末";
    let bare = text.trim_end_matches([')', ']']);
    for word in ["星期", "礼拜", "周"] {
        if let Some((day, rest)) = bare.rsplit_once(word)
            && rest.chars().count() == 1
            && DAYS.contains(rest)
        {
            return day.trim_end_matches(['(', '[', ',', ' ']);
        }
    }
    text
}

/// Without quotes around it.
fn without_quotes(text: &str) -> &str {
    let pairs = [('"', '"'), ('\'', '\''), ('“', '”'), ('‘', '’'), ('「', '」')];
    let inside = |(open, close)| text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    pairs.into_iter().find_map(inside).unwrap_or(text)
}

/// Parses a date in the forms that clerks and programs write.
///
/// # Errors
/// The text is no date, or the day or month does not exist.
fn parse_date(text: &str) -> Result<ParsedDate, CellFault> {
    let text = without_quotes(text.trim()).trim();
    match program_date(text) {
        Some(ProgramDate::Day(date)) => return Ok(ParsedDate::Day(date)),
        Some(ProgramDate::NearMidnight(date)) => return Ok(ParsedDate::Shifted(date, "时间是23时59分，可能换算过时区")),
        Some(ProgramDate::None) => return Err(fatal("这一天不存在", "请改正后重新导入")),
        None => {}
    }
    let text: String = without_weekday(without_time(text)).chars().filter(|c| !c.is_whitespace()).collect();
    if NOT_YET.iter().any(|word| text == *word) {
        return Ok(ParsedDate::NotYet);
    }
    let text = with_arabic_numbers(without_weekday(&text));
    let text = text.as_str();
    let unreadable = || fatal("不是能识别的日期", DATE_HINT);
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.len() {
            8 => day(&text[..4], &text[4..6], &text[6..]),
            6 => month(&text[..4], &text[4..]),
            _ => Err(unreadable()),
        };
    }
    // a program has made a number of the digits
    if let Some(digits) = text.strip_suffix(".0").or_else(|| text.strip_suffix(".00"))
        && digits.len() == 8
        && digits.bytes().all(|byte| byte.is_ascii_digit())
    {
        return day(&digits[..4], &digits[4..6], &digits[6..]);
    }
    if let Some((year, rest)) = text.split_once('年')
        && year.len() == 4
    {
        return parse_chinese_date(year, rest);
    }
    // 2026-6-30前, 2026.6.30日, 2026.6月: the signs of Chinese dates behind those of others
    let text = without_before(text);
    let (text, ends_in_month) = match text.strip_suffix('月') {
        Some(rest) => (rest, true),
        None => (text.strip_suffix(['日', '号']).unwrap_or(text), false),
    };
    for separator in SEPARATORS {
        let parts: Vec<&str> = text.split(separator).collect();
        match parts[..] {
            [year, month_text, day_text] if year.len() == 4 && !ends_in_month => return day(year, month_text, day_text),
            [year, month_text] if year.len() == 4 => return month(year, month_text),
            [first, second, year] if year.len() == 4 && number(year).is_ok() => return year_last(first, second, year),
            [_, _, _] => return Err(fatal("没有写四位年份", DATE_HINT)),
            _ => {}
        }
    }
    Err(unreadable())
}

/// Between year, month and day.
const SEPARATORS: [char; 13] = ['-', '.', '/', '·', '•', '・', '∙', '\u{2212}', '\u{2010}', '\u{2011}', '—', '–', '_'];

/// A date with its year at the end. Which of the two numbers before is the month is known only if one of them cannot be.
///
/// # Errors
/// Both numbers may be the month, or the day does not exist.
fn year_last(first: &str, second: &str, year: &str) -> Result<ParsedDate, CellFault> {
    match (number(first)?, number(second)?) {
        (month_number, day_number) if month_number <= 12 && (day_number > 12 || day_number == month_number) => day(year, first, second),
        (day_number, month_number) if month_number <= 12 && day_number > 12 => day(year, second, first),
        _ => Err(fatal("年份写在最后，分不清哪一个是月、哪一个是日", DATE_HINT)),
    }
}

/// 2026年底前 is read as 2026年底.
fn without_before(text: &str) -> &str {
    ["以前", "之前", "前"].iter().find_map(|word| text.strip_suffix(word)).filter(|rest| !rest.is_empty()).unwrap_or(text)
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
    let rest = without_before(rest);
    // 二季度末 and 第二季度 are the same quarter
    let quarter = rest.trim_start_matches('第').trim_end_matches(['末', '底', '内']);
    let worded = match (rest, quarter) {
        ("" | "内" | "全年", _) => span((1, 1), 12),
        ("底" | "年底" | "末" | "年末", _) => span((12, 1), 1),
        ("初" | "年初", _) => span((1, 1), 1),
        ("上半年", _) => span((1, 1), 6),
        ("下半年", _) => span((7, 1), 6),
        (_, "1季度") => span((1, 1), 3),
        (_, "2季度") => span((4, 1), 3),
        (_, "3季度") => span((7, 1), 3),
        (_, "4季度") => span((10, 1), 3),
        _ => None,
    };
    if let Some(parsed) = worded {
        return Ok(parsed);
    }
    let (month_text, rest) = rest.split_once('月').ok_or_else(unreadable)?;
    match rest {
        "" | "份" | "内" => month(year, month_text),
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
        return Err(fatal("不是能识别的日期", DATE_HINT));
    }
    text.parse().map_err(|_| fatal("不是能识别的日期", DATE_HINT))
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
        ParsedDate::Day(date) | ParsedDate::Shifted(date, _) => Some(date),
        ParsedDate::Month(_, last) | ParsedDate::Period(last) => Some(last),
        ParsedDate::NotYet => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, planned: bool) -> String {
        let today = NaiveDate::from_ymd_opt(2026, 11, 23).expect("a day");
        match read_date(&Raw::Text(text.into()), text, planned, today) {
            Ok((cell, warning)) => format!("{cell}{}", if warning.is_some() { " !" } else { "" }),
            Err(fault) => fault.reason,
        }
    }

    #[test]
    fn the_covered_day_is_read_from_a_title() {
        assert_eq!(covers_on("全省项目台账（截至2026年9月30日）"), NaiveDate::from_ymd_opt(2026, 9, 30));
        assert_eq!(covers_on("全省项目台账"), None);
    }

    #[test]
    fn dates_as_people_write_them() {
        for (text, expected) in [
            ("2026·3·1", "2026-03-01"),
            ("2026•03•01", "2026-03-01"),
            ("2026年元月15日", "2026-01-15"),
            ("2026年三月一日", "2026-03-01"),
            ("二〇二六年三月一日", "2026-03-01"),
            ("二○二六年十二月三十一日", "2026-12-31"),
            ("二零二六年十月二十日", "2026-10-20"),
            ("2026年廿日", "不是能识别的日期"),
            ("2026-6-30前", "2026-06-30"),
            ("2026年6月30日之前", "2026-06-30"),
            ("2026.6.30日", "2026-06-30"),
            ("2026/6/30号", "2026-06-30"),
            ("2026-06-30 星期二", "2026-06-30"),
            ("2026年6月30日（星期二）", "2026-06-30"),
            ("2026年6月30日 周二", "2026-06-30"),
            ("2026年6月30日星期二 09:30", "2026-06-30"),
            ("“2026-03-01”", "2026-03-01"),
            ("2026.6月", "2026-06-30 !"),
            ("2026-6月", "2026-06-30 !"),
            ("2026年六月", "2026-06-30 !"),
            ("2026年二季度末", "2026-06-30 !"),
            ("2026年第三季度", "2026-09-30 !"),
            ("2026年四季度前", "2026-12-31 !"),
            ("2026年年底", "2026-12-31 !"),
            ("46082", "2026-03-01 !"),
            ("46082.0", "2026-03-01 !"),
            ("20260301.0", "2026-03-01"),
            ("03/25/2026", "2026-03-25"),
            ("25.03.2026", "2026-03-25"),
            ("03/03/2026", "2026-03-03"),
            ("03/01/2026", "年份写在最后，分不清哪一个是月、哪一个是日"),
            ("26/3/1", "没有写四位年份"),
            ("2026年2月30日", "这一天不存在"),
            ("正月初一", "不是能识别的日期"),
        ] {
            assert_eq!(read(text, true), expected, "{text}");
        }
        assert_eq!(read("2026.6月", false), "2026-06-01 !", "an event of which the day is not known");
    }

    #[test]
    fn dates_as_programs_write_them() {
        for (text, expected) in [
            ("2026-02-28T16:00:00.000Z", "2026-03-01"),
            ("2026-02-28T16:00:00.000+00:00", "2026-03-01"),
            ("2026-02-28T16:00:00+0000", "2026-03-01"),
            ("2026-03-01T00:00:00+08:00", "2026-03-01"),
            ("2025-12-31 16:00:00 UTC", "2026-01-01"),
            ("/Date(1772294400000)/", "2026-03-01"),
            ("/Date(1772294400000+0800)/", "2026-03-01"),
            ("Sun Mar 01 00:00:00 CST 2026", "2026-03-01"),
            ("Sat Feb 28 16:00:00 GMT 2026", "2026-03-01"),
            ("Sun Mar 01 2026 00:00:00 GMT+0800 (中国标准时间)", "2026-03-01"),
            ("Sun, 01 Mar 2026 00:00:00 +0800", "2026-03-01"),
            ("1-Mar-2026", "2026-03-01"),
            ("01 Mar 2026", "2026-03-01"),
            ("March 1, 2026", "2026-03-01"),
            ("2026-02-28 23:59:17", "2026-03-01 !"),
            ("2026-02-28 23:59:40", "2026-02-28 !"),
            ("2026-06-30 23:59:59", "2026-06-30"),
            ("2026-02-30T16:00:00Z", "这一天不存在"),
            ("2026-03-01 10:20:30", "2026-03-01"),
            ("Sunday", "不是能识别的日期"),
        ] {
            assert_eq!(read(text, true), expected, "{text}");
        }
    }
}
