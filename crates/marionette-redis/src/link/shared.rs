//! What the users of a connection share: the connection itself, or why there is none, and how it is
//! made anew.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use marionette::store::StoreError;
use redis::aio::MultiplexedConnection;
use tokio::sync::watch;

use crate::address::Host;
use crate::clock;

use super::ear::Ear;
use super::failure::Failure;
use super::pace::Pace;
use super::speak::Driver;
use super::way::{Fresh, Way};
use super::{LIMIT, open};

/// For how long a server has to refuse our credentials before calls no longer wait for another
/// answer.
const REFUSED: Duration = Duration::from_secs(1);

/// A connection that lived for this long was a good one: the next attempt comes at once.
const GOOD: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) way: Rc<Way>,
    pub(super) ear: Option<Ear>,
    state: watch::Sender<State>,
    /// Since when the server refuses our credentials.
    refused: Cell<Option<Instant>>,
    driver: RefCell<Option<Driver>>,
    /// The server of the connection, where a sentinel named it.
    pub(super) host: RefCell<Option<Host>>,
    pub(super) number: Cell<u64>,
    since: Cell<Option<Instant>>,
    /// Whether a call was answered on the connection.
    has_answered: Cell<bool>,
    pub(super) pace: Pace,
    /// What happened last, for the error of a call whose time is up.
    pub(super) last: RefCell<String>,
}

/// Whether there is a connection.
#[derive(Clone, Debug)]
enum State {
    /// Not yet: calls wait for it.
    Away,
    /// What calls use.
    Live(Live),
    /// Not before a person does something, for this reason: calls fail.
    Refused(String),
}

#[derive(Clone)]
pub(super) struct Live {
    pub(super) connection: MultiplexedConnection,
    pub(super) number: u64,
}

impl Shared {
    pub(super) fn new(way: &Rc<Way>, ear: Option<Ear>) -> Self {
        Self {
            way: Rc::clone(way),
            ear,
            state: watch::Sender::new(State::Away),
            refused: Cell::default(),
            driver: RefCell::default(),
            host: RefCell::default(),
            number: Cell::default(),
            since: Cell::default(),
            has_answered: Cell::default(),
            pace: Pace::default(),
            last: RefCell::default(),
        }
    }

    /// The connection, as soon as there is one; an error if there will be none until a person does
    /// something.
    pub(super) async fn live(&self) -> Result<Live, StoreError> {
        loop {
            let mut changes = self.state.subscribe();
            let state = changes
                .wait_for(|state| !matches!(state, State::Away))
                .await;
            // It ends with this, which waits.
            let Ok(state) = state else { continue };
            match &*state {
                State::Live(live) => return Ok(live.clone()),
                State::Refused(why) => return Err(StoreError::unavailable(why.clone())),
                State::Away => {}
            }
        }
    }

    /// Lets calls use a new connection, until it ends.
    pub(super) fn begin(self: &Rc<Self>, fresh: Fresh) {
        let number = self.number.get() + 1;
        self.number.set(number);
        self.since.set(Some(clock::monotonic()));
        self.has_answered.set(false);
        *self.host.borrow_mut() = fresh.host;
        let spoken = fresh.spoken;
        *self.driver.borrow_mut() = Some(spoken.driver);
        let connection = spoken.connection;
        self.refused.take();
        self.state
            .send_replace(State::Live(Live { connection, number }));
        if let Some(ear) = &self.ear {
            ear.connected();
        }
        let shared = Rc::downgrade(self);
        tokio::task::spawn_local(async move {
            // The end of the driver, by itself or because the connection is no longer wanted.
            spoken.end.come().await;
            if let Some(shared) = shared.upgrade() {
                shared.lose(number, "the server closed the connection".to_owned());
            }
        });
    }

    /// Notes that a call was answered on the connection of this number.
    pub(super) fn is_answered(&self, number: u64) {
        if self.number.get() == number {
            self.has_answered.set(true);
        }
    }

    /// Drops the connection of this number, if it is still in use, and begins to make another.
    pub(super) fn lose(self: &Rc<Self>, number: u64, why: String) {
        match &*self.state.borrow() {
            State::Live(live) if live.number == number => {}
            _ => return,
        }
        *self.last.borrow_mut() = why;
        self.state.send_replace(State::Away);
        self.driver.take();
        let lived = self.since.take().map(|since| clock::monotonic() - since);
        if lived.is_some_and(|lived| lived >= GOOD) {
            self.pace.reset();
        } else if self.has_answered.get() {
            self.pace.shorten();
        }
        tokio::task::spawn_local(heal(Rc::downgrade(self)));
    }

    /// Notes why there is no connection yet. Calls need not wait for one while a server goes on
    /// refusing our credentials; for a moment it may, while it starts.
    fn failed(&self, failure: &Failure) {
        let why = failure.error.chain();
        self.last.borrow_mut().clone_from(&why);
        let now = clock::monotonic();
        let since = failure
            .is_about_credentials
            .then(|| self.refused.get().unwrap_or(now));
        self.refused.set(since);
        self.state.send_replace(match since {
            Some(since) if now - since >= REFUSED => State::Refused(why),
            _ => State::Away,
        });
    }

    /// Makes the store again, or finds out what is wrong with it.
    pub(super) async fn open(self: &Rc<Self>, live: &mut Live) -> Result<(), StoreError> {
        match open::open(&self.way, &mut live.connection, Vec::new()).await {
            Ok(()) => Ok(()),
            Err(failure) if failure.error.is_unavailable() => {
                let why = failure.error.chain();
                self.lose(live.number, why);
                Ok(())
            }
            Err(failure) => Err(failure.error),
        }
    }

    /// The error of a change that was made and does not count.
    pub(super) fn unkept(&self, why: &str) -> StoreError {
        let (server, durability) = (&self.way.address, self.way.settings.durability);
        StoreError::unavailable(format!(
            "{server} has made the change and does not keep it as Durability::{durability:?} asks, \
             so it may be lost: {why}"
        ))
    }

    pub(super) fn too_late(&self) -> StoreError {
        let last = self.last.borrow();
        let (server, seconds) = (&self.way.address, LIMIT.as_secs());
        StoreError::unavailable(if last.is_empty() {
            format!("{server} does not answer within {seconds} s")
        } else {
            format!("{server} does not answer within {seconds} s; last: {last}")
        })
    }
}

/// Makes a new connection, however long it takes.
async fn heal(shared: Weak<Shared>) {
    while let Some(shared) = shared.upgrade() {
        shared.pace.pause().await;
        match shared.way.establish(shared.ear.as_ref()).await {
            Ok(fresh) => return shared.begin(fresh),
            Err(failure) => shared.failed(&failure),
        }
    }
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
