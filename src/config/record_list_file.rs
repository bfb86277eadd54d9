//! The keys of a sheet that lists records of a ledger → [`RecordList`].

use crate::config::sheet_file::SheetFile;
use crate::config::sheet_words::{list_columns, rules_named};
use crate::domain::judging::roster::Selection;
use crate::domain::problem::{ProblemsAt, suggest};
use crate::domain::register::ledger::{Ledger, Role};
use crate::domain::register::units::Level;
use crate::domain::rules::condition_text::{Scopes, conditions};
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::{Condition, Light};
use crate::workbook::sheets::list::columns::BuiltIn;
use crate::workbook::sheets::list::declaration::Group;
use crate::workbook::sheets::records::declaration::{Order, Reach, RecordList};

/// The list. `None` where it has problems.
pub(crate) fn record_list(
    raw: &SheetFile,
    columns: &[String],
    scopes: &Scopes,
    policy: &Policy,
    at: &mut ProblemsAt<'_>,
) -> Option<RecordList> {
    let before = at.count();
    let name = raw.ledger.as_deref().unwrap_or_default();
    let Some(index) = policy.ledger(name) else {
        let hint = suggest(name, policy.ledgers.iter().map(|ledger| ledger.id.as_str()));
        at.report(format!("ledger \"{name}\" is unknown"), hint);
        return None;
    };
    let selection = selection(raw, index, scopes, policy, at);
    let rules = rules_named(raw.rules.as_deref().unwrap_or_default(), policy, at);
    let lights = at.all_coded(&Light::ALL, Light::code, raw.lights.iter().flatten(), "light");
    let reach = at.named(&Reach::NAMES, raw.reach.as_deref().unwrap_or("own"), "reach")?;
    let group = match &raw.group {
        None => None,
        Some(word) => {
            let groups = [("unit", Group::Unit), ("city", Group::City), ("light", Group::Light)];
            Some(at.named(&groups, word, "group")?)
        }
    };
    let order = raw.order.iter().flatten().filter_map(|word| order(word, &policy.ledgers[index], at)).collect();
    let columns = list_columns(columns, &[index], BuiltIn::is_of_record, policy, at);
    (at.count() == before).then_some(RecordList { selection, rules, lights, reach, group, order, columns })
}

/// Which records of a ledger are listed: `where` holds conditions like a rule's scope, those after `project.` on the record's project.
fn selection(raw: &SheetFile, index: usize, scopes: &Scopes, policy: &Policy, at: &mut ProblemsAt<'_>) -> Selection {
    let ledger = &policy.ledgers[index];
    let (of_project, own): (Vec<String>, Vec<String>) =
        raw.r#where.iter().flatten().cloned().partition(|text| text.trim_start_matches("not ").starts_with("project."));
    let of_project: Vec<String> = of_project.iter().map(|text| text.replacen("project.", "", 1)).collect();
    let conditions_on_record = conditions(&own, "where", ledger, scopes, at);
    let mut project: Vec<Condition> = Vec::new();
    if !of_project.is_empty() {
        match policy.project_ledger() {
            Some(linked) if linked != index && ledger.role(Role::Project).is_some() => {
                project = conditions(&of_project, "where", &policy.ledgers[linked], scopes, at);
            }
            _ => at.report(format!("records of ledger \"{}\" belong to no project", ledger.id), None),
        }
    }
    let major = raw.major.as_ref().and_then(|word| at.coded(&Level::ALL, Level::code, word, "major"));
    if let Some(level) = major
        && policy.major.iter().all(|(known, _)| *known != level)
    {
        at.report("major is province, city or county", Some("the bounds stand in config/rules.toml [major]".into()));
    }
    Selection { ledger: index, conditions: conditions_on_record, project, major }
}

/// `light`, or a field of the ledger; `desc` after it reverses the order.
fn order(word: &str, ledger: &Ledger, at: &mut ProblemsAt<'_>) -> Option<Order> {
    let (name, descending) = match word.strip_suffix(" desc") {
        Some(name) => (name.trim(), true),
        None => (word.trim(), false),
    };
    if name == "light" {
        return Some(Order { field: None, descending });
    }
    let field = ledger.field(name);
    if field.is_none() {
        let known = ledger.fields.iter().map(|field| field.id.as_str()).chain(["light"]);
        at.report(format!("order \"{word}\": no field of the ledger"), suggest(name, known));
    }
    Some(Order { field: Some(field?), descending })
}
