//! `config/rules.toml` → [`Rule`]s: names become indices, types are checked against the ledger.

use crate::config::file_set::{FileSet, parse_toml};
use crate::config::ladder_file::{Ladder, LadderFile, Ladders, check_common, ladder};
use crate::config::weight_file::{WeightFile, weights};
use crate::domain::bounds::{DAYS_MAX, MONTHS_MAX, WORKDAYS_MAX, YEARS_MAX, between, some_between};
use crate::domain::life::declaration::Life;
use crate::domain::problem::{Problems, ProblemsAt, suggest};
use crate::domain::register::calendar::Span;
use crate::domain::register::ledger::Ledger;
use crate::domain::register::period::PeriodKind;
use crate::domain::register::record::Columns;
use crate::domain::register::units::{UnitId, Units};
use crate::domain::rules::condition::Condition;
use crate::domain::rules::condition_text::{FieldType, Scopes, Terms, conditions, field};
use crate::domain::rules::policy::{ActTerms, ExemptionTerms};
use crate::domain::rules::rule::{Act, Rule, RuleKind, RuleOwner, Starts};
use crate::domain::rules::weight::Weights;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const FILE: &str = "config/rules.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesFile {
    #[serde(default)]
    document: String,
    #[serde(default)]
    scopes: Scopes,
    ladders: Ladders,
    #[serde(default)]
    exemptions: ExemptionsFile,
    accountability: Option<AccountabilityFile>,
    weight: Option<WeightFile>,
    #[serde(default)]
    acts: ActsFile,
    #[serde(default)]
    cause: Vec<CauseFile>,
    rule: Vec<RuleFile>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExemptionsFile {
    #[serde(default, deserialize_with = "some_between::<1, 250, _, _>")]
    objection_workdays: Option<u32>,
    #[serde(default, deserialize_with = "between::<0, 366, _, _>")]
    warn_days: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountabilityFile {
    #[serde(deserialize_with = "between::<1, 40, _, _>")]
    quarters: u32,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActsFile {
    #[serde(default, deserialize_with = "some_between::<0, 1000, _, _>")]
    interviews: Option<usize>,
    #[serde(default, deserialize_with = "between::<0, WORKDAYS_MAX, _, _>")]
    unsigned_workdays: u32,
    #[serde(default)]
    without: Vec<String>,
    #[serde(default)]
    signed: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CauseFile {
    name: String,
    words: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithinFile {
    #[serde(default, deserialize_with = "some_between::<0, DAYS_MAX, _, _>")]
    days: Option<u32>,
    #[serde(default, deserialize_with = "some_between::<0, MONTHS_MAX, _, _>")]
    months: Option<u32>,
    #[serde(default, deserialize_with = "some_between::<0, YEARS_MAX, _, _>")]
    years: Option<u32>,
    #[serde(default, deserialize_with = "some_between::<0, WORKDAYS_MAX, _, _>")]
    workdays: Option<u32>,
}

/// One name, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn list(&self) -> Vec<String> {
        match self {
            OneOrMore::One(one) => vec![one.clone()],
            OneOrMore::More(more) => more.clone(),
        }
    }
}

/// What a rule asks of records with events of ours in place of its own keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HandledFile {
    scope: Vec<String>,
    from_latest: Vec<String>,
    owner: Option<String>,
}

/// A rule with the keys of every kind; [`check_keys`] refuses those of another kind.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    id: String,
    title: String,
    ledger: String,
    kind: String,
    basis: String,
    cause: String,
    #[serde(default)]
    scope: Vec<String>,
    ladder: LadderFile,
    #[serde(default)]
    under: Vec<String>,
    /// The sentence of a service, which is offered and not asked for.
    service: Option<String>,
    #[serde(default, deserialize_with = "between::<0, 366, _, _>")]
    notice_days: u32,
    #[serde(default)]
    waits: bool,
    #[serde(default)]
    freshness: bool,
    from: Option<OneOrMore>,
    from_latest: Option<Vec<String>>,
    /// The unit that answers, where it is not the owner of the record.
    owner: Option<String>,
    /// How records with events of ours are judged instead.
    handled: Option<HandledFile>,
    within: Option<WithinFile>,
    #[serde(default)]
    agreed: Vec<String>,
    until: Option<OneOrMore>,
    roll: Option<bool>,
    to: Option<String>,
    actual: Option<String>,
    planned: Option<String>,
    must: Option<Vec<String>>,
    every: Option<String>,
    #[serde(default)]
    levels: Vec<String>,
    #[serde(default)]
    units: Vec<String>,
    date: Option<String>,
    r#where: Option<Vec<String>>,
}

