//! Connections to the server. One that is lost is made anew by itself, and the calls that were on
//! their way are sent again: every call may be repeated.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use marionette::store::StoreError;
use redis::aio::MultiplexedConnection;
use redis::{RedisError, Value};
use tokio::sync::watch;

use crate::address::{Endpoint, Host};
use crate::clock;
use crate::error::{Cure, cure, store_error, told};
use crate::scripts::Call;

mod ear;
mod way;
mod open;
mod greet;
mod info;
mod failure;
mod sentinel;
mod socket;
mod speak;
#[cfg(feature = "tls")]
mod tls;
mod findings;
mod pace;

pub(crate) use ear::{Ear, Push};
pub(crate) use way::Way;

use pace::Pace;
use speak::Driver;
use way::Fresh;

/// How long a call, and the first attempt to connect, may take with all repetitions.
const LIMIT: Duration = Duration::from_secs(10);

/// A connection that lived for this long was a good one: the next attempt comes at once.
const GOOD: Duration = Duration::from_secs(2);

/// A connection that heals by itself.
#[derive(Debug)]
pub(crate) struct Link {
    shared: Rc<Shared>,
}

#[derive(Debug)]
struct Shared {
    way: Rc<Way>,
    ear: Option<Ear>,
    /// What calls use; none while there is no connection.
    live: watch::Sender<Option<Live>>,
    driver: RefCell<Option<Driver>>,
    /// The server of the connection, where a sentinel named it.
    host: RefCell<Option<Host>>,
    number: Cell<u64>,
    since: Cell<Option<Instant>>,
    pace: Pace,
    /// What happened last, for the error of a call whose time is up.
    last: RefCell<String>,
}

#[derive(Clone)]
struct Live {
    connection: MultiplexedConnection,
    number: u64,
}

