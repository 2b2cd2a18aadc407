//! Marionette: bare, with every option, in its precise mode, and with retries through the timer.

use std::marker::PhantomData;
use std::time::{Duration, SystemTime};

use futures_util::TryFutureExt;
use marionette::backoff::Constant;
use marionette::marker::{Here, Repeatable};
use marionette::task::IntoTask;
use marionette::{Backoff, Context, Submit, TaskError, TaskManager};
use tokio_util::sync::CancellationToken;

use crate::in_process::contender::{Contender, QUEUE, WORKERS};
use crate::in_process::work::Work;

/// The retries of a task with every option; enough for every workload.
const OPTION_RETRIES: u32 = 3;

/// How a row uses the library.
pub(crate) trait Variant: Send + Sync + 'static {
    /// Every option on every task.
    const OPTIONS: bool = false;
    /// The scheduler's precise mode.
    const PRECISE: bool = false;
    /// The least pause before a retry: any pause leads through the scheduler.
    const PAUSE: Duration = Duration::ZERO;
}

/// A closure and nothing else.
pub(crate) struct Bare;
/// Retries, backoff, time-out, context, error text and name.
pub(crate) struct EveryOption;
/// Precise.
pub(crate) struct Precise;
/// Retries pause for the shortest time there is.
pub(crate) struct Timer;

impl Variant for Bare {}
impl Variant for EveryOption {
    const OPTIONS: bool = true;
}
impl Variant for Precise {
    const PRECISE: bool = true;
}
impl Variant for Timer {
    const PAUSE: Duration = Duration::from_nanos(1);
}

/// A manager, and the context that the "every option" row passes on.
pub(crate) struct Marionette<V> {
    tasks: TaskManager,
    context: CancellationToken,
    variant: PhantomData<V>,
}

impl<V> Clone for Marionette<V> {
    fn clone(&self) -> Self {
        Self {
            tasks: self.tasks.clone(),
            context: self.context.clone(),
            variant: PhantomData,
        }
    }
}

impl<V: Variant> Marionette<V> {
    /// What this row and this kind of work ask for beyond the closure.
    fn dress<'a, W: Work, T: IntoTask<M>, M: Repeatable>(
        &self,
        task: Submit<'a, T, M, Here>,
    ) -> Submit<'a, T, M, Here> {
        if V::OPTIONS {
            task.retries(OPTION_RETRIES)
                .backoff(Backoff::none())
                .timeout(Duration::from_secs(10))
                .context(self.context.clone())
                .error("could not count to one")
                .name("count")
        } else if W::TRIES > 1 {
            let pause = W::PAUSE.max(V::PAUSE);
            let backoff = if pause.is_zero() {
                Backoff::none()
            } else {
                Constant::new(pause).into()
            };
            task.retries(W::TRIES - 1).backoff(backoff)
        } else {
            task
        }
    }
}

// The closures do what a user's would, `async move { …; Ok(()) }`; mapping the error is free, and
// an `async` block around the work's own future would hold it twice.
impl<W: Work, V: Variant> Contender<W> for Marionette<V> {
    async fn start() -> Self {
        let tasks = TaskManager::builder().workers(WORKERS).queue_size(QUEUE);
        let tasks = if V::PRECISE { tasks.precise() } else { tasks };
        let tasks = tasks.build().expect("these settings are valid");
        tasks.start();
        Self {
            tasks,
            context: CancellationToken::new(),
            variant: PhantomData,
        }
    }

    async fn queue(&mut self, work: W) {
        let task = move |cx: Context| work.run(cx.attempt()).map_err(TaskError::from);
        // Stopped: the task is refused.
        let _ = self.dress::<W, _, _>(self.tasks.queue(task)).await;
    }

    fn queue_blocking(&mut self, work: W) {
        let task = move |cx: Context| work.run(cx.attempt()).map_err(TaskError::from);
        let _ = self
            .dress::<W, _, _>(self.tasks.queue(task))
            .blocking_wait();
    }

    async fn delay(&mut self, after: Duration, work: W) {
        let task = move |cx: Context| work.run(cx.attempt()).map_err(TaskError::from);
        let _ = self.dress::<W, _, _>(self.tasks.delay(after, task)).await;
    }

    async fn schedule(&mut self, time: SystemTime, work: W) {
        let task = move |cx: Context| work.run(cx.attempt()).map_err(TaskError::from);
        let task = self.tasks.schedule(time, task);
        let _ = self.dress::<W, _, _>(task).await;
    }

    async fn stop(self) -> u64 {
        let report = self.tasks.stop().await;
        (report.queued + report.waiting) as u64
    }
}
