//! The store in the process does what every store must do.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use marionette::MemoryStore;
use marionette::inspect::Inspect;
use marionette_conformance::{Fixture, FixtureFuture, run};

struct InMemory(MemoryStore);

impl Fixture for InMemory {
    fn open(&self) -> FixtureFuture<'_, Arc<dyn Inspect>> {
        Box::pin(async { Arc::new(self.0.clone()) as Arc<dyn Inspect> })
    }
}

fn main() -> ExitCode {
    run(|| {
        let store = MemoryStore::builder()
            .lease(Duration::from_secs(10))
            .poll(Duration::from_secs(20));
        Box::new(InMemory(store.build()))
    })
}
