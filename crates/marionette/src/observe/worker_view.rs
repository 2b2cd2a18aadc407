//! The view of a worker for others: what the worker has counted, and which task it has.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crate::cell::body::Body;
use crate::cell::context;
use crate::cell::task_ref::TaskRef;
use crate::cell::{Shared, TaskState};
use crate::clock::Tick;
use crate::id::{Identity, Serial};
use crate::observe::tally::Tally;
use crate::sync::Mutex;

#[derive(Default)]
pub(crate) struct WorkerView {
    pub(crate) tally: Tally,
    /// The identity of the task, in two words that one worker writes. A reader may see the halves
    /// of two tasks, but readers ask about a worker that is stuck with one.
    created: AtomicU64,
    serial: AtomicU32,
    /// Whether `named` belongs to the task. Most tasks have no name, and take no lock.
    has_name: AtomicBool,
    named: Mutex<TaskName>,
}

#[derive(Default)]
enum TaskName {
    #[default]
    Nothing,
    Constant(&'static str),
    /// A task that has a name of its own, or is a job.
    Task(Shared<dyn Body>),
}

impl WorkerView {
    #[inline]
    pub(crate) fn take(&self, cell: &Shared<dyn Body>) {
        let Identity { serial, created } = cell.identity();
        self.created.store(created.nanos(), Ordering::Relaxed);
        self.serial.store(serial.number(), Ordering::Relaxed);
        let named = cell
            .details()
            .and_then(|details| match details.options.constant_name() {
                Some(name) => Some(TaskName::Constant(name)),
                None if details.options.name().is_some() => Some(TaskName::Task(cell.clone())),
                None => None,
            });
        self.has_name.store(named.is_some(), Ordering::Relaxed);
        if let Some(named) = named {
            *self.named.lock() = named;
        }
    }

    #[inline]
    pub(crate) fn leave(&self) {
        self.created.store(0, Ordering::Relaxed);
    }

    /// Whether the worker has this task.
    pub(crate) fn has(&self, task: Identity) -> bool {
        self.created.load(Ordering::Relaxed) == task.created.nanos()
            && self.serial.load(Ordering::Relaxed) == task.serial.number()
    }

    /// The task that the worker has.
    pub(crate) fn task(&self) -> Option<TaskRef> {
        let created = self.created.load(Ordering::Relaxed);
        if created == 0 {
            return None;
        }
        let serial = Serial::from_number(self.serial.load(Ordering::Relaxed));
        let id = Identity {
            serial,
            created: Tick::from_nanos(created),
        }
        .id();
        let name = match &*self.named.lock() {
            _ if !self.has_name.load(Ordering::Relaxed) => context::DEFAULT_NAME,
            TaskName::Constant(name) => name,
            TaskName::Task(cell)
                if cell.identity().id() == id && cell.task_state() == TaskState::Running =>
            {
                return Some(TaskRef::new(&**cell));
            }
            TaskName::Nothing | TaskName::Task(_) => context::DEFAULT_NAME,
        };
        Some(TaskRef {
            id,
            name: name.to_owned(),
        })
    }
}
