//! All that a store and its operators can be asked for.

use std::fmt;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use marionette::TaskId;
use marionette::inspect::{By, Filter, Inspect, Page, Which};
use marionette::store::{
    Claim, Claimed, Due, InstanceInfo, JobState, Lease, NewJob, Next, Store, StoreError, Wanted,
};
use marionette_sqlite::rusqlite::{Connection, TransactionBehavior};
use marionette_sqlite::{SqliteStore, Synchronous};

use crate::common;

/// What is being done.
pub(crate) static STEP: Mutex<String> = Mutex::new(String::new());

/// More than any of these stores has to say.
const ROUNDS_MAX: usize = 400;

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Exercise {
    steps: Vec<(&'static str, Result<String, StoreError>)>,
}

impl Exercise {
    /// Whether it could be opened.
    pub(crate) fn opened(&self) -> Result<(), &StoreError> {
        let opened = self.steps.iter().find(|(step, _)| *step == "open");
        let (_, opened) = opened.expect("it is the second step");
        opened.as_ref().map(|_| ())
    }

    /// Nothing failed.
    #[track_caller]
    pub(crate) fn assert_ok(&self) {
        let failed: Vec<_> = self
            .steps
            .iter()
            .filter(|(_, done)| done.is_err())
            .collect();
        assert!(failed.is_empty(), "{failed:?}");
    }

    fn note<T: fmt::Debug>(
        &mut self,
        step: &'static str,
        done: Result<T, StoreError>,
    ) -> Option<T> {
        let (told, value) = match done {
            Ok(value) => (Ok(format!("{value:?}")), Some(value)),
            Err(err) => (Err(err), None),
        };
        self.steps.push((step, told));
        value
    }
}

impl fmt::Display for Exercise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (step, done) in &self.steps {
            let told = match done {
                Ok(told) => told.clone(),
                Err(err) => format!("ERROR {err}"),
            };
            let told: String = told.chars().take(300).collect();
            writeln!(f, "    {step}: {told}")?;
        }
        Ok(())
    }
}

fn begin(step: &str) {
    step.clone_into(&mut STEP.lock().expect("it is held for a moment"));
}

/// Does everything with a store.
pub(crate) async fn exercise(path: &Path) -> Exercise {
    let mut done = Exercise::default();
    begin("version");
    done.note("version", SqliteStore::version_of(path).await);
    begin("open");
    // No test is about the disk, and there are many commits.
    let options = SqliteStore::options().synchronous(Synchronous::Normal);
    let opened = options.open(path).await;
    let store = match opened {
        Ok(store) => store,
        Err(err) => {
            done.note::<()>("open", Err(err));
            return done;
        }
    };
    done.note("open", Ok(()));
    let ids = look(&store, &mut done).await;
    let instance = common::instance();
    begin("renew");
    done.note("renew", store.renew(instance.clone(), Vec::new()).await);
    insert(&store, &mut done).await;
    work(&store, &instance, &mut done).await;
    look(&store, &mut done).await;
    begin("ended");
    done.note(
        "ended",
        store.ended(ids.clone()).await.map(|ended| ended.len()),
    );
    insert_in(&store, &mut done);
    change(&store, ids, &mut done).await;
    look(&store, &mut done).await;
    begin("close");
    drop(store);
    done
}

/// All that operators look at. Answers the ids that are listed.
async fn look(store: &SqliteStore, done: &mut Exercise) -> Vec<TaskId> {
    begin("counts");
    done.note("counts", store.counts().await);
    let mut ids = Vec::new();
    for filter in [
        Filter::default(),
        Filter::new().text("nowhere"),
        Filter::new().states([JobState::Dead, JobState::Quarantined]),
        Filter::new().queue("other"),
    ] {
        begin("list");
        let mut page = Page::first(100);
        for round in 0.. {
            assert!(round < ROUNDS_MAX, "the list has no end");
            let listed = store.list(filter.clone(), page).await;
            let told = listed.map(|listed| {
                ids.extend(listed.jobs.iter().map(|job| job.id));
                let jobs = listed.jobs.len();
                (listed.next, jobs)
            });
            match done.note("list", told) {
                Some((Some(next), _)) => page.after = Some(next),
                _ => break,
            }
        }
    }
    ids.sort_unstable();
    ids.dedup();
    begin("job");
    for id in ids.iter().take(10) {
        let job = store.job(*id).await;
        done.note("job", job.map(|job| job.map(|job| job.summary)));
    }
    begin("workers");
    done.note("workers", store.instances().await);
    begin("paused_queues");
    done.note("paused_queues", store.paused_queues().await);
    begin("unclaimed");
    done.note(
        "unclaimed",
        store.unclaimed(wanted("other"), Duration::ZERO).await,
    );
    ids
}

