//! What a process does that is going to be killed.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use marionette::inspect::{By, Which};
use marionette::store::{Inserted, NewJob, Store};

use crate::crash::clock;
use crate::crash::place::{Ground, Place};
use crate::crash::work::{Way, job, manager, mixed};
use crate::history::{Event, History};

/// What a child is for.
pub(super) const ROLE: &str = "MARIONETTE_CRASH_ROLE";
/// The number of the process in the history.
pub(super) const NUMBER: &str = "MARIONETTE_CRASH_NUMBER";

/// What a child was told by its parent.
#[derive(Debug)]
pub struct Told {
    /// What it is for.
    pub role: String,
    /// Where the store is.
    pub place: Place,
    /// Where it writes what it does.
    pub history: Arc<History>,
}

impl Told {
    /// `None` in a process that is no child. A child ends with its parent from now on.
    ///
    /// # Panics
    ///
    /// If the history cannot be written.
    #[must_use]
    pub fn read() -> Option<Self> {
        let role = env::var(ROLE).ok()?;
        std::thread::spawn(ends_with_its_parent);
        let place = Place::told();
        let number = env::var(NUMBER).expect("its parent says which");
        let number = number.parse().expect("a number");
        let history = History::append_to(&place.history(), number);
        Some(Self {
            role,
            place,
            history: Arc::new(history.expect("the folder is writable")),
        })
    }

    /// Does what the roles of every store do, until it is killed.
    ///
    /// # Panics
    ///
    /// If there is no such role, the history cannot be written, or the store fails.
    pub fn run(self, ground: &Ground) {
        let Self {
            role,
            place,
            history,
        } = self;
        let threads = if role == "blocked" { 1 } else { 2 };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            .build();
        runtime.expect("a runtime can be made").block_on(async {
            let store = (ground.open)(place).await;
            match role.as_str() {
                "queue" => queue(&store, &history).await,
                "produce" => produce(&store, &history).await,
                "work" | "blocked" => {
                    let _tasks = manager(store, &history);
                    std::future::pending::<()>().await;
                }
                "everything" => everything(store, &history).await,
                other => panic!("nobody is a {other}"),
            }
        });
    }
}

/// This is where a child begins. It is over at once in a process that is no child.
///
/// # Panics
///
/// As [`Told::run`].
pub fn child(ground: &Ground) {
    if let Some(told) = Told::read() {
        told.run(ground);
    }
}

/// The parent holds the other end of the pipe, and never writes into it.
fn ends_with_its_parent() {
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    std::process::abort();
}

/// How long a store may be unavailable.
const PATIENCE: Duration = Duration::from_secs(60);

/// Inserts a batch, and writes down what is known of it.
///
/// # Panics
///
/// If the store fails, or accepts a job that is not new.
pub async fn insert(store: &dyn Store, history: &History, jobs: Vec<NewJob>) {
    let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
    for id in &ids {
        history.write(&Event::AcceptBegin(*id));
    }
    let begun = clock::now();
    let inserted = loop {
        match store.insert(jobs.clone()).await {
            Ok(inserted) => break inserted,
            // Its server was killed again and again. What became of the call is not known, so it is
            // made again.
            Err(error) if error.is_unavailable() && begun.elapsed() < PATIENCE => {}
            Err(error) => panic!("the jobs are not accepted: {error}"),
        }
    };
    for (id, inserted) in ids.into_iter().zip(inserted) {
        // A call that was sent twice may find what it has inserted.
        assert!(matches!(inserted, Inserted::Accepted | Inserted::Known));
        history.write(&Event::Accepted(id));
    }
}

/// Several producers, as fast as they can.
async fn produce(store: &Arc<dyn Store>, history: &Arc<History>) {
    for batch in [1, 1, 3, 20] {
        let (store, history) = (Arc::clone(store), Arc::clone(history));
        tokio::spawn(async move {
            loop {
                let jobs = (0..batch).map(|_| job(0, Way::Waits)).collect();
                insert(&store, &history, jobs).await;
                // On a fast disk they would accept more than anybody can run in a test.
                tokio::time::sleep(Duration::from_millis(3 + 2 * batch)).await;
            }
        });
    }
    std::future::pending::<()>().await;
}

/// A producer that leaves the workers time for what it queues.
async fn queue(store: &dyn Store, history: &History) {
    let mut rng = fastrand::Rng::new();
    loop {
        let jobs = (0..rng.usize(1..6)).map(|_| mixed(&mut rng));
        insert(store, history, jobs.collect()).await;
        tokio::time::sleep(Duration::from_millis(rng.u64(1..40))).await;
    }
}

/// All that a store is asked for, again and again.
async fn everything(store: Arc<dyn Store>, history: &Arc<History>) {
    let _tasks = manager(Arc::clone(&store), history);
    loop {
        let jobs: Vec<NewJob> = vec![
            job(1, Way::Waits),
            job(0, Way::FailsOnce),
            job(2, Way::Waits),
        ];
        let cancelled = jobs[2].id;
        insert(&store, history, jobs).await;
        let which = Which::Ids(vec![cancelled]);
        // It may be done by now.
        let cancel = store.cancel(which, "nobody wants it".to_owned(), By::new("ada", "test"));
        cancel.await.expect("the store answers");
        store.sweep().await.expect("the store sweeps");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
