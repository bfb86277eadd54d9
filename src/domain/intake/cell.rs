//! Reads one cell by the type of its field.

use crate::domain::intake::date::{NOT_YET, plain_date, plausible, read_date};
use crate::domain::intake::fault::{CellFault, CellResult, fatal, warning};
use crate::domain::intake::money::{FEN_MAX, read_decimal, read_money};
use crate::domain::intake::raw::Raw;
use crate::domain::intake::text::{
    clean, excerpt, half_width, half_width_char, has_private_characters, is_invisible, normalize_name, unwrapped,
};
use crate::domain::register::ledger::{Field, FieldKind, Role};
use crate::domain::register::record::{Cell, Decimal};
use chrono::NaiveDate;

/// What registers write in a cell that is meant to be empty.
const BLANKS: [&str; 22] = [
    "-", "--", "---", "—", "——", "–", "―", "――", "─", "──", "/", "//", "\\", "无", "暂无", "空", "N/A", "n/a", "NA", "null", "NULL", "#N/A",
];

/// The UTF-8 length of the longest of them in full-width characters.
const BLANK_BYTES_MAX: usize = 12;

/// The most characters of a code, and the most UTF-16 units of a name and another text.
const CODE_CHARS_MAX: usize = 64;
const NAME_CHARS_MAX: usize = 500;
pub(crate) const TEXT_CHARS_MAX: usize = 32_767;

/// Reads a cell by its field's type. `money_power` is the power of ten from an amount without unit to 分; `today` bounds plausible dates.
///
/// # Errors
/// The value does not fit the field's type.
pub fn read_cell(field: &Field, raw: &Raw<'_>, money_power: i32, today: NaiveDate) -> CellResult {
    match raw {
        Raw::Uncalculated => return Err(fatal("文件中没有公式的计算结果", "请用Excel打开并保存一次，或粘贴为数值后再导入")),
        Raw::Struck(_) => return Err(struck()),
        Raw::Error(code) if field.required => return Err(fatal(format!("单元格是错误值{code}"), "请改正公式或填写实际值")),
        Raw::Error(code) => return Ok((Cell::Empty, Some(warning(format!("单元格是错误值{code}，按未填处理"), "请改正公式或填写实际值")))),
        Raw::Number(number) if !number.is_finite() => return Err(fatal("不是有效数字", "请填写实际数值")),
        _ => {}
    }
    // a date or a number of a workbook needs no parsing
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
    // most texts need no cleaning and are copied only once
    if let Raw::Text(text) = raw {
        let plain = match plainness(text) {
            Plainness::Plain => plain_cell(field, text, today),
            Plainness::Punctuated => punctuated_cell(field, text),
            Plainness::Other => None,
        };
        if let Some(cell) = plain {
            return Ok((cell, None));
        }
    }
    let text = match raw {
        Raw::Text(text) => clean(unwrapped(text.trim())),
        other => other.display().into_owned(),
    };
    if text.is_empty() || text.len() <= BLANK_BYTES_MAX && BLANKS.contains(&half_width(&text).as_str()) {
        return Ok((Cell::Empty, None));
    }
    let is_number = matches!(field.kind, FieldKind::Money | FieldKind::Decimal | FieldKind::Int);
    if is_number && NOT_YET.contains(&half_width(&text).as_str()) {
        return Ok((Cell::Empty, Some(warning("没有写数字，按未填处理", "请填写数字，尚未确定的留空"))));
    }
    match field.kind {
        FieldKind::Text => read_text(field, raw, text),
        FieldKind::Date { planned } => read_date(raw, &text, planned, today),
        FieldKind::Money => match read_money(raw, &text, money_power)? {
            (Cell::Money(0), None) if field.role == Some(Role::Amount) => {
                Ok((Cell::Money(0), Some(warning("金额为0", "请核对；尚未约定的请留空"))))
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
        FieldKind::Bool => match half_width(&text).to_ascii_uppercase().trim_end_matches(['。', '.']) {
            word if YES.contains(&word) => Ok((Cell::Bool(true), None)),
            word if NO.contains(&word) => Ok((Cell::Bool(false), None)),
            _ => Err(fatal("应为“是”或“否”", "请填写“是”或“否”")),
        },
    }
}

/// The fault of a cell whose content is struck out.
pub(crate) fn struck() -> CellFault {
    fatal("内容加了删除线", "仍有效的请去掉删除线；已作废的请删除后再导入")
}

/// What people, check boxes and programs write for yes and no, in capital letters.
const YES: [&str; 18] = ["是", "有", "对", "已", "真", "1", "1.0", "TRUE", "T", "YES", "Y", "ON", "√", "✓", "✔", "☑", "■", "●"];
const NO: [&str; 20] =
    ["否", "没有", "不是", "非", "不", "未", "假", "0", "0.0", "FALSE", "F", "NO", "N", "OFF", "×", "✗", "✘", "✕", "☐", "□"];

/// What may have to be done with a text before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plainness {
    /// Cleaning, half-width conversion and [`BLANKS`] cannot change it: it has no space or control character, no character of the Unicode
    /// blocks with invisible, full-width or punctuation characters, and no first character of a blank or a formula.
    Plain,
    /// The same, but for full-width punctuation: 投资（集团）公司，二期.
    Punctuated,
    Other,
}

fn plainness(text: &str) -> Plainness {
    const FULL_WIDTH: u8 = 1;
    const OTHER: u8 = 2;
    // a table of what each byte may be the beginning of; no loop over a text leaves early, because nearly every text is plain
    const KINDS: [u8; 256] = {
        let mut kinds = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            kinds[byte] = match byte as u8 {
                0..=0x20 | 0x7f | 0xc2 | 0xe2 | 0xe3 | 0xee | 0xf0.. => OTHER,
                0xef => FULL_WIDTH,
                _ => 0,
            };
            byte += 1;
        }
        kinds
    };
    let bytes = text.as_bytes();
    let special_start = matches!(bytes.first(), None | Some(b'-' | b'/' | b'\\' | b'=' | b'#' | b'N' | b'n' | b'\''));
    match bytes.iter().fold(u8::from(special_start) << 1, |found, byte| found | KINDS[usize::from(*byte)]) {
        0 => Plainness::Plain,
        FULL_WIDTH if is_only_full_width(text) => Plainness::Punctuated,
        _ => Plainness::Other,
    }
}

