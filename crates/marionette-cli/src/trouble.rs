//! What keeps a worker from its work and is no task's fault: a full disk, a store that does not
//! answer, no minder, a queue that is paused. It costs no task an attempt. It is said once, and
//! again when it is over, so a worker that does nothing is not silent for longer than a lease.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use marionette::TaskManager;
use marionette::inspect::Inspect;
use marionette::store::{JobState, Store};
use marionette_sqlite::SqliteStore;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::clock;
use crate::say::Say;
use crate::store::Opened;
use crate::text::{self, safe};
use crate::time::show_duration;
use crate::worker::Worker;

/// How often it is looked, which costs a few calls of the system.
const LOOK: Duration = Duration::from_secs(2);

/// A trouble that a worker has, if it has one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trouble(Arc<Mutex<Option<String>>>);

impl Trouble {
    /// This keeps it from its work.
    pub(crate) fn begins(&self, why: String) {
        *self.what() = Some(why);
    }

    /// Nothing does any more.
    pub(crate) fn is_over(&self) {
        *self.what() = None;
    }

    /// What it is.
    pub(crate) fn get(&self) -> Option<String> {
        self.what().clone()
    }

    fn what(&self) -> MutexGuard<'_, Option<String>> {
        // Nothing that holds the lock can leave it half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches over a worker until it is dropped.
#[derive(Debug)]
pub(crate) struct Watch(JoinHandle<()>);

impl Watch {
    /// `queues` are those of which it is said when they are paused.
    pub(crate) fn begin(opened: &Opened, worker: &Worker, queues: &[String], say: &Say) -> Self {
        let seen = Seen {
            opened: opened.clone(),
            tasks: worker.tasks.clone(),
            own: worker.trouble.clone(),
            of_store: worker.store_trouble.clone(),
            queues: queues.to_vec(),
            say: say.clone(),
        };
        Self(tokio::spawn(seen.watch()))
    }

    /// Ends it, and waits until it holds nothing of the worker any more.
    pub(crate) async fn end(mut self) {
        self.0.abort();
        // An error says that it was ended.
        let _ = (&mut self.0).await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What is looked at.
struct Seen {
    opened: Opened,
    tasks: TaskManager<SqliteStore>,
    own: Trouble,
    of_store: Trouble,
    queues: Vec<String>,
    say: Say,
}

/// Whether a trouble was said that is not over.
#[derive(Default)]
struct Told(bool);

impl Told {
    fn see(&mut self, trouble: Option<&str>, over: &str, say: &Say) {
        match (trouble, self.0) {
            (Some(trouble), false) => say.warn(trouble),
            (None, true) => say.warn(over),
            _ => {}
        }
        self.0 = trouble.is_some();
    }
}

impl Seen {
    async fn watch(self) {
        let (mut full, mut own) = (Told::default(), Told::default());
        let (mut store, mut paused) = (Told::default(), Told::default());
        let mut paused_looks: u32 = 0;
        let mut was_full: Option<Instant> = None;
        loop {
            let is_full = self.opened.is_on_full_disk();
            let disk = is_full.then(|| self.full());
            let again = "there is room on the disk again: it goes on";
            full.see(disk.as_deref(), again, &self.say);

            let trouble = self
                .own
                .get()
                .map(|why| format!("{why}; tasks wait until it can"));
            own.see(
                trouble.as_deref(),
                "commands can be started again",
                &self.say,
            );

            // Of a full disk it is told above, and afterwards it takes a moment to go on.
            if is_full {
                was_full = Some(clock::tick());
            }
            let trouble = self.nothing_is_claimed(was_full.map(|time| time.elapsed()));
            match &trouble {
                Some(why) => self.of_store.begins(why.clone()),
                None => self.of_store.is_over(),
            }
            let trouble = trouble.map(|why| format!("{why}; it is tried again and again"));
            store.see(
                trouble.as_deref(),
                "the store answers again: it goes on",
                &self.say,
            );

            // What is paused for a moment is nobody's trouble.
            let trouble = self.paused().await;
            paused_looks = trouble.as_ref().map_or(0, |_| paused_looks + 1);
            let lasts = LOOK * paused_looks >= self.tasks.store().timing().lease;
            let again = "nothing waits in a paused queue any more";
            paused.see(trouble.as_deref().filter(|_| lasts), again, &self.say);
            sleep(LOOK).await;
        }
    }

    /// Why nothing is claimed, once that has lasted for a lease with room on the disk.
    fn nothing_is_claimed(&self, since_full: Option<Duration>) -> Option<String> {
        let trouble = self.tasks.trouble()?;
        let lasts = trouble.lasts.min(since_full.unwrap_or(Duration::MAX));
        if lasts < self.tasks.store().timing().lease {
            return None;
        }
        let lasts = show_duration(Duration::from_secs(lasts.as_secs()));
        let error = trouble.error.as_deref().unwrap_or("it does not answer");
        Some(format!(
            "nothing can be taken from the store for {lasts}: {}",
            safe(error)
        ))
    }

    fn full(&self) -> String {
        format!(
            "the disk is full, on which {} is: what is done cannot be noted, and nothing is begun; \
             make room, and it goes on by itself",
            text::path(self.opened.folder())
        )
    }

    /// What is due and waits for `marionette resume`.
    async fn paused(&self) -> Option<String> {
        let store = self.tasks.store();
        let paused = store.paused_queues().await.ok()?;
        let paused: Vec<_> = paused
            .into_iter()
            .filter(|queue| self.queues.contains(queue))
            .collect();
        if paused.is_empty() {
            return None;
        }
        let counts = store.counts().await.ok()?;
        let waits = |queue: &&String| {
            let is_due = |state| matches!(state, JobState::Ready | JobState::Retrying);
            let mut counts = counts.iter();
            counts.any(|count| count.queue == **queue && is_due(count.state) && count.jobs > 0)
        };
        let queue = paused.iter().find(waits)?;
        Some(format!(
            "tasks wait in the queue {queue}, which is paused: `marionette resume {queue}` lets \
             them run"
        ))
    }
}
