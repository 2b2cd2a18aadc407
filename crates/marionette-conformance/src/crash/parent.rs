//! The parent starts processes, kills them, and checks what they left behind.

use std::collections::HashSet;
use std::env;
use std::fmt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use marionette::TaskId;
use marionette::store::{JobState, Store};
use tempfile::TempDir;

use crate::crash::child::{NUMBER, ROLE};
use crate::crash::clock;
use crate::crash::place::{Ground, Place};
use crate::crash::work::manager;
use crate::history::{Event, Events, Finals, History, Violation};

/// A place with a store and a history, and all that is random about them.
#[derive(Debug)]
pub struct Parent {
    ground: &'static Ground,
    place: Place,
    _folder: TempDir,
    /// What the processes and the parent write.
    pub history: Arc<History>,
    /// Decides what is random.
    pub rng: fastrand::Rng,
    seed: u64,
    started: u64,
}

/// A process.
#[derive(Debug)]
pub struct Process {
    /// Its number in the history.
    pub number: u64,
    child: Child,
}

/// How many times as many kills there are as in every run.
#[must_use]
pub fn times() -> usize {
    let kills = env::var("MARIONETTE_KILLS").ok();
    kills.and_then(|kills| kills.parse().ok()).unwrap_or(1)
}

impl Parent {
    /// A new folder, a lease of 15 s, and a seed.
    ///
    /// # Panics
    ///
    /// If there is no room for a folder.
    #[must_use]
    pub fn new(ground: &'static Ground) -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let place = Place {
            folder: folder.path().to_owned(),
            address: String::new(),
            name: String::new(),
            lease: Duration::from_secs(15),
            prunes: false,
        };
        let history = History::append_to(&place.history(), 0);
        let seed = env::var("MARIONETTE_SEED").ok();
        let seed = seed.and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
        Self {
            ground,
            place,
            history: Arc::new(history.expect("the folder is writable")),
            _folder: folder,
            rng: fastrand::Rng::with_seed(seed),
            seed,
            started: 0,
        }
    }

    /// The store of this name on the server of this address.
    #[must_use]
    pub fn at(mut self, address: impl Into<String>, name: impl Into<String>) -> Self {
        self.place.address = address.into();
        self.place.name = name.into();
        self
    }

    /// Done jobs are pruned at once.
    #[must_use]
    pub fn that_prunes(mut self) -> Self {
        self.place.prunes = true;
        self
    }

    /// With a lease of this length.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.place.lease = lease;
        self
    }

    /// A file of the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.place.folder.join(name)
    }

    /// Starts this program again, in a role: `produce`, `queue`, `work`, `blocked` or
    /// `everything`, or one that the child of the test knows.
    pub fn start(&mut self, role: &str) -> Process {
        self.start_with(role, &[])
    }

    /// As [`start`](Self::start), with more words in the environment.
    ///
    /// # Panics
    ///
    /// If the system starts no process.
    pub fn start_with(&mut self, role: &str, words: &[(&str, &str)]) -> Process {
        self.started += 1;
        let this = env::current_exe().expect("this program is a file");
        let mut command = Command::new(this);
        command
            .args(["child::child", "--exact", "--nocapture"])
            .env(ROLE, role)
            .env(NUMBER, self.started.to_string())
            .envs(self.place.words())
            .env("RUST_BACKTRACE", "0")
            .envs(words.iter().copied())
            // It ends when this pipe does, so that it does not outlive a parent that is killed.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(self.errors());
        Process {
            number: self.started,
            child: command.spawn().expect("this program can be started"),
        }
    }

    /// What processes say that end by themselves.
    fn errors(&self) -> Stdio {
        let path = self.path("errors");
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(path);
        file.map_or_else(|_| Stdio::null(), Stdio::from)
    }

    /// `kill -9`.
    ///
    /// # Panics
    ///
    /// If the history cannot be written.
    pub fn kill(&self, process: Process) {
        self.kill_all([process]);
    }

    /// `kill -9` for all of these: each is dying before the first is waited for.
    ///
    /// # Panics
    ///
    /// If the history cannot be written.
    pub fn kill_all(&self, processes: impl IntoIterator<Item = Process>) {
        let mut all: Vec<Process> = processes.into_iter().collect();
        for process in &mut all {
            // It may have ended by itself.
            let _ = process.child.kill();
        }
        for mut process in all {
            process.child.wait().expect("it is our child");
            self.history.write(&Event::Gone(process.number));
        }
    }

    /// Whether a process has ended by itself; then it is noted down.
    ///
    /// # Panics
    ///
    /// If the history cannot be written.
    pub fn has_ended(&self, process: &mut Process) -> bool {
        let ended = process.child.try_wait().expect("it is our child").is_some();
        if ended {
            self.history.write(&Event::Gone(process.number));
        }
        ended
    }

    /// Opens the store.
    ///
    /// # Panics
    ///
    /// If that cannot be done.
    pub async fn open(&self) -> Arc<dyn Store> {
        (self.ground.open)(self.place.clone()).await
    }

    /// Runs what is left, and checks everything. Returns the books.
    ///
    /// # Panics
    ///
    /// If something is wrong.
    pub async fn end(&self) -> Books {
        self.end_but_for(&|_| false).await
    }

    /// As [`end`](Self::end), where these faults are not wrong.
    ///
    /// # Panics
    ///
    /// If something else is wrong.
    pub async fn end_but_for(&self, is_right: &dyn Fn(&Violation) -> bool) -> Books {
        let store = self.open().await;
        self.drain(&store).await;
        let books = self.check(&store, is_right).await;
        drop(store);
        (self.ground.check)(self.place.clone()).await;
        books
    }

    /// Runs what is left.
    async fn drain(&self, store: &Arc<dyn Store>) {
        let tasks = manager(Arc::clone(store), &self.history);
        let (mut fewest, mut since) = (u64::MAX, clock::now());
        loop {
            let left = left(store).await;
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
            // Counting reads the whole store: not so often that it is in the way.
            let pause = if left > 1_000 { 200 } else { 5 };
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        let _report = tasks.stop().await;
        self.history.write(&Event::Returned);
    }

    async fn check(&self, store: &Arc<dyn Store>, is_right: &dyn Fn(&Violation) -> bool) -> Books {
        let events = Events::read(&self.place.history()).expect("it is there");
        let finals = Finals::of_one_clock(&events, store).await;
        let finals = finals.expect("the store answers");
        let mut faults = events.faults(&finals);
        if self.place.prunes {
            // What is done is gone, and its effect shows that it was done.
            let effects: HashSet<_> = events.iter().filter_map(effect).collect();
            faults.retain(|fault| fault.job.is_none_or(|job| !effects.contains(&job)));
        }
        let lost = faults
            .iter()
            .filter(|fault| fault.invariant == "I1")
            .count();
        faults.retain(|fault| !is_right(fault));
        assert!(faults.is_empty(), "{faults:#?}\n{}", self.again());
        let counts = store.counts().await.expect("the store answers");
        let stored: u64 = counts.iter().map(|count| count.jobs).sum();
        let begun = events.count(|event| matches!(event, Event::AcceptBegin(_)));
        let accepted = events.accepted().len();
        let least = if self.place.prunes {
            0
        } else {
            accepted - lost
        };
        let least = least as u64;
        assert!(
            (least..=begun as u64).contains(&stored),
            "{stored} jobs are stored, {accepted} were accepted, {begun} begun; {}",
            self.again()
        );
        Books {
            events,
            finals,
            lost,
        }
    }

    /// How to do the same again, and what processes said that ended by themselves.
    #[must_use]
    pub fn again(&self) -> String {
        let (seed, package) = (self.seed, self.ground.package);
        let errors = std::fs::read_to_string(self.path("errors")).unwrap_or_default();
        format!(
            "repeat it with MARIONETTE_SEED={seed} cargo test -p {package} --all-features --test \
             crash\n{errors}"
        )
    }
}

/// What was found at the end.
#[derive(Debug)]
pub struct Books {
    /// All that happened.
    pub events: Events,
    /// Where the jobs stand.
    pub finals: Finals,
    /// How many jobs are gone that may be.
    pub lost: usize,
}

impl fmt::Display for Books {
    /// The books in a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |is: fn(&Event) -> bool| self.events.count(is);
        write!(
            f,
            "{} accepted and {} lost, {} attempts, {} done and 0 twice, {} dead, {} cancelled, {} \
             quarantined, {} torn lines",
            self.events.accepted().len(),
            self.lost,
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
async fn left(store: &dyn Store) -> u64 {
    let counts = store.counts().await.expect("the store answers");
    let open = counts.iter().filter(|count| !count.state.is_end());
    open.map(|count| count.jobs).sum()
}
