//! `TaskHandler`: a task with its id and its options, before it is queued.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::cell::body::Offered;
use crate::cell::options::Parent;
use crate::id::{Identity, TaskId};
use crate::outcome::error::BoxError;
use crate::store::{Name, Priority};
use crate::task::draft::Draft;
use crate::task::encoded_job::{ByJob, Unstorable};
use crate::task::registry::Registry;
use crate::task::stored_options::JobSettings;
use crate::task::{ByCall, ByFuture, ByType, IntoTask, OfJobs, Repeatable};

/// A task wrapped with its id and its options, before it is queued: made by
/// [`wrap`](crate::wrap).
///
/// A task handler has the option methods of [`Submit`](crate::Submit), so options can be chosen in
/// one place and the task queued in another. Queueing a task handler keeps its id and options. The
/// tasks of [`queue_many`](crate::TaskManager::queue_many) have options in this way too.
///
/// # Examples
///
/// ```
/// use marionette::{Context, TaskManager, wrap};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let tasks = TaskManager::new(Default::default())?;
/// # tasks.start();
/// let handler = wrap(async |_: Context| Ok(())).retries(3).name("last seen");
/// assert_eq!(handler.to_string(), "last seen");
///
/// let id = handler.id();
/// let handle = tasks.queue(handler).await?;
/// assert_eq!(handle.id(), id);
/// # Ok(())
/// # }
/// ```
///
/// Wrapping a handler again does not compile:
///
/// ```compile_fail,E0277
/// use marionette::{Context, TaskManager, wrap};
///
/// let handler = wrap(async |_: Context| Ok(()));
/// wrap(handler);
/// ```
///
/// For a job, the parameter `M` has a default: write `TaskHandler<SendMail>`. The parameter `S`
/// follows from the other two and is never written.
#[must_use = "a wrapped task does nothing until it is queued"]
pub struct TaskHandler<H: IntoTask<M>, M = ByJob, S = <H as IntoTask<M>>::Source> {
    pub(crate) draft: Draft<S>,
    marker: PhantomData<fn() -> (H, M)>,
}

impl<H: IntoTask<M>, M, S> TaskHandler<H, M, S> {
    /// The id that the task will have.
    pub fn id(&self) -> TaskId {
        self.draft.identity.unwrap_or_else(Identity::new).id()
    }
}

impl<H: IntoTask<M>, M> TaskHandler<H, M> {
    /// Wraps a task and gives it an identity.
    pub(crate) fn new(task: H) -> Self {
        let mut handler = Self::from_draft(task.into_draft());
        handler.draft.identity = Some(Identity::new());
        handler
    }

    #[inline]
    pub(crate) fn from_draft(draft: Draft<H::Source>) -> Self {
        Self {
            draft,
            marker: PhantomData,
        }
    }

    /// See [`Submit::retries`](crate::Submit::retries).
    #[inline]
    pub fn retries(mut self, retries: u32) -> Self
    where
        M: Repeatable,
    {
        self.draft.details().options.retries = retries;
        self
    }

    /// See [`Submit::backoff`](crate::Submit::backoff).
    #[inline]
    pub fn backoff(mut self, backoff: impl Into<Backoff>) -> Self
    where
        M: Repeatable,
    {
        self.draft.details().options.set_backoff(backoff.into());
        self
    }

