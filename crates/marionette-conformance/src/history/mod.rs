//! What happened, as the processes that did it wrote it down: a file to which they append, and the
//! invariants that are checked from it once all is over.
//!
//! A producer writes that it begins to insert a job and what came of it; a handler writes that an
//! attempt starts, has its effect, and is over; whoever kills a process writes that. Each line goes
//! to the file in one write, so that a killed process leaves whole lines behind, or one that is
//! recognisably torn.
//!
//! ```
//! use marionette::{MemoryStore, TaskId};
//! use marionette_conformance::history::{Event, Events, Finals, History};
//!
//! # let path = std::env::temp_dir().join(format!("history-{}", TaskId::new()));
//! let history = History::append_to(&path, 1)?;
//! let job = TaskId::new();
//! history.write(&Event::AcceptBegin(job));
//! history.write(&Event::Accepted(job));
//!
//! let events = Events::read(&path)?;
//! // A store that does not know the job has lost it.
//! let faults = events.faults(&Finals::default());
//! assert!(faults[0].to_string().starts_with("I1: job"));
//! # std::fs::remove_file(&path)?;
//! # std::io::Result::Ok(())
//! ```

mod check;
mod events;
mod finals;
mod tail;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use marionette::TaskId;

pub use check::Violation;
pub use events::{Event, Events, Run};
pub use finals::Finals;
pub use tail::Tail;

/// A history, as one process writes it.
#[derive(Debug)]
pub struct History {
    sink: Sink,
    process: u64,
    runs: AtomicU64,
    is_silent: AtomicBool,
}

#[derive(Debug)]
enum Sink {
    File(File),
    Memory(Arc<Mutex<String>>),
}

impl History {
    /// Opens or makes the file. `process` is a number that no other process of this history has:
    /// the operating system may use its own a second time.
    ///
    /// # Errors
    ///
    /// The file system's.
    pub fn append_to(path: &Path, process: u64) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        Ok(Self::new(Sink::File(file), process))
    }

    /// A history in memory, for a simulated process.
    #[must_use]
    pub fn in_memory(process: u64) -> Self {
        Self::new(Sink::Memory(Arc::default()), process)
    }

    fn new(sink: Sink, process: u64) -> Self {
        Self {
            sink,
            process,
            runs: AtomicU64::new(0),
            is_silent: AtomicBool::new(false),
        }
    }

    /// The same history, as another process writes it.
    ///
    /// # Panics
    ///
    /// Panics if the file cannot be opened once more.
    #[must_use]
    pub fn of(&self, process: u64) -> Self {
        let sink = match &self.sink {
            Sink::File(file) => Sink::File(file.try_clone().expect("the file can be shared")),
            Sink::Memory(text) => Sink::Memory(Arc::clone(text)),
        };
        Self::new(sink, process)
    }

    /// Writes nothing from now on, as if the process were dead.
    pub fn fall_silent(&self) {
        self.is_silent.store(true, Ordering::Relaxed);
    }

    /// What was written; of one that is in a file see [`Events::read`].
    ///
    /// # Panics
    ///
    /// Panics if this history is in a file.
    #[must_use]
    pub fn events(&self) -> Events {
        let Sink::Memory(text) = &self.sink else {
            panic!("this history is in a file")
        };
        Events::parse(&text.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes what this process did.
    ///
    /// # Panics
    ///
    /// Panics if the file cannot be written: a history with gaps proves nothing.
    pub fn write(&self, event: &Event) {
        if self.is_silent.load(Ordering::Relaxed) {
            return;
        }
        let line = events::line(self.process, event);
        match &self.sink {
            Sink::File(file) => {
                let mut file = file;
                let written = file.write(line.as_bytes());
                let written = written.expect("the history is writable");
                assert_eq!(written, line.len(), "a line is written at once");
            }
            Sink::Memory(text) => {
                let mut text = text.lock().unwrap_or_else(PoisonError::into_inner);
                text.push_str(&line);
            }
        }
    }

    /// Writes that an attempt of a job starts. The returned [`Attempt`] writes the rest; dropping
    /// it writes that the attempt is over.
    pub fn start(&self, job: TaskId) -> Attempt<'_> {
        let run = Run {
            process: self.process,
            number: self.runs.fetch_add(1, Ordering::Relaxed),
        };
        self.write(&Event::Start(job, run));
        Attempt {
            history: self,
            job,
            run,
        }
    }
}

/// An attempt that runs.
#[derive(Debug)]
#[must_use = "the attempt is over when this is dropped"]
pub struct Attempt<'a> {
    history: &'a History,
    job: TaskId,
    run: Run,
}

impl Attempt<'_> {
    /// Writes that it had its effect.
    pub fn effect(&self) {
        self.history.write(&Event::Effect(self.job, self.run));
    }

    /// Writes that it started before its job was due.
    pub fn is_early(&self) {
        self.history.write(&Event::Early(self.job, self.run));
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.history.write(&Event::End(self.job, self.run));
    }
}
