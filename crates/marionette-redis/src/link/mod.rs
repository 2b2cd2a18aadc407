//! A connection to the server, which is made anew when it is lost.

use std::rc::Rc;
use std::time::Duration;

use marionette::store::StoreError;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, IntoConnectionInfo, ProtocolVersion, RedisError, Value};
use tokio::net::TcpStream;

use crate::error::{is_no_script, store_error};
use crate::scripts::{Call, Scripts};

mod ear;

pub(crate) use ear::{Ear, Push};

/// A connection.
#[derive(Debug)]
pub(crate) struct Link {
    connection: MultiplexedConnection,
    scripts: Rc<Scripts>,
}

impl Link {
    pub(crate) async fn connect(
        url: &str,
        scripts: Rc<Scripts>,
        ear: Option<Ear>,
    ) -> Result<Self, StoreError> {
        let connected = Self::try_connect(url, scripts, ear).await;
        connected.map_err(store_error)
    }

    async fn try_connect(
        url: &str,
        scripts: Rc<Scripts>,
        ear: Option<Ear>,
    ) -> Result<Self, RedisError> {
        let info = url.into_connection_info()?;
        let redis::ConnectionAddr::Tcp(host, port) = info.addr() else {
            return Err((redis::ErrorKind::InvalidClientConfig, "not built yet").into());
        };
        let stream = TcpStream::connect((&**host, *port)).await?;
        stream.set_nodelay(true)?;
        let settings = info.redis_settings().clone();
        let settings = settings.set_protocol(ProtocolVersion::RESP3);
        let mut config = AsyncConnectionConfig::new()
            .set_response_timeout(Some(Duration::from_secs(5)))
            .set_pipeline_buffer_size(1024);
        if let Some(ear) = &ear {
            config = config.set_push_sender(ear.clone());
        }
        let (mut connection, driver) =
            MultiplexedConnection::new_with_config(&settings, stream, config).await?;
        tokio::task::spawn_local(driver);
        scripts.loaded(scripts.load().query_async(&mut connection).await?);
        if let Some(ear) = ear {
            let subscribed = redis::cmd("SSUBSCRIBE").arg(ear.channel()).to_owned();
            let _: Value = subscribed.query_async(&mut connection).await?;
            ear.connected();
        }
        Ok(Self {
            connection,
            scripts,
        })
    }

    /// Calls a script.
    pub(crate) async fn call(&self, call: &Call) -> Result<Value, StoreError> {
        match self.command(call.command()).await {
            Err(error) if is_no_script(&error) => {
                let mut connection = self.connection.clone();
                let loaded = self.scripts.load().query_async(&mut connection).await;
                self.scripts.loaded(loaded.map_err(store_error)?);
                self.command(call.command()).await.map_err(store_error)
            }
            answer => answer.map_err(store_error),
        }
    }

    /// Sends a command that is no script.
    pub(crate) async fn ask(&self, command: &redis::Cmd) -> Result<Value, StoreError> {
        self.command(command).await.map_err(store_error)
    }

    async fn command(&self, command: &redis::Cmd) -> Result<Value, RedisError> {
        command.query_async(&mut self.connection.clone()).await
    }
}
