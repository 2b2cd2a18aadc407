//! Counts the tasks that ran and keeps the moment of the last one: the end of a measurement.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::clock;

/// How long a contender may take before its figure is given up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The counter that every task adds one to.
///
/// It lives for ever, so that a task holds a plain reference: a shared `Arc` would measure its own
/// reference count on two cores, the same for everybody and larger than what is compared.
/// Aligned, so that nothing else shares its cache line.
#[derive(Debug)]
#[repr(align(128))]
pub struct Tally {
    done: AtomicU64,
    target: u64,
    end: OnceLock<Instant>,
    all: Notify,
}

impl Tally {
    /// A tally that ends at `target` tasks.
    #[must_use]
    pub fn new(target: u64) -> &'static Self {
        Box::leak(Box::new(Self {
            done: AtomicU64::new(0),
            target,
            end: OnceLock::new(),
            all: Notify::new(),
        }))
    }

    /// One more task ran; the last one takes the time.
    // Relaxed: nothing else is published by the count; `end` and `all` synchronise by themselves.
    pub fn add(&self) {
        if self.done.fetch_add(1, Ordering::Relaxed) + 1 == self.target {
            // A second setter would be a task that ran twice: `finished` finds it in the count.
            let _ = self.end.set(clock::now());
            self.all.notify_one();
        }
    }

    /// How many ran so far.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Waits for the last task, and returns when it ran.
    ///
    /// # Panics
    ///
    /// When tasks are missing after [`PATIENCE`], or when more ran than were handed in: then the
    /// contender did not do the work, and there is no figure.
    pub async fn finished(&self) -> Instant {
        let end = self.wait(PATIENCE).await;
        let end = end.unwrap_or_else(|| panic!("{} of {} tasks ran", self.done(), self.target));
        // Time for a second run of a task to show itself.
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(
            self.done(),
            self.target,
            "more tasks ran than were handed in"
        );
        end
    }

    /// Waits for the last task, but no longer than `limit`.
    pub async fn wait(&self, limit: Duration) -> Option<Instant> {
        let _ = tokio::time::timeout(limit, self.all.notified()).await;
        self.end.get().copied()
    }
}
