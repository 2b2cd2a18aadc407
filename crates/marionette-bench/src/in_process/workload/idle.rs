//! W6: idle while many tasks wait for tomorrow: nothing should happen.

use std::time::Duration;

use fastrand::Rng;
use marionette_yardstick::clock;
use marionette_yardstick::figures::Figures;
use marionette_yardstick::tally::Tally;
use marionette_yardstick::usage;

use crate::in_process::contender::Contender;
use crate::in_process::workload::Measurement;
use crate::in_process::workload::throughput::Count;

/// The length of the measurement.
pub(super) const SECONDS: u32 = 10;

/// A random time tomorrow.
const TOMORROW: Duration = Duration::from_secs(24 * 60 * 60);

/// The pause before the measurement, in which everything comes to rest.
const REST: Duration = Duration::from_secs(1);

/// One producer, then silence.
pub(super) struct Idle {
    tasks: u32,
    seconds: u32,
}

impl Idle {
    /// `tasks` that wait, `seconds` of silence.
    pub(super) fn new(tasks: u32, seconds: u32) -> Self {
        Self { tasks, seconds }
    }
}

impl Measurement for Idle {
    type Work = Count;

    async fn with<C: Contender<Count>>(self) -> Figures {
        let tally = Tally::new(self.tasks.into());
        let mut contender = C::start().await;
        let producer = tokio::spawn(async move {
            let mut random = Rng::with_seed(6);
            for _ in 0..self.tasks {
                let after = TOMORROW + TOMORROW.mul_f64(random.f64());
                contender.delay(after, Count(tally)).await;
            }
            contender
        });
        let contender = producer.await.expect("the producer ends");
        // The main thread sleeps, not a task: the runtime has no timer of ours.
        clock::sleep(REST);
        let (cpu, switches) = (usage::cpu(), usage::voluntary_switches());
        clock::sleep(Duration::from_secs(self.seconds.into()));
        let wakeups = usage::voluntary_switches() - switches;
        let cpu = usage::cpu_since(cpu);
        assert_eq!(tally.done(), 0, "a task ran before its time");
        drop(contender);
        Figures::from([("wakeups", wakeups as f64), ("cpu_s", cpu.as_secs_f64())])
    }
}
