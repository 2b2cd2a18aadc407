//! `tokio-util`'s `DelayQueue`: a timer wheel behind a mutex, and a task that spawns what is due.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::time::DelayQueue;

use crate::in_process::contender::Contender;
use crate::in_process::contender::channel::{Boxed, boxed};
use crate::in_process::work::Work;

/// The wheel and the driver's alarm, which rings when an empty wheel gets its first task: an
/// empty one does not wait.
struct Wheel {
    queue: Mutex<DelayQueue<Boxed>>,
    filled: Notify,
}

impl Wheel {
    fn with<T>(&self, act: impl FnOnce(&mut DelayQueue<Boxed>) -> T) -> T {
        act(&mut self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Delays any task, and only delays.
#[derive(Clone)]
pub(crate) struct Delays {
    wheel: Arc<Wheel>,
}

impl<W: Work> Contender<W> for Delays {
    async fn start() -> Self {
        let wheel = Arc::new(Wheel {
            queue: Mutex::default(),
            filled: Notify::new(),
        });
        let driven = Arc::clone(&wheel);
        tokio::spawn(async move {
            loop {
                match poll_fn(|cx| driven.with(|queue| queue.poll_expired(cx))).await {
                    Some(due) => drop(tokio::spawn(due.into_inner())),
                    None => driven.filled.notified().await,
                }
            }
        });
        Self { wheel }
    }

    async fn queue(&mut self, _: W) {
        unreachable!("only asked of those that can")
    }

    async fn delay(&mut self, after: Duration, work: W) {
        let task = boxed(work);
        let first = self.wheel.with(|queue| {
            queue.insert(task, after);
            queue.len() == 1
        });
        if first {
            self.wheel.filled.notify_one();
        }
    }
}
