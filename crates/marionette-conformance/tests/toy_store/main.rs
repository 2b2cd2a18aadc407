//! A store in its shortest form, a map behind a mutex: what the author of a store has to write. It
//! passes the conformance suite, which this test runs. What the contract lets a store leave out, it
//! leaves out: it wakes nobody, keeps no activity, and does not look for jobs that nobody can run.
//!
//! A store that keeps its data elsewhere has more to do. Several processes share it, so its wall
//! clock and the clock by which it finds instances dead are two; its calls go to a thread of its
//! own, and each does a bounded amount of work; and it has
//! [options](marionette::store#the-options-of-a-store).

mod store;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use marionette::store::Store;
use marionette_conformance::{CommonOptions, Fixture, FixtureFuture, Part, run};

use crate::store::{Tables, ToyStore};

/// Where a case has its data.
struct Place {
    store: ToyStore,
    remembered: Mutex<Tables>,
}

impl Fixture for Place {
    fn open(&self) -> FixtureFuture<'_, Arc<dyn Store>> {
        self.open_keeping(1_000_000)
    }

    fn open_keeping(&self, keep_done: usize) -> FixtureFuture<'_, Arc<dyn Store>> {
        let mut store = self.store.clone();
        store.keep_done = keep_done;
        Box::pin(async { Arc::new(store) as Arc<dyn Store> })
    }

    fn open_with(&self, _: &CommonOptions) -> Option<FixtureFuture<'_, Arc<dyn Store>>> {
        None
    }

    fn left_out(&self) -> Vec<Part> {
        use Part::{Activity, Leaving, Unclaimed, Waking};
        vec![Waking, Activity, Unclaimed, Leaving]
    }

    fn can_roll_back(&self) -> bool {
        true
    }

    fn remember(&self) -> FixtureFuture<'_, ()> {
        let tables = self.store.tables.lock().expect("no case panics").clone();
        *self.remembered.lock().expect("no case panics") = tables;
        Box::pin(async {})
    }

    fn roll_back(&self) -> FixtureFuture<'_, ()> {
        let tables = self.remembered.lock().expect("no case panics").clone();
        *self.store.tables.lock().expect("no case panics") = tables;
        Box::pin(async {})
    }
}

fn main() -> ExitCode {
    run(|| {
        let (store, remembered) = (ToyStore::new(), Mutex::default());
        Box::new(Place { store, remembered })
    })
}
