//! `blocking`: code that blocks its thread runs on a thread of its own, and counts as a worker.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::Mutex as AsyncMutex;

use crate::cell::body::{Offered, Repeat, Source};
use crate::cell::context::Context;
use crate::observe::current::Current;
use crate::outcome::TaskError;
use crate::outcome::panic::catch;
use crate::quiet::QuietSpan;
use crate::task::draft::Draft;
use crate::task::job::{Job, JobHandler};
use crate::task::{IntoTask, Repeatable};

/// Marks code that blocks its thread, as a task or as the handler of a job, so that it runs on a
/// thread of its own and not on one of the runtime's.
///
/// Blocking code counts as a worker while it runs, so a manager with four workers runs at most four
/// of them. Use it for long computations and for calls that are not async.
///
/// **A thread cannot be stopped from outside.** At a timeout or a cancellation the attempt ends
/// after its grace and its worker goes on, while the thread runs until the code returns; check
/// [`Context::is_cancelled`] in loops. Such threads keep their places in a pool, which has as many
/// places as the manager has workers: when all of them are stuck, further blocking attempts wait. A
/// stop reports such tasks as [abandoned](crate::StopReport::abandoned).
///
/// Attempts of one task never overlap: the next one waits for the thread of the one before. The
/// next attempt of a job does not wait, since any process may make it.
///
/// # Examples
///
/// A task takes a [`Context`]:
///
/// ```
/// use marionette::{Context, TaskManager, blocking};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let tasks = TaskManager::new(Default::default())?;
/// # tasks.start();
/// let sum = tasks.queue(blocking(|_: Context| Ok((1..=1_000_u64).sum::<u64>()))).await?;
/// assert_eq!(sum.await?, 500_500);
/// # Ok(())
/// # }
/// ```
///
/// The handler of a job takes the job as well. Several threads may call it at once.
///
/// ```
/// use marionette::{Context, Job, MemoryStore, TaskManager, blocking};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Thumbnail {
///     width: u32,
/// }
///
/// impl Job for Thumbnail {
///     const KIND: &'static str = "thumbnail";
///     type Output = u32;
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tasks = TaskManager::builder()
///     .store(MemoryStore::new())
///     .handle(blocking(|image: Thumbnail, _: Context| Ok(image.width / 2)))
///     .build()?;
/// tasks.start();
/// assert_eq!(tasks.queue(Thumbnail { width: 640 }).await?.await?, 320);
/// # Ok(())
/// # }
/// ```
pub fn blocking<F, M>(code: F) -> Blocking<F>
where
    F: BlockingCode<M>,
{
    Blocking(code)
}

/// Code that [`blocking`] accepts.
///
/// The trait is implemented for
///
/// - `FnMut(Context) -> Result<T, TaskError>`: a task;
/// - `Fn(J, Context) -> Result<T, TaskError>`: the handler of a [`Job`] that results in `T`.
///
/// The parameter `M` tells these apart and is never written.
#[diagnostic::on_unimplemented(
    message = "`blocking` cannot run `{Self}`",
    label = "neither a closure over `Context`, nor one over a job and `Context`",
    note = "a task is `blocking(|cx: Context| {{ …; Ok(()) }})`; it is `Send + 'static`",
    note = "the handler of a job is `blocking(|mail: SendMail, cx: Context| {{ …; Ok(()) }})`; \
            several threads may call it at once, so it is `Fn + Send + Sync + 'static`",
    note = "its result is `Result<_, marionette::TaskError>`: every error converts with `?`"
)]
pub trait BlockingCode<M>: Send + 'static {}

/// Marks the handlers of jobs among [`BlockingCode`].
#[doc(hidden)]
#[derive(Debug)]
pub struct ByJobThread<J, T>(PhantomData<fn(J) -> T>);

impl<F, T> BlockingCode<ByThread<T>> for F
where
    F: FnMut(Context) -> Result<T, TaskError> + Send + 'static,
    T: Send + 'static,
{
}

