//! The files beside the pages. Their names hold a hash of their content, so that a browser may store them for good.

use ring::digest::{SHA256, digest};
use std::sync::OnceLock;

/// A file compiled in.
pub(crate) struct Asset {
    name: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) bytes: &'static [u8],
}

static ASSETS: [Asset; 1] =
    [Asset { name: "portal.css", content_type: "text/css; charset=utf-8", bytes: include_bytes!("assets/portal.css") }];

/// Characters of the hash in a name.
const HASH_CHARS: usize = 16;

/// The name with which a page asks for a file: `3f2a….portal.css`.
fn names() -> &'static [String] {
    static NAMES: OnceLock<Vec<String>> = OnceLock::new();
    let hashed = |asset: &Asset| format!("{}.{}", &hex::encode(digest(&SHA256, asset.bytes))[..HASH_CHARS], asset.name);
    NAMES.get_or_init(|| ASSETS.iter().map(hashed).collect())
}

/// The path of a file; empty = there is none of this name.
pub(crate) fn path_of(name: &str) -> String {
    let found = ASSETS.iter().zip(names()).find(|(asset, _)| asset.name == name);
    found.map_or_else(String::new, |(_, hashed)| format!("/assets/{hashed}"))
}

/// The file that a page asks for by its hashed name.
pub(crate) fn named(hashed: &str) -> Option<&'static Asset> {
    ASSETS.iter().zip(names()).find(|(_, known)| *known == hashed).map(|(asset, _)| asset)
}
