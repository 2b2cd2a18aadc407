//! `Task` and `IntoTask`: what a user gives, a closure, a future, a type or a job.
//! `task_handler.rs` wraps it, `draft.rs` makes a cell of it, `registry.rs` has the job handlers.

pub(crate) mod job;
pub(crate) mod into_job;
pub(crate) mod payload;
mod details;
pub(crate) mod with;
pub(crate) mod task_handler;
pub(crate) mod draft;
pub(crate) mod encoded_job;
pub(crate) mod stored_options;
pub(crate) mod registry;
pub(crate) mod handlers;
pub(crate) mod blocking;

pub use blocking::{Blocking, BlockingCode};
pub use into_job::IntoJob;
pub use with::With;

use std::borrow::Cow;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::cell::body::{Offered, Once, Repeat, Source};
use crate::cell::context::{Context, DEFAULT_NAME};
use crate::outcome::TaskError;
use crate::task::draft::Draft;
use crate::task::encoded_job::Unstorable;
use crate::task::registry::Registry;
use crate::task::stored_options::JobSettings;

/// A task that is a type: state, a name, and what to do.
///
/// Each attempt calls [`run`](Self::run) on the same value, one attempt after the other. A closure
/// is shorter for code that needs no name.
///
/// # Examples
///
/// ```
/// use std::borrow::Cow;
/// use marionette::{Context, Task, TaskError, TaskManager};
///
/// struct DestroyTopic {
///     topic: String,
/// }
///
/// impl Task for DestroyTopic {
///     type Output = usize;
///
///     async fn run(&self, _: Context) -> Result<usize, TaskError> {
///         // … delete the messages of `self.topic` …
///         Ok(self.topic.len())
///     }
///
///     fn name(&self) -> Cow<'static, str> {
///         format!("destroy topic {}", self.topic).into()
///     }
/// }
///
/// #[tokio::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let tasks = TaskManager::new(Default::default())?;
///     tasks.start();
///     let destroyed = tasks.queue(DestroyTopic { topic: "news".into() }).retries(3).await?;
///     assert_eq!(destroyed.await?, 4);
///     Ok(())
/// }
/// ```
pub trait Task: Send + Sync + 'static {
    /// The result of a successful attempt.
    type Output: Send + 'static;

    /// Makes one attempt.
    ///
    /// # Errors
    ///
    /// Any error fails the attempt; [`TaskError`] says what follows.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped at an await when it does not end within the grace after its timeout
    /// or cancellation. The next attempt calls `run` anew.
    fn run(&self, context: Context)
    -> impl Future<Output = Result<Self::Output, TaskError>> + Send;

    /// The name of the task in logs and reports. Default is "async task".
    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(DEFAULT_NAME)
    }
}

/// A value that [`TaskManager`](crate::TaskManager) accepts as a task.
///
/// The trait is implemented for
///
/// - closures and functions `FnMut(Context) -> impl Future<Output = Result<T, TaskError>>`: the
///   future of each attempt is made anew, so they can be retried.
///   `async |_: Context| { … }` is one as long as it captures nothing. Otherwise it lends what it
///   captured to its future, and rustc says "async closure does not implement `FnMut` because it
///   captures state from its environment" (or `Fn`), before a hint of ours can come. Write
///   [`with(to, async |to: String, _: Context| { … })`](crate::with);
/// - code [`with`](crate::with) its state, of which each attempt gets a clone;
/// - futures with that output: they run once;
/// - types that implement [`Task`], or [`Job`](crate::Job), but not both;
/// - [`blocking`](crate::blocking) code;
/// - a [`TaskHandler`](crate::TaskHandler), which is taken as it is.
///
/// The parameter `M` tells these apart and is never written.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be queued as a task",
    label = "neither a closure over `Context`, nor a future, nor a `Task`, nor a `Job`",
    note = "a closure takes a `marionette::Context`: `async |cx: Context| {{ …; Ok(()) }}`",
    note = "an async closure that captures something lends it to its future, and cannot be queued: \
            pass it what it needs, `with(to, async |to: String, cx: Context| {{ … }})`; each \
            attempt gets a clone",
    note = "its result is `Result<_, marionette::TaskError>`: every error converts with `?`, and \
            the result of another call with `Ok(call.await?)`",
    note = "its future is `Send + 'static`: what an attempt needs is in `with(…)`, or the closure \
            clones it and moves it into an `async move` block"
)]
pub trait IntoTask<M>: Sized + Send + 'static {
    /// The result of the task.
    type Output: Send + 'static;

    #[doc(hidden)]
    type Source: Send + 'static;

    #[doc(hidden)]
    fn into_body(source: Self::Source) -> impl Offered<Self::Source, Self::Output> + 'static;

    #[doc(hidden)]
    fn into_draft(self) -> Draft<Self::Source>;

    #[doc(hidden)]
    fn from_draft(draft: Draft<Self::Source>) -> Self;

    /// Makes the draft ready for a manager with these handlers, or says why such a manager cannot
    /// take it.
    #[doc(hidden)]
    #[inline]
    fn prepare(_: &mut Draft<Self::Source>, _: &Registry) -> Result<(), Box<Unstorable>> {
        Ok(())
    }

    /// The options that only jobs have, if the task is one.
    #[doc(hidden)]
    fn settings(_: &mut Self::Source) -> Option<&mut JobSettings> {
        None
    }
}

