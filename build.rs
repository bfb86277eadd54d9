//! Has the program rebuilt when a migration is added, because `sqlx::migrate!` embeds the folder, and sets `DUBAN_READING` to a hash of the code
//! that decides about rows. The row cache (`worker::import::row_cache`) contains that hash, so that a program that decides differently does
//! not use the cache of an older one.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::Path;

/// What decides about a row: the domain, and the crates it uses. `tests/it/tidy/circles.rs` checks that no file is left out.
const ROW_READING: [&str; 2] = ["Cargo.lock", "src/domain"];

fn main() {
    println!("cargo:rerun-if-changed=src/store/migrations");
    let mut hasher = DefaultHasher::new();
    for path in ROW_READING {
        println!("cargo:rerun-if-changed={path}");
        add_to_hash(Path::new(path), &mut hasher);
    }
    println!("cargo:rustc-env=DUBAN_READING={:016x}", hasher.finish());
}

/// Adds the contents of a file, or of all files of a folder in the order of their names, to the hash.
fn add_to_hash(path: &Path, hasher: &mut DefaultHasher) {
    if path.is_dir() {
        let mut entries: Vec<_> =
            std::fs::read_dir(path).expect("a folder of sources").map(|entry| entry.expect("an entry").path()).collect();
        entries.sort();
        entries.iter().for_each(|path| add_to_hash(path, hasher));
    } else {
        std::fs::read(path).expect("a source").hash(hasher);
    }
}
