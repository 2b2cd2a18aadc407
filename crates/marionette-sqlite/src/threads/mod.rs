//! The threads of a store: one writes, one reads, one wakes waiters, one syncs. Calls reach them
//! through an inbox, and their answers come back through a channel.

pub(crate) mod writer;
pub(crate) mod reader;
pub(crate) mod waiters;
pub(crate) mod shared;
pub(crate) mod reply;
pub(crate) mod inbox;

use std::thread::{Builder, JoinHandle};

use marionette::store::StoreError;

pub(crate) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StoreError> {
    let thread = Builder::new().name(name.to_owned()).spawn(work);
    thread.map_err(|err| {
        StoreError::unavailable("a thread of the store could not be started").with_source(err)
    })
}
