//! The audit line of a pull that a person has ordered, in the transaction of the pull.

use crate::store::audit::{AuditEntry, insert_audit};
use crate::store::database::Result;
use crate::store::pulls::Pull;

impl Pull {
    /// Records the order of a person that this pull follows.
    ///
    /// # Errors
    /// The database fails.
    pub async fn record(&mut self, entry: AuditEntry<'_>, what: &str, object: &str) -> Result<()> {
        insert_audit(entry.at, entry.who, what, object, entry.why).execute(self.connection().await?).await?;
        Ok(())
    }
}