/// Whether a text is too long for a blank, is no formula, and has of the characters above U+F000 only the full-width forms U+FF01 to U+FF7F.
fn is_only_full_width(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_full_width = |pair: &[u8]| pair[0] != 0xef || matches!(pair[1], 0xbc | 0xbd);
    text.len() > BLANK_BYTES_MAX && !text.starts_with('＝') && bytes.windows(2).all(is_full_width)
}

/// The value of a text with full-width punctuation, of a field that takes it as it is; `None` = use the full reading.
fn punctuated_cell(field: &Field, text: &str) -> Option<Cell> {
    let is_name = field.role == Some(Role::Name);
    let takes_any = field.kind == FieldKind::Text
        && field.values.is_empty()
        && !matches!(field.role, Some(Role::Code | Role::Project | Role::Phone | Role::Mailbox));
    let chars_max = if is_name { NAME_CHARS_MAX } else { TEXT_CHARS_MAX };
    (takes_any && text.len() <= chars_max).then(|| Cell::Text(text.into()))
}

/// The value of a plain text in the frequent cases that need no check for warnings; `None` = use the full reading.
fn plain_cell(field: &Field, text: &str, today: NaiveDate) -> Option<Cell> {
    // 无, 空, 暂无
    if text.len() <= 6 && BLANKS.contains(&text) {
        return None;
    }
    match field.kind {
        FieldKind::Text if matches!(field.role, Some(Role::Code | Role::Project)) => {
            let is_other = |byte: u8| byte.is_ascii_lowercase() || !byte.is_ascii() || byte == b'.';
            (text.len() <= CODE_CHARS_MAX && !text.bytes().any(is_other) && !is_scientific(text)).then(|| Cell::Text(text.into()))
        }
        FieldKind::Text if field.role == Some(Role::Phone) => {
            // 13912345678, 0851-1234567
            let is_phone = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
                && text.bytes().filter(u8::is_ascii_digit).count() >= PHONE_DIGITS_MIN;
            (is_phone && text.len() <= TEXT_CHARS_MAX && field.values.is_empty()).then(|| Cell::Text(text.into()))
        }
        FieldKind::Text if field.role == Some(Role::Mailbox) => None,
        FieldKind::Text => {
            let allowed = field.values.is_empty() || field.values.iter().any(|value| value == text);
            let chars_max = if field.role == Some(Role::Name) { NAME_CHARS_MAX } else { TEXT_CHARS_MAX };
            (allowed && text.len() <= chars_max).then(|| Cell::Text(text.into()))
        }
        FieldKind::Date { .. } => {
            let (year, month, day) = plain_date(text)?;
            let date = NaiveDate::from_ymd_opt(year, month, day)?;
            Some(Cell::Date(plausible(date, today).ok()?))
        }
        _ => None,
    }
}

