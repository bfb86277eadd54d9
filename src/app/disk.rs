//! Whether an error comes from a disk that takes nothing: full, read-only, or without permission for the database.

use crate::domain::disk_fault::disk_fault;
use crate::store::database::StoreError;

/// Whether the disk is what is wrong.
pub(crate) fn is_of_disk(fault: &anyhow::Error) -> bool {
    fault.chain().any(|cause| {
        let of_store = cause.downcast_ref::<StoreError>().is_some_and(StoreError::is_of_disk);
        of_store || cause.downcast_ref::<std::io::Error>().is_some_and(|error| disk_fault(error.kind()).is_some())
    })
}
