//! `[sheet.bulletin]` of a template → [`Bulletin`]: figures, rules, columns and every `{word}` of a text are looked up here.

use crate::config::load::{Problems, coded, named, suggest};
use crate::config::template_file::{WORDS, ledgers_of, list_columns, placeholders, rules_named};
use crate::domain::register::ledger::{Privacy, Role};
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::{Every, Light};
use crate::workbook::sheets::bulletin::declaration::{
    Bulletin, BulletinColumn, BulletinFigure, BulletinList, BulletinPart, BulletinTable, Measure, Scope, TableRows,
};
use crate::workbook::sheets::list::columns::{BuiltIn, ColumnKey, ListColumn};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulletinFile {
    #[serde(default = "quarter")]
    period: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    opening: Vec<String>,
    #[serde(default)]
    figures: Vec<FigureFile>,
    part: Vec<PartFile>,
    #[serde(default)]
    signature: Vec<String>,
    #[serde(default)]
    copies: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FigureFile {
    name: String,
    measure: String,
    ledger: Option<String>,
    #[serde(default)]
    rules: Vec<String>,
    units: Option<String>,
    #[serde(default)]
    counted: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PartFile {
    #[serde(default)]
    heading: String,
    #[serde(default)]
    paragraphs: Vec<String>,
    table: Option<TableFile>,
    list: Option<ListFile>,
    about: Option<String>,
    #[serde(default)]
    none: String,
    #[serde(default)]
    note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableFile {
    #[serde(default)]
    title: String,
    units: String,
    ledger: Option<String>,
    #[serde(default)]
    rules: Vec<String>,
    columns: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListFile {
    #[serde(default)]
    title: String,
    rules: Vec<String>,
    #[serde(default = "red")]
    lights: Vec<String>,
    #[serde(default = "ten")]
    most: usize,
    columns: Vec<String>,
    more: String,
    withheld: String,
}

fn quarter() -> String {
    "quarter".into()
}

fn red() -> Vec<String> {
    vec!["red".into()]
}

fn ten() -> usize {
    10
}

/// The word that a paper has besides those of every sheet and its figures.
const PERIOD: &str = "period";

/// The most columns a portrait page takes beside the units.
const COLUMNS_MAX: usize = 13;

const EVERY: [(&str, Every); 2] = [("month", Every::Month), ("quarter", Every::Quarter)];

pub(crate) fn parse(
    path: &str,
    place: &str,
    title: &str,
    raw: &BulletinFile,
    policy: &Policy,
    problems: &mut Problems,
) -> Option<Bulletin> {
    let before = problems.0.len();
    let period = named(&EVERY, &raw.period, path, place, "period", problems);
    if raw.part.is_empty() {
        problems.push(path, format!("{place}: has no [[sheet.bulletin.part]]"), None);
    }
    let mut figures = Vec::new();
    for figure in &raw.figures {
        let place = format!("{place} figure \"{}\"", figure.name);
        if figure.name == PERIOD
            || WORDS.contains(&figure.name.as_str())
            || raw.figures.iter().filter(|other| other.name == figure.name).count() > 1
        {
            problems.push(path, format!("{place}: the name is taken"), None);
        }
        let measure = named(&Measure::NAMES, &figure.measure, path, &place, "measure", problems);
        let scope = scope(path, &place, figure.ledger.as_deref(), &figure.rules, policy, problems);
        let rows = figure.units.as_ref().and_then(|word| named(&TableRows::NAMES, word, path, &place, "units", problems));
        let (Some(measure), Some(scope)) = (measure, scope) else { continue };
        if measure == Measure::CompletedRank {
            problems.push(path, format!("{place}: completed_rank is a column of a table"), None);
        }
        fits(path, &place, &figure.measure, measure, &scope, problems);
        let counted = figure.counted.clone();
        figures.push(BulletinFigure { name: figure.name.clone(), measure, scope: Scope { rows, ..scope }, counted });
    }
    let parts: Vec<BulletinPart> =
        raw.part.iter().filter_map(|raw_part| part(path, place, raw_part, &raw.figures, policy, problems)).collect();
    let of_parts = raw.part.iter().flat_map(|part| part.paragraphs.iter().chain([&part.none, &part.note]));
    let texts = raw.opening.iter().chain(&raw.signature).chain(&raw.copies).chain([&raw.to]).chain(of_parts);
    for word in texts.map(String::as_str).chain([title]).flat_map(placeholders) {
        let known = WORDS.into_iter().chain([PERIOD]).chain(raw.figures.iter().map(|figure| figure.name.as_str()));
        if !known.clone().any(|known| known == word) {
            problems.push(path, format!("{place}: {{{word}}} is neither a figure nor a word of the paper"), suggest(word, known));
        }
    }
    (problems.0.len() == before).then_some(())?;
    Some(Bulletin {
        period: period?,
        to: raw.to.clone(),
        opening: raw.opening.clone(),
        figures,
        parts,
        signature: raw.signature.clone(),
        copies: raw.copies.clone(),
    })
}

/// Ledger and rules of a figure or a table.
fn scope(path: &str, place: &str, ledger: Option<&str>, rules: &[String], policy: &Policy, problems: &mut Problems) -> Option<Scope> {
    let ledger = match ledger {
        None => None,
        Some(id) => {
            let has_tasks = |index: &usize| {
                let ledger = &policy.ledgers[*index];
                ledger.role(Role::Dispatched).or(ledger.role(Role::Assigned)).is_some()
            };
            let found = policy.ledger(id).filter(has_tasks);
            if found.is_none() {
                let known = (0..policy.ledgers.len()).filter(has_tasks).map(|index| policy.ledgers[index].id.as_str());
                problems.push(path, format!("{place}: ledger \"{id}\" holds no work orders or decisions"), suggest(id, known));
                return None;
            }
            found
        }
    };
    Some(Scope { ledger, rules: rules_named(path, place, rules, policy, problems), rows: None })
}

/// A measure of tasks needs a ledger, one of findings rules.
fn fits(path: &str, place: &str, word: &str, measure: Measure, scope: &Scope, problems: &mut Problems) {
    match measure.is_of_tasks() {
        true if scope.ledger.is_none() => {
            problems.push(path, format!("{place}: \"{word}\" counts the records of a ledger"), Some("add ledger = \"work-order\"".into()));
        }
        false if scope.rules.is_empty() => {
            problems.push(path, format!("{place}: \"{word}\" counts the items of rules"), Some("add rules = [\"order-overdue\"]".into()));
        }
        _ => {}
    }
}

fn part(path: &str, place: &str, raw: &PartFile, figures: &[FigureFile], policy: &Policy, problems: &mut Problems) -> Option<BulletinPart> {
    let place = format!("{place} part \"{}\"", raw.heading);
    let about = raw.about.as_ref().and_then(|name| {
        let found = figures.iter().position(|figure| figure.name == *name);
        if found.is_none() {
            let hint = suggest(name, figures.iter().map(|figure| figure.name.as_str()));
            problems.push(path, format!("{place}: about \"{name}\" is no figure"), hint);
        }
        found
    });
    if (raw.about.is_some() || raw.list.is_some()) && raw.none.is_empty() {
        problems.push(path, format!("{place}: `none` is missing: what to say where there is nothing"), None);
    }
    if raw.paragraphs.is_empty() && raw.table.is_none() && raw.list.is_none() && raw.heading.is_empty() {
        problems.push(path, format!("{place}: is empty"), None);
    }
    let table = match &raw.table {
        None => None,
        Some(raw) => Some(table(path, &place, raw, policy, problems)?),
    };
    let list = match &raw.list {
        None => None,
        Some(raw) => Some(list(path, &place, raw, policy, problems)?),
    };
    Some(BulletinPart {
        heading: raw.heading.clone(),
        paragraphs: raw.paragraphs.clone(),
        table,
        list,
        about,
        none: raw.none.clone(),
        note: raw.note.clone(),
    })
}

/// A column is `MEASURE`, `RULE`, or either with another title behind a space.
fn table(path: &str, place: &str, raw: &TableFile, policy: &Policy, problems: &mut Problems) -> Option<BulletinTable> {
    let rows = named(&TableRows::NAMES, &raw.units, path, place, "units", problems);
    let scope = scope(path, place, raw.ledger.as_deref(), &raw.rules, policy, problems)?;
    if raw.columns.is_empty() || raw.columns.len() > COLUMNS_MAX {
        problems.push(path, format!("{place}: a table takes one to {COLUMNS_MAX} columns"), None);
    }
    let mut columns = Vec::new();
    for word in &raw.columns {
        let (key, own) = word.split_once(' ').map_or((word.as_str(), None), |(key, title)| (key, Some(title.trim().to_owned())));
        let measure = match (Measure::NAMES.iter().find(|(name, _)| *name == key), policy.rule(key)) {
            (Some((_, measure)), _) => *measure,
            (None, Some(rule)) if scope.rules.contains(&rule) => Measure::Rule(rule),
            (None, Some(_)) => {
                problems.push(path, format!("{place}: column \"{key}\" is not among the table's `rules`"), Some("add it there".into()));
                continue;
            }
            (None, None) => {
                let known = Measure::NAMES.iter().map(|(name, _)| *name).chain(policy.rules.iter().map(|rule| rule.id.as_str()));
                problems.push(path, format!("{place}: column \"{key}\" is no measure and no rule"), suggest(key, known));
                continue;
            }
        };
        fits(path, place, key, measure, &scope, problems);
        let title = own.unwrap_or_else(|| match measure {
            Measure::Rule(rule) => policy.rules[rule].title.clone(),
            measure => measure.title(),
        });
        columns.push(BulletinColumn { title, measure });
    }
    Some(BulletinTable { title: raw.title.clone(), rows: rows?, scope, columns })
}

/// What every unit reads: nothing that only some may read.
fn list(path: &str, place: &str, raw: &ListFile, policy: &Policy, problems: &mut Problems) -> Option<BulletinList> {
    let rules = rules_named(path, place, &raw.rules, policy, problems);
    if rules.is_empty() {
        problems.push(path, format!("{place}: the list's `rules` name no rule"), None);
    }
    for ledger in rules.iter().map(|rule| &policy.ledgers[policy.rules[*rule].ledger]).filter(|ledger| ledger.confined) {
        problems.push(
            path,
            format!("{place}: the ledger {} ({}) goes to its own units only, and a bulletin to all", ledger.id, ledger.title),
            Some("count its items by a figure instead".into()),
        );
    }
    let lights = raw.lights.iter().filter_map(|word| coded(&Light::ALL, Light::code, word, path, place, "light", problems)).collect();
    if raw.columns.is_empty() || raw.columns.len() > COLUMNS_MAX {
        problems.push(path, format!("{place}: a list takes one to {COLUMNS_MAX} columns"), None);
    }
    let columns = list_columns(path, place, &raw.columns, &ledgers_of(policy, &rules), BuiltIn::is_of_finding, policy, problems);
    for column in columns.iter().filter(|column| is_private(policy, column)) {
        problems.push(path, format!("{place}: column \"{}\" is not for all to read", column.title), Some("remove it".into()));
    }
    for (key, text) in [("more", &raw.more), ("withheld", &raw.withheld)] {
        if !text.contains(&format!("{{{key}}}")) {
            problems.push(path, format!("{place}: `{key}` does not say how many"), Some(format!("put {{{key}}} into it")));
        }
    }
    let (more, withheld) = (raw.more.clone(), raw.withheld.clone());
    Some(BulletinList { title: raw.title.clone(), rules, lights, most: raw.most, columns, more, withheld })
}

/// Persons, business secrets, what units have answered, and where a row stands in the office's file.
fn is_private(policy: &Policy, column: &ListColumn) -> bool {
    let private = |ledger: usize, field: usize| policy.ledgers[ledger].fields[field].privacy != Privacy::None;
    match &column.key {
        ColumnKey::BuiltIn(key) => matches!(key, BuiltIn::Feedback | BuiltIn::Place | BuiltIn::Act),
        ColumnKey::Field(fields) => fields.iter().enumerate().any(|(ledger, field)| field.is_some_and(|field| private(ledger, field))),
        ColumnKey::Project(field) => policy.project_ledger().is_some_and(|ledger| private(ledger, *field)),
    }
}
