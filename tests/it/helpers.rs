//! What tests share: a fresh root folder with the shipped configuration, the binary, a service with a manual clock, files and cases.

use chrono::{DateTime, Utc};
use duban::app::compose::App;
use duban::clock::Clock;
use duban::store::keys::FORMS;
use duban::worker::import::input::Input;
use duban::worker::import::puller::PullRequest;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The root of the repository.
pub fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A fresh root: config/, jobs/ and report-templates/ as shipped, without the sample register.
pub fn fresh_root() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a temporary folder");
    for folder in ["config", "config/ledgers", "config/calendar", "jobs", "report-templates"] {
        let target = root.path().join(folder);
        std::fs::create_dir_all(&target).expect("a folder");
        for entry in std::fs::read_dir(home().join(folder)).expect("the shipped folder").flatten() {
            if entry.path().is_file() {
                std::fs::copy(entry.path(), target.join(entry.file_name())).expect("a copy");
            }
        }
    }
    root
}

/// Lets the data of a root be of any age: a test that judges several quarters by one register is not about old data.
pub fn let_data_be_old(root: &Path) {
    edit(root, "config/ledgers/project.toml", "max_age_days = 10\n", "");
}

/// Replaces a text in a file of a root; panics where the file does not hold it.
pub fn edit(root: &Path, file: &str, old: &str, new: &str) {
    let path = root.join(file);
    let text = std::fs::read_to_string(&path).expect("the file");
    assert!(text.contains(old), "{file} does not hold {old:?}");
    std::fs::write(path, text.replace(old, new)).expect("the file written");
}

/// Runs the binary on a root and waits for its end.
pub fn duban(root: &Path, arguments: &[&str]) -> Output {
    command(root, arguments).output().expect("duban starts")
}

/// The binary on a root as a command that is not started yet.
pub fn command(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duban"));
    command.arg("--root").arg(root).args(arguments).env("RUST_LOG", "off");
    command
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The service on a root, with a clock that shows this time until a test moves it.
pub async fn service(root: &Path, at: &str) -> App {
    let at: DateTime<Utc> = at.parse().expect("a time");
    let service = App::open_with(root, Clock::manual(at), PathBuf::from(env!("CARGO_BIN_EXE_duban"))).await.expect("the service");
    // the numbers of forms are in snapshots
    service.store().keys().make(FORMS, b"the key of the tests, 32 letters", "2026-01-01T00:00:00.000Z").await.expect("a key");
    service
}

/// Writes a file below a root and imports it with the binary.
pub fn import(root: &Path, name: &str, bytes: impl AsRef<[u8]>, arguments: &[&str]) -> Output {
    let file = root.join(name);
    std::fs::write(&file, bytes).expect("the file");
    duban(root, &[&["import", file.to_str().expect("a path")], arguments].concat())
}

/// Writes a file below the root of a service and imports it at the time of its clock, as data of a day that nobody has to accept.
pub async fn import_into(service: &App, name: &str, text: &str, covers_on: &str) {
    let file = service.root().join(name);
    std::fs::write(&file, text).expect("the file");
    let request = PullRequest {
        input: Input::File(file),
        source: "import".into(),
        sample: false,
        covers_on: covers_on.parse().ok(),
        accept: true,
        only: None,
    };
    let report = service.importer().pull(&service.config().policy, &request).await.expect("a pull");
    assert_eq!((report.fault.as_ref(), report.held()), (None, false), "{name}");
}

/// Files below a folder: relative path and bytes, sorted by path.
pub fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    fn walk(base: &Path, at: &Path, out: &mut Vec<(String, Vec<u8>)>) {
        let Ok(entries) = std::fs::read_dir(at) else { return };
        for entry in entries.flatten() {
            if entry.path().is_dir() {
                walk(base, &entry.path(), out);
            } else {
                let name = entry.path().strip_prefix(base).expect("below").display().to_string();
                out.push((name, std::fs::read(entry.path()).expect("a file")));
            }
        }
    }
    let mut out = Vec::new();
    walk(folder, folder, &mut out);
    out.sort();
    out
}

/// A number that the environment sets for a longer run of a test, such as `DUBAN_KILLS`; `.ci/long` sets them.
#[allow(clippy::disallowed_methods, reason = "the length of a longer run is set from outside")]
pub fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

/// The first seed of a seeded test: that of `DUBAN_SEED`, else 0.
pub fn first_seed() -> u64 {
    number("DUBAN_SEED").unwrap_or_default()
}

/// The seeds of a seeded test: `count` of them, `DUBAN_CASES` times as many in a longer run.
pub fn seeds(count: u64) -> Range<u64> {
    first_seed()..first_seed() + count * number("DUBAN_CASES").unwrap_or(1)
}

/// Case files of a folder below tests/cases: name and content, sorted by name; panics where there is none.
pub fn cases(folder: &str) -> Vec<(String, toml::Table)> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(home().join("tests/cases").join(folder)).expect("the cases").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(entry.path()).expect("a case");
        let table = toml::from_str(&text).unwrap_or_else(|error| panic!("{folder}/{name}: {error}"));
        out.push((name, table));
    }
    assert!(!out.is_empty(), "no case in {folder}");
    out.sort_by(|a, b| a.0.cmp(&b.0));
    out
}