/// What `config/rules.toml` holds.
pub(crate) struct RuleSet {
    pub(crate) rules: Vec<Rule>,
    /// Cause names with the words that point to them.
    pub(crate) causes: Vec<(Arc<str>, Vec<String>)>,
    pub(crate) exemptions: ExemptionTerms,
    /// Closed quarters with red findings in a row from which a unit is called to account.
    pub(crate) accountability_quarters: Option<u32>,
    pub(crate) document: String,
    pub(crate) weights: Weights,
    pub(crate) acts: ActTerms,
}

/// The clauses a rule may cite: the chapters of the office's document.
const CHAPTERS: [&str; 4] = ["一", "二", "三", "四"];

/// The rules and what belongs to them. `None` where the file has problems.
pub(crate) fn parse(
    files: &FileSet,
    ledgers: &[Ledger],
    lives: &[Option<Arc<Life>>],
    units: &Units,
    problems: &mut Problems,
) -> Option<RuleSet> {
    let file: RulesFile = parse_toml(files, FILE, problems)?;
    let mut at = problems.at(FILE, "");
    check_common(&file.ladders, &mut at);
    let ids: Vec<&str> = file.rule.iter().map(|rule| rule.id.as_str()).collect();
    let references = References { ledgers, lives, units, scopes: &file.scopes, ladders: &file.ladders, ids: &ids };
    let mut rules = Vec::new();
    for (number, raw) in file.rule.iter().enumerate() {
        let mut at = at.at(format!("rule \"{}\"", raw.id));
        if ids[..number].contains(&raw.id.as_str()) {
            at.report_place("appears twice", None);
        }
        rules.extend(rule(raw, &references, &mut at));
    }
    let (weights, phases) = file.weight.as_ref().map(|weight| weights(weight, &ids, &mut at.at("weight"))).unwrap_or_default();
    for rule in &mut rules {
        rule.phase = ids.iter().position(|id| *id == rule.id).and_then(|index| *phases.get(index)?);
        if let Some(handled) = &mut rule.handled {
            handled.phase = rule.phase;
        }
    }
    let acts = act_terms(&file.acts, &ids, &mut at.at("acts"));
    let causes = file.cause.into_iter().map(|cause| (cause.name.into(), cause.words)).collect();
    let ExemptionsFile { objection_workdays, warn_days } = file.exemptions;
    let accountability_quarters = file.accountability.map(|accountability| accountability.quarters);
    let exemptions = ExemptionTerms { objection_workdays, warn_days };
    let set = RuleSet { rules, causes, exemptions, accountability_quarters, document: file.document, weights, acts };
    problems.0.iter().all(|problem| problem.file != FILE).then_some(set)
}

fn act_terms(file: &ActsFile, ids: &[&str], at: &mut ProblemsAt<'_>) -> ActTerms {
    let mut without = BTreeSet::new();
    for id in &file.without {
        match ids.iter().position(|known| known == id) {
            Some(rule) => drop(without.insert(rule)),
            None => at.report(format!("without: rule \"{id}\" is unknown"), suggest(id, ids.iter().copied())),
        }
    }
    at.all_coded(&Act::ALL, Act::code, file.signed.keys(), "act");
    ActTerms { interviews_max: file.interviews, unsigned_workdays: file.unsigned_workdays, without, signed: file.signed.clone() }
}

/// The named scopes of `config/rules.toml`. Empty where the file cannot be read; [`parse`] reports why.
pub(crate) fn scopes(files: &FileSet) -> Scopes {
    parse_toml::<RulesFile>(files, FILE, &mut Problems::default()).map(|file| file.scopes).unwrap_or_default()
}

