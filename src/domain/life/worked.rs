//! What a transition makes of a record: what is given, what is written, and the record that it opens.

use crate::domain::life::act::{Act, Numbering, OpenedDraft, by_id};
use crate::domain::life::declaration::{Life, Transition, Value};
use crate::domain::life::matter::ground;
use crate::domain::life::office::Office;
use crate::domain::problem::{NAMES_OFFERED, by_nearness};
use crate::domain::register::ledger::{Field, OwnerSpec, Role};
use crate::domain::register::record::{Cell, Record};
use chrono::NaiveDate;
use std::collections::BTreeMap;

/// What a transition makes of a record.
pub(crate) struct Worked {
    /// What is given, the defaults included.
    pub(crate) given: Record,
    /// The record with what is given; the values are computed on it.
    pub(crate) base: Record,
    /// What the event writes.
    pub(crate) set: Vec<(usize, Cell)>,
    pub(crate) after: Record,
}

/// A title with the id beside it, as a message names a field or a transition.
pub(crate) fn named(title: &str, id: &str) -> String {
    format!("{title}（{id}）")
}

/// A record of the ledger in which nothing is filled.
pub(crate) fn blank(office: &Office<'_>) -> Record {
    let fields = office.ledger().fields.len();
    Record { cells: vec![Cell::Empty; fields], columns: (0..fields).collect(), ..Record::default() }
}

/// What is given for a transition, as a record of its own.
///
/// # Errors
/// A field that the transition does not take, or one that is missing.
pub(crate) fn given(office: &Office<'_>, transition: &Transition, act: &Act) -> Result<Record, String> {
    let ledger = office.ledger();
    let ids = |fields: &mut dyn Iterator<Item = usize>| {
        fields.map(|field| named(&ledger.fields[field].title, &ledger.fields[field].id)).collect::<Vec<_>>().join("、")
    };
    let mut given = blank(office);
    for (field, cell) in &act.given {
        if !transition.takes(*field) {
            let known = ids(&mut transition.ask.iter().chain(&transition.may).copied());
            let known = if known.is_empty() { "无".to_owned() } else { known };
            let Field { id, title, .. } = &ledger.fields[*field];
            return Err(format!("“{}”不填{}，可填：{known}", transition.title, named(title, id)));
        }
        given.cells[*field] = cell.clone();
    }
    if transition.from.new
        && let (Some(name), Some(code)) = (ledger.role(Role::Name), ledger.project_of(&given))
    {
        let Some(project) = office.project_names.get(&code) else { return Err(format!("项目编号“{code}”不在台账中")) };
        // a name that is left out is that of the project
        if given.cell(name).is_empty() && transition.takes(name) {
            given.cells[name] = Cell::Text(project.as_str().into());
        }
    }
    let missing = ids(&mut transition.ask.iter().copied().filter(|field| given.cell(*field).is_empty()));
    if !missing.is_empty() {
        return Err(format!("“{}”须填：{missing}", transition.title));
    }
    if transition.reason && act.reason.trim().is_empty() {
        return Err(format!("“{}”须写明理由", transition.title));
    }
    Ok(given)
}

/// What a transition makes of a record by what is given, without asking whether it may be made.
pub(crate) fn work(
    office: &Office<'_>,
    life: &Life,
    transition: &Transition,
    before: &Record,
    given: &Record,
    act: &Act,
    day: NaiveDate,
) -> Worked {
    let unit = office.name(act.unit);
    let is_written = |field: usize| transition.takes(field) && !transition.unwritten.contains(field);
    let (mut base, mut given) = (before.clone(), given.clone());
    let mut set: BTreeMap<usize, Cell> = BTreeMap::new();
    for field in (0..given.cells.len()).filter(|field| is_written(*field)) {
        if !given.cell(field).is_empty() {
            base.cells[field] = given.cell(field).clone();
            set.insert(field, given.cell(field).clone());
        }
    }
    let defaults: Vec<(usize, Cell)> = transition
        .default
        .iter()
        .filter(|(field, _)| given.cell(*field).is_empty())
        .map(|(field, value)| (*field, ground(office, life, &base, &given, day, &act.by, unit).value(*field, value)))
        .filter(|(_, cell)| !cell.is_empty())
        .collect();
    for (field, cell) in defaults {
        given.cells[field] = cell.clone();
        if is_written(field) {
            base.cells[field] = cell.clone();
            set.insert(field, cell);
        }
    }
    set.extend(computed(office, life, &transition.set, &base, &given, act, day));
    let mut after = base.clone();
    set.iter().for_each(|(field, cell)| after.cells[*field] = cell.clone());
    Worked { given, base, set: set.into_iter().collect(), after }
}

/// The values of fields, all computed on the same record.
pub(crate) fn computed(
    office: &Office<'_>,
    life: &Life,
    values: &[(usize, Value)],
    base: &Record,
    given: &Record,
    act: &Act,
    day: NaiveDate,
) -> Vec<(usize, Cell)> {
    let ground = ground(office, life, base, given, day, &act.by, office.name(act.unit));
    values.iter().map(|(field, value)| (*field, ground.value(*field, value))).collect()
}

