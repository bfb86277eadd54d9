//! The writings of a password in which a mail server may repeat it: in any reply, also in one of a later connection. None of them is shown.

use crate::domain::secret::{HIDDEN, Secret};

/// The writings of the password of a login, without white space and in lower case.
#[derive(Default)]
pub(crate) struct LoginWritings(Vec<Vec<char>>);

/// A shorter part of a Base64 text gives too little of the password, and may be a part of a word.
const PART_CHARS_MIN: usize = 6;

impl LoginWritings {
    pub(crate) fn of(login: Option<&(String, Secret)>) -> LoginWritings {
        let Some((user, password)) = login else { return LoginWritings::default() };
        let bytes = password.exposed().as_bytes();
        let mut writings = vec![password.exposed().to_owned(), hexadecimal(bytes), escaped(bytes)];
        for plain in [format!("\0{user}\0{}", password.exposed()), format!("{user}\0{user}\0{}", password.exposed())] {
            writings.push(base64(plain.as_bytes()));
        }
        writings.push(base64(bytes));
        // within a longer text that was encoded as a whole the password begins at one of three places of a group
        writings.extend((0..3).map(|before| base64_inside(bytes, before)).filter(|part| part.len() >= PART_CHARS_MIN));
        let url_safe: Vec<String> = writings.iter().map(|text| text.replace('+', "-").replace('/', "_")).collect();
        writings.extend(url_safe);
        let mut writings: Vec<Vec<char>> =
            writings.iter().map(|text| compared(text).map(|(_, one)| one).collect::<Vec<char>>()).filter(|text| !text.is_empty()).collect();
        writings.sort();
        writings.dedup();
        LoginWritings(writings)
    }

    /// The text with every writing of the password replaced, however the server has broken it into lines.
    pub(crate) fn hide_in(&self, text: &str) -> String {
        if self.0.is_empty() {
            return text.to_owned();
        }
        let (places, compared): (Vec<usize>, Vec<char>) = compared(text).unzip();
        let mut is_hidden = vec![false; compared.len()];
        for writing in &self.0 {
            for at in 0..(compared.len() + 1).saturating_sub(writing.len()) {
                if compared[at..at + writing.len()] == writing[..] {
                    is_hidden[at..at + writing.len()].fill(true);
                }
            }
        }
        let mut hidden = places.into_iter().zip(is_hidden).filter(|(_, is_hidden)| *is_hidden).map(|(place, _)| place).peekable();
        let mut out = String::with_capacity(text.len());
        let mut covered = false;
        for (place, one) in text.char_indices() {
            if hidden.next_if_eq(&place).is_some() {
                if !covered {
                    out.push_str(HIDDEN);
                }
                covered = true;
            } else if !(covered && one.is_whitespace()) {
                if covered {
                    out.push(' ');
                }
                covered = false;
                out.push(one);
            }
        }
        out
    }
}

/// The characters of a text that are compared, each with its place: no white space, and capitals as small letters.
fn compared(text: &str) -> impl Iterator<Item = (usize, char)> + '_ {
    text.char_indices().filter(|(_, one)| !one.is_whitespace()).map(|(place, one)| (place, one.to_ascii_lowercase()))
}

/// Every byte as an address escapes it, but for letters, digits and `-._~`.
fn escaped(bytes: &[u8]) -> String {
    let one = |byte: &u8| match *byte {
        plain if plain.is_ascii_alphanumeric() || b"-._~".contains(&plain) => char::from(plain).to_string(),
        other => format!("%{other:02X}"),
    };
    bytes.iter().map(one).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Base64 without padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |group: &[u8]| {
        let bits = (0..3).fold(0u32, |bits, at| bits << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
        (0..=group.len()).map(move |at| char::from(ALPHABET[(bits >> (18 - 6 * at) & 63) as usize]))
    };
    bytes.chunks(3).flat_map(group).collect()
}

/// The characters that bytes alone decide in the Base64 of a longer text in which so many bytes (0 to 2) of a group are before them.
fn base64_inside(bytes: &[u8], before: usize) -> String {
    let all = base64(&[&[0, 0][..before], bytes].concat());
    let (begin, end) = ((before * 8).div_ceil(6), (before + bytes.len()) * 8 / 6);
    all.get(begin..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (bytes, text) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        let inside: Vec<String> = (0..3).map(|before| base64_inside(b"secret", before)).collect();
        assert_eq!(inside, ["c2VjcmV0", "NlY3Jld", "zZWNyZX"]);
    }

    #[test]
    fn a_password_is_hidden_in_every_writing() {
        let login = ("duban".to_owned(), Secret::new("Zq7SE+ß/pw"));
        let writings = LoginWritings::of(Some(&login));
        let plain = base64("\0duban\0Zq7SE+ß/pw".as_bytes());
        for text in [
            "no: Zq7SE+ß/pw.".to_owned(),
            "no: zq7se+ß/PW.".to_owned(),
            format!("no: {plain}."),
            format!("no: {}. {}.", &plain[..8], &plain[8..]).replace(". ", " "),
            format!("no: {}.", base64("AUTH PLAIN Zq7SE+ß/pw and more".as_bytes())),
            format!("no: {}.", base64("xAUTH PLAIN Zq7SE+ß/pw and more".as_bytes())),
            format!("no: {}.", base64("xyAUTH PLAIN Zq7SE+ß/pw and more".as_bytes())),
            format!("no: {}.", escaped("Zq7SE+ß/pw".as_bytes())),
            format!("no: {}.", hexadecimal("Zq7SE+ß/pw".as_bytes()).to_uppercase()),
            format!("no: {}.", plain.replace('+', "-").replace('/', "_")),
        ] {
            let shown = writings.hide_in(&text);
            assert!(shown.starts_with("no: ") && shown.contains(HIDDEN) && shown.ends_with('.'), "{text}: {shown}");
            for before in 0..3 {
                assert!(!shown.contains(&base64_inside("Zq7SE+ß/pw".as_bytes(), before)), "{text}: {shown}");
            }
            assert!(!shown.to_lowercase().contains("q7se"), "{text}: {shown}");
        }
        assert_eq!(writings.hide_in("550 用户 not found"), "550 用户 not found");
        assert_eq!(writings.hide_in("a Zq7SE+ß/pw b"), "a *** b");
        assert_eq!(LoginWritings::of(None).hide_in("a  b"), "a  b");
        assert_eq!(LoginWritings::of(Some(&("u".into(), Secret::new("")))).hide_in("550 no"), "550 no");
    }
}
