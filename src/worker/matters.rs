//! What deciding about matters needs besides them: the projects they belong to and the persons of units.

use crate::domain::life::matter::Matters;
use crate::domain::register::ledger::{Ledger, Purpose, Role};
use crate::domain::register::record::Cell;
use crate::domain::register::units::UnitId;
use crate::domain::rules::owner::Linked;
use crate::domain::rules::policy::Policy;
use crate::store::database::Result;
use crate::store::handle::Store;
use crate::worker::records::{LedgerRecords, linked_projects};
use crate::worker::snapshot_selection::SnapshotSelection;
use std::collections::{BTreeSet, HashMap};

/// The projects that records belong to.
pub(crate) struct KnownProjects {
    pub(crate) linked: HashMap<String, Linked>,
    pub(crate) names: HashMap<String, String>,
}

/// The projects that matters name, and some more.
///
/// # Errors
/// The database fails, or a stored body is damaged.
pub(crate) async fn projects_of(
    store: &Store,
    policy: &Policy,
    selection: &SnapshotSelection,
    ledger: &Ledger,
    matters: &Matters,
    more: &[String],
) -> Result<KnownProjects> {
    let mut codes: BTreeSet<String> = more.iter().cloned().collect();
    if let Some(field) = ledger.role(Role::Project) {
        let id = &ledger.fields[field].id;
        for matter in matters.values() {
            let imported = matter.imported.steps.iter().filter_map(|step| step.version.as_ref()?.cells.get(field)?.text());
            let given = matter.events.iter().filter_map(|event| event.value_of(id)?.text());
            codes.extend(imported.chain(given).map(str::to_owned));
        }
    }
    let codes: Vec<String> = codes.into_iter().collect();
    let mut names = HashMap::new();
    let name = policy.projects().and_then(|projects| projects.role(Role::Name));
    let linked = linked_projects(store, policy, selection, &codes, |record| {
        names.insert(record.code.clone(), record.text(name).to_owned());
    })
    .await?;
    Ok(KnownProjects { linked, names })
}

/// The names of the persons that the directory (通讯录) knows, by unit.
///
/// # Errors
/// The database fails, or a stored body is damaged.
pub(crate) async fn persons(store: &Store, policy: &Policy, selection: &SnapshotSelection) -> Result<HashMap<UnitId, BTreeSet<String>>> {
    let mut persons: HashMap<UnitId, BTreeSet<String>> = HashMap::new();
    let Some(directory) = policy.ledger_for(Purpose::Directory).map(|index| &policy.ledgers[index]) else { return Ok(persons) };
    let (unit, name) = (directory.role(Role::Holder), directory.role(Role::Name));
    LedgerRecords::new(store, directory, selection)
        .each(|_, streamed| {
            let record = &streamed.record;
            if let (Some(unit), Some(Cell::Text(name))) = (policy.units.find(record.text(unit)), name.map(|name| record.cell(name))) {
                persons.entry(unit).or_default().insert(name.to_string());
            }
            Ok(())
        })
        .await?;
    Ok(persons)
}
