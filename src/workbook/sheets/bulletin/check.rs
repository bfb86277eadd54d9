//! `[sheet.bulletin]` of a template → [`Bulletin`]. Figures, rules, columns and placeholders of its texts are looked up here.

use crate::domain::audience::is_open_field;
use crate::domain::bounds::between;
use crate::domain::problem::{ProblemsAt, suggest};
use crate::domain::register::ledger::Role;
use crate::domain::register::period::PeriodKind;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Light;
use crate::workbook::measures::Measure;
use crate::workbook::model::Sheet;
use crate::workbook::provenance::Provenance;
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::sheets::bulletin::declaration::{
    Bulletin, BulletinColumn, BulletinFigure, BulletinList, BulletinPart, BulletinTable, Scope, TableRows,
};
use crate::workbook::sheets::kind::Kind;
use crate::workbook::sheets::list::columns::{BuiltIn, ColumnKey, ListColumn, list_columns};
use crate::workbook::sheets::references::{References, WORDS, ledgers_of, placeholders, rules_named};
use crate::workbook::visible::VisibleMaterial;
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulletinKeys {
    bulletin: Option<PaperKeys>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PaperKeys {
    #[serde(default = "quarter")]
    period: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    opening: Vec<String>,
    #[serde(default)]
    figures: Vec<FigureKeys>,
    part: Vec<PartKeys>,
    #[serde(default)]
    signature: Vec<String>,
    #[serde(default)]
    copies: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FigureKeys {
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
struct PartKeys {
    #[serde(default)]
    heading: String,
    #[serde(default)]
    paragraphs: Vec<String>,
    table: Option<TableKeys>,
    list: Option<ListKeys>,
    about: Option<String>,
    #[serde(default)]
    none: String,
    #[serde(default)]
    note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableKeys {
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
struct ListKeys {
    #[serde(default)]
    title: String,
    rules: Vec<String>,
    #[serde(default = "red")]
    lights: Vec<String>,
    #[serde(default = "ten", deserialize_with = "between::<1, 10_000, _, _>")]
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

impl Kind for Bulletin {
    type Keys = BulletinKeys;

    fn check(keys: BulletinKeys, references: &References<'_>, at: &mut ProblemsAt<'_>) -> Option<Bulletin> {
        let Some(paper) = keys.bulletin else {
            at.report("[sheet.bulletin] is missing", Some("see work-order-bulletin.toml".into()));
            return None;
        };
        bulletin(paper, references, at)
    }

    /// A bulletin has placeholders of its own, which are looked up with its figures.
    fn check_title(_: &BulletinKeys, _: &str, _: &mut ProblemsAt<'_>) {}

    fn build<'a>(&self, builder: &mut SheetBuilder<'a, '_>) -> Vec<Sheet<'a>> {
        vec![builder.bulletin(self)]
    }

    fn ledgers(&self, visible: &VisibleMaterial<'_>) -> BTreeSet<usize> {
        let tables = self.parts.iter().filter_map(|part| part.table.as_ref()).map(|table| &table.scope);
        let scopes: Vec<&Scope> = self.figures.iter().map(|figure| &figure.scope).chain(tables).collect();
        let lists = self.parts.iter().filter_map(|part| part.list.as_ref()).flat_map(|list| &list.rules);
        let rules = scopes.iter().flat_map(|scope| &scope.rules).chain(lists);
        let of_rules = rules.map(|rule| visible.policy().rules[*rule].ledger);
        scopes.iter().filter_map(|scope| scope.ledger).chain(of_rules).collect()
    }

    fn provenance(&self) -> Provenance {
        Provenance::OfItsOwn
    }
}

/// The placeholder that a bulletin has besides those of every sheet and its figures.
const PERIOD: &str = "period";

/// The most columns beside the units that fit on a portrait page.
const COLUMNS_MAX: usize = 13;

const EVERY: [(&str, PeriodKind); 2] = [("month", PeriodKind::Month), ("quarter", PeriodKind::Quarter)];

/// The bulletin. `None` where it has problems.
fn bulletin(raw: PaperKeys, references: &References<'_>, at: &mut ProblemsAt<'_>) -> Option<Bulletin> {
    let References { policy, title, .. } = references;
    let before = at.count();
    let period = at.named(&EVERY, &raw.period, "period");
    if raw.part.is_empty() {
        at.report("has no [[sheet.bulletin.part]]", None);
    }
    let mut figures = Vec::new();
    for figure_file in &raw.figures {
        let mut at = at.at(format!("{} figure \"{}\"", at.place, figure_file.name));
        let is_double = raw.figures.iter().filter(|other| other.name == figure_file.name).count() > 1;
        if figure_file.name == PERIOD || WORDS.contains(&figure_file.name.as_str()) || is_double {
            at.report("the name is taken", None);
        }
        figures.extend(figure(figure_file, policy, &mut at));
    }
    let mut parts = Vec::new();
    for part_file in &raw.part {
        let mut at = at.at(format!("{} part \"{}\"", at.place, part_file.heading));
        parts.extend(part(part_file, &raw.figures, policy, &mut at));
    }
    check_placeholders(&raw, title, at);
    (at.count() == before).then_some(())?;
    Some(Bulletin { period: period?, to: raw.to, opening: raw.opening, figures, parts, signature: raw.signature, copies: raw.copies })
}

/// Reports placeholders that are neither a figure nor known to every bulletin.
fn check_placeholders(raw: &PaperKeys, title: &str, at: &mut ProblemsAt<'_>) {
    let of_parts = raw.part.iter().flat_map(|part| part.paragraphs.iter().chain([&part.none, &part.note]));
    let texts = raw.opening.iter().chain(&raw.signature).chain(&raw.copies).chain([&raw.to]).chain(of_parts);
    let known: Vec<&str> = WORDS.into_iter().chain([PERIOD]).chain(raw.figures.iter().map(|figure| figure.name.as_str())).collect();
    for word in texts.map(String::as_str).chain([title]).flat_map(placeholders).filter(|word| !known.contains(word)) {
        at.report(format!("{{{word}}} is neither a figure nor a word of the paper"), suggest(word, known.iter().copied()));
    }
}

fn figure(raw: &FigureKeys, policy: &Policy, at: &mut ProblemsAt<'_>) -> Option<BulletinFigure> {
    let measure = at.named(&Measure::of_bulletin(), &raw.measure, "measure");
    let scope = scope(raw.ledger.as_deref(), &raw.rules, policy, at);
    let rows = raw.units.as_ref().and_then(|word| at.named(&TableRows::NAMES, word, "units"));
    let (measure, scope) = (measure?, scope?);
    if measure == Measure::CompletedRank {
        at.report("completed_rank is a column of a table", None);
    }
    check_scope(&raw.measure, measure, &scope, at);
    Some(BulletinFigure { name: raw.name.clone(), measure, scope: Scope { rows, ..scope }, counted: raw.counted.clone() })
}

/// Ledger and rules of a figure or a table. `None` where the ledger has no tasks to count.
fn scope(ledger: Option<&str>, rules: &[String], policy: &Policy, at: &mut ProblemsAt<'_>) -> Option<Scope> {
    let ledger = match ledger {
        None => None,
        Some(id) => Some(ledger_with_tasks(id, policy, at)?),
    };
    Some(Scope { ledger, rules: rules_named(rules, policy, at), rows: None })
}

fn ledger_with_tasks(id: &str, policy: &Policy, at: &mut ProblemsAt<'_>) -> Option<usize> {
    let has_tasks = |index: &usize| {
        let ledger = &policy.ledgers[*index];
        ledger.role(Role::Dispatched).or(ledger.role(Role::Assigned)).is_some()
    };
    let found = policy.ledger(id).filter(has_tasks);
    if found.is_none() {
        let known = (0..policy.ledgers.len()).filter(has_tasks).map(|index| policy.ledgers[index].id.as_str());
        at.report(format!("ledger \"{id}\" holds no work orders or decisions"), suggest(id, known));
    }
    found
}

/// Reports a measure of tasks without a ledger, and one of findings without rules.
fn check_scope(word: &str, measure: Measure, scope: &Scope, at: &mut ProblemsAt<'_>) {
    if measure.is_of_tasks() && scope.ledger.is_none() {
        at.report(format!("\"{word}\" counts the records of a ledger"), Some("add ledger = \"work-order\"".into()));
    }
    if !measure.is_of_tasks() && scope.rules.is_empty() {
        at.report(format!("\"{word}\" counts the items of rules"), Some("add rules = [\"order-overdue\"]".into()));
    }
}

fn part(raw: &PartKeys, figures: &[FigureKeys], policy: &Policy, at: &mut ProblemsAt<'_>) -> Option<BulletinPart> {
    let about = raw.about.as_ref().and_then(|name| {
        let found = figures.iter().position(|figure| figure.name == *name);
        if found.is_none() {
            at.report(format!("about \"{name}\" is no figure"), suggest(name, figures.iter().map(|figure| figure.name.as_str())));
        }
        found
    });
    if (raw.about.is_some() || raw.list.is_some()) && raw.none.is_empty() {
        at.report("`none` is missing: what to say where there is nothing", None);
    }
    if raw.paragraphs.is_empty() && raw.table.is_none() && raw.list.is_none() && raw.heading.is_empty() {
        at.report("is empty", None);
    }
    let table = match &raw.table {
        None => None,
        Some(raw) => Some(table(raw, policy, at)?),
    };
    Some(BulletinPart {
        heading: raw.heading.clone(),
        paragraphs: raw.paragraphs.clone(),
        table,
        list: raw.list.as_ref().map(|raw| list(raw, policy, at)),
        about,
        none: raw.none.clone(),
        note: raw.note.clone(),
    })
}

fn table(raw: &TableKeys, policy: &Policy, at: &mut ProblemsAt<'_>) -> Option<BulletinTable> {
    let rows = at.named(&TableRows::NAMES, &raw.units, "units");
    let scope = scope(raw.ledger.as_deref(), &raw.rules, policy, at)?;
    if raw.columns.is_empty() || raw.columns.len() > COLUMNS_MAX {
        at.report(format!("a table takes one to {COLUMNS_MAX} columns"), None);
    }
    let columns = raw.columns.iter().filter_map(|word| table_column(word, &scope, policy, at)).collect();
    Some(BulletinTable { title: raw.title.clone(), rows: rows?, scope, columns })
}

/// A column is `MEASURE` or `RULE`, with a title of its own after a space.
fn table_column(word: &str, scope: &Scope, policy: &Policy, at: &mut ProblemsAt<'_>) -> Option<BulletinColumn> {
    let (key, own_title) = word.split_once(' ').map_or((word, None), |(key, title)| (key, Some(title.trim().to_owned())));
    let measures = Measure::of_bulletin();
    let measure = match (measures.iter().find(|(name, _)| *name == key), policy.rule(key)) {
        (Some((_, measure)), _) => *measure,
        (None, Some(rule)) if scope.rules.contains(&rule) => Measure::Rule(rule),
        (None, Some(_)) => {
            at.report(format!("column \"{key}\" is not among the table's `rules`"), Some("add it there".into()));
            return None;
        }
        (None, None) => {
            let known = measures.iter().map(|(name, _)| name.as_str()).chain(policy.rules.iter().map(|rule| rule.id.as_str()));
            at.report(format!("column \"{key}\" is no measure and no rule"), suggest(key, known));
            return None;
        }
    };
    check_scope(key, measure, scope, at);
    let title = own_title.unwrap_or_else(|| match measure {
        Measure::Rule(rule) => policy.rules[rule].title.clone(),
        measure => measure.title(),
    });
    Some(BulletinColumn { title, measure })
}

/// The list of items furthest behind. Every unit reads it, so it may hold nothing that only some may see.
fn list(raw: &ListKeys, policy: &Policy, at: &mut ProblemsAt<'_>) -> BulletinList {
    let rules = rules_named(&raw.rules, policy, at);
    if rules.is_empty() {
        at.report("the list's `rules` name no rule", None);
    }
    for ledger in rules.iter().map(|rule| &policy.ledgers[policy.rules[*rule].ledger]).filter(|ledger| ledger.negotiation_only) {
        at.report(
            format!("the ledger {} ({}) goes to its own units only, and a bulletin to all", ledger.id, ledger.title),
            Some("count its items by a figure instead".into()),
        );
    }
    let lights = at.all_coded(&Light::ALL, Light::code, &raw.lights, "light");
    if raw.columns.is_empty() || raw.columns.len() > COLUMNS_MAX {
        at.report(format!("a list takes one to {COLUMNS_MAX} columns"), None);
    }
    let columns = list_columns(&raw.columns, &ledgers_of(&rules, policy), BuiltIn::is_of_finding, policy, at);
    for column in columns.iter().filter(|column| is_private(column, policy)) {
        at.report(format!("column \"{}\" is not for all to read", column.title), Some("remove it".into()));
    }
    for (key, text) in [("more", &raw.more), ("withheld", &raw.withheld)] {
        if !text.contains(&format!("{{{key}}}")) {
            at.report(format!("`{key}` does not say how many"), Some(format!("put {{{key}}} into it")));
        }
    }
    BulletinList {
        title: raw.title.clone(),
        rules,
        lights,
        most: raw.most,
        columns,
        more: raw.more.clone(),
        withheld: raw.withheld.clone(),
    }
}

/// Whether a column shows persons, business secrets, answers of units, acts, or places in the office's files.
fn is_private(column: &ListColumn, policy: &Policy) -> bool {
    let private = |ledger: usize, field: usize| !is_open_field(&policy.ledgers[ledger].fields[field]);
    match &column.key {
        ColumnKey::BuiltIn(column) => column.profile().is_private,
        ColumnKey::Field(fields) => fields.iter().enumerate().any(|(ledger, field)| field.is_some_and(|field| private(ledger, field))),
        ColumnKey::Project(field) => policy.project_ledger().is_some_and(|ledger| private(ledger, *field)),
    }
}
