//! Connections to the server. One that is lost is made anew by itself, and the calls that were on
//! their way are sent again: every call may be repeated.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use marionette::store::StoreError;
use redis::aio::MultiplexedConnection;
use redis::{RedisError, Value};

use crate::address::Endpoint;
use crate::clock;
use crate::error::{Cure, cure, store_error, told};
use crate::scripts::Call;

mod ear;
mod turns;
mod shared;
mod way;
mod open;
mod greet;
mod proof;
mod info;
mod failure;
mod sentinel;
mod listen;
mod socket;
mod speak;
#[cfg(feature = "tls")]
mod tls;
mod findings;
mod pace;

pub(crate) use ear::{Ear, Push};
pub(crate) use turns::Turns;
pub(crate) use way::Way;

use pace::Pace;
use proof::{Shortage, call_and_prove};
use shared::{Live, Shared};

/// How long a call, and the first attempt to connect, may take with all repetitions.
const LIMIT: Duration = Duration::from_secs(10);

/// A connection that heals by itself.
#[derive(Debug)]
pub(crate) struct Link {
    shared: Rc<Shared>,
}

/// What is sent.
#[derive(Clone, Copy)]
enum Request<'a> {
    Call(&'a Call),
    /// A script whose answer counts once the server keeps what it wrote.
    Kept(&'a Call),
    Command(&'a redis::Cmd),
}

impl Link {
    /// Connects. A server that only just starts gets some seconds.
    pub(crate) async fn connect(way: &Rc<Way>, ear: Option<Ear>) -> Result<Self, StoreError> {
        let shared = Rc::new(Shared::new(way, ear));
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

    /// Calls a script, and waits until the server keeps what it wrote as the settings ask.
    async fn call_kept(&self, call: &Call) -> Result<Value, StoreError> {
        self.repeat(Request::Kept(call)).await
    }

    /// Sends a command that is no script.
    pub(crate) async fn ask(&self, command: &redis::Cmd) -> Result<Value, StoreError> {
        self.send(Request::Command(command)).await
    }

    /// Makes the store again if the server has lost it.
    pub(crate) async fn open(&self) -> Result<(), StoreError> {
        let opened = async {
            let mut live = self.shared.live().await?;
            self.shared.open(&mut live).await
        };
        let opened = in_time(opened).await;
        opened.unwrap_or_else(|| Err(self.shared.too_late()))
    }

    /// Leaves a server that its sentinels no longer call the master, as long as the links live.
    pub(crate) fn watch<'a>(way: &Rc<Way>, links: impl Iterator<Item = &'a Self>) {
        if let Endpoint::Sentinels { .. } = &way.address.endpoint {
            let links = links.map(|link| Rc::downgrade(&link.shared));
            tokio::task::spawn_local(sentinel::watch(Rc::clone(way), links.collect()));
        }
    }

    async fn send(&self, request: Request<'_>) -> Result<Value, StoreError> {
        let answer = in_time(self.repeat(request)).await;
        answer.unwrap_or_else(|| Err(self.shared.too_late()))
    }

    /// Sends it once: its answer, and whether that counts.
    async fn once(
        &self,
        request: Request<'_>,
        live: &mut Live,
        has_to_load: bool,
    ) -> Result<(Value, Result<(), Shortage>), RedisError> {
        let (way, to) = (&self.shared.way, &mut live.connection);
        let answer = match request {
            Request::Kept(call) => return call_and_prove(way, to, call, has_to_load).await,
            Request::Call(call) if has_to_load => load_and_call(way, to, call).await,
            Request::Call(call) => call.command().query_async(to).await,
            Request::Command(command) => command.query_async(to).await,
        };
        answer.map(|answer| (answer, Ok(())))
    }

    /// Sends it until there is an answer.
    async fn repeat(&self, request: Request<'_>) -> Result<Value, StoreError> {
        let mut has_to_load = false;
        let pace = Pace::default();
        loop {
            let mut live = self.shared.live().await?;
            let error = match self.once(request, &mut live, has_to_load).await {
                Ok((answer, Ok(()))) => {
                    self.shared.is_answered(live.number);
                    return Ok(answer);
                }
                Ok((_, Err(Shortage::Lost(error)))) | Err(error) => error,
                Ok((_, Err(Shortage::Late(why)))) => return Err(self.shared.unkept(&why)),
                Ok((_, Err(Shortage::Never(why)))) => {
                    // The next connection may find another server, or other settings.
                    self.shared.lose(live.number, why.clone());
                    return Err(self.shared.unkept(&why));
                }
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

/// Gives it as long as a call may take; once more if this process stood still meanwhile, since
/// then the time says nothing of the server.
async fn in_time<T>(work: impl Future<Output = T>) -> Option<T> {
    const STOOD_STILL: Duration = Duration::from_secs(1);
    let mut work = pin!(work);
    loop {
        let until = clock::monotonic() + LIMIT;
        match tokio::time::timeout(LIMIT, work.as_mut()).await {
            Ok(done) => return Some(done),
            Err(_) if clock::monotonic() > until + STOOD_STILL => {}
            Err(_) => return None,
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
