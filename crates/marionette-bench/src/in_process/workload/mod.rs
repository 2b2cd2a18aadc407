//! What is measured: the workloads of the anchors, each with its metrics.

pub(crate) mod table;

pub(crate) mod throughput;
mod latency;
mod insert;
mod due;
mod retry;
mod idle;
mod full;
mod stop;
mod bound;

use std::future::Future;

use marionette_yardstick::figures::Figures;

use crate::in_process::contender::Contender;
use crate::in_process::contender::apalis::Apalis;
use crate::in_process::contender::channel::Boxed;
use crate::in_process::contender::cron::Cron;
use crate::in_process::contender::delay_queue::Delays;
use crate::in_process::contender::marionette::{self, Marionette};
use crate::in_process::contender::name::Name;
use crate::in_process::contender::pool::Pool;
use crate::in_process::contender::semaphore::Semaphore;
use crate::in_process::contender::sketch::Sketch;
use crate::in_process::contender::spawn::Spawn;
use crate::in_process::work::Work;
use crate::in_process::workload::due::By;

/// A table of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workload {
    /// One producer on the runtime.
    W1,
    /// Four producers on the runtime.
    W2,
    /// One producer outside the runtime.
    W1x,
    /// From queue to start, at a thousand a second.
    W3,
    /// Insert future tasks.
    W4a,
    /// Future tasks that come due after a delay.
    W4b,
    /// Future tasks that come due at a time of the wall clock.
    W4c,
    /// Tasks that fail twice.
    W5,
    /// Idle with much that waits for tomorrow.
    W6,
    /// A full queue with a due task behind it.
    W7,
    /// Stop with accepted tasks.
    Stop,
    /// Stop with tasks that wait for their next attempt.
    StopRetry,
    /// Stop while producers wait for room.
    StopFull,
    /// How much is accepted before `queue` waits.
    Bound,
}

/// How much of a workload is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// As in the anchors.
    Full,
    /// A tenth: to see that it works, and for a first idea.
    Quick,
}

impl Size {
    /// Its word on the command line of a child.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Quick => "quick",
        }
    }

    /// The size with this word.
    pub(crate) fn called(word: &str) -> Option<Self> {
        let sizes = [Self::Full, Self::Quick];
        sizes.into_iter().find(|size| size.word() == word)
    }

    /// `count`, or a tenth of it.
    pub(crate) fn of(self, count: u32) -> u32 {
        match self {
            Self::Full => count,
            Self::Quick => count.div_ceil(10),
        }
    }
}

impl Workload {
    /// Every workload, in the order of the report.
    pub(crate) const ALL: [Self; 14] = [
        Self::W1,
        Self::W2,
        Self::W1x,
        Self::W3,
        Self::W4a,
        Self::W4b,
        Self::W4c,
        Self::W5,
        Self::W6,
        Self::W7,
        Self::Stop,
        Self::StopRetry,
        Self::StopFull,
        Self::Bound,
    ];

    /// Its name on the command line.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::W1 => "W1",
            Self::W2 => "W2",
            Self::W1x => "W1x",
            Self::W3 => "W3",
            Self::W4a => "W4a",
            Self::W4b => "W4b",
            Self::W4c => "W4c",
            Self::W5 => "W5",
            Self::W6 => "W6",
            Self::W7 => "W7",
            Self::Stop => "stop",
            Self::StopRetry => "stop-retry",
            Self::StopFull => "stop-full",
            Self::Bound => "bound",
        }
    }

    /// The workload with this name, in any case.
    pub(crate) fn called(id: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|workload| workload.id().eq_ignore_ascii_case(id))
    }

    /// Measures one contender, once, on the runtime that the caller blocks on.
    pub(crate) async fn measure(self, name: Name, size: Size) -> Figures {
        // A parallelised apalis takes a hundred times as long as the others.
        let share = if name == Name::ApalisParallel { 10 } else { 1 };
        let tasks = |full| size.of(full) / share;
        match self {
            Self::W1 => with(name, throughput::OnRuntime::new(tasks(1_000_000), 1)).await,
            Self::W2 => with(name, throughput::OnRuntime::new(tasks(1_000_000), 4)).await,
            Self::W1x => with(name, throughput::Outside::new(tasks(1_000_000))).await,
            Self::W3 => with(name, latency::Latency::new(tasks(5_000))).await,
            Self::W4a => with(name, insert::Insert::new(tasks(1_000_000))).await,
            Self::W4b => with(name, due::Due::new(By::Monotonic, tasks(100_000))).await,
            Self::W4c => with(name, due::Due::new(By::Wall, tasks(100_000))).await,
            Self::W5 => with(name, retry::Retry::new(tasks(100_000))).await,
            Self::W6 => {
                with(
                    name,
                    idle::Idle::new(tasks(100_000), size.of(idle::SECONDS)),
                )
                .await
            }
            Self::W7 => with(name, full::Full::new(size)).await,
            Self::Stop => with(name, stop::Stop::<1>::new(size.of(stop::TRIALS))).await,
            Self::StopRetry => with(name, stop::Stop::<2>::new(size.of(stop::TRIALS))).await,
            Self::StopFull => with(name, stop::WhileFull).await,
            Self::Bound => with(name, bound::Bound).await,
        }
    }
}

/// One measurement of a workload, for any contender.
pub(crate) trait Measurement {
    /// What its tasks do.
    type Work: Work;

    /// Does it once.
    fn with<C: Contender<Self::Work>>(self) -> impl Future<Output = Figures>;
}

/// Measures the contender with this name.
async fn with<M: Measurement>(name: Name, measure: M) -> Figures {
    match name {
        Name::Bare => measure.with::<Marionette<marionette::Bare>>().await,
        Name::EveryOption => measure.with::<Marionette<marionette::EveryOption>>().await,
        Name::Precise => measure.with::<Marionette<marionette::Precise>>().await,
        Name::Timer => measure.with::<Marionette<marionette::Timer>>().await,
        Name::Spawn => measure.with::<Spawn<false>>().await,
        Name::KindSpawn => measure.with::<Spawn<true>>().await,
        Name::Semaphore => measure.with::<Semaphore>().await,
        Name::Sketch => measure.with::<Sketch>().await,
        Name::AsyncChannel => measure.with::<Pool<async_channel::Sender<Boxed>>>().await,
        Name::Flume => measure.with::<Pool<flume::Sender<Boxed>>>().await,
        Name::Kanal => measure.with::<Pool<kanal::AsyncSender<Boxed>>>().await,
        Name::Apalis => measure.with::<Apalis<M::Work, false>>().await,
        Name::ApalisParallel => measure.with::<Apalis<M::Work, true>>().await,
        Name::DelayQueue => measure.with::<Delays>().await,
        Name::Cron => measure.with::<Cron>().await,
    }
}
