//! What becomes of jobs on a real server, beyond what every store must do: many lanes, several
//! processes, callers at the same time, and rows that somebody has spoilt.

mod claim;
mod insert;
mod settle;

use marionette::TaskId;
use marionette::store::{
    Claim, Claimed, InstanceId, InstanceInfo, Name, NewJob, Store, StoreError, Wanted,
};
use marionette_redis::RedisStore;
use marionette_servers::RedisServer;

/// A server, and a store on it with an instance that it knows.
struct Bed {
    server: RedisServer,
    store: RedisStore,
    instance: InstanceId,
}

impl Bed {
    /// `None` where there is no server; then the test says so and is left out.
    async fn new() -> Option<Self> {
        let server = RedisServer::start()?;
        let store = RedisStore::connect(server.url()).await.expect("it runs");
        let info = InstanceInfo::new(InstanceId::new(), "server", 4);
        let instance = info.id;
        store.renew(info, Vec::new()).await.expect("it is known");
        Some(Self {
            server,
            store,
            instance,
        })
    }

    /// The store as another process has it.
    async fn other(&self) -> RedisStore {
        let store = RedisStore::connect(self.server.url()).await;
        store.expect("it runs")
    }

    async fn insert(&self, jobs: Vec<NewJob>) {
        let inserted = self.store.insert(jobs).await.expect("they are in order");
        assert!(inserted.iter().all(|it| it.is_accepted()), "{inserted:?}");
    }

    async fn claim(&self, wanted: Wanted, limit: usize) -> Result<Vec<Claimed>, StoreError> {
        let claim = Claim::new(self.instance, wanted, limit);
        self.store.claim(claim).await
    }

    /// Claims jobs of the kind `mail`.
    async fn mails(&self, limit: usize) -> Vec<Claimed> {
        let wanted = Wanted::new([MAIL]);
        self.claim(wanted, limit).await.expect("they are given")
    }
}

const MAIL: Name = Name::from_static("mail");

fn name(text: impl AsRef<str>) -> Name {
    text.as_ref().parse().expect("it is a name")
}

fn mail() -> NewJob {
    NewJob::new(MAIL, b"{}".to_vec())
}

fn mails(count: usize) -> Vec<NewJob> {
    (0..count).map(|_| mail()).collect()
}

fn ids(claimed: &[Claimed]) -> Vec<TaskId> {
    claimed.iter().map(|claimed| claimed.lease.job).collect()
}

/// A key of the store.
fn key(name: &str) -> String {
    format!("{{marionette}}:{name}")
}
