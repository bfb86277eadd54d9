//! The store of the sessions of the portal. Its file may be lost while the service runs: then a new one is begun, and all log in once more.

use crate::domain::database_url::DatabaseUrl;
use crate::store::handle::Store;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

/// On SQLite a file of their own, so that no page waits for a run; else the database itself.
pub(crate) struct SessionStore {
    root: PathBuf,
    url: DatabaseUrl,
    opened: Mutex<Opened>,
}

struct Opened {
    store: Store,
    /// Device and inode of its file; `None` on a server.
    file: Option<(u64, u64)>,
}

impl SessionStore {
    /// Opens the store below a root.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub(crate) async fn open(root: &Path, url: DatabaseUrl) -> anyhow::Result<SessionStore> {
        let opened = Opened::open(root, &url).await?;
        Ok(SessionStore { root: root.to_owned(), url, opened: Mutex::new(opened) })
    }

    /// The store. A file that is gone or another one is opened anew.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub(crate) async fn store(&self) -> anyhow::Result<Store> {
        let mut opened = self.opened.lock().await;
        if opened.file != file_identity(&self.root, &self.url) {
            tracing::warn!("the file of the sessions was removed or replaced: everybody has to log in once more");
            // closed first: whoever closes an SQLite file that is gone removes the log of the one in its place
            opened.store.close().await;
            let (root, url, runtime) = (self.root.clone(), self.url.clone(), Handle::current());
            // on a thread of its own, because the compiler cannot see that an opening may move between threads
            *opened = spawn_blocking(move || runtime.block_on(Opened::open(&root, &url))).await??;
        }
        Ok(opened.store.clone())
    }
}

impl Opened {
    async fn open(root: &Path, url: &DatabaseUrl) -> anyhow::Result<Opened> {
        let store = Store::open(root, url).await?;
        Ok(Opened { store, file: file_identity(root, url) })
    }
}

fn file_identity(root: &Path, url: &DatabaseUrl) -> Option<(u64, u64)> {
    let DatabaseUrl::Sqlite(path) = url else { return None };
    std::fs::metadata(root.join(path)).ok().map(|file| (file.dev(), file.ino()))
}
