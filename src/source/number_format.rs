//! Number formats of cells (ECMA-376 part 1, 18.8.31): what a person sees in place of the stored number. A format may show a date, a month without
//! its day, a percentage, an amount in another unit (`0!.0,"万元"`), or a code with its zeros (`"GZ"000000`).

use crate::domain::intake::raw::Raw;
use crate::domain::register::record::Decimal;
use chrono::{Datelike, Days, NaiveDate};
use std::borrow::Cow;

/// What a format shows a number as.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum NumberFormat {
    #[default]
    Number,
    Date,
    /// A month, or a year, of which no day is shown.
    Month,
    Year,
    Percent,
    /// Hours, which may be more than a day.
    Duration,
    /// A number in another unit, or with words and zeros around it.
    Worded(Box<Words>),
    /// A text in place of the number: `"是";;"否"`.
    Text(Box<str>),
    /// Nothing is shown.
    Unseen,
    /// Some numbers are shown otherwise than others.
    Sections(Box<[Section]>),
}

/// A section of a format, for some of the numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Section {
    condition: Option<Condition>,
    format: NumberFormat,
}

/// What is shown around the digits of a number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Words {
    /// Words before and behind the digits.
    prefix: String,
    suffix: String,
    /// The number is shown divided by this power of ten.
    power: i32,
    /// The signs of a code: a 0 is a digit, everything else is shown as it is. `None` = the section shows a quantity.
    code: Option<String>,
}

/// The numbers of which a section is: those that compare to another one as its sign states.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Condition {
    sign: &'static str,
    other: f64,
}

impl Condition {
    /// The condition of a section: `>=10000`.
    fn parse(text: &str) -> Option<Condition> {
        let sign = [">=", "<=", "<>", ">", "<", "="].into_iter().find(|sign| text.starts_with(sign))?;
        Some(Condition { sign, other: text[sign.len()..].trim().parse().ok()? })
    }

    fn holds(self, number: f64) -> bool {
        match self.sign {
            ">=" => number >= self.other,
            "<=" => number <= self.other,
            "<>" => number != self.other,
            ">" => number > self.other,
            "<" => number < self.other,
            _ => number == self.other,
        }
    }
}

impl NumberFormat {
    /// The built-in formats of ECMA-376 part 1, 18.8.30. Dates and times are 14-22 and 45-47, and in Chinese 27-36 and 50-58.
    pub(crate) fn built_in(id: u32) -> NumberFormat {
        match id {
            17 | 27 | 36 | 50 | 52 | 57 => NumberFormat::Month,
            14..=22 | 28..=35 | 45 | 47 | 51 | 53..=56 | 58 => NumberFormat::Date,
            46 => NumberFormat::Duration,
            9 | 10 => NumberFormat::Percent,
            _ => NumberFormat::Number,
        }
    }

    /// The kind of a format code.
    pub(crate) fn parse(code: &str) -> NumberFormat {
        let read = || sections(code).into_iter().map(Tokens::read);
        let numeric = read().filter(|tokens| !tokens.is_text);
        let mut sections: Box<[Section]> = numeric.take(SECTIONS_MAX).map(Tokens::into_section).collect();
        if sections.is_empty() {
            // a section for texts shows numbers as well where there is no other
            sections = read().take(1).map(Tokens::into_section).collect();
        }
        let Some(first) = sections.first() else { return NumberFormat::Number };
        let is_alike = sections.iter().all(|section| section.format == first.format);
        let is_for_all = first.format == NumberFormat::Number || sections.iter().all(|section| section.condition.is_none());
        if is_alike && is_for_all { first.format.clone() } else { NumberFormat::Sections(sections) }
    }

