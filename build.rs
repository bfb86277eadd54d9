//! Rebuilds when a migration is added (`sqlx::migrate!` embeds the folder), and tells the program by what source it reads rows: a row is
//! known again only to the program that would read it the same way.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::Path;

/// All that turns the cells of a row into a record and remarks on it.
const READING: [&str; 4] =
    ["src/domain/intake", "src/domain/register/ledger.rs", "src/domain/register/record.rs", "src/domain/register/units.rs"];

fn main() {
    println!("cargo:rerun-if-changed=src/store/migrations");
    let mut hasher = DefaultHasher::new();
    for path in READING {
        println!("cargo:rerun-if-changed={path}");
        add(Path::new(path), &mut hasher);
    }
    println!("cargo:rustc-env=DUBAN_READING={:016x}", hasher.finish());
}

fn add(path: &Path, hasher: &mut DefaultHasher) {
    if path.is_dir() {
        let mut inside: Vec<_> =
            std::fs::read_dir(path).expect("a folder of sources").map(|entry| entry.expect("an entry").path()).collect();
        inside.sort();
        inside.iter().for_each(|path| add(path, hasher));
    } else {
        std::fs::read(path).expect("a source").hash(hasher);
    }
}
