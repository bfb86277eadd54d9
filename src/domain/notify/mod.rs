//! Who is notified of what: the plan of a run, its digests and drafts, and how a delivery proceeds.

pub mod coverage;
pub mod delivery;
pub mod digest;
pub mod drafts;
pub mod feedback;
pub mod items;
pub mod plan;
pub mod rehearsal;
pub mod sections;
#[cfg(test)]
pub(crate) mod tests;
pub mod wording;
