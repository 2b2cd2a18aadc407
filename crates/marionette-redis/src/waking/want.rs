//! Callers that want the same jobs.

use std::time::{Duration, Instant};

use marionette::store::{StoreError, Wanted};

use super::{Waiter, Woken};
use crate::prospects::Prospect;

/// The pause after a timer that found nothing. It doubles with each that follows, up to the poll.
const STAGGER: Duration = Duration::from_millis(2);
/// How long nobody asks the server after callers were woken, unless one of them has claimed: it
/// would say that the job is due of which they know.
const HOLD: Duration = Duration::from_millis(2);

/// The callers that want the same jobs, and what the process knows about these jobs.
#[derive(Debug)]
pub(super) struct Want {
    pub(super) wanted: Wanted,
    pub(super) waiters: Vec<Waiter>,
    /// When the server was asked, if its answer is still good: the process counts as idle since, or
    /// knows of enough jobs.
    pub(super) registered: Option<Instant>,
    /// Whether the process does not count as idle, since it knows of enough jobs.
    has_enough: bool,
    /// For how many callers it does.
    room: usize,
    /// No question before this.
    hold: Option<Instant>,
    /// When the next job is due, by the last answer, which came at `known`.
    next: Option<Instant>,
    /// How many jobs are due then, at least.
    ready: usize,
    known: Instant,
    /// When a job is due that was announced to this process alone.
    announced: Option<Instant>,
    /// When a timer woke a caller of which no claim is known since.
    fired: Option<Instant>,
    /// How many timers in a row found nothing, and when the last did. Several processes have a
    /// timer for the same job.
    misses: u32,
    missed: Instant,
    pub(super) used: Instant,
}

impl Want {
    pub(super) fn new(wanted: Wanted, now: Instant) -> Self {
        Self {
            wanted,
            waiters: Vec::new(),
            registered: None,
            has_enough: false,
            room: 0,
            hold: None,
            next: None,
            ready: 1,
            known: now,
            announced: None,
            fired: None,
            misses: 0,
            missed: now,
            used: now,
        }
    }

    /// Takes up the outcome of the last claim of these jobs.
    pub(super) fn learn(&mut self, claim: Prospect) {
        if self.hold.is_some_and(|hold| claim.asked + HOLD >= hold) {
            self.hold = None;
        }
        if claim.took {
            self.misses = 0;
        } else if self.fired.is_some_and(|fired| claim.asked >= fired) {
            self.misses = self.misses.saturating_add(1);
            self.missed = claim.asked;
        }
        if self.fired.is_some_and(|fired| claim.asked >= fired) {
            self.fired = None;
        }
        if claim.asked <= self.known {
            return;
        }
        (self.known, self.next, self.ready) = (claim.asked, claim.next_due, 1);
        if claim.is_more {
            // It said that there is more and not how much, so the server is asked.
            self.registered = None;
        }
    }

    /// How much later than its time a timer wakes somebody.
    fn stagger(&self, now: Instant, poll: Duration) -> Duration {
        let Some(doubled) = self.misses.checked_sub(1) else {
            return Duration::ZERO;
        };
        let stagger = STAGGER.saturating_mul(1 << doubled.min(16)).min(poll);
        // The others that took the jobs may be gone by now.
        let is_recent = now.duration_since(self.missed) < (stagger * 4).max(poll / 10);
        if is_recent { stagger } else { Duration::ZERO }
    }

    /// When a timer wakes somebody.
    fn due(&self, now: Instant, poll: Duration) -> Option<Instant> {
        let next = self.next.map(|next| next + self.stagger(now, poll));
        match (next, self.announced) {
            (Some(next), Some(announced)) => Some(next.min(announced)),
            (next, announced) => next.or(announced),
        }
    }

    /// Notes that a job is due then, which perhaps no other process knows.
    pub(super) fn announce(&mut self, due: Instant) {
        let announced = self.announced.map_or(due, |known| known.min(due));
        self.announced = Some(announced);
    }

    /// Wakes up to this number of callers, those first that have waited for longest. Returns how
    /// many there were.
    pub(super) fn wake(&mut self, most: usize, by: impl Fn() -> Woken) -> usize {
        let mut woken = 0;
        while woken < most && !self.waiters.is_empty() {
            match self.waiters.remove(0).reply.send(Ok(by())) {
                Ok(()) => woken += 1,
                Err(Ok(unused)) => unused.accept(),
                Err(Err(_)) => {}
            }
        }
        woken
    }

    /// Wakes the callers that need no message: their poll is over, or a job is due by now.
    pub(super) fn wake_due(&mut self, now: Instant, poll: Duration) {
        self.waiters.retain(|waiter| !waiter.reply.is_closed());
        let is_over = |waiter: &Waiter| !waiter.is_patient && waiter.since + poll <= now;
        self.wake_if(is_over);
        if self.waiters.is_empty() || self.due(now, poll).is_none_or(|due| due > now) {
            return;
        }
        if self.announced.is_some_and(|announced| announced <= now) {
            self.announced = None;
        }
        let ready = if self.next.is_some_and(|next| next <= now) {
            self.next = None;
            std::mem::replace(&mut self.ready, 1)
        } else {
            1
        };
        self.wake(ready, Woken::default);
        if self.has_enough {
            self.registered = None;
        }
        self.fired = Some(now);
        self.hold = Some(now + HOLD);
    }

    fn wake_if(&mut self, is_one: impl Fn(&Waiter) -> bool) {
        let all = std::mem::take(&mut self.waiters);
        for waiter in all {
            if is_one(&waiter) {
                let _ = waiter.reply.send(Ok(Woken::default()));
            } else {
                self.waiters.push(waiter);
            }
        }
    }

    /// Notes that the process was told of jobs, and so counts as idle no longer.
    pub(super) fn is_told(&mut self, woken: usize, now: Instant) {
        self.registered = None;
        if woken > 0 {
            self.hold = Some(now + HOLD);
        }
    }

    /// Takes up the answer of the server: how many jobs are due, when the next is, and whether
    /// there are suspects, which only a claim can tell whether it may have.
    pub(super) fn looked(
        &mut self,
        room: usize,
        ready: usize,
        next: Option<Instant>,
        has_suspects: bool,
        now: Instant,
        poll: Duration,
    ) {
        (self.registered, self.room, self.known) = (Some(now), room, now);
        (self.next, self.ready) = (next, 1);
        self.has_enough = ready >= room;
        if ready > 0 {
            (self.next, self.ready) = (Some(now), ready);
        }
        if has_suspects {
            self.wake_if(|waiter| waiter.since + poll / 2 <= now);
        }
    }

    /// Ends all waits with this error.
    pub(super) fn fail(&mut self, error: &StoreError) {
        self.registered = None;
        for waiter in self.waiters.drain(..) {
            let _ = waiter.reply.send(Err(error.clone()));
        }
    }

    /// When the server is to be asked, given that somebody waits.
    pub(super) fn look_at(&self, now: Instant, poll: Duration) -> Instant {
        let at = match self.registered {
            Some(_) if self.waiters.len() > self.room => now,
            Some(registered) => registered + poll,
            None => now,
        };
        self.hold.map_or(at, |hold| hold.max(at))
    }

    /// When something is to be done here, given that somebody waits.
    pub(super) fn next(&self, now: Instant, poll: Duration) -> Instant {
        let hasty = self.waiters.iter().filter(|waiter| !waiter.is_patient);
        let polls = hasty.map(|waiter| waiter.since + poll).min();
        let times = [Some(self.look_at(now, poll)), self.due(now, poll), polls];
        times.into_iter().flatten().min().unwrap_or(now)
    }
}
