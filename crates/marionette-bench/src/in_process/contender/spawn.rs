//! `tokio::spawn` in a loop: the runtime's own queue, without a bound; the kind one yields.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::in_process::contender::Contender;
use crate::in_process::work::{Work, by_hand};

/// How many tasks the kind producer spawns before it yields: as many as our queue holds.
const KINDNESS: u32 = 64;

/// `tokio::spawn`, and nothing else.
#[derive(Clone)]
pub(crate) struct Spawn<const KIND: bool> {
    runtime: Handle,
    spawned: u32,
    // Delayed tasks handed in, and those of them that sleep.
    delayed: u64,
    asleep: Arc<AtomicU64>,
}

impl<W: Work, const KIND: bool> Contender<W> for Spawn<KIND> {
    async fn start() -> Self {
        Self {
            runtime: Handle::current(),
            spawned: 0,
            delayed: 0,
            asleep: Arc::default(),
        }
    }

    async fn queue(&mut self, work: W) {
        spawn(&self.runtime, work);
        if KIND {
            self.spawned += 1;
            if self.spawned.is_multiple_of(KINDNESS) {
                tokio::task::yield_now().await;
            }
        }
    }

    fn queue_blocking(&mut self, work: W) {
        spawn(&self.runtime, work);
    }

    async fn delay(&mut self, after: Duration, work: W) {
        let asleep = Arc::clone(&self.asleep);
        self.delayed += 1;
        tokio::spawn(async move {
            let mut sleep = pin!(tokio::time::sleep(after));
            // The timer knows of a sleep only once it was polled: the first poll counts it.
            let mut counted = false;
            std::future::poll_fn(|cx| {
                let woken = sleep.as_mut().poll(cx);
                if !counted {
                    counted = true;
                    asleep.fetch_add(1, Ordering::Relaxed);
                }
                woken
            })
            .await;
            let _ = work.run(1).await;
        });
    }

    async fn settled(&self) {
        while self.asleep.load(Ordering::Relaxed) < self.delayed {
            tokio::task::yield_now().await;
        }
    }
}

fn spawn<W: Work>(runtime: &Handle, work: W) {
    if W::TRIES == 1 {
        runtime.spawn(work.run(1));
    } else {
        runtime.spawn(by_hand(work));
    }
}

/// Sleeps, then hands over: adds a timer to a contender without one.
pub(crate) fn after(pause: Duration, then: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(async move {
        tokio::time::sleep(pause).await;
        then.await;
    });
}
