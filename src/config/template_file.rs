//! `report-templates/NAME.toml` → [`Template`]. Every field, rule and column is looked up here, so a workbook meets no unknown one.

use crate::config::file_set::{FileSet, files_in, report_toml, text_of};
use crate::config::level_file::fill_in_words;
use crate::config::rule_file;
use crate::domain::judging::finding::State;
use crate::domain::problem::{Problems, ProblemsAt, suggest};
use crate::domain::rules::condition_text::Scopes;
use crate::domain::rules::policy::Policy;
use crate::workbook::sheet_frame::FrameKeys;
use crate::workbook::sheets::kinds::SheetKind;
use crate::workbook::sheets::references::{References, placeholders};
use crate::workbook::tab_names::compared_tab;
use crate::workbook::template::{SheetTemplate, Template};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateFile {
    title: String,
    file: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    keywords: String,
    #[serde(default)]
    third_party: bool,
    /// Read one by one, because the keys of a sheet depend on its form.
    sheet: Vec<IgnoredAny>,
}

/// The placeholders of a template's `file` and `title`.
const FILE_WORDS: [&str; 4] = ["title", "as_of", "unit", "office"];

/// The templates without problems, by file stem.
pub(crate) fn parse(files: &FileSet, policy: &Policy, problems: &mut Problems) -> BTreeMap<String, Template> {
    let scopes = rule_file::scopes(files);
    let mut templates = BTreeMap::new();
    for (stem, path) in files_in(files, "report-templates", ".toml") {
        let Some(text) = text_of(files, path, problems) else { continue };
        let Some(text) = fill_in_words(text, &policy.units.levels, &mut problems.at(path, "")) else { continue };
        let file = TextOfTemplate { text: &text, policy, scopes: &scopes };
        if let Some(template) = file.template(stem, &mut problems.at(path, "")) {
            templates.insert(stem.to_owned(), template);
        }
    }
    templates
}

/// The text of one template, and what it may refer to.
struct TextOfTemplate<'a> {
    text: &'a str,
    policy: &'a Policy,
    scopes: &'a Scopes,
}

impl<'a> TextOfTemplate<'a> {
    fn template(&self, stem: &str, at: &mut ProblemsAt<'_>) -> Option<Template> {
        let document = self.read(DeTable::parse(self.text), at)?;
        let sheet_tables = match document.get_ref().get("sheet").map(Spanned::get_ref) {
            Some(DeValue::Array(tables)) => tables.iter().cloned().collect(),
            _ => Vec::new(),
        };
        let table = ValueDeserializer::from(Spanned::new(document.span(), DeValue::Table(document.into_inner())));
        let file: TemplateFile = self.read(Deserialize::deserialize(table), at)?;
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
        let mut names: Vec<String> = Vec::new();
        let mut sheets = Vec::new();
        for table in sheet_tables {
            sheets.extend(self.sheet(table, &mut names, at));
        }
        if at.count() == before {
            check_summary(self.policy, &sheets, at);
        }
        (at.count() == before).then(|| Template {
            name: stem.to_owned(),
            title: file.title,
            subject: file.subject,
            keywords: file.keywords,
            third_party: file.third_party,
            file: file.file,
            sheets,
        })
    }

    /// One sheet: first the keys that every sheet has, then those of its kind. `names` are those of the sheets before it, as they are compared.
    fn sheet(&self, sheet: Spanned<DeValue<'a>>, names: &mut Vec<String>, at: &mut ProblemsAt<'_>) -> Option<SheetTemplate> {
        let span = sheet.span();
        let of_frame = |key: &Spanned<_>| FrameKeys::NAMES.contains(&AsRef::<str>::as_ref(key.get_ref()));
        let (frame, own) = match sheet.into_inner() {
            DeValue::Table(keys) => {
                let (frame, own): (DeTable<'_>, DeTable<'_>) = keys.into_iter().partition(|(key, _)| of_frame(key));
                (DeValue::Table(frame), own)
            }
            other => (other, DeTable::new()),
        };
        let deserializer = |value| ValueDeserializer::from(Spanned::new(span.clone(), value));
        let keys: FrameKeys = self.read(Deserialize::deserialize(deserializer(frame)), at)?;
        let mut at = at.at(format!("sheet \"{}\"", keys.name));
        let compared = compared_tab(&keys.name);
        if names.contains(&compared) {
            at.report_place("appears twice", Some("names that differ in capitals only are one to Excel".into()));
        }
        names.push(compared);
        let form = keys.form.clone();
        let frame = keys.check(&mut at)?;
        let references = References { policy: self.policy, scopes: self.scopes, title: &frame.title };
        let own_keys: Vec<_> = own.keys().map(Spanned::span).collect();
        match SheetKind::read(&form, deserializer(DeValue::Table(own)), &references, &mut at) {
            Ok(kind) => Some(SheetTemplate { kind: kind?, frame }),
            Err(error) => {
                let is_own = error.span().is_some_and(|span| own_keys.contains(&span));
                let (whose, known) =
                    if is_own { (format!(" of form \"{form}\""), &FrameKeys::NAMES[..]) } else { (String::new(), &[][..]) };
                report_toml(&error, self.text, &whose, known, &mut at);
                None
            }
        }
    }

    /// The value, or a problem with its line.
    fn read<T>(&self, read: Result<T, toml::de::Error>, at: &mut ProblemsAt<'_>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                report_toml(&error, self.text, "", &[], at);
                None
            }
        }
    }
}

/// Reports, for a template whose summary counts the findings of every rule, rules whose findings are not on exactly one list.
fn check_summary(policy: &Policy, sheets: &[SheetTemplate], at: &mut ProblemsAt<'_>) {
    if !sheets.iter().any(|sheet| matches!(sheet.kind, SheetKind::Summary(_))) {
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
