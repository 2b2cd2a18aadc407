//! `tokio::spawn` behind a semaphore: as many tasks at once as there are permits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore as Permits;

use crate::in_process::contender::{Contender, WORKERS, spawn};
use crate::in_process::work::{Work, by_hand};

/// A permit is taken before a task is spawned, and given back at its end.
#[derive(Clone)]
pub(crate) struct Semaphore {
    permits: Arc<Permits>,
}

impl<W: Work> Contender<W> for Semaphore {
    async fn start() -> Self {
        Self {
            permits: Arc::new(Permits::new(WORKERS)),
        }
    }

    async fn queue(&mut self, work: W) {
        // Closed: the stop was faster, and the task is refused.
        let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else {
            return;
        };
        if W::TRIES == 1 {
            tokio::spawn(async move {
                let _ = work.run(1).await;
                drop(permit);
            });
        } else {
            tokio::spawn(async move {
                by_hand(work).await;
                drop(permit);
            });
        }
    }

    async fn delay(&mut self, after: Duration, work: W) {
        let mut this = self.clone();
        spawn::after(after, async move { this.queue(work).await });
    }

    async fn stop(self) -> u64 {
        // All permits are back when nothing runs; the semaphore is fair, so waiting producers
        // come first.
        let permits = u32::try_from(WORKERS).unwrap_or(u32::MAX);
        let all = self.permits.acquire_many(permits).await;
        self.permits.close();
        drop(all);
        0
    }
}
