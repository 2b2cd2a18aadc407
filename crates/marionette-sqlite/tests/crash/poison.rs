//! K4: a job that kills its process is quarantined after three times, and takes no other along.

use std::time::Duration;

use marionette::inspect::Inspect;
use marionette::store::JobState;

use crate::child::insert;
use crate::clock;
use crate::parent::{Parent, alone};
use crate::work::{Way, job};

#[tokio::test]
async fn a_job_that_kills_its_process_is_quarantined_and_the_others_flow() {
    let _alone = alone();
    let mut parent = Parent::new();
    let store = parent.open().await;
    let poison = job(0, Way::Kills);
    let id = poison.id;
    let mut jobs: Vec<_> = (0..200).map(|_| job(2, Way::Waits)).collect();
    let all = jobs.len();
    jobs.insert(20, poison);
    let innocents: Vec<_> = jobs
        .iter()
        .map(|job| job.id)
        .filter(|job| *job != id)
        .collect();
    insert(&store, &parent.history, jobs).await;
    let mut instances = [parent.start("work"), parent.start("work")];
    let begun = clock::now();
    let mut deaths = 0;
    loop {
        for instance in &mut instances {
            if parent.has_ended(instance) {
                deaths += 1;
                *instance = parent.start("work");
            }
        }
        let details = store.job(id).await.expect("the store answers");
        if details.is_some_and(|job| job.summary.state == JobState::Quarantined) {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "{}",
            parent.again()
        );
        clock::sleep(Duration::from_millis(5));
    }
    let quarantined = begun.elapsed();
    let mut crashes = [0; 4];
    for job in innocents {
        let details = store.job(job).await.expect("the store answers");
        crashes[details.expect("it is there").summary.crashes.min(3) as usize] += 1;
    }
    parent.kill_all(instances);
    drop(store);
    let books = parent.end().await;
    println!(
        "quarantined after {deaths} deaths in {quarantined:?}; of {all} others {} had a crash, {} \
         two, {} three: {}",
        crashes[1],
        crashes[2],
        crashes[3],
        books.tell()
    );
    assert_eq!(deaths, 3);
    assert_eq!(books.finals.count(JobState::Quarantined), 1);
    assert_eq!(books.finals.count(JobState::Done), all);
    assert_eq!(crashes[2] + crashes[3], 0, "none is taken along twice");
}
