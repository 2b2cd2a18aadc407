//! `tokio-cron-scheduler`, with its one-shot jobs.

use std::time::Duration;

use tokio_cron_scheduler::{Job, JobScheduler};

use crate::in_process::contender::Contender;
use crate::in_process::contender::channel::boxed;
use crate::in_process::work::Work;

/// The size of its channels. With the default of 200 it loses jobs that are due together: the
/// receiver of its broadcast lags behind, and what was overwritten never runs.
const CHANNEL: usize = 262_144;

/// The scheduler, ticking twice a second.
#[derive(Clone)]
pub(crate) struct Cron {
    scheduler: JobScheduler,
}

impl<W: Work> Contender<W> for Cron {
    async fn start() -> Self {
        let scheduler = JobScheduler::new_with_channel_size(CHANNEL)
            .await
            .expect("it starts");
        scheduler.start().await.expect("it starts");
        Self { scheduler }
    }

    async fn queue(&mut self, _: W) {
        unreachable!("only asked of those that can")
    }

    async fn delay(&mut self, after: Duration, work: W) {
        let job = Job::new_one_shot_async(after, move |_, _| boxed(work.clone()));
        let job = job.expect("a one-shot job has nothing to refuse");
        self.scheduler
            .add(job)
            .await
            .expect("it takes jobs while it runs");
    }
}
