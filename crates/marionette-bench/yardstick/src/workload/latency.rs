//! D3: how long a job waits from the call that queues it to its start when there is little to do.

use std::time::Duration;

use fastrand::Rng;

use crate::clock;
use crate::contender::Contender;
use crate::figures::Figures;
use crate::job::{Job, Work};
use crate::samples::Samples;
use crate::tally::{PATIENCE, Tally};

/// Twenty jobs a second.
const PERIOD: Duration = Duration::from_millis(50);

pub(super) async fn measure<C: Contender>(contender: C, count: u32) -> Figures {
    let waits = Samples::new(count);
    let tally = Tally::new(count.into());
    let base = clock::now();
    contender.work(Work::Wait { base, waits, tally }).await;
    let producer = tokio::spawn(async move {
        let mut random = Rng::with_seed(3);
        let start = clock::now();
        for index in 0..count {
            // Somewhere in its period: whoever polls must not meet the producer's beat.
            let at = start + PERIOD * index + PERIOD.mul_f64(random.f64());
            tokio::time::sleep_until(at.into()).await;
            let at = clock::nanos_between(base, clock::now());
            contender.queue(Job { index, at }).await;
        }
        contender
    });
    let contender = producer.await.expect("the producer ends");
    tally.wait(PATIENCE).await;
    drop(contender);
    let waits = waits.sorted();
    Figures::from([
        ("p50_ms", waits.quantile(0.5) / 1e6),
        ("p99_ms", waits.quantile(0.99) / 1e6),
        ("never", waits.missing()),
    ])
}
