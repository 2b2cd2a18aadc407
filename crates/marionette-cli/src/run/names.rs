//! The names of runs, from the names of their queues, for anyone who looks at a store.

use std::collections::HashMap;

use anyhow::Result;
use marionette::TaskId;

use super::held::SharedNote;
use super::ledger::order;
use super::lock::holder;
use super::note::{Note, parts};
use super::notes::Notes;
use crate::console::text::safe;
use crate::files::Folder;
use crate::store::{Opened, Records, explain};

/// The runs that have notes, beside a store or in it.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// `None` if no folder of notes can be read.
    folder: Option<Folder>,
    /// The processes that work on the queues of runs, in a store that machines share.
    runners: HashMap<String, String>,
    /// By the keys that are part of the queues' names.
    notes: HashMap<String, Note>,
}

/// The places of tasks in the lists of their runs; each order is read when first needed.
#[derive(Debug)]
pub(crate) struct ListOrder<'a> {
    runs: &'a Runs,
    /// By the keys of the runs.
    stored: HashMap<String, HashMap<TaskId, usize>>,
}

impl<'a> ListOrder<'a> {
    pub(crate) fn new(runs: &'a Runs) -> Self {
        Self {
            runs,
            stored: HashMap::new(),
        }
    }

    /// The place of a task of this queue; behind all others if no order names it.
    pub(crate) fn of(&mut self, queue: &str, id: TaskId) -> usize {
        let Some((key, _)) = parts(queue) else {
            return usize::MAX;
        };
        if !self.stored.contains_key(key) {
            let folder = self.runs.folder.as_ref();
            let order = folder.map(|folder| order(folder, key));
            let places = order.unwrap_or_default().into_iter().zip(0..).collect();
            self.stored.insert(key.to_owned(), places);
        }
        let place = self.stored.get(key).and_then(|places| places.get(&id));
        place.copied().unwrap_or(usize::MAX)
    }
}

/// The run that a queue belongs to.
#[derive(Debug)]
pub(crate) struct RunOf<'a> {
    runs: &'a Runs,
    key: &'a str,
    queue: &'a str,
    note: &'a Note,
    generation: u64,
}

impl Runs {
    /// Reads the notes of the runs of this store, as far as they can be read.
    pub(crate) async fn read(opened: &Opened) -> Result<Self> {
        let folder = opened.runs().open().ok().flatten();
        let mut runs = Self {
            folder,
            ..Self::default()
        };
        match Notes::shared_by(opened) {
            None => runs.read_files(),
            Some(records) => runs.read_records(&records, opened).await?,
        }
        Ok(runs)
    }

    fn read_files(&mut self) {
        let Some(folder) = &self.folder else { return };
        for name in folder.names().unwrap_or_default() {
            if let Some(key) = name.to_str().and_then(|name| name.strip_suffix(".json"))
                && let Ok(Some(note)) = Note::read(folder, key)
            {
                self.notes.insert(key.to_owned(), note);
            }
        }
    }

    async fn read_records(&mut self, records: &Records, opened: &Opened) -> Result<()> {
        let mut is_any_held = false;
        for (key, bytes) in records.all().await? {
            if let Ok(shared) = SharedNote::decode(&key, &bytes) {
                is_any_held |= shared.holder.is_some();
                self.notes.insert(key, shared.note);
            }
        }
        if !is_any_held {
            return Ok(());
        }
        for live in opened.store.instances().await.map_err(explain)? {
            let host = live.info.host.as_deref();
            let host = host.map_or_else(String::new, |host| format!(" on {}", safe(host)));
            let process = format!("{}{host}", live.info.process);
            for queue in live.info.queues {
                self.runners.insert(queue, process.clone());
            }
        }
        Ok(())
    }

    /// The run that this queue belongs to, if any.
    pub(crate) fn of<'a>(&'a self, queue: &'a str) -> Option<RunOf<'a>> {
        let (key, generation) = parts(queue)?;
        let note = self.notes.get(key)?;
        Some(RunOf {
            runs: self,
            key,
            queue,
            note,
            generation,
        })
    }

    /// The name of a queue in lists, safe to print: the name of its run, if it belongs to one.
    pub(crate) fn name(&self, queue: &str) -> String {
        self.of(queue).map_or_else(|| safe(queue), |run| run.name())
    }
}

impl RunOf<'_> {
    /// The name of the run; a generation before the last is marked as such.
    pub(crate) fn name(&self) -> String {
        let name = match &self.note.identity {
            Some(identity) => identity.name(),
            None => safe(&self.note.file),
        };
        if self.generation < self.note.generation {
            return format!("{name} (before)");
        }
        name
    }

    /// The command line that goes on with the run; `None` for a generation before the last but one,
    /// which nothing goes on with.
    pub(crate) fn command(&self) -> Option<String> {
        let goes_on = self.generation + 1 >= self.note.generation;
        goes_on.then(|| match &self.note.identity {
            Some(identity) => identity.command(),
            None => format!("marionette run {}", safe(&self.note.file)),
        })
    }

    /// The process that runs it now, if any, and on a store that machines share its machine.
    pub(crate) fn process(&self) -> Option<String> {
        if let Some(process) = self.runs.runners.get(self.queue) {
            return Some(process.clone());
        }
        holder(self.runs.folder.as_ref()?, self.key)
    }
}
