//! Small values in a store that machines share: what this program would keep beside a file.

#[cfg(any(test, not(feature = "redis")))]
use std::collections::BTreeMap;
#[cfg(any(test, not(feature = "redis")))]
use std::sync::{Arc, Mutex};

use anyhow::Result;

#[cfg(feature = "redis")]
use super::error::explain;

/// Small values in a store that machines share. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) enum Records {
    #[cfg(feature = "redis")]
    Redis(marionette_redis::Records),
    /// Records of this process alone, for tests.
    #[cfg(any(test, not(feature = "redis")))]
    #[cfg_attr(not(test), allow(dead_code))] // Without a server no store is shared.
    Here(Arc<Mutex<BTreeMap<String, Vec<u8>>>>),
}

#[cfg_attr(not(feature = "redis"), allow(clippy::unused_async))] // Only a server is waited for.
impl Records {
    /// The value of this key; `None` if there is none.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        match self {
            #[cfg(feature = "redis")]
            Self::Redis(records) => records.get(key).await.map_err(explain),
            #[cfg(any(test, not(feature = "redis")))]
            Self::Here(records) => Ok(records.lock().expect("nobody panics").get(key).cloned()),
        }
    }

    /// All keys and their values.
    pub(crate) async fn all(&self) -> Result<Vec<(String, Vec<u8>)>> {
        match self {
            #[cfg(feature = "redis")]
            Self::Redis(records) => records.all().await.map_err(explain),
            #[cfg(any(test, not(feature = "redis")))]
            Self::Here(records) => {
                let records = records.lock().expect("nobody panics");
                let all = records
                    .iter()
                    .map(|(key, value)| (key.clone(), value.clone()));
                Ok(all.collect())
            }
        }
    }

    /// How many there are.
    pub(crate) async fn count(&self) -> Result<u64> {
        match self {
            #[cfg(feature = "redis")]
            Self::Redis(records) => records.count().await.map_err(explain),
            #[cfg(any(test, not(feature = "redis")))]
            Self::Here(records) => Ok(records.lock().expect("nobody panics").len() as u64),
        }
    }

    /// Replaces the value of a key if it is still the one that was seen; returns whether the new
    /// one is there.
    pub(crate) async fn replace(
        &self,
        key: &str,
        seen: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<bool> {
        match self {
            #[cfg(feature = "redis")]
            Self::Redis(records) => records.replace(key, seen, new).await.map_err(explain),
            #[cfg(any(test, not(feature = "redis")))]
            Self::Here(records) => {
                let mut records = records.lock().expect("nobody panics");
                let now = records.get(key).map(Vec::as_slice);
                if now != seen && now != new {
                    return Ok(false);
                }
                match new {
                    Some(new) => records.insert(key.to_owned(), new.to_vec()),
                    None => records.remove(key),
                };
                Ok(true)
            }
        }
    }
}