/// Reads the cell of a text field.
///
/// # Errors
/// The text is too long, or a code is unusable.
fn read_text(field: &Field, raw: &Raw<'_>, text: String) -> CellResult {
    let chars_max = match field.role {
        Some(Role::Code | Role::Project) => return read_code(raw, &text),
        Some(Role::Name) => NAME_CHARS_MAX,
        _ => TEXT_CHARS_MAX,
    };
    // a text has at least as many bytes as UTF-16 units, in which spreadsheet programs count, and bytes need no counting
    if text.len() > chars_max && text.encode_utf16().count() > chars_max {
        return Err(fatal(format!("内容超过{chars_max}个字"), "请删减后再导入，详细情况可另附材料"));
    }
    let text = if matches!(field.role, Some(Role::Phone | Role::Mailbox)) { half_width(&text) } else { text };
    let warning = if !field.values.is_empty() && field.value_of(&text).is_none() {
        Some(warning(format!("“{}”不在约定的写法之内", excerpt(&text)), &format!("约定的写法：{}", field.values.join("、"))))
    } else if text.starts_with(['=', '＝']) {
        Some(warning("以等号开头的文字，按文字原样保存", "如是公式，请粘贴为数值"))
    } else if field.role == Some(Role::Phone) {
        phone_fault(&text)
    } else if field.role == Some(Role::Mailbox) {
        mailbox_fault(&text)
    } else if has_private_characters(&text) {
        Some(warning("含有造字程序所造的字，其他电脑上可能无法显示", "请改用标准汉字填写"))
    } else {
        None
    };
    Ok((Cell::Text(text.into()), warning))
}

/// Reads the cell of a code.
///
/// # Errors
/// The spreadsheet program turned the code into a date or a rounded number, or it is too long.
fn read_code(raw: &Raw<'_>, text: &str) -> CellResult {
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
    let code = canonical_code(text);
    // Excel's mark of a text, which another program has taken for a part of it
    let code = code.strip_prefix('\'').unwrap_or(&code).to_owned();
    let whole = without_zeros(&code);
    let (code, is_number) = match whole.filter(|whole| is_running_number(whole)) {
        Some(whole) => (whole.to_owned(), true),
        None => (code, false),
    };
    if code.len() > CODE_CHARS_MAX && code.chars().count() > CODE_CHARS_MAX {
        return Err(fatal(format!("编号超过{CODE_CHARS_MAX}个字"), "请核对是否填错列"));
    }
    let has_invisible =
        matches!(raw, Raw::Text(raw) if raw.len() > text.len() && raw.chars().any(|c| is_invisible(c) && !c.is_whitespace()));
    let warning = if has_invisible {
        Some(warning("编号中有看不见的字符，已按去除后的编号读取", "请重新填写编号"))
    } else if is_number {
        Some(warning("编号以.0结尾，是程序把编号当作数字保存留下的，已去除", "请把该列设为文本格式后重新填写编号"))
    } else if without_zeros(&code).is_some() {
        Some(warning("编号以.0结尾，按所写保存", "如是程序把编号当作数字保存留下的，请把该列设为文本格式后重新填写编号"))
    } else if code.starts_with('=') {
        Some(warning("编号以等号开头，按文字原样保存", "如是公式，请粘贴为数值"))
    } else if has_private_characters(&code) {
        Some(warning("编号中有造字程序所造的字", "请改用标准汉字填写"))
    } else {
        None
    };
    Ok((Cell::Text(code.into()), warning))
}

/// A whole number without the point and the zeros that a program leaves behind it; `None` = it has none.
fn without_zeros(code: &str) -> Option<&str> {
    let (whole, zeros) = code.split_once('.')?;
    let is_number = !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && zeros.bytes().all(|byte| byte == b'0')).then_some(whole)
}

