//! Names and their terms, as `config/units.toml` and `config/industries.toml` write them.

use crate::domain::problem::ProblemsAt;
use crate::domain::register::calendar::parse_day;
use crate::domain::register::units::{Alias, Term};
use chrono::NaiveDate;
use serde::Deserialize;

/// A name, or a name with its term.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum AliasFile {
    Always(String),
    Dated(DatedAlias),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatedAlias {
    name: String,
    from: Option<String>,
    until: Option<String>,
}

/// A date of the file; a problem where the text is none.
pub(crate) fn date(key: &str, text: &str, at: &mut ProblemsAt<'_>) -> Option<NaiveDate> {
    let date = parse_day(text);
    if date.is_none() {
        at.report(format!("{key} \"{text}\" is no date"), Some("write 2026-01-01".into()));
    }
    date
}

/// The term between two dates, both included.
pub(crate) fn term(from: Option<&str>, until: Option<&str>, at: &mut ProblemsAt<'_>) -> Term {
    let from = from.and_then(|text| date("from", text, at));
    let until = until.and_then(|text| date("until", text, at));
    if from.zip(until).is_some_and(|(from, until)| from > until) {
        at.report("from lies after until", None);
    }
    Term { from, until }
}

pub(crate) fn aliases(raw: &[AliasFile], at: &mut ProblemsAt<'_>) -> Vec<Alias> {
    raw.iter()
        .map(|alias| match alias {
            AliasFile::Always(name) => Alias::always(name),
            AliasFile::Dated(DatedAlias { name, from, until }) => {
                let mut at = at.at(format!("{}: alias \"{name}\"", at.place));
                Alias { name: name.clone(), term: term(from.as_deref(), until.as_deref(), &mut at) }
            }
        })
        .collect()
}
