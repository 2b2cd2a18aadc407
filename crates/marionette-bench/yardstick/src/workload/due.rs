//! D4: many jobs come due within two seconds: how late they start by the wall clock, and how many
//! start before their time.

use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;

use crate::clock;
use crate::contender::Contender;
use crate::figures::Figures;
use crate::job::{Job, Work};
use crate::samples::Samples;
use crate::tally::Tally;

/// The first is due when all have been handed in; a tenth of the jobs need less.
const LEAD: Duration = Duration::from_secs(9);

/// They are due within this time.
const SPAN: Duration = Duration::from_secs(2);

/// The wait after the last is due. A job that has not run by then counts as never run.
const REST: Duration = Duration::from_secs(30);

/// The number of callers that hand them in.
const CALLERS: u32 = 64;

pub(super) async fn measure<C: Contender>(contender: C, count: u32) -> Figures {
    let lateness = Samples::new(count);
    let tally = Tally::new(count.into());
    contender.work(Work::Late { lateness, tally }).await;
    let lead = LEAD.mul_f64(f64::from(count.clamp(600, 10_000)) / 1e4);
    let (start, first) = (clock::now(), clock::wall() + lead);
    let mut random = Rng::with_seed(4);
    let jobs: Vec<_> = (0..count)
        .map(|index| (index, first + SPAN.mul_f64(random.f64())))
        .collect();
    let mut callers = JoinSet::new();
    for jobs in jobs.chunks(count.div_ceil(CALLERS) as usize) {
        let (contender, jobs) = (contender.clone(), jobs.to_vec());
        callers.spawn(async move {
            for (index, due) in jobs {
                let at = clock::nanos_of(due);
                contender.schedule(due, Job { index, at }).await;
            }
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended.expect("a caller ends");
    }
    let handed_in = clock::now().duration_since(start);
    assert!(handed_in < lead, "handing them in took {handed_in:?}");
    tally.wait(lead + SPAN + REST).await;
    let lateness = lateness.sorted();
    Figures::from([
        ("p50_ms", lateness.quantile(0.5) / 1e6),
        ("p99_ms", lateness.quantile(0.99) / 1e6),
        ("early", lateness.negative()),
        ("never", lateness.missing()),
    ])
}
