//! What one character means to a number: a digit of any width or script, a sign that may separate two digits, or an end.

/// How a digit is written. A number may begin or end where the writing changes: `第一13812345678`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    Plain,
    Chinese,
    /// In a circle or in brackets, raised or lowered.
    Decorated,
}

/// The first of ten digits in a row of the character set.
const ZEROS: [u32; 11] = [0x30, 0x660, 0x6f0, 0x966, 0xff10, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1fbf0];
/// The first of nine decorated digits in a row, which begin with 1.
const DECORATED_ONES: [u32; 7] = [0x2460, 0x2474, 0x2488, 0x24f5, 0x2776, 0x2780, 0x278a];

/// The value of a digit and how it is written.
pub fn digit(c: char) -> Option<(u8, Script)> {
    if c.is_ascii() {
        return c.is_ascii_digit().then(|| (c as u8 - b'0', Script::Plain));
    }
    let chinese = match c {
        '零' | '〇' | '○' => Some(0),
        '一' | '幺' | '壹' => Some(1),
        '二' | '贰' => Some(2),
        '三' | '叁' => Some(3),
        '四' | '肆' => Some(4),
        '五' | '伍' => Some(5),
        '六' | '陆' => Some(6),
        '七' | '柒' => Some(7),
        '八' | '捌' => Some(8),
        '九' | '玖' => Some(9),
        _ => None,
    };
    if let Some(value) = chinese {
        return Some((value, Script::Chinese));
    }
    let code = c as u32;
    let within = |first: u32, count: u32| (first..first + count).contains(&code);
    if let Some(zero) = ZEROS.into_iter().find(|zero| within(*zero, 10)) {
        return Some(((code - zero) as u8, Script::Plain));
    }
    if let Some(one) = DECORATED_ONES.into_iter().find(|one| within(*one, 9)) {
        return Some(((code - one) as u8 + 1, Script::Decorated));
    }
    let value = match c {
        '\u{24ea}' | '\u{24ff}' => 0,
        '\u{b9}' => 1,
        '\u{b2}' => 2,
        '\u{b3}' => 3,
        '\u{2070}' | '\u{2074}'..='\u{2079}' => (code - 0x2070) as u8,
        '\u{2080}'..='\u{2089}' => (code - 0x2080) as u8,
        _ => return None,
    };
    Some((value, Script::Decorated))
}

/// The value of a character that is read as a digit over the radio. Alone it is an ordinary word, so it counts beside another Chinese digit only.
pub fn radio_digit(c: char) -> Option<u8> {
    Some(match c {
        '洞' => 0,
        '两' | '兩' => 2,
        '拐' => 7,
        '勾' | '钩' => 9,
        _ => return None,
    })
}

/// The character with plain width and as a small letter; a digit of any script as 0 to 9.
pub fn folded(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    if let Some((value, _)) = digit(c) {
        return char::from(b'0' + value);
    }
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c).to_ascii_lowercase(),
        '\u{fe6b}' => '@',
        '\u{3000}' => ' ',
        other => other,
    }
}

/// A Latin letter or a plain digit of any width, as a small letter or a digit.
pub fn latin(c: char) -> Option<char> {
    let plain = match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        other => other,
    };
    plain.is_ascii_alphanumeric().then(|| plain.to_ascii_lowercase())
}

/// The kinds of signs between two digits of one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs(u8);

impl Signs {
    pub const SPACE: Signs = Signs(1);
    pub const DASH: Signs = Signs(2);
    pub const DOT: Signs = Signs(4);
    pub const COMMA: Signs = Signs(8);
    pub const SLASH: Signs = Signs(16);
    pub const BRACKET: Signs = Signs(32);
    pub const OTHER: Signs = Signs(64);
    /// Joins several figures, as in a sum, a ratio or an enumeration; a number is written with it only to hide it.
    pub const JOIN: Signs = Signs(128);

    /// No sign at all: only the writing of the digits changes.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether one of the signs is of a kind.
    pub fn has(self, kind: Signs) -> bool {
        self.0 & kind.0 != 0
    }

    /// Whether all signs are of one of these kinds.
    pub fn is_only(self, kinds: &[Signs]) -> bool {
        kinds.contains(&self)
    }

    #[must_use]
    pub fn with(self, other: Signs) -> Signs {
        Signs(self.0 | other.0)
    }
}

/// The kind of a sign that may separate the digits of a number; `None` = it ends the number, as signs of units do.
pub fn sign(c: char) -> Option<Signs> {
    Some(match folded(c) {
        c if c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}') => Signs::SPACE,
        '-' | '_' | '杠' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2500}' | '\u{2501}' | '\u{30fc}' | '\u{fe58}' | '\u{fe63}' => {
            Signs::DASH
        }
        '.' | '。' | '·' | '•' | '・' | '‧' | '∙' | '⋅' | '․' | '﹒' | '｡' | '\u{ff65}' => Signs::DOT,
        ',' | '\u{fe50}' => Signs::COMMA,
        '/' | '\\' | '|' | '\u{2044}' | '\u{2215}' | '∣' | '│' => Signs::SLASH,
        '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' => Signs::BRACKET,
        '【' | '】' | '〔' | '〕' | '《' | '》' | '〈' | '〉' | '「' | '」' | '『' | '』' | '〖' | '〗' => Signs::BRACKET,
        '*' | '+' | '=' | ';' | ':' | '!' | '?' | '、' | '"' | '“' | '”' | '×' | '…' | '和' => Signs::JOIN,
        '%' | '‰' | '$' | '¥' | '€' | '£' | '￥' | '÷' | '°' | '℃' | '′' | '″' | '№' | '±' | '≥' | '≤' | '≈' => {
            return None;
        }
        c if c.is_alphanumeric() => return None,
        _ => Signs::OTHER,
    })
}

/// Whether a sign opens a bracket (1), closes one (-1), or neither (0).
pub fn bracket(c: char) -> i32 {
    match folded(c) {
        '(' | '[' | '{' | '<' | '【' | '〔' | '《' | '〈' | '「' | '『' | '〖' => 1,
        ')' | ']' | '}' | '>' | '】' | '〕' | '》' | '〉' | '」' | '』' | '〗' => -1,
        _ => 0,
    }
}
