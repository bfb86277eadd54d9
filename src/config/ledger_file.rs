//! `config/ledgers/NAME.toml` → [`Ledger`].

use crate::config::file_set::{FileSet, files_in, parse_toml};
use crate::domain::problem::{Problems, ProblemsAt, suggest};
use crate::domain::register::ledger::{Field, FieldKind, Ledger, MONEY_UNITS, OwnerSpec, PROJECT, Privacy, Role};
use crate::domain::register::record::FIELDS_MAX;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LedgerFile {
    title: String,
    counted: String,
    money_unit: String,
    #[serde(default)]
    confined: bool,
    #[serde(default)]
    form: Vec<String>,
    owner: OwnerFile,
    field: Vec<FieldFile>,
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

/// Roles the code cannot do without in every ledger.
const ROLES: [Role; 2] = [Role::Code, Role::Name];

/// Roles the code cannot do without in the project ledger.
const PROJECT_ROLES: [Role; 10] = [
    Role::Place,
    Role::Industry,
    Role::Event,
    Role::Amount,
    Role::Agreement,
    Role::Stage,
    Role::Terminated,
    Role::Signed,
    Role::Started,
    Role::Produced,
];

/// The ledgers without problems, the project ledger first: other ledgers refer to it.
pub(crate) fn parse(files: &FileSet, problems: &mut Problems) -> Vec<Ledger> {
    let mut found: Vec<(&str, &str)> = files_in(files, "config/ledgers", ".toml").collect();
    found.sort_by_key(|(stem, _)| (*stem != PROJECT, *stem));
    found.into_iter().filter_map(|(stem, path)| ledger(stem, parse_toml(files, path, problems)?, &mut problems.at(path, ""))).collect()
}

fn ledger(stem: &str, file: LedgerFile, at: &mut ProblemsAt<'_>) -> Option<Ledger> {
    let before = at.count();
    let mut fields: Vec<Field> = Vec::new();
    for raw in file.field {
        let mut at = at.at(format!("field \"{}\"", raw.id));
        fields.push(field(raw, &fields, &mut at)?);
    }
    if fields.len() > FIELDS_MAX {
        at.report(format!("{} fields; at most {FIELDS_MAX} are supported", fields.len()), None);
    }
    let needed: &[Role] = if stem == PROJECT { &PROJECT_ROLES } else { &[] };
    for role in ROLES.iter().chain(needed).filter(|role| !fields.iter().any(|field| field.role == Some(**role))) {
        let hint = format!("add `role = \"{}\"` to the field that holds it", role.name());
        at.report(format!("no field has role \"{}\"", role.name()), Some(hint));
    }
    let owner = owner(&file.owner, &fields, at)?;
    let form = file.form.iter().filter_map(|id| index_of(id, &fields, &mut at.at("form"))).collect();
    let power = at.at("money_unit").named(&MONEY_UNITS, &file.money_unit, "unit")?;
    if at.count() > before {
        return None;
    }
    let mut ledger = Ledger::new(stem.to_owned(), file.title, file.counted, fields, owner, power, file.confined);
    ledger.append_only = form;
    Some(ledger)
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
