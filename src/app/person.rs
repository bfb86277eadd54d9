//! The person on whose order something is done.

/// Whether a text names a person: signs that nobody sees do not.
pub(crate) fn has_name(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// The person who changes something, and the reason.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person<'a> {
    pub(crate) who: &'a str,
    pub(crate) why: &'a str,
}
