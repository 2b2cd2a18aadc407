//! W4b and W4c: many tasks come due within two seconds, by the monotonic clock or by the wall
//! clock: how late they start, and what that costs.

use std::future::Future;
use std::time::{Duration, Instant, SystemTime};

use fastrand::Rng;
use marionette_yardstick::clock;
use marionette_yardstick::figures::Figures;
use marionette_yardstick::samples::Samples;
use marionette_yardstick::tally::Tally;
use marionette_yardstick::usage;

use crate::in_process::contender::Contender;
use crate::in_process::work::{Failed, Work};
use crate::in_process::workload::Measurement;

/// The first is due when all have been handed in.
const LEAD: Duration = Duration::from_millis(500);

/// They are due within this time.
const SPAN: Duration = Duration::from_secs(2);

/// The wait after the last is due. A task that has not run by then counts as never run.
const REST: Duration = Duration::from_secs(8);

/// By which clock tasks come due.
#[derive(Clone, Copy)]
pub(super) enum By {
    /// They are delayed.
    Monotonic,
    /// They are scheduled.
    Wall,
}

/// When a task is due.
#[derive(Clone, Copy)]
enum Moment {
    Instant(Instant),
    Time(SystemTime),
}

impl Moment {
    /// This time from now.
    fn ahead(by: By, ahead: Duration) -> Self {
        match by {
            By::Monotonic => Self::Instant(clock::now() + ahead),
            By::Wall => Self::Time(clock::wall() + ahead),
        }
    }

    fn plus(self, more: Duration) -> Self {
        match self {
            Self::Instant(instant) => Self::Instant(instant + more),
            Self::Time(time) => Self::Time(time + more),
        }
    }

    /// How long ago it was, in nanoseconds; negative if it is yet to come.
    fn nanos_ago(self) -> i64 {
        match self {
            Self::Instant(instant) => clock::nanos_between(instant, clock::now()),
            Self::Time(time) => clock::wall_nanos() - clock::nanos_of(time),
        }
    }
}

/// The task: it compares its time with the clock.
#[derive(Clone)]
pub(crate) struct Punctual {
    due: Moment,
    index: u32,
    lateness: &'static Samples,
    tally: &'static Tally,
}

impl Work for Punctual {
    fn run(&self, _: u32) -> impl Future<Output = Result<(), Failed>> + Send + use<> {
        let task = self.clone();
        async move {
            task.lateness.record(task.index, task.due.nanos_ago());
            task.tally.add();
            Ok(())
        }
    }
}

/// One producer on the runtime.
pub(super) struct Due {
    by: By,
    tasks: u32,
}

impl Due {
    /// `tasks` in all, by this clock.
    pub(super) fn new(by: By, tasks: u32) -> Self {
        Self { by, tasks }
    }
}

impl Measurement for Due {
    type Work = Punctual;

    async fn with<C: Contender<Punctual>>(self) -> Figures {
        let mut contender = C::start().await;
        let lateness = Samples::new(self.tasks);
        let tally = Tally::new(self.tasks.into());
        let cpu = usage::cpu();
        let producer = tokio::spawn(async move {
            let mut random = Rng::with_seed(4);
            let first = Moment::ahead(self.by, LEAD);
            for index in 0..self.tasks {
                let due = first.plus(SPAN.mul_f64(random.f64()));
                let task = Punctual {
                    due,
                    index,
                    lateness,
                    tally,
                };
                match due {
                    Moment::Instant(due) => {
                        let after = due.saturating_duration_since(clock::now());
                        contender.delay(after, task).await;
                    }
                    Moment::Time(due) => contender.schedule(due, task).await,
                }
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
