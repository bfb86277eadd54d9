//! `report-templates/NAME.toml` → [`Template`]. Every field, rule and column is looked up here, so a workbook meets no unknown one.

use crate::config::file_set::{FileSet, files_in, parse_toml};
use crate::config::rule_file;
use crate::config::sheet_file::SheetFile;
use crate::config::sheet_kinds::sheet;
use crate::config::sheet_words::placeholders;
use crate::domain::judging::finding::State;
use crate::domain::problem::{Problems, ProblemsAt, suggest};
use crate::domain::rules::condition_text::Scopes;
use crate::domain::rules::policy::Policy;
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

/// The placeholders of a template's `file` and `title`.
const FILE_WORDS: [&str; 4] = ["title", "as_of", "unit", "office"];

/// The templates without problems, by file stem.
pub(crate) fn parse(files: &FileSet, policy: &Policy, problems: &mut Problems) -> BTreeMap<String, Template> {
    let scopes = rule_file::scopes(files);
    let mut templates = BTreeMap::new();
    for (stem, path) in files_in(files, "report-templates", ".toml") {
        if let Some(file) = parse_toml(files, path, problems)
            && let Some(template) = template(stem, file, &scopes, policy, &mut problems.at(path, ""))
        {
            templates.insert(stem.to_owned(), template);
        }
    }
    templates
}

fn template(stem: &str, file: TemplateFile, scopes: &Scopes, policy: &Policy, at: &mut ProblemsAt<'_>) -> Option<Template> {
    let before = at.count();
    if !file.file.ends_with(".xlsx") {
        at.report(format!("file \"{}\" does not end in .xlsx", file.file), None);
    }
    for word in placeholders(&file.file).into_iter().chain(placeholders(&file.title)).filter(|word| !FILE_WORDS.contains(word)) {
        at.report(format!("{{{word}}} is unknown"), suggest(word, FILE_WORDS.into_iter()));
    }
    if file.sheet.is_empty() {
        at.report("has no [[sheet]]", None);
    }
    let mut names: Vec<&str> = Vec::new();
    let mut sheets = Vec::new();
    for raw in &file.sheet {
        let mut at = at.at(format!("sheet \"{}\"", raw.name));
        if names.contains(&raw.name.as_str()) {
            at.report_place("appears twice", None);
        }
        names.push(&raw.name);
        sheets.extend(sheet(raw, scopes, policy, &mut at));
    }
    if at.count() == before {
        check_summary(policy, &sheets, at);
    }
    (at.count() == before).then(|| Template {
        name: stem.to_owned(),
        title: file.title,
        subject: file.subject,
        keywords: file.keywords,
        file: file.file,
        sheets,
    })
}

/// Reports, for a template whose summary counts the findings of every rule, rules whose findings are not on exactly one list.
fn check_summary(policy: &Policy, sheets: &[SheetTemplate], at: &mut ProblemsAt<'_>) {
    if !sheets.iter().any(|sheet| matches!(sheet.kind, SheetKind::Summary { .. })) {
        return;
    }
    for (index, rule) in policy.rules.iter().enumerate() {
        for state in State::ALL {
            let word = state.code();
            let lists = |kind: &SheetKind| matches!(kind, SheetKind::List(list) if !list.fold && list.rules.contains(&index) && list.states.contains(&state));
            match sheets.iter().filter(|sheet| lists(&sheet.kind)).count() {
                1 => {}
                0 => at.report(
                    format!("rule \"{}\" ({}) state {word} is counted in the summary but stands on no list", rule.id, rule.title),
                    Some("add it to the `rules` of a sheet".into()),
                ),
                _ => at.report(format!("rule \"{}\" state {word} stands on more than one list", rule.id), None),
            }
        }
    }
}
