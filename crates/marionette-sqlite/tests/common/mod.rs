//! What the tests of the store have in common: a file of their own, and short words.
#![allow(dead_code)] // Each test uses a part of it.

pub(crate) mod version_1;
pub(crate) mod version_2;

use std::path::PathBuf;
use std::time::Duration;

use marionette::TaskId;
use marionette::inspect::{By, Inspect};
use marionette::store::{
    Attempted, Claim, Claimed, Inserted, InstanceId, InstanceInfo, Lease, Name, NewJob, Next,
    PastOutcome, Settled, Settlement, Store, Wanted,
};
use marionette_sqlite::SqliteStore;
use tempfile::TempDir;

/// A directory that goes when the test ends, and a file in it.
pub(crate) struct Place {
    pub(crate) directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        Self { directory }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("tasks.db")
    }

    pub(crate) async fn open(&self) -> SqliteStore {
        SqliteStore::open(self.path())
            .await
            .expect("it can be opened")
    }
}

/// The name with this text.
pub(crate) fn name(text: impl AsRef<str>) -> Name {
    text.as_ref().parse().expect("it is a name")
}

pub(crate) fn job() -> NewJob {
    NewJob::new(name("mail"), b"{\"to\":\"ada\"}".to_vec())
}

pub(crate) fn instance() -> InstanceInfo {
    InstanceInfo::new(InstanceId::new(), "test", 4).process(std::process::id())
}

/// The names of the queues that are paused.
pub(crate) async fn paused_in(store: &SqliteStore) -> Vec<Name> {
    let paused = store.paused_queues().await.expect("an answer");
    paused.into_iter().map(|paused| paused.queue).collect()
}

/// The person who makes the changes.
pub(crate) fn by() -> By {
    By::new("ada", "test")
}

pub(crate) fn wanted() -> Wanted {
    Wanted::new([name("mail")])
}

/// Claims as an instance that has renewed before.
pub(crate) async fn claim(
    store: &SqliteStore,
    instance: &InstanceInfo,
    limit: usize,
) -> Vec<Claimed> {
    let claim = Claim::new(instance.id, wanted(), limit).suspects(limit);
    store.claim(claim).await.expect("the instance is known")
}

pub(crate) async fn insert(store: &SqliteStore, job: NewJob) -> TaskId {
    let id = job.id;
    let inserted = store.insert(vec![job]).await.expect("it is accepted");
    assert_eq!(inserted, [Inserted::Accepted]);
    id
}

/// A new instance that is known.
pub(crate) async fn known_instance(store: &SqliteStore) -> InstanceInfo {
    let instance = instance();
    store
        .renew(instance.clone(), vec![])
        .await
        .expect("it is known now");
    instance
}

pub(crate) fn done(lease: Lease) -> Settlement {
    Settlement::new(lease, Next::Done(b"null".to_vec())).attempt(Attempted::new(
        PastOutcome::Done,
        Duration::from_micros(1234),
    ))
}

pub(crate) fn failed(lease: Lease, error: &str, next: Next) -> Settlement {
    Settlement::new(lease, next).attempt(
        Attempted::new(PastOutcome::Failed, Duration::from_micros(1234)).error(error.to_owned()),
    )
}

pub(crate) async fn settle(store: &SqliteStore, settlement: Settlement) -> Settled {
    let settled = store.settle(vec![settlement]).await.expect("it is written");
    settled[0]
}
