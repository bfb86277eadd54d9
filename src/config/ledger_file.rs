//! `config/ledgers/NAME.toml` → [`Ledger`].

use crate::config::file_set::{FileSet, files_in, parse_toml};
use crate::config::life_file::{IssuerFile, LifeFile, life};
use crate::domain::bounds::some_between;
use crate::domain::life::declaration::Life;
use crate::domain::problem::{Problems, ProblemsAt, suggest};
use crate::domain::register::ledger::{Field, FieldKind, Ledger, MONEY_UNITS, OwnerSpec, Privacy, Purpose, Role, Roles};
use crate::domain::register::record::{Columns, FIELDS_MAX};
use crate::domain::register::required_roles::{LeftOut, required_roles};
use crate::domain::secrecy::Secrecy;
use crate::domain::secrecy_words::SecrecyWords;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LedgerFile {
    purpose: Option<String>,
    title: String,
    counted: String,
    money_unit: String,
    #[serde(default)]
    confined: bool,
    #[serde(default)]
    form: Vec<String>,
    #[serde(default, deserialize_with = "some_between::<1, 3650, _, _>")]
    max_age_days: Option<u32>,
    #[serde(default)]
    without: Without,
    owner: OwnerFile,
    field: Vec<FieldFile>,
    life: Option<LifeFile>,
    #[serde(default)]
    issuer: BTreeMap<String, IssuerFile>,
}

/// A ledger with the life of its records, if it declares one.
pub(crate) type DeclaredLedger = (Ledger, Option<Arc<Life>>);

/// The required roles that are left out: by name, or each with the reason.
#[derive(Deserialize)]
#[serde(untagged, expecting = "without: expected a list of roles, or a table with the reason for each role")]
enum Without {
    Roles(Vec<String>),
    Reasons(BTreeMap<String, String>),
}

impl Default for Without {
    fn default() -> Without {
        Without::Roles(Vec::new())
    }
}

/// The fields that name the owner unit, in one of the combinations of [`OwnerSpec`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnerFile {
    place: Option<String>,
    within: Option<String>,
    unit: Option<String>,
    department: Option<String>,
    level: Option<String>,
    project: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldFile {
    id: String,
    title: String,
    r#type: String,
    #[serde(default)]
    planned: bool,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    editable: bool,
    role: Option<String>,
    privacy: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    values: Vec<String>,
    /// Other words for a value.
    #[serde(default)]
    words: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    own: bool,
    #[serde(default)]
    latest: bool,
}

const TYPES: [(&str, FieldKind); 6] = [
    ("text", FieldKind::Text),
    ("date", FieldKind::Date { planned: false }),
    ("money", FieldKind::Money),
    ("decimal", FieldKind::Decimal),
    ("int", FieldKind::Int),
    ("bool", FieldKind::Bool),
];

const PRIVACY: [(&str, Privacy); 3] = [("none", Privacy::None), ("personal", Privacy::Personal), ("commercial", Privacy::Commercial)];

/// The ledgers without problems, the project ledger first: other ledgers refer to it.
pub(crate) fn parse(files: &FileSet, words: &Arc<SecrecyWords>, problems: &mut Problems) -> Vec<DeclaredLedger> {
    let before = problems.0.len();
    let secrecy = Arc::new(Secrecy::new(Arc::clone(words)));
    let mut ledgers: Vec<(&str, DeclaredLedger)> = Vec::new();
    for (stem, path) in files_in(files, "config/ledgers", ".toml") {
        let Some(file) = parse_toml(files, path, problems) else { continue };
        if let Some(ledger) = ledger(stem, file, &secrecy, &mut problems.at(path, "")) {
            ledgers.push((path, ledger));
        }
    }
    for purpose in Purpose::UNIQUE {
        let mut found = ledgers.iter().filter(|(_, (ledger, _))| ledger.purpose == purpose);
        let Some((first, _)) = found.next() else {
            // a ledger with a problem of its own may be the one
            if problems.0.len() == before {
                let hint = format!("set `purpose = \"{}\"` in the file of that ledger; a fresh checkout ships it", purpose.name());
                problems.push("config/ledgers", format!("no ledger has purpose \"{}\"", purpose.name()), Some(hint));
            }
            continue;
        };
        for (path, _) in found {
            let hint = "one ledger has it; a ledger that only rules and sheets name has `purpose = \"other\"`";
            problems.push(path, format!("purpose: {first} already has \"{}\"", purpose.name()), Some(hint.into()));
        }
    }
    let mut ledgers: Vec<DeclaredLedger> = ledgers.into_iter().map(|(_, ledger)| ledger).collect();
    ledgers.sort_by(|(a, _), (b, _)| (!a.is_of_projects(), &a.id).cmp(&(!b.is_of_projects(), &b.id)));
    ledgers
}

