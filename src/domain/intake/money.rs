//! Amounts and other numbers: money units in headers and cells, spaces and thousands separators.

use crate::domain::intake::chinese_number::{chinese_number, with_arabic_numbers};
use crate::domain::intake::fault::{CellFault, CellResult, fatal, warning};
use crate::domain::intake::raw::Raw;
use crate::domain::intake::text::{half_width, normalize_name};
use crate::domain::register::record::{Cell, Decimal, FEN_PER_YI};

/// The unit that a header gives for its amounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MoneyUnit {
    /// The power of ten from an amount without unit to 分.
    Power(i32),
    /// The words of a unit that cannot be converted to yuan: a foreign currency, or two units at once.
    Unsupported(String),
}

/// Words of foreign currencies in a header.
const CURRENCIES: [&str; 16] =
    ["美元", "美金", "港元", "港币", "欧元", "日元", "英镑", "澳元", "外币", "$", "€", "£", "￡", "USD", "HKD", "EUR"];

/// The power of ten of one of 十, 百, 千, 万 and 亿.
fn magnitude(c: char) -> Option<i32> {
    Some(match c {
        '十' => 1,
        '百' => 2,
        '千' => 3,
        '万' | '萬' => 4,
        '亿' | '億' => 8,
        _ => return None,
    })
}

/// The unit a bracket or unit line names: `（亿元）`, `单位：百万元`, `（万元（人民币））`.
pub fn money_unit(text: &str) -> Option<MoneyUnit> {
    let text = normalize_name(text);
    let words = || text.trim_matches(|c| "()[]【】".contains(c)).trim_start_matches("单位:").to_owned();
    if CURRENCIES.iter().any(|currency| text.to_ascii_uppercase().contains(currency)) {
        return Some(MoneyUnit::Unsupported(words()));
    }
    let mut found: Option<i32> = None;
    let (mut power, mut large, mut previous) = (0, false, None);
    for c in text.chars().chain([' ']) {
        if let Some(more) = magnitude(c) {
            power += more;
            large |= more >= 4;
            continue;
        }
        let yuan = is_yuan(c);
        // 元 without a magnitude is a unit unless it belongs to a word such as 单元
        let named = if yuan { power > 0 || previous.is_none_or(|c: char| c.is_ascii() || matches!(c, '币' | '位')) } else { large };
        if named {
            if found.is_some_and(|found| found != power + 2) {
                return Some(MoneyUnit::Unsupported(words()));
            }
            found = Some(power + 2);
        }
        (power, large, previous) = (0, false, Some(c));
    }
    found.map(MoneyUnit::Power)
}

/// The name of a money unit by its power of ten to 分, such as `万元`.
pub fn unit_name(power: i32) -> String {
    let (large, rest) = match power - 2 {
        power @ 8.. => ("亿", power - 8),
        power @ 4.. => ("万", power - 4),
        power => ("", power),
    };
    let small = ["", "十", "百", "千"].get(usize::try_from(rest).unwrap_or(0)).copied().unwrap_or_default();
    format!("{small}{large}元")
}

/// Splits a normalized header that ends in a unit without brackets, such as `合同投资额万元`, into its words and the unit.
pub fn trailing_unit(header: &str) -> Option<(&str, MoneyUnit)> {
    let bare = header.strip_suffix(is_yuan).unwrap_or(header).trim_end_matches(|c| magnitude(c).is_some());
    let unit = money_unit(&header[bare.len()..])?;
    let words = bare.trim_end_matches([':', ',', '/', '-']).trim_end_matches("单位").trim_end_matches([':', ',', '/', '-']);
    (!words.is_empty()).then_some((words, unit))
}

/// The largest plausible amount, in 分: 100,000 亿元.
pub(crate) const FEN_MAX: i64 = 100_000 * FEN_PER_YI;

/// Words before and behind an amount that do not change it.
const BEFORE: [&str; 5] = ["人民币", "RMB", "CNY", "¥", "￥"];
const BEHIND: [&str; 6] = ["(人民币)", "人民币", "RMB", "CNY", "整", "正"];

