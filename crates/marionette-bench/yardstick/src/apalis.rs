//! What the contenders on apalis share: how jobs are pushed, what a worker runs, how it starts, and
//! what mode `tuned` changes.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, SystemTime};

use apalis_core::backend::TaskSink;
use apalis_core::error::{BoxDynError, WorkerError};
use apalis_core::task::builder::TaskBuilder;
use apalis_core::task::data::Data;
// What `start_worker` writes down.
pub use ::apalis::layers::WorkerBuilderExt;
pub use apalis_core::worker::builder::WorkerBuilder;

use crate::job::{Job, Work};

/// The queue's name.
pub const QUEUE: &str = "bench";

/// How often a storage looks for jobs in mode `tuned`.
pub const POLL_TUNED: Duration = Duration::from_millis(10);

/// How many jobs a storage fetches at a time in mode `tuned`; 10 by default.
pub const BATCH_TUNED: usize = 100;

/// Starts a worker on a backend. A macro, because the bounds of a function would be longer than all
/// that is shared.
#[macro_export]
macro_rules! start_worker {
    ($backend:expr, $at_once:expr, $work:expr) => {{
        use $crate::apalis::WorkerBuilderExt as _;
        let name = format!("bench-{}", ::std::process::id());
        let worker = $crate::apalis::WorkerBuilder::new(name)
            .backend($backend)
            .data($work)
            .concurrency($at_once)
            .build($crate::apalis::run);
        $crate::apalis::spawn(worker.run())
    }};
}

/// What a worker runs.
///
/// # Errors
///
/// None; apalis wants a job that can fail.
pub async fn run(job: Job, work: Data<Work>) -> Result<(), BoxDynError> {
    work.run(job).await;
    Ok(())
}

/// Lets a worker run for as long as the process lives.
///
/// # Panics
///
/// The worker's task does, when the worker ends with an error.
pub fn spawn(worker: impl Future<Output = Result<(), WorkerError>> + Send + 'static) {
    tokio::spawn(async move { worker.await.expect("the worker runs") });
}

/// Adds a job.
///
/// # Panics
///
/// When the storage refuses it.
pub async fn push<S: TaskSink<Job, K, Error: Debug>, K>(mut storage: S, job: Job) {
    let pushed = storage.push(job).await;
    pushed.expect("the job is added");
}

/// Adds many jobs in one call.
///
/// # Panics
///
/// When the storage refuses them.
pub async fn push_many<S: TaskSink<Job, K, Error: Debug>, K>(mut storage: S, jobs: Vec<Job>) {
    let pushed = storage.push_bulk(jobs).await;
    pushed.expect("the jobs are added");
}

/// Adds a job that is due at a time.
///
/// # Panics
///
/// When the storage refuses it.
pub async fn push_at<S: TaskSink<Job, K, Error: Debug>, K>(
    mut storage: S,
    due: SystemTime,
    job: Job,
) {
    let task = TaskBuilder::new(job).run_at_time(due).build();
    let pushed = storage.push_task(task).await;
    pushed.expect("the job is added");
}
