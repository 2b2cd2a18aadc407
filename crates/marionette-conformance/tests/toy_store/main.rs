//! A store in its shortest form, a map behind a mutex: what the author of a store has to write. It
//! passes the conformance suite, which this test runs.
//!
//! A store that keeps its data elsewhere has more to do. Several processes share it, so its wall
//! clock and the clock by which it finds instances dead are two; its calls go to a thread of its
//! own; it cuts its answers to [`CALL_BYTES_MAX`](marionette::store::CALL_BYTES_MAX), and forgets
//! which jobs were changed beyond [`CHANGED_JOBS_MAX`](marionette::inspect::CHANGED_JOBS_MAX).

mod inspect;
mod store;
mod tables;
mod row;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use marionette::store::Store;
use marionette_conformance::{Fixture, FixtureFuture, run};

use crate::store::{Data, ToyStore};
use crate::tables::Tables;

/// Where a case has its data.
struct Place {
    data: Arc<Data>,
    remembered: Mutex<Tables>,
}

impl Fixture for Place {
    fn open(&self) -> FixtureFuture<'_, Arc<dyn Store>> {
        self.open_keeping(1_000_000)
    }

    fn open_keeping(&self, keep_done: usize) -> FixtureFuture<'_, Arc<dyn Store>> {
        let data = self.data.clone();
        Box::pin(async move { Arc::new(ToyStore { data, keep_done }) as Arc<dyn Store> })
    }

    fn can_roll_back(&self) -> bool {
        true
    }

    fn remember(&self) -> FixtureFuture<'_, ()> {
        let tables = self.data.lock().clone();
        *self.remembered.lock().expect("no case panics") = tables;
        Box::pin(async {})
    }

    fn roll_back(&self) -> FixtureFuture<'_, ()> {
        let tables = self.remembered.lock().expect("no case panics").clone();
        *self.data.lock() = tables;
        Box::pin(async {})
    }
}

fn main() -> ExitCode {
    run(|| {
        let (data, remembered) = (Arc::new(Data::new()), Mutex::default());
        Box::new(Place { data, remembered })
    })
}
