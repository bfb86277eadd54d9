//! The keys of each kind of sheet → [`SheetTemplate`].

use crate::config::bulletin_file;
use crate::config::record_list_file::record_list;
use crate::config::sheet_file::{KINDS, KindName, SheetFile, check_keys, check_texts};
use crate::config::sheet_words::{ledgers_of, list_columns, rules_named};
use crate::domain::judging::finding::State;
use crate::domain::judging::indicators::{Rate, Window};
use crate::domain::problem::{ProblemsAt, suggest};
use crate::domain::register::ledger::Role;
use crate::domain::register::units::{Level, UnitId};
use crate::domain::rules::condition_text::Scopes;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Light;
use crate::workbook::model::Paper;
use crate::workbook::sheets::leader_page::declaration::{Figures, LeaderPage};
use crate::workbook::sheets::list::columns::BuiltIn;
use crate::workbook::sheets::list::declaration::{Group, List};
use crate::workbook::sheets::matrix::declaration::{Axis, MatrixColumn, MatrixRows};
use crate::workbook::template::{SheetKind, SheetTemplate};

/// The sheet. `None` where it has problems that keep it from being built.
pub(crate) fn sheet(raw: &SheetFile, scopes: &Scopes, policy: &Policy, at: &mut ProblemsAt<'_>) -> Option<SheetTemplate> {
    check_texts(raw, at);
    let kind = at.named(&KINDS, &raw.kind, "form")?;
    let landscape = at.named(&[("landscape", true), ("portrait", false)], &raw.orientation, "orientation")?;
    let paper = at.named(&[("A4", Paper::A4), ("A3", Paper::A3)], &raw.paper, "paper")?;
    check_keys(raw, kind, at);
    Some(SheetTemplate {
        kind: sheet_kind(raw, kind, scopes, policy, at)?,
        name: raw.name.clone(),
        title: raw.title.clone().unwrap_or_else(|| raw.name.clone()),
        mark: raw.mark.clone(),
        note: raw.note.clone(),
        sign: raw.sign.clone(),
        landscape,
        paper,
        pages_high: raw.pages_high,
        optional: raw.optional,
    })
}

fn sheet_kind(raw: &SheetFile, kind: KindName, scopes: &Scopes, policy: &Policy, at: &mut ProblemsAt<'_>) -> Option<SheetKind> {
    let columns = raw.columns.as_deref().unwrap_or_default();
    if columns.is_empty() && matches!(kind, KindName::Matrix | KindName::List | KindName::Notices | KindName::Records) {
        at.report("`columns` is missing or empty", None);
        return None;
    }
    Some(match kind {
        KindName::Cover => SheetKind::Cover {
            paragraphs: raw.paragraphs.clone().unwrap_or_default(),
            objection: raw.objection.clone().unwrap_or_default(),
        },
        KindName::Rules => SheetKind::Rules,
        KindName::Summary => SheetKind::Summary { chart: raw.chart.unwrap_or(true) },
        KindName::Matrix => matrix(raw, columns, policy, at)?,
        KindName::List => SheetKind::List(list(raw, columns, policy, at)?),
        KindName::Notices => notices(raw, columns, policy, at),
        KindName::Quality => SheetKind::Quality,
        KindName::Page => SheetKind::LeaderPage(leader_page(raw, policy, at)?),
        KindName::Bulletin => match &raw.bulletin {
            Some(bulletin) => {
                let title = raw.title.as_deref().unwrap_or(&raw.name);
                SheetKind::Bulletin(Box::new(bulletin_file::bulletin(bulletin, title, policy, at)?))
            }
            None => {
                at.report("[sheet.bulletin] is missing", Some("see work-order-bulletin.toml".into()));
                return None;
            }
        },
        KindName::Answers => SheetKind::Answers,
        KindName::Silent => SheetKind::Silent,
        KindName::Feedback => SheetKind::Feedback,
        KindName::Records => SheetKind::Records(record_list(raw, columns, scopes, policy, at)?),
        KindName::Gone => SheetKind::Gone,
        KindName::Reporting => SheetKind::Reporting { rules: rules_named(raw.rules.as_deref().unwrap_or_default(), policy, at) },
    })
}

fn matrix(raw: &SheetFile, words: &[String], policy: &Policy, at: &mut ProblemsAt<'_>) -> Option<SheetKind> {
    let axis = at.named(&Axis::NAMES, raw.by.as_deref().unwrap_or_default(), "by")?;
    let window = at.named(&Window::NAMES, raw.window.as_deref().unwrap_or("all"), "window")?;
    let project = policy.project_ledger().map(|index| &policy.ledgers[index]);
    let names = MatrixColumn::names();
    let mut columns = Vec::new();
    for word in words {
        let Some(column) = at.named(&names, word, "column") else { continue };
        if axis == Axis::Industry && column.needs_region() {
            at.report(
                format!("column \"{word}\" is for by = \"region\""),
                Some("work orders and what was found before are known by unit, not by industry".into()),
            );
        }
        if let Some(role) = role_for(column)
            && project.is_none_or(|ledger| ledger.role(role).is_none())
        {
            at.report(format!("column \"{word}\" needs a project field with role \"{}\"", role.name()), None);
        }
        columns.push(column);
    }
    let rows = matrix_rows(raw, axis, policy, at);
    Some(SheetKind::Matrix { axis, window, columns, rows })
}

