//! Mail: a digest becomes two bodies (`templates`), bodies become a message (`message`). What is in a digest is decided in
//! [`crate::domain::notify::plan`]; here nothing is counted, left out or added.

pub mod message;
pub mod smtp;
pub mod templates;
pub mod transport;
