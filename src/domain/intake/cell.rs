//! Reading one cell: what the register means by it.

use crate::domain::intake::money::{FEN_MAX, read_decimal, read_money};
use crate::domain::intake::sheet::Raw;
use crate::domain::register::ledger::{Field, FieldKind, Role};
use crate::domain::register::record::{Cell, Decimal};
use chrono::{Datelike, Days, Months, NaiveDate};

/// Something wrong with a cell: `fatal` keeps the row out, otherwise it is a remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellFault {
    pub fatal: bool,
    pub reason: String,
    pub hint: String,
}

pub(crate) fn fatal(reason: impl Into<String>, hint: &str) -> CellFault {
    CellFault { fatal: true, reason: reason.into(), hint: hint.to_owned() }
}

pub(crate) fn remark(reason: impl Into<String>, hint: &str) -> CellFault {
    CellFault { fatal: false, reason: reason.into(), hint: hint.to_owned() }
}

/// Words that registers write for nothing.
const BLANKS: [&str; 22] = [
    "-", "--", "---", "—", "——", "–", "―", "――", "─", "──", "/", "//", "\\", "无", "暂无", "空", "N/A", "n/a", "NA", "null", "NULL", "#N/A",
];

/// The longest of them, full-width and in UTF-8.
const BLANK_BYTES_MAX: usize = 12;

/// A date not known yet, in words.
const NOT_YET: [&str; 7] = ["近期", "待定", "未定", "尽快", "未开工", "未签约", "暂定"];

/// The longest code, name and other text, in characters.
const CODE_CHARS_MAX: usize = 64;
const NAME_CHARS_MAX: usize = 500;
const TEXT_CHARS_MAX: usize = 32_767;

/// Reads a cell by its field's type. `money_power` is the power of ten from a bare amount to 分.
///
/// # Errors
/// A value that cannot be what the field holds.
pub fn read_cell(field: &Field, raw: &Raw<'_>, money_power: i32, today: NaiveDate) -> Result<(Cell, Option<CellFault>), CellFault> {
    match raw {
        Raw::Uncalculated => return Err(fatal("文件中没有公式的计算结果", "请用Excel打开并保存一次，或粘贴为数值后再导入")),
        Raw::Error(code) if field.required => return Err(fatal(format!("单元格是错误值{code}"), "请改正公式或填写实际值")),
        Raw::Error(code) => return Ok((Cell::Empty, Some(remark(format!("单元格是错误值{code}，按未填处理"), "请改正公式或填写实际值")))),
        Raw::Number(number) if !number.is_finite() => return Err(fatal("不是有效数字", "请填写实际数值")),
        _ => {}
    }
    // what a workbook holds as a date or a number needs no reading of text
    match (field.kind, raw) {
        (FieldKind::Date { .. }, Raw::Date(year, month, day)) if *year > 1900 => {
            let date = NaiveDate::from_ymd_opt(i32::from(*year), u32::from(*month), u32::from(*day))
                .ok_or_else(|| fatal("这一天不存在", "请改正后重新导入"))?;
            return Ok((Cell::Date(plausible(date, today)?), None));
        }
        (FieldKind::Money, Raw::Number(number)) if *number > 0.0 => {
            if let Some(fen) = Decimal::from_f64(*number).and_then(|value| value.scaled(money_power)).filter(|fen| *fen <= FEN_MAX) {
                return Ok((Cell::Money(fen), None));
            }
        }
        (FieldKind::Decimal, Raw::Number(number)) => {
            if let Some(value) = Decimal::from_f64(*number) {
                return Ok((Cell::Decimal(value), None));
            }
        }
        _ => {}
    }
    // most texts need no cleaning: nothing is copied that is not kept
    if let Raw::Text(text) = raw
        && is_plain(text)
        && let Some(cell) = plain_cell(field, text, today)
    {
        return Ok((cell, None));
    }
    let text = match raw {
        Raw::Text(text) => clean(text),
        other => other.display().into_owned(),
    };
    if text.is_empty() || text.len() <= BLANK_BYTES_MAX && BLANKS.contains(&narrow(&text).as_str()) {
        return Ok((Cell::Empty, None));
    }
    let is_number = matches!(field.kind, FieldKind::Money | FieldKind::Decimal | FieldKind::Int);
    if is_number && NOT_YET.contains(&narrow(&text).as_str()) {
        return Ok((Cell::Empty, Some(remark("没有写数字，按未填处理", "请填写数字，尚未确定的留空"))));
    }
    match field.kind {
        FieldKind::Text => read_text(field, raw, text),
        FieldKind::Date { planned } => read_date(raw, &text, planned, today),
        FieldKind::Money => match read_money(raw, &text, money_power)? {
            (Cell::Money(0), None) if field.role == Some(Role::Amount) => {
                Ok((Cell::Money(0), Some(remark("金额为0", "请核对；尚未约定的请留空"))))
            }
            read => Ok(read),
        },
        FieldKind::Decimal | FieldKind::Int if matches!(raw, Raw::Date(..)) => {
            Err(fatal("是日期，不是数字", "请把该列设为常规格式后重新填写"))
        }
        FieldKind::Decimal => read_decimal(&text).map(|value| (Cell::Decimal(value), None)),
        FieldKind::Int => match read_decimal(&text)? {
            Decimal { mantissa, scale: 0 } => Ok((Cell::Int(mantissa), None)),
            _ => Err(fatal("应为整数", "请填写整数")),
        },
        FieldKind::Bool => match narrow(&text).as_str() {
            "是" | "有" | "1" | "TRUE" | "true" | "√" | "✓" => Ok((Cell::Bool(true), None)),
            "否" | "没有" | "0" | "FALSE" | "false" | "×" => Ok((Cell::Bool(false), None)),
            _ => Err(fatal("应为“是”或“否”", "请填写“是”或“否”")),
        },
    }
}