/// What a rule may refer to by name.
struct References<'a> {
    ledgers: &'a [Ledger],
    /// By ledger index.
    lives: &'a [Option<Arc<Life>>],
    units: &'a Units,
    scopes: &'a Scopes,
    ladders: &'a Ladders,
    /// Of the rules, in the order of the file.
    ids: &'a [&'a str],
}

impl References<'_> {
    /// What conditions on a ledger may name.
    fn terms(&self, ledger: &Ledger) -> Terms<'_> {
        let index = self.ledgers.iter().position(|known| known.id == ledger.id);
        let states = index.and_then(|index| self.lives.get(index)?.as_ref()).map(|life| &life.states);
        Terms { scopes: self.scopes, states }
    }
}

fn rule(raw: &RuleFile, references: &References<'_>, at: &mut ProblemsAt<'_>) -> Option<Rule> {
    let Some(ledger_index) = references.ledgers.iter().position(|ledger| ledger.id == raw.ledger) else {
        let hint = suggest(&raw.ledger, references.ledgers.iter().map(|ledger| ledger.id.as_str()));
        at.report(format!("ledger \"{}\" is unknown", raw.ledger), hint);
        return None;
    };
    let ledger = &references.ledgers[ledger_index];
    let before = at.count();
    if !CHAPTERS.iter().any(|chapter| raw.basis.starts_with(chapter)) {
        at.report(format!("basis \"{}\" is no clause", raw.basis), Some("write it as 一(四)1".into()));
    }
    let scope = conditions(&raw.scope, "scope", ledger, references.terms(ledger), at);
    let kind = kind(raw, ledger, references, at)?;
    let Ladder { steps, repeated } = ladder(&raw.ladder, references.ladders, at);
    let mut under = Vec::new();
    for id in &raw.under {
        match references.ids.iter().position(|known| known == id) {
            Some(rule) => under.push(rule),
            None => at.report(format!("under: rule \"{id}\" is unknown"), suggest(id, references.ids.iter().copied())),
        }
    }
    if raw.notice_days > 0 && !matches!(kind, RuleKind::Deadline { .. }) {
        at.report("notice_days is for deadline rules only", None);
    }
    if raw.freshness && !matches!(kind, RuleKind::Deadline { .. }) {
        at.report("freshness is for deadline rules only", None);
    }
    let needs = needs(ledger, &scope, &kind);
    let owner = rule_owner(raw.owner.as_deref(), at);
    let mut rule = Rule {
        id: raw.id.clone(),
        title: raw.title.clone(),
        ledger: ledger_index,
        kind,
        scope,
        ladder: steps,
        repeated,
        basis: raw.basis.clone(),
        under,
        phase: None,
        service: raw.service.as_deref().map(Into::into),
        cause: raw.cause.as_str().into(),
        notice_days: raw.notice_days,
        is_freshness: raw.freshness,
        waiting_on_owner: raw.waits,
        owner,
        handled: None,
        needs,
    };
    if let (Some(handled), RuleKind::Deadline { within, agreed, until, roll, .. }) = (&raw.handled, &rule.kind) {
        let mut at = at.at(format!("{} handled", at.place));
        let from = latest(&handled.from_latest, ledger, &mut at);
        let kind = RuleKind::Deadline { from, within: *within, agreed: agreed.clone(), until: until.clone(), roll: *roll };
        let scope = conditions(&handled.scope, "scope", ledger, references.terms(ledger), &mut at);
        let owner = rule_owner(handled.owner.as_deref(), &mut at);
        rule.handled = Some(Box::new(Rule { kind, scope, owner, needs: Vec::new(), ..rule.clone() }));
    }
    (at.count() == before).then_some(rule)
}

fn rule_owner(word: Option<&str>, at: &mut ProblemsAt<'_>) -> RuleOwner {
    word.and_then(|word| at.named(&RuleOwner::NAMES, word, "owner")).unwrap_or_default()
}

