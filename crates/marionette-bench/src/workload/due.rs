//! W4b: many tasks come due within two seconds: how late they start, and what that costs.

use std::future::Future;
use std::time::{Duration, Instant};

use fastrand::Rng;
use marionette_yardstick::clock;
use marionette_yardstick::figures::Figures;
use marionette_yardstick::samples::Samples;
use marionette_yardstick::tally::Tally;
use marionette_yardstick::usage;

use crate::contender::Contender;
use crate::work::{Failed, Work};
use crate::workload::Measure;

/// The first is due when all have been handed in.
const LEAD: Duration = Duration::from_millis(500);

/// They are due within this time.
const SPAN: Duration = Duration::from_secs(2);

/// After the last is due: what has not run by then never does.
const REST: Duration = Duration::from_secs(8);

/// The task: it compares its time with the clock.
#[derive(Clone)]
pub(crate) struct Punctual {
    due: Instant,
    index: u32,
    lateness: &'static Samples,
    tally: &'static Tally,
}

impl Work for Punctual {
    fn run(&self, _: u32) -> impl Future<Output = Result<(), Failed>> + Send + use<> {
        let task = self.clone();
        async move {
            task.lateness
                .record(task.index, clock::nanos_between(task.due, clock::now()));
            task.tally.add();
            Ok(())
        }
    }
}

/// One producer on the runtime.
pub(super) struct Due {
    tasks: u32,
}

impl Due {
    /// `tasks` in all.
    pub(super) fn new(tasks: u32) -> Self {
        Self { tasks }
    }
}

impl Measure for Due {
    type Work = Punctual;

    async fn with<C: Contender<Punctual>>(self) -> Figures {
        let mut contender = C::start().await;
        let lateness = Samples::new(self.tasks);
        let tally = Tally::new(self.tasks.into());
        let cpu = usage::cpu();
        let producer = tokio::spawn(async move {
            let mut random = Rng::with_seed(4);
            let first = clock::now() + LEAD;
            for index in 0..self.tasks {
                let due = first + SPAN.mul_f64(random.f64());
                let task = Punctual {
                    due,
                    index,
                    lateness,
                    tally,
                };
                contender
                    .delay(due.saturating_duration_since(clock::now()), task)
                    .await;
            }
            contender
        });
        let contender = producer.await.expect("the producer ends");
        tally.wait(LEAD + SPAN + REST).await;
        let cpu = usage::cpu_since(cpu);
        drop(contender);
        let lateness = lateness.sorted();
        Figures::from([
            ("p50_ms", lateness.quantile(0.5) / 1e6),
            ("p99_ms", lateness.quantile(0.99) / 1e6),
            ("cpu_s", cpu.as_secs_f64()),
            ("early", lateness.negative()),
            ("never", lateness.missing()),
        ])
    }
}
