//! The contenders: what each must offer, each used as its users would.

pub(crate) mod name;

pub(crate) mod marionette;
pub(crate) mod spawn;
pub(crate) mod semaphore;
pub(crate) mod sketch;
pub(crate) mod pool;
pub(crate) mod channel;
pub(crate) mod delay_queue;
pub(crate) mod apalis;
pub(crate) mod cron;

use std::future::Future;
use std::time::{Duration, SystemTime};

use marionette_yardstick::clock;

use crate::in_process::work::Work;

/// Tasks that run at once.
pub(crate) const WORKERS: usize = 4;

/// Tasks that may wait.
pub(crate) const QUEUE: usize = 64;

/// A way to run tasks. Each producer has a clone of its own.
///
/// The methods with a default body are optional: [`name::Name::cannot`] says which contender lacks
/// which, and no contender is asked for what it lacks.
pub(crate) trait Contender<W: Work>: Clone + Send + Sync + 'static {
    /// Four workers behind a queue of 64, running.
    fn start() -> impl Future<Output = Self> + Send;

    /// Hands a task in, from a task of the runtime; waits for room where there is a bound.
    fn queue(&mut self, work: W) -> impl Future<Output = ()> + Send;

    /// Hands a task in from a thread outside the runtime.
    fn queue_blocking(&mut self, work: W) {
        let _ = work;
        unreachable!("only asked of those that can")
    }

    /// Hands a task in that runs after a pause.
    fn delay(&mut self, after: Duration, work: W) -> impl Future<Output = ()> + Send {
        async move {
            let _ = (after, work);
            unreachable!("only asked of those that can")
        }
    }

    /// Hands a task in that runs at a time of the wall clock. Default is a delay until then.
    fn schedule(&mut self, time: SystemTime, work: W) -> impl Future<Output = ()> + Send {
        async move {
            let after = time.duration_since(clock::wall()).unwrap_or_default();
            self.delay(after, work).await;
        }
    }

    /// Waits until every delayed task is where it waits for its time.
    fn settled(&self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Stops as gracefully as it can, and returns how many tasks it gives back.
    fn stop(self) -> impl Future<Output = u64> + Send {
        async { unreachable!("only asked of those that can") }
    }
}
