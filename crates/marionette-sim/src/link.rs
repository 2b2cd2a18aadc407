//! The link between a manager and the store, which loses requests and answers.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use marionette::store::InstanceInfo;

/// The link between one process and the store.
#[derive(Debug)]
pub(crate) struct Link {
    state: Mutex<LinkState>,
}

#[derive(Debug)]
struct LinkState {
    rng: Rng,
    /// The number of calls in a thousand that go wrong.
    faults: u32,
    /// The longest time that a request or an answer is on its way.
    longest: Duration,
    connection: Connection,
    /// The instance at this end.
    instance: Option<InstanceInfo>,
}

/// Whether anything gets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    Open,
    /// Nothing does: calls end with an error after some time.
    Cut,
    /// The process is dead: nobody asks, and nobody hears an answer.
    Dead,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It arrives after the first time, and its answer after the second.
    Answered(Duration, Duration),
    /// It does not arrive, which its caller learns after this time.
    Refused(Duration),
    /// It arrives after the first time; after the second its caller learns of an error.
    AnswerLost(Duration, Duration),
    /// Its caller learns of an error after the first time; it arrives after the second.
    Late(Duration, Duration),
    /// Nothing comes of it, not even an answer.
    Silence,
}

impl Link {
    pub(crate) fn new(rng: Rng, faults: u32, lease: Duration) -> Self {
        Self {
            state: Mutex::new(LinkState {
                rng,
                faults,
                longest: lease * 2,
                connection: Connection::Open,
                instance: None,
            }),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut LinkState) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn connection(&self) -> Connection {
        self.with(|state| state.connection)
    }

    /// Whether the process is dead.
    pub(crate) fn is_dead(&self) -> bool {
        self.connection() == Connection::Dead
    }

    /// Cuts or mends the link; a dead process stays dead.
    pub(crate) fn set(&self, connection: Connection) {
        self.with(|state| {
            if state.connection != Connection::Dead {
                state.connection = connection;
            }
        });
    }

    /// Names the instance at this end.
    pub(crate) fn introduce(&self, instance: &InstanceInfo) {
        self.with(|state| state.instance = Some(instance.clone()));
    }

    /// The instance at this end, if it can reach the store.
    pub(crate) fn instance(&self) -> Option<InstanceInfo> {
        self.with(|state| {
            state
                .instance
                .clone()
                .filter(|_| state.connection == Connection::Open)
        })
    }

    /// Mends the link; no call goes wrong from now on.
    pub(crate) fn heal(&self) {
        self.set(Connection::Open);
        self.with(|state| state.faults = 0);
    }

    /// What becomes of the next call.
    pub(crate) fn fate(&self) -> Fate {
        self.with(LinkState::fate)
    }

    /// Whether the next notification is lost.
    pub(crate) fn is_deaf(&self) -> bool {
        self.with(|state| state.rng.u32(..1_000) < state.faults)
    }
}

impl LinkState {
    fn fate(&mut self) -> Fate {
        match self.connection {
            Connection::Dead => return Fate::Silence,
            Connection::Cut => return Fate::Refused(self.some_time()),
            Connection::Open => {}
        }
        if self.rng.u32(..1_000) >= self.faults {
            return Fate::Answered(self.moment(), self.moment());
        }
        // The sum of both is at most the longest time.
        let one = self.some_time();
        let two = self.some_time().min(self.longest.saturating_sub(one));
        match self.rng.u8(..5) {
            0 => Fate::Refused(one),
            1 => Fate::AnswerLost(self.moment(), self.moment()),
            2 => Fate::AnswerLost(one, two),
            3 => Fate::Late(self.moment(), one),
            _ => Fate::Answered(one, two),
        }
    }

    /// Mostly nothing, sometimes milliseconds.
    fn moment(&mut self) -> Duration {
        match self.rng.u8(..10) {
            0 => Duration::from_millis(self.rng.u64(1..20)),
            _ => Duration::ZERO,
        }
    }

    /// Anything up to the longest; short times as likely as long ones.
    fn some_time(&mut self) -> Duration {
        let share = self.rng.f64();
        self.longest.mul_f64(share * share * share)
    }
}
