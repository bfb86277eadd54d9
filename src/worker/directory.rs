//! The mailboxes of units by the directory (通讯录), in place of those of `config/units.toml`.

use crate::config::settings::Settings;
use crate::config::source_settings::SourceSettings;
use crate::domain::mailbox;
use crate::domain::register::ledger::{Purpose, Role};
use crate::domain::register::units::UnitId;
use crate::domain::rules::policy::Policy;
use crate::store::database::Result;
use crate::store::handle::Store;
use crate::worker::records::LedgerRecords;
use crate::worker::snapshot_selection::SnapshotSelection;
use std::collections::BTreeMap;

/// Characters between several mailboxes in one cell.
const SEPARATORS: [char; 6] = [';', '；', ',', '，', '、', ' '];

/// Gives each unit with a row in the directory the mailbox of its first one, by code. A row without a mailbox that can be one changes nothing, nor does
/// one of a source that sets none.
///
/// # Errors
/// The database fails, or a stored body is damaged.
pub(crate) async fn apply_directory(store: &Store, settings: &Settings, policy: &mut Policy, selection: &SnapshotSelection) -> Result<()> {
    let Some(ledger) = policy.ledger_for(Purpose::Directory).map(|index| &policy.ledgers[index]) else { return Ok(()) };
    let (Some(holder), Some(field)) = (ledger.role(Role::Holder), ledger.role(Role::Mailbox)) else { return Ok(()) };
    // what units lay into a folder must not turn the mails of others to them
    let mut selection = selection.clone();
    selection.in_force.retain(|found| settings.source(&found.snapshot.source).is_none_or(SourceSettings::sets_mailboxes));
    if selection.of_ledger(&ledger.id).next().is_none() {
        return Ok(());
    }
    let units = &policy.units;
    let mut found: BTreeMap<UnitId, (String, String)> = BTreeMap::new();
    LedgerRecords::new(store, ledger, &selection)
        .each(|_, streamed| {
            let record = &*streamed.record;
            let address =
                record.text(Some(field)).split(SEPARATORS).find(|address| !address.is_empty() && mailbox::fault(address).is_none());
            let unit = units.find(record.text(Some(holder))).or_else(|| units.responsible(record.text(Some(holder)), Some(None)));
            if let (Some(unit), Some(address)) = (unit, address)
                && found.get(&unit).is_none_or(|(code, _)| *record.code < **code)
            {
                found.insert(unit, (record.code.clone(), address.to_owned()));
            }
            Ok(())
        })
        .await?;
    for (unit, (_, address)) in found {
        policy.units.units[unit].mailbox = Some(address);
    }
    Ok(())
}
