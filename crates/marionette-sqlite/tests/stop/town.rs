//! A file, the managers that come and go on it, and the books that are checked at the end.

use std::collections::HashMap;
use std::env;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use marionette::inspect::Inspect;
use marionette::store::{Inserted, JobState, PastOutcome, Store};
use marionette::{Context, TaskId, TaskManager};
use marionette_conformance::history::{Event, Finals, History};
use marionette_sqlite::SqliteStore;
use marionette_sqlite::rusqlite::Connection;
use tempfile::TempDir;

use crate::clock;
use crate::work::{Work, World, handle, job};

/// A file, and what was put into it.
pub(crate) struct Town {
    folder: TempDir,
    pub(crate) store: SqliteStore,
    /// A connection that sees what the managers write.
    watch: Connection,
    world: Arc<World>,
    history: History,
    pub(crate) rng: fastrand::Rng,
    seed: u64,
    managers: u64,
    /// How many attempts of each job are going to fail.
    fails: HashMap<TaskId, u32>,
}

/// A manager, as one process of the history.
pub(crate) struct Manager {
    pub(crate) tasks: TaskManager<SqliteStore>,
    pub(crate) grace: Duration,
    workers: usize,
    history: Arc<History>,
}

impl Manager {
    pub(crate) fn start(&self) {
        self.history.write(&Event::Limit(self.workers));
        self.tasks.start();
    }

    /// Its stop has returned, and nothing of it runs.
    pub(crate) fn returned(&self) {
        self.history.write(&Event::Returned);
    }
}

impl Town {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let seed = env::var("MARIONETTE_SEED").ok();
        let seed = seed.and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
        let path = folder.path().join("tasks.db");
        Self {
            store: open(&path).await,
            watch: Connection::open(path).expect("it is a database"),
            folder,
            world: Arc::default(),
            history: History::in_memory(0),
            rng: fastrand::Rng::with_seed(seed),
            seed,
            managers: 0,
            fails: HashMap::new(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("tasks.db")
    }

    /// Closes the store and opens it again. Once it is closed, the file lists none of the earlier
    /// managers.
    pub(crate) async fn reopen(&mut self) {
        self.store = open(&self.path()).await;
        let begun = clock::ran();
        while self.ask("SELECT count(*) FROM marionette_instance") > 0 {
            let late = clock::ran_since(begun) > Duration::from_secs(5);
            assert!(!late, "the store of before is closed; {}", self.again());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// A manager that was not started yet.
    pub(crate) fn manager(&mut self) -> Manager {
        self.managers += 1;
        let grace = Duration::from_millis(self.rng.u64(2..25));
        let workers = self.rng.usize(1..=4);
        let history = Arc::new(self.history.of(self.managers));
        let (world, of_jobs) = (Arc::clone(&self.world), Arc::clone(&history));
        let handler = move |work: Work, context: Context| {
            handle(Arc::clone(&world), Arc::clone(&of_jobs), work, context)
        };
        let tasks = TaskManager::builder()
            .store(self.store.clone())
            .workers(workers)
            .grace(grace)
            .handle(handler)
            .build()
            .expect("the settings are right");
        Manager {
            tasks,
            grace,
            workers,
            history,
        }
    }

    /// Inserts some jobs, or none.
    pub(crate) async fn give_work(&mut self) {
        let count = self.rng.usize(..12);
        let (mut jobs, mut ids) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (job, fails) = job(&mut self.rng);
            self.fails.insert(job.id, fails);
            ids.push(job.id);
            jobs.push(job);
        }
        for id in &ids {
            self.history.write(&Event::AcceptBegin(*id));
        }
        let inserted = self.store.insert(jobs).await.expect("there is room");
        assert!(inserted.iter().all(|one| *one == Inserted::Accepted));
        for id in &ids {
            self.history.write(&Event::Accepted(*id));
        }
    }

    /// Changes when somebody else writes to the file.
    pub(crate) fn version(&self) -> i64 {
        self.ask("PRAGMA data_version")
    }

    /// How many jobs the file says are running.
    pub(crate) fn running(&self) -> i64 {
        self.ask("SELECT count(*) FROM marionette_job WHERE state = 3")
    }

    fn ask(&self, question: &str) -> i64 {
        let answer = self.watch.query_row(question, [], |row| row.get(0));
        answer.expect("it answers")
    }

    /// How to do the same again.
    pub(crate) fn again(&self) -> String {
        format!(
            "repeat it with MARIONETTE_SEED={} cargo test -p marionette-sqlite --test stop",
            self.seed
        )
    }

    /// One more manager runs what is left; then the books are checked.
    pub(crate) async fn end(mut self) -> String {
        self.world.end();
        let manager = self.manager();
        manager.start();
        let begun = clock::now();
        while self.ask("SELECT count(*) FROM marionette_job WHERE state < 4") > 0 {
            let counts = self.store.counts().await;
            let late = begun.elapsed() > Duration::from_secs(30);
            assert!(!late, "all jobs end: {counts:?}; {}", self.again());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let report = manager.tasks.stop().await;
        assert!(report.is_complete(), "{report}");
        manager.returned();
        let events = self.history.events();
        let finals = Finals::of(&events, &self.store).await;
        let faults = events.faults(&finals.expect("the store answers"));
        assert!(faults.is_empty(), "{faults:#?}\n{}", self.again());
        for (&id, &fails) in &self.fails {
            self.cost_no_attempt(id, fails).await;
        }
        let starts = events.count(|event| matches!(event, Event::Start(..)));
        let jobs = self.fails.len();
        format!("{jobs} accepted and all done, in {starts} attempts")
    }

    /// A job has failed as often as it was going to, whatever stopped in between.
    async fn cost_no_attempt(&self, id: TaskId, fails: u32) {
        let details = self.store.job(id).await.expect("the store answers");
        let details = details.expect("it is there");
        let again = self.again();
        let summary = &details.summary;
        let counts = (summary.state, summary.failed, summary.crashes);
        assert_eq!(counts, (JobState::Done, fails, 0), "{details:?}\n{again}");
        let all_cost_nothing = details.attempts.iter().all(|past| match past.outcome {
            PastOutcome::Failed => fails == 1,
            outcome => matches!(
                outcome,
                PastOutcome::Done | PastOutcome::Interrupted | PastOutcome::Snoozed
            ),
        });
        assert!(all_cost_nothing, "{details:?}\n{again}");
    }
}

async fn open(path: &std::path::Path) -> SqliteStore {
    let opened = SqliteStore::open(path).await;
    opened.expect("the store can be opened, whatever was stopped before")
}
