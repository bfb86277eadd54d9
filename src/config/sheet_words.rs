//! What sheets and bulletins refer to by name: placeholders of texts, rules, columns.

use crate::domain::problem::{ProblemsAt, suggest};
use crate::domain::register::ledger::{Field, FieldKind};
use crate::domain::rules::policy::Policy;
use crate::workbook::sheets::list::columns::{BuiltIn, ColumnKey, ListColumn};

/// The placeholders of every sheet's texts, filled in when the sheet is built.
pub(crate) const WORDS: [&str; 8] = ["as_of", "data_as_of", "unit", "office", "title", "contact", "made_on", "reply_by"];

/// A column entry for all editable fields of the list's ledgers, which the unit fills in.
const EDITABLE: &str = "editable";

/// The words between braces in a text.
pub(crate) fn placeholders(text: &str) -> Vec<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(word, _)| word)).collect()
}

/// Indices of the rules that ids, and families such as `order-*`, name.
pub(crate) fn rules_named(words: &[String], policy: &Policy, at: &mut ProblemsAt<'_>) -> Vec<usize> {
    let mut rules: Vec<usize> = Vec::new();
    for word in words {
        let matching: Vec<usize> = match word.strip_suffix('*') {
            Some(head) => (0..policy.rules.len()).filter(|rule| policy.rules[*rule].id.starts_with(head)).collect(),
            None => policy.rule(word).into_iter().collect(),
        };
        if matching.is_empty() {
            let hint = suggest(word, policy.rules.iter().map(|rule| rule.id.as_str()));
            at.report(format!("rule \"{word}\" is unknown"), hint);
        }
        rules.extend(matching);
    }
    rules.sort_unstable();
    rules.dedup();
    rules
}

/// Indices of the ledgers that rules read.
pub(crate) fn ledgers_of(rules: &[usize], policy: &Policy) -> Vec<usize> {
    let mut ledgers: Vec<usize> = rules.iter().map(|rule| policy.rules[*rule].ledger).collect();
    ledgers.sort_unstable();
    ledgers.dedup();
    ledgers
}

/// The columns of a list. An entry is `KEY` or `KEY title of the column`; `KEY` is a built-in key that `is_offered`, a field of one of the
/// ledgers, `project.FIELD`, or `editable`.
pub(crate) fn list_columns(
    words: &[String],
    ledgers: &[usize],
    is_offered: fn(BuiltIn) -> bool,
    policy: &Policy,
    at: &mut ProblemsAt<'_>,
) -> Vec<ListColumn> {
    let entries: Vec<(&str, Option<&str>)> =
        words.iter().map(|word| word.split_once(' ').map_or((word.as_str(), None), |(key, title)| (key, Some(title.trim())))).collect();
    let keys: Vec<&str> = entries.iter().map(|(key, _)| *key).collect();
    let mut columns = Vec::new();
    for (key, own_title) in entries {
        let title = |usual: String| own_title.map_or(usual, str::to_owned);
        if key == EDITABLE {
            columns.extend(editable(policy, ledgers, &keys));
        } else if let Some((_, built_in)) = BuiltIn::NAMES.iter().find(|(name, built_in)| *name == key && is_offered(*built_in)) {
            let fill = *built_in == BuiltIn::Fill;
            columns.push(ListColumn { title: title(built_in.title().to_owned()), key: ColumnKey::BuiltIn(*built_in), fill });
        } else if let Some(id) = key.strip_prefix("project.") {
            let Some(project) = policy.project_ledger() else { continue };
            let ledger = &policy.ledgers[project];
            match ledger.field(id) {
                Some(field) => {
                    let title = title(title_of(&ledger.fields[field]));
                    columns.push(ListColumn { title, key: ColumnKey::Project(field), fill: false });
                }
                None => at.report(
                    format!("column \"{key}\": the project ledger has no field \"{id}\""),
                    suggest(id, ledger.fields.iter().map(|field| field.id.as_str())),
                ),
            }
        } else {
            let fields = field_by_ledger(policy, ledgers, key);
            let first = fields.iter().enumerate().find_map(|(ledger, field)| Some(&policy.ledgers[ledger].fields[(*field)?]));
            match first {
                Some(field) => {
                    columns.push(ListColumn { title: title(title_of(field)), key: ColumnKey::Field(fields), fill: false });
                }
                None => at.report(
                    format!("column \"{key}\" is no key of this form and no field of its ledgers"),
                    suggest(key, known_keys(ledgers, is_offered, policy)),
                ),
            }
        }
    }
    columns
}

fn known_keys<'a>(ledgers: &'a [usize], is_offered: fn(BuiltIn) -> bool, policy: &'a Policy) -> impl Iterator<Item = &'a str> {
    let built_in = BuiltIn::NAMES.iter().filter(move |(_, key)| is_offered(*key)).map(|(name, _)| *name);
    let fields = ledgers.iter().flat_map(|ledger| policy.ledgers[*ledger].fields.iter().map(|field| field.id.as_str()));
    built_in.chain([EDITABLE]).chain(fields)
}

/// The editable fields of the ledgers that no other entry names, each id once.
fn editable(policy: &Policy, ledgers: &[usize], taken: &[&str]) -> Vec<ListColumn> {
    let mut ids: Vec<&str> = Vec::new();
    let mut columns = Vec::new();
    for field in ledgers.iter().flat_map(|ledger| &policy.ledgers[*ledger].fields).filter(|field| field.editable) {
        if taken.contains(&field.id.as_str()) || ids.contains(&field.id.as_str()) {
            continue;
        }
        ids.push(&field.id);
        let key = ColumnKey::Field(field_by_ledger(policy, ledgers, &field.id));
        columns.push(ListColumn { title: title_of(field), key, fill: true });
    }
    columns
}

/// For every ledger of the policy: the index of its field with this id, where the ledger is among those given.
fn field_by_ledger(policy: &Policy, ledgers: &[usize], id: &str) -> Vec<Option<usize>> {
    (0..policy.ledgers.len()).map(|ledger| ledgers.contains(&ledger).then(|| policy.ledgers[ledger].field(id)).flatten()).collect()
}

/// The title of a field's column; that of an amount ends in its unit.
fn title_of(field: &Field) -> String {
    match field.kind {
        FieldKind::Money => format!("{}（亿元）", field.title),
        _ => field.title.clone(),
    }
}