fn ledger(stem: &str, file: LedgerFile, secrecy: &Arc<Secrecy>, at: &mut ProblemsAt<'_>) -> Option<DeclaredLedger> {
    let before = at.count();
    let purpose = purpose(file.purpose.as_deref(), at);
    let mut fields: Vec<Field> = Vec::new();
    for raw in file.field {
        let mut at = at.at(format!("field \"{}\"", raw.id));
        fields.push(field(raw, &fields, &mut at)?);
    }
    if fields.len() > FIELDS_MAX {
        at.report(format!("{} fields; at most {FIELDS_MAX} are supported", fields.len()), None);
    }
    let without = without(file.without, at);
    if let Some(purpose) = purpose {
        check_roles(purpose, &fields, &without, at);
    }
    if !without.iter().any(|(role, _)| *role == Role::Restricted) {
        check_secrecy(&fields, secrecy, at);
    }
    let owner = owner(&file.owner, &fields, at)?;
    let append_only = file.form.iter().filter_map(|id| index_of(id, &fields, &mut at.at("form"))).collect();
    let money_power = at.at("money_unit").named(&MONEY_UNITS, &file.money_unit, "unit")?;
    if at.count() > before {
        return None;
    }
    let ledger = Ledger {
        id: stem.to_owned(),
        purpose: purpose?,
        title: file.title,
        counted: file.counted,
        roles: Roles::of(&fields),
        fields,
        owner,
        money_power,
        negotiation_only: file.confined,
        append_only,
        max_age_days: file.max_age_days,
        without,
        judged: Columns::default(),
        decided_headers: Vec::new(),
        secrecy: Arc::clone(secrecy),
    };
    let life = file.life.as_ref().and_then(|raw| life(raw, &file.issuer, &ledger, at));
    if file.life.is_none() && !file.issuer.is_empty() {
        at.report("issuer: the ledger has no [life]", Some("remove it".into()));
    }
    (at.count() == before).then(|| (ledger, life.map(Arc::new)))
}

/// Reports a secrecy field that holds no words, and other fields whose headers are those of secrecy.
fn check_secrecy(fields: &[Field], secrecy: &Secrecy, at: &mut ProblemsAt<'_>) {
    for field in fields {
        let mut at = at.at(format!("field \"{}\"", field.id));
        if field.role == Some(Role::Restricted) {
            if !matches!(field.kind, FieldKind::Text | FieldKind::Bool) {
                at.report("a field with role \"restricted\" is text or bool", None);
            }
            continue;
        }
        for header in std::iter::once(&field.title).chain(&field.aliases).filter(|header| secrecy.polarity(header).is_some()) {
            let hint = "give the field `role = \"restricted\"`, or take the header out of config/secrecy.toml";
            at.report(format!("\"{header}\" is a header of secrecy"), Some(hint.into()));
        }
    }
}

fn purpose(word: Option<&str>, at: &mut ProblemsAt<'_>) -> Option<Purpose> {
    let Some(word) = word else {
        let known: Vec<&str> = Purpose::NAMES.iter().map(|(name, _)| *name).collect();
        at.report("purpose is missing", Some(format!("what the ledger is for, one of: {}", known.join(", "))));
        return None;
    };
    at.named(&Purpose::NAMES, word, "purpose")
}

/// The roles that the office leaves out, with its reason.
fn without(raw: Without, at: &mut ProblemsAt<'_>) -> Vec<(Role, String)> {
    let named: Vec<(String, String)> = match raw {
        Without::Roles(roles) => roles.into_iter().map(|role| (role, String::new())).collect(),
        Without::Reasons(reasons) => reasons.into_iter().map(|(role, reason)| (role, reason.trim().to_owned())).collect(),
    };
    let mut at = at.at("without");
    named.into_iter().filter_map(|(word, reason)| Some((at.named(&Role::NAMES, &word, "role")?, reason))).collect()
}