/// Whether a text is so long a number that `.0` behind it is no part of a code such as 3.0.
fn is_running_number(text: &str) -> bool {
    text.len() >= 5 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The one form of a code: GZ1, gz1 and ＧＺ１ are one code; so are codes that differ in the kind of dash.
pub(crate) fn canonical_code(text: &str) -> String {
    normalize_name(text).chars().map(canonical_char).collect()
}

/// The one form of a character of a code.
pub(crate) fn canonical_char(c: char) -> char {
    match half_width_char(c) {
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        c => c.to_ascii_uppercase(),
    }
}

/// Whether a text is in scientific notation, such as `5.2E+17`: the digits of the code or number are lost.
fn is_scientific(text: &str) -> bool {
    // the E is never first and may be full-width; most texts have none
    if text.bytes().skip(1).all(|byte| byte.is_ascii() && !matches!(byte, b'E' | b'e')) {
        return false;
    }
    let text = half_width(text);
    let Some((mantissa, power)) = text.split_once(['E', 'e']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    digits(whole) && digits(fraction) && power.strip_prefix('+').is_some_and(digits)
}

/// Characters between several telephone numbers or mailboxes in one cell.
const SEPARATORS: [char; 9] = [';', ',', '、', '/', '\\', '|', '\n', ' ', '或'];

/// The fewest digits of a telephone number.
const PHONE_DIGITS_MIN: usize = 7;

/// The warning about a text that cannot be a telephone number.
fn phone_fault(text: &str) -> Option<CellFault> {
    if is_scientific(text) {
        return Some(warning("电话号码以科学计数法保存，已丢失末几位", "请把该列设为文本格式后重新填写"));
    }
    // digits are counted over the whole cell: a separator may be part of one number, as in 0851 1234567
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (digits < PHONE_DIGITS_MIN).then(|| warning("不像电话号码", "请填写手机号码，或区号加电话号码"))
}

/// The warning about mailboxes that are malformed.
fn mailbox_fault(text: &str) -> Option<CellFault> {
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
    (!bad.is_empty()).then(|| warning(format!("“{}”不是邮箱地址", excerpt(&bad.join("、"))), "请核对邮箱地址，多个邮箱用分号隔开"))
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
            own: false,
            latest: false,
            role: None,
            values: vec![],
            words: vec![],
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
    fn a_text_is_read_alike_with_and_without_a_look_at_its_bytes() {
        let texts = [
            "贵阳（集团）有限公司，二期",
            "＝贵阳（集团）有限公司",
            "\u{feff}贵阳（集团）有限公司",
            "贵阳（集团）有限公司\u{feff}",
            "（－－－－）",
            "贵阳\u{f8ff}（集团）有限公司",
            "贵阳\u{ff80}（集团）有限公司",
            " 贵阳（集团）有限公司",
            "贵阳（集团）\u{3000}",
            "－－－－－",
            "贵阳",
            "无",
        ];
        for text in texts {
            let full = read_text(&field(FieldKind::Text), &Raw::Text(text.into()), clean(text)).unwrap();
            let is_blank = clean(text).len() <= BLANK_BYTES_MAX && BLANKS.contains(&half_width(&clean(text)).as_str());
            let full = if is_blank { (Cell::Empty, None) } else { full };
            let (cell, fault) = read_cell(&field(FieldKind::Text), &Raw::Text(text.into()), 10, today()).unwrap();
            assert_eq!((cell, fault.is_some()), (full.0, full.1.is_some()), "{text}");
        }
    }

    #[test]
    fn codes_as_programs_leave_them() {
        let code = Field { role: Some(Role::Code), ..field(FieldKind::Text) };
        for (text, expected, is_told) in [
            ("20260002.00", "20260002", true),
            ("20260010.000000", "20260010", true),
            ("20260009.", "20260009", true),
            ("20260009.0", "20260009", true),
            ("3.0", "3.0", true),
            ("3.5", "3.5", false),
            ("GZ.0", "GZ.0", false),
            ("=T(\"GD0004\")", "=T(\"GD0004\")", true),
            ("＇GD0009", "GD0009", false),
            ("GD0001", "GD0001", false),
        ] {
            let (cell, fault) = read_cell(&code, &Raw::Text(text.into()), 10, today()).unwrap();
            assert_eq!((cell.to_string().as_str(), fault.is_some()), (expected, is_told), "{text}");
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
}
