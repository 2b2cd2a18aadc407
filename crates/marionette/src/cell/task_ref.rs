//! A task by its id and name.

#![deny(unsafe_code)]

use crate::cell::{Cell, context};
use crate::id::TaskId;

/// A task by its id and name, as reports tell of it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
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
