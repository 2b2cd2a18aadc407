//! W5: tasks that fail twice and then succeed: three attempts for each.

use std::future::Future;

use marionette_yardstick::clock;
use marionette_yardstick::figures::Figures;
use marionette_yardstick::tally::Tally;

use crate::in_process::contender::Contender;
use crate::in_process::work::{Failed, Work};
use crate::in_process::workload::Measurement;

/// The task: only its third attempt counts.
#[derive(Clone)]
pub(crate) struct Stubborn(&'static Tally);

impl Work for Stubborn {
    const TRIES: u32 = 3;

    fn run(&self, attempt: u32) -> impl Future<Output = Result<(), Failed>> + Send + use<> {
        let tally = self.0;
        async move {
            if attempt < Self::TRIES {
                return Err(Failed);
            }
            tally.add();
            Ok(())
        }
    }
}

/// One producer on the runtime.
pub(super) struct Retry {
    tasks: u32,
}

impl Retry {
    /// `tasks` in all.
    pub(super) fn new(tasks: u32) -> Self {
        Self { tasks }
    }
}

async fn round<C: Contender<Stubborn>>(contender: &C, tasks: u32) -> f64 {
    let tally = Tally::new(tasks.into());
    let mut contender = contender.clone();
    let start = clock::now();
    tokio::spawn(async move {
        for _ in 0..tasks {
            contender.queue(Stubborn(tally)).await;
        }
    });
    clock::nanos_between(start, tally.finished().await) as f64 / f64::from(tasks)
}

impl Measurement for Retry {
    type Work = Stubborn;

    async fn with<C: Contender<Stubborn>>(self) -> Figures {
        let contender = C::start().await;
        round(&contender, self.tasks / 20).await;
        Figures::from([("ns", round(&contender, self.tasks).await)])
    }
}