/// Words of an amount that is not exact.
const APPROXIMATE: [&str; 6] = ["大约", "约", "左右", "余", "多", "近"];

/// Reads the cell of an amount. `text` is the cleaned text of `raw`; `money_power` is the power of ten to 分 where the cell has no unit.
///
/// # Errors
/// No amount in yuan can be read, or it is negative or implausibly large.
pub(crate) fn read_money(raw: &Raw<'_>, text: &str, money_power: i32) -> CellResult {
    const HINT: &str = "请填写数字，单位写在表头或单元格内（亿元、万元）";
    const TOO_MUCH: (&str, &str) = ("金额大得不合常理", "请核对单位是亿元还是万元");
    if let Raw::Date(..) = raw {
        return Err(fatal("是日期，不是金额", HINT));
    }
    let mut text = without_spaces(&half_width(text)).to_ascii_uppercase();
    let mut approximate = None;
    if CURRENCIES.iter().any(|currency| text.contains(currency)) || text.contains('港') {
        return Err(fatal("是外币金额", "请折合人民币后填写"));
    }
    for word in APPROXIMATE {
        if text.contains(word) {
            text = text.replace(word, "");
            approximate = Some(warning("写的是约数，按所写数字读取", "请填写实际数字"));
        }
    }
    // 15000(万元), 1.5亿元。, 1.5个亿, 1亿零500万
    if let Some(rest) = text.strip_suffix('.').filter(|rest| rest.ends_with(|c: char| c == ')' || is_yuan(c) || magnitude(c).is_some())) {
        text = rest.to_owned();
    }
    let unit = text
        .strip_suffix(')')
        .and_then(|rest| rest.rsplit_once('('))
        .filter(|(number, unit)| !number.is_empty() && !unit.is_empty() && unit.chars().all(|c| magnitude(c).is_some() || is_yuan(c)));
    if let Some((number, unit)) = unit {
        text = format!("{number}{unit}");
    }
    for (written, meant) in [("个亿", "亿"), ("个億", "亿"), ("亿零", "亿"), ("万零", "万"), ("×10^", "E"), ("*10^", "E")] {
        if text.contains(written) {
            text = text.replace(written, meant);
        }
    }
    if let Some(rest) = text.strip_suffix('+') {
        text = rest.to_owned();
        approximate = Some(warning("写的是约数，按所写数字读取", "请填写实际数字"));
    }
    let mut amount = text.as_str();
    while let Some(rest) = BEFORE.iter().find_map(|word| amount.strip_prefix(word)) {
        amount = rest.trim_start_matches(':');
    }
    while let Some(rest) = BEHIND.iter().find_map(|word| amount.strip_suffix(word)) {
        amount = rest;
    }
    // bookkeepers write a negative amount in brackets, with the unit inside or behind them
    let inside =
        amount.strip_prefix('(').and_then(|rest| rest.split_once(')')).filter(|(number, unit)| !number.is_empty() && !unit.contains('('));
    let (negative, amount) = match inside {
        Some((number, unit)) => (true, format!("{number}{unit}")),
        None => (false, amount.to_owned()),
    };
    let value = amount_in_fen(&amount, money_power).ok_or_else(|| fatal("不是能识别的金额", HINT))?;
    let value = i64::try_from(value).map_err(|_| fatal(TOO_MUCH.0, TOO_MUCH.1))?;
    if negative || value < 0 {
        return Err(fatal("金额为负数", "请核对后填写"));
    }
    if value > FEN_MAX {
        return Err(fatal(TOO_MUCH.0, TOO_MUCH.1));
    }
    Ok((Cell::Money(value), approximate))
}