/// Whether a text holds nothing that cleaning, narrowing or the words for nothing could concern: no space or control character, nothing
/// of the Unicode blocks that hold invisible, full-width or punctuation characters, and no sign a blank or a formula begins with.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let sign = matches!(bytes.first(), None | Some(b'-' | b'/' | b'\\' | b'=' | b'#' | b'N' | b'n'));
    !sign && !bytes.iter().any(|byte| *byte <= 0x20 || matches!(*byte, 0x7f | 0xc2 | 0xe2 | 0xe3 | 0xee | 0xef | 0xf0..))
}

/// What a plain text says where that is beyond doubt; `None` = it has to be read with care.
fn plain_cell(field: &Field, text: &str, today: NaiveDate) -> Option<Cell> {
    // 无, 空, 暂无
    if text.len() <= 6 && BLANKS.contains(&text) {
        return None;
    }
    match field.kind {
        FieldKind::Text if matches!(field.role, Some(Role::Code | Role::Project)) => {
            let is_code = text.len() <= CODE_CHARS_MAX && !text.bytes().any(|byte| byte.is_ascii_lowercase() || !byte.is_ascii());
            (is_code && !is_scientific(text)).then(|| Cell::Text(text.into()))
        }
        FieldKind::Text if field.role == Some(Role::Phone) => {
            // 13912345678, 0851-1234567
            let is_phone = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
                && text.bytes().filter(u8::is_ascii_digit).count() >= PHONE_DIGITS_MIN;
            (is_phone && text.len() <= TEXT_CHARS_MAX && field.values.is_empty()).then(|| Cell::Text(text.into()))
        }
        FieldKind::Text if field.role == Some(Role::Mailbox) => None,
        FieldKind::Text => {
            let known = field.values.is_empty() || field.values.iter().any(|value| value == text);
            let most = if field.role == Some(Role::Name) { NAME_CHARS_MAX } else { TEXT_CHARS_MAX };
            (known && text.len() <= most).then(|| Cell::Text(text.into()))
        }
        FieldKind::Date { .. } => {
            let (year, month, day) = plain_date(text)?;
            let date = NaiveDate::from_ymd_opt(year, month, day)?;
            Some(Cell::Date(plausible(date, today).ok()?))
        }
        _ => None,
    }
}