/// Tasks that can be run again, and so can be retried.
#[diagnostic::on_unimplemented(
    message = "a plain future runs once and cannot be retried",
    note = "queue a closure that makes the future for each attempt: `async |_: Context| {{ … }}`"
)]
pub trait Repeatable {}

/// Tasks that are jobs, and so have what a store keeps beside a job: its priority, its queue, and
/// for how long it keeps the result.
#[diagnostic::on_unimplemented(
    message = "a closure, a future or a `Task` has no priority, no queue of its own and no kept \
               result: these are for jobs",
    label = "for jobs alone",
    note = "make it a `Job`, and queue that with a manager that has a store: \
            `TaskManager::builder().store(…).handle(…)`"
)]
pub trait OfJobs {}

/// Marks closures and functions.
#[doc(hidden)]
#[derive(Debug)]
pub struct ByCall<Fut, T>(PhantomData<fn() -> (Fut, T)>);

/// Marks plain futures.
#[doc(hidden)]
#[derive(Debug)]
pub struct ByFuture<T>(PhantomData<fn() -> T>);

/// Marks types that implement [`Task`].
#[doc(hidden)]
#[derive(Debug)]
pub struct ByType(());

impl<Fut, T> Repeatable for ByCall<Fut, T> {}
impl Repeatable for ByType {}

impl<F, Fut, T> IntoTask<ByCall<Fut, T>> for F
where
    F: FnMut(Context) -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, TaskError>> + Send + 'static,
    T: Send + 'static,
{
    type Output = T;
    type Source = F;

    fn into_body(source: F) -> impl Offered<F, T> + 'static {
        Repeat::new(Own(source), |call: &mut Own<F>, context| call.0(context))
    }

    fn into_draft(self) -> Draft<F> {
        Draft::new(self)
    }

    fn from_draft(draft: Draft<F>) -> Self {
        draft.source
    }
}

impl<Fut, T> IntoTask<ByFuture<T>> for Fut
where
    Fut: Future<Output = Result<T, TaskError>> + Send + 'static,
    T: Send + 'static,
{
    type Output = T;
    type Source = Fut;

    fn into_body(source: Fut) -> impl Offered<Fut, T> + 'static {
        Once::new(source)
    }

    fn into_draft(self) -> Draft<Fut> {
        Draft::new(self)
    }

    fn from_draft(draft: Draft<Fut>) -> Self {
        draft.source
    }
}

impl<K: Task> IntoTask<ByType> for K {
    type Output = K::Output;
    type Source = K;

    fn into_body(source: K) -> impl Offered<K, K::Output> + 'static {
        Repeat::new(
            SharedTask(Arc::new(source)),
            |task: &mut SharedTask<K>, context| {
                let task = Arc::clone(&task.0);
                async move { task.run(context).await }
            },
        )
    }

    fn into_draft(self) -> Draft<K> {
        let name = self.name();
        let mut draft = Draft::new(self);
        if name != DEFAULT_NAME {
            draft.details().options.set_name(name);
        }
        draft
    }

    fn from_draft(draft: Draft<K>) -> Self {
        draft.source
    }
}

/// A closure, called for each attempt.
pub(crate) struct Own<F>(pub(crate) F);

impl<F: Send> Source for Own<F> {
    type Task = F;

    fn into_task(self) -> Option<F> {
        Some(self.0)
    }
}

/// A task type, shared with the future of the attempt.
struct SharedTask<K>(Arc<K>);

impl<K: Send + Sync> Source for SharedTask<K> {
    type Task = K;

    fn into_task(self) -> Option<K> {
        Arc::into_inner(self.0)
    }
}