/// An amount in 分: `1.5`, `15000万元`, `1亿5000万元`, `1.5E+08`, `一亿五千万元`. `None` = the text is none.
fn amount_in_fen(text: &str, money_power: i32) -> Option<i128> {
    // what no number of 分 holds is too much, and so is the largest
    let number =
        |text: &str, power: i32| number_of(text).map(|(value, exponent)| i128::from(value.scaled(power + exponent).unwrap_or(i64::MAX)));
    let (words, is_yuan) = match text.strip_suffix(is_yuan) {
        Some(words) => (words, true),
        None => (text, false),
    };
    // 十 alone is a numeral, 十万 behind digits a unit
    if words.starts_with(|c: char| !c.is_ascii() && (magnitude(c).is_none() || c == '十')) {
        return worded_amount(words, is_yuan).or_else(|| mixed_amount(words, is_yuan));
    }
    if !is_yuan && !words.contains(|c| magnitude(c).is_some()) {
        return number(words, money_power);
    }
    let (mut rest, mut total, mut power_before) = (words, 0i128, i32::MAX);
    while !rest.is_empty() {
        let end = rest.find(|c| magnitude(c).is_some()).unwrap_or(rest.len());
        let (digits, behind) = rest.split_at(end);
        let unit_end = behind.find(|c| magnitude(c).is_none()).unwrap_or(behind.len());
        let power: i32 = behind[..unit_end].chars().filter_map(magnitude).sum();
        // 1亿5000 may be 1.5亿 or 1亿 and 5000元
        if power >= power_before || power == 0 && !is_yuan {
            return None;
        }
        let Some(value) = number(digits, power + 2) else { return mixed_amount(words, is_yuan) };
        total = total.checked_add(value)?;
        (rest, power_before) = (&behind[unit_end..], power);
    }
    (power_before < i32::MAX).then_some(total)
}

/// An amount whose parts above and below 亿 and 万 are each in digits or in Chinese numerals: 1亿五千万, 一亿5000万.
fn mixed_amount(words: &str, is_yuan: bool) -> Option<i128> {
    let (mut rest, mut total, mut power_before) = (words, 0i128, i32::MAX);
    while let Some((at, c)) = rest.char_indices().find(|(_, c)| magnitude(*c).is_some_and(|power| power >= 4)) {
        let (part, power) = (&rest[..at], magnitude(c)?);
        if power >= power_before {
            return None;
        }
        let value = match part.is_ascii() {
            true => number_of(part).and_then(|(value, exponent)| value.scaled(power + 2 + exponent)).map(i128::from)?,
            false => i128::from(chinese_number(part)?).checked_mul(10i128.checked_pow(u32::try_from(power + 2).ok()?)?)?,
        };
        total = total.checked_add(value)?;
        (rest, power_before) = (&rest[at + c.len_utf8()..], power);
    }
    if rest.is_empty() {
        return (power_before < i32::MAX).then_some(total);
    }
    // 一亿5000 may be 一亿五千万
    let below = if is_yuan { number_of(rest).and_then(|(value, exponent)| value.scaled(2 + exponent)) } else { None };
    total.checked_add(i128::from(below?))
}

fn is_yuan(c: char) -> bool {
    matches!(c, '元' | '圆' | '圓')
}

/// An amount in Chinese numerals: 一点五亿, 壹亿伍仟万.
fn worded_amount(words: &str, is_yuan: bool) -> Option<i128> {
    if let Some((whole, fraction)) = words.split_once('点') {
        let end = fraction.find(|c| magnitude(c).is_some()).unwrap_or(fraction.len());
        let (digits, unit) = fraction.split_at(end);
        if unit.is_empty() && !is_yuan {
            return None;
        }
        let digits = with_arabic_numbers(digits);
        let yuan = if is_yuan { "元" } else { "" };
        return amount_in_fen(&format!("{}.{digits}{unit}{yuan}", chinese_number(whole)?), 0);
    }
    let value = i128::from(chinese_number(words)?);
    // what has no unit may be a number of anything
    if is_yuan || words.ends_with(['万', '亿', '萬', '億']) { value.checked_mul(100) } else { None }
}