    /// What a person sees of a number. `date1904` = days count from 1904-01-01.
    pub(crate) fn shown(&self, number: f64, date1904: bool) -> Raw<'static> {
        match self {
            NumberFormat::Number | NumberFormat::Duration | NumberFormat::Unseen => Raw::Number(number),
            NumberFormat::Text(text) => Raw::Text(Cow::Owned(text.to_string())),
            NumberFormat::Date => date_of_serial(number, date1904),
            NumberFormat::Month | NumberFormat::Year => match date_of_serial(number, date1904) {
                Raw::Date(year, month, _) if *self == NumberFormat::Month => Raw::Text(Cow::Owned(format!("{year:04}年{month}月"))),
                Raw::Date(year, ..) => Raw::Text(Cow::Owned(format!("{year:04}年"))),
                other => other,
            },
            NumberFormat::Percent => {
                match Decimal::from_f64(number).and_then(|value| Some(Decimal::new(value.mantissa.checked_mul(100)?, value.scale))) {
                    Some(shown) => Raw::Text(Cow::Owned(format!("{shown}%"))),
                    None => Raw::Number(number),
                }
            }
            NumberFormat::Worded(words) => words.around(number),
            NumberFormat::Sections(_) => match self.of_number(number) {
                NumberFormat::Sections(_) => Raw::Number(number),
                format => format.shown(number, date1904),
            },
        }
    }

    /// What shows a number, where some are shown otherwise than others.
    pub(crate) fn of_number(&self, number: f64) -> &NumberFormat {
        match self {
            NumberFormat::Sections(sections) => section_of(sections, number).map_or(&NumberFormat::Number, |section| &section.format),
            other => other,
        }
    }
}

/// What a format shows around a text: `"GZ"@`, `@"万元"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AroundText {
    prefix: String,
    suffix: String,
}

impl AroundText {
    /// The words of a format code; `None` = a text is shown as it is.
    pub(crate) fn parse(code: &str) -> Option<AroundText> {
        let words = sections(code).into_iter().map(Tokens::read).find(|tokens| tokens.is_text)?;
        let around = AroundText { prefix: words.prefix.trim().to_owned(), suffix: words.suffix.trim().to_owned() };
        (around != AroundText::default()).then_some(around)
    }

    pub(crate) fn around(&self, text: &str) -> String {
        format!("{}{text}{}", self.prefix, self.suffix)
    }
}

/// The most sections of a format for numbers.
const SECTIONS_MAX: usize = 3;

/// The longest format code that a program writes.
const CODE_BYTES_MAX: usize = 1000;

/// The section that shows a number: by its condition, else the first for positive numbers, the second for negative ones, the third for zero.
fn section_of(sections: &[Section], number: f64) -> Option<&Section> {
    if sections.iter().any(|section| section.condition.is_some()) {
        let holds = |section: &&Section| section.condition.is_none_or(|condition| condition.holds(number));
        return sections.iter().find(holds);
    }
    let at = if number < 0.0 {
        1
    } else if number == 0.0 {
        2
    } else {
        0
    };
    sections.get(at).or_else(|| sections.first())
}

impl Words {
    /// A number with its words.
    fn around(&self, number: f64) -> Raw<'static> {
        if let Some(code) = &self.code {
            // zeros in front of a fraction are no code
            if number < 0.0 || number.fract() != 0.0 || number >= 1e15 {
                return Raw::Number(number);
            }
            return Raw::Text(Cow::Owned(with_zeros(code, number as u64)));
        }
        let Some(value) = Decimal::from_f64(number) else { return Raw::Number(number) };
        let value = match u8::try_from(i32::from(value.scale) + self.power) {
            Ok(scale @ ..=15) => Decimal::new(value.mantissa, scale),
            _ => return Raw::Number(number),
        };
        if self.prefix.is_empty() && self.suffix.is_empty() {
            return Raw::Number(value.to_f64());
        }
        Raw::Text(Cow::Owned(format!("{}{value}{}", self.prefix, self.suffix)))
    }
}

/// A code with the digits of a number in the place of its zeros, from right to left; digits beyond them come before the first.
fn with_zeros(code: &str, number: u64) -> String {
    let mut digits: Vec<char> = number.to_string().chars().collect();
    let mut out: Vec<char> = Vec::new();
    let places = code.chars().filter(|c| *c == PLACE).count();
    let mut left = places;
    for c in code.chars().rev() {
        if c != PLACE {
            out.push(c);
            continue;
        }
        left -= 1;
        out.push(digits.pop().unwrap_or('0'));
        if left == 0 {
            out.extend(std::mem::take(&mut digits).into_iter().rev());
        }
    }
    out.into_iter().rev().collect()
}

/// The place of a digit in a code. A literal 0 never comes here, because no literal holds this sign.
const PLACE: char = '\0';

