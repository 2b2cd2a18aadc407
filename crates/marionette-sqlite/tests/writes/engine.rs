//! Failing writes under a manager: each job runs once, whichever write fails, and its handle hears
//! of its end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use marionette::{Context, Job, TaskManager};
use serde::{Deserialize, Serialize};

use crate::disk::{Disk, How};
use crate::place;

const JOBS: u64 = 12;

#[derive(Serialize, Deserialize)]
struct Add(u64);

impl Job for Add {
    const KIND: &'static str = "add";
    type Output = u64;
}

#[tokio::test]
async fn a_job_runs_once_whichever_write_fails() {
    let disk = Disk::new();
    for how in [How::Error, How::Full] {
        let (mut nth, mut clean) = (0, 0);
        // How many writes there are differs a little from run to run.
        while clean < 3 {
            let failed = run(&disk, nth, how).await;
            clean = if failed == 0 { clean + 1 } else { 0 };
            nth += 1;
        }
        println!("{how:?}: {nth} runs");
        assert!(nth > 20, "{nth}: there is more to write");
    }
}

async fn run(disk: &Disk, nth: i64, how: How) -> u64 {
    let place = place();
    let runs: Arc<Mutex<HashMap<u64, u32>>> = Arc::default();
    let count = Arc::clone(&runs);
    let handler = move |add: Add, _: Context| {
        let mut runs = count.lock().unwrap_or_else(PoisonError::into_inner);
        *runs.entry(add.0).or_default() += 1;
        async move { Ok(add.0 + 1) }
    };
    let builder = TaskManager::builder()
        .store(place.open().await)
        .handle(handler);
    let tasks = builder.build().expect("the settings are right");
    let mut handles = Vec::new();
    for number in 0..JOBS {
        handles.push(tasks.queue(Add(number)).await.expect("it is accepted"));
    }
    disk.fail(nth, 2, how);
    tasks.start();
    for (number, handle) in (0..).zip(handles) {
        let ended = tokio::time::timeout(Duration::from_secs(30), handle).await;
        let ended = ended.unwrap_or_else(|_| panic!("write {nth} fails, and job {number} hangs"));
        assert_eq!(ended.expect("it is done"), number + 1);
    }
    let report = tasks.stop().await;
    let failed = disk.mend();
    assert!(report.is_complete(), "{report}");
    let runs = runs.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(runs.len() as u64, JOBS);
    assert!(
        runs.values().all(|runs| *runs == 1),
        "write {nth}: {runs:?}"
    );
    failed
}
