//! The job of these tests, and all that one may do while its manager stops.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use marionette::store::{JobOptions, Name, NewJob};
use marionette::{Context, Job, TaskError, TaskId};
use marionette_conformance::history::History;
use serde::{Deserialize, Serialize};

use crate::clock;

/// What an attempt does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Way {
    /// It is done at once.
    Quick,
    /// It waits, and is done.
    Waits,
    /// It blocks its thread, and is done.
    Blocks,
    /// It ends when it is asked to: done, or with an error.
    Listens,
    /// It never ends by itself.
    Deaf,
    /// The first attempt fails.
    FailsOnce,
    /// The first attempt wants to come again.
    Snoozes,
}

const WAYS: [Way; 7] = [
    Way::Quick,
    Way::Waits,
    Way::Blocks,
    Way::Listens,
    Way::Deaf,
    Way::FailsOnce,
    Way::Snoozes,
];

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Work {
    /// The job's own id, in which the history writes of it.
    id: String,
    way: Way,
    millis: u64,
}

impl Job for Work {
    const KIND: &'static str = "work";
    type Output = ();
}

/// A job as data, with the number of its attempts that are going to fail.
pub(crate) fn job(rng: &mut fastrand::Rng) -> (NewJob, u32) {
    let id = TaskId::new();
    let way = WAYS[rng.usize(..WAYS.len())];
    let work = Work {
        id: id.to_string(),
        way,
        millis: rng.u64(1..15),
    };
    let fails = u32::from(way == Way::FailsOnce);
    let mut options = JobOptions::default();
    // One more than it needs would hide an attempt that a stop has cost.
    options.retries = fails;
    let job = NewJob::new(
        Name::from_static(Work::KIND),
        serde_json::to_vec(&work).expect("it is plain data"),
    )
    .id(id)
    .options(options);
    (job, fails)
}

/// What attempts know of each other.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// What has been started once: from then on it is quick, or there would be no end to it.
    known: Mutex<HashSet<TaskId>>,
    /// Everything is quick now.
    ends: AtomicBool,
}

impl World {
    pub(crate) fn end(&self) {
        self.ends.store(true, Ordering::Relaxed);
    }

    fn is_first(&self, job: TaskId) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(job) && !self.ends.load(Ordering::Relaxed)
    }
}

/// One attempt.
pub(crate) async fn handle(
    world: Arc<World>,
    history: Arc<History>,
    work: Work,
    context: Context,
) -> Result<(), TaskError> {
    let job: TaskId = work.id.parse().map_err(|_| "an id is an id")?;
    let attempt = history.start(job);
    let is_first = world.is_first(job);
    let time = Duration::from_millis(work.millis);
    match work.way {
        Way::Waits => tokio::time::sleep(time).await,
        // Some of them for longer than any grace.
        Way::Blocks if work.millis > 12 => clock::sleep(time * 11),
        Way::Blocks => clock::sleep(time * 2),
        Way::Listens if is_first => {
            context.cancelled().await;
            if work.millis.is_multiple_of(2) {
                return Err("it was asked to end".into());
            }
        }
        Way::Deaf if is_first => std::future::pending().await,
        Way::FailsOnce if context.attempt() == 1 => {
            let pause = Duration::from_millis(1);
            return Err(TaskError::retry_after(pause, "the first attempt fails"));
        }
        Way::Snoozes if is_first => return Err(TaskError::snooze(time)),
        _ => {}
    }
    attempt.effect();
    Ok(())
}
