//! The texts of a header in the forms in which they name a field: without the stars, numbers and notes that templates put around the name.

use crate::domain::intake::text::{normalize_name, unwrapped};

/// Signs before or behind a name: of a column that has to be filled in, or at the end of a line.
const SIGNS: [char; 25] =
    ['*', '★', '☆', '※', '●', '▲', '△', '◆', '■', '#', ':', ';', ',', '.', '、', '✱', '✳', '✲', '✻', '✽', '∗', '⁎', '﹡', '!', '\u{fe0f}'];

/// Notes of templates on whether a column has to be filled in.
const NOTES: [&str; 16] = [
    "必填项",
    "选填项",
    "非必填项",
    "非必填",
    "不必填",
    "可不填",
    "必须填写",
    "必填",
    "选填",
    "可选填",
    "可选",
    "必录",
    "必输",
    "必选",
    "可空",
    "必须",
];

/// A header text in canonical form, without stars, numbers, brackets at its end and notes such as 必填. Where nothing else is left, it is the name.
pub(crate) fn bare_name(text: &str) -> String {
    let name = canonical(text);
    bare(&name).to_owned()
}

/// The forms of a header text from the whole one to the bare name, each without one more thing around it. Behind them come those of the first line
/// of a text of several lines, below which templates explain how to fill in the column.
pub(crate) fn name_forms(text: &str) -> Vec<String> {
    let mut forms: Vec<String> = Vec::new();
    let first_line = text.trim().split_once(['\n', '\r']).map(|(first, _)| first);
    for text in std::iter::once(text).chain(first_line) {
        let name = canonical(text);
        forms.extend(layers(&name).map(str::to_owned));
    }
    // a number or a letter without a sign behind it, which may also be part of a name: 01项目编号, A项目编号
    let unnumbered: Vec<String> = forms.iter().filter_map(|form| without_bare_number(form)).map(str::to_owned).collect();
    forms.extend(unnumbered);
    forms
}

/// What is left of a name without the one or two digits or the letter before its Chinese words; `None` = there is none.
fn without_bare_number(name: &str) -> Option<&str> {
    let digits = name.bytes().take_while(u8::is_ascii_digit).count();
    let letters = name.bytes().take_while(u8::is_ascii_alphabetic).count();
    let end = if (1..=2).contains(&digits) { digits } else { usize::from(letters == 1) };
    (end > 0 && name[end..].starts_with(|c: char| !c.is_ascii())).then(|| &name[end..])
}

fn canonical(text: &str) -> String {
    normalize_name(unwrapped(text.trim()))
}

/// The innermost name of a canonical text.
fn bare(name: &str) -> &str {
    layers(name).last().unwrap_or(name)
}

/// No header has more things around its name than these.
const LAYERS_MAX: usize = 9;

/// A canonical text, and each time what is left of it without one thing around it.
fn layers(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| without_one(name)).take(LAYERS_MAX)
}

/// What is left of a name without the outermost thing around it; `None` = nothing is around it.
fn without_one(name: &str) -> Option<&str> {
    let less: [fn(&str) -> &str; 4] = [|name| name.trim_matches(SIGNS), without_number, without_note, without_bracket];
    less.into_iter().map(|less| less(name)).find(|next| *next != name && !next.is_empty())
}

/// Without a running number: `1、`, `1.`, `(1)`, `①`, `一、`.
fn without_number(name: &str) -> &str {
    let is_number = |c: char| c.is_ascii_digit() || "一二三四五六七八九十".contains(c);
    if let Some(rest) = name.strip_prefix('(')
        && let Some((number, rest)) = rest.split_once(')')
        && !number.is_empty()
        && number.chars().all(is_number)
    {
        return rest;
    }
    let rest = name.trim_start_matches(is_number);
    if rest.len() < name.len()
        && let Some(behind) = rest.strip_prefix(['.', '、', ')', ':', '-', '_'])
    {
        return behind;
    }
    name.trim_start_matches(|c| ('①'..='⓿').contains(&c) || ('❶'..='➓').contains(&c))
}

