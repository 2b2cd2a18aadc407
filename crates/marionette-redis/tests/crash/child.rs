//! Where a process begins that is going to be killed.

use std::sync::Arc;
use std::time::Duration;

use marionette::store::Store;
use marionette_conformance::crash::{Ground, Place, Told};
use marionette_redis::RedisStore;

/// A store on a server.
pub(crate) static GROUND: Ground = Ground {
    open: |place| Box::pin(async { Arc::new(open(place).await) as Arc<dyn Store> }),
    check: |place| Box::pin(check(place)),
    package: "marionette-redis",
};

/// Opens the store as every process of these tests does.
pub(crate) async fn open(place: Place) -> RedisStore {
    let options = RedisStore::options().name(place.name).lease(place.lease);
    let options = options.sweep(Duration::from_millis(500));
    // A server may be down when it is connected to, and be killed again meanwhile.
    for _ in 0..600 {
        let opened = options.clone().connect(&place.address).await;
        match opened {
            Err(error) if error.is_unavailable() => {}
            opened => return opened.expect("the store can be opened, whatever happened before"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the store cannot be reached")
}

async fn check(place: Place) {
    let report = open(place).await.check().await.expect("a report");
    assert!(report.is_clean(), "{report}");
}

/// No test: this is where a child begins.
#[test]
fn child() {
    match Told::read() {
        Some(told) if told.role == "scripts" => crate::borders::call_scripts(told),
        Some(told) => told.run(&GROUND),
        None => {}
    }
}
