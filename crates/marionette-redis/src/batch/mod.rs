//! Callers that come at the same time share a call of the server.
//!
//! While nothing is in flight a load is sent at once. What comes later is collected until an answer
//! comes, and then goes together. So one caller pays nothing for it, and many share.

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;

use marionette::TaskId;
use marionette::store::StoreError;
use tokio::sync::oneshot;

/// What one caller asks for, of which several can go together.
pub(crate) trait Load: fmt::Debug {
    type Answer: fmt::Debug;

    /// How many jobs and how many bytes it has.
    fn size(&self) -> (usize, usize);

    /// The jobs, each once.
    fn ids(&self) -> impl Iterator<Item = TaskId>;

    /// Whether one call can have both.
    fn goes_with(&self, other: &Self) -> bool;
}

/// The most jobs and the most bytes of a batch that has more than one load.
const JOBS_MAX: usize = 512;
const BYTES_MAX: usize = 1024 * 1024;
/// The most batches in flight. The second one keeps the server busy while the answers to the first
/// are on their way.
const IN_FLIGHT_MAX: usize = 2;

/// The loads of one kind that wait, and how many batches of them are in flight.
#[derive(Debug)]
pub(crate) struct Batches<L: Load> {
    waiting: RefCell<Vec<Waiting<L>>>,
    in_flight: Cell<usize>,
    /// Whether a driver was asked for that has not begun.
    is_starting: Cell<bool>,
}

#[derive(Debug)]
struct Waiting<L: Load> {
    load: L,
    caller: oneshot::Sender<Result<L::Answer, StoreError>>,
}

impl<L: Load> Default for Batches<L> {
    fn default() -> Self {
        Self {
            waiting: RefCell::default(),
            in_flight: Cell::new(0),
            is_starting: Cell::new(false),
        }
    }
}

impl<L: Load> Batches<L> {
    /// Lets a load wait; calls `start` if somebody has to [drive](Self::drive) from now on. The
    /// load of a caller that no longer waits is not sent.
    pub(crate) async fn ask(&self, load: L, start: impl FnOnce()) -> Result<L::Answer, StoreError> {
        let (caller, answer) = oneshot::channel();
        self.waiting.borrow_mut().push(Waiting { load, caller });
        if self.may_send() && !self.is_starting.replace(true) {
            start();
        }
        let gone = |_| StoreError::unavailable("the call was given up by the store");
        answer.await.map_err(gone)?
    }

    /// Whether a batch may go: nothing is in flight, or there is room and a whole batch waits.
    fn may_send(&self) -> bool {
        match self.in_flight.get() {
            0 => true,
            IN_FLIGHT_MAX.. => false,
            _ => {
                let (mut jobs, mut bytes) = (0, 0);
                self.waiting.borrow().iter().any(|waiting| {
                    let size = waiting.load.size();
                    (jobs, bytes) = (jobs + size.0, bytes + size.1);
                    jobs >= JOBS_MAX || bytes >= BYTES_MAX
                })
            }
        }
    }

    /// Sends batches by `send` until none may go. `send` gets the loads of one batch, and answers
    /// each.
    pub(crate) async fn drive(
        &self,
        send: impl AsyncFn(&[&L]) -> Result<Vec<L::Answer>, StoreError>,
    ) {
        self.is_starting.set(false);
        while self.may_send() {
            let batch = self.take();
            if batch.is_empty() {
                return;
            }
            let _flight = Flight::begin(&self.in_flight);
            let loads: Vec<&L> = batch.iter().map(|waiting| &waiting.load).collect();
            match send(&loads).await {
                Ok(answers) => {
                    for (waiting, answer) in batch.into_iter().zip(answers) {
                        let _ = waiting.caller.send(Ok(answer));
                    }
                }
                // The error may be about the jobs of one caller alone.
                Err(error) if batch.len() > 1 && !error.is_unavailable() => {
                    for waiting in batch {
                        let answer = send(&[&waiting.load]).await;
                        let answer = answer.map(|answers| answers.into_iter().next());
                        let _ = waiting
                            .caller
                            .send(answer.and_then(|it| it.ok_or_else(none)));
                    }
                }
                Err(error) => {
                    for waiting in batch {
                        let _ = waiting.caller.send(Err(error.clone()));
                    }
                }
            }
        }
    }

    /// Takes the loads of the next batch: the first that waits, and those that can go with it.
    fn take(&self) -> Vec<Waiting<L>> {
        let mut all = self.waiting.borrow_mut();
        all.retain(|waiting| !waiting.caller.is_closed());
        if all.len() < 2 {
            return std::mem::take(&mut all);
        }
        let (mut batch, mut rest) = (Vec::<Waiting<L>>::with_capacity(all.len()), Vec::new());
        let (mut jobs, mut bytes, mut ids) = (0, 0, HashSet::new());
        for waiting in all.drain(..) {
            let size = waiting.load.size();
            let fits = match batch.first() {
                None => true,
                Some(first) => {
                    jobs + size.0 <= JOBS_MAX
                        && bytes + size.1 <= BYTES_MAX
                        && waiting.load.goes_with(&first.load)
                        && waiting.load.ids().all(|id| !ids.contains(&id))
                }
            };
            if fits {
                (jobs, bytes) = (jobs + size.0, bytes + size.1);
                ids.extend(waiting.load.ids());
                batch.push(waiting);
            } else {
                rest.push(waiting);
            }
        }
        *all = rest;
        batch
    }
}

/// A batch in flight, until it is dropped.
struct Flight<'a>(&'a Cell<usize>);

impl<'a> Flight<'a> {
    fn begin(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

fn none() -> StoreError {
    StoreError::broken("a call has no answer")
}
