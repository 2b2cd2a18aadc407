//! The store in the process does what every store must do.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use marionette::store::Store;
use marionette::{MemoryOptions, MemoryStore};
use marionette_conformance::{CommonOptions, Fixture, FixtureFuture, run, with_common_options};

struct InMemory(MemoryStore);

impl Fixture for InMemory {
    fn open(&self) -> FixtureFuture<'_, Arc<dyn Store>> {
        Box::pin(async { Arc::new(self.0.clone()) as Arc<dyn Store> })
    }

    fn can_roll_back(&self) -> bool {
        true
    }

    fn roll_back(&self) -> FixtureFuture<'_, ()> {
        // The cases claim nothing before what is to be forgotten that they have not settled.
        self.0.forget_claims(usize::MAX);
        Box::pin(async {})
    }

    fn open_keeping(&self, done: usize) -> FixtureFuture<'_, Arc<dyn Store>> {
        let store = builder().keep_done_count(done as u64).build();
        Box::pin(async { Arc::new(store) as Arc<dyn Store> })
    }

    fn open_with(&self, common: &CommonOptions) -> Option<FixtureFuture<'_, Arc<dyn Store>>> {
        let store = with_common_options!(MemoryStore::options(), common).build();
        Some(Box::pin(async { Arc::new(store) as Arc<dyn Store> }))
    }

    fn passes_days(&self) -> bool {
        true
    }
}

fn builder() -> MemoryOptions {
    let lease = Duration::from_secs(10);
    MemoryStore::options().lease(lease).poll(2 * lease)
}

fn main() -> ExitCode {
    run(|| Box::new(InMemory(builder().build())))
}