/// `2026年1月7日`, `2026-01-07`, `2026/1/7`, `2026.1.7` or `20260107`.
fn plain_date(text: &str) -> Option<(i32, u32, u32)> {
    let (year, rest) = text.split_at_checked(4)?;
    let digits = |text: &str, most: usize| -> Option<u32> {
        let is_number = !text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit());
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

fn read_text(field: &Field, raw: &Raw<'_>, text: String) -> Result<(Cell, Option<CellFault>), CellFault> {
    let most = match field.role {
        Some(Role::Code | Role::Project) => return read_code(raw, &text),
        Some(Role::Name) => NAME_CHARS_MAX,
        _ => TEXT_CHARS_MAX,
    };
    // bytes first: most texts need no counting
    if text.len() > most && text.chars().count() > most {
        return Err(fatal(format!("内容超过{most}个字"), "请删减后再导入，详细情况可另附材料"));
    }
    let text = if matches!(field.role, Some(Role::Phone | Role::Mailbox)) { narrow(&text) } else { text };
    let warning = if !field.values.is_empty() && !field.values.contains(&text) {
        Some(remark(format!("“{}”不在约定的写法之内", shown(&text)), &format!("约定的写法：{}", field.values.join("、"))))
    } else if text.starts_with(['=', '＝']) {
        Some(remark("以等号开头的文字，按文字原样保存", "如是公式，请粘贴为数值"))
    } else if field.role == Some(Role::Phone) {
        bad_phone(&text)
    } else if field.role == Some(Role::Mailbox) {
        bad_mailbox(&text)
    } else if has_private_characters(&text) {
        Some(remark("含有造字程序所造的字，其他电脑上可能无法显示", "请改用标准汉字填写"))
    } else {
        None
    };
    Ok((Cell::Text(text.into()), warning))
}

fn read_code(raw: &Raw<'_>, text: &str) -> Result<(Cell, Option<CellFault>), CellFault> {
    const HINT: &str = "请把该列设为文本格式后重新填写编号";
    if matches!(raw, Raw::Date(..)) {
        return Err(fatal("编号被表格软件转成了日期", HINT));
    }
    let lost = match raw {
        Raw::Number(number) => number.abs() >= 1e15,
        _ => is_scientific(text),
    };
    if lost {
        return Err(fatal("编号超过15位且以数字格式保存，已丢失精度", HINT));
    }
    // GZ1, gz1 and ＧＺ１ are one code, whatever dash stands in it
    let code: String = key(text)
        .chars()
        .map(|c| match c {
            '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
            c => c.to_ascii_uppercase(),
        })
        .collect();
    if code.len() > CODE_CHARS_MAX && code.chars().count() > CODE_CHARS_MAX {
        return Err(fatal(format!("编号超过{CODE_CHARS_MAX}个字"), "请核对是否填错列"));
    }
    let hidden = matches!(raw, Raw::Text(raw) if raw.len() > text.len() && raw.chars().any(|c| is_invisible(c) && !c.is_whitespace()));
    let warning = if hidden {
        Some(remark("编号中有看不见的字符，已按去除后的编号读取", "请重新填写编号"))
    } else if has_private_characters(&code) {
        Some(remark("编号中有造字程序所造的字", "请改用标准汉字填写"))
    } else {
        None
    };
    Ok((Cell::Text(code.into()), warning))
}

/// `5.2E+17`: what is left of a long number.
fn is_scientific(text: &str) -> bool {
    // nothing but an E that is not the first letter; it may be a wide one
    if text.bytes().skip(1).all(|byte| byte.is_ascii() && !matches!(byte, b'E' | b'e')) {
        return false;
    }
    let text = narrow(text);
    let Some((mantissa, power)) = text.split_once(['E', 'e']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    digits(whole) && digits(fraction) && power.strip_prefix('+').is_some_and(digits)
}

/// What separates several telephone numbers or mailboxes in one cell.
const SEPARATORS: [char; 9] = [';', ',', '、', '/', '\\', '|', '\n', ' ', '或'];

const PHONE_DIGITS_MIN: usize = 7;

fn bad_phone(text: &str) -> Option<CellFault> {
    if is_scientific(text) {
        return Some(remark("电话号码以科学计数法保存，已丢失末几位", "请把该列设为文本格式后重新填写"));
    }
    // the separator may also stand inside one number: 0851 1234567
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (digits < PHONE_DIGITS_MIN).then(|| remark("不像电话号码", "请填写手机号码，或区号加电话号码"))
}

fn bad_mailbox(text: &str) -> Option<CellFault> {
    let is_good = |address: &str| {
        address.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && domain.contains('.')
                && !domain.starts_with('.')
                && !domain.ends_with('.')
                && address.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@.-_+".contains(&byte))
        })
    };
    let bad: Vec<&str> = text.split(SEPARATORS).filter(|part| !part.is_empty() && !is_good(part)).collect();
    (!bad.is_empty()).then(|| remark(format!("“{}”不是邮箱地址", shown(&bad.join("、"))), "请核对邮箱地址，多个邮箱用分号隔开"))
}

/// Characters of the private use areas: each office's own, a blank box elsewhere.
fn has_private_characters(text: &str) -> bool {
    // their UTF-8 begins with these bytes; nearly every text is settled without decoding
    text.bytes().any(|byte| matches!(byte, 0xee | 0xef | 0xf3 | 0xf4))
        && text.chars().any(|c| matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}'))
}

