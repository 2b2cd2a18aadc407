//! W4a: the time and the memory that a task takes while it waits for its time.

use std::time::Duration;

use fastrand::Rng;
use marionette_yardstick::clock;
use marionette_yardstick::figures::Figures;
use marionette_yardstick::tally::Tally;
use marionette_yardstick::usage;

use crate::in_process::contender::Contender;
use crate::in_process::workload::Measurement;
use crate::in_process::workload::throughput::Count;

/// None is due before the measurement ends.
const EARLIEST: Duration = Duration::from_secs(10 * 60);

/// The tasks are spread over a day from then on.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// One producer on the runtime.
pub(super) struct Insert {
    tasks: u32,
}

impl Insert {
    /// `tasks` in all.
    pub(super) fn new(tasks: u32) -> Self {
        Self { tasks }
    }
}

impl Measurement for Insert {
    type Work = Count;

    async fn with<C: Contender<Count>>(self) -> Figures {
        let tasks = self.tasks;
        let tally = Tally::new(tasks.into());
        let mut contender = C::start().await;
        let producer = tokio::spawn(async move {
            let mut random = Rng::with_seed(4);
            let before = usage::resident_bytes();
            let start = clock::now();
            for _ in 0..tasks {
                let after = EARLIEST + DAY.mul_f64(random.f64());
                contender.delay(after, Count(tally)).await;
            }
            contender.settled().await;
            (clock::nanos_between(start, clock::now()), before, contender)
        });
        let (nanos, before, contender) = producer.await.expect("the producer ends");
        clock::sleep(Duration::from_millis(200));
        let bytes = usage::resident_bytes().saturating_sub(before);
        assert_eq!(tally.done(), 0, "a task ran before its time");
        drop(contender);
        let each = |total: f64| total / f64::from(tasks);
        Figures::from([("ns", each(nanos as f64)), ("bytes", each(bytes as f64))])
    }
}
