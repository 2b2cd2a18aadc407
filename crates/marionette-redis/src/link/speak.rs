//! The protocol on a stream.

use std::io;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ProtocolVersion, RedisConnectionInfo, RedisError};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::address::Login;

use super::ear::Ear;
use super::socket::Stream;

/// How long an answer may take. Later ones are thrown away with the connection.
const ANSWER: Duration = Duration::from_secs(5);

/// How many calls may wait for their turn to be written.
const WAITING: usize = 1024;

/// From how many bytes on the connection writes before it takes more calls.
const WRITTEN: usize = 256 * 1024;

/// A connection, what drives it, and its end.
#[derive(Debug)]
pub(super) struct Spoken {
    pub(super) connection: MultiplexedConnection,
    pub(super) driver: Driver,
    /// Comes when the driver has ended.
    pub(super) ended: oneshot::Receiver<()>,
}

/// What reads and writes; dropped, it closes the connection.
#[derive(Debug)]
pub(super) struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
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

/// Speaks as the oldest servers do, and says nothing first: so do sentinels.
pub(super) async fn speak_plainly(stream: Stream) -> Result<Spoken, RedisError> {
    let settings = RedisConnectionInfo::default()
        .set_protocol(ProtocolVersion::RESP2)
        .set_skip_set_lib_name();
    connect(&settings, stream, None).await
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
    let (end, ended) = oneshot::channel();
    let driver = tokio::task::spawn_local(async move {
        driver.await;
        let _ = end.send(());
    });
    Ok(Spoken {
        connection,
        driver: Driver(driver.abort_handle()),
        ended,
    })
}

fn no_answer() -> RedisError {
    let what = format!("no answer within {} s", ANSWER.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, what).into()
}