const DATE_HINT: &str = "请按2026-09-30的样式填写";

fn read_date(raw: &Raw<'_>, text: &str, planned: bool, today: NaiveDate) -> Result<(Cell, Option<CellFault>), CellFault> {
    let trace = || Ok((Cell::Empty, Some(remark("是空日期留下的痕迹，按未填处理", DATE_HINT))));
    let vague = |date| Ok((Cell::Date(plausible(date, today)?), Some(remark(format!("没有写到日，按{date}读取"), DATE_HINT))));
    let parsed = match raw {
        Raw::Date(1899, ..) | Raw::Date(1900, 1, 0 | 1) => return trace(),
        Raw::Date(year, month, day) => match NaiveDate::from_ymd_opt(i32::from(*year), u32::from(*month), u32::from(*day)) {
            Some(date) => Parsed::Day(date),
            None => return Err(fatal("这一天不存在", DATE_HINT)),
        },
        Raw::Number(number) if *number == 0.0 || *number == 1.0 => return trace(),
        Raw::Number(number) => match serial(*number) {
            Some(date) => {
                return plausible(date, today)
                    .map(|date| (Cell::Date(date), Some(remark(format!("以数字保存，按{date}读取"), "请把该列设为日期格式"))));
            }
            // 2026.1 may have been 2026.10
            None if number.fract() != 0.0 => return Err(fatal("是数字，不是日期", DATE_HINT)),
            None => parse_date(text)?,
        },
        _ => {
            let text = narrow(text);
            if TRACES.contains(&text.as_str()) {
                return trace();
            }
            parse_date(&text)?
        }
    };
    match parsed {
        Parsed::Day(date) => Ok((Cell::Date(plausible(date, today)?), None)),
        Parsed::Month(first, last) => vague(if planned { last } else { first }),
        Parsed::Span(last) => vague(last),
        Parsed::NotYet => Ok((Cell::Empty, Some(remark("没有写日期，按未填处理", DATE_HINT)))),
    }
}

/// What spreadsheets make of an empty date, as text.
const TRACES: [&str; 8] = ["0", "1900-01-00", "1900-01-01", "1900/1/0", "1900/1/1", "1899-12-30", "1899-12-31", "1899/12/30"];

enum Parsed {
    Day(NaiveDate),
    /// First and last day of a month: a plan holds until its end, an event is known to have begun with it.
    Month(NaiveDate, NaiveDate),
    /// The last day of a season, a year or a part of a month: not before it is certain that the day has come.
    Span(NaiveDate),
    NotYet,
}

fn serial(number: f64) -> Option<NaiveDate> {
    if !(20_000.0..80_000.0).contains(&number) {
        return None;
    }
    NaiveDate::from_ymd_opt(1899, 12, 30)?.checked_add_days(Days::new(number as u64))
}

fn plausible(date: NaiveDate, today: NaiveDate) -> Result<NaiveDate, CellFault> {
    if date.year() < 1980 || date.year() > today.year() + 30 {
        return Err(fatal(format!("年份{}不合常理", date.year()), "请核对年份"));
    }
    Ok(date)
}

/// The part before a time of day, which says nothing here. A time that hangs on the day without a space stays and is refused.
fn without_time(text: &str) -> &str {
    let Some(colon) = text.find(':') else { return text };
    let head = text[..colon].trim_end_matches(|c: char| c.is_ascii_digit());
    let day = head.trim_end_matches(['上', '下', '午']).trim_end();
    if day.len() < head.len() || head.ends_with('日') {
        return day;
    }
    head.strip_suffix(['T', 't']).unwrap_or(text)
}

