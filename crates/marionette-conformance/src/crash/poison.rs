//! K4: a job that kills its process is quarantined after three times, and takes no other along.

use std::time::Duration;

use marionette::TaskId;
use marionette::store::{JobState, NewJob, Store};

use crate::crash::child::insert;
use crate::crash::clock;
use crate::crash::parent::Parent;
use crate::crash::work::{Way, job};

/// Checks that a job that kills its process is quarantined with its payload and the others flow.
/// Returns what is to be told about it.
///
/// # Panics
///
/// If something is wrong.
pub async fn poison_is_quarantined(mut parent: Parent) -> String {
    let store = parent.open().await;
    let poison = job(0, Way::Kills);
    let mut jobs: Vec<_> = (0..200).map(|_| job(2, Way::Waits)).collect();
    let innocents: Vec<_> = jobs.iter().map(|job| job.id).collect();
    jobs.insert(20, poison.clone());
    insert(&store, &parent.history, jobs).await;
    let mut instances = [parent.start("work"), parent.start("work")];
    let begun = clock::now();
    let mut deaths = 0;
    while !is_quarantined(&store, &poison).await {
        for instance in &mut instances {
            if parent.has_ended(instance) {
                deaths += 1;
                *instance = parent.start("work");
            }
        }
        let waited = begun.elapsed();
        assert!(waited < Duration::from_secs(30), "{}", parent.again());
        clock::sleep(Duration::from_millis(5));
    }
    let quarantined = begun.elapsed();
    let crashes = crashes(&store, &innocents).await;
    parent.kill_all(instances);
    drop(store);
    let books = parent.end().await;
    assert_eq!(deaths, 3);
    assert_eq!(books.finals.count(JobState::Quarantined), 1);
    assert_eq!(books.finals.count(JobState::Done), innocents.len());
    assert_eq!(crashes[2] + crashes[3], 0, "none is taken along twice");
    format!(
        "quarantined after {deaths} deaths in {quarantined:?}; of {} others {} had a crash: \
         {books}",
        innocents.len(),
        crashes[1]
    )
}

/// Whether it is quarantined; then it has its payload.
async fn is_quarantined(store: &dyn Store, poison: &NewJob) -> bool {
    let details = store.job(poison.id).await.expect("the store answers");
    let details = details.expect("it is kept");
    let is_quarantined = details.summary.state == JobState::Quarantined;
    assert!(!is_quarantined || details.payload == poison.payload);
    is_quarantined
}

/// How many of these have no crash, one, two, and three.
async fn crashes(store: &dyn Store, jobs: &[TaskId]) -> [usize; 4] {
    let mut crashes = [0; 4];
    for job in jobs {
        let details = store.job(*job).await.expect("the store answers");
        crashes[details.expect("it is there").summary.crashes.min(3) as usize] += 1;
    }
    crashes
}
