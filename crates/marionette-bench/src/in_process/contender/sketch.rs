//! A task manager in a hundred lines: the least that runs tasks on workers behind a bounded queue,
//! tries them again, survives their panics, and knows how long they took.
//!
//! It is what the aims were set by, and shows what they mean on another machine. It has no handles,
//! no cancellation, no limits on time, no stop, and keeps nothing of an error.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use marionette_yardstick::clock;

use crate::in_process::contender::{Contender, QUEUE, WORKERS};
use crate::in_process::work::{Failed, Work};

/// One lock, and the wakers of waiting producers and workers.
#[derive(Clone, Default)]
pub(crate) struct Sketch(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    last_id: AtomicU64,
    /// Nanoseconds in the queue and at work, so that the clock is read for something.
    spent: AtomicU64,
}

#[derive(Default)]
struct State {
    tasks: VecDeque<Task>,
    producers: VecDeque<Waker>,
    workers: VecDeque<Waker>,
}

struct Task {
    id: u64,
    queued: Instant,
    attempts: u32,
    make: Box<dyn FnMut(u32) -> Attempt + Send>,
}

type Attempt = Pin<Box<dyn Future<Output = Result<(), Failed>> + Send>>;

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_push(&self, task: &mut Option<Task>, poller: &Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.tasks.len() >= QUEUE {
            state.producers.push_back(poller.waker().clone());
            return Poll::Pending;
        }
        state.tasks.extend(task.take());
        let worker = state.workers.pop_front();
        drop(state);
        worker.into_iter().for_each(Waker::wake);
        Poll::Ready(())
    }

    fn poll_pop(&self, poller: &Context<'_>) -> Poll<Task> {
        let mut state = self.state();
        let Some(task) = state.tasks.pop_front() else {
            state.workers.push_back(poller.waker().clone());
            return Poll::Pending;
        };
        let producer = state.producers.pop_front();
        drop(state);
        producer.into_iter().for_each(Waker::wake);
        Poll::Ready(task)
    }

    async fn work(&self) {
        loop {
            let mut task = poll_fn(|poller| self.poll_pop(poller)).await;
            for attempt in 1..=task.attempts {
                let Ok(mut made) = catch_unwind(AssertUnwindSafe(|| (task.make)(attempt))) else {
                    continue;
                };
                let polled = poll_fn(|poller| {
                    catch_unwind(AssertUnwindSafe(|| made.as_mut().poll(poller)))
                        .unwrap_or(Poll::Ready(Err(Failed)))
                });
                if polled.await.is_ok() {
                    break;
                }
            }
            let spent = clock::nanos_between(task.queued, clock::now()).unsigned_abs();
            self.spent.fetch_add(spent ^ task.id, Ordering::Relaxed);
        }
    }
}

impl<W: Work> Contender<W> for Sketch {
    async fn start() -> Self {
        let this = Self::default();
        for _ in 0..WORKERS {
            let shared = Arc::clone(&this.0);
            tokio::spawn(async move { shared.work().await });
        }
        this
    }

    async fn queue(&mut self, work: W) {
        let mut task = Some(Task {
            id: self.0.last_id.fetch_add(1, Ordering::Relaxed),
            queued: clock::now(),
            attempts: W::TRIES,
            make: Box::new(move |attempt| Box::pin(work.run(attempt))),
        });
        poll_fn(|poller| self.0.poll_push(&mut task, poller)).await;
    }
}