/// What is sent.
#[derive(Clone, Copy)]
enum Request<'a> {
    Call(&'a Call),
    Command(&'a redis::Cmd),
}

impl Link {
    /// Connects. A server that only just starts gets some seconds.
    pub(crate) async fn connect(way: &Rc<Way>, ear: Option<Ear>) -> Result<Self, StoreError> {
        let shared = Rc::new(Shared {
            way: Rc::clone(way),
            ear,
            live: watch::Sender::new(None),
            driver: RefCell::default(),
            host: RefCell::default(),
            number: Cell::default(),
            since: Cell::default(),
            pace: Pace::default(),
            last: RefCell::default(),
        });
        let until = clock::monotonic() + LIMIT;
        loop {
            shared.pace.pause().await;
            match way.establish(shared.ear.as_ref()).await {
                Ok(fresh) => shared.begin(fresh),
                Err(failure) if failure.is_passing && clock::monotonic() < until => continue,
                Err(failure) => return Err(failure.error),
            }
            return Ok(Self { shared });
        }
    }

    /// Calls a script.
    pub(crate) async fn call(&self, call: &Call) -> Result<Value, StoreError> {
        self.send(Request::Call(call)).await
    }

    /// Sends a command that is no script.
    pub(crate) async fn ask(&self, command: &redis::Cmd) -> Result<Value, StoreError> {
        self.send(Request::Command(command)).await
    }

    /// Makes the store again if the server has lost it.
    pub(crate) async fn open(&self) -> Result<(), StoreError> {
        let opened = async {
            let mut live = self.shared.live().await;
            self.shared.open(&mut live).await
        };
        match tokio::time::timeout(LIMIT, opened).await {
            Ok(opened) => opened,
            Err(_) => Err(self.shared.too_late()),
        }
    }

    /// Leaves a server that its sentinels no longer call the master, as long as the links live.
    pub(crate) fn watch(way: &Rc<Way>, links: [&Self; 2]) {
        if let Endpoint::Sentinels { .. } = &way.address.endpoint {
            let links = links.map(|link| Rc::downgrade(&link.shared));
            tokio::task::spawn_local(sentinel::watch(Rc::clone(way), links.to_vec()));
        }
    }

    async fn send(&self, request: Request<'_>) -> Result<Value, StoreError> {
        match tokio::time::timeout(LIMIT, self.repeat(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(self.shared.too_late()),
        }
    }

    /// Sends it until there is an answer.
    async fn repeat(&self, request: Request<'_>) -> Result<Value, StoreError> {
        let mut has_to_load = false;
        let pace = Pace::default();
        loop {
            let mut live = self.shared.live().await;
            let answer = match request {
                Request::Call(call) if has_to_load => {
                    load_and_call(&self.shared.way, &mut live.connection, call).await
                }
                Request::Call(call) => call.command().query_async(&mut live.connection).await,
                Request::Command(command) => command.query_async(&mut live.connection).await,
            };
            let error = match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let cure = cure(&error);
            if cure != Cure::None {
                *self.shared.last.borrow_mut() = told(&error);
            }
            has_to_load = cure == Cure::Load;
            match cure {
                Cure::None => return Err(store_error(error)),
                Cure::Connect => self.shared.lose(live.number, told(&error)),
                Cure::Load => {}
                Cure::Wait => pace.wait().await,
                Cure::Open => {
                    self.shared.open(&mut live).await?;
                    pace.pause().await;
                }
                Cure::Rights => {
                    self.shared.open(&mut live).await?;
                    return Err(StoreError::refused(format!(
                        "a right was missing while a script ran: {}",
                        told(&error)
                    )));
                }
            }
        }
    }
}

/// Tells the server a script that it has forgotten, and calls it.
async fn load_and_call(
    way: &Way,
    to: &mut MultiplexedConnection,
    call: &Call,
) -> Result<Value, RedisError> {
    let both = way.scripts.load_and_call(call);
    let answers = to.send_packed_commands(&both, 0, both.len()).await?;
    let mut last = Value::Nil;
    for answer in answers {
        last = answer.extract_error()?;
    }
    Ok(last)
}

impl Shared {
    /// The connection, as soon as there is one.
    async fn live(&self) -> Live {
        loop {
            let mut changes = self.live.subscribe();
            if let Ok(live) = changes.wait_for(Option::is_some).await
                && let Some(live) = live.clone()
            {
                return live;
            }
        }
    }

    /// Lets calls use a new connection, until it ends.
    fn begin(self: &Rc<Self>, fresh: Fresh) {
        let number = self.number.get() + 1;
        self.number.set(number);
        self.since.set(Some(clock::monotonic()));
        *self.host.borrow_mut() = fresh.host;
        let spoken = fresh.spoken;
        *self.driver.borrow_mut() = Some(spoken.driver);
        let connection = spoken.connection;
        self.live.send_replace(Some(Live { connection, number }));
        if let Some(ear) = &self.ear {
            ear.connected();
        }
        let shared = Rc::downgrade(self);
        tokio::task::spawn_local(async move {
            // The end of the driver, by itself or because the connection is no longer wanted.
            let _ = spoken.ended.await;
            if let Some(shared) = shared.upgrade() {
                shared.lose(number, "the server closed the connection".to_owned());
            }
        });
    }

    /// Drops the connection of this number, if it is still in use, and begins to make another.
    fn lose(self: &Rc<Self>, number: u64, why: String) {
        let is_used = self.live.borrow().as_ref().map(|live| live.number) == Some(number);
        if !is_used {
            return;
        }
        *self.last.borrow_mut() = why;
        self.live.send_replace(None);
        self.driver.take();
        let lived = self.since.take().map(|since| clock::monotonic() - since);
        if lived.is_some_and(|lived| lived >= GOOD) {
            self.pace.reset();
        }
        tokio::task::spawn_local(heal(Rc::downgrade(self)));
    }

    /// Makes the store again, or finds out what is wrong with it.
    async fn open(self: &Rc<Self>, live: &mut Live) -> Result<(), StoreError> {
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

    fn too_late(&self) -> StoreError {
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
            Err(failure) => *shared.last.borrow_mut() = failure.error.chain(),
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
