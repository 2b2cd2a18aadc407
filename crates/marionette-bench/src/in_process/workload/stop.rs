//! What a stop loses, and how long it takes when producers wait for room.

use std::future::Future;
use std::time::{Duration, Instant};

use marionette_yardstick::clock;
use marionette_yardstick::figures::Figures;
use marionette_yardstick::samples::Samples;
use marionette_yardstick::tally::Tally;

use crate::in_process::contender::{Contender, QUEUE, WORKERS};
use crate::in_process::work::{Failed, Work};
use crate::in_process::workload::Measurement;

/// The number of trials, each with a contender of its own.
pub(super) const TRIALS: u32 = 50;

/// The number of tasks that are accepted when the stop begins.
const ACCEPTED: u32 = 64;

/// How long an attempt takes.
const BRIEF: Duration = Duration::from_millis(1);

/// How long the running tasks take when producers wait.
const LONG: Duration = Duration::from_millis(100);

/// Producers that wait for room.
const PRODUCERS: u32 = 4;

/// The task: a millisecond of waiting; only its last attempt counts.
#[derive(Clone)]
pub(crate) struct Brief<const TRIES: u32>(&'static Tally);

impl<const TRIES: u32> Work for Brief<TRIES> {
    const TRIES: u32 = TRIES;
    const PAUSE: Duration = Duration::from_millis(20);

    fn run(&self, attempt: u32) -> impl Future<Output = Result<(), Failed>> + Send + use<TRIES> {
        let tally = self.0;
        async move {
            tokio::time::sleep(BRIEF).await;
            if attempt < TRIES {
                return Err(Failed);
            }
            tally.add();
            Ok(())
        }
    }
}

/// Tasks are accepted, and then everything stops.
pub(super) struct Stop<const TRIES: u32> {
    trials: u32,
}

impl<const TRIES: u32> Stop<TRIES> {
    /// `trials` in all.
    pub(super) fn new(trials: u32) -> Self {
        Self { trials }
    }
}

impl<const TRIES: u32> Measurement for Stop<TRIES> {
    type Work = Brief<TRIES>;

    async fn with<C: Contender<Brief<TRIES>>>(self) -> Figures {
        let mut kept = 0;
        for _ in 0..self.trials {
            let tally = Tally::new(ACCEPTED.into());
            let mut contender = C::start().await;
            for _ in 0..ACCEPTED {
                contender.queue(Brief(tally)).await;
            }
            let given_back = contender.stop().await;
            kept += tally.done() + given_back;
        }
        let accepted = u64::from(ACCEPTED * self.trials);
        let lost = accepted.saturating_sub(kept) as f64;
        Figures::from([("lost_percent", lost / accepted as f64 * 100.0)])
    }
}

/// The task: it holds its worker, and records when it ended.
#[derive(Clone)]
pub(crate) struct Ending {
    start: Instant,
    index: u32,
    ends: &'static Samples,
    hold: Duration,
}

impl Work for Ending {
    fn run(&self, _: u32) -> impl Future<Output = Result<(), Failed>> + Send + use<> {
        let task = self.clone();
        async move {
            if !task.hold.is_zero() {
                tokio::time::sleep(task.hold).await;
                task.ends
                    .record(task.index, clock::nanos_between(task.start, clock::now()));
            }
            Ok(())
        }
    }
}

/// Workers hold, the queue is full, producers wait, and everything stops.
pub(super) struct WhileFull;

impl Measurement for WhileFull {
    type Work = Ending;

    async fn with<C: Contender<Ending>>(self) -> Figures {
        let places = u32::try_from(WORKERS + QUEUE).unwrap_or(u32::MAX);
        let running = u32::try_from(WORKERS).unwrap_or(u32::MAX);
        let ends = Samples::new(running);
        let mut contender = C::start().await;
        let start = clock::now();
        for index in 0..running {
            contender
                .queue(Ending {
                    start,
                    index,
                    ends,
                    hold: LONG,
                })
                .await;
        }
        for index in running..places + PRODUCERS {
            let mut contender = contender.clone();
            tokio::spawn(async move {
                contender
                    .queue(Ending {
                        start,
                        index,
                        ends,
                        hold: Duration::ZERO,
                    })
                    .await;
            });
        }
        tokio::time::sleep(LONG / 5).await;
        contender.stop().await;
        let stopped = clock::nanos_between(start, clock::now());
        let ends = ends.sorted();
        assert!(ends.missing() < 1.0, "a running task did not end");
        Figures::from([("beyond_ms", (stopped as f64 - ends.quantile(1.0)) / 1e6)])
    }
}
