//! `report-templates/NAME.toml` → [`Template`]. Every field, rule and column is looked up here, so a workbook never meets an unknown one.

use crate::config::load::{FileSet, Problems, coded, files_in, named, parse_toml, suggest};
use crate::domain::judging::finding::State;
use crate::domain::judging::indicators::{Rate, Window};
use crate::domain::judging::roster::Selection;
use crate::domain::register::ledger::{Ledger, Role};
use crate::domain::register::units::Level;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Light;
use crate::workbook::model::Paper;
use crate::workbook::sheets::leader_page::declaration::{Figures, LeaderPage};
use crate::workbook::sheets::list::columns::{BuiltIn, ColumnKey, ListColumn};
use crate::workbook::sheets::list::declaration::{Group, List};
use crate::workbook::sheets::matrix::declaration::{Axis, MatrixColumn, MatrixRows};
use crate::workbook::sheets::records::declaration::{Order, Reach, RecordList};
use crate::workbook::template::{SheetKind, SheetTemplate, Template};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateFile {
    title: String,
    file: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    keywords: String,
    sheet: Vec<SheetFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SheetFile {
    form: String,
    name: String,
    title: Option<String>,
    #[serde(default)]
    mark: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    sign: String,
    #[serde(default = "landscape")]
    orientation: String,
    #[serde(default = "a4")]
    paper: String,
    #[serde(default)]
    pages_high: u16,
    #[serde(default)]
    optional: bool,
    paragraphs: Option<Vec<String>>,
    objection: Option<String>,
    chart: Option<bool>,
    by: Option<String>,
    window: Option<String>,
    titles: Option<Vec<String>>,
    apart: Option<Vec<String>>,
    rules: Option<Vec<String>>,
    states: Option<Vec<String>>,
    group: Option<String>,
    fold: Option<bool>,
    blank: Option<bool>,
    columns: Option<Vec<String>>,
    figures: Option<Vec<FiguresFile>>,
    decide: Option<Vec<String>>,
    most: Option<usize>,
    ledger: Option<String>,
    r#where: Option<Vec<String>>,
    major: Option<String>,
    lights: Option<Vec<String>>,
    reach: Option<String>,
    order: Option<Vec<String>>,
    bulletin: Option<crate::config::bulletin_file::BulletinFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FiguresFile {
    title: String,
    rules: Vec<String>,
    lights: Vec<String>,
}

fn landscape() -> String {
    "landscape".into()
}

fn a4() -> String {
    "A4".into()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FormName {
    Cover,
    Rules,
    Summary,
    Matrix,
    List,
    Notices,
    Quality,
    Page,
    Bulletin,
    Answers,
    Silent,
    Feedback,
    Records,
    Reporting,
    Gone,
}

const FORMS: [(&str, FormName); 15] = [
    ("cover", FormName::Cover),
    ("rules", FormName::Rules),
    ("summary", FormName::Summary),
    ("matrix", FormName::Matrix),
    ("list", FormName::List),
    ("notices", FormName::Notices),
    ("quality", FormName::Quality),
    ("page", FormName::Page),
    ("bulletin", FormName::Bulletin),
    ("answers", FormName::Answers),
    ("silent", FormName::Silent),
    ("feedback", FormName::Feedback),
    ("records", FormName::Records),
    ("reporting", FormName::Reporting),
    ("gone", FormName::Gone),
];

/// A column entry that stands for the editable fields of the list's ledgers, to be filled in.
const EDITABLE: &str = "editable";

/// What texts of a sheet may have filled in.
pub(crate) const WORDS: [&str; 8] = ["as_of", "data_as_of", "unit", "office", "title", "contact", "made_on", "reply_by"];

/// The limit of a tab name in a workbook.
const SHEET_NAME_MAX: usize = 31;

/// Named scopes of `config/rules.toml`.
type Scopes = BTreeMap<String, Vec<String>>;

pub fn parse(files: &FileSet, policy: &Policy, problems: &mut Problems) -> BTreeMap<String, Template> {
    let scopes = crate::config::rule_file::scopes(files);
    files_in(files, "report-templates", ".toml")
        .filter_map(|(stem, path)| Some((stem.to_owned(), template(files, stem, path, &scopes, policy, problems)?)))
        .collect()
}

fn template(files: &FileSet, stem: &str, path: &str, scopes: &Scopes, policy: &Policy, problems: &mut Problems) -> Option<Template> {
    let file: TemplateFile = parse_toml(files, path, problems)?;
    let before = problems.0.len();
    if !file.file.ends_with(".xlsx") {
        problems.push(path, format!("file \"{}\" does not end in .xlsx", file.file), None);
    }
    for word in placeholders(&file.file).into_iter().chain(placeholders(&file.title)) {
        if !["title", "as_of", "unit", "office"].contains(&word) {
            problems.push(path, format!("{{{word}}} is unknown"), suggest(word, ["title", "as_of", "unit", "office"].into_iter()));
        }
    }
    if file.sheet.is_empty() {
        problems.push(path, "has no [[sheet]]", None);
    }
    let mut names: Vec<&str> = Vec::new();
    for sheet in &file.sheet {
        let place = format!("sheet \"{}\"", sheet.name);
        if names.contains(&sheet.name.as_str()) {
            problems.push(path, format!("{place} appears twice"), None);
        }
        if sheet.name.is_empty()
            || sheet.name.chars().count() > SHEET_NAME_MAX
            || sheet.name.contains(['[', ']', ':', '*', '?', '/', '\\'])
            || sheet.name.starts_with('\'')
        {
            problems.push(path, format!("{place}: a tab name has 1 to {SHEET_NAME_MAX} characters and none of [ ] : * ? / \\"), None);
        }
        names.push(&sheet.name);
        // a paper has words of its own, which are looked up with it
        let paragraphs = sheet.paragraphs.iter().flatten().chain(&sheet.objection);
        let texts = sheet.title.iter().filter(|_| sheet.bulletin.is_none()).chain([&sheet.note, &sheet.sign]).chain(paragraphs);
        for word in texts.flat_map(|text| placeholders(text)).filter(|word| !WORDS.contains(word)) {
            problems.push(path, format!("{place}: {{{word}}} is unknown"), suggest(word, WORDS.into_iter()));
        }
    }
    let sheets: Vec<SheetTemplate> = file.sheet.iter().filter_map(|raw| sheet(path, raw, scopes, policy, problems)).collect();
    if problems.0.len() == before {
        covers_every_rule(path, policy, &sheets, problems);
    }
    (problems.0.len() == before).then(|| Template {
        name: stem.to_owned(),
        title: file.title,
        subject: file.subject,
        keywords: file.keywords,
        file: file.file,
        sheets,
    })
}

fn sheet(path: &str, raw: &SheetFile, scopes: &Scopes, policy: &Policy, problems: &mut Problems) -> Option<SheetTemplate> {
    let place = format!("sheet \"{}\"", raw.name);
    let form_name = named(&FORMS, &raw.form, path, &place, "form", problems)?;
    let landscape = named(&[("landscape", true), ("portrait", false)], &raw.orientation, path, &place, "orientation", problems)?;
    let paper = named(&[("A4", Paper::A4), ("A3", Paper::A3)], &raw.paper, path, &place, "paper", problems)?;
    for (key, given, forms) in [
        ("paragraphs", raw.paragraphs.is_some(), &[FormName::Cover][..]),
        ("objection", raw.objection.is_some(), &[FormName::Cover]),
        ("chart", raw.chart.is_some(), &[FormName::Summary]),
        ("by", raw.by.is_some(), &[FormName::Matrix]),
        ("window", raw.window.is_some(), &[FormName::Matrix]),
        ("titles", raw.titles.is_some(), &[FormName::Matrix]),
        ("apart", raw.apart.is_some(), &[FormName::Matrix]),
        ("rules", raw.rules.is_some(), &[FormName::List, FormName::Notices, FormName::Records, FormName::Reporting]),
        ("states", raw.states.is_some(), &[FormName::List]),
        ("group", raw.group.is_some(), &[FormName::List, FormName::Records]),
        ("fold", raw.fold.is_some(), &[FormName::List]),
        ("blank", raw.blank.is_some(), &[FormName::List]),
        ("figures", raw.figures.is_some(), &[FormName::Page]),
        ("decide", raw.decide.is_some(), &[FormName::Page]),
        ("most", raw.most.is_some(), &[FormName::Page]),
        ("bulletin", raw.bulletin.is_some(), &[FormName::Bulletin]),
        ("columns", raw.columns.is_some(), &[FormName::Matrix, FormName::List, FormName::Notices, FormName::Records]),
        ("ledger", raw.ledger.is_some(), &[FormName::Records]),
        ("where", raw.r#where.is_some(), &[FormName::Records]),
        ("major", raw.major.is_some(), &[FormName::Records]),
        ("lights", raw.lights.is_some(), &[FormName::Records]),
        ("reach", raw.reach.is_some(), &[FormName::Records]),
        ("order", raw.order.is_some(), &[FormName::Records]),
    ] {
        if given && !forms.contains(&form_name) {
            problems.push(path, format!("{place}: `{key}` does not belong to form \"{}\"", raw.form), Some(format!("remove `{key}`")));
        }
    }
    let columns = raw.columns.as_deref().unwrap_or_default();
    if columns.is_empty() && matches!(form_name, FormName::Matrix | FormName::List | FormName::Notices | FormName::Records) {
        problems.push(path, format!("{place}: `columns` is missing or empty"), None);
        return None;
    }
    let form = match form_name {
        FormName::Cover => SheetKind::Cover {
            paragraphs: raw.paragraphs.clone().unwrap_or_default(),
            objection: raw.objection.clone().unwrap_or_default(),
        },
        FormName::Rules => SheetKind::Rules,
        FormName::Summary => SheetKind::Summary { chart: raw.chart.unwrap_or(true) },
        FormName::Matrix => matrix(path, &place, raw, columns, policy, problems)?,
        FormName::List => SheetKind::List(list(path, &place, raw, columns, policy, problems)?),
        FormName::Notices => {
            let named = raw.rules.as_deref().map(|rules| rules_named(path, &place, rules, policy, problems));
            let rules: Vec<usize> = (0..policy.rules.len()).filter(|rule| policy.rules[*rule].notice_days > 0).collect();
            SheetKind::Notices {
                rules: named,
                columns: list_columns(path, &place, columns, &ledgers_of(policy, &rules), BuiltIn::is_of_finding, policy, problems),
            }
        }
        FormName::Quality => SheetKind::Quality,
        FormName::Page => SheetKind::LeaderPage(one_page(path, &place, raw, policy, problems)?),
        FormName::Bulletin => match &raw.bulletin {
            Some(bulletin) => {
                let title = raw.title.as_deref().unwrap_or(&raw.name);
                SheetKind::Bulletin(Box::new(crate::config::bulletin_file::parse(path, &place, title, bulletin, policy, problems)?))
            }
            None => {
                problems.push(path, format!("{place}: [sheet.bulletin] is missing"), Some("see work-order-bulletin.toml".into()));
                return None;
            }
        },
        FormName::Answers => SheetKind::Answers,
        FormName::Silent => SheetKind::Silent,
        FormName::Feedback => SheetKind::Feedback,
        FormName::Records => SheetKind::Records(records(path, &place, raw, columns, scopes, policy, problems)?),
        FormName::Gone => SheetKind::Gone,
        FormName::Reporting => {
            SheetKind::Reporting { rules: rules_named(path, &place, raw.rules.as_deref().unwrap_or_default(), policy, problems) }
        }
    };
    Some(SheetTemplate {
        name: raw.name.clone(),
        title: raw.title.clone().unwrap_or_else(|| raw.name.clone()),
        mark: raw.mark.clone(),
        note: raw.note.clone(),
        sign: raw.sign.clone(),
        landscape,
        paper,
        pages_high: raw.pages_high,
        optional: raw.optional,
        kind: form,
    })
}

fn matrix(path: &str, place: &str, raw: &SheetFile, columns: &[String], policy: &Policy, problems: &mut Problems) -> Option<SheetKind> {
    let axis = named(&Axis::NAMES, raw.by.as_deref().unwrap_or_default(), path, place, "by", problems)?;
    let window = named(&Window::NAMES, raw.window.as_deref().unwrap_or("all"), path, place, "window", problems)?;
    let names = MatrixColumn::names();
    let mut found = Vec::new();
    for word in columns {
        let Some(column) = named(&names, word, path, place, "column", problems) else { continue };
        if axis == Axis::Industry && column.needs_region() {
            problems.push(
                path,
                format!("{place}: column \"{word}\" is for by = \"region\""),
                Some("work orders and what was found before are known by unit, not by industry".into()),
            );
        }
        use MatrixColumn as M;
        let needs = match column {
            M::Rate(rate) | M::LiveRate(rate) | M::Rank(rate) | M::RateChange(rate) => match rate {
                Rate::OnTime => Some(Role::PlannedStart),
                Rate::Funds => Some(Role::Funds),
                Rate::Performed => Some(Role::Performed),
                Rate::Started | Rate::Produced => None,
            },
            M::Funds => Some(Role::Funds),
            M::Performed => Some(Role::Performed),
            _ => None,
        };
        let project = policy.project_ledger().map(|index| &policy.ledgers[index]);
        if let Some(role) = needs
            && project.is_none_or(|ledger| ledger.role(role).is_none())
        {
            problems.push(path, format!("{place}: column \"{word}\" needs a project field with role \"{}\"", role.name()), None);
        }
        found.push(column);
    }
    let rows = matrix_rows(path, place, raw, axis, policy, problems);
    Some(SheetKind::Matrix { axis, window, columns: found, rows })
}

/// `titles = ["贵阳市 贵阳贵安"]`, `apart = ["贵安新区"]`.
fn matrix_rows(path: &str, place: &str, raw: &SheetFile, axis: Axis, policy: &Policy, problems: &mut Problems) -> MatrixRows {
    let units = &policy.units;
    let mut rows = MatrixRows::default();
    let mut find = |key: &str, name: &str, fits: fn(Level) -> bool, what: &str| {
        let found = units.find(name).filter(|unit| fits(units.units[*unit].level));
        if found.is_none() {
            let known: Vec<&str> = units.units.iter().filter(|unit| fits(unit.level)).map(|unit| unit.name.as_str()).collect();
            problems.push(path, format!("{place}: {key} \"{name}\" is no {what}"), suggest(name, known.into_iter()));
        }
        found
    };
    for entry in raw.titles.iter().flatten() {
        let (name, title) = entry.split_once(' ').unwrap_or((entry, entry));
        rows.titles.extend(find("titles", name, |level| level == Level::City, "市（州）").map(|unit| (unit, title.trim().to_owned())));
    }
    for name in raw.apart.iter().flatten() {
        rows.apart.extend(find("apart", name, |level| level == Level::Platform, "platform"));
    }
    if axis != Axis::Region && rows != MatrixRows::default() {
        problems.push(path, format!("{place}: titles and apart are for by = \"region\""), None);
    }
    rows
}

/// The figures and lists of the leader's page.
fn one_page(path: &str, place: &str, raw: &SheetFile, policy: &Policy, problems: &mut Problems) -> Option<LeaderPage> {
    const FIGURES_MAX: usize = 5;
    let given = raw.figures.as_deref().unwrap_or_default();
    if given.is_empty() || given.len() > FIGURES_MAX {
        problems.push(path, format!("{place}: `figures` takes one to {FIGURES_MAX} numbers"), None);
        return None;
    }
    let figures = given
        .iter()
        .map(|figures| Figures {
            title: figures.title.clone(),
            rules: rules_named(path, place, &figures.rules, policy, problems),
            lights: figures
                .lights
                .iter()
                .filter_map(|word| coded(&Light::ALL, Light::code, word, path, place, "light", problems))
                .collect(),
        })
        .collect();
    let decide = rules_named(path, place, raw.decide.as_deref().unwrap_or_default(), policy, problems);
    Some(LeaderPage { figures, decide, most: raw.most.unwrap_or(10) })
}

/// The rules that ids, and families such as `order-*`, stand for.
pub(crate) fn rules_named(path: &str, place: &str, words: &[String], policy: &Policy, problems: &mut Problems) -> Vec<usize> {
    let mut rules: Vec<usize> = Vec::new();
    for word in words {
        let matching: Vec<usize> = match word.strip_suffix('*') {
            Some(head) => (0..policy.rules.len()).filter(|rule| policy.rules[*rule].id.starts_with(head)).collect(),
            None => policy.rule(word).into_iter().collect(),
        };
        if matching.is_empty() {
            let hint = suggest(word, policy.rules.iter().map(|rule| rule.id.as_str()));
            problems.push(path, format!("{place}: rule \"{word}\" is unknown"), hint);
        }
        rules.extend(matching);
    }
    rules.sort_unstable();
    rules.dedup();
    rules
}

fn list(path: &str, place: &str, raw: &SheetFile, columns: &[String], policy: &Policy, problems: &mut Problems) -> Option<List> {
    let rules = rules_named(path, place, raw.rules.as_deref().unwrap_or_default(), policy, problems);
    if rules.is_empty() {
        problems.push(path, format!("{place}: `rules` names no rule"), Some("\"*\" stands for all, \"order-*\" for a family".into()));
        return None;
    }
    let mut states: Vec<State> = match &raw.states {
        None => vec![State::Open, State::Exempt],
        Some(words) => words.iter().filter_map(|word| coded(&State::ALL, State::code, word, path, place, "state", problems)).collect(),
    };
    states.sort_unstable();
    states.dedup();
    let group = match &raw.group {
        None => None,
        Some(word) => Some(named(&Group::NAMES, word, path, place, "group", problems)?),
    };
    let columns = list_columns(path, place, columns, &ledgers_of(policy, &rules), BuiltIn::is_of_finding, policy, problems);
    Some(List { rules, states, group, fold: raw.fold.unwrap_or(false), blank: raw.blank.unwrap_or(false), columns })
}

pub(crate) fn ledgers_of(policy: &Policy, rules: &[usize]) -> Vec<usize> {
    let mut ledgers: Vec<usize> = rules.iter().map(|rule| policy.rules[*rule].ledger).collect();
    ledgers.sort_unstable();
    ledgers.dedup();
    ledgers
}

/// The records of a ledger: `where` as a rule's scope, `project.` before a condition on the project a record belongs to.
fn records(
    path: &str,
    place: &str,
    raw: &SheetFile,
    columns: &[String],
    scopes: &Scopes,
    policy: &Policy,
    problems: &mut Problems,
) -> Option<RecordList> {
    let before = problems.0.len();
    let name = raw.ledger.as_deref().unwrap_or_default();
    let Some(index) = policy.ledger(name) else {
        let hint = suggest(name, policy.ledgers.iter().map(|ledger| ledger.id.as_str()));
        problems.push(path, format!("{place}: ledger \"{name}\" is unknown"), hint);
        return None;
    };
    let ledger = &policy.ledgers[index];
    let (of_project, own): (Vec<String>, Vec<String>) =
        raw.r#where.iter().flatten().cloned().partition(|text| text.trim_start_matches("not ").starts_with("project."));
    let of_project: Vec<String> = of_project.iter().map(|text| text.replacen("project.", "", 1)).collect();
    let conditions =
        crate::config::rule_file::conditions((path, place, "where"), scopes, (ledger, &policy.ledgers), &policy.units, &own, problems);
    let mut project = Vec::new();
    if !of_project.is_empty() {
        match policy.project_ledger() {
            Some(linked) if linked != index && ledger.role(Role::Project).is_some() => {
                let linked = &policy.ledgers[linked];
                let of = (linked, &policy.ledgers[..]);
                project = crate::config::rule_file::conditions((path, place, "where"), scopes, of, &policy.units, &of_project, problems);
            }
            _ => problems.push(path, format!("{place}: records of ledger \"{name}\" belong to no project"), None),
        }
    }
    let major = raw.major.as_ref().and_then(|word| coded(&Level::ALL, Level::code, word, path, place, "major", problems));
    if let Some(level) = major
        && policy.major.iter().all(|(known, _)| *known != level)
    {
        problems.push(
            path,
            format!("{place}: major is province, city or county"),
            Some("the bounds stand in config/rules.toml [major]".into()),
        );
    }
    let rules = rules_named(path, place, raw.rules.as_deref().unwrap_or_default(), policy, problems);
    let lights =
        raw.lights.iter().flatten().filter_map(|word| coded(&Light::ALL, Light::code, word, path, place, "light", problems)).collect();
    let reach = named(&Reach::NAMES, raw.reach.as_deref().unwrap_or("own"), path, place, "reach", problems)?;
    let group = match &raw.group {
        None => None,
        Some(word) => {
            let groups = [("unit", Group::Unit), ("city", Group::City), ("light", Group::Light)];
            Some(named(&groups, word, path, place, "group", problems)?)
        }
    };
    let order = raw.order.iter().flatten().filter_map(|word| order(path, place, ledger, word, problems)).collect();
    let columns = list_columns(path, place, columns, &[index], BuiltIn::is_of_record, policy, problems);
    let selection = Selection { ledger: index, conditions, project, major };
    (problems.0.len() == before).then_some(RecordList { selection, rules, lights, reach, group, order, columns })
}

/// `light`, or a field of the ledger; `desc` behind it turns it round.
fn order(path: &str, place: &str, ledger: &Ledger, word: &str, problems: &mut Problems) -> Option<Order> {
    let (name, descending) = match word.strip_suffix(" desc") {
        Some(name) => (name.trim(), true),
        None => (word.trim(), false),
    };
    if name == "light" {
        return Some(Order { field: None, descending });
    }
    let field = ledger.field(name);
    if field.is_none() {
        let known = ledger.fields.iter().map(|field| field.id.as_str());
        problems.push(path, format!("{place}: order \"{word}\": no field of the ledger"), suggest(name, known.chain(["light"])));
    }
    Some(Order { field: Some(field?), descending })
}

/// An entry is `KEY` or `KEY title of the column`; `KEY` is a built-in key, a field of a rule's ledger, `project.FIELD`, or `editable`.
pub(crate) fn list_columns(
    path: &str,
    place: &str,
    words: &[String],
    ledgers: &[usize],
    stands: fn(BuiltIn) -> bool,
    policy: &Policy,
    problems: &mut Problems,
) -> Vec<ListColumn> {
    let keys: Vec<&str> = words.iter().map(|word| word.split_once(' ').map_or(word.as_str(), |(key, _)| key)).collect();
    let mut columns = Vec::new();
    for (word, key) in words.iter().zip(&keys) {
        let own_title = word.split_once(' ').map(|(_, title)| title.trim().to_owned());
        if *key == EDITABLE {
            columns.extend(editable(policy, ledgers, &keys));
        } else if let Some((_, built_in)) = BuiltIn::NAMES.iter().find(|(name, built_in)| name == key && stands(*built_in)) {
            let title = own_title.unwrap_or_else(|| built_in.title().to_owned());
            columns.push(ListColumn { title, key: ColumnKey::BuiltIn(*built_in), fill: *built_in == BuiltIn::Fill });
        } else if let Some(id) = key.strip_prefix("project.") {
            let Some(project) = policy.project_ledger() else { continue };
            let ledger = &policy.ledgers[project];
            match ledger.field(id) {
                Some(field) => {
                    let title = own_title.unwrap_or_else(|| titled(&ledger.fields[field]));
                    columns.push(ListColumn { title, key: ColumnKey::Project(field), fill: false });
                }
                None => problems.push(
                    path,
                    format!("{place}: column \"{key}\": the project ledger has no field \"{id}\""),
                    suggest(id, ledger.fields.iter().map(|field| field.id.as_str())),
                ),
            }
        } else {
            let fields: Vec<Option<usize>> = by_ledger(policy, ledgers, key);
            match fields.iter().enumerate().find_map(|(ledger, field)| Some(&policy.ledgers[ledger].fields[(*field)?])) {
                Some(field) => {
                    let title = own_title.unwrap_or_else(|| titled(field));
                    columns.push(ListColumn { title, key: ColumnKey::Field(fields), fill: false });
                }
                None => {
                    let known = ledgers.iter().flat_map(|ledger| policy.ledgers[*ledger].fields.iter().map(|field| field.id.as_str()));
                    problems.push(
                        path,
                        format!("{place}: column \"{key}\" is no key of this form and no field of its ledgers"),
                        suggest(
                            key,
                            BuiltIn::NAMES.iter().filter(|(_, key)| stands(*key)).map(|(name, _)| *name).chain([EDITABLE]).chain(known),
                        ),
                    );
                }
            }
        }
    }
    columns
}

/// The editable fields of the ledgers that no other entry names, each once by id.
fn editable(policy: &Policy, ledgers: &[usize], taken: &[&str]) -> Vec<ListColumn> {
    let mut out: Vec<(String, ListColumn)> = Vec::new();
    for ledger in ledgers {
        for field in policy.ledgers[*ledger].fields.iter().filter(|field| field.editable) {
            if taken.contains(&field.id.as_str()) || out.iter().any(|(id, _)| *id == field.id) {
                continue;
            }
            let column = ListColumn { title: titled(field), key: ColumnKey::Field(by_ledger(policy, ledgers, &field.id)), fill: true };
            out.push((field.id.clone(), column));
        }
    }
    out.into_iter().map(|(_, column)| column).collect()
}

fn by_ledger(policy: &Policy, ledgers: &[usize], id: &str) -> Vec<Option<usize>> {
    (0..policy.ledgers.len()).map(|ledger| ledgers.contains(&ledger).then(|| policy.ledgers[ledger].field(id)).flatten()).collect()
}

/// A money column says its unit.
fn titled(field: &crate::domain::register::ledger::Field) -> String {
    match field.kind {
        crate::domain::register::ledger::FieldKind::Money => format!("{}（亿元）", field.title),
        _ => field.title.clone(),
    }
}

/// Where a summary counts every rule, every rule's findings of every state stand on exactly one list.
fn covers_every_rule(path: &str, policy: &Policy, sheets: &[SheetTemplate], problems: &mut Problems) {
    if !sheets.iter().any(|sheet| matches!(sheet.kind, SheetKind::Summary { .. })) {
        return;
    }
    for (index, rule) in policy.rules.iter().enumerate() {
        for state in State::ALL {
            let word = state.code();
            let listed = sheets
                .iter()
                .filter(|sheet| matches!(&sheet.kind, SheetKind::List(list) if !list.fold && list.rules.contains(&index) && list.states.contains(&state)));
            match listed.count() {
                1 => {}
                0 => problems.push(
                    path,
                    format!("rule \"{}\" ({}) state {word} is counted in the summary but stands on no list", rule.id, rule.title),
                    Some("add it to the `rules` of a sheet".into()),
                ),
                _ => problems.push(path, format!("rule \"{}\" state {word} stands on more than one list", rule.id), None),
            }
        }
    }
}

pub(crate) fn placeholders(text: &str) -> Vec<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(word, _)| word)).collect()
}
