//! A connection to the server, which is made when it is needed, and again when it is lost.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use marionette::store::StoreError;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, NoTls, Row};

use crate::clock::{Clock, monotonic};
use crate::error::{Cure, cure, store_error};

/// How long a call may take in all, with all that is tried again.
const DEADLINE: Duration = Duration::from_secs(10);
/// What is set on each connection: whatever the database has as defaults, calls must not depend on
/// it. A weaker durability than that of a synced log is not for jobs; a stronger one stays.
const SET_UP: &str = "
    SET default_transaction_isolation = 'read committed';
    SET statement_timeout = '10s';
    SET lock_timeout = '2s';
    SET idle_in_transaction_session_timeout = '10s';
    SET jit = off;
    SET client_min_messages = warning;
    SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') = 'off'";

/// A parameter of a call, with its type: statements are not prepared by name, so that a pooler may
/// stand in between.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

#[derive(Debug)]
pub(crate) struct Link {
    config: Config,
    clock: Clock,
    client: Mutex<Option<Rc<Client>>>,
    /// How often connecting has failed since it last succeeded.
    failures: Cell<u32>,
}

impl Link {
    pub(crate) fn new(config: Config, clock: Clock) -> Self {
        Self {
            config,
            clock,
            client: Mutex::default(),
            failures: Cell::default(),
        }
    }

    /// Makes one call, which is one statement and one transaction.
    pub(crate) async fn call(
        &self,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let deadline = Instant::from_std(monotonic()) + DEADLINE;
        loop {
            let client = self.client(deadline).await?;
            let asked = timeout_at(deadline, self.ask(&client, sql, parameters)).await;
            let error = match asked {
                Ok(Ok(rows)) => return Ok(rows),
                Ok(Err(error)) => error,
                // Nobody knows what is still in it.
                Err(_) => {
                    self.forget(&client).await;
                    return Err(StoreError::unavailable("the server did not answer in time"));
                }
            };
            match cure(&error) {
                Cure::None => return Err(store_error(error)),
                Cure::Connect => self.forget(&client).await,
                Cure::Again => sleep(Duration::from_millis(fastrand::u64(1..20))).await,
            }
            if Instant::from_std(monotonic()) >= deadline {
                return Err(store_error(error));
            }
        }
    }

    async fn ask(
        &self,
        client: &Client,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let Some(micros) = self.clock.told() else {
            return client.query_typed(sql, parameters).await;
        };
        let micros = micros.to_string();
        let set = "SELECT set_config('test_clock.now', $1, false)";
        client.query_typed(set, &[(&micros, Type::TEXT)]).await?;
        client.query_typed(sql, parameters).await
    }

    /// The connection; a new one if there is none.
    pub(crate) async fn client(&self, deadline: Instant) -> Result<Rc<Client>, StoreError> {
        let mut place = self.client.lock().await;
        if let Some(client) = place.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Rc::clone(client));
        }
        loop {
            let error = match timeout_at(deadline, self.connect()).await {
                Ok(Ok(client)) => {
                    self.failures.set(0);
                    return Ok(Rc::clone(place.insert(Rc::new(client))));
                }
                Ok(Err(error)) => error,
                Err(_) => return Err(StoreError::unavailable("the server did not answer in time")),
            };
            // What the server says about who asks stays so.
            if cure(&error) != Cure::Connect {
                return Err(store_error(error));
            }
            let pause = self.pause();
            if Instant::from_std(monotonic()) + pause >= deadline {
                return Err(store_error(error));
            }
            sleep(pause).await;
        }
    }

    /// The pause before the next attempt: up to 50 ms at first, and up to 2 s at last.
    fn pause(&self) -> Duration {
        let failures = self.failures.get();
        self.failures.set(failures + 1);
        let most = 50_u64 << failures.min(5);
        Duration::from_millis(fastrand::u64(0..=most.min(2_000)))
    }

    async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = self.config.connect(NoTls).await?;
        // It ends with the client, or when the connection does.
        tokio::task::spawn_local(async move {
            let _ = connection.await;
        });
        client.batch_execute(SET_UP).await?;
        Ok(client)
    }

    async fn forget(&self, client: &Rc<Client>) {
        let mut place = self.client.lock().await;
        if place
            .as_ref()
            .is_some_and(|known| Rc::ptr_eq(known, client))
        {
            *place = None;
        }
    }
}
