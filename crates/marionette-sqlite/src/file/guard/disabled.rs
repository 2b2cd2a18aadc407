//! Where the system has no locks of an open file, a store notices the loss of its files and does
//! not prevent it.

use std::path::Path;

#[derive(Debug)]
pub(crate) struct Guard;

impl Guard {
    pub(crate) fn of(_path: &Path) -> Self {
        Self
    }

    pub(crate) fn release(&mut self) {}

    pub(crate) fn close(self) {}
}
