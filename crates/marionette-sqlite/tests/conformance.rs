//! The store in a file does what every store must do.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use marionette::store::Store;
use marionette_conformance::{CommonOptions, Fixture, FixtureFuture, run, with_common_options};
use marionette_sqlite::{Clock, SqliteOptions, SqliteStore};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// Time passes at once where a case lets it pass, in real time while a caller waits for jobs, and
/// otherwise not at all.
const UNIT: Duration = Duration::from_millis(200);

struct InFile {
    directory: TempDir,
    clock: Clock,
}

impl InFile {
    async fn open_as(&self, options: SqliteOptions) -> Arc<dyn Store> {
        let options = options.clock(self.clock.clone());
        let store = options.open(self.directory.path().join("tasks.db")).await;
        Arc::new(store.expect("there is room"))
    }
}

fn options() -> SqliteOptions {
    SqliteStore::options().lease(UNIT * 10).poll(UNIT * 20)
}

impl Fixture for InFile {
    fn open(&self) -> FixtureFuture<'_, Arc<dyn Store>> {
        Box::pin(self.open_as(options()))
    }

    fn open_keeping(&self, done: usize) -> FixtureFuture<'_, Arc<dyn Store>> {
        Box::pin(self.open_as(options().keep_done_count(done as u64)))
    }

    fn open_with(&self, common: &CommonOptions) -> Option<FixtureFuture<'_, Arc<dyn Store>>> {
        let options = with_common_options!(SqliteStore::options(), common);
        Some(Box::pin(self.open_as(options)))
    }

    fn passes_days(&self) -> bool {
        true
    }

    fn pass(&self, time: Duration) -> FixtureFuture<'_, ()> {
        self.clock.advance(time);
        Box::pin(tokio::task::yield_now())
    }

    fn unit(&self) -> Duration {
        UNIT
    }

    fn runtime(&self) -> Runtime {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime of one thread needs next to nothing")
    }

    fn model_cases(&self) -> u32 {
        64
    }
}

fn main() -> ExitCode {
    run(|| {
        Box::new(InFile {
            directory: tempfile::tempdir().expect("there is room"),
            clock: Clock::still(),
        })
    })
}