/// Reports required roles that no field fills, unless they are left out as their purpose allows, and roles that are left out in vain.
fn check_roles(purpose: Purpose, fields: &[Field], without: &[(Role, String)], at: &mut ProblemsAt<'_>) {
    let is_filled = |role: Role| fields.iter().any(|field| field.role == Some(role));
    for (role, left_out) in required_roles(purpose).filter(|(role, _)| !is_filled(*role)) {
        let name = role.name();
        let stated = without.iter().find(|(other, _)| *other == role);
        let hint = format!("add `role = \"{name}\"` to the field that holds it");
        let hint = match (left_out, stated) {
            (LeftOut::Never, _) => hint,
            (LeftOut::Stated, Some(_)) => continue,
            (LeftOut::Stated, None) => format!("{hint}; a ledger that has none says so: `without = [\"{name}\"]`"),
            (LeftOut::WithReason, Some((_, reason))) if !reason.is_empty() => continue,
            (LeftOut::WithReason, _) => format!("{hint}; a ledger that needs none gives the reason: `[without]`, `{name} = \"…\"`"),
        };
        at.report(format!("no field has role \"{name}\", which purpose \"{}\" requires", purpose.name()), Some(hint));
    }
    for (role, _) in without {
        let name = role.name();
        if is_filled(*role) {
            at.report(format!("without: a field has role \"{name}\""), Some("remove one of the two".into()));
        } else if !required_roles(purpose).any(|(other, _)| other == *role) {
            at.report(format!("without: purpose \"{}\" does not require role \"{name}\"", purpose.name()), Some("remove it".into()));
        }
    }
}

/// One field, checked against those before it. `None` where its type is unknown.
fn field(raw: FieldFile, before: &[Field], at: &mut ProblemsAt<'_>) -> Option<Field> {
    if before.iter().any(|field| field.id == raw.id) {
        at.report_place("appears twice", None);
    }
    let kind = match at.named(&TYPES, &raw.r#type, "type")? {
        FieldKind::Date { .. } => FieldKind::Date { planned: raw.planned },
        kind => {
            if raw.planned {
                at.report("planned is for dates only", Some("remove `planned`".into()));
            }
            kind
        }
    };
    let role = raw.role.as_ref().and_then(|word| at.named(&Role::NAMES, word, "role"));
    if let Some(role) = role
        && before.iter().any(|field| field.role == Some(role))
    {
        at.report(format!("role \"{}\" is already taken", role.name()), None);
    }
    for value in raw.words.keys().filter(|value| !raw.values.contains(value)) {
        at.report(format!("words: \"{value}\" is none of the values"), suggest(value, raw.values.iter().map(String::as_str)));
    }
    if raw.own && (!raw.aliases.is_empty() || raw.required || raw.editable) {
        at.report("own: events alone set the field", Some("remove aliases, required and editable".into()));
    }
    if raw.latest && !matches!(kind, FieldKind::Date { .. }) {
        at.report("latest is for dates only", Some("remove `latest`".into()));
    }
    let privacy = raw.privacy.as_ref().and_then(|word| at.named(&PRIVACY, word, "privacy")).unwrap_or_default();
    Some(Field {
        id: raw.id,
        title: raw.title,
        kind,
        aliases: raw.aliases,
        required: raw.required,
        editable: raw.editable,
        privacy,
        role,
        values: raw.values,
        words: raw.words.into_iter().collect(),
        own: raw.own,
        latest: raw.latest,
    })
}

fn owner(raw: &OwnerFile, fields: &[Field], at: &mut ProblemsAt<'_>) -> Option<OwnerSpec> {
    let mut index = |id: &str| index_of(id, fields, &mut at.at("owner"));
    Some(match raw {
        OwnerFile { place: Some(place), within, unit: None, department: None, level: None, project: None } => {
            OwnerSpec::Place { place: index(place)?, within: within.as_deref().and_then(index) }
        }
        OwnerFile { unit: Some(unit), place: None, within: None, department: None, level: None, project: None } => {
            OwnerSpec::Unit { unit: index(unit)? }
        }
        OwnerFile { department: Some(department), level: Some(level), project: Some(project), place: None, within: None, unit: None } => {
            OwnerSpec::Department { department: index(department)?, level: index(level)?, project: index(project)? }
        }
        _ => {
            at.report("owner must be place (with within), unit, or department with level and project", None);
            return None;
        }
    })
}

/// Index of the field with this id.
fn index_of(id: &str, fields: &[Field], at: &mut ProblemsAt<'_>) -> Option<usize> {
    let found = fields.iter().position(|field| field.id == id);
    if found.is_none() {
        at.report(format!("field \"{id}\" is unknown"), suggest(id, fields.iter().map(|field| field.id.as_str())));
    }
    found
}
