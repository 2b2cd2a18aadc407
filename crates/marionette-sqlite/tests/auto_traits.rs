//! The auto traits of every public type, which are promises: to lose one breaks a service.

use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};

use marionette::TaskManager;
use marionette_sqlite::{Forgot, Forgotten, SqliteOptions, SqliteStore, Synchronous};

/// A type that can be kept in the state of a service and sent to any thread.
const fn data<T: Send + Sync + Unpin + 'static>() {}

/// A type that may be used after a panic was caught.
const fn unwinds<T: UnwindSafe + RefUnwindSafe>() {}

fn future<T: Future + Send>(_: &T) {}

const _: () = {
    data::<SqliteStore>();
    data::<SqliteOptions>();
    data::<Synchronous>();
    data::<Forgot>();
    data::<Forgotten>();
    data::<TaskManager<SqliteStore>>();

    unwinds::<SqliteStore>();
    unwinds::<TaskManager<SqliteStore>>();
};

#[cfg(feature = "test-util")]
const _: () = data::<marionette_sqlite::Clock>();

#[test]
fn the_futures_of_a_store_can_be_spawned() {
    future(&SqliteStore::open("never.db"));
    future(&SqliteStore::options().open("never.db"));
    future(&SqliteStore::version_of("never.db"));
}
