//! What others can see of a worker: what it has counted, and which task it has.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::body::Body;
use crate::cell::{Cell, Status};
use crate::clock::Tick;
use crate::context;
use crate::id::{Identity, Serial, TaskId};
use crate::sync::Mutex;
use crate::tally::Tally;

#[derive(Default)]
pub(crate) struct Post {
    pub(crate) tally: Tally,
    /// The identity of the task, in two words that one worker writes. A reader may see the halves
    /// of two tasks; it asks when the worker is stuck with one.
    created: AtomicU64,
    serial: AtomicU32,
    /// The task, if it has a name.
    named: Mutex<Option<Arc<Cell<dyn Body>>>>,
}

/// A task by its id and name, as reports tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskRef {
    /// Its id.
    pub id: TaskId,
    /// Its name; "async task" if it has none of its own.
    pub name: String,
}

impl TaskRef {
    pub(crate) fn new<B: ?Sized>(cell: &Cell<B>) -> Self {
        Self {
            id: cell.id(),
            name: context::name(cell).to_owned(),
        }
    }
}

impl Post {
    #[inline]
    pub(crate) fn take(&self, cell: &Arc<Cell<dyn Body>>) {
        let Identity { serial, created } = cell.identity();
        self.created.store(created.nanos(), Ordering::Relaxed);
        self.serial.store(serial.number(), Ordering::Relaxed);
        if cell
            .extra()
            .is_some_and(|extra| extra.options.name.is_some())
        {
            *self.named.lock() = Some(Arc::clone(cell));
        }
    }

    #[inline]
    pub(crate) fn leave(&self) {
        self.created.store(0, Ordering::Relaxed);
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
        match &*self.named.lock() {
            Some(cell) if cell.id() == id && cell.status() == Status::Running => {
                Some(TaskRef::new(&**cell))
            }
            _ => Some(TaskRef {
                id,
                name: context::DEFAULT_NAME.to_owned(),
            }),
        }
    }
}
