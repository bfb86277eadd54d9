//! The signing list (签发清单) when it comes back: what a person has decided about each draft, and whether the row is one of ours.

use crate::domain::notify::form_seal::{FormKey, plain};
use crate::domain::register::ledger::{Field, FieldKind, Ledger, OwnerSpec, Privacy, Purpose, Role, Roles};
use crate::domain::register::record::{Cell, Columns};

/// The words that a person writes into a row.
pub const AGREED: &str = "同意";
pub const REFUSED: &str = "不同意";

/// Titles of the columns that are read.
pub const UNIT_TITLE: &str = "责任单位";
pub const DECISION_TITLE: &str = "签发意见";
pub const CODE_TITLE: &str = "拟办件编号";
pub const CHECK_TITLE: &str = "校验码";

const DECISION: &str = "signing_decision";
const CHECK: &str = "signing_check";

/// What a person has decided about one draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Agreed,
    Refused,
    /// The cell is empty: nothing is done.
    None,
}

/// A row that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRow {
    /// Id of the draft.
    pub id: String,
    pub decision: Decision,
    pub check: String,
}

/// A row whose cell with the decision holds another word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFault {
    /// Id of the draft.
    pub id: String,
    pub word: String,
}

/// The check of a row: the number of its key, and a seal over the run, the draft and its bytes.
pub fn row_check(key: &FormKey, run: &str, id: &str, bytes_sha256: &str) -> String {
    format!("{}-{}", key.id, key.draft_seal(run, id, bytes_sha256))
}

/// The number of the key that a check names.
pub fn key_of(check: &str) -> Option<i64> {
    check.trim().split_once('-')?.0.trim().parse().ok()
}

/// Whether the key made this check for a draft as it is now.
pub fn is_of(key: &FormKey, run: &str, id: &str, bytes_sha256: &str, check: &str) -> bool {
    plain(check) == plain(&row_check(key, run, id, bytes_sha256))
}

/// The list as a ledger, so that the reader of forms reads it.
pub fn signing_ledger(like: &Ledger) -> Ledger {
    let field = |id: &str, title: &str, role: Option<Role>| Field {
        id: id.to_owned(),
        title: title.to_owned(),
        kind: FieldKind::Text,
        aliases: Vec::new(),
        required: role.is_some(),
        editable: id == DECISION,
        privacy: Privacy::None,
        role,
        values: Vec::new(),
        words: Vec::new(),
        own: false,
        latest: false,
    };
    let fields = vec![
        // not as the code of the row: that is read in capitals, and one with as many digits as the number of a person is refused
        field("draft", CODE_TITLE, None),
        field("name", UNIT_TITLE, Some(Role::Name)),
        field(DECISION, DECISION_TITLE, None),
        field(CHECK, CHECK_TITLE, Some(Role::Code)),
    ];
    Ledger {
        id: "signing-list".to_owned(),
        title: "签发清单".to_owned(),
        roles: Roles::of(&fields),
        fields,
        append_only: Vec::new(),
        decided_headers: Vec::new(),
        purpose: Purpose::Other,
        owner: OwnerSpec::Unit { unit: 1 },
        without: Vec::new(),
        judged: Columns::default(),
        ..like.clone()
    }
}

/// A row of the list by the cells of [`signing_ledger`].
///
/// # Errors
/// Its decision is neither of the two words.
pub fn signed_row(cells: &[Cell]) -> Result<SignedRow, RowFault> {
    let text = |place: usize| cells.get(place).map_or(String::new(), |cell| cell.to_string().trim().to_owned());
    let decision = match text(2).as_str() {
        "" => Decision::None,
        AGREED => Decision::Agreed,
        REFUSED => Decision::Refused,
        other => return Err(RowFault { id: text(0), word: other.to_owned() }),
    };
    Ok(SignedRow { id: text(0), decision, check: text(3) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_of_one_draft_as_it_is() {
        let key = FormKey::new(3, b"the key of the tests");
        let check = row_check(&key, "run", "draft", "aa");
        assert_eq!(key_of(&check), Some(3));
        assert!(is_of(&key, "run", "draft", "aa", &check.to_lowercase()));
        for (run, id, sha256) in [("other", "draft", "aa"), ("run", "other", "aa"), ("run", "draft", "ab")] {
            assert!(!is_of(&key, run, id, sha256, &check), "{run} {id} {sha256}");
        }
        assert!(!is_of(&FormKey::new(3, b"another key"), "run", "draft", "aa", &check));
        assert_eq!(key_of("ABCD"), None);
    }

    #[test]
    fn only_two_words_decide() {
        let row = |word: &str| {
            let cells = ["id", "某县", word, "1-ABCD"].map(|text| if text.is_empty() { Cell::Empty } else { Cell::Text(text.into()) });
            signed_row(&cells)
        };
        assert_eq!(row("同意").unwrap().decision, Decision::Agreed);
        assert_eq!(row(" 不同意 ").unwrap().decision, Decision::Refused);
        assert_eq!(row("").unwrap().decision, Decision::None);
        assert_eq!(row("同意，但先核实"), Err(RowFault { id: "id".into(), word: "同意，但先核实".into() }));
        assert_eq!(row("").unwrap().check, "1-ABCD");
    }
}
