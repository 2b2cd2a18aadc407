//! W1, W2 and W1x: many tasks that add one to a counter, from first submit to last done.

use std::future::Future;
use std::thread;

use marionette_yardstick::clock;
use marionette_yardstick::figures::Figures;
use marionette_yardstick::tally::Tally;

use crate::in_process::contender::Contender;
use crate::in_process::work::{Failed, Work};
use crate::in_process::workload::Measurement;

/// The task: one more.
#[derive(Clone)]
pub(crate) struct Count(pub(crate) &'static Tally);

impl Work for Count {
    fn run(&self, _: u32) -> impl Future<Output = Result<(), Failed>> + Send + use<> {
        let tally = self.0;
        async move {
            tally.add();
            Ok(())
        }
    }
}

/// Producers that are tasks of the runtime.
pub(super) struct OnRuntime {
    tasks: u32,
    producers: u32,
}

impl OnRuntime {
    /// `tasks` in all, shared by the producers.
    pub(super) fn new(tasks: u32, producers: u32) -> Self {
        Self { tasks, producers }
    }

    async fn round<C: Contender<Count>>(&self, contender: &C, tasks: u32) -> f64 {
        let share = tasks / self.producers;
        let tasks = share * self.producers;
        let tally = Tally::new(tasks.into());
        let start = clock::now();
        for _ in 0..self.producers {
            let mut contender = contender.clone();
            tokio::spawn(async move {
                for _ in 0..share {
                    contender.queue(Count(tally)).await;
                }
            });
        }
        clock::nanos_between(start, tally.finished().await) as f64 / f64::from(tasks)
    }
}

impl Measurement for OnRuntime {
    type Work = Count;

    async fn with<C: Contender<Count>>(self) -> Figures {
        let contender = C::start().await;
        self.round(&contender, self.tasks / 20).await;
        Figures::from([("ns", self.round(&contender, self.tasks).await)])
    }
}

/// One producer that is a thread of its own.
pub(super) struct Outside {
    tasks: u32,
}

impl Outside {
    /// `tasks` in all.
    pub(super) fn new(tasks: u32) -> Self {
        Self { tasks }
    }

    async fn round<C: Contender<Count>>(contender: &C, tasks: u32) -> f64 {
        let tally = Tally::new(tasks.into());
        let mut contender = contender.clone();
        let start = clock::now();
        let producer = thread::spawn(move || {
            for _ in 0..tasks {
                contender.queue_blocking(Count(tally));
            }
        });
        let nanos = clock::nanos_between(start, tally.finished().await);
        producer.join().expect("the producer ends");
        nanos as f64 / f64::from(tasks)
    }
}

impl Measurement for Outside {
    type Work = Count;

    async fn with<C: Contender<Count>>(self) -> Figures {
        let contender = C::start().await;
        Self::round(&contender, self.tasks / 20).await;
        Figures::from([("ns", Self::round(&contender, self.tasks).await)])
    }
}
