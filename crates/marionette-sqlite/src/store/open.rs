//! Opening a store: it blocks, so a thread does it.

use std::path::Path;
use std::sync::Arc;

use marionette::store::StoreError;
use tokio::sync::oneshot;

use super::SqliteStore;
use super::inner::Inner;
use crate::file::{checks, opening, schema};
use crate::options::{Additions, Settings, SqliteOptions};
use crate::threads::{reply, spawn};

impl SqliteOptions {
    /// Opens the store in this file, and makes the file if there is none.
    ///
    /// # Errors
    ///
    /// [Broken](marionette::store::StoreErrorKind::Broken) if it is no database, is damaged, or was
    /// made by a newer version of this library, if its tables are not as this library makes them,
    /// or if the SQLite library is older than 3.51.3.
    /// [Refused](marionette::store::StoreErrorKind::Refused) for `:memory:` and the empty name, for
    /// what means more than a name elsewhere (`file:…`, `sqlite:…`, `~/…`, `…?mode=ro`), for a file
    /// with more than one name (hard links), for a link, a pipe or the like in the place of a file
    /// that SQLite keeps beside it, for one that others can change, if [that is
    /// checked](Self::check_owner), and for one in which somebody has [added
    /// something](Self::trust_additions) to the store's tables. Nothing is left of a file that was
    /// made and could not be opened. [Full](marionette::store::StoreErrorKind::Full) and
    /// [unavailable](marionette::store::StoreErrorKind::Unavailable) as everywhere.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the store is closed again.
    pub async fn open(self, path: impl AsRef<Path>) -> Result<SqliteStore, StoreError> {
        SqliteStore::open_with(path.as_ref(), self.settings).await
    }

    /// As [`SqliteStore::version_of`], with these settings.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), but for a newer version, which is told.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn version_of(self, path: impl AsRef<Path>) -> Result<Option<u32>, StoreError> {
        SqliteStore::version_with(path.as_ref(), self.settings).await
    }
}

impl SqliteStore {
    pub(crate) async fn version_with(
        path: &Path,
        settings: Settings,
    ) -> Result<Option<u32>, StoreError> {
        checks::check_path(path)?;
        let (reply, answer) = oneshot::channel();
        let name = path.to_owned();
        let thread = spawn("mtt-sqlite-peek", move || {
            let peek = || {
                checks::check_before(&name, &settings)?;
                let connection = opening::peek(&name, &settings)?;
                // Additions of the application cannot change the answer.
                schema::peek(&connection, &name, Additions::Trusted)
            };
            let _ = reply.send(peek());
        })?;
        let version = answer.await.unwrap_or_else(|_| Err(reply::stopped(path)));
        // The thread has answered, so it ends now.
        let _ = thread.join();
        version
    }

    /// Opens the store on a thread of its own, since that blocks.
    pub(crate) async fn open_with(path: &Path, settings: Settings) -> Result<Self, StoreError> {
        checks::check_library(rusqlite::version_number(), rusqlite::version())?;
        checks::check_path(path)?;
        let (reply, opened) = oneshot::channel();
        let name = path.to_owned();
        let thread = spawn("mtt-sqlite-open", move || {
            let _ = reply.send(Inner::open(&name, settings));
        })?;
        let inner = opened.await.unwrap_or_else(|_| Err(reply::stopped(path)));
        // The thread has answered, so it ends now.
        let _ = thread.join();
        inner.map(|inner| Self {
            inner: Arc::new(inner),
        })
    }
}