    /// See [`Submit::timeout`](crate::Submit::timeout).
    #[inline]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.draft.details().options.set_timeout(Some(timeout));
        self
    }

    /// See [`Submit::give_up_after`](crate::Submit::give_up_after).
    #[inline]
    pub fn give_up_after(mut self, limit: Duration) -> Self {
        self.draft.details().options.set_give_up_after(Some(limit));
        self
    }

    /// See [`Submit::expires_after`](crate::Submit::expires_after).
    #[inline]
    pub fn expires_after(mut self, limit: Duration) -> Self {
        self.draft.details().options.set_expires_after(Some(limit));
        self
    }

    /// See [`Submit::context`](crate::Submit::context).
    #[inline]
    pub fn context(mut self, parent: impl Into<Parent>) -> Self {
        self.draft.details().options.set_parent(parent.into());
        self
    }

    /// See [`Submit::error`](crate::Submit::error).
    #[inline]
    pub fn error(mut self, error: impl Into<BoxError>) -> Self {
        self.draft.details().set_user(error.into());
        self
    }

    /// See [`Submit::name`](crate::Submit::name).
    #[inline]
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.draft.details().options.set_name(name.into());
        self
    }

    /// See [`Submit::priority`](crate::Submit::priority).
    pub fn priority(self, priority: i8) -> Self
    where
        M: OfJobs,
    {
        self.set(|settings| settings.priority = Priority::new(priority))
    }

    /// See [`Submit::in_queue`](crate::Submit::in_queue).
    pub fn in_queue(self, queue: impl Into<Cow<'static, str>>) -> Self
    where
        M: OfJobs,
    {
        self.set(|settings| settings.queue = Name::try_from(queue.into()).map_err(Box::new))
    }

    /// See [`Submit::keep_result`](crate::Submit::keep_result).
    pub fn keep_result(self, time: Duration) -> Self
    where
        M: OfJobs,
    {
        self.set(|settings| settings.keep_result = Some(time))
    }

    fn set(mut self, set: impl FnOnce(&mut JobSettings)) -> Self {
        H::settings(&mut self.draft.source).map(set);
        self
    }
}

impl<H: IntoTask<M>, M, S> fmt::Display for TaskHandler<H, M, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.draft.name())
    }
}

impl<H: IntoTask<M>, M, S> fmt::Debug for TaskHandler<H, M, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskHandler")
            .field("id", &self.id())
            .field("name", &self.draft.name())
            .finish_non_exhaustive()
    }
}

/// Marks a [`TaskHandler`].
#[doc(hidden)]
#[derive(Debug)]
pub struct ByHandler<M>(PhantomData<fn() -> M>);

impl<M: Repeatable> Repeatable for ByHandler<M> {}
impl<M: OfJobs> OfJobs for ByHandler<M> {}

impl<H, M> IntoTask<ByHandler<M>> for TaskHandler<H, M>
where
    H: IntoTask<M>,
    M: 'static,
{
    type Output = H::Output;
    type Source = H::Source;

    fn into_body(source: H::Source) -> impl Offered<H::Source, H::Output> + 'static {
        H::into_body(source)
    }

    fn into_draft(self) -> Draft<H::Source> {
        self.draft
    }

    fn from_draft(draft: Draft<H::Source>) -> Self {
        Self::from_draft(draft)
    }

    #[inline]
    fn prepare(draft: &mut Draft<H::Source>, registry: &Registry) -> Result<(), Box<Unstorable>> {
        H::prepare(draft, registry)
    }

    fn settings(source: &mut H::Source) -> Option<&mut JobSettings> {
        H::settings(source)
    }
}

/// Wraps a task, so that it gets its id and its options before it is queued.
///
/// # Examples
///
/// ```
/// use marionette::{Context, TaskManager, wrap};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tasks = TaskManager::new(Default::default())?;
/// tasks.start();
/// let warm_up = wrap(async |_: Context| Ok("warm")).retries(3).name("warm up");
/// let id = warm_up.id(); // known before it is queued
/// let handle = tasks.queue(warm_up).await?;
/// assert_eq!((handle.id(), handle.await?), (id, "warm"));
/// # Ok(())
/// # }
/// ```
pub fn wrap<H, M>(task: H) -> TaskHandler<H, M>
where
    H: IntoTask<M>,
    M: Unwrapped,
{
    TaskHandler::new(task)
}

/// A task that [`wrap`](crate::wrap) accepts: any that is not wrapped yet.
#[diagnostic::on_unimplemented(
    message = "a `TaskHandler` is wrapped already",
    note = "queue it as it is: its id and options stay"
)]
pub trait Unwrapped {}

impl<Fut, T> Unwrapped for ByCall<Fut, T> {}
impl<T> Unwrapped for ByFuture<T> {}
impl Unwrapped for ByType {}
impl Unwrapped for ByJob {}
impl<T> Unwrapped for crate::task::blocking::ByThread<T> {}
