//! A hundred thousand jobs.

use marionette::store::Store;
use marionette_sqlite::{SqliteStore, Synchronous};

use crate::fixture::Place;
use crate::shop::mail;

const MANY: usize = 100_000;

#[tokio::test]
async fn a_hundred_thousand_jobs_are_listed_counted_found_and_changed() {
    let place = Place::new();
    let options = SqliteStore::options().synchronous(Synchronous::Normal);
    let store = options.open(place.path()).await.expect("it can be opened");
    let mut last = None;
    for _ in 0..MANY / 1_000 {
        let jobs: Vec<_> = (0..1_000).map(|number| mail(&number.to_string())).collect();
        last = jobs.first().map(|job| job.id);
        store.insert(jobs).await.expect("they are accepted");
    }
    let last = last.expect("there were some").to_string();

    assert_eq!(place.values(&["list"]).len(), 50);
    assert_eq!(place.value(&["stats"])["totals"]["ready"], MANY);
    assert_eq!(place.value(&["show", &last[24..]])["id"], last.as_str());
    let some = place.good(&["list", "--limit", "10000"]);
    assert_eq!(some.lines().count(), 10_001);
    let changed = place.value(&["cancel", "--text", "welcome 77", "--yes"]);
    assert_eq!(changed["changed"], 1_100);
    assert_eq!(
        place.good(&["prune", "--older", "0s", "--yes"]),
        "deleted 1100 tasks\n"
    );
}
