//! Watches over an instance, and tells its troubles.

use std::time::{Duration, Instant};

use marionette::inspect::PausedQueue;
use marionette::store::{JobState, Name, Store};
use marionette::{Job, TaskManager};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::command::Command;
use crate::console::Console;
use crate::console::clock;
use crate::console::pausing::who_paused;
use crate::console::text::{self, safe};
use crate::console::time::show_duration;
use crate::instance::manager::Instance;
use crate::minder::{Minder, orphans_have_gone};
use crate::process::lack;
use crate::store::Opened;

use crate::instance::trouble::{StoreTrouble, Trouble};

/// How often to look, which costs a few system calls.
const LOOK: Duration = Duration::from_secs(2);
/// How often to look for commands whose minder was killed.
const LOOK_FOR_STRAYS: Duration = Duration::from_millis(500);
/// After this many idle looks the store is asked whether tasks are ready, which costs more.
const IDLE_LOOKS: u32 = 8;

/// Watches over an instance until it is dropped.
#[derive(Debug)]
pub(crate) struct Watch([JoinHandle<()>; 2]);

impl Watch {
    /// `queues` are the queues whose pauses are told.
    pub(crate) fn begin(
        opened: &Opened,
        instance: &Instance,
        queues: &[Name],
        console: &Console,
    ) -> Self {
        let seen = Seen {
            opened: opened.clone(),
            tasks: instance.tasks.clone(),
            minder: instance.minder(),
            own: instance.trouble.clone(),
            of_store: instance.store_trouble.clone(),
            works_on: instance.queues.clone(),
            queues: queues.to_vec(),
            console: console.clone(),
        };
        let strays = end_strays(opened.clone());
        Self([tokio::spawn(seen.watch()), tokio::spawn(strays)])
    }

