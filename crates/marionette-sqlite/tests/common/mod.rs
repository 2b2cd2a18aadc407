//! What the tests of the store have in common: a file of their own, and short words.
#![allow(dead_code)] // Each test uses a part of it.

pub(crate) mod version_1;
pub(crate) mod version_2;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use marionette::TaskId;
use marionette::store::{
    Attempted, Claim, Claimed, Due, Inserted, InstanceId, InstanceInfo, JobOptions, Lease, NewJob,
    Next, PastOutcome, Priority, Settled, Settlement, Store, Wanted,
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

pub(crate) fn job() -> NewJob {
    NewJob {
        id: TaskId::new(),
        kind: "mail".into(),
        queue: "default".into(),
        priority: Priority(0),
        due: Due::Now,
        payload: b"{\"to\":\"ada\"}".to_vec(),
        options: JobOptions::default(),
        queue_limit: None,
    }
}

pub(crate) fn instance() -> InstanceInfo {
    InstanceInfo {
        id: InstanceId::new(),
        server: "test".into(),
        process: std::process::id(),
        workers: 4,
    }
}

pub(crate) fn wanted() -> Wanted {
    Wanted {
        kinds: Arc::new(["mail".to_owned()]),
        queues: Arc::new([]),
    }
}

/// Claims as an instance that has renewed before.
pub(crate) async fn claim(
    store: &SqliteStore,
    instance: &InstanceInfo,
    limit: usize,
) -> Vec<Claimed> {
    let claim = Claim {
        instance: instance.id,
        wanted: wanted(),
        limit,
        suspects: limit,
    };
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
    Settlement {
        lease,
        attempt: Some(Attempted {
            ran: Duration::from_micros(1234),
            outcome: PastOutcome::Done,
            error: None,
        }),
        next: Next::Done(b"null".to_vec()),
    }
}

pub(crate) fn failed(lease: Lease, error: &str, next: Next) -> Settlement {
    Settlement {
        lease,
        attempt: Some(Attempted {
            ran: Duration::from_micros(1234),
            outcome: PastOutcome::Failed,
            error: Some(error.to_owned()),
        }),
        next,
    }
}

pub(crate) async fn settle(store: &SqliteStore, settlement: Settlement) -> Settled {
    let settled = store.settle(vec![settlement]).await.expect("it is written");
    settled[0]
}
