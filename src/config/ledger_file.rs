//! `config/ledgers/NAME.toml` → [`Ledger`].

use crate::config::load::{FileSet, Problems, files_in, named, parse_toml, suggest};
use crate::domain::register::ledger::{Field, FieldKind, Ledger, OwnerSpec, PROJECT, Privacy, Role};
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

const KINDS: [(&str, FieldKind); 6] = [
    ("text", FieldKind::Text),
    ("date", FieldKind::Date { planned: false }),
    ("money", FieldKind::Money),
    ("decimal", FieldKind::Decimal),
    ("int", FieldKind::Int),
    ("bool", FieldKind::Bool),
];

/// Money units with the power of ten to 分.
pub const MONEY_UNITS: [(&str, i32); 5] = [("亿元", 10), ("千万元", 9), ("百万元", 8), ("万元", 6), ("元", 2)];

/// Roles the code cannot do without, by ledger; every ledger needs `code` and `name`.
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

pub fn parse(files: &FileSet, problems: &mut Problems) -> Vec<Ledger> {
    // the project ledger first: other ledgers point to it
    let mut found: Vec<(&str, &str)> = files_in(files, "config/ledgers", ".toml").collect();
    found.sort_by_key(|(stem, _)| (*stem != PROJECT, *stem));
    found.into_iter().filter_map(|(stem, path)| ledger(files, stem, path, problems)).collect()
}

fn ledger(files: &FileSet, stem: &str, path: &str, problems: &mut Problems) -> Option<Ledger> {
    let file: LedgerFile = parse_toml(files, path, problems)?;
    let before = problems.0.len();
    let mut fields: Vec<Field> = Vec::new();
    for raw in file.field {
        let place = format!("field \"{}\"", raw.id);
        if fields.iter().any(|field| field.id == raw.id) {
            problems.push(path, format!("{place} appears twice"), None);
        }
        let kind = match named(&KINDS, &raw.r#type, path, &place, "type", problems)? {
            FieldKind::Date { .. } => FieldKind::Date { planned: raw.planned },
            kind => {
                if raw.planned {
                    problems.push(path, format!("{place}: planned is for dates only"), Some("remove `planned`".into()));
                }
                kind
            }
        };
        let role = match &raw.role {
            None => None,
            Some(word) => named(&Role::NAMES, word, path, &place, "role", problems),
        };
        if let Some(role) = role
            && fields.iter().any(|field| field.role == Some(role))
        {
            problems.push(path, format!("{place}: role \"{}\" is already taken", role.name()), None);
        }
        let privacy = match raw.privacy.as_deref() {
            None => Privacy::None,
            Some(word) => named(
                &[("none", Privacy::None), ("personal", Privacy::Personal), ("commercial", Privacy::Commercial)],
                word,
                path,
                &place,
                "privacy",
                problems,
            )
            .unwrap_or_default(),
        };
        fields.push(Field {
            id: raw.id,
            title: raw.title,
            kind,
            aliases: raw.aliases,
            required: raw.required,
            editable: raw.editable,
            privacy,
            role,
            values: raw.values,
        });
    }
    if fields.len() > FIELDS_MAX {
        problems.push(path, format!("{} fields; at most {FIELDS_MAX} are supported", fields.len()), None);
    }
    let needed: &[Role] = if stem == PROJECT { &PROJECT_ROLES } else { &[] };
    for role in [Role::Code, Role::Name].iter().chain(needed) {
        if !fields.iter().any(|field| field.role == Some(*role)) {
            problems.push(
                path,
                format!("no field has role \"{}\"", role.name()),
                Some(format!("add `role = \"{}\"` to the field that holds it", role.name())),
            );
        }
    }
    let mut index = |id: &str| {
        let found = fields.iter().position(|field| field.id == id);
        if found.is_none() {
            problems.push(path, format!("owner: field \"{id}\" is unknown"), suggest(id, fields.iter().map(|field| field.id.as_str())));
        }
        found
    };
    let owner = match &file.owner {
        OwnerFile { place: Some(place), within, unit: None, department: None, level: None, project: None } => {
            OwnerSpec::Place { place: index(place)?, within: within.as_deref().and_then(&mut index) }
        }
        OwnerFile { unit: Some(unit), place: None, within: None, department: None, level: None, project: None } => {
            OwnerSpec::Unit { unit: index(unit)? }
        }
        OwnerFile { department: Some(department), level: Some(level), project: Some(project), place: None, within: None, unit: None } => {
            OwnerSpec::Department { department: index(department)?, level: index(level)?, project: index(project)? }
        }
        _ => {
            problems.push(path, "owner must be place (with within), unit, or department with level and project", None);
            return None;
        }
    };
    let mut form = Vec::new();
    for id in &file.form {
        match fields.iter().position(|field| field.id == *id) {
            Some(field) => form.push(field),
            None => {
                problems.push(path, format!("form: field \"{id}\" is unknown"), suggest(id, fields.iter().map(|field| field.id.as_str())));
            }
        }
    }
    let power = named(&MONEY_UNITS, &file.money_unit, path, "money_unit", "unit", problems)?;
    if problems.0.len() > before {
        return None;
    }
    let mut ledger = Ledger::new(stem.to_owned(), file.title, file.counted, fields, owner, power, file.confined);
    ledger.form = form;
    Some(ledger)
}
