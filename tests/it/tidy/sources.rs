//! What a source may hold; statements bind their values; migrations are never edited.

use super::{TokenKind, home, shipped, sources};
use duban::domain::notify::delivery::{DeliveryEvent, DeliveryState};
use duban::store::runs::RunState;
use duban::store::sending::HoldReason;
use duban::store::snapshots::SnapshotState;

/// A source longer than this holds more than one idea.
const LINES_MAX: usize = 700;

#[test]
fn sources_follow_the_house_rules() {
    let mut wrong = Vec::new();
    for source in ["src", "tests", "benches"].into_iter().flat_map(sources).filter(|source| !source.name.starts_with("tests/it/tidy")) {
        let (name, text) = (&source.name, &source.text);
        for (word, instead) in [
            ("dbg!(", "remove it"),
            ("todo!(", "finish it"),
            ("unimplemented!(", "finish it"),
            ("FIXME", "mend it"),
            ("TODO", "do it"),
            ("process::exit", "return an exit code"),
        ] {
            if text.contains(word) {
                wrong.push(format!("{name} holds {word}: {instead}"));
            }
        }
        if !text.starts_with("//!") {
            wrong.push(format!("{name} has no module head"));
        }
        if !name.starts_with("src/") {
            continue;
        }
        if !source.is_unit_tests() {
            let code: Vec<_> = shipped(text);
            for at in 0..code.len().saturating_sub(2) {
                let three = [code[at].text, code[at + 1].text, code[at + 2].text];
                if matches!(three, [".", "unwrap" | "expect", "("] | ["panic", "!", _]) {
                    wrong.push(format!("{name}:{} calls {}: handle it", code[at].line, three.concat()));
                }
            }
        }
        let lines = text.lines().count();
        if lines > LINES_MAX {
            wrong.push(format!("{name} has {lines} lines: does it hold one idea?"));
        }
        let stem = name.rsplit('/').next().unwrap_or_default();
        if ["util.rs", "utils.rs", "common.rs", "helpers.rs", "misc.rs"].contains(&stem) {
            wrong.push(format!("{name}: a helper lies beside its user"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong in a string of the store: a value that is not bound, or a conflict whose columns are not named.
fn wrong_in_statement(text: &str) -> Option<String> {
    let pieces: Vec<&str> = text.split('\'').collect();
    let inside = pieces.get(1..pieces.len() - 1).unwrap_or_default();
    let is_word = |piece: &&&str| piece.chars().all(|one| one.is_ascii_alphanumeric() || "-_".contains(one)) && !piece.is_empty();
    let is_composed = |piece: &&&str| piece.starts_with('{') && piece.ends_with('}');
    if let Some(value) = inside.iter().find(|piece| is_word(piece) || is_composed(piece)) {
        return Some(format!("holds the value '{value}': bind it, as a state its enum decides"));
    }
    text.contains("ON CONFLICT DO").then(|| "does not name the columns of its conflict".to_owned())
}

#[test]
fn statements_bind_states_and_name_conflicts() {
    let mut wrong = Vec::new();
    for source in sources("src/store") {
        for token in shipped(&source.text).iter().filter(|token| token.kind == TokenKind::Literal && token.text.starts_with('"')) {
            wrong.extend(wrong_in_statement(token.text).map(|fault| format!("{}:{} {fault}", source.name, token.line)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let states = DeliveryState::ALL.map(DeliveryState::code).into_iter();
    let states = states.chain(RunState::ALL.map(RunState::code)).chain(SnapshotState::ALL.map(SnapshotState::code));
    for code in states.chain(HoldReason::ALL.map(HoldReason::code)).chain(DeliveryEvent::ALL.map(DeliveryEvent::code)) {
        assert!(wrong_in_statement(&format!("SELECT id FROM run WHERE job='' AND state IN ('{code}')")).is_some(), "{code}");
    }
    assert!(wrong_in_statement("SELECT ' ' || id FROM run WHERE job='' AND slot LIKE $1 ESCAPE '!' AND state=$2").is_none());
}

/// A migration that has been applied somewhere is never edited: a database of that build would not open any more.
const MIGRATIONS: [(&str, &str); 1] = [("0001_first.sql", "d2164dd8fc3d6f83")];

#[test]
fn migrations_stay_as_they_were() {
    for (name, sum) in MIGRATIONS {
        let bytes = std::fs::read(home().join("src/store/migrations").join(name)).expect("a migration");
        assert!(duban::report::archive::sha256(&bytes).starts_with(sum), "{name} was edited: add a migration behind it instead");
    }
    let there = std::fs::read_dir(home().join("src/store/migrations")).expect("migrations").count();
    assert_eq!(there, MIGRATIONS.len(), "list the new migration with its sum");
}

/// Who may see what is decided in one file: no other reads the privacy of a field, or decides by the stage of a project.
#[test]
fn visibility_is_decided_in_one_file() {
    let allowed = [
        "src/domain/audience.rs",
        "src/domain/register/ledger.rs",
        "src/config/ledger_file.rs",
        // words for the clerk who fills in a form
        "src/workbook/books/blank.rs",
    ];
    let is_test = |name: &str| name.ends_with("tests.rs") || name.contains("/tests/");
    for source in sources("src").into_iter().filter(|source| !allowed.contains(&source.name.as_str()) && !is_test(&source.name)) {
        let (name, text) = (&source.name, &source.text);
        for word in ["Privacy::Personal", "Privacy::Commercial", ".negotiation_only &&", "Privacy::None {", "!finding.restricted"] {
            assert!(!text.contains(word), "{name} decides by {word}: ask src/domain/audience.rs");
        }
    }
}

/// A number of a configuration file that has no range would reach date arithmetic or an allocation as it is written.
#[test]
fn every_number_of_a_configuration_file_has_a_range() {
    const NUMBERS: [&str; 9] = ["u8", "u16", "u32", "u64", "usize", "i32", "i64", "f64", "Decimal"];
    let mut wrong = Vec::new();
    for source in sources("src/config").into_iter().chain(sources("src/workbook")) {
        let mut is_read = false;
        let mut attributes = String::new();
        for (number, line) in source.text.lines().enumerate() {
            let line = line.trim();
            if line.starts_with("#[") {
                attributes.push_str(line);
                continue;
            }
            if line.contains("struct ") {
                is_read = attributes.contains("Deserialize");
            }
            let kind =
                line.split_once(": ").map(|(_, kind)| kind.trim_end_matches(',').trim_start_matches("Option<").trim_end_matches('>'));
            let has_range = attributes.contains("between::<") || attributes.contains("deserialize_with = \"bound\"");
            if is_read && kind.is_some_and(|kind| NUMBERS.contains(&kind)) && !has_range {
                wrong.push(format!("{}:{}: {line}: give it a range (src/domain/bounds.rs)", source.name, number + 1));
            }
            if line == "}" {
                is_read = false;
            }
            if !line.starts_with("//") {
                attributes.clear();
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
