//! Stores that somebody might hand over: with a schema, values, pages or logs that no store has.
//!
//! The tests of the store and those of the command use the same ones, by `#[path]`.

#![allow(dead_code)] // Each test uses some of it.

mod base;
mod damage;
mod logs;
mod schemas;
mod values;

use std::fmt;
use std::path::Path;

#[allow(unused_imports)] // As above.
pub(crate) use base::{BASE_READY, good};

/// A store that is not as a store should be.
pub(crate) struct HostileStore {
    /// What is wrong with it.
    pub(crate) name: String,
    /// What is to be expected of it.
    pub(crate) kind: Kind,
    make: Box<dyn Fn(&Path) + Send + Sync>,
}

/// What is to be expected of a hostile store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Its tables are not those of the library: it is refused, whoever asks.
    Schema,
    /// Single rows hold what nobody wrote there: the others are shown and run.
    Values,
    /// Its pages are damaged: an error, or data.
    Damage,
    /// Its log, or the index of that, is not its own: an error, or data.
    Log,
    /// It is unusual, and still a store: it works.
    Fine,
}

impl HostileStore {
    fn new(
        kind: Kind,
        name: impl Into<String>,
        make: impl Fn(&Path) + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            kind,
            make: Box::new(make),
        }
    }

    /// Makes it: the file, and what lies beside it. There must be nothing yet.
    pub(crate) fn make(&self, path: &Path) {
        (self.make)(path);
    }
}

impl fmt::Debug for HostileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.name)
    }
}

/// All of them, always in the same order.
pub(crate) fn hostile_stores() -> Vec<HostileStore> {
    let mut stores = schemas::all();
    stores.extend(values::all());
    stores.extend(damage::all());
    stores.extend(logs::all());
    stores
}