/// The record that a transition opens, if it opens one.
///
/// # Errors
/// The new record does not have what it needs, names no unit, or cannot be numbered.
pub(crate) fn opening(
    office: &Office<'_>,
    life: &Life,
    transition: &Transition,
    worked: &Worked,
    act: &Act,
    day: NaiveDate,
) -> Result<Option<OpenedDraft>, String> {
    let Some(opening) = &transition.opens else { return Ok(None) };
    let set = computed(office, life, &opening.set, &worked.base, &worked.given, act, day);
    let mut opened = blank(office);
    set.iter().for_each(|(field, cell)| opened.cells[*field] = cell.clone());
    check_owner(office, &opened)?;
    if !ground(office, life, &opened, &worked.given, day, &act.by, office.name(act.unit)).holds(&opening.need) {
        return Err(format!("“{}”所立的新件不符合要求：{}", transition.title, due_hint(office, life, &opened)));
    }
    let (prefix, numbering) = series(office, life, &opened, opening.number, None)?;
    Ok(Some(OpenedDraft { prefix, set: by_id(office.ledger(), &set), numbering }))
}

/// How the due day of a record reads in a refusal.
pub(crate) fn due_hint(office: &Office<'_>, life: &Life, record: &Record) -> String {
    let titles: Vec<&str> = life.states.due.iter().map(|field| office.ledger().fields[*field].title.as_str()).collect();
    match life.states.due_on(record) {
        Some(due_on) => format!("办理时限为{due_on}"),
        None if titles.is_empty() => "请核对所填内容".into(),
        None => format!("未填{}", titles.join("、")),
    }
}

/// Checks that a record names a unit that exists, and one below the unit in whose name it is issued.
///
/// # Errors
/// The names that would do.
pub(crate) fn check_owner(office: &Office<'_>, record: &Record) -> Result<(), String> {
    let units = &office.policy.units;
    let ledger = office.ledger();
    let owner = office.owner(record);
    let Some(owner) = owner.unit else {
        let field = ledger.owner.field();
        let text = record.text(Some(field));
        let names: Vec<&str> = match ledger.owner {
            // the kinds of departments are few, and each would do
            OwnerSpec::Department { .. } => {
                by_nearness(text, units.departments.iter().map(|kind| (kind.name.as_str(), [kind.name.as_str()])))
            }
            OwnerSpec::Place { .. } | OwnerSpec::Unit { .. } => {
                let active = units.units.iter().enumerate().filter(|(unit, _)| units.is_active(*unit));
                let near = by_nearness(text, active.map(|(_, unit)| (unit.name.as_str(), [unit.name.as_str()])));
                near.into_iter().take(NAMES_OFFERED).collect()
            }
        };
        let title = &ledger.fields[field].title;
        let hint = if names.is_empty() { "请写单位名录中的名称".to_owned() } else { format!("可写：{}", names.join("、")) };
        return Err(format!("{title}“{text}”不是单位名录中的单位，{hint}"));
    };
    let issuer = office.issuer(record);
    let is_issued_by_another = ledger.role(Role::Issuer).is_some() && issuer != units.office();
    if is_issued_by_another && (owner == issuer || !units.is_within(owner, issuer)) {
        return Err(format!("{}只能派给其下属单位，“{}”不是", office.name(issuer), office.name(owner)));
    }
    Ok(())
}

/// The beginning of the code of a record that is made here, and how it is numbered.
///
/// # Errors
/// The unit in whose name it is issued has no series.
pub(crate) fn series(
    office: &Office<'_>,
    life: &Life,
    record: &Record,
    is_numbered: bool,
    typed: Option<&str>,
) -> Result<(String, Option<Numbering>), String> {
    let issuer = office.issuer(record);
    let has_numbers = !life.number.is_empty() || life.number_is_given;
    if !has_numbers || issuer == office.policy.units.office() {
        return Ok((life.prefix.clone(), numbering(life, String::new(), &life.number, is_numbered, typed)?));
    }
    let own = life.issuers.iter().find(|series| office.policy.units.find_configured(&series.unit) == Some(issuer));
    let Some(own) = own else {
        return Err(format!("{}没有编号规则（[issuer.{0}]），不能以其名义签发", office.name(issuer)));
    };
    let code = office.policy.units.units[issuer].code.clone();
    Ok((own.prefix.clone(), numbering(life, code, &own.number, is_numbered, typed)?))
}

fn numbering(life: &Life, issuer: String, text: &str, is_numbered: bool, typed: Option<&str>) -> Result<Option<Numbering>, String> {
    match (is_numbered, life.number_is_given, typed.map(str::trim).filter(|typed| !typed.is_empty())) {
        (false, ..) => Ok(None),
        (true, true, Some(typed)) => Ok(Some(Numbering::Given { issuer, number: typed.to_owned() })),
        (true, true, None) => Err("请写明编号（number）".into()),
        (true, false, _) if text.is_empty() => Ok(None),
        (true, false, _) => Ok(Some(Numbering::Next { issuer, text: text.to_owned() })),
    }
}
