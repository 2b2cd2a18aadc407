//! A server, and processes that share a store on it.

use std::time::{Duration, Instant, SystemTime};

use marionette::store::{
    Claim, Claimed, Duty, Inserted, InstanceId, InstanceInfo, Name, NewJob, Settlement, Store,
    Wanted,
};
use marionette_redis::{RedisOptions, RedisStore};
use marionette_servers::{RedisServer, Reply};
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(crate) const KIND: &str = "mail";

/// A store of its own name on a server.
pub(crate) struct Bed {
    pub(crate) server: RedisServer,
    pub(crate) name: String,
    options: RedisOptions,
}

/// What a process has of the store.
pub(crate) struct Process {
    pub(crate) store: RedisStore,
    pub(crate) instance: InstanceInfo,
}

impl Bed {
    /// `None` without a `redis-server`.
    pub(crate) fn new(options: RedisOptions) -> Option<Self> {
        let server = RedisServer::start()?;
        let name = RedisServer::any_name();
        let options = options.name(&name);
        Some(Self {
            server,
            name,
            options,
        })
    }

    /// A process that has just come.
    pub(crate) async fn process(&self) -> Process {
        let store = self.options.clone().connect(self.server.url()).await;
        let process = Process {
            store: store.expect("the server runs"),
            instance: InstanceInfo::new(InstanceId::new(), "worker", 4),
        };
        process.beat().await;
        process
    }

    /// The name of a key of the store.
    pub(crate) fn key(&self, key: &str) -> String {
        format!("{{{}}}:{key}", self.name)
    }

    /// How many processes count as idle.
    pub(crate) fn idle(&self) -> usize {
        let count = self.server.command(&["HLEN", &self.key("rooms")]).int();
        usize::try_from(count).expect("a number")
    }

    /// Waits until so many processes count as idle.
    pub(crate) async fn until_idle(&self, count: usize) {
        eventually("the processes are idle", || self.idle() == count).await;
    }

    /// How many commands of these names the server has had.
    pub(crate) fn commands(&self, names: &[&str]) -> u64 {
        let told = self.server.command(&["INFO", "commandstats"]).text();
        let calls = |name: &str| {
            let line = told.lines().find_map(|line| {
                let line = line.strip_prefix("cmdstat_")?.strip_prefix(name)?;
                line.strip_prefix(":calls=")
            })?;
            line.split(',').next()?.parse::<u64>().ok()
        };
        names.iter().filter_map(|name| calls(name)).sum()
    }

    /// Sends a command that has to succeed.
    pub(crate) fn ask(&self, words: &[&str]) -> Reply {
        let reply = self.server.command(words);
        assert!(!matches!(reply, Reply::Error(_)), "{words:?}: {reply:?}");
        reply
    }
}

impl Process {
    pub(crate) async fn beat(&self) {
        let renewed = self.store.renew(self.instance.clone(), Vec::new()).await;
        renewed.expect("a sign of life");
    }

    pub(crate) async fn insert(&self, jobs: Vec<NewJob>) {
        let inserted = self.store.insert(jobs).await.expect("they are in order");
        assert!(inserted.iter().all(|it| *it == Inserted::Accepted));
    }

    pub(crate) async fn claim(&self, limit: usize) -> Vec<Claimed> {
        let claim = Claim::new(self.instance.id, wanted(), limit);
        self.store
            .claim(claim)
            .await
            .expect("the instance is known")
    }

    /// Begins to rest from a duty.
    pub(crate) fn rests(&self, duty: Duty) -> Rest {
        let store = self.store.clone();
        let rest = async move { store.rest(duty).await.expect("a rest") };
        Rest(tokio::spawn(rest))
    }

    pub(crate) async fn settle(&self, settlement: Settlement) {
        let settled = self.store.settle(vec![settlement]).await;
        settled.expect("it is in order");
    }
}

/// Somebody who rests, until this is dropped.
pub(crate) struct Rest(JoinHandle<()>);

impl Rest {
    pub(crate) fn has_ended(&self) -> bool {
        self.0.is_finished()
    }

    /// Waits until the rest ends, which it has to within this time.
    pub(crate) async fn ends_within(mut self, limit: Duration) {
        let ended = timeout(limit, &mut self.0).await;
        ended.expect("it ends in time").expect("it does not fail");
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(crate) fn wanted() -> Wanted {
    Wanted::new([Name::from_static(KIND)])
}

pub(crate) fn job() -> NewJob {
    NewJob::new(Name::from_static(KIND), b"{}".to_vec())
}

/// The present of the real clock.
#[allow(clippy::disallowed_methods)] // These tests are about real time.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The present of the wall clock.
#[allow(clippy::disallowed_methods)] // As above.
pub(crate) fn wall() -> SystemTime {
    SystemTime::now()
}

/// Waits until this is so.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let limit = now() + Duration::from_secs(30);
    while !is_so() {
        assert!(now() < limit, "{what}: not within 30 s");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
