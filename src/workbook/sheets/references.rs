//! What the keys and texts of a sheet refer to by name: placeholders, rules, ledgers.

use crate::domain::problem::{ProblemsAt, suggest};
use crate::domain::rules::condition_text::Scopes;
use crate::domain::rules::policy::Policy;

/// What the declaration of a sheet may refer to by name.
pub(crate) struct References<'a> {
    pub(crate) policy: &'a Policy,
    /// Named lists of conditions.
    pub(crate) scopes: &'a Scopes,
    /// Title of the sheet.
    pub(crate) title: &'a str,
}

/// The placeholders of every sheet's texts, filled in when the sheet is built.
pub(crate) const WORDS: [&str; 8] = ["as_of", "data_as_of", "unit", "office", "title", "contact", "made_on", "reply_by"];

/// The words between braces in a text.
pub(crate) fn placeholders(text: &str) -> Vec<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(word, _)| word)).collect()
}

/// Reports placeholders that not every sheet has.
pub(crate) fn check_placeholders<'t, T: AsRef<str> + ?Sized + 't>(texts: impl IntoIterator<Item = &'t T>, at: &mut ProblemsAt<'_>) {
    for word in texts.into_iter().flat_map(|text| placeholders(text.as_ref())).filter(|word| !WORDS.contains(word)) {
        at.report(format!("{{{word}}} is unknown"), suggest(word, WORDS.into_iter()));
    }
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
