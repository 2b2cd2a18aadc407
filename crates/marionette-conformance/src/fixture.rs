//! What a store's author provides: a place for data, the passing of time, and a runtime.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use marionette::store::Store;
use tokio::runtime::{Builder, Runtime};

use crate::options::CommonOptions;

/// What the asynchronous methods of a [`Fixture`] return.
pub type FixtureFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A part of the contract that a store may leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// [`wait`](Store::wait) returns before its poll once a job may be claimed. A store with the
    /// default `wait` leaves it out.
    Waking,
    /// [`activity`](marionette::inspect::Inspect::activity): who changed what.
    Activity,
    /// [`unclaimed`](marionette::inspect::Inspect::unclaimed): the jobs that nobody can run.
    Unclaimed,
    /// [`leave`](Store::leave): an instance that stops is not listed any more.
    Leaving,
    /// What happens to claims that the store forgot. A fixture leaves it out that cannot take its
    /// data [back](Fixture::roll_back).
    Forgetting,
    /// The [options](marionette::store#the-options-of-a-store) that every store has. A fixture
    /// leaves them out that [opens no store with them](Fixture::open_with).
    Options,
}

/// One place where a store keeps its data, empty at first: each case has its own.
pub trait Fixture: Send + Sync + 'static {
    /// Opens a store on the data, as one more process would.
    ///
    /// Dropping the store stands for the death of its process: its unfinished work must not go
    /// on. A lease takes [ten units](Fixture::unit) and a poll 20, by which cases tell a wake-up
    /// from a poll; without [`Part::Waking`] a poll takes one. Ended jobs are kept for 10,000 units
    /// or longer.
    fn open(&self) -> FixtureFuture<'_, Arc<dyn Store>>;

    /// As [`open`](Self::open), with the number of done jobs that are kept.
    fn open_keeping(&self, done: usize) -> FixtureFuture<'_, Arc<dyn Store>>;

    /// As [`open`](Self::open), with these options, and with the defaults of the store for all
    /// others. [`with_common_options!`](crate::with_common_options) sets them, and does not compile
    /// if the store lacks one.
    ///
    /// `None` for a toy without options: then the cases about them are ignored, and the output says
    /// so.
    fn open_with(&self, options: &CommonOptions) -> Option<FixtureFuture<'_, Arc<dyn Store>>>;

    /// The parts of the contract that the store leaves out. Default is none. Their cases are
    /// ignored, and the output says so.
    fn left_out(&self) -> Vec<Part> {
        Vec::new()
    }

    /// Lets at least this much time pass on every clock of the store.
    ///
    /// Default is tokio's sleep, which returns at once on a paused clock.
    fn pass(&self, time: Duration) -> FixtureFuture<'_, ()> {
        Box::pin(tokio::time::sleep(time))
    }

    /// Whether [`pass`](Self::pass) lets days pass at once, as on a clock that can be moved.
    /// Default is no: then it is not tested that jobs are kept for a day and for 30 days.
    fn passes_days(&self) -> bool {
        false
    }

    /// Whether [`roll_back`](Self::roll_back) works. Default is no: then the cases about claims
    /// that a store forgot are ignored, and the output says so.
    fn can_roll_back(&self) -> bool {
        false
    }

    /// Notes how the data is now. Needs no default where nothing is rolled back.
    fn remember(&self) -> FixtureFuture<'_, ()> {
        Box::pin(async {})
    }

    /// Takes the data back to where it was when it was [remembered](Self::remember), as a server
    /// does that was killed or failed over before its last writes were safe: all claims since then
    /// are forgotten. Stores that are open stay open, and their instances live on. The cases change
    /// nothing else in between.
    ///
    /// # Panics
    ///
    /// By default, since nothing [can be rolled back](Self::can_roll_back).
    fn roll_back(&self) -> FixtureFuture<'_, ()> {
        panic!("this fixture cannot roll back")
    }

    /// Whether the connection to the store can be [cut](Self::cut), if it is [asked
    /// for](Self::cuttable). Default is no.
    fn can_be_cut(&self) -> bool {
        false
    }

    /// Has connections that can be cut, for all stores that are opened from now on. Default is
    /// nothing.
    fn cuttable(&mut self) {}

    /// Lets the connection be cut once in what is called next: before the server knows of the call,
    /// or after its effect and before the answer. Which call it is, and where it is cut, depends on
    /// the number alone; `None` calls it off. Returns how often it has been cut.
    ///
    /// Default is never.
    fn cut(&self, place: Option<u32>) -> u64 {
        let _ = place;
        0
    }

    /// The shortest time that the cases tell apart. Default is a second, for a clock that can be
    /// moved; a real clock may need 50 ms.
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

    /// The number of random cases in which the store is compared with the model. Default is 256.
    ///
    /// The model knows only the time that [`pass`](Self::pass) lets pass. So the store's clock
    /// stands still otherwise, or a unit is longer than a case takes, or this is 0.
    fn model_cases(&self) -> u32 {
        256
    }
}
