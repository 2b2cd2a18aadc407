//! What a store's author provides: a place for data, the passing of time, and a runtime.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use marionette::inspect::Inspect;
use tokio::runtime::{Builder, Runtime};

/// What the asynchronous methods of a [`Fixture`] return.
pub type FixtureFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One place where a store keeps its data, empty at first: each case has its own.
pub trait Fixture: Send + Sync + 'static {
    /// Opens a store on the data, as one more process would.
    ///
    /// A store that is dropped is a process that died: nothing of what it left undone may go
    /// on. Its lease takes [ten units](Fixture::unit), and its poll 20: by that, cases tell a
    /// wake-up from a poll. What is over is kept for 10,000 units or longer.
    fn open(&self) -> FixtureFuture<'_, Arc<dyn Inspect>>;

    /// As [`open`](Self::open), with the number of done jobs that are kept.
    fn open_keeping(&self, done: usize) -> FixtureFuture<'_, Arc<dyn Inspect>>;

    /// Lets at least so much time pass, for everything that the store goes by.
    ///
    /// Default is tokio's sleep: at once on a paused clock, and in real time else.
    fn pass(&self, time: Duration) -> FixtureFuture<'_, ()> {
        Box::pin(tokio::time::sleep(time))
    }

    /// The pace of the cases, the shortest time that they tell apart. Default is a second, which
    /// is for a clock that can be moved; one that cannot may need 50 ms.
    fn unit(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// The runtime of a case. Default is one thread and a paused clock.
    ///
    /// # Panics
    ///
    /// If the system refuses what a runtime needs.
    fn runtime(&self) -> Runtime {
        let mut builder = Builder::new_current_thread();
        let runtime = builder.enable_all().start_paused(true).build();
        runtime.expect("a runtime of one thread needs next to nothing")
    }

    /// In how many random cases the store is compared with the model. Default is 256. The model
    /// knows no time but what is passed here, so the store's clock has to stand still otherwise, or
    /// a unit has to be longer than a case takes; else this is 0.
    fn model_cases(&self) -> u32 {
        256
    }
}
