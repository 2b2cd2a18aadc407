//! W3: how long a task waits from `queue` to its start when there is little to do.

use std::future::Future;
use std::time::{Duration, Instant};

use marionette_yardstick::clock;
use marionette_yardstick::figures::Figures;
use marionette_yardstick::samples::Samples;
use marionette_yardstick::tally::Tally;

use crate::in_process::contender::Contender;
use crate::in_process::work::{Failed, Work};
use crate::in_process::workload::Measurement;

/// One task a millisecond.
const PERIOD: Duration = Duration::from_millis(1);

/// The task: it records the time.
#[derive(Clone)]
pub(crate) struct Stamp {
    offered: Instant,
    index: u32,
    waits: &'static Samples,
    tally: &'static Tally,
}

impl Work for Stamp {
    fn run(&self, _: u32) -> impl Future<Output = Result<(), Failed>> + Send + use<> {
        let stamp = self.clone();
        async move {
            stamp.waits.record(
                stamp.index,
                clock::nanos_between(stamp.offered, clock::now()),
            );
            stamp.tally.add();
            Ok(())
        }
    }
}

/// A paced producer on the runtime.
pub(super) struct Latency {
    tasks: u32,
}

impl Latency {
    /// `tasks` in all.
    pub(super) fn new(tasks: u32) -> Self {
        Self { tasks }
    }
}

impl Measurement for Latency {
    type Work = Stamp;

    async fn with<C: Contender<Stamp>>(self) -> Figures {
        let contender = C::start().await;
        let waits = Samples::new(self.tasks);
        let tally = Tally::new(self.tasks.into());
        let mut producer = contender.clone();
        tokio::spawn(async move {
            let start = clock::now();
            for index in 0..self.tasks {
                tokio::time::sleep_until((start + PERIOD * index).into()).await;
                let stamp = Stamp {
                    offered: clock::now(),
                    index,
                    waits,
                    tally,
                };
                producer.queue(stamp).await;
            }
        });
        tally.finished().await;
        drop(contender);
        let waits = waits.sorted();
        let micros = |quantile| waits.quantile(quantile) / 1e3;
        Figures::from([
            ("p50_us", micros(0.5)),
            ("p99_us", micros(0.99)),
            ("p999_us", micros(0.999)),
        ])
    }
}
