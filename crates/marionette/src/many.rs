//! Many tasks in one call.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;

use crate::cell::Waiting;
use crate::clock::Tick;
use crate::draft::Offer;
use crate::engine::Engine;
use crate::join::JoinHandle;
use crate::memory::queue::{Queue, Refused, Ticket};
use crate::refusal::Refusal;
use crate::task::IntoTask;

/// How many tasks are made into cells ahead of the room for them.
const AHEAD: usize = 64;

/// Not all tasks were accepted, since the manager stopped or one is a job that it cannot take:
/// those that were, and those that come back.
pub struct QueueManyError<H: IntoTask<M>, M> {
    /// The handles of the tasks that were accepted, which are the first of those that were given.
    pub accepted: Vec<JoinHandle<H::Output>>,
    /// The tasks that were not, in their order.
    pub refused: Vec<H>,
    why: Refusal,
}

impl<H: IntoTask<M>, M> fmt::Display for QueueManyError<H, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (accepted, refused) = (self.accepted.len(), self.refused.len());
        write!(
            f,
            "{}: {accepted} tasks were accepted, {refused} were not",
            self.why
        )
    }
}

impl<H: IntoTask<M>, M> fmt::Debug for QueueManyError<H, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueManyError")
            .field("accepted", &self.accepted.len())
            .field("refused", &self.refused.len())
            .field("why", &self.why)
            .finish()
    }
}

/// Queues all of them, in their order, as room allows.
pub(crate) async fn queue_many<H, M>(
    engine: &Engine,
    tasks: impl IntoIterator<Item = H>,
) -> Result<Vec<JoinHandle<H::Output>>, QueueManyError<H, M>>
where
    H: IntoTask<M>,
{
    let mut tasks = tasks.into_iter();
    let mut accepted = Vec::with_capacity(tasks.size_hint().0);
    let mut offers: VecDeque<Offer<H::Source, H::Output>> = VecDeque::new();
    let mut waiting: VecDeque<Waiting> = VecDeque::new();
    loop {
        for task in tasks.by_ref().take(AHEAD - offers.len()) {
            let mut draft = task.into_draft();
            if let Err(why) = H::prepare(&mut draft, &engine.registry) {
                let unfit = H::from_draft(draft);
                let refused = withdraw(offers).chain([unfit]).chain(tasks).collect();
                let why = Refusal::Unfit(why);
                return Err(QueueManyError {
                    accepted,
                    refused,
                    why,
                });
            }
            let (offer, waits) = Offer::new::<M, H>(draft, Tick::recent());
            waiting.push_back(waits);
            offers.push_back(offer);
        }
        if waiting.is_empty() {
            return Ok(accepted);
        }
        let mut pushed = engine.queue.push_some(&mut waiting, Tick::now());
        if pushed.is_ok()
            && waiting.len() == offers.len()
            && let Some(first) = waiting.pop_front()
        {
            let mut place = Place {
                queue: &engine.queue,
                task: Some(first),
                ticket: None,
            };
            pushed = place.wait().await;
            // What was refused is the first again.
            place
                .task
                .take()
                .into_iter()
                .for_each(|first| waiting.push_front(first));
        }
        let count = offers.len() - waiting.len();
        accepted.extend(offers.drain(..count).map(Offer::into_handle));
        if let Err(why) = pushed {
            let refused = withdraw(offers).chain(tasks).collect();
            let why = why.into();
            return Err(QueueManyError {
                accepted,
                refused,
                why,
            });
        }
    }
}

/// Takes tasks that were not accepted out of their cells, before those are dropped.
fn withdraw<H: IntoTask<M>, M>(
    offers: VecDeque<Offer<H::Source, H::Output>>,
) -> impl Iterator<Item = H> {
    offers
        .into_iter()
        .filter_map(Offer::into_draft)
        .map(H::from_draft)
}

/// A place among the waiting producers, given up when dropped.
struct Place<'a> {
    queue: &'a Queue<Waiting>,
    task: Option<Waiting>,
    ticket: Option<Ticket>,
}

impl Place<'_> {
    async fn wait(&mut self) -> Result<(), Refused> {
        let now = Tick::now();
        poll_fn(|poller| {
            self.queue
                .poll_push(&mut self.task, now, &mut self.ticket, poller)
        })
        .await
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.ticket
            .into_iter()
            .for_each(|ticket| self.queue.forget(ticket));
    }
}
