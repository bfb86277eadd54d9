//! Traditional characters with their simplified forms: (內部) is (内部).

use std::sync::LazyLock;

/// Traditional characters, each followed by its simplified form. Both are of the block of [`FIRST`].
const PAIRS: &str = include_str!("simplified.txt");

/// The first character of the block, and how many it has.
const FIRST: u32 = 0x4e00;
const BLOCK: usize = 0x5200;

/// The simplified form of each character of the block.
static SIMPLIFIED: LazyLock<Vec<char>> = LazyLock::new(|| {
    let mut forms: Vec<char> = (FIRST..).filter_map(char::from_u32).take(BLOCK).collect();
    for (traditional, simplified) in pairs() {
        if let Some(form) = forms.get_mut((traditional as u32 - FIRST) as usize) {
            *form = simplified;
        }
    }
    forms
});

/// All traditional characters, each with its simplified form.
pub(crate) fn pairs() -> impl Iterator<Item = (char, char)> {
    let mut chars = PAIRS.chars().filter(|c| !c.is_whitespace());
    std::iter::from_fn(move || Some((chars.next()?, chars.next()?)))
}

/// The simplified form of a character.
pub(crate) fn simplified(c: char) -> char {
    let place = (c as u32).checked_sub(FIRST).map(|place| place as usize);
    place.and_then(|place| SIMPLIFIED.get(place)).copied().unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_has_one_simplified_form_which_is_its_own() {
        for (c, expected) in [('內', '内'), ('鋰', '锂'), ('内', '内'), ('a', 'a'), ('、', '、'), ('\u{20000}', '\u{20000}')] {
            assert_eq!(simplified(c), expected, "{c}");
        }
        for (traditional, form) in pairs() {
            assert_eq!((simplified(traditional), simplified(form)), (form, form));
        }
    }
}