fn wanted(kind: &str) -> Wanted {
    Wanted::new([common::name(kind)])
}

async fn insert(store: &SqliteStore, done: &mut Exercise) {
    begin("insert");
    for count in [1, 5, 20] {
        let jobs: Vec<NewJob> = (0..count).map(|_| job()).collect();
        done.note("insert", store.insert(jobs).await);
    }
    let mut limited = job();
    limited.queue_limit = Some(1_000_000);
    done.note("insert with a limit", store.insert(vec![limited]).await);
}

fn job() -> NewJob {
    let mut job = common::job();
    job.kind = common::name("command");
    job
}

/// Claims and settles until nothing is left, and sweeps in between.
async fn work(store: &SqliteStore, instance: &InstanceInfo, done: &mut Exercise) {
    begin("wait");
    done.note("wait", store.wait(wanted("command")).await);
    for round in 0.. {
        assert!(round < ROUNDS_MAX, "claiming has no end");
        begin("claim");
        let claim = Claim::new(instance.id, wanted("command"), 16).suspects(16);
        let claimed = done
            .note("claim", store.claim(claim).await)
            .unwrap_or_default();
        if claimed.is_empty() {
            break;
        }
        let leases: Vec<Lease> = claimed.iter().map(|claimed| claimed.lease).collect();
        begin("renew");
        done.note(
            "renew",
            store.renew(instance.clone(), leases[1..].to_vec()).await,
        );
        begin("settle");
        let settlements = claimed
            .iter()
            .enumerate()
            .map(|(n, claimed)| settlement(round + n, claimed));
        done.note("settle", store.settle(settlements.collect()).await);
    }
    for round in 0.. {
        assert!(round < ROUNDS_MAX, "sweeping has no end");
        begin("sweep");
        let swept = done.note("sweep", store.sweep().await);
        if !swept.is_some_and(|swept| swept.more) {
            break;
        }
    }
}

fn settlement(number: usize, claimed: &Claimed) -> marionette::store::Settlement {
    match number % 4 {
        0 => common::failed(claimed.lease, "no", Next::Bury),
        1 => common::failed(
            claimed.lease,
            "no",
            Next::Retry(Due::After(Duration::from_secs(3600))),
        ),
        2 => common::failed(
            claimed.lease,
            "no",
            Next::Cancel {
                reason: "nobody wants it".into(),
                kind: marionette::store::EndKind::Cancelled,
            },
        ),
        _ => common::done(claimed.lease),
    }
}

/// Jobs in a transaction of the application.
fn insert_in(store: &SqliteStore, done: &mut Exercise) {
    begin("insert_in");
    let inserted = Connection::open(store.path()).and_then(|mut theirs| {
        let transaction = theirs.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let inserted = store.insert_in(&transaction, [job(), job()]);
        transaction.commit()?;
        Ok(inserted)
    });
    if let Ok(inserted) = inserted {
        done.note("insert_in", inserted);
    }
}

/// All that operators change.
async fn change(store: &SqliteStore, ids: Vec<TaskId>, done: &mut Exercise) {
    let all = || Which::Matching(Filter::default());
    begin("reschedule");
    done.note(
        "reschedule",
        store
            .reschedule(all(), SystemTime::UNIX_EPOCH, By::new("ada", "test"))
            .await,
    );
    begin("cancel");
    done.note(
        "cancel",
        store
            .cancel(all(), "nobody wants it".into(), By::new("ada", "test"))
            .await,
    );
    begin("retry");
    done.note(
        "retry",
        store
            .retry(Which::Ids(ids.clone()), By::new("ada", "test"))
            .await,
    );
    done.note("retry", store.retry(all(), By::new("ada", "test")).await);
    begin("pause");
    done.note(
        "pause",
        store
            .pause_queue(common::name("default"), By::new("ada", "test"))
            .await,
    );
    begin("resume");
    done.note(
        "resume",
        store
            .resume_queue(common::name("default"), By::new("ada", "test"))
            .await,
    );
    begin("delete");
    done.note(
        "delete",
        store.delete(Which::Ids(ids), By::new("ada", "test")).await,
    );
    done.note("delete", store.delete(all(), By::new("ada", "test")).await);
}
