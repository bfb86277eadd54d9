//! The configuration, store, clock and parser that all imports use.

use crate::clock::Clock;
use crate::config::load::Config;
use crate::source::child::ParserCommand;
use crate::store::handle::Store;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Imports files, queries and returned feedback forms: reads them, and writes snapshots, reports and answers.
#[derive(Clone)]
pub struct Importer {
    pub(crate) root: PathBuf,
    pub(crate) var: PathBuf,
    pub(crate) config: Arc<Config>,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) parser: ParserCommand,
}

impl Importer {
    /// An importer for the root folder; `parser` is the program that reads files in a child process.
    pub fn new(root: &Path, config: Arc<Config>, store: Store, clock: Clock, parser: ParserCommand) -> Importer {
        Importer { root: root.to_owned(), var: root.join("var"), config, store, clock, parser }
    }
}
