//! Amounts and other numbers: money units in headers and cells, spaces and thousands separators.

use crate::domain::intake::fault::{CellFault, CellResult, fatal, warning};
use crate::domain::intake::raw::Raw;
use crate::domain::intake::text::{half_width, normalize_name};
use crate::domain::register::record::{Cell, Decimal, FEN_PER_YI};

/// Money units in the order in which they are looked for, each with its power of ten to 分.
const UNITS: [(&str, i32); 6] = [("亿元", 10), ("亿", 10), ("万元", 6), ("万", 6), ("千元", 5), ("元", 2)];

/// The unit that a header gives for its amounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MoneyUnit {
    /// The power of ten from an amount without unit to 分.
    Power(i32),
    /// The words of a unit that cannot be converted to yuan: a foreign currency, or two units at once.
    Unsupported(String),
}

/// Words of foreign currencies in a header.
const CURRENCIES: [&str; 12] = ["美元", "美金", "港元", "港币", "欧元", "日元", "英镑", "澳元", "外币", "$", "USD", "HKD"];

/// The power of ten of one of 十, 百, 千, 万 and 亿.
fn magnitude(c: char) -> Option<i32> {
    Some(match c {
        '十' => 1,
        '百' => 2,
        '千' => 3,
        '万' => 4,
        '亿' => 8,
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
        let yuan = matches!(c, '元' | '圆');
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
    let bare = header.strip_suffix(['元', '圆']).unwrap_or(header).trim_end_matches(|c| magnitude(c).is_some());
    let unit = money_unit(&header[bare.len()..])?;
    let words = bare.trim_end_matches([':', ',', '/', '-']).trim_end_matches("单位").trim_end_matches([':', ',', '/', '-']);
    (!words.is_empty()).then_some((words, unit))
}

/// The largest plausible amount, in 分: 100,000 亿元.
pub(crate) const FEN_MAX: i64 = 100_000 * FEN_PER_YI;

/// Reads the cell of an amount. `text` is the cleaned text of `raw`; `money_power` is the power of ten to 分 where the cell has no unit.
///
/// # Errors
/// No amount in yuan can be read, or it is negative or implausibly large.
pub(crate) fn read_money(raw: &Raw<'_>, text: &str, money_power: i32) -> CellResult {
    const HINT: &str = "请填写数字，单位写在表头或单元格内（亿元、万元）";
    if let Raw::Date(..) = raw {
        return Err(fatal("是日期，不是金额", HINT));
    }
    let mut text = without_spaces(&half_width(text));
    let mut approximate = None;
    if text.contains("美元") || text.contains('$') || text.contains("港") || text.contains("欧元") {
        return Err(fatal("是外币金额", "请折合人民币后填写"));
    }
    for word in ["约", "左右", "余"] {
        if text.contains(word) {
            text = text.replace(word, "");
            approximate = Some(warning("写的是约数，按所写数字读取", "请填写实际数字"));
        }
    }
    if let Some(rest) = text.strip_suffix('+') {
        text = rest.to_owned();
        approximate = Some(warning("写的是约数，按所写数字读取", "请填写实际数字"));
    }
    let mut text = text.trim_start_matches("人民币").trim_start_matches(['¥', '￥']).to_owned();
    let mut power = money_power;
    if let Some((unit, unit_power)) = UNITS.iter().find(|(unit, _)| text.ends_with(unit)) {
        text.truncate(text.len() - unit.len());
        power = *unit_power;
    }
    // bookkeepers write a negative amount in brackets
    let inside = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    let negative = inside.is_some();
    let digits = without_separators(inside.unwrap_or(&text)).ok_or_else(|| fatal("不是能识别的金额", HINT))?;
    const TOO_MUCH: (&str, &str) = ("金额大得不合常理", "请核对单位是亿元还是万元");
    let value = Decimal::parse(&digits).ok_or_else(|| fatal("不是能识别的金额", HINT))?;
    let value = value.scaled(power).ok_or_else(|| fatal(TOO_MUCH.0, TOO_MUCH.1))?;
    if negative || value < 0 {
        return Err(fatal("金额为负数", "请核对后填写"));
    }
    if value > FEN_MAX {
        return Err(fatal(TOO_MUCH.0, TOO_MUCH.1));
    }
    Ok((Cell::Money(value), approximate))
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
    let digits = plain.strip_suffix('%').unwrap_or(&plain);
    without_separators(digits).and_then(|digits| Decimal::parse(&digits)).ok_or_else(|| fatal("不是能识别的数字", "请填写数字"))
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
}