fn parse_date(text: &str) -> Result<Parsed, CellFault> {
    const HINT: &str = DATE_HINT;
    let text: String = without_time(text).chars().filter(|c| !c.is_whitespace()).collect();
    if NOT_YET.iter().any(|word| text == *word) {
        return Ok(Parsed::NotYet);
    }
    let text = text.as_str();
    let unreadable = || fatal("不是能识别的日期", HINT);
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
        let year_number: i32 = year.parse().map_err(|_| unreadable())?;
        let span = |first: (u32, u32), months: u32| {
            let first = NaiveDate::from_ymd_opt(year_number, first.0, first.1)?;
            Some(Parsed::Span(first + Months::new(months) - Days::new(1)))
        };
        // 2026年底前: at its end at the latest
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
        return match rest {
            "" | "份" => month(year, month_text),
            "底" | "末" | "下旬" => tail(year, month_text),
            "初" | "上旬" => part(year, month_text, 10),
            "中旬" => part(year, month_text, 20),
            rest => day(year, month_text, rest.strip_suffix(['日', '号']).unwrap_or(rest)),
        };
    }
    for separator in ['-', '.', '/', '\u{2212}', '\u{2010}', '\u{2011}', '—', '–', '_'] {
        let parts: Vec<&str> = text.split(separator).collect();
        match parts[..] {
            [year, month_text, day_text] if year.len() == 4 => return day(year, month_text, day_text),
            [year, month_text] if year.len() == 4 => return month(year, month_text),
            [_, _, _] => return Err(fatal("没有写四位年份", HINT)),
            _ => {}
        }
    }
    Err(unreadable())
}

fn number(text: &str) -> Result<u32, CellFault> {
    if text.is_empty() || text.len() > 4 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(fatal("不是能识别的日期", "请按2026-09-30的样式填写"));
    }
    text.parse().map_err(|_| fatal("不是能识别的日期", "请按2026-09-30的样式填写"))
}

fn day(year: &str, month: &str, day: &str) -> Result<Parsed, CellFault> {
    NaiveDate::from_ymd_opt(number(year)? as i32, number(month)?, number(day)?)
        .map(Parsed::Day)
        .ok_or_else(|| fatal("这一天不存在", "请改正后重新导入"))
}

fn month(year: &str, month: &str) -> Result<Parsed, CellFault> {
    let first =
        NaiveDate::from_ymd_opt(number(year)? as i32, number(month)?, 1).ok_or_else(|| fatal("这个月份不存在", "请改正后重新导入"))?;
    Ok(Parsed::Month(first, first + Months::new(1) - Days::new(1)))
}

fn part(year: &str, month: &str, to: u32) -> Result<Parsed, CellFault> {
    NaiveDate::from_ymd_opt(number(year)? as i32, number(month)?, to)
        .map(Parsed::Span)
        .ok_or_else(|| fatal("这个月份不存在", "请改正后重新导入"))
}

fn tail(year: &str, month_text: &str) -> Result<Parsed, CellFault> {
    Ok(match month(year, month_text)? {
        Parsed::Month(_, last) => Parsed::Span(last),
        other => other,
    })
}

fn is_invisible(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}')
}

/// Text without surrounding spaces of any width and without invisible characters; inner line breaks stay.
pub fn clean(text: &str) -> String {
    let is_edge = |c: char| c.is_whitespace() || is_invisible(c);
    let trimmed = text.trim_matches(is_edge);
    // signs of printable ASCII only: nothing to look for
    if !trimmed.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && trimmed.chars().any(is_invisible) {
        let seen = |c| match c {
            '\t' => Some(' '),
            '\n' => Some(c),
            c => (!is_invisible(c)).then_some(c),
        };
        return trimmed.chars().filter_map(seen).collect();
    }
    trimmed.to_owned()
}

/// Full-width digits, letters and signs as ASCII (NFKC for what numbers, dates and codes are written with).
pub fn narrow(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
            '\u{3000}' | '\u{a0}' => ' ',
            '。' => '.',
            c => c,
        })
        .collect()
}

/// What two spellings of one word share: narrow, without any space.
pub fn key(text: &str) -> String {
    narrow(text).chars().filter(|c| !c.is_whitespace() && !is_invisible(*c)).collect()
}

/// At most 80 characters of a raw text on one line, for a note.
pub fn shown(text: &str) -> String {
    let mut out: String = text.chars().take(80).map(|c| if c == '\n' { '↵' } else { c }).collect();
    if text.chars().count() > 80 {
        out.push('…');
    }
    out
}

