//! What the thread of a store has: its connections, and what it knows of instances.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use marionette::store::StoreError;
use tokio::time::Instant;
use tokio_postgres::Config;

use crate::beats::Beats;
use crate::clock::monotonic;
use crate::hints::Hints;
use crate::link::Link;
use crate::options::Settings;
use crate::schema;
use crate::surplus::Surplus;
use crate::unnamed::Unnamed;

/// How long a store may take to connect.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) settings: Settings,
    /// For what is not synced: claims, signs of life, sweeps.
    pub(crate) hot: Link,
    /// For what is: jobs that are accepted, attempts that end, changes by people.
    pub(crate) durable: Link,
    /// For questions, which may take long.
    pub(crate) reader: Link,
    pub(crate) beats: RefCell<Beats>,
    pub(crate) unnamed: RefCell<Unnamed>,
    pub(crate) surplus: Cell<Surplus>,
    pub(crate) hints: RefCell<Hints>,
}

impl Server {
    /// Connects, and makes the tables if there are none.
    pub(crate) async fn connect(config: Config, settings: Settings) -> Result<Self, StoreError> {
        let link = || Link::new(config.clone(), settings.clock.clone());
        let (hot, durable, reader) = (link(), link(), link());
        let client = durable
            .client(Instant::from_std(monotonic()) + PATIENCE)
            .await?;
        schema::migrate(&client, &settings.schema).await?;
        #[cfg(feature = "test-util")]
        if settings.clock.told().is_some() {
            schema::follow_test_clock(&client, &settings.schema).await?;
        }
        Ok(Self {
            settings,
            hot,
            durable,
            reader,
            beats: RefCell::default(),
            unnamed: RefCell::default(),
            surplus: Cell::default(),
            hints: RefCell::default(),
        })
    }

    /// A statement, with the name of the schema in the place of `marionette`.
    pub(crate) fn sql(&self, text: &str) -> String {
        schema::within(&self.settings.schema, text)
    }
}
