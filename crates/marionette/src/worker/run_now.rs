//! One attempt at once, in the caller's own task instead of on a worker.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::cell::Waiting;
use crate::cell::join::JoinHandle;
use crate::clock::Tick;
use crate::engine::Engine;
use crate::outcome::Outcome;
use crate::queue::pace::Pace;
use crate::task::IntoTask;
use crate::task::draft::Offer;
use crate::worker::executor::{Execution, ExecutionGuard, Executor, Finished, FirstPoll};

/// Makes the cell at once, and the attempt when the future is polled. The future names no type of
/// the task but its result, so it is `Send` whatever the task captures.
pub(crate) fn exec<H, M, T>(
    engine: &Arc<Engine>,
    task: H,
) -> impl Future<Output = JoinHandle<T>> + Send
where
    H: IntoTask<M, Output = T>,
    T: Send + 'static,
{
    let mut draft = task.into_draft();
    // An unstorable job fails with that reason when it runs; there is nobody else to tell.
    let _ = H::prepare(&mut draft, &engine.registry);
    let (offer, waiting) = Offer::new::<M, H>(draft, Tick::now());
    attempt(engine, waiting, offer.into_handle())
}

async fn attempt<T>(
    engine: &Arc<Engine>,
    waiting: Waiting,
    handle: JoinHandle<T>,
) -> JoinHandle<T> {
    let signals = engine.run().signals.clone();
    let executor = Executor {
        engine: Arc::clone(engine),
        signals,
    };
    let started = Tick::now();
    // Nobody else knows of the task yet, so nobody can have cancelled it.
    if let Ok(running) = waiting.claim() {
        let mut guard = ExecutionGuard::new(engine);
        let execution = guard
            .execution
            .insert(Execution::new(running, started, started));
        let begun = poll_fn(|poller| Poll::Ready(executor.begin(execution, poller))).await;
        let made = match begun {
            FirstPoll::Done => Ok(Outcome::Done),
            FirstPoll::Ended(made) => made,
            FirstPoll::Waits => Ok(execution.wait(&executor.signals).await),
        };
        let ran = Finished {
            ended: Tick::now(),
            pace: Pace::Unknown,
        };
        let view = engine.new_view();
        executor.settle(execution, made, ran, &view.tally);
        if !execution.running.has_ended() {
            // A retry runs on a worker, even one without a pause.
            match execution.running.release() {
                Some(waiting) => engine.delay(Duration::ZERO, waiting),
                None => executor.end_cancelled(&mut execution.running, &view.tally),
            }
        }
        engine.return_view(&view);
    }
    handle
}