/// `截至2026年9月30日` in a title.
pub fn covers_on(text: &str) -> Option<NaiveDate> {
    let text = key(text);
    let rest = text.split_once("截至").or_else(|| text.split_once("截止"))?.1;
    let end = rest.find('日').map(|at| at + '日'.len_utf8()).or_else(|| rest.find([')', ',', '。']))?;
    match parse_date(&rest[..end]).ok()? {
        Parsed::Day(date) => Some(date),
        Parsed::Month(_, last) | Parsed::Span(last) => Some(last),
        Parsed::NotYet => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn today() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, 23).unwrap()
    }

    fn field(kind: FieldKind) -> Field {
        Field {
            id: "x".into(),
            title: "x".into(),
            kind,
            aliases: vec![],
            required: false,
            editable: false,
            privacy: crate::domain::register::ledger::Privacy::None,
            role: None,
            values: vec![],
        }
    }

    fn read(kind: FieldKind, text: &str) -> String {
        match read_cell(&field(kind), &Raw::Text(text.into()), 10, today()) {
            Ok((cell, None)) => cell.to_string(),
            Ok((cell, Some(_))) => format!("{cell} !"),
            Err(fault) => format!("✗ {}", fault.reason),
        }
    }

    #[test]
    fn dates_as_clerks_write_them() {
        let event = FieldKind::Date { planned: false };
        for text in [
            "2026-01-07",
            "２０２６－０１－０７",
            "2026年1月7日",
            "2026/1/7",
            "20260107",
            "2026.01.07",
            " 2026-1-7 ",
            "2026-1-7 9:30",
            "2026/1/7 23:59:60",
            "2026-01-07T08:00:00",
            "2026年1月7日上午9:30",
            "2026-01-07 00:00:00",
            "2026年01月07号",
        ] {
            assert_eq!(read(event, text), "2026-01-07", "{text}");
        }
        for (text, expected) in [
            ("2023-02-30", "✗ 这一天不存在"),
            ("2023-13-01", "✗ 这一天不存在"),
            ("23.3.1", "✗ 没有写四位年份"),
            ("3/1", "✗ 不是能识别的日期"),
            ("2026年3月", "2026-03-01 !"),
            ("2026.3", "2026-03-01 !"),
            ("2025年底", "2025-12-31 !"),
            ("2026年上半年", "2026-06-30 !"),
            ("2026年3月下旬", "2026-03-31 !"),
            ("2026年3月中旬", "2026-03-20 !"),
            ("2203-01-01", "✗ 年份2203不合常理"),
            ("待定", " !"),
            ("0", " !"),
            ("1900-01-01", " !"),
            ("1900-02-29", "✗ 这一天不存在"),
            ("2026-01-0723:59", "✗ 不是能识别的日期"),
            ("—", ""),
            ("无", ""),
            ("／", ""),
            ("签约即开工", "✗ 不是能识别的日期"),
        ] {
            assert_eq!(read(event, text), expected, "{text}");
        }
        let planned = FieldKind::Date { planned: true };
        assert_eq!(read(planned, "2026年3月"), "2026-03-31 !");
        assert_eq!(read(planned, "2026年底"), "2026-12-31 !");
        assert_eq!(read(planned, "2026年6月底前"), "2026-06-30 !");
        assert_eq!(read(planned, "2026年底前"), "2026-12-31 !");
        assert_eq!(read(planned, "2026年第二季度"), "2026-06-30 !");
        assert_eq!(read(planned, "2026年3月下旬"), "2026-03-31 !");
    }

    #[test]
    fn amounts_as_clerks_write_them() {
        for (text, expected) in [
            ("1.62", "1.62"),
            (" 1.09 ", "1.09"),
            ("0.02亿元", "0.02"),
            ("4,100万元", "0.41"),
            ("１，２３４．５", "1234.5"),
            ("¥1 234", "1234"),
            ("3 5", "✗ 不是能识别的金额"),
            ("3\n5", "✗ 不是能识别的金额"),
            ("1.5\n200", "✗ 不是能识别的金额"),
            ("1\t5", "✗ 不是能识别的金额"),
            ("1.5 亿元", "1.5"),
            ("待定", " !"),
            ("约5000万", "0.5 !"),
            ("5000+", "5000 !"),
            ("(500)", "✗ 金额为负数"),
            ("-3", "✗ 金额为负数"),
            ("1.234,5", "✗ 不是能识别的金额"),
            (">100", "✗ 不是能识别的金额"),
            ("100万美元", "✗ 是外币金额"),
            ("0", "0"),
            ("—", ""),
        ] {
            assert_eq!(read(FieldKind::Money, text), expected, "{text}");
        }
        assert_eq!(read(FieldKind::Decimal, "100%"), "100");
        assert_eq!(read(FieldKind::Decimal, "３２．５"), "32.5");
    }

    #[test]
    fn titles_say_what_they_cover() {
        assert_eq!(covers_on("全省项目台账（截至2026年9月30日）"), NaiveDate::from_ymd_opt(2026, 9, 30));
        assert_eq!(covers_on("全省项目台账"), None);
    }
}
