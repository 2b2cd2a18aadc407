//! The parent starts processes, kills them, and checks what they left behind.

use std::collections::HashSet;
use std::env;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use marionette::TaskId;
use marionette::inspect::Inspect;
use marionette::store::JobState;
use marionette_conformance::history::{Event, Events, Finals, History};
use marionette_sqlite::SqliteStore;
use marionette_sqlite::rusqlite::Connection;
use tempfile::TempDir;

use crate::child::{FOLDER, LEASE, NUMBER, PRUNES, ROLE, open};
use crate::clock;
use crate::work::manager;

/// A folder with a store and a history, and all that is random about them.
pub(crate) struct Parent {
    folder: TempDir,
    pub(crate) history: Arc<History>,
    pub(crate) rng: fastrand::Rng,
    seed: u64,
    started: u64,
    lease: Duration,
    /// Whether what is done is pruned at once.
    prunes: bool,
}

/// A process.
pub(crate) struct Process {
    pub(crate) number: u64,
    child: Child,
}

/// One test at a time, in whatever process: theirs are many, the cores are few, and time is
/// measured. It lasts until what is returned is dropped.
pub(crate) fn alone() -> File {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("crash.lock");
    let file = File::create(path).expect("the folder for tests is writable");
    file.lock().expect("a file can be locked");
    file
}

/// How many times as many kills there are as in every run.
pub(crate) fn times() -> usize {
    let kills = env::var("MARIONETTE_KILLS").ok();
    kills.and_then(|kills| kills.parse().ok()).unwrap_or(1)
}

impl Parent {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let history = History::append_to(&folder.path().join("history"), 0);
        let seed = env::var("MARIONETTE_SEED").ok();
        let seed = seed.and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
        Self {
            history: Arc::new(history.expect("the folder is writable")),
            folder,
            rng: fastrand::Rng::with_seed(seed),
            seed,
            started: 0,
            lease: Duration::from_secs(15),
            prunes: false,
        }
    }

    /// What is done is pruned at once.
    #[cfg(feature = "failpoints")]
    pub(crate) fn that_prunes(mut self) -> Self {
        self.prunes = true;
        self
    }

    pub(crate) fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts this program again, in a role.
    pub(crate) fn start(&mut self, role: &str) -> Process {
        self.start_with(role, &[])
    }

    pub(crate) fn start_with(&mut self, role: &str, words: &[(&str, &str)]) -> Process {
        self.started += 1;
        let this = env::current_exe().expect("this program is a file");
        let mut command = Command::new(this);
        command
            .args(["child::child", "--exact", "--nocapture"])
            .env(ROLE, role)
            .env(FOLDER, self.folder.path())
            .env(NUMBER, self.started.to_string())
            .env(LEASE, self.lease.as_millis().to_string())
            .env(PRUNES, if self.prunes { "yes" } else { "no" })
            .env("RUST_BACKTRACE", "0")
            .envs(words.iter().copied())
            // It ends when this pipe does, so that it does not outlive a parent that is killed.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Process {
            number: self.started,
            child: command.spawn().expect("this program can be started"),
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&self, process: Process) {
        let Process { number, mut child } = process;
        // It may have ended by itself.
        let _ = child.kill();
        child.wait().expect("it is our child");
        self.history.write(&Event::Gone(number));
    }

    /// `kill -9` for all of these.
    pub(crate) fn kill_all(&self, processes: impl IntoIterator<Item = Process>) {
        for process in processes {
            self.kill(process);
        }
    }

    /// Whether a process has ended by itself; then it is noted down.
    pub(crate) fn has_ended(&self, process: &mut Process) -> bool {
        let ended = process.child.try_wait().expect("it is our child").is_some();
        if ended {
            self.history.write(&Event::Gone(process.number));
        }
        ended
    }

    pub(crate) async fn open(&self) -> SqliteStore {
        open(self.folder.path()).await
    }

    /// Runs what is left, and checks everything. Returns the books.
    pub(crate) async fn end(&self) -> Books {
        let store = self.open().await;
        let tasks = manager(store.clone(), &self.history);
        let (mut fewest, mut since) = (u64::MAX, clock::now());
        loop {
            let left = left(&store).await;
            if left == 0 {
                break;
            }
            if left < fewest {
                (fewest, since) = (left, clock::now());
            }
            assert!(
                since.elapsed() < Duration::from_secs(60),
                "all jobs end: {:?}; {}",
                store.counts().await,
                self.again()
            );
            // Counting reads the whole file: not so often that it is in the way.
            let pause = if left > 1_000 { 200 } else { 5 };
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        let _report = tasks.stop().await;
        self.history.write(&Event::Returned);
        self.check(&store).await
    }

    async fn check(&self, store: &SqliteStore) -> Books {
        let events = Events::read(&self.path("history")).expect("it is there");
        let finals = Finals::of(&events, store).await;
        let finals = finals.expect("the store answers");
        let mut faults = events.faults(&finals);
        if self.prunes {
            // What is done is gone, and its effect shows that it was done.
            let effects: HashSet<_> = events.iter().filter_map(effect).collect();
            faults.retain(|fault| fault.job.is_none_or(|job| !effects.contains(&job)));
        }
        assert!(faults.is_empty(), "{faults:#?}\n{}", self.again());
        let counts = store.counts().await.expect("the store answers");
        let stored: u64 = counts.iter().map(|count| count.jobs).sum();
        let begun = events.count(|event| matches!(event, Event::AcceptBegin(_)));
        let accepted = events.accepted().len();
        let least = if self.prunes { 0 } else { accepted as u64 };
        assert!(
            (least..=begun as u64).contains(&stored),
            "{stored} jobs are stored, {accepted} were accepted, {begun} begun; {}",
            self.again()
        );
        let connection = Connection::open(self.path("tasks.db")).expect("it is a file");
        let sound: String = connection
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .expect("it answers");
        assert_eq!(sound, "ok", "{}", self.again());
        Books { events, finals }
    }

    /// How to do the same again.
    pub(crate) fn again(&self) -> String {
        format!(
            "repeat it with MARIONETTE_SEED={} cargo test -p marionette-sqlite --all-features \
             --test crash",
            self.seed
        )
    }
}

/// What was found at the end.
pub(crate) struct Books {
    pub(crate) events: Events,
    pub(crate) finals: Finals,
}

impl Books {
    /// The books in a line.
    pub(crate) fn tell(&self) -> String {
        let count = |is: fn(&Event) -> bool| self.events.count(is);
        format!(
            "{} accepted and 0 lost, {} attempts, {} done and 0 twice, {} dead, {} cancelled, {} \
             quarantined, {} torn lines",
            self.events.accepted().len(),
            count(|event| matches!(event, Event::Start(..))),
            self.finals.count(JobState::Done),
            self.finals.count(JobState::Dead),
            self.finals.count(JobState::Cancelled),
            self.finals.count(JobState::Quarantined),
            self.events.torn,
        )
    }
}

fn effect(event: Event) -> Option<TaskId> {
    match event {
        Event::Effect(job, _) => Some(job),
        _ => None,
    }
}

/// How many jobs have not ended.
async fn left(store: &SqliteStore) -> u64 {
    let counts = store.counts().await.expect("the store answers");
    let open = counts.iter().filter(|count| !count.state.is_end());
    open.map(|count| count.jobs).sum()
}
