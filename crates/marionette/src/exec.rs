//! One attempt at once, in the caller's own task.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::clock::Tick;
use crate::draft::Offer;
use crate::engine::Engine;
use crate::handler::TaskHandler;
use crate::join::JoinHandle;
use crate::memory::pace::Pace;
use crate::task::IntoTask;
use crate::worker::{Begun, Circle, Ran};

pub(crate) async fn exec<H: IntoTask<M>, M>(
    engine: &Arc<Engine>,
    handler: TaskHandler<H, M>,
) -> JoinHandle<H::Output> {
    let mut draft = handler.draft;
    // A job that is unfit says so itself when it runs, since there is nobody else to tell.
    let _ = H::prepare(&mut draft, &engine.registry);
    let (offer, waiting) = Offer::new::<M, H>(draft);
    let reach = engine.run().reach.clone();
    let circle = Circle {
        engine: Arc::clone(engine),
        reach,
    };
    let started = Tick::now();
    // Nobody else knows of it yet, so nobody can have cancelled it.
    if let Ok(mut running) = waiting.claim() {
        let begun =
            poll_fn(|poller| Poll::Ready(circle.begin(&mut running, started, started, poller)));
        let (made, number) = match begun.await {
            Begun::Ended(made, number) => (made, number),
            Begun::Waits(attempt) => {
                let number = attempt.number;
                (Ok(attempt.wait(&mut running, &circle.reach).await), number)
            }
        };
        let ended = Tick::now();
        let ran = Ran {
            number,
            nanos: ended.nanos_since(started),
            pace: Pace::Unknown,
        };
        let post = engine.new_post();
        let again = circle.settle(running, made, started, ended, ran, &post.tally);
        engine.return_post(&post);
        // A retry without a pause is the workers' business as well.
        if let Some(waiting) = again.and_then(|running| running.release().ok()) {
            engine.delay(Duration::ZERO, waiting);
        }
    }
    offer.into_handle()
}
