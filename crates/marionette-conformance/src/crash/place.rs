//! Where processes share a store, and how it is opened there.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use marionette::store::Store;

use crate::fixture::FixtureFuture;

const FOLDER: &str = "MARIONETTE_CRASH_FOLDER";
const ADDRESS: &str = "MARIONETTE_CRASH_ADDRESS";
const NAME: &str = "MARIONETTE_CRASH_NAME";
const LEASE: &str = "MARIONETTE_CRASH_LEASE";
const PRUNES: &str = "MARIONETTE_CRASH_PRUNES";

/// A kind of store, and how its tests are run.
#[derive(Debug)]
pub struct Ground {
    /// Opens the store of a place, as every process of these tests does. Panics if it cannot be
    /// opened, whatever happened before.
    pub open: fn(Place) -> FixtureFuture<'static, Arc<dyn Store>>,
    /// Panics if what lies below the store is damaged.
    pub check: fn(Place) -> FixtureFuture<'static, ()>,
    /// The package that has the tests.
    pub package: &'static str,
}

/// Where processes share a store, and what they agree on.
#[derive(Clone, Debug)]
pub struct Place {
    /// The folder of the history, and of a store in a file.
    pub folder: PathBuf,
    /// The address of a store on a server, else empty.
    pub address: String,
    /// The name of a store on a server, else empty.
    pub name: String,
    /// The length of a lease.
    pub lease: Duration,
    /// Whether done jobs are pruned at once.
    pub prunes: bool,
}

impl Place {
    /// What a child is told.
    pub(super) fn words(&self) -> [(&'static str, String); 5] {
        [
            (FOLDER, self.folder.to_string_lossy().into_owned()),
            (ADDRESS, self.address.clone()),
            (NAME, self.name.clone()),
            (LEASE, self.lease.as_millis().to_string()),
            (PRUNES, self.prunes.to_string()),
        ]
    }

    /// What this child was told.
    pub(super) fn told() -> Self {
        let word = |name| env::var(name).expect("its parent says it");
        let lease = word(LEASE).parse().expect("a number of milliseconds");
        Self {
            folder: word(FOLDER).into(),
            address: word(ADDRESS),
            name: word(NAME),
            lease: Duration::from_millis(lease),
            prunes: word(PRUNES) == "true",
        }
    }

    pub(super) fn history(&self) -> PathBuf {
        self.folder.join("history")
    }
}