    /// Ends the watch, and waits until it holds nothing of the instance any more.
    pub(crate) async fn end(mut self) {
        for watch in &mut self.0 {
            watch.abort();
            // An error means that the task was aborted.
            let _ = watch.await;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Ends the commands of other instances that were killed together with their minders. Nobody may
/// ever try their tasks again: those may be cancelled by now, deleted, or in a paused queue.
async fn end_strays(opened: Opened) {
    loop {
        // If the presences cannot be read, each attempt says so, and does not begin.
        let _ = orphans_have_gone(&opened.minders()).await;
        sleep(LOOK_FOR_STRAYS).await;
    }
}

/// The objects that are watched.
struct Seen {
    opened: Opened,
    tasks: TaskManager<dyn Store>,
    minder: Minder,
    own: Trouble,
    of_store: StoreTrouble,
    works_on: Vec<Name>,
    queues: Vec<Name>,
    console: Console,
}

/// Whether a trouble was told and is not over.
#[derive(Default)]
struct Told(bool);

impl Told {
    fn see(&mut self, trouble: Option<&str>, over: &str, console: &Console) {
        match (trouble, self.0) {
            (Some(trouble), false) => console.warn(trouble),
            (None, true) => console.warn(over),
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
        let mut idle = Idle::default();
        loop {
            let is_full = self.opened.is_on_full_disk();
            let disk = is_full.then(|| self.full());
            let again = "there is room on the disk again: it goes on";
            full.see(disk.as_deref(), again, &self.console);

            let trouble = self.own.recent();
            let trouble = trouble.map(|why| format!("{why}; tasks wait until it can"));
            let again = "commands can be started again";
            own.see(trouble.as_deref(), again, &self.console);

            // The full disk is told above; after it, work takes a moment to go on.
            if is_full {
                was_full = Some(clock::tick());
            }
            let paused_now = timeout(self.lease(), self.paused()).await;
            let trouble = self.store_fails(was_full.map(|time| time.elapsed()));
            let trouble = trouble.or_else(|| match &paused_now {
                Ok(_) => None,
                Err(_) => Some(format!(
                    "the store does not answer a question for {}",
                    show_duration(self.lease())
                )),
            });
            let trouble = match trouble {
                None => idle.look(&self).await,
                trouble => trouble,
            };
            self.of_store.is(trouble.clone());
            let trouble = trouble.map(|why| format!("{why}; it is tried again and again"));
            let again = "the store answers again: it goes on";
            store.see(trouble.as_deref(), again, &self.console);

            // A short pause is no trouble.
            let trouble = paused_now.unwrap_or_default();
            paused_looks = trouble.as_ref().map_or(0, |_| paused_looks + 1);
            let lasts = LOOK * paused_looks >= self.lease();
            let again = "nothing waits in a paused queue any more";
            paused.see(trouble.as_deref().filter(|_| lasts), again, &self.console);
            sleep(LOOK).await;
        }
    }

    fn lease(&self) -> Duration {
        self.tasks.store().timing().lease
    }

    /// Why nothing is claimed from the store, or why the store is not told what happens here, once
    /// that has lasted for a lease with room on the disk.
    fn store_fails(&self, since_full: Option<Duration>) -> Option<String> {
        let trouble = self.tasks.trouble()?;
        if trouble.call == "keep" {
            // Nothing but a start mends this, and it does not pass by itself.
            self.tasks.start();
        }
        let lasts = trouble.lasts.min(since_full.unwrap_or(Duration::MAX));
        // For a thread that could not be started, the time begins anew with each try.
        if lasts < self.lease() && trouble.call != "keep" {
            return None;
        }
        let what = match trouble.call {
            "settle" => "what became of tasks cannot be noted in the store",
            "renew" => "the store cannot be told that this instance lives",
            "sweep" => "what dead instances had cannot be taken from them in the store",
            "keep" => "no thread can be started for the store",
            _ => "nothing can be taken from the store",
        };
        let error = trouble.error.as_deref().unwrap_or("it does not answer");
        let lack = self.opened.grown().or_else(lack::now);
        let lack = lack.filter(|_| !error.contains("(ulimit"));
        let lack = lack.map_or(String::new(), |lack| format!(" ({lack})"));
        let lasts = show_duration(Duration::from_secs(lasts.as_secs()));
        Some(format!("{what} for {lasts}: {}{lack}", safe(error)))
    }

    fn full(&self) -> String {
        format!(
            "the disk is full, on which {} is: what is done cannot be noted, and nothing is begun; \
             make room, and it goes on by itself",
            text::path(self.opened.folder())
        )
    }

    /// The due tasks that wait for `marionette resume`.
    async fn paused(&self) -> Option<String> {
        let store = self.tasks.store();
        let paused = store.paused_queues().await.ok()?;
        let paused: Vec<_> = paused
            .into_iter()
            .filter(|paused| self.queues.contains(&paused.queue))
            .collect();
        if paused.is_empty() {
            return None;
        }
        let counts = store.counts().await.ok()?;
        let waits = |paused: &&PausedQueue| {
            let is_due = |state| matches!(state, JobState::Ready | JobState::Retrying);
            let mut counts = counts.iter();
            counts.any(|count| count.queue == paused.queue && is_due(count.state) && count.jobs > 0)
        };
        let paused = paused.iter().find(waits)?;
        let (queue, who) = (&paused.queue, who_paused(paused));
        Some(format!(
            "tasks wait in the queue {queue}, which is paused{who}: `marionette resume {queue}` \
             lets them run"
        ))
    }

    /// A number that grows with everything that happens to tasks here.
    fn progress(&self) -> u64 {
        let stats = self.tasks.stats();
        stats.ended() + stats.retried + stats.snoozed + stats.interrupted
    }

    /// The tasks of ours that the store calls ready, in one queue that is not paused.
    async fn ready(&self) -> Option<(Name, u64)> {
        let store = self.tasks.store();
        let paused = store.paused_queues().await.ok()?;
        let counts = store.counts().await.ok()?;
        let ready = counts.into_iter().find(|count| {
            count.state == JobState::Ready
                && count.jobs > 0
                && count.kind == Command::KIND
                && self.works_on.contains(&count.queue)
                && !paused.iter().any(|paused| paused.queue == count.queue)
        })?;
        Some((ready.queue, ready.jobs))
    }
}

/// Whether an instance does nothing although the store says that tasks are ready: then the store
/// has rows that it counts and never gives out.
#[derive(Default)]
struct Idle {
    looks: u32,
    progress: u64,
    /// How many looks in a row found ready tasks while nothing happened.
    ready: u32,
    trouble: Option<String>,
}

impl Idle {
    async fn look(&mut self, seen: &Seen) -> Option<String> {
        let progress = seen.progress();
        if progress != self.progress || seen.minder.runs_something() {
            *self = Self {
                progress,
                ..Self::default()
            };
            return None;
        }
        self.looks += 1;
        if !self.looks.is_multiple_of(IDLE_LOOKS) {
            return self.trouble.clone();
        }
        let ready = timeout(seen.lease(), seen.ready()).await.ok().flatten();
        self.ready = ready.as_ref().map_or(0, |_| self.ready + 1);
        self.trouble = ready.filter(|_| self.ready > 1).map(|(queue, jobs)| {
            format!(
                "the store calls {} ready in the queue {queue}, and gives none of them out \
                 (`marionette list --state ready` shows them)",
                text::count(usize::try_from(jobs).unwrap_or(usize::MAX), "task")
            )
        });
        self.trouble.clone()
    }
}
