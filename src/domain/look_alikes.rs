//! Characters that look like another one and are not it: radicals that programs take out of PDF files (⽬ for 目, ⻓ for 长), compatibility
//! ideographs and small punctuation. A person who reads them sees the usual character, so that is what is read.

use std::sync::LazyLock;

/// Such characters in their order, each followed by the usual one.
const PAIRS: &str = include_str!("look_alikes.txt");

static LOOK_ALIKES: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
    let mut chars = PAIRS.chars().filter(|c| *c != '\n');
    std::iter::from_fn(|| Some((chars.next()?, chars.next()?))).collect()
});

/// Whether a character may be one of them; nearly none is.
pub(crate) fn may_look_alike(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{2fdf}' | '\u{f900}'..='\u{faff}' | '\u{fe50}'..='\u{fe6f}')
}

/// The usual character in place of one that only looks like it.
pub(crate) fn usual_char(c: char) -> char {
    if !may_look_alike(c) {
        return c;
    }
    LOOK_ALIKES.binary_search_by_key(&c, |(look_alike, _)| *look_alike).map_or(c, |at| LOOK_ALIKES[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn radicals_become_the_characters_that_they_look_like() {
        let usual = |text: &str| text.chars().map(usual_char).collect::<String>();
        assert_eq!(usual("项⽬阶段 ⻓顺县 ⻰⾥ ⺠⽤ 投资⽅ \u{f9f4}业﹙一﹚"), "项目阶段 长顺县 龙里 民用 投资方 林业(一)");
        assert_eq!(usual("项目⿰、（ａ）"), "项目⿰、（ａ）");
        assert!(LOOK_ALIKES.is_sorted_by(|one, two| one.0 < two.0), "they are looked up by halving");
        assert!(LOOK_ALIKES.iter().all(|(c, usual)| may_look_alike(*c) && usual_char(*usual) == *usual));
    }
}