fn kind(raw: &RuleFile, ledger: &Ledger, references: &References<'_>, at: &mut ProblemsAt<'_>) -> Option<RuleKind> {
    match raw.kind.as_str() {
        "deadline" => {
            check_keys(raw, &["from", "from_latest", "within", "agreed", "until", "roll", "handled"], at);
            Some(deadline(raw, ledger, at))
        }
        "lag" => {
            check_keys(raw, &["from", "to", "actual", "planned"], at);
            lag(raw, ledger, at)
        }
        "missing" => {
            check_keys(raw, &["must"], at);
            Some(missing(raw, ledger, references, at))
        }
        "periodic" => {
            check_keys(raw, &["every", "levels", "units", "date", "where"], at);
            periodic(raw, ledger, references, at)
        }
        other => {
            let hint = suggest(other, ["deadline", "lag", "missing", "periodic"].into_iter());
            at.report(format!("kind \"{other}\" is unknown"), hint);
            None
        }
    }
}

/// Reports keys that rules of another kind have.
fn check_keys(raw: &RuleFile, allowed: &[&str], at: &mut ProblemsAt<'_>) {
    for (key, is_given) in [
        ("from", raw.from.is_some()),
        ("from_latest", raw.from_latest.is_some()),
        ("handled", raw.handled.is_some()),
        ("within", raw.within.is_some()),
        ("agreed", !raw.agreed.is_empty()),
        ("until", raw.until.is_some()),
        ("roll", raw.roll.is_some()),
        ("to", raw.to.is_some()),
        ("actual", raw.actual.is_some()),
        ("planned", raw.planned.is_some()),
        ("must", raw.must.is_some()),
        ("every", raw.every.is_some()),
        ("levels", !raw.levels.is_empty()),
        ("units", !raw.units.is_empty()),
        ("date", raw.date.is_some()),
        ("where", raw.r#where.is_some()),
    ] {
        if is_given && !allowed.contains(&key) {
            at.report(format!("key \"{key}\" does not belong to kind \"{}\"", raw.kind), Some(format!("it takes: {}", allowed.join(", "))));
        }
    }
}

fn deadline(raw: &RuleFile, ledger: &Ledger, at: &mut ProblemsAt<'_>) -> RuleKind {
    if raw.from.is_some() && raw.from_latest.is_some() {
        at.report("`from` and `from_latest` exclude each other", None);
    }
    let from = match &raw.from_latest {
        Some(names) => latest(names, ledger, at),
        None => {
            let names = raw.from.as_ref().map(OneOrMore::list).unwrap_or_default();
            Starts::First(names.iter().filter_map(|name| field(name, "from", FieldType::Date, ledger, at)).collect())
        }
    };
    let agreed: Vec<usize> = raw.agreed.iter().filter_map(|name| field(name, "agreed", FieldType::Date, ledger, at)).collect();
    let within = raw.within.as_ref().and_then(|within| span(within, at));
    if from.fields().is_empty() && agreed.is_empty() {
        at.report("a deadline needs `from` with `within`, or `agreed`", None);
    }
    if (raw.from.is_some() || raw.from_latest.is_some()) != raw.within.is_some() {
        at.report("`from` and `within` go together", None);
    }
    let until = raw.until.as_ref().map(OneOrMore::list).unwrap_or_default();
    let until = until.iter().filter_map(|name| field(name, "until", FieldType::Date, ledger, at)).collect();
    RuleKind::Deadline { from, within, agreed, until, roll: raw.roll.unwrap_or(true) }
}

/// The latest of some dates; `FIELD past` counts once it lies behind.
fn latest(names: &[String], ledger: &Ledger, at: &mut ProblemsAt<'_>) -> Starts {
    let (mut fields, mut past) = (Vec::new(), Columns::default());
    for name in names {
        let (name, is_past) = match name.trim().strip_suffix(" past") {
            Some(name) => (name.trim(), true),
            None => (name.trim(), false),
        };
        let Some(index) = field(name, "from_latest", FieldType::Date, ledger, at) else { continue };
        fields.push(index);
        if is_past {
            past.insert(index);
        }
    }
    Starts::Latest(fields, past)
}

fn span(within: &WithinFile, at: &mut ProblemsAt<'_>) -> Option<Span> {
    match within {
        WithinFile { days: Some(days), months: None, years: None, workdays: None } => Some(Span::Days(*days)),
        WithinFile { days: None, months: Some(months), years: None, workdays: None } => Some(Span::Months(*months)),
        WithinFile { days: None, months: None, years: Some(years), workdays: None } => Some(Span::Months(years * 12)),
        WithinFile { days: None, months: None, years: None, workdays: Some(workdays) } => Some(Span::Workdays(*workdays)),
        _ => {
            at.report("within takes exactly one of days, months, years, workdays", None);
            None
        }
    }
}

fn lag(raw: &RuleFile, ledger: &Ledger, at: &mut ProblemsAt<'_>) -> Option<RuleKind> {
    let mut needed = |key: &str, name: Option<String>| {
        if name.is_none() {
            at.report(format!("a lag rule needs `{key}`"), None);
        }
        name
    };
    let from = needed("from", raw.from.as_ref().and_then(|names| names.list().into_iter().next()))?;
    let to = needed("to", raw.to.clone())?;
    let actual = needed("actual", raw.actual.clone())?;
    Some(RuleKind::Lag {
        from: field(&from, "from", FieldType::Date, ledger, at)?,
        to: field(&to, "to", FieldType::Date, ledger, at)?,
        actual: field(&actual, "actual", FieldType::Number, ledger, at)?,
        planned: match &raw.planned {
            None => None,
            Some(name) => Some(field(name, "planned", FieldType::Number, ledger, at)?),
        },
    })
}

fn missing(raw: &RuleFile, ledger: &Ledger, references: &References<'_>, at: &mut ProblemsAt<'_>) -> RuleKind {
    let must = conditions(raw.must.as_deref().unwrap_or_default(), "must", ledger, references.terms(ledger), at);
    if must.is_empty() {
        at.report("a missing rule needs `must`", None);
    }
    RuleKind::Missing { must }
}

fn periodic(raw: &RuleFile, ledger: &Ledger, references: &References<'_>, at: &mut ProblemsAt<'_>) -> Option<RuleKind> {
    const EVERY: [(&str, PeriodKind); 3] = [("month", PeriodKind::Month), ("quarter", PeriodKind::Quarter), ("year", PeriodKind::Year)];
    let every = at.named(&EVERY, raw.every.as_deref().unwrap_or_default(), "every")?;
    let levels = references.units.levels.all_named(&raw.levels, at);
    let mut units: Vec<UnitId> = Vec::new();
    for name in &raw.units {
        match references.units.find_configured(name) {
            Some(unit) => units.push(unit),
            None => {
                let hint = suggest(name, references.units.units.iter().map(|unit| unit.name.as_str()));
                at.report(format!("unit \"{name}\" is unknown"), hint);
            }
        }
    }
    if levels.is_empty() && units.is_empty() {
        at.report("a periodic rule needs `levels` or `units`", None);
    }
    let matching = conditions(raw.r#where.as_deref().unwrap_or_default(), "where", ledger, references.terms(ledger), at);
    let date = field(raw.date.as_deref().unwrap_or_default(), "date", FieldType::Date, ledger, at)?;
    Some(RuleKind::Periodic { every, levels, units, date, matching })
}

/// The sets of columns a rule needs. The rule does not judge a row whose source lacks every column of one set.
fn needs(ledger: &Ledger, scope: &[Condition], kind: &RuleKind) -> Vec<Columns> {
    let asks_columns = |condition: &&Condition| !matches!(condition, Condition::State { .. });
    let mut needs: Vec<Columns> = scope.iter().filter(asks_columns).map(|condition| condition.fields(ledger)).collect();
    let one = |field: usize| [field].into_iter().collect::<Columns>();
    match kind {
        RuleKind::Deadline { from, agreed, until, .. } => {
            // every row has the columns that only events fill, so they do not make up for those of a file
            let dates: Columns = from.fields().iter().chain(agreed).copied().filter(|field| !ledger.fields[*field].own).collect();
            needs.extend(Some(dates).filter(|dates| !dates.is_empty()));
            needs.extend(Some(until.iter().copied().collect::<Columns>()).filter(|until| !until.is_empty()));
        }
        RuleKind::Lag { from, to, actual, planned } => {
            needs.push(one(*from));
            needs.push([*to].into_iter().chain(*planned).collect());
            needs.push(one(*actual));
        }
        RuleKind::Missing { must } => needs.extend(must.iter().filter(asks_columns).map(|condition| condition.fields(ledger))),
        RuleKind::Periodic { .. } => {}
    }
    needs
}
