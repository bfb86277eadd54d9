//! The portal (网页): the pages of the office and of the units, over http. A page is a function of the data and of what its reader may see; an act is
//! a use case that the command line has too.

pub(crate) mod assets;
pub(crate) mod client;
pub(crate) mod fields;
pub(crate) mod gate;
pub(crate) mod pages;
pub(crate) mod portal;
pub(crate) mod render;
pub(crate) mod reply;
pub(crate) mod router;
pub(crate) mod routes;
pub(crate) mod server;

#[cfg(test)]
mod tests;
