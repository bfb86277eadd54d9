//! Numbers in Chinese numerals: 二〇二六, 三十一, 一亿五千万, 壹仟贰佰.

/// The value of a numeral of one digit.
fn digit(c: char) -> Option<u32> {
    Some(match c {
        '〇' | '○' | '零' | 'Ｏ' | 'O' => 0,
        '一' | '壹' | '元' => 1,
        '二' | '贰' | '两' => 2,
        '三' | '叁' => 3,
        '四' | '肆' => 4,
        '五' | '伍' => 5,
        '六' | '陆' => 6,
        '七' | '柒' => 7,
        '八' | '捌' => 8,
        '九' | '玖' => 9,
        _ => return None,
    })
}

/// The power of ten of a numeral within a group of four digits.
fn small_power(c: char) -> Option<u64> {
    Some(match c {
        '十' | '拾' => 10,
        '百' | '佰' => 100,
        '千' | '仟' => 1000,
        _ => return None,
    })
}

/// A whole number in Chinese numerals with their powers, such as 一亿五千万 or 三十一. `None` = the text is none.
pub(crate) fn chinese_number(text: &str) -> Option<u64> {
    // the parts above 亿, above 万, and below; the digit in front of the next power
    let (mut total, mut group, mut pending, mut has_any) = (0u64, 0u64, None::<u64>, false);
    for c in text.chars() {
        has_any = true;
        if let Some(value) = digit(c).filter(|_| c != '元') {
            // 二五 is no number with powers
            if pending.is_some_and(|known| known != 0) {
                return None;
            }
            pending = Some(value.into());
        } else if let Some(power) = small_power(c) {
            group = group.checked_add(pending.take().filter(|known| *known > 0).unwrap_or(1).checked_mul(power)?)?;
        } else {
            let power = match c {
                '万' | '萬' => 10_000,
                '亿' | '億' => 100_000_000,
                _ => return None,
            };
            group = group.checked_add(pending.take().unwrap_or(0))?;
            total = match c {
                '亿' | '億' => total.checked_add(group)?.checked_mul(power)?,
                _ => total.checked_add(group.checked_mul(power)?)?,
            };
            group = 0;
        }
    }
    has_any.then_some(total.checked_add(group)?.checked_add(pending.unwrap_or(0))?)
}

/// A date with digits in place of its Chinese numerals: 二〇二六年三月一日 → 2026年3月1日. Where a part is no number, the text stays as it is.
pub(crate) fn with_arabic_numbers(text: &str) -> String {
    let is_numeral = |c: char| digit(c).is_some() && c != 'O' || small_power(c).is_some() || c == '廿' || c == '卅';
    if !text.chars().any(is_numeral) {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut run = String::new();
    for c in text.chars().chain(['\0']) {
        if is_numeral(c) {
            run.push(c);
            continue;
        }
        match number_of(&run) {
            Some(number) => out.push_str(&number),
            None => out.push_str(&run),
        }
        run.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

/// The digits of a run of numerals: 二〇二六 → 2026, 三十一 → 31, 廿五 → 25.
fn number_of(run: &str) -> Option<String> {
    let run = run.replace('廿', "二十").replace('卅', "三十");
    match run.as_str() {
        "" => None,
        "元" => Some("1".into()),
        _ if run.chars().any(|c| small_power(c).is_some()) => chinese_number(&run).map(|number| number.to_string()),
        _ => run.chars().map(|c| char::from_digit(digit(c).filter(|_| c != '元')?, 10)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_their_powers() {
        for (text, expected) in [
            ("三十一", Some(31)),
            ("十", Some(10)),
            ("一百零五", Some(105)),
            ("一千二百", Some(1200)),
            ("一万五", Some(10_005)),
            ("一亿五千万", Some(150_000_000)),
            ("壹拾贰亿叁仟万", Some(1_230_000_000)),
            ("两万", Some(20_000)),
            ("", None),
            ("二五", None),
            ("元", None),
            ("一个", None),
            ("亿亿亿亿", Some(0)),
        ] {
            assert_eq!(chinese_number(text), expected, "{text}");
        }
        assert_eq!(chinese_number(&"九千万亿".repeat(9)), None, "more than any number holds");
    }

    #[test]
    fn numerals_of_dates() {
        for (text, expected) in [
            ("二〇二六年三月一日", "2026年3月1日"),
            ("二零二六年十二月三十一日", "2026年12月31日"),
            ("2026年元月廿五日", "2026年1月25日"),
            ("2026年第一季度", "2026年第1季度"),
            ("2026-03-01", "2026-03-01"),
            ("一元二次", "一元二次"),
        ] {
            assert_eq!(with_arabic_numbers(text), expected, "{text}");
        }
    }
}