/// The role, beyond those every project ledger has, that a column is computed from.
fn role_for(column: MatrixColumn) -> Option<Role> {
    use MatrixColumn as M;
    match column {
        M::Rate(rate) | M::LiveRate(rate) | M::Rank(rate) | M::RateChange(rate) => match rate {
            Rate::OnTime => Some(Role::PlannedStart),
            Rate::Funds => Some(Role::Funds),
            Rate::Performed => Some(Role::Performed),
            Rate::Started | Rate::Produced => None,
        },
        M::Funds => Some(Role::Funds),
        M::Performed => Some(Role::Performed),
        _ => None,
    }
}

/// `titles = ["贵阳市 贵阳贵安"]`, `apart = ["贵安新区"]`.
fn matrix_rows(raw: &SheetFile, axis: Axis, policy: &Policy, at: &mut ProblemsAt<'_>) -> MatrixRows {
    let mut rows = MatrixRows::default();
    for entry in raw.titles.iter().flatten() {
        let (name, title) = entry.split_once(' ').unwrap_or((entry, entry));
        let city = unit_of_level(name, "titles", Level::City, "市（州）", policy, at);
        rows.titles.extend(city.map(|city| (city, title.trim().to_owned())));
    }
    for name in raw.apart.iter().flatten() {
        rows.apart.extend(unit_of_level(name, "apart", Level::Platform, "platform", policy, at));
    }
    if axis != Axis::Region && rows != MatrixRows::default() {
        at.report("titles and apart are for by = \"region\"", None);
    }
    rows
}

/// The unit of a level that the value of a key names; `what` names the level in the problem.
fn unit_of_level(name: &str, key: &str, level: Level, what: &str, policy: &Policy, at: &mut ProblemsAt<'_>) -> Option<UnitId> {
    let units = &policy.units;
    let found = units.find(name).filter(|unit| units.units[*unit].level == level);
    if found.is_none() {
        let known = units.units.iter().filter(|unit| unit.level == level).map(|unit| unit.name.as_str());
        at.report(format!("{key} \"{name}\" is no {what}"), suggest(name, known));
    }
    found
}

/// The figures and lists of the leader page.
fn leader_page(raw: &SheetFile, policy: &Policy, at: &mut ProblemsAt<'_>) -> Option<LeaderPage> {
    const FIGURES_MAX: usize = 5;
    let given = raw.figures.as_deref().unwrap_or_default();
    if given.is_empty() || given.len() > FIGURES_MAX {
        at.report(format!("`figures` takes one to {FIGURES_MAX} numbers"), None);
        return None;
    }
    let figures = given
        .iter()
        .map(|figures| Figures {
            title: figures.title.clone(),
            rules: rules_named(&figures.rules, policy, at),
            lights: at.all_coded(&Light::ALL, Light::code, &figures.lights, "light"),
        })
        .collect();
    let decide = rules_named(raw.decide.as_deref().unwrap_or_default(), policy, at);
    Some(LeaderPage { figures, decide, most: raw.most.unwrap_or(10) })
}

fn list(raw: &SheetFile, columns: &[String], policy: &Policy, at: &mut ProblemsAt<'_>) -> Option<List> {
    let rules = rules_named(raw.rules.as_deref().unwrap_or_default(), policy, at);
    if rules.is_empty() {
        at.report("`rules` names no rule", Some("\"*\" stands for all, \"order-*\" for a family".into()));
        return None;
    }
    let mut states = match &raw.states {
        None => vec![State::Open, State::Exempt],
        Some(words) => at.all_coded(&State::ALL, State::code, words, "state"),
    };
    states.sort_unstable();
    states.dedup();
    let group = match &raw.group {
        None => None,
        Some(word) => Some(at.named(&Group::NAMES, word, "group")?),
    };
    let columns = list_columns(columns, &ledgers_of(&rules, policy), BuiltIn::is_of_finding, policy, at);
    Some(List { rules, states, group, fold: raw.fold.unwrap_or(false), blank: raw.blank.unwrap_or(false), columns })
}

fn notices(raw: &SheetFile, columns: &[String], policy: &Policy, at: &mut ProblemsAt<'_>) -> SheetKind {
    let rules = raw.rules.as_deref().map(|rules| rules_named(rules, policy, at));
    let with_notice: Vec<usize> = (0..policy.rules.len()).filter(|rule| policy.rules[*rule].notice_days > 0).collect();
    let columns = list_columns(columns, &ledgers_of(&with_notice, policy), BuiltIn::is_of_finding, policy, at);
    SheetKind::Notices { rules, columns }
}
