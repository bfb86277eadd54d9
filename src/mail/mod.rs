//! Mail: a digest is rendered into two bodies (`templates`), the bodies are built into a message (`message`), and the message is handed to
//! a server or a folder (`transport`, `smtp`). What a digest holds is decided in [`crate::domain::notify::plan`]; nothing here counts, adds
//! or leaves out.

mod login_writings;
pub mod message;
pub mod smtp;
pub mod templates;
pub mod transport;
pub mod web_call;
