//! Personal numbers in free text: which characters are one, and the text with them masked.

pub(crate) mod accounts;
pub(crate) mod characters;
pub(crate) mod labels;
mod markup;
pub mod mask;
pub(crate) mod numbers;
pub(crate) mod runs;

#[cfg(test)]
mod tests;
