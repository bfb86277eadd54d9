//! Who is notified of what. Where to find it:
//!
//! - why a finding is in no digest, why a unit is mailed or not: `disposition.rs`; the plan of all units and its proof: `plan.rs`, `coverage.rs`;
//! - which findings make one item, which one leads, in which order: `items.rs`;
//! - the subject and the opening and closing lines of a digest: `opening.rs`; its sections: `sections.rs`; the office's own part: `roll_up.rs`;
//! - the text of one item: `item_text.rs`; the sentences on one finding: `wording.rs`; 督办, 通报, 约谈: `drafts.rs`, the list
//!   on which a person decides about them: `signing.rs`;
//! - fixed words of a mail: `report-templates/*.j2`, which may use the names of `digest.rs`;
//! - how a delivery proceeds: `delivery.rs`; what a server means: `replies.rs`, `channel.rs`; what units answer: `feedback.rs`, and do by it:
//!   `form_acts.rs`.

pub(crate) mod assemble;
pub mod channel;
pub mod coverage;
pub mod delivery;
pub mod digest;
pub mod disposition;
pub mod drafts;
pub mod feedback;
pub mod form_acts;
pub mod form_seal;
pub mod inputs;
pub(crate) mod item_text;
pub(crate) mod items;
pub(crate) mod opening;
pub mod plan;
pub mod rehearsal;
pub mod replies;
pub(crate) mod roll_up;
pub(crate) mod sections;
pub mod signing;
#[cfg(test)]
pub(crate) mod tests;
pub mod wording;
