//! W7: a full queue and a task that comes due behind it: what the wait costs, and how long it
//! takes while sixteen producers compete for the same places.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use marionette_yardstick::clock;
use marionette_yardstick::figures::Figures;
use marionette_yardstick::samples::{Samples, Sorted};
use marionette_yardstick::tally::Tally;
use marionette_yardstick::usage;

use crate::in_process::contender::{Contender, QUEUE, WORKERS};
use crate::in_process::work::{Failed, Work};
use crate::in_process::workload::{Measurement, Size};

/// Producers that compete for places.
const PRODUCERS: u32 = 16;

/// Tasks that come due meanwhile, one every [`DUE_EVERY`].
const DUE: u32 = 10;

/// The pace of the due tasks.
const DUE_EVERY: Duration = Duration::from_millis(100);

/// How long a producer's task runs.
const BRIEF: Duration = Duration::from_millis(1);

/// The most tasks of producers that are sampled.
const SAMPLED: u32 = 20_000;

/// The task: it records how long it waited since `from`, then holds its worker for a while.
#[derive(Clone)]
pub(crate) struct Hold {
    from: Instant,
    index: u32,
    waits: &'static Samples,
    tally: &'static Tally,
    lasts: Duration,
}

impl Work for Hold {
    fn run(&self, _: u32) -> impl Future<Output = Result<(), Failed>> + Send + use<> {
        let task = self.clone();
        async move {
            task.waits
                .record(task.index, clock::nanos_between(task.from, clock::now()));
            if !task.lasts.is_zero() {
                tokio::time::sleep(task.lasts).await;
            }
            task.tally.add();
            Ok(())
        }
    }
}

/// Both halves.
pub(super) struct Full {
    blocked: Duration,
}

impl Full {
    /// The queue is blocked for two seconds, or for a tenth of that.
    pub(super) fn new(size: Size) -> Self {
        Self {
            blocked: Duration::from_millis(size.of(2_000).into()),
        }
    }
}

impl Measurement for Full {
    type Work = Hold;

    async fn with<C: Contender<Hold>>(self) -> Figures {
        let cpu_percent = blocked::<C>(self.blocked).await;
        let (due, queued) = hammered::<C>().await;
        let millis = |nanos: f64| nanos / 1e6;
        Figures::from([
            ("cpu_percent", cpu_percent),
            ("due_ms", millis(due.quantile(0.5))),
            ("due_max_ms", millis(due.quantile(1.0))),
            ("queued_ms", millis(queued.quantile(0.5))),
            ("due_by_queued", due.quantile(0.5) / queued.quantile(0.5)),
        ])
    }
}

/// All workers hold for `long`, the queue is full, producers wait, and a task is due: the share of
/// a core that is used meanwhile.
async fn blocked<C: Contender<Hold>>(long: Duration) -> f64 {
    let places = u32::try_from(WORKERS + QUEUE).unwrap_or(u32::MAX);
    let offered = places + PRODUCERS;
    let waits = Samples::new(offered + 1);
    let tally = Tally::new(u64::from(offered) + 1);
    let mut contender = C::start().await;
    let from = clock::now();
    let running = u32::try_from(WORKERS).unwrap_or(u32::MAX);
    for index in 0..running {
        contender
            .queue(Hold {
                from,
                index,
                waits,
                tally,
                lasts: long,
            })
            .await;
    }
    for index in running..offered {
        let mut contender = contender.clone();
        tokio::spawn(async move {
            let task = Hold {
                from,
                index,
                waits,
                tally,
                lasts: Duration::ZERO,
            };
            contender.queue(task).await;
        });
    }
    let settle = long / 10;
    let due = Hold {
        from,
        index: offered,
        waits,
        tally,
        lasts: Duration::ZERO,
    };
    let mut producer = contender.clone();
    tokio::spawn(async move { producer.delay(settle, due).await });
    // The main thread sleeps, not a task: it has no part in what the runtime does.
    clock::sleep(settle * 2);
    let (cpu, start) = (usage::cpu(), clock::now());
    clock::sleep(settle * 6);
    let (cpu, elapsed) = (usage::cpu_since(cpu), clock::now() - start);
    tally.finished().await;
    cpu.as_secs_f64() / elapsed.as_secs_f64() * 100.0
}

/// Producers offer tasks as fast as they can while others come due: how long both wait, a due one
/// from its time, an offered one from the offer, each to its start.
async fn hammered<C: Contender<Hold>>() -> (Sorted, Sorted) {
    let due_waits = Samples::new(DUE);
    let due_tally = Tally::new(DUE.into());
    let waits = Samples::new(SAMPLED);
    let never = Tally::new(u64::MAX);
    let offers = Arc::new(AtomicU32::new(0));
    let mut contender = C::start().await;
    let start = clock::now();
    let end = start + DUE_EVERY * (DUE + 5);
    for _ in 0..PRODUCERS {
        let mut contender = contender.clone();
        let offers = Arc::clone(&offers);
        tokio::spawn(async move {
            while clock::now() < end {
                // Relaxed: the number only tells the samples apart.
                let index = offers.fetch_add(1, Ordering::Relaxed) % SAMPLED;
                let from = clock::now();
                let task = Hold {
                    from,
                    index,
                    waits,
                    tally: never,
                    lasts: BRIEF,
                };
                contender.queue(task).await;
            }
        });
    }
    let producer = tokio::spawn(async move {
        for index in 0..DUE {
            let from = start + DUE_EVERY * (index + 3);
            let due = Hold {
                from,
                index,
                waits: due_waits,
                tally: due_tally,
                lasts: Duration::ZERO,
            };
            contender
                .delay(from.saturating_duration_since(clock::now()), due)
                .await;
        }
        contender
    });
    let contender = producer.await.expect("the producer ends");
    due_tally.finished().await;
    drop(contender);
    (due_waits.sorted(), waits.sorted())
}
