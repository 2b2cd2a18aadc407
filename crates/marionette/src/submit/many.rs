//! `queue_many` for tasks: many tasks in one call, accepted in their order as room allows.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Poller, Poll, ready};

use crate::cell::Waiting;
use crate::cell::join::JoinHandle;
use crate::clock::Tick;
use crate::engine::Engine;
use crate::queue::Ticket;
use crate::submit::error::Refusal;
use crate::submit::many_error::ManyError;
use crate::submit::many_parts::ManyParts;
use crate::task::IntoTask;
use crate::task::draft::{Draft, Maker, Offer};
use crate::task::encoded_job::Unstorable;
use crate::task::registry::Registry;

/// How many cells are made ahead of the room for them, at most.
const AHEAD: usize = 64;

/// The future of [`TaskManager::queue_many`](crate::TaskManager::queue_many), for tasks `H` from an
/// iterator `I`, which result in `T`.
///
/// The future is `Send` if the iterator is, whatever the tasks capture.
#[must_use = "futures do nothing unless polled"]
pub struct QueueingMany<'a, I, H, S, T> {
    engine: &'a Engine,
    parts: ManyParts<I, H, JoinHandle<T>>,
    next: NextCell<I, H, S, T>,
    maker: Maker<H, S, T>,
    /// The tasks that are cells and are not accepted yet.
    offers: VecDeque<Offer<S, T>>,
    /// The waiting sides of `offers`, except the one that is in `first`.
    waiting: VecDeque<Waiting>,
    first: Option<Waiting>,
    first_since: Tick,
    ticket: Option<Ticket>,
}

/// Makes cells of the next tasks; fails with the first task that cannot become one. A function
/// instead of a bound, for the reason that [`Maker`] gives.
type NextCell<I, H, S, T> =
    fn(&mut I, &mut NextCells<'_, H, S, T>) -> Result<(), (Box<Unstorable>, Draft<S>)>;

/// The means by which a [`NextCell`] makes cells, and the lists that it fills.
struct NextCells<'a, H, S, T> {
    maker: &'a Maker<H, S, T>,
    registry: &'a Registry,
    offers: &'a mut VecDeque<Offer<S, T>>,
    waiting: &'a mut VecDeque<Waiting>,
}

/// Queues all tasks, in their order, as room allows.
pub(crate) fn queue_many<I, H, M>(
    engine: &Engine,
    tasks: I,
) -> QueueingMany<'_, I, H, H::Source, H::Output>
where
    I: Iterator<Item = H>,
    H: IntoTask<M>,
{
    QueueingMany {
        engine,
        parts: ManyParts::new(tasks),
        next: |tasks, made| {
            for task in tasks.take(AHEAD - made.offers.len()) {
                let draft = task.into_draft();
                let (offer, waits) = made.maker.make(draft, made.registry, Tick::recent())?;
                made.offers.push_back(offer);
                made.waiting.push_back(waits);
            }
            Ok(())
        },
        maker: Maker::new::<M>(),
        offers: VecDeque::new(),
        waiting: VecDeque::new(),
        first: None,
        first_since: Tick::recent(),
        ticket: None,
    }
}

// Nothing in the future is pinned.
impl<I, H, S, T> Unpin for QueueingMany<'_, I, H, S, T> {}

impl<I, H, S, T> Future for QueueingMany<'_, I, H, S, T> {
    type Output = Result<Vec<JoinHandle<T>>, ManyError<JoinHandle<T>, H>>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let queue = &this.engine.queue;
        loop {
            if this.first.is_some() {
                let (first, ticket) = (&mut this.first, &mut this.ticket);
                if let Err(why) = ready!(queue.poll_push(first, this.first_since, ticket, poller)) {
                    return Poll::Ready(Err(this.refuse(why.into(), None)));
                }
                this.ticket = None;
                this.accept(1);
            }
            if let Err((unstorable, draft)) = this.make_some() {
                let unfit_task = this.maker.take_back(draft);
                return Poll::Ready(Err(
                    this.refuse(Refusal::Unstorable(unstorable), Some(unfit_task))
                ));
            }
            if this.waiting.is_empty() {
                return Poll::Ready(Ok(this.parts.end()));
            }
            let now = Tick::now();
            let pushed = queue.push_some(&mut this.waiting, now);
            let count = this.offers.len() - this.waiting.len();
            this.accept(count);
            if let Err(why) = pushed {
                return Poll::Ready(Err(this.refuse(why.into(), None)));
            }
            if count == 0 && !queue.find_vacancies() {
                this.first = this.waiting.pop_front();
                this.first_since = now;
            }
        }
    }
}

impl<I, H, S, T> QueueingMany<'_, I, H, S, T> {
    fn make_some(&mut self) -> Result<(), (Box<Unstorable>, Draft<S>)> {
        let mut made = NextCells {
            maker: &self.maker,
            registry: &self.engine.registry,
            offers: &mut self.offers,
            waiting: &mut self.waiting,
        };
        (self.next)(self.parts.rest(), &mut made)
    }

    fn accept(&mut self, count: usize) {
        let accepted = self.offers.drain(..count);
        let handles = accepted.map(Offer::into_handle);
        self.parts.accepted.extend(handles);
    }

    /// Takes back all tasks that were not accepted: those that are cells, the one that cannot
    /// become a cell, and the rest.
    fn refuse(&mut self, why: Refusal, unstorable: Option<H>) -> ManyError<JoinHandle<T>, H> {
        let drafts = self.offers.drain(..).filter_map(Offer::into_draft);
        let refused = drafts.map(|draft| self.maker.take_back(draft));
        let refused = refused.chain(unstorable).collect();
        self.parts.refuse(refused, why)
    }
}

impl<I, H, S, T> Drop for QueueingMany<'_, I, H, S, T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.engine.queue.forget(ticket);
        }
    }
}

impl<I, H, S, T> fmt::Debug for QueueingMany<'_, I, H, S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueingMany")
            .field("accepted", &self.parts.accepted.len())
            .finish_non_exhaustive()
    }
}
