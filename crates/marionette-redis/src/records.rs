//! Small values that programs keep in the store, beside its jobs.

use std::fmt;

use marionette::store::{Name, StoreError};

use crate::store::RedisStore;

/// The most bytes of a key, and of a value.
const KEY_BYTES_MAX: usize = 255;
const VALUE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Small values that programs keep in the store, beside its jobs: a shelf of records, each with a
/// key. Made by [`RedisStore::records`]; clones are the same shelf.
///
/// All processes that share the store share its records. One is replaced only by somebody who has
/// seen its latest value, so that of two processes that change it at once one sees the other's
/// change first. A record is as durable as a job, and stays until it is removed.
///
/// # When not to use it
///
/// For data that grows, for much of it, or for a cache: [`all`](Self::all) reads a whole shelf in
/// one call, and nothing is removed by itself.
#[derive(Clone)]
pub struct Records {
    store: RedisStore,
    shelf: Name,
}

impl RedisStore {
    /// The records on the shelf of this name. A shelf need not be made: without a record it is
    /// empty.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let Some(server) = marionette_servers::RedisServer::start() else { return Ok(()) };
    /// # let url = server.url();
    /// use marionette::store::Name;
    /// use marionette_redis::RedisStore;
    ///
    /// let store = RedisStore::connect(url).await?;
    /// let imports = store.records(Name::from_static("imports"));
    ///
    /// // How far an import has come: of two processes that go on with it, one has to look again.
    /// let seen = imports.get("orders.csv").await?;
    /// assert!(imports.replace("orders.csv", seen.as_deref(), Some(b"line 200")).await?);
    /// assert!(!imports.replace("orders.csv", seen.as_deref(), Some(b"line 100")).await?);
    /// assert_eq!(imports.get("orders.csv").await?.as_deref(), Some(&b"line 200"[..]));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn records(&self, shelf: Name) -> Records {
        let store = self.clone();
        Records { store, shelf }
    }
}

impl Records {
    /// The value of this key; `None` if there is no such record.
    ///
    /// # Errors
    ///
    /// If the server cannot be asked.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let (shelf, key) = (self.shelf.clone(), key.to_owned());
        let asked = self
            .store
            .run_for_caller(move |server| async move { server.record(&shelf, &key).await });
        asked.await
    }

    /// All records of the shelf, in no order.
    ///
    /// # Errors
    ///
    /// If the server cannot be asked.
    pub async fn all(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let shelf = self.shelf.clone();
        let asked = self
            .store
            .run_for_caller(move |server| async move { server.records(&shelf).await });
        let all = asked.await?.into_iter();
        Ok(all
            .filter_map(|(key, value)| Some((String::from_utf8(key).ok()?, value)))
            .collect())
    }

    /// How many records the shelf has.
    ///
    /// # Errors
    ///
    /// If the server cannot be asked.
    pub async fn count(&self) -> Result<u64, StoreError> {
        let shelf = self.shelf.clone();
        let asked = self
            .store
            .run_for_caller(move |server| async move { server.count_records(&shelf).await });
        asked.await
    }

    /// Makes `new` the value of this key if its value is still `seen`, and returns whether it is
    /// `new` now. `None` stands for no record: it makes one, or removes it.
    ///
    /// A value that is `new` already counts as replaced, whoever did it. A process that has to know
    /// that it was the one puts something of its own into the value.
    ///
    /// A record can also be replaced while the memory of the server is full.
    ///
    /// # Errors
    ///
    /// [`Refused`](marionette::store::StoreErrorKind::Refused) if the key is longer than 255 bytes
    /// or empty, or the new value is longer than 4 MiB; and if the server cannot be asked: then it
    /// may have been replaced or not.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, it may have been replaced or not; later it is not.
    pub async fn replace(
        &self,
        key: &str,
        seen: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<bool, StoreError> {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            let bytes = key.len();
            let what = format!("a record has a key of 1 to {KEY_BYTES_MAX} bytes, not of {bytes}");
            return Err(StoreError::refused(what));
        }
        if let Some(bytes) = new.map(<[u8]>::len).filter(|it| *it > VALUE_BYTES_MAX) {
            let most = VALUE_BYTES_MAX;
            let what = format!("the record {key:?} has {bytes} bytes, and {most} are the most");
            return Err(StoreError::refused(what));
        }
        let (shelf, key) = (self.shelf.clone(), key.to_owned());
        let [seen, new] = [seen, new].map(|value| value.map(<[u8]>::to_vec));
        let replaced = self.store.run_for_caller(move |server| async move {
            let (seen, new) = (seen.as_deref(), new.as_deref());
            server.replace_record(&shelf, &key, seen, new).await
        });
        replaced.await
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Records");
        shown.field("shelf", &self.shelf).finish_non_exhaustive()
    }
}
