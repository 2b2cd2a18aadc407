//! D2: how fast waiting jobs that do nothing are worked off, until nothing is left in the file.

use std::time::Duration;

use crate::clock;
use crate::contender::Contender;
use crate::figures::Figures;
use crate::job::{self, Work};
use crate::tally::{PATIENCE, Tally};
use crate::workload::enqueue::MANY;

/// Between two looks into the file, when all have run.
const LOOK: Duration = Duration::from_micros(500);

pub(super) async fn measure<C: Contender>(contender: C, count: u32) -> Figures {
    for jobs in job::counted(count).chunks(MANY) {
        contender.queue_many(jobs.to_vec()).await;
    }
    let tally = Tally::new(count.into());
    let (work, first) = Work::count(tally);
    contender.work(work).await;
    let run = tally.wait(PATIENCE).await;
    run.unwrap_or_else(|| panic!("{} of {count} jobs ran", tally.done()));
    while contender.left().await > 0 {
        tokio::time::sleep(LOOK).await;
    }
    let end = clock::now();
    let first = first.get().expect("all ran, so one was the first");
    let seconds = end.duration_since(*first).as_secs_f64();
    let twice = tally.done() - u64::from(count);
    Figures::from([
        ("per_s", f64::from(count) / seconds),
        ("twice", twice as f64),
    ])
}