impl<F, J, T> BlockingCode<ByJobThread<J, T>> for F
where
    F: Fn(J, Context) -> Result<T, TaskError> + Send + Sync + 'static,
    T: Send + 'static,
{
}

/// Code that blocks its thread: made by [`blocking`].
pub struct Blocking<F>(F);

impl<F> fmt::Debug for Blocking<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocking").finish_non_exhaustive()
    }
}

/// Marks [`Blocking`] code as a task.
#[doc(hidden)]
#[derive(Debug)]
pub struct ByThread<T>(PhantomData<fn() -> T>);

impl<T> Repeatable for ByThread<T> {}

/// The code of a task, with a lock so that its attempts do not overlap.
struct Alone<F>(Arc<AsyncMutex<F>>);

impl<F: Send> Source for Alone<F> {
    type Task = Blocking<F>;

    fn into_task(self) -> Option<Blocking<F>> {
        Some(Blocking(Arc::into_inner(self.0)?.into_inner()))
    }
}

impl<F, T> IntoTask<ByThread<T>> for Blocking<F>
where
    F: FnMut(Context) -> Result<T, TaskError> + Send + 'static,
    T: Send + 'static,
{
    type Output = T;
    type Source = Self;

    fn into_body(source: Self) -> impl Offered<Self, T> + 'static {
        Repeat::new(
            Alone(Arc::new(AsyncMutex::new(source.0))),
            |code: &mut Alone<F>, context| run_alone(Arc::clone(&code.0), context),
        )
    }

    fn into_draft(self) -> Draft<Self> {
        Draft::new(self)
    }

    fn from_draft(draft: Draft<Self>) -> Self {
        draft.source
    }
}

async fn run_alone<F, T>(code: Arc<AsyncMutex<F>>, context: Context) -> Result<T, TaskError>
where
    F: FnMut(Context) -> Result<T, TaskError> + Send + 'static,
    T: Send + 'static,
{
    let mut code = code.lock_owned().await;
    #[allow(clippy::redundant_closure)] // It has to hold the lock.
    run(context, move |context| code(context)).await
}

impl<J, F> JobHandler<J> for Blocking<F>
where
    J: Job,
    F: Fn(J, Context) -> Result<J::Output, TaskError> + Send + Sync + 'static,
{
    /// Runs the code on the present thread. A manager calls
    /// [`handle_shared`](JobHandler::handle_shared) instead.
    async fn handle(&self, job: J, context: Context) -> Result<J::Output, TaskError> {
        (self.0)(job, context)
    }

    fn handle_shared(
        shared: impl Deref<Target = Self> + Send + Sync + 'static,
        job: J,
        context: Context,
    ) -> impl Future<Output = Result<J::Output, TaskError>> + Send {
        run(context, move |context| (shared.0)(job, context))
    }
}

/// Runs the code on a blocking thread, as soon as the pool of the manager has a place.
async fn run<T>(
    context: Context,
    code: impl FnOnce(Context) -> Result<T, TaskError> + Send + 'static,
) -> Result<T, TaskError>
where
    T: Send + 'static,
{
    let current = Current::on_thread(context.identity());
    let place = match &current {
        Some(current) => Arc::clone(&current.blocking).place(context.task()).await,
        None => None,
    };
    let span = QuietSpan::current();
    let ran = tokio::task::spawn_blocking(move || {
        // The place is held until the thread is free, even if nobody waits for the thread any more.
        let _place = place;
        let run = move || {
            span.enter();
            let ran = catch(|| code(context));
            span.leave();
            ran
        };
        match current {
            Some(current) => current.sync_scope(run),
            None => run(),
        }
    });
    match ran.await {
        Ok(Ok(result)) => result,
        // The panic goes on as data, with its location, which only its own thread knows.
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(_) => Err("the runtime shut down before a thread was free".into()),
    }
}