/// A number in digits, perhaps with a power of ten (`1.5E+08`), as its value and that power.
fn number_of(text: &str) -> Option<(Decimal, i32)> {
    let (mantissa, exponent) = match text.split_once(['E', 'e']) {
        Some((mantissa, exponent)) => (mantissa, exponent),
        None => (text, "0"),
    };
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    // some programs write the power with three digits
    let digits = digits.strip_prefix('0').filter(|rest| rest.len() == 2).unwrap_or(digits);
    if digits.is_empty() || digits.len() > 2 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((Decimal::parse(&without_separators(mantissa)?)?, exponent.parse().ok()?))
}

/// A number without spaces. A space between two digits becomes a comma, which is then checked as a thousands separator; a line break
/// between two digits becomes a semicolon, which no number contains.
fn without_spaces(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut gap = None;
    for c in text.chars() {
        if c.is_whitespace() {
            gap = if c == '\n' || gap == Some(';') { Some(';') } else { Some(',') };
            continue;
        }
        if let Some(gap) = gap.take()
            && matches!(c, '0'..='9' | '.')
            && out.ends_with(|last: char| matches!(last, '0'..='9' | '.'))
        {
            out.push(gap);
        }
        out.push(c);
    }
    out
}

/// Digits without thousands separators; `None` where a comma does not separate thousands.
fn without_separators(text: &str) -> Option<String> {
    if !text.contains(',') {
        return (!text.is_empty()).then(|| text.to_owned());
    }
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let groups: Vec<&str> = whole.split(',').collect();
    if fraction.is_some_and(|fraction| fraction.contains(','))
        || groups[0].is_empty()
        || groups[0].trim_start_matches('-').len() > 3
        || groups[1..].iter().any(|group| group.len() != 3)
    {
        return None;
    }
    Some(fraction.map_or_else(|| groups.concat(), |fraction| format!("{}.{fraction}", groups.concat())))
}

/// Reads a number that is no amount; a percent sign at its end is dropped.
///
/// # Errors
/// The text is no number.
pub(crate) fn read_decimal(text: &str) -> Result<Decimal, CellFault> {
    let plain = without_spaces(&half_width(text));
    let digits = plain.strip_suffix('%').or_else(|| plain.strip_prefix("百分之")).unwrap_or(&plain);
    let worded = || if digits.len() < plain.len() { Some(Decimal::new(i64::try_from(chinese_number(digits)?).ok()?, 0)) } else { None };
    let number = number_of(digits).and_then(|(value, exponent)| with_power(value, exponent)).or_else(worded);
    number.ok_or_else(|| fatal("不是能识别的数字", "请填写数字"))
}

