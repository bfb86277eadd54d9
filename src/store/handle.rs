//! The handle of the store. It gives access to one type per subject, each defined in a file of its own.

use crate::domain::database_url::DatabaseUrl;
use crate::store::accounts::Accounts;
use crate::store::audit::Audit;
use crate::store::changes::Changes;
use crate::store::config_rows::ConfigRows;
use crate::store::database::{Database, Result};
use crate::store::events::Events;
use crate::store::feedback::Feedback;
use crate::store::findings::Findings;
use crate::store::frozen_texts::FrozenTexts;
use crate::store::gone::Gone;
use crate::store::indicators::Indicators;
use crate::store::keys::Keys;
use crate::store::lock::{Exclusive, Lock};
use crate::store::marked_messages::MarkedMessages;
use crate::store::named_records::NamedRecords;
use crate::store::notes::Notes;
use crate::store::notified::Notified;
use crate::store::notify_reasons::NotifyReasons;
use crate::store::outbox::Outbox;
use crate::store::pictures::Pictures;
use crate::store::pulls::Pulls;
use crate::store::readings::Readings;
use crate::store::records::Records;
use crate::store::reports::Reports;
use crate::store::restrictions::Restrictions;
use crate::store::runs::Runs;
use crate::store::schedule::Schedule;
use crate::store::sending::Sending;
use crate::store::sessions::Sessions;
use crate::store::snapshots::Snapshots;
use crate::store::source_checks::SourceChecks;
use crate::store::timeline::Timelines;
use crate::store::troubles::Troubles;
use std::path::Path;

/// The service's own tables, by subject.
#[derive(Clone, Debug)]
pub struct Store {
    database: Database,
}

impl Store {
    /// Opens the database of a configuration url (`sqlite:PATH` relative to `root`, or `postgres://…`) and brings its tables up to date.
    ///
    /// # Errors
    /// The database cannot be reached or created, or another version of the program made it.
    pub async fn open(root: &Path, url: &DatabaseUrl) -> Result<Store> {
        Ok(Store { database: Database::open(root, url).await? })
    }

    /// Opens an existing database without migrating it; `None` = there is none yet.
    ///
    /// # Errors
    /// The database cannot be reached, or another version of the program made it.
    pub async fn open_existing(root: &Path, url: &DatabaseUrl) -> Result<Option<Store>> {
        Ok(Database::open_existing(root, url).await?.map(|database| Store { database }))
    }

    /// Opens an existing file to look at it only, where nothing can be written; `None` = it cannot be read so.
    pub async fn open_to_look(root: &Path, url: &DatabaseUrl) -> Option<Store> {
        Database::open_to_look(root, url).await.map(|database| Store { database })
    }

    /// Looks through the file of the database for damage, and whether it takes writing; a server does so itself. `shown` names it.
    ///
    /// # Errors
    /// What is wrong with it, with what to do.
    pub async fn examine(&self, shown: &str) -> Result<()> {
        self.database.examine(shown).await
    }

    /// Whether this opening has made the tables.
    pub fn is_new(&self) -> bool {
        self.database.is_new
    }

    /// The time by the clock of the database's own machine, in milliseconds since 1970; `None` = it runs on this one.
    ///
    /// # Errors
    /// The database fails.
    pub async fn clock(&self) -> Result<Option<i64>> {
        self.database.clock().await
    }

    /// Makes sure that the file of the database is still the one that is open.
    ///
    /// # Errors
    /// Somebody has deleted or replaced it.
    pub fn ensure_in_place(&self) -> Result<()> {
        self.database.ensure_in_place()
    }

    /// Keeps others from planning mails: what one run mails decides what the next one does.
    ///
    /// # Errors
    /// The database fails, or another run does not end planning.
    pub async fn lock_planning(&self) -> Result<Lock> {
        self.database.lock(Exclusive::Plan).await
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.database.close().await;
    }

    pub fn accounts(&self) -> Accounts<'_> {
        Accounts { database: &self.database }
    }

    pub fn audit(&self) -> Audit<'_> {
        Audit { database: &self.database }
    }

    pub fn changes(&self) -> Changes<'_> {
        Changes { database: &self.database }
    }

    pub fn config_rows(&self) -> ConfigRows<'_> {
        ConfigRows { database: &self.database }
    }

    pub fn events(&self) -> Events<'_> {
        Events { database: &self.database }
    }

    pub fn feedback(&self) -> Feedback<'_> {
        Feedback { database: &self.database }
    }

    pub fn findings(&self) -> Findings<'_> {
        Findings { database: &self.database }
    }

    pub fn frozen_texts(&self) -> FrozenTexts<'_> {
        FrozenTexts { database: &self.database }
    }

    pub fn gone(&self) -> Gone<'_> {
        Gone { database: &self.database }
    }

    pub fn indicators(&self) -> Indicators<'_> {
        Indicators { database: &self.database }
    }

    pub fn keys(&self) -> Keys<'_> {
        Keys { database: &self.database }
    }

    pub fn marked_messages(&self) -> MarkedMessages<'_> {
        MarkedMessages { database: &self.database }
    }

    pub fn named_records(&self) -> NamedRecords<'_> {
        NamedRecords { database: &self.database }
    }

    pub fn notes(&self) -> Notes<'_> {
        Notes { database: &self.database }
    }

    pub fn notified(&self) -> Notified<'_> {
        Notified { database: &self.database }
    }

    pub fn notify_reasons(&self) -> NotifyReasons<'_> {
        NotifyReasons { database: &self.database }
    }

    pub fn outbox(&self) -> Outbox<'_> {
        Outbox { database: &self.database }
    }

    pub fn pictures(&self) -> Pictures<'_> {
        Pictures { database: &self.database }
    }

    pub fn pulls(&self) -> Pulls<'_> {
        Pulls { database: &self.database }
    }

    pub fn troubles(&self) -> Troubles<'_> {
        Troubles { database: &self.database }
    }

    pub fn source_checks(&self) -> SourceChecks<'_> {
        SourceChecks { database: &self.database }
    }

    pub fn readings(&self) -> Readings<'_> {
        Readings { database: &self.database }
    }

    pub fn records(&self) -> Records<'_> {
        Records { database: &self.database }
    }

    pub fn reports(&self) -> Reports<'_> {
        Reports { database: &self.database }
    }

    pub fn restrictions(&self) -> Restrictions<'_> {
        Restrictions { database: &self.database }
    }

    pub fn runs(&self) -> Runs<'_> {
        Runs { database: &self.database }
    }

    pub fn schedule(&self) -> Schedule<'_> {
        Schedule { database: &self.database }
    }

    pub fn sending(&self) -> Sending<'_> {
        Sending { database: &self.database }
    }

    pub fn sessions(&self) -> Sessions<'_> {
        Sessions { database: &self.database }
    }

    pub fn snapshots(&self) -> Snapshots<'_> {
        Snapshots { database: &self.database }
    }

    pub fn timelines(&self) -> Timelines<'_> {
        Timelines { database: &self.database }
    }
}