/// Without a note before or behind the name, in brackets or behind a dash: `[必填]项目编号`, `项目编号-必填`.
fn without_note(name: &str) -> &str {
    for (open, close) in [('(', ')'), ('[', ']'), ('【', '】'), ('<', '>'), ('{', '}')] {
        if let Some((note, rest)) = name.strip_prefix(open).and_then(|rest| rest.split_once(close))
            && NOTES.contains(&note)
        {
            return rest;
        }
    }
    let note = NOTES.iter().find_map(|note| name.strip_suffix(note).filter(|rest| !rest.is_empty()));
    if let Some(rest) = note.map(|rest| rest.trim_end_matches(['-', '_', '/', '|', ',', ':', '—'])) {
        return rest;
    }
    let note = NOTES.iter().find_map(|note| name.strip_prefix(note).filter(|rest| rest.starts_with(['-', '_', '/', '|', ',', ':', '—'])));
    note.map_or(name, |rest| rest.trim_start_matches(['-', '_', '/', '|', ',', ':', '—']))
}

/// The text before a bracket at its end, nested brackets included: `合同投资额（万元（人民币））` → `合同投资额`.
pub(crate) fn without_bracket(text: &str) -> &str {
    let mut depth = 0;
    for (at, c) in text.trim_end().char_indices().rev() {
        match c {
            ')' | '）' | ']' | '】' => depth += 1,
            '(' | '（' | '[' | '【' => depth -= 1,
            _ => {}
        }
        if depth <= 0 {
            let is_open = matches!(c, '(' | '（' | '[' | '【');
            return if is_open && at > 0 { &text[..at] } else { text };
        }
    }
    text
}

/// What is written around the name of a header: the brackets at its end, in which the unit of its amounts may be.
pub(crate) fn beside_name(text: &str) -> String {
    let name = normalize_name(unwrapped(text.trim()));
    let bare = bare(&name);
    let end = name.find(bare).map_or(0, |at| at + bare.len());
    name[end..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_numbers_and_notes_are_no_part_of_a_name() {
        for text in [
            "项目编号",
            "*项目编号",
            "项目编号＊",
            "★ 项目编号",
            "项目编号※：",
            "1.项目编号",
            "1、*项目编号",
            "（1）项目编号",
            "①项目编号",
            "项目编号（必填）",
            "【必填】项目编号",
            "(选填)项目编号（如GZ202600001）",
            "项目编号*（必填，唯一）",
            "项目编号（文本）*",
            "项目编号-必填",
            "必填_项目编号",
            "=\"项目编号\"",
            "项⽬编号",
            "<必填>项目编号",
            "✳项目编号",
            "项目编号∗",
            "⁎项目编号",
            "项目编号！",
        ] {
            assert_eq!(bare_name(text), "项目编号", "{text}");
        }
        for (text, name) in [("*", "*"), ("10亿元以上", "10亿元以上"), ("二期项目", "二期项目"), ("（必填）", "(必填)"), ("3", "3")]
        {
            assert_eq!(bare_name(text), name, "{text}");
        }
        assert_eq!(name_forms("*县（市、区）（必填）"), ["*县(市、区)(必填)", "县(市、区)(必填)", "县(市、区)", "县"]);
        for text in ["01 项目编号", "1 项目编号", "A项目编号", "*1项目编号"] {
            assert!(name_forms(text).iter().any(|form| form == "项目编号"), "{text}");
        }
        assert!(!name_forms("2025年投资额").iter().any(|form| form.starts_with('年')));
        let forms = name_forms("*签约时间\n格式：2026-03-01");
        assert_eq!(forms.last().map(String::as_str), Some("签约时间"));
    }

    #[test]
    fn the_brackets_behind_a_name_are_beside_it() {
        for (text, beside) in [
            ("合同投资额（亿元）", "(亿元)"),
            ("*合同投资额*（亿元）（必填）", "*(亿元)(必填)"),
            ("2.合同投资额（亿元）*", "(亿元)*"),
            ("合同投资额", ""),
        ] {
            assert_eq!(beside_name(text), beside, "{text}");
        }
    }
}