/// The sections of a format code.
fn sections(code: &str) -> Vec<&str> {
    let code = &code[..code.floor_char_boundary(CODE_BYTES_MAX)];
    let (mut out, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in code.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '"' => quoted = !quoted,
            '\\' | '!' | '_' | '*' if !quoted => escaped = true,
            ';' if !quoted => {
                out.push(&code[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    out.push(&code[start..]);
    out
}

/// What is in a section.
#[derive(Default)]
struct Tokens {
    condition: Option<Condition>,
    /// The section is for texts.
    is_text: bool,
    is_duration: bool,
    is_percent: bool,
    year: bool,
    month: bool,
    day: bool,
    /// Hours, minutes or seconds.
    time: bool,
    /// Everything that is shown, with [`PLACE`] for each 0.
    code: String,
    prefix: String,
    suffix: String,
    /// Places of digits: all, those that are always shown, and those behind a literal point.
    places: usize,
    zeros: usize,
    behind_point: Option<usize>,
    has_point: bool,
    has_grouping: bool,
    /// Commas behind the last place: each divides by a thousand.
    commas: usize,
    has_other_places: bool,
}

impl Tokens {
    fn read(section: &str) -> Tokens {
        let mut tokens = Tokens::default();
        let mut chars = section.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' => {
                    for c in chars.by_ref().take_while(|c| *c != '"') {
                        tokens.literal(c);
                    }
                }
                '\\' | '!' => {
                    if let Some(c) = chars.next() {
                        tokens.literal(c);
                    }
                }
                '_' | '*' => drop(chars.next()),
                '[' => {
                    let inside: String = chars.by_ref().take_while(|c| *c != ']').collect();
                    tokens.bracket(&inside);
                }
                '0' => tokens.place(true),
                '#' | '?' => tokens.place(false),
                '.' => tokens.has_point |= tokens.behind_point.is_none(),
                ',' if tokens.places > 0 => tokens.commas += 1,
                '%' => tokens.is_percent = true,
                'y' | 'Y' => tokens.year = true,
                'E' | 'e' if tokens.places == 0 || !matches!(chars.peek(), Some('+' | '-')) => tokens.year = true,
                'E' | 'e' => {
                    chars.next();
                    tokens.has_other_places = true;
                }
                'm' | 'M' => tokens.month = true,
                'd' | 'D' => tokens.day = true,
                'h' | 'H' | 's' | 'S' => tokens.time = true,
                'a' | 'A' if chars.peek().is_some_and(|next| matches!(next, 'a' | 'A')) => {
                    while chars.next_if(|c| matches!(c, 'a' | 'A')).is_some() {}
                    tokens.day = true;
                }
                'G' | 'g' => {
                    // General, in Chinese programs G/通用格式
                    while chars.next_if(|c| c.is_ascii_alphabetic()).is_some() {}
                    if chars.next_if_eq(&'/').is_some() {
                        while chars.next_if(|c| "通用格式".contains(*c)).is_some() {}
                    }
                    tokens.place(false);
                }
                '/' if tokens.places > 0 => tokens.has_other_places = true,
                '@' => {
                    tokens.is_text = true;
                    tokens.place(false);
                }
                c => tokens.literal(c),
            }
        }
        // m beside hours or seconds are minutes
        if tokens.time && !tokens.year && !tokens.day {
            tokens.month = false;
        }
        tokens
    }

    fn has_date(&self) -> bool {
        self.places == 0 && (self.year || self.month || self.day || self.time) || self.places > 0 && self.time
    }

    fn place(&mut self, always: bool) {
        self.has_grouping |= std::mem::take(&mut self.commas) > 0;
        // what comes between two places is shown between digits
        self.prefix.push_str(&std::mem::take(&mut self.suffix));
        self.places += 1;
        if always {
            self.zeros += 1;
            self.code.push(PLACE);
        }
        if let Some(behind) = &mut self.behind_point {
            *behind += 1;
        }
    }

    fn literal(&mut self, c: char) {
        if c == PLACE {
            return;
        }
        self.code.push(c);
        if self.places == 0 {
            self.prefix.push(c);
        } else if c == '.' && !self.has_point && self.behind_point.is_none() {
            self.behind_point = Some(0);
        } else {
            self.suffix.push(c);
        }
    }

    fn bracket(&mut self, inside: &str) {
        let lower = inside.to_ascii_lowercase();
        if let Some(currency) = inside.strip_prefix('$') {
            let symbol = currency.split('-').next().unwrap_or_default();
            symbol.chars().for_each(|c| self.literal(c));
        } else if !lower.is_empty() && ["h", "m", "s"].iter().any(|unit| lower.trim_matches(|c| unit.starts_with(c)).is_empty()) {
            self.is_duration = true;
        } else if let Some(condition) = Condition::parse(&lower) {
            self.condition = Some(condition);
        }
    }

    fn into_section(self) -> Section {
        Section { condition: self.condition, format: self.into_format() }
    }

    fn into_format(self) -> NumberFormat {
        if self.is_duration {
            return NumberFormat::Duration;
        }
        if self.is_percent {
            return NumberFormat::Percent;
        }
        if self.has_date() {
            return match (self.year, self.month, self.day, self.time) {
                // a month without its year is none of another year
                (_, true, false, false) => NumberFormat::Month,
                (true, false, false, false) => NumberFormat::Year,
                _ => NumberFormat::Date,
            };
        }
        let is_sign = |c: char| c.is_whitespace() || matches!(c, '-' | '+' | '(' | ')' | ',' | '¥' | '￥');
        if self.places == 0 {
            return match self.code.trim() {
                "" => NumberFormat::Unseen,
                // accountants put a dash in place of 0
                text if text.chars().all(|c| is_sign(c) || matches!(c, '—' | '–' | '―' | '/')) => NumberFormat::Number,
                text => NumberFormat::Text(text.into()),
            };
        }
        let power = self.commas as i32 * 3 + self.behind_point.unwrap_or(0) as i32;
        // zeros without a point, with whatever is between them, are those of a code
        let is_code = self.zeros >= 2 && self.zeros == self.places && !self.has_point && !self.has_grouping && power == 0;
        let has_words = |text: &str| text.chars().any(|c| c.is_alphanumeric() || SIGNS_OF_MONEY.contains(&c));
        let has_unit = self.prefix.chars().chain(self.suffix.chars()).any(|c| UNITS.contains(&c));
        let is_counted = COUNTERS.contains(&self.suffix.trim()) && !has_words(&self.prefix);
        let is_worded = (has_words(&self.prefix) || has_words(&self.suffix)) && !is_counted;
        // the signs around a quantity are those of its sum, the dash within a code is part of it
        let words = |text: &str| match has_unit || !has_words(text) {
            true => text.chars().filter(|c| !is_sign(*c)).collect::<String>(),
            false => text.trim().to_owned(),
        };
        let (prefix, suffix) = if is_worded { (words(&self.prefix), words(&self.suffix)) } else { (String::new(), String::new()) };
        // what does not change the meaning of a number is left out
        if !self.has_other_places && (is_code || is_worded || power != 0) {
            NumberFormat::Worded(Box::new(Words { prefix, suffix, power, code: is_code.then_some(self.code) }))
        } else {
            NumberFormat::Number
        }
    }
}

/// Characters of the units of money.
const UNITS: [char; 6] = ['亿', '万', '千', '百', '元', '億'];

/// Signs of foreign money.
pub(crate) const SIGNS_OF_MONEY: [char; 4] = ['$', '€', '£', '￡'];

/// Words behind a number that only say what is counted.
const COUNTERS: [&str; 15] = ["个", "人", "名", "户", "家", "件", "天", "日", "项", "宗", "套", "台", "次", "亩", "平方米"];

/// Seconds of a day, and those before its last minute.
const DAY_SECONDS: f64 = 86_400.0;
const LAST_MINUTE_SECOND: f64 = 86_340.0;

/// The day of a number that its cell shows as a date. `date1904` = days count from 1904-01-01. A time without a day and day 0 are no dates and stay
/// numbers, which the intake reports. The last minute of a day is given with its time: another zone may have put it there.
pub(crate) fn date_of_serial(number: f64, date1904: bool) -> Raw<'static> {
    if !number.is_finite() || number < 1.0 {
        return Raw::Number(number);
    }
    let second = (number.fract() * DAY_SECONDS).round();
    // a hair before midnight is midnight, with the error of a binary fraction
    let number = if second >= DAY_SECONDS { number.ceil() } else { number };
    // day 60 is a 29 February 1900 that never was
    let epoch = match (date1904, number < 60.0) {
        (true, _) => NaiveDate::from_ymd_opt(1904, 1, 1),
        (false, true) => NaiveDate::from_ymd_opt(1899, 12, 31),
        (false, false) => NaiveDate::from_ymd_opt(1899, 12, 30),
    };
    let date = epoch.and_then(|epoch| epoch.checked_add_days(Days::new(number as u64)));
    let year = date.and_then(|date| u16::try_from(date.year()).ok());
    let (Some(date), Some(year)) = (date, year) else { return Raw::Number(number) };
    if (LAST_MINUTE_SECOND + 1.0..DAY_SECONDS - 1.0).contains(&second) {
        return Raw::Text(Cow::Owned(format!("{date} 23:59:{:02}", second - LAST_MINUTE_SECOND)));
    }
    Raw::Date(year, date.month() as u8, date.day() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(code: &str, number: f64) -> String {
        match NumberFormat::parse(code).shown(number, false) {
            Raw::Text(text) => format!("“{text}”"),
            other => other.display().into_owned(),
        }
    }

    #[test]
    fn quantities_are_shown_with_their_units() {
        for (code, number, expected) in [
            ("General", 5000.0, "5000"),
            ("0.00_ ", 5000.5, "5000.5"),
            ("#,##0.00", 5000.5, "5000.5"),
            ("0\"万元\"", 5000.0, "“5000万元”"),
            ("#,##0.00\"亿元\"", 1.2, "“1.2亿元”"),
            ("General\"万元\"", 5000.0, "“5000万元”"),
            ("G/通用格式\"万元\"", 5000.0, "“5000万元”"),
            ("0万元", 5000.0, "“5000万元”"),
            ("0!万!元", 5000.0, "“5000万元”"),
            ("0!.0,\"万元\"", 12_345_678.0, "“1234.5678万元”"),
            ("0!.0,\"万元\"", 50_000_000.0, "“5000万元”"),
            ("0\".\"0,", 50_000_000.0, "5000"),
            ("0!.00,,\"亿\"", 150_000_000.0, "“1.5亿”"),
            ("#,##0,", 5_000_000.0, "5000"),
            ("0!.0000", 50_000_000.0, "5000"),
            ("[>=100000000]0!.00,,\"亿元\";[>=10000]0!.0,\"万元\";0\"元\"", 150_000_000.0, "“1.5亿元”"),
            ("[>=100000000]0!.00,,\"亿元\";[>=10000]0!.0,\"万元\";0\"元\"", 50_000.0, "“5万元”"),
            ("[>=100000000]0!.00,,\"亿元\";[>=10000]0!.0,\"万元\";0\"元\"", 50.0, "“50元”"),
            ("0\"万元\";-0\"万元\";0", 0.0, "0"),
            ("0\"万元\";-0\"万元\"", -5.0, "“-5万元”"),
            ("¥#,##0.00", 5000.0, "5000"),
            ("[$¥-804]#,##0.00", 5000.0, "5000"),
            ("[$$-409]#,##0.00", 5000.0, "“$5000”"),
            ("_ * #,##0.00_ ;_ * -#,##0.00_ ;_ * \"-\"??_ ;_ @_ ", 0.0, "0"),
            ("0\"个\"", 5.0, "5"),
            ("0.00E+00", 5000.0, "5000"),
            ("# ?/?", 0.5, "0.5"),
            ("@", 5000.0, "5000"),
            ("", 5000.0, "5000"),
            (";;;", 5.0, "5"),
            ("0\"w\"", 5000.0, "“5000w”"),
            ("0\"萬元\"", 5000.0, "“5000萬元”"),
            ("0\"%\"", 40.0, "40"),
            ("0\\%", 40.0, "40"),
            ("[=1]\"完成\";0%", 1.0, "“完成”"),
            ("[=1]\"完成\";0%", 0.4, "“40%”"),
            ("[=0]\"\";0%", 0.0, "0"),
            ("\"否\";;\"是\"", 0.0, "“是”"),
            ("\"√\";;\"×\"", 1.0, "“√”"),
            ("\"约\"0\"个\"", 5.0, "“约5个”"),
            ("_ * #,##0.00\"万元\"_ ;_ * -#,##0.00\"万元\"_ ;_ * \"-\"??_ ;_ @_ ", 5000.0, "“5000万元”"),
        ] {
            assert_eq!(shown(code, number), expected, "{code} {number}");
        }
    }

    #[test]
    fn codes_are_shown_with_their_zeros() {
        for (code, number, expected) in [
            ("000000000", 52_010_001.0, "“052010001”"),
            ("\"GZ\"000000000", 52_010_001.0, "“GZ052010001”"),
            ("\\G\\Z0000", 17.0, "“GZ0017”"),
            ("000-0000", 1234.0, "“000-1234”"),
            ("0000\"-\"00\"-\"00", 20_260_301.0, "“2026-03-01”"),
            ("\"GZ\"0", 202_600_001.0, "“GZ202600001”"),
            ("\"GZ\"#", 2_026_002.0, "“GZ2026002”"),
            ("\"GZ-\"#", 5.0, "“GZ-5”"),
            ("\"项目\"0", 3.0, "“项目3”"),
            ("\"黔招\"#", 4.0, "“黔招4”"),
            ("0\"号\"", 5201.0, "“5201号”"),
            ("\"贵招商\"General", 5202.0, "“贵招商5202”"),
            ("\"GZ\"@", 2_026_001.0, "“GZ2026001”"),
            ("000", 12_345.0, "“12345”"),
            ("000000000", 1.5, "1.5"),
            ("0", 7.0, "7"),
            ("00.00", 5.5, "5.5"),
        ] {
            assert_eq!(shown(code, number), expected, "{code} {number}");
        }
    }

    #[test]
    fn texts_are_shown_with_the_words_of_their_format() {
        let shown = |code: &str| AroundText::parse(code).map_or("甲".to_owned(), |around| around.around("甲"));
        for (code, expected) in [
            ("\"GZ\"@", "GZ甲"),
            ("@\"县\"", "甲县"),
            ("0;-0;0;@\"万元\"", "甲万元"),
            ("@", "甲"),
            ("_ @_ ", "甲"),
            ("0\"万元\"", "甲"),
            ("yyyy\"年\"m\"月\";@", "甲"),
            ("General", "甲"),
        ] {
            assert_eq!(shown(code), expected, "{code}");
        }
    }

    #[test]
    fn dates_are_shown_as_far_as_the_format_goes() {
        for (code, expected) in [
            ("yyyy-mm-dd", "2026-06-01"),
            ("yyyy\"年\"m\"月\"d\"日\";@", "2026-06-01"),
            ("m/d;@", "2026-06-01"),
            ("yyyy/m/d h:mm", "2026-06-01"),
            ("yyyy\"年\"m\"月\"", "“2026年6月”"),
            ("[$-804]yyyy\"年\"m\"月\";@", "“2026年6月”"),
            ("mmm-yy", "“2026年6月”"),
            ("yyyy.mm", "“2026年6月”"),
            ("yyyy-mm", "“2026年6月”"),
            ("y-m", "“2026年6月”"),
            ("e-m", "“2026年6月”"),
            ("m\"月\"", "“2026年6月”"),
            ("mmm", "“2026年6月”"),
            ("mm:ss", "2026-06-01"),
            ("yyyy\"年\"", "“2026年”"),
            ("aaaa", "2026-06-01"),
            ("[h]:mm", "46174"),
            ("0%", "“4617400%”"),
            ("[红色]0.00%", "“4617400%”"),
            ("[DBNum1][$-804]yyyy\"年\"m\"月\"d\"日\"", "2026-06-01"),
            ("[=0]\"\";yyyy-mm-dd", "2026-06-01"),
            ("[=0]\"\";yyyy\"年\"m\"月\"", "“2026年6月”"),
            ("[=0]\"\";0%", "“4617400%”"),
            ("[<10000]0\"万元\";yyyy-mm-dd", "2026-06-01"),
            ("0\"万元\";@", "“46174万元”"),
            ("yyyy-mm-dd;;;@", "2026-06-01"),
        ] {
            assert_eq!(shown(code, 46_174.0), expected, "{code}");
        }
        assert_eq!(shown("h:mm", 0.5), "0.5");
        let at = |hour: f64, minute: f64, second: f64| 46_081.0 + (hour * 3600.0 + minute * 60.0 + second) / DAY_SECONDS;
        let date = |number: f64| date_of_serial(number, false).display().into_owned();
        assert_eq!(date(at(23.0, 59.0, 17.0)), "2026-02-28 23:59:17");
        assert_eq!(date(at(23.0, 59.0, 59.9999)), "2026-03-01");
        assert_eq!(date(at(15.0, 0.0, 0.0)), "2026-02-28");
        assert_eq!(date_of_serial(44_620.0, true).display(), "2026-03-01");
        assert_eq!(date_of_serial(0.5, false), Raw::Number(0.5));
    }
}
