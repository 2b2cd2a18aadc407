//! `apalis` with its store in memory, as its README shows it: one worker, four tasks at once, and
//! in the parallel row each task in a task of the runtime.

use std::future::Future;
use std::sync::Arc;

use apalis::layers::WorkerBuilderExt;
use apalis::layers::retry::RetryPolicy;
use apalis_core::backend::memory::{MemorySink, MemoryStorage, MemoryStorageError};
use apalis_core::error::{BoxDynError, WorkerError};
use apalis_core::task::Task;
use apalis_core::task::attempt::Attempt;
use apalis_core::task::builder::TaskBuilder;
use apalis_core::worker::builder::WorkerBuilder;
use apalis_core::worker::ext::parallelize::ParallelizeExt;
use futures_channel::mpsc::{UnboundedSender, unbounded};
use futures_util::lock::Mutex as SinkMutex;
use futures_util::{SinkExt, StreamExt};
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;

use crate::in_process::contender::{Contender, WORKERS};
use crate::in_process::work::Work;

/// A worker and a sink of this producer's own.
pub(crate) struct Apalis<W, const PARALLEL: bool> {
    sender: UnboundedSender<Task<W>>,
    sink: MemorySink<W>,
    stop: Arc<Notify>,
    worker: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// The sink of one producer.
///
/// `MemoryStorage` gives away its own sink only to the worker, so a program that hands tasks in
/// while the worker runs brings the channel. Producers do not share a sink, as the types allow:
/// its `start_send` unwraps a `try_lock`, which panics as soon as two of them meet.
fn sink<W: Work>(sender: &UnboundedSender<Task<W>>) -> MemorySink<W> {
    let sink = sender.clone().sink_map_err(MemoryStorageError::from);
    MemorySink::new(Arc::new(SinkMutex::new(Box::new(sink))))
}

/// The handler.
async fn handle<W: Work>(work: W, attempt: Attempt) -> Result<(), BoxDynError> {
    work.run(u32::try_from(attempt.current())?).await?;
    Ok(())
}

fn spawn(worker: impl Future<Output = Result<(), WorkerError>> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(async move { worker.await.expect("the worker runs") })
}

impl<W, const PARALLEL: bool> Clone for Apalis<W, PARALLEL>
where
    W: Work,
{
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            sink: sink(&self.sender),
            stop: Arc::clone(&self.stop),
            worker: Arc::clone(&self.worker),
        }
    }
}

impl<W: Work, const PARALLEL: bool> Contender<W> for Apalis<W, PARALLEL> {
    async fn start() -> Self {
        let (sender, receiver) = unbounded();
        let storage = MemoryStorage::new_with(sink(&sender), receiver.boxed());
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let signal = async move {
            stopped.notified().await;
            Ok::<(), std::io::Error>(())
        };
        let builder = WorkerBuilder::new("bench")
            .backend(storage)
            .concurrency(WORKERS);
        let retries = RetryPolicy::retries(W::TRIES as usize - 1);
        // Each layer is paid for only where it is used.
        let worker = if PARALLEL {
            spawn(
                builder
                    .parallelize(tokio::spawn)
                    .build(handle::<W>)
                    .run_until(signal),
            )
        } else if W::TRIES > 1 {
            spawn(builder.retry(retries).build(handle::<W>).run_until(signal))
        } else {
            spawn(builder.build(handle::<W>).run_until(signal))
        };
        let worker = Arc::new(Mutex::new(Some(worker)));
        Self {
            sink: sink(&sender),
            sender,
            stop,
            worker,
        }
    }

    async fn queue(&mut self, work: W) {
        let task = TaskBuilder::new(work).build();
        self.sink.send(task).await.expect("the worker lives");
    }

    async fn stop(self) -> u64 {
        self.stop.notify_one();
        if let Some(worker) = self.worker.lock().await.take() {
            worker.await.expect("the worker ends");
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use marionette_yardstick::tally::Tally;

    use super::*;
    use crate::in_process::workload::throughput::Count;

    /// Why it has no figures where tasks wait for their time.
    #[tokio::test]
    async fn a_task_for_tomorrow_runs_now() {
        let tally = Tally::new(1);
        let mut apalis = Apalis::<Count, false>::start().await;
        let tomorrow = TaskBuilder::new(Count(tally)).run_after(Duration::from_secs(86_400));
        apalis
            .sink
            .send(tomorrow.build())
            .await
            .expect("the worker lives");
        tally.finished().await;
    }
}
