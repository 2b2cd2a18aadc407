//! The callers that wait, and the next step for them.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use marionette::TaskId;
use marionette::store::{StoreError, Wanted};
use tokio::sync::{mpsc, oneshot};

use super::message::Message;
use super::want::Want;
use super::{Event, Jobs, Woken};
use crate::link::Push;
use crate::prospects::Prospects;

/// The number of polls for which a wish without callers is remembered.
const REMEMBERED: u32 = 10;

/// All callers of this process that wait.
#[derive(Debug)]
pub(crate) struct Waiters {
    poll: Duration,
    events: mpsc::UnboundedSender<Event>,
    wants: Vec<Want>,
    /// The callers that wait for the end of one of these jobs.
    askers: Vec<(HashSet<TaskId>, oneshot::Sender<()>)>,
    /// Jobs that another process has to be told of.
    unused: Vec<Jobs>,
    /// A time of the server, in microseconds since 1970, and when that was here.
    present: Option<(u64, Instant)>,
}

/// The next step of the task that wakes callers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NextStep {
    /// Ask the server whether one of these jobs is due, and register the process as idle.
    Look {
        wanted: Wanted,
        /// How many callers want them.
        most: usize,
        /// How many callers wait for any jobs.
        room: usize,
    },
    /// Tell another process of these jobs.
    HandOn(Jobs),
    /// Wait until something happens, for at most this long.
    Rest(Option<Duration>),
}

/// The answer of the server to a question for wanted jobs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outlook {
    /// How many are due, counted up to the number of callers.
    pub(crate) ready: usize,
    /// When the next is due, in microseconds since 1970.
    pub(crate) next: Option<u64>,
    /// The present, in microseconds since 1970.
    pub(crate) now: u64,
    /// Whether suspects are due.
    pub(crate) has_suspects: bool,
}

impl Waiters {
    pub(super) fn new(poll: Duration, events: mpsc::UnboundedSender<Event>) -> Self {
        Self {
            poll,
            events,
            wants: Vec::new(),
            askers: Vec::new(),
            unused: Vec::new(),
            present: None,
        }
    }

    /// Takes up something that happened here.
    pub(crate) fn happened(&mut self, event: Event, now: Instant) {
        match event {
            Event::Waits(wanted, waiter) => {
                let want = self.want(wanted, now);
                want.used = now;
                want.waiters.push(waiter);
            }
            Event::Asks(jobs, reply) => {
                self.askers.retain(|(_, reply)| !reply.is_closed());
                self.askers.push((jobs.into_iter().collect(), reply));
            }
            Event::Unused(job) => {
                let left = self.tell_of(&job, now);
                self.hand_on(job, left);
            }
        }
    }

    fn want(&mut self, wanted: Wanted, now: Instant) -> &mut Want {
        let known = self.wants.iter().position(|want| want.wanted == wanted);
        let place = known.unwrap_or_else(|| {
            self.wants.push(Want::new(wanted, now));
            self.wants.len() - 1
        });
        &mut self.wants[place]
    }

    /// Takes up a message of the server.
    pub(crate) fn heard(&mut self, push: &Push, now: Instant) {
        let message = match push {
            Push::Connected => return self.wake_all(),
            Push::Message(message) => Message::read(message),
        };
        match message {
            Some(Message::Jobs(jobs)) => {
                let left = self.tell_of(&jobs, now);
                // The server has taken the process from its list.
                for want in &mut self.wants {
                    want.is_told(0, now);
                }
                self.hand_on(jobs, left);
            }
            Some(Message::Due { at, kind, queue }) => {
                let Some(due) = self.instant(at) else { return };
                for want in &mut self.wants {
                    if want.wanted.has(&kind, &queue) {
                        want.announce(due);
                    }
                }
            }
            Some(Message::Ended(job)) => self.ended(job),
            // A later version sends it.
            None => {}
        }
    }

    /// Wakes as many callers as can take these jobs. Returns how many jobs are left.
    fn tell_of(&mut self, jobs: &Jobs, now: Instant) -> usize {
        let mut left = jobs.count;
        for want in &mut self.wants {
            if left > 0 && want.wanted.has(&jobs.kind, &jobs.queue) {
                let woken = want.wake(left, || Woken::by(&self.events, jobs));
                want.is_told(woken, now);
                left -= woken;
            }
        }
        left
    }

    fn hand_on(&mut self, jobs: Jobs, left: usize) {
        if left > 0 {
            self.unused.push(Jobs {
                count: left,
                ..jobs
            });
        }
    }

    /// Messages may have been lost, so every caller looks for itself.
    fn wake_all(&mut self) {
        for want in &mut self.wants {
            want.registered = None;
            want.wake(usize::MAX, Woken::default);
        }
        for (_, reply) in self.askers.drain(..) {
            let _ = reply.send(());
        }
    }

    fn ended(&mut self, job: TaskId) {
        let all = std::mem::take(&mut self.askers);
        for (jobs, reply) in all {
            if jobs.contains(&job) {
                let _ = reply.send(());
            } else {
                self.askers.push((jobs, reply));
            }
        }
    }

    /// When a time of the server is, or was, here.
    fn instant(&self, at: u64) -> Option<Instant> {
        let (present, here) = self.present?;
        let pause = Duration::from_micros(at.saturating_sub(present));
        here.checked_add(pause)
    }

    /// Takes up the answer of the server about these jobs.
    pub(crate) fn looked(&mut self, wanted: &Wanted, room: usize, seen: Outlook, now: Instant) {
        self.present = Some((seen.now, now));
        let next = seen.next.and_then(|next| self.instant(next));
        let poll = self.poll;
        if let Some(want) = self.wants.iter_mut().find(|want| want.wanted == *wanted) {
            want.looked(room, seen.ready, next, seen.has_suspects, now, poll);
        }
    }

    /// Tells the callers that want these jobs that the server cannot be asked.
    pub(crate) fn failed(&mut self, wanted: &Wanted, error: &StoreError) {
        if let Some(want) = self.wants.iter_mut().find(|want| want.wanted == *wanted) {
            want.fail(error);
        }
    }

    /// Wakes the callers whose time has come, and returns the next step.
    pub(crate) fn next(&mut self, now: Instant, prospects: &Prospects) -> NextStep {
        if let Some(jobs) = self.unused.pop() {
            // Handing on takes the process from the list of the idle, lest it is told itself.
            for want in &mut self.wants {
                want.is_told(0, now);
            }
            return NextStep::HandOn(jobs);
        }
        let poll = self.poll;
        let mut until: Option<Instant> = None;
        let mut asked = None;
        for (place, want) in self.wants.iter_mut().enumerate() {
            if let Some(claim) = prospects.of(&want.wanted) {
                want.learn(claim);
            }
            want.wake_due(now, poll);
            if want.waiters.is_empty() {
                continue;
            }
            want.used = now;
            if want.look_at(now, poll) <= now {
                asked.get_or_insert(place);
            }
            let next = want.next(now, poll);
            until = Some(until.map_or(next, |until| until.min(next)));
        }
        if let Some(place) = asked {
            let want = &self.wants[place];
            return NextStep::Look {
                wanted: want.wanted.clone(),
                most: want.waiters.len(),
                room: self.wants.iter().map(|want| want.waiters.len()).sum(),
            };
        }
        self.wants
            .retain(|want| now.duration_since(want.used) < poll * REMEMBERED);
        NextStep::Rest(until.map(|until| until.saturating_duration_since(now)))
    }
}
