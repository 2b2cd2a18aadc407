//! Callers that come at the same time share a call of the server.
//!
//! While nothing is in flight a load is sent at once. What comes later is collected, and goes
//! together once it is as much as is in flight, or once an answer comes. So one caller pays nothing
//! for it, and many share: the server has one half of them while the other half is answered.

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;

use marionette::TaskId;
use marionette::store::StoreError;

use crate::thread::Caller;

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
/// The most batches in flight. The second one keeps the server busy while the callers of the first
/// are answered and come again.
const IN_FLIGHT_MAX: usize = 2;

/// The loads of one kind that wait, and how many batches of them are in flight.
#[derive(Debug)]
pub(crate) struct Batches<L: Load> {
    waiting: RefCell<Vec<Waiting<L>>>,
    /// The jobs and the bytes of those.
    size: Cell<(usize, usize)>,
    in_flight: Cell<InFlight>,
    /// Whether a driver was asked for that has not begun.
    is_starting: Cell<bool>,
}

/// How many batches are in flight, and how many jobs they have together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct InFlight {
    batches: usize,
    jobs: usize,
}

#[derive(Debug)]
struct Waiting<L: Load> {
    load: L,
    caller: Caller<L::Answer>,
}

impl<L: Load> Default for Batches<L> {
    fn default() -> Self {
        Self {
            waiting: RefCell::default(),
            size: Cell::default(),
            in_flight: Cell::default(),
            is_starting: Cell::new(false),
        }
    }
}

impl<L: Load> Batches<L> {
    /// Lets a load wait; calls `start` if somebody has to [drive](Self::drive) from now on. The
    /// load of a caller that no longer waits is not sent.
    pub(crate) fn add(&self, load: L, caller: Caller<L::Answer>, start: impl FnOnce()) {
        self.size.set(sum(self.size.get(), load.size()));
        self.waiting.borrow_mut().push(Waiting { load, caller });
        if self.may_send() && !self.is_starting.replace(true) {
            start();
        }
    }

    /// Whether a batch may go: nothing is in flight, or there is room, and as much waits as is in
    /// flight or as a batch may have.
    fn may_send(&self) -> bool {
        let (jobs, bytes) = self.size.get();
        let in_flight = self.in_flight.get();
        match in_flight.batches {
            0 => true,
            IN_FLIGHT_MAX.. => false,
            _ => jobs >= in_flight.jobs.min(JOBS_MAX) || bytes >= BYTES_MAX,
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
            let loads: Vec<&L> = batch.iter().map(|waiting| &waiting.load).collect();
            let _flight = Flight::begin(&self.in_flight, &loads);
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
            self.size.take();
            return std::mem::take(&mut all);
        }
        let (mut batch, mut rest) = (Vec::<Waiting<L>>::with_capacity(all.len()), Vec::new());
        let (mut taken, mut left, mut ids) = ((0, 0), (0, 0), HashSet::new());
        for waiting in all.drain(..) {
            let size = waiting.load.size();
            let with_it = sum(taken, size);
            let fits = match batch.first() {
                None => true,
                Some(first) => {
                    with_it.0 <= JOBS_MAX
                        && with_it.1 <= BYTES_MAX
                        && waiting.load.goes_with(&first.load)
                        && waiting.load.ids().all(|id| !ids.contains(&id))
                }
            };
            if fits {
                taken = with_it;
                ids.extend(waiting.load.ids());
                batch.push(waiting);
            } else {
                left = sum(left, size);
                rest.push(waiting);
            }
        }
        *all = rest;
        self.size.set(left);
        batch
    }
}

/// A batch in flight, until it is dropped.
struct Flight<'a> {
    all: &'a Cell<InFlight>,
    jobs: usize,
}

impl<'a> Flight<'a> {
    fn begin<L: Load>(all: &'a Cell<InFlight>, loads: &[&L]) -> Self {
        let jobs = loads.iter().map(|load| load.size().0).sum();
        let InFlight {
            batches,
            jobs: others,
        } = all.get();
        all.set(InFlight {
            batches: batches + 1,
            jobs: others + jobs,
        });
        Self { all, jobs }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let InFlight { batches, jobs } = self.all.get();
        self.all.set(InFlight {
            batches: batches - 1,
            jobs: jobs - self.jobs,
        });
    }
}

fn sum(one: (usize, usize), other: (usize, usize)) -> (usize, usize) {
    (one.0 + other.0, one.1 + other.1)
}

fn none() -> StoreError {
    StoreError::broken("a call has no answer")
}
