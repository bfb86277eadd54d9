//! The one form in which codes and names of projects are compared, however they are written: half-width, capital letters, simplified characters,
//! without the signs that offices write or leave out (spaces, quotes, brackets, dots, dashes).

use crate::domain::intake::cell::canonical_char;
use crate::domain::intake::text::half_width_char;
use crate::domain::simplified::simplified;

/// In place of each sign over which no name goes on.
const PAUSE: char = '、';

/// At the end of a name, it is as good as nothing.
const PROJECT: [char; 2] = ['项', '目'];

/// A character in the compared form; `None` = it is left out.
pub(crate) fn compared_char(c: char) -> Option<char> {
    if c == '。' {
        return Some(PAUSE);
    }
    match simplified(canonical_char(c)) {
        ',' | ';' | ':' | '!' | '?' | PAUSE => Some(PAUSE),
        c => c.is_alphanumeric().then_some(c),
    }
}

/// A text in the compared form.
pub(crate) fn compared_chars(text: &str) -> Vec<char> {
    text.chars().filter_map(compared_char).collect()
}

/// The compared form of a name without the word 项目 at its end.
pub(crate) fn without_project(name: &[char]) -> &[char] {
    match name.strip_suffix(&PROJECT) {
        Some(rest) if !rest.is_empty() => rest,
        _ => name,
    }
}

/// A name in the form in which names are compared.
pub(crate) fn compared_name(name: &str) -> String {
    without_project(&compared_chars(name)).iter().collect()
}

/// A character of a code in place of the digit for which it is mistaken.
pub(crate) fn digit_for_letter(c: char) -> char {
    match c {
        'O' => '0',
        'I' | 'L' => '1',
        c => c,
    }
}

/// A code in the form in which codes are compared: GZ-2024-001, GZ2024OO1 and GZ2024001（一期） are one.
pub(crate) fn compared_code(code: &str) -> String {
    let form: String = without_phase(code).chars().filter_map(compared_char).map(digit_for_letter).collect();
    // a code of signs only is compared as it is written
    if form.is_empty() { code.to_owned() } else { form }
}

/// A code of Latin letters and digits without a text in brackets at its end that has a Chinese character in it: （一期）. Of a name it is a part.
fn without_phase(code: &str) -> &str {
    let is = |c: char, bracket: char| half_width_char(c) == bracket;
    let Some(within) = code.trim_end().strip_suffix(|c| is(c, ')')) else { return code };
    let is_latin = |text: &str| text.chars().all(|c| !c.is_alphabetic() || half_width_char(c).is_ascii());
    match within.rfind(|c| is(c, '(')) {
        Some(at) if at > 0 && is_latin(&within[..at]) && !within[at..].chars().skip(1).all(|c| c.is_ascii()) => &code[..at],
        _ => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_mean_the_same_project_have_one_form() {
        for name in [
            "黔南·磷酸铁锂（电池）生产线项目",
            "《黔南•磷酸铁锂(电池)生产线》",
            "“黔南磷酸铁锂电池生产线”项目",
            "黔南磷酸鐵鋰電池生產線項目",
            "黔南 磷酸铁锂\u{3000}电池\n生产线",
        ] {
            assert_eq!(compared_name(name), "黔南磷酸铁锂电池生产线", "{name}");
        }
        assert_eq!(compared_name("ａｂ项目"), "AB");
        assert_eq!(compared_name("项目"), "项目");
        assert_eq!(compared_name("甲、乙公司，丙公司"), "甲、乙公司、丙公司");
    }

    #[test]
    fn codes_that_may_be_the_same_have_one_form() {
        for code in [
            "GZ2024001",
            "GZ-2024-001",
            "gz 2024 001",
            "ＧＺ２０２４００１",
            "GZ2024OO1",
            "GZ2024O0I",
            "GZ2024001（一期）",
            "GZ〔2024〕001",
        ] {
            assert_eq!(compared_code(code), "GZ2024001", "{code}");
        }
        assert_eq!(compared_code("GZ2024001(2)"), "GZ20240012", "a number is a part of the code");
        assert_eq!(compared_code("（一期）"), "一期");
        assert_ne!(compared_code("年产10万吨电池项目（一期）"), compared_code("年产10万吨电池项目（二期）"));
        assert_eq!(compared_code("--"), "--");
    }
}
