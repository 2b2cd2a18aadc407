//! Where a process begins that is going to be killed.

use std::sync::Arc;

use marionette::store::Store;
use marionette_conformance::crash::{Ground, Place};
use marionette_sqlite::SqliteStore;
use marionette_sqlite::rusqlite::Connection;

/// A store in a file of the folder.
pub(crate) static GROUND: Ground = Ground {
    open: |place| Box::pin(open(place)),
    check: |place| Box::pin(async move { check(&place) }),
    package: "marionette-sqlite",
};

async fn open(place: Place) -> Arc<dyn Store> {
    let mut options = SqliteStore::options().lease(place.lease);
    if place.prunes {
        options = options.keep_done(std::time::Duration::ZERO);
    }
    let opened = options.open(place.folder.join("tasks.db")).await;
    Arc::new(opened.expect("the store can be opened, whatever happened before"))
}

fn check(place: &Place) {
    let connection = Connection::open(place.folder.join("tasks.db")).expect("it is a file");
    let sound: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("it answers");
    assert_eq!(sound, "ok");
}

/// No test: this is where a child begins.
#[test]
fn child() {
    #[cfg(feature = "failpoints")]
    crate::failpoints::arm();
    marionette_conformance::crash::child(&GROUND);
}
