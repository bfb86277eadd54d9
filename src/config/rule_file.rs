//! `config/rules.toml` → [`Rule`]s: names become indices, types are checked against the ledger.

use crate::config::ledger_file::MONEY_UNITS;
use crate::config::load::{FileSet, Problems, coded, named, parse_toml, suggest};
use crate::domain::register::calendar::Span;
use crate::domain::register::ledger::{FieldKind, Ledger, Role};
use crate::domain::register::record::yi_as_fen;
use crate::domain::register::record::{Cell, Columns, Decimal};
use crate::domain::register::units::{Level, Units};
use crate::domain::rules::policy::ExemptionTerms;
use crate::domain::rules::rule::{Act, Comparison, Condition, Every, Light, Operand, Relation, Repeat, Rule, RuleKind, Step};
use serde::Deserialize;
use std::collections::BTreeMap;

const RULES: &str = "config/rules.toml";
/// The ladder that every rule's repeated steps come from.
const REPEATED: &str = "repeated";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesFile {
    #[serde(default)]
    document: String,
    #[serde(default)]
    scopes: BTreeMap<String, Vec<String>>,
    ladders: BTreeMap<String, Vec<StepFile>>,
    major: MajorFile,
    #[serde(default)]
    exemptions: ExemptionsFile,
    accountability: Option<AccountabilityFile>,
    #[serde(default)]
    cause: Vec<CauseFile>,
    rule: Vec<RuleFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MajorFile {
    province: i64,
    city: i64,
    county: i64,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExemptionsFile {
    objection_workdays: Option<u32>,
    #[serde(default)]
    warn_days: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountabilityFile {
    quarters: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CauseFile {
    name: String,
    words: Vec<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepFile {
    from: Option<toml::Value>,
    /// Instead of `from`: closed quarters in a row.
    quarters: Option<u32>,
    light: String,
    act: Option<String>,
    told: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum LadderFile {
    Named(String),
    Steps(Vec<toml::Value>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithinFile {
    days: Option<u32>,
    months: Option<u32>,
    years: Option<u32>,
    workdays: Option<u32>,
}

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
    #[serde(default)]
    notice_days: u32,
    #[serde(default)]
    waits: bool,
    from: Option<OneOrMore>,
    within: Option<WithinFile>,
    #[serde(default)]
    agreed: Vec<String>,
    until: Option<String>,
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
pub struct Parsed {
    pub rules: Vec<Rule>,
    /// Cause names with the words that point to them.
    pub causes: Vec<(std::sync::Arc<str>, Vec<String>)>,
    pub major: Vec<(Level, i64)>,
    pub exemptions: ExemptionTerms,
    pub accountability_quarters: Option<u32>,
    pub document: String,
}

/// The clauses a rule may cite: the chapters of the province's rule.
const CHAPTERS: [&str; 4] = ["一", "二", "三", "四"];

pub fn parse(files: &FileSet, ledgers: &[Ledger], units: &Units, problems: &mut Problems) -> Option<Parsed> {
    let file: RulesFile = parse_toml(files, RULES, problems)?;
    let mut common = Vec::new();
    match file.ladders.get("common") {
        None => problems.push(RULES, "ladders: \"common\" is missing", Some("steps that leave out act or told take it from there".into())),
        Some(steps) => {
            for step in steps {
                if step.act.is_none() || step.told.is_none() {
                    problems.push(RULES, format!("ladders common: step \"{}\" needs act and told", step.light), None);
                }
            }
            common = steps.clone();
        }
    }
    let ids: Vec<String> = file.rule.iter().map(|rule| rule.id.clone()).collect();
    let mut rules = Vec::new();
    for (number, raw) in file.rule.iter().enumerate() {
        if ids[..number].contains(&raw.id) {
            problems.push(RULES, format!("rule \"{}\" appears twice", raw.id), None);
        }
        let mut reader = RuleReader {
            file: RULES,
            place: format!("rule \"{}\"", raw.id),
            ledgers,
            units,
            scopes: &file.scopes,
            ladders: &file.ladders,
            common: &common,
            problems,
        };
        if let Some(rule) = reader.rule(raw, &ids) {
            rules.push(rule);
        }
    }
    let causes = file.cause.into_iter().map(|cause| (cause.name.into(), cause.words)).collect();
    let MajorFile { province, city, county } = file.major;
    if !(province >= city && city >= county && county >= 0) {
        problems.push(RULES, "major: province, city and county must descend", None);
    }
    let major = vec![(Level::Province, yi_as_fen(province)), (Level::City, yi_as_fen(city)), (Level::County, yi_as_fen(county))];
    let ExemptionsFile { objection_workdays, warn_days } = file.exemptions;
    let accountability_quarters = file.accountability.map(|accountability| accountability.quarters);
    if accountability_quarters == Some(0) || objection_workdays == Some(0) {
        problems.push(RULES, "exemptions objection_workdays and accountability quarters begin at 1", None);
    }
    let exemptions = ExemptionTerms { objection_workdays, warn_days };
    let parsed = Parsed { rules, causes, major, exemptions, accountability_quarters, document: file.document };
    problems.0.iter().all(|problem| problem.file != RULES).then_some(parsed)
}

/// The conditions of a sheet's selection, written like a rule's scope.
pub fn conditions(
    (file, place, key): (&str, &str, &str),
    scopes: &BTreeMap<String, Vec<String>>,
    (ledger, ledgers): (&Ledger, &[Ledger]),
    units: &Units,
    texts: &[String],
    problems: &mut Problems,
) -> Vec<Condition> {
    let ladders = BTreeMap::new();
    let mut reader = RuleReader { file, place: place.to_owned(), ledgers, units, scopes, ladders: &ladders, common: &[], problems };
    reader.conditions(ledger, texts, key)
}

/// The named scopes of `config/rules.toml`; none where the file cannot be read, which is reported by itself.
pub fn scopes(files: &FileSet) -> BTreeMap<String, Vec<String>> {
    parse_toml::<RulesFile>(files, RULES, &mut Problems::default()).map(|file| file.scopes).unwrap_or_default()
}

struct RuleReader<'a> {
    /// The file the texts stand in.
    file: &'a str,
    place: String,
    ledgers: &'a [Ledger],
    units: &'a Units,
    scopes: &'a BTreeMap<String, Vec<String>>,
    ladders: &'a BTreeMap<String, Vec<StepFile>>,
    common: &'a [StepFile],
    problems: &'a mut Problems,
}

impl RuleReader<'_> {
    fn problem(&mut self, message: impl std::fmt::Display, hint: Option<String>) {
        let message = format!("{}: {message}", self.place);
        self.problems.push(self.file, message, hint);
    }

    fn rule(&mut self, raw: &RuleFile, ids: &[String]) -> Option<Rule> {
        let Some(ledger_index) = self.ledgers.iter().position(|ledger| ledger.id == raw.ledger) else {
            let hint = suggest(&raw.ledger, self.ledgers.iter().map(|ledger| ledger.id.as_str()));
            self.problem(format!("ledger \"{}\" is unknown", raw.ledger), hint);
            return None;
        };
        let ledger = &self.ledgers[ledger_index];
        let before = self.problems.0.len();
        if !CHAPTERS.iter().any(|chapter| raw.basis.starts_with(chapter)) {
            self.problem(format!("basis \"{}\" is no clause", raw.basis), Some("write it as 一(四)1".into()));
        }
        let scope = self.conditions(ledger, &raw.scope, "scope");
        let kind = self.kind(ledger, raw)?;
        let (ladder, repeated) = self.ladder(&raw.ladder);
        let under = raw
            .under
            .iter()
            .filter_map(|id| {
                let found = ids.iter().position(|known| known == id);
                if found.is_none() {
                    self.problem(format!("under: rule \"{id}\" is unknown"), suggest(id, ids.iter().map(String::as_str)));
                }
                found
            })
            .collect();
        if raw.notice_days > 0 && !matches!(kind, RuleKind::Deadline { .. }) {
            self.problem("notice_days is for deadline rules only", None);
        }
        let needs = needs(ledger, &scope, &kind);
        (self.problems.0.len() == before).then(|| Rule {
            id: raw.id.clone(),
            title: raw.title.clone(),
            ledger: ledger_index,
            kind,
            scope,
            ladder,
            repeated,
            basis: raw.basis.clone(),
            under,
            cause: raw.cause.as_str().into(),
            notice_days: raw.notice_days,
            waits: raw.waits,
            needs,
        })
    }

    fn kind(&mut self, ledger: &Ledger, raw: &RuleFile) -> Option<RuleKind> {
        let used: Vec<&str> = [
            ("from", raw.from.is_some()),
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
        ]
        .into_iter()
        .filter_map(|(key, set)| set.then_some(key))
        .collect();
        let allowed: &[&str] = match raw.kind.as_str() {
            "deadline" => &["from", "within", "agreed", "until", "roll"],
            "lag" => &["from", "to", "actual", "planned"],
            "missing" => &["must"],
            "periodic" => &["every", "levels", "units", "date", "where"],
            other => {
                self.problem(
                    format!("kind \"{other}\" is unknown"),
                    suggest(other, ["deadline", "lag", "missing", "periodic"].into_iter()),
                );
                return None;
            }
        };
        for key in used.iter().filter(|key| !allowed.contains(key)) {
            self.problem(
                format!("key \"{key}\" does not belong to kind \"{}\"", raw.kind),
                Some(format!("it takes: {}", allowed.join(", "))),
            );
        }
        let date = |kind: FieldKind| matches!(kind, FieldKind::Date { .. });
        let number = |kind: FieldKind| matches!(kind, FieldKind::Decimal | FieldKind::Int);
        let list = |names: Option<&OneOrMore>| names.map(OneOrMore::list).unwrap_or_default();
        Some(match raw.kind.as_str() {
            "deadline" => {
                let from: Vec<usize> =
                    list(raw.from.as_ref()).iter().filter_map(|name| self.field(ledger, name, "from", "a date", date)).collect();
                let agreed: Vec<usize> = raw.agreed.iter().filter_map(|name| self.field(ledger, name, "agreed", "a date", date)).collect();
                let within = match &raw.within {
                    None => None,
                    Some(WithinFile { days: Some(days), months: None, years: None, workdays: None }) => Some(Span::Days(*days)),
                    Some(WithinFile { days: None, months: Some(months), years: None, workdays: None }) => Some(Span::Months(*months)),
                    Some(WithinFile { days: None, months: None, years: Some(years), workdays: None }) => Some(Span::Months(years * 12)),
                    Some(WithinFile { days: None, months: None, years: None, workdays: Some(workdays) }) => Some(Span::Workdays(*workdays)),
                    Some(_) => {
                        self.problem("within takes exactly one of days, months, years, workdays", None);
                        None
                    }
                };
                if from.is_empty() && agreed.is_empty() {
                    self.problem("a deadline needs `from` with `within`, or `agreed`", None);
                }
                if raw.from.is_some() != raw.within.is_some() {
                    self.problem("`from` and `within` go together", None);
                }
                let until = raw.until.as_ref().and_then(|name| self.field(ledger, name, "until", "a date", date));
                RuleKind::Deadline { from, within, agreed, until, roll: raw.roll.unwrap_or(true) }
            }
            "lag" => {
                let one = |reader: &mut Self, key: &str, name: Option<String>| {
                    if name.is_none() {
                        reader.problem(format!("a lag rule needs `{key}`"), None);
                    }
                    name
                };
                let from = one(self, "from", list(raw.from.as_ref()).into_iter().next())?;
                let to = one(self, "to", raw.to.clone())?;
                let actual = one(self, "actual", raw.actual.clone())?;
                RuleKind::Lag {
                    from: self.field(ledger, &from, "from", "a date", date)?,
                    to: self.field(ledger, &to, "to", "a date", date)?,
                    actual: self.field(ledger, &actual, "actual", "a number", number)?,
                    planned: match &raw.planned {
                        None => None,
                        Some(name) => Some(self.field(ledger, name, "planned", "a number", number)?),
                    },
                }
            }
            "missing" => {
                let must = self.conditions(ledger, raw.must.as_deref().unwrap_or_default(), "must");
                if must.is_empty() {
                    self.problem("a missing rule needs `must`", None);
                }
                RuleKind::Missing { must }
            }
            _ => {
                let every = raw.every.clone().unwrap_or_default();
                let place = self.place.clone();
                let every = named(
                    &[("month", Every::Month), ("quarter", Every::Quarter), ("year", Every::Year)],
                    &every,
                    RULES,
                    &place,
                    "every",
                    self.problems,
                )?;
                let levels = raw
                    .levels
                    .iter()
                    .filter_map(|word| coded(&Level::ALL, Level::code, word, RULES, &place, "level", self.problems))
                    .collect::<Vec<_>>();
                let units = raw
                    .units
                    .iter()
                    .filter_map(|name| {
                        let unit = self.units.find(name);
                        if unit.is_none() {
                            self.problem(
                                format!("unit \"{name}\" is unknown"),
                                suggest(name, self.units.units.iter().map(|unit| unit.name.as_str())),
                            );
                        }
                        unit
                    })
                    .collect::<Vec<_>>();
                if levels.is_empty() && units.is_empty() {
                    self.problem("a periodic rule needs `levels` or `units`", None);
                }
                let day = raw.date.clone().unwrap_or_default();
                let matching = self.conditions(ledger, raw.r#where.as_deref().unwrap_or_default(), "where");
                RuleKind::Periodic { every, levels, units, date: self.field(ledger, &day, "date", "a date", date)?, matching }
            }
        })
    }

    fn field(&mut self, ledger: &Ledger, name: &str, key: &str, what: &str, fits: impl Fn(FieldKind) -> bool) -> Option<usize> {
        match ledger.field(name) {
            None => {
                let hint = suggest(name, ledger.fields.iter().map(|field| field.id.as_str()));
                self.problem(format!("{key}: field \"{name}\" is not in ledger \"{}\"", ledger.id), hint);
                None
            }
            Some(field) if !fits(ledger.fields[field].kind) => {
                self.problem(format!("{key}: field \"{name}\" is not {what}"), None);
                None
            }
            found => found,
        }
    }

    /// The steps, and those that closed quarters lead to: the ladder's own, else those of `[ladders] repeated` for the lights it has.
    fn ladder(&mut self, ladder: &LadderFile) -> (Vec<Step>, Vec<Repeat>) {
        let steps: Vec<StepFile> = match ladder {
            LadderFile::Named(name) => match self.ladders.get(name) {
                Some(steps) => steps.clone(),
                None => {
                    let hint = suggest(name, self.ladders.keys().map(String::as_str));
                    self.problem(format!("ladder \"{name}\" is unknown"), hint);
                    return (Vec::new(), Vec::new());
                }
            },
            LadderFile::Steps(values) => {
                let mut steps = Vec::new();
                for (number, value) in values.iter().enumerate() {
                    match value.clone().try_into::<StepFile>() {
                        Ok(step) => steps.push(step),
                        Err(error) => self.problem(format!("step {}: {}", number + 1, error.message()), None),
                    }
                }
                steps
            }
        };
        let (repeated, steps): (Vec<StepFile>, Vec<StepFile>) = steps.into_iter().partition(|step| step.quarters.is_some());
        if steps.is_empty() {
            self.problem("the ladder has no step", None);
        }
        let mut out: Vec<Step> = Vec::new();
        let mut told: Vec<Relation> = Vec::new();
        let common = self.common;
        for (number, step) in steps.iter().enumerate() {
            let place = format!("{}: step {}", self.place, number + 1);
            let Some(light) = coded(&Light::ALL, Light::code, &step.light, RULES, &place, "light", self.problems) else { continue };
            let usual = common.iter().find(|usual| usual.light == step.light);
            let act = step.act.as_ref().or(usual.and_then(|usual| usual.act.as_ref())).cloned().unwrap_or_default();
            let Some(act) = coded(&Act::ALL, Act::code, &act, RULES, &place, "act", self.problems) else { continue };
            let words = step.told.as_ref().or(usual.and_then(|usual| usual.told.as_ref())).cloned().unwrap_or_default();
            for word in &words {
                if let Some(relation) = coded(&Relation::ALL, Relation::code, word, RULES, &place, "told", self.problems)
                    && !told.contains(&relation)
                {
                    told.push(relation);
                }
            }
            told.sort_unstable();
            let from = match &step.from {
                Some(toml::Value::Integer(whole)) => Some(Decimal::new(*whole, 0)),
                Some(toml::Value::Float(number)) => Decimal::from_f64(*number),
                _ => None,
            };
            let Some(from) = from else {
                self.problems.push(RULES, format!("{place}: from is no number"), None);
                continue;
            };
            if let Some(last) = out.last()
                && (last.from.compare(from).is_ge() || last.light > light)
            {
                self.problems.push(
                    RULES,
                    format!("{place} can never be reached"),
                    Some("steps rise in `from` and never fall in light".into()),
                );
            }
            if told.is_empty() {
                self.problems.push(
                    RULES,
                    format!("{place} tells nobody"),
                    Some("name owner, superior, lead, raiser or office in told".into()),
                );
            }
            out.push(Step { from, light, act, told: told.as_slice().into() });
        }
        let usual = self.ladders.get(REPEATED).map_or(&[][..], Vec::as_slice);
        let has = |step: &&StepFile| out.iter().any(|own| own.light.code() == step.light);
        let repeated = if repeated.is_empty() { usual.iter().filter(has).cloned().collect() } else { repeated };
        let repeated = repeated.iter().enumerate().filter_map(|(number, step)| self.repeat(number, step)).collect();
        (out, repeated)
    }

    /// A step that closed quarters lead to.
    fn repeat(&mut self, number: usize, step: &StepFile) -> Option<Repeat> {
        let place = format!("{}: step of quarters {}", self.place, number + 1);
        let light = coded(&Light::ALL, Light::code, &step.light, RULES, &place, "light", self.problems)?;
        let act = coded(&Act::ALL, Act::code, step.act.as_deref().unwrap_or_default(), RULES, &place, "act", self.problems)?;
        let periods = step.quarters.unwrap_or_default();
        if light != Light::Red {
            self.problems.push(RULES, format!("{place}: closed quarters count red findings"), Some("write light = \"red\"".into()));
        }
        if periods == 0 || step.from.is_some() || step.told.is_some() {
            self.problems.push(
                RULES,
                format!("{place} takes quarters (1 or more), light and act"),
                Some("it raises the act of those already told: it has no from and no told".into()),
            );
        }
        Some(Repeat { periods, light, act })
    }

    fn conditions(&mut self, ledger: &Ledger, texts: &[String], key: &str) -> Vec<Condition> {
        let mut out = Vec::new();
        for text in texts {
            match self.scopes.get(text.as_str()) {
                Some(list) => {
                    for text in list {
                        out.extend(self.condition(ledger, text, key));
                    }
                }
                None => out.extend(self.condition(ledger, text, key)),
            }
        }
        out
    }

    fn condition(&mut self, ledger: &Ledger, text: &str, key: &str) -> Option<Condition> {
        let any = |_: FieldKind| true;
        let text = text.trim();
        if text == "key-industry" {
            if ledger.role(Role::Industry).is_none() {
                self.problem(format!("{key}: key-industry needs a field with role \"industry\""), None);
            }
            return Some(Condition::KeyIndustry);
        }
        if text == "not terminated" {
            if ledger.role(Role::Terminated).is_none() && ledger.role(Role::Stage).is_none() {
                self.problem(format!("{key}: terminated needs a field with role \"terminated\" or \"stage\""), None);
            }
            return Some(Condition::NotTerminated);
        }
        if let Some(name) = text.strip_prefix("not ") {
            return Some(Condition::NotFilled(self.field(ledger, name.trim(), key, "a field", any)?));
        }
        for (sign, comparison) in Comparison::NAMES {
            let Some((left, right)) = text.split_once(sign) else { continue };
            let field = self.field(ledger, left.trim(), key, "a field", any)?;
            let kind = ledger.fields[field].kind;
            let right = right.trim();
            if right.starts_with(['=', '<', '>', '!']) {
                self.problem(format!("{key} \"{text}\": \"{right}\" is no value"), Some("equal is one sign: FIELD = VALUE".into()));
                return None;
            }
            let operand = match ledger.field(right) {
                Some(other) => {
                    if std::mem::discriminant(&ledger.fields[other].kind) != std::mem::discriminant(&kind) {
                        self.problem(format!("{key} \"{text}\" compares fields of different types"), None);
                    }
                    Operand::Field(other)
                }
                None => Operand::Value(match literal(kind, right) {
                    Some(cell) => cell,
                    None => {
                        self.problem(format!("{key} \"{text}\": \"{right}\" is no value for field \"{}\"", ledger.fields[field].id), None);
                        return None;
                    }
                }),
            };
            let values = &ledger.fields[field].values;
            if let Operand::Value(Cell::Text(word)) = &operand
                && !values.is_empty()
                && !values.iter().any(|value| value == word)
            {
                self.problem(
                    format!("{key} \"{text}\": \"{word}\" is none of the values of \"{}\"", ledger.fields[field].id),
                    suggest(word, values.iter().map(String::as_str)),
                );
            }
            return Some(Condition::Compare { field, comparison, operand });
        }
        if let Some((name, days)) = text.split_once(" within ") {
            let field = self.field(ledger, name.trim(), key, "a date", |kind| matches!(kind, FieldKind::Date { .. }))?;
            return match days.trim().strip_suffix('d').map(str::trim).and_then(|days| days.parse().ok()) {
                Some(days) => Some(Condition::Within { field, days }),
                None => {
                    self.problem(format!("{key} \"{text}\": write it as FIELD within 30 d"), None);
                    None
                }
            };
        }
        Some(Condition::Filled(self.field(ledger, text, key, "a field", any)?))
    }
}

fn literal(kind: FieldKind, text: &str) -> Option<Cell> {
    Some(match kind {
        FieldKind::Text if !text.is_empty() => Cell::Text(text.into()),
        FieldKind::Date { .. } => Cell::Date(text.parse().ok()?),
        FieldKind::Money => {
            let (unit, power) = MONEY_UNITS.into_iter().chain([("亿", 10), ("万", 6)]).find(|(unit, _)| text.ends_with(unit))?;
            Cell::Money(Decimal::parse(text.strip_suffix(unit)?.trim())?.scaled(power)?)
        }
        FieldKind::Decimal | FieldKind::Int => Cell::Decimal(Decimal::parse(text)?),
        FieldKind::Bool => Cell::Bool(text == "是"),
        FieldKind::Text => return None,
    })
}

/// The column sets a rule needs: it is off for a row whose source has none of the columns of one set.
fn needs(ledger: &Ledger, scope: &[Condition], kind: &RuleKind) -> Vec<Columns> {
    let mut needs: Vec<Columns> = scope.iter().map(|condition| condition.fields(ledger)).collect();
    let one = |field: usize| [field].into_iter().collect::<Columns>();
    match kind {
        RuleKind::Deadline { from, agreed, until, .. } => {
            needs.push(from.iter().chain(agreed).copied().collect());
            needs.extend(until.map(one));
        }
        RuleKind::Lag { from, to, actual, planned } => {
            needs.push(one(*from));
            needs.push([*to].into_iter().chain(*planned).collect());
            needs.push(one(*actual));
        }
        RuleKind::Missing { must } => needs.extend(must.iter().map(|condition| condition.fields(ledger))),
        RuleKind::Periodic { .. } => {}
    }
    needs
}
