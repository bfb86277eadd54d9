//! What `check` refuses in a life. Each case changes one place of a shipped file.

use crate::config::load::{Config, read_files};
use std::path::Path;

/// The problems of the shipped configuration with one text replaced in the file of a ledger.
fn problems(ledger: &str, from: &str, to: &str) -> String {
    let mut files = read_files(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let text = files.get_mut(&format!("config/ledgers/{ledger}.toml")).unwrap();
    assert!(text.contains(from), "{from}");
    *text = text.replacen(from, to, 1);
    Config::parse(files).err().map(|problems| problems.to_string()).unwrap_or_default()
}

#[test]
fn each_fault_is_named() {
    let cases = [
        (
            "work-order",
            "to = [\"handling\", \"suspended\"]",
            "to = [\"suspended\"]",
            "transition \"receive\" can end in state \"handling\"",
        ),
        (
            "work-order",
            "reported_on = \"@day\", last_feedback_on",
            "last_feedback_on",
            "transition \"report\" can end in state \"handling\"",
        ),
        ("difficulty", "set = { answered_on = \"@day\" }", "set = { }", "transition \"answer\" can end in state \"open\""),
        (
            "work-order",
            "when = [\"reported_on\"]\nwaits",
            "when = [\"completed_on\", \"reported_on\"]\nwaits",
            "state \"checking\" is always hidden",
        ),
        ("work-order", "from = [\"objecting\"]", "from = [\"extending\"]", "can end in state"),
        (
            "work-order",
            "set = { review_on = \"\", resumed_on = \"@day\"",
            "set = { resumed_on = \"@day\"",
            "transition \"resume\" can end in state \"suspended\"",
        ),
        ("work-order", "completed_on = \"reported_on\"", "completed_on = \"reportd_on\"", "did you mean \"reported_on\"?"),
        ("work-order", "issued_by = \"@by\"", "issued_by = \"@day\"", "of another type than field \"issued_by\""),
        ("work-order", "extensions = \"+1\"", "leader = \"+1\"", "+1 is for whole numbers only"),
        ("work-order", "need = [\"review_on ahead\"", "need = [\"result ahead\"", "\"result\" is not a date"),
        ("work-order", "ask = [\"wanted_on\"]", "ask = [\"wanted_no\"]", "field \"wanted_no\" is not in ledger"),
        ("work-order", "waits = \"issuer-clerk\"", "waits = \"issuer-clark\"", "did you mean \"issuer-clerk\"?"),
        ("work-order", "by = [\"owner-above\"]", "by = [\"owner-abov\"]", "did you mean \"owner-above\"?"),
        ("work-order", "from = [\"closed\", \"withdrawn\"]", "from = [\"closd\", \"withdrawn\"]", "state \"closd\" is unknown"),
        ("work-order", "column = \"签收日期\"", "column = \"签收曰期\"", "is the title of no field"),
        ("work-order", "prefix = \"DB\"", "prefix = \"db\"", "does not begin a code"),
        ("work-order", "〔{year}〕{n}号", "〔{year}〕号", "would repeat itself"),
        ("work-order", "keeps = [\"due_on\"]", "keeps = [\"holder\"]", "field \"holder\" is not given"),
        ("work-order", "due = [\"extended_to\", \"due_on\"]", "", "has no `due`"),
        ("difficulty", "when = []\nwaits", "when = [\"raised_on\"]\nwaits", "the last state has conditions"),
        (
            "difficulty",
            "from = [\"disputed\"]\nby = [\"level-clerk\"]\nreason = true\nset = { redirect_decided_on",
            "from = [\"open\"]\nby = [\"level-clerk\"]\nreason = true\nset = { redirect_decided_on",
            "",
        ),
        ("difficulty", "limit = 2", "limit = 0", "allowed: 1 to 1000"),
        ("work-order", "first = \"receive\"", "first = \"recieve\"", "did you mean \"receive\"?"),
    ];
    for (ledger, from, to, message) in cases {
        let found = problems(ledger, from, to);
        assert!(found.contains(message), "{from} → {to}: expected {message}\nfound {found}");
        assert_eq!(found.is_empty(), message.is_empty(), "{from} → {to}: {found}");
    }
}

#[test]
fn a_state_that_cannot_be_left_is_named() {
    let files = read_files(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let text = &files["config/ledgers/difficulty.toml"];
    let state = "[[life.state]]\nid = \"solved\"";
    let stuck = "[[life.state]]\nid = \"stuck\"\ntitle = \"停\"\nwhen = [\"answer = 停\"]\nwaits = \"asked\"\n\n";
    assert!(text.contains(state));
    let found = problems("difficulty", state, &format!("{stuck}{state}"));
    assert!(found.contains("state \"stuck\": no transition leads out of it"), "{found}");
}