/// A number times a power of ten.
fn with_power(value: Decimal, exponent: i32) -> Option<Decimal> {
    if exponent == 0 {
        return Some(value);
    }
    let scale = i32::from(value.scale) - exponent;
    match u8::try_from(scale) {
        Ok(scale @ 0..=15) => Some(Decimal::new(value.mantissa, scale)),
        Ok(_) => None,
        Err(_) => Some(Decimal::new(value.scaled(exponent)?, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_as_headers_name_them() {
        for (text, expected) in [
            ("（亿元）", Some(MoneyUnit::Power(10))),
            ("单位：万元", Some(MoneyUnit::Power(6))),
            ("（万元（人民币））", Some(MoneyUnit::Power(6))),
            ("（百万元）", Some(MoneyUnit::Power(8))),
            ("（千万元）", Some(MoneyUnit::Power(9))),
            ("（十亿元）", Some(MoneyUnit::Power(11))),
            ("（百万）", Some(MoneyUnit::Power(8))),
            ("（千元）", Some(MoneyUnit::Power(5))),
            ("（元）", Some(MoneyUnit::Power(2))),
            ("（人民币元）", Some(MoneyUnit::Power(2))),
            ("（含税，亿元）", Some(MoneyUnit::Power(10))),
            ("（亿元/万元）", Some(MoneyUnit::Unsupported("亿元/万元".into()))),
            ("单位：万美元", Some(MoneyUnit::Unsupported("万美元".into()))),
            ("（亿港元）", Some(MoneyUnit::Unsupported("亿港元".into()))),
            ("（单元）", None),
            ("（含固定资产）", None),
        ] {
            assert_eq!(money_unit(text), expected, "{text}");
        }
        assert_eq!(trailing_unit("合同投资额万元"), Some(("合同投资额", MoneyUnit::Power(6))));
        assert_eq!(trailing_unit("合同投资额,单位:亿元"), Some(("合同投资额", MoneyUnit::Power(10))));
        assert_eq!((trailing_unit("万元"), trailing_unit("合同投资额")), (None, None));
    }

    #[test]
    fn amounts_as_people_and_programs_write_them() {
        let read = |text: &str, power: i32| match read_money(&Raw::Text(text.into()), text, power) {
            Ok((Cell::Money(fen), None)) => fen.to_string(),
            Ok((cell, _)) => format!("{cell} !"),
            Err(fault) => fault.reason,
        };
        const YUAN: i32 = 2;
        const YI: i32 = 10;
        for (text, power, fen) in [
            ("1.5E+08", YUAN, "15000000000"),
            ("1.234567E+09", YUAN, "123456700000"),
            ("1.5e8", YUAN, "15000000000"),
            ("0.00E+00", YUAN, "0"),
            ("1.5E-02", YI, "150000000"),
            ("15000万元整", YI, "15000000000"),
            ("1.5亿元人民币", YI, "15000000000"),
            ("人民币：1.5亿元整", YI, "15000000000"),
            ("1.5亿元（人民币）", YI, "15000000000"),
            ("RMB 15,000万", YI, "15000000000"),
            ("1亿5000万元", YI, "15000000000"),
            ("1亿5千万", YI, "15000000000"),
            ("3千万元", YI, "3000000000"),
            ("12万3456元", YI, "12345600"),
            ("一亿五千万元", YI, "15000000000"),
            ("壹亿伍仟万元整", YI, "15000000000"),
            ("一点五亿元", YI, "15000000000"),
            ("15000萬元", YI, "15000000000"),
            ("1.5億圓", YI, "15000000000"),
            ("十五亿", YI, "150000000000"),
            ("十五亿元", YI, "150000000000"),
            ("1亿五千万", YI, "15000000000"),
            ("一亿5000万", YI, "15000000000"),
            ("1亿零500万元", YI, "10500000000"),
            ("1.5个亿", YI, "15000000000"),
            ("15000(万元)", YI, "15000000000"),
            ("1.5（亿元）", YI, "15000000000"),
            ("壹億伍仟萬圓整", YI, "15000000000"),
            ("1.5亿元。", YI, "15000000000"),
            ("1.5e+008", YUAN, "15000000000"),
            ("1.5×10^8元", YUAN, "15000000000"),
            ("一亿5000", YI, "不是能识别的金额"),
            ("三点五", YI, "不是能识别的金额"),
            ("五", YI, "不是能识别的金额"),
            ("1.5", YI, "15000000000"),
            ("￥1.5亿", YI, "15000000000"),
            ("1亿5000", YI, "不是能识别的金额"),
            ("5000万1亿", YI, "不是能识别的金额"),
            ("1.5E", YI, "不是能识别的金额"),
            ("1.5E+99", YI, "金额大得不合常理"),
            ("万元", YI, "不是能识别的金额"),
            ("元", YI, "不是能识别的金额"),
            ("甲", YI, "不是能识别的金额"),
            ("(500)万元", YI, "金额为负数"),
            ("-5", YI, "金额为负数"),
            ("5000万美元", YI, "是外币金额"),
            ("$5000", YI, "是外币金额"),
            ("€ 500万", YI, "是外币金额"),
        ] {
            assert_eq!(read(text, power), fen, "{text}");
        }
    }

    #[test]
    fn numbers_with_powers_and_percents() {
        let read = |text: &str| read_decimal(text).map_or_else(|fault| fault.reason, |value| value.to_string());
        for (text, expected) in [
            ("95%", "95"),
            ("1.25E+01", "12.5"),
            ("4E2", "400"),
            ("5e-1", "0.5"),
            ("百分之四十", "40"),
            ("百分之40", "40"),
            ("四十", "不是能识别的数字"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
