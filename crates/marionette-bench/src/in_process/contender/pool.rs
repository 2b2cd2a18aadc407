//! The obvious pool that a user writes in twenty lines: some tasks that take boxed futures from a
//! bounded channel and run them. It has no ids, no retries, no time-outs, no handles, and a task
//! that panics takes its worker with it: these rows show what a channel costs, and no more.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::in_process::contender::channel::{Receiving, Sending, boxed};
use crate::in_process::contender::{Contender, QUEUE, WORKERS, spawn};
use crate::in_process::work::Work;

/// Four workers behind a channel of 64.
#[derive(Clone)]
pub(crate) struct Pool<S> {
    sender: S,
    workers: Arc<Mutex<JoinSet<()>>>,
}

impl<S: Sending, W: Work> Contender<W> for Pool<S> {
    async fn start() -> Self {
        let (sender, receiver) = S::bounded(QUEUE);
        let mut workers = JoinSet::new();
        for _ in 0..WORKERS {
            let receiver = receiver.clone();
            workers.spawn(async move {
                while let Some(task) = receiver.receive().await {
                    task.await;
                }
            });
        }
        Self {
            sender,
            workers: Arc::new(Mutex::new(workers)),
        }
    }

    async fn queue(&mut self, work: W) {
        self.sender.send(boxed(work)).await;
    }

    fn queue_blocking(&mut self, work: W) {
        self.sender.send_blocking(boxed(work));
    }

    async fn delay(&mut self, after: Duration, work: W) {
        let mut this = self.clone();
        spawn::after(after, async move { this.queue(work).await });
    }

    async fn stop(self) -> u64 {
        self.sender.close();
        let mut workers = self.workers.lock().await;
        while workers.join_next().await.is_some() {}
        0
    }
}
