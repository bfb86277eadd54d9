//! The person on whose order something is done.

/// The person who changes something, and the reason.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person<'a> {
    pub(crate) who: &'a str,
    pub(crate) why: &'a str,
}
