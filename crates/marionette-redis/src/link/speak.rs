//! The protocol on a stream.

use std::io;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, ProtocolVersion, RedisConnectionInfo, RedisError};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::address::Login;

use super::ear::Ear;
use super::socket::Stream;

/// How long an answer may take. Later ones are thrown away with the connection.
pub(super) const ANSWER: Duration = Duration::from_secs(5);

/// How many calls may wait for their turn to be written.
const WAITING: usize = 1024;

/// From how many bytes on the connection writes before it takes more calls.
const WRITTEN: usize = 256 * 1024;

/// A connection, what drives it, and its end.
#[derive(Debug)]
pub(super) struct Spoken {
    pub(super) connection: MultiplexedConnection,
    pub(super) driver: Driver,
    pub(super) end: End,
}

/// What reads and writes; dropped, it closes the connection.
#[derive(Debug)]
pub(super) struct Driver(Vec<AbortHandle>);

impl Drop for Driver {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

/// The end of a connection.
#[derive(Debug)]
pub(super) struct End {
    ends: mpsc::Sender<()>,
    ended: mpsc::Receiver<()>,
}

impl End {
    /// Waits until one of the drivers has ended, by itself or because it was dropped.
    pub(super) async fn come(self) {
        let Self { ends, mut ended } = self;
        drop(ends);
        ended.recv().await;
    }
}

impl Spoken {
    /// Lets the connection live only as long as this goes on.
    pub(super) fn drive(&mut self, work: impl Future<Output = ()> + 'static) {
        let ends = self.end.ends.clone();
        let task = tokio::task::spawn_local(async move {
            work.await;
            let _ = ends.try_send(());
        });
        self.driver.0.push(task.abort_handle());
    }
}

/// Agrees with a server on the protocol, and says who we are.
pub(super) async fn speak(
    stream: Stream,
    login: Option<&Login>,
    ear: Option<&Ear>,
) -> Result<Spoken, RedisError> {
    // `CLIENT SETINFO` is unknown before 7.2, so it is among the rights of nobody.
    let mut settings = RedisConnectionInfo::default()
        .set_protocol(ProtocolVersion::RESP3)
        .set_skip_set_lib_name();
    if let Some(login) = login {
        settings = settings.set_password(&login.password);
        if let Some(user) = &login.user {
            settings = settings.set_username(user);
        }
    }
    connect(&settings, stream, ear).await
}

/// Speaks as the oldest servers do (RESP2), and says nothing first: so do sentinels.
pub(super) async fn speak_plainly(stream: Stream) -> Result<Spoken, RedisError> {
    let settings = RedisConnectionInfo::default()
        .set_protocol(ProtocolVersion::RESP2)
        .set_skip_set_lib_name();
    connect(&settings, stream, None).await
}

/// Says who we are, where `HELLO` cannot say it; without a login asks whether there has to be one.
/// A server closes a connection that sends it scripts before it knows.
pub(super) async fn log_in(
    to: &mut MultiplexedConnection,
    login: Option<&Login>,
) -> Result<(), RedisError> {
    match login {
        Some(login) => auth(login).exec_async(to).await,
        None => redis::cmd("PING").exec_async(to).await,
    }
}

pub(super) fn auth(login: &Login) -> Cmd {
    let mut auth = redis::cmd("AUTH");
    if let Some(user) = &login.user {
        auth.arg(user);
    }
    auth.arg(&login.password);
    auth
}

async fn connect(
    settings: &RedisConnectionInfo,
    stream: Stream,
    ear: Option<&Ear>,
) -> Result<Spoken, RedisError> {
    let mut config = AsyncConnectionConfig::new()
        .set_response_timeout(Some(ANSWER))
        .set_pipeline_buffer_size(WAITING)
        .set_write_backpressure_boundary(WRITTEN);
    if let Some(ear) = ear {
        config = config.set_push_sender(ear.clone());
    }
    let connect = MultiplexedConnection::new_with_config(settings, stream, config);
    let connected = tokio::time::timeout(ANSWER, connect).await;
    let (connection, driver) = connected.map_err(|_| no_answer())??;
    let (ends, ended) = mpsc::channel(1);
    let mut spoken = Spoken {
        connection,
        driver: Driver(Vec::new()),
        end: End { ends, ended },
    };
    spoken.drive(driver);
    Ok(spoken)
}

fn no_answer() -> RedisError {
    let what = format!("no answer within {} s", ANSWER.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, what).into()
}
