//! stub
/// When a unit is mailed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rhythm {
    /// Whenever it has an item.
    Always,
    /// Only for new, worsened or soon due items, and not within six days of the last digest.
    Changes,
}
