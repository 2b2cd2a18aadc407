//! A context made by hand, so that a test can call a task or a handler and see what it returns.

use std::borrow::Cow;
use std::future::pending;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::cell::Waiting;
use crate::cell::body::Once;
use crate::cell::context::Context;
use crate::cell::details::Details;
use crate::cell::options::{JobPlace, Options};
use crate::clock::Tick;
use crate::id::Identity;
use crate::outcome::TaskError;
use crate::submit::jobs::Jobs;
use crate::task::IntoTask;
use crate::task::encoded_job::ByJob;
use crate::task::job::{Job, JobHandler, kind_of, queue_of};
use crate::task::payload::Payload;
use crate::task::registry::{CodecError, encode};

/// A context for calling a task or a handler in a test, without a manager. Without further settings
/// it belongs to the first and only attempt of a task.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use marionette::{Context, TaskError, testing};
/// # async fn fetch() -> Result<(), TaskError> { Err("no answer".into()) }
///
/// async fn update(cx: Context) -> Result<&'static str, TaskError> {
///     match fetch().await {
///         Err(_) if cx.attempts_left() == 0 => Ok("the feed of yesterday"),
///         fetched => fetched.map(|()| "the feed of today"),
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let first = testing::context().retries(2).build();
/// assert!(update(first).await.is_err());
///
/// let last = testing::context().retries(2).attempt(3).build();
/// assert_eq!(update(last).await.unwrap(), "the feed of yesterday");
/// # }
/// ```
pub fn context() -> ContextBuilder {
    ContextBuilder::default()
}

/// Calls the handler of a job once, as a manager would, and returns what the handler returns.
///
/// The arguments and the output go through their [encoding](crate::Payload), as they do in a
/// store. The [context](context) of the attempt is made with the job's own
/// [defaults](Job::defaults). [`ContextBuilder::perform`] makes another attempt than the first.
///
/// The handler runs in the caller's runtime task: a panic is the caller's, and nothing ends the
/// attempt at its timeout.
///
/// # Errors
///
/// The error that the handler returns; also a fatal one if the arguments or the output do not come
/// back from their encoding.
///
/// # Cancel safety
///
/// If the future is dropped, the handler's future is dropped with it.
///
/// # Examples
///
/// ```
/// use marionette::{Context, Job, TaskError, testing};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Divide(u32, u32);
///
/// impl Job for Divide {
///     const KIND: &'static str = "divide";
///     type Output = u32;
/// }
///
/// async fn divide(Divide(number, by): Divide, _: Context) -> Result<u32, TaskError> {
///     number.checked_div(by).ok_or_else(|| TaskError::fatal("no number is divided by zero"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_eq!(testing::perform(&divide, Divide(6, 2)).await.unwrap(), 3);
///
/// let error = testing::perform(&divide, Divide(6, 0)).await.unwrap_err();
/// assert_eq!(error.to_string(), "no number is divided by zero");
/// # }
/// ```
pub async fn perform<J: Job>(handler: &impl JobHandler<J>, job: J) -> Result<J::Output, TaskError> {
    context().perform(handler, job).await
}

/// Makes a [`Context`] for a test: see [`context`].
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `build` or `perform`"]
pub struct ContextBuilder {
    attempt: Option<u32>,
    retries: Option<u32>,
    deadline: Option<Duration>,
    name: Option<Cow<'static, str>>,
    cancelled: Option<String>,
    /// The number of the manager whose jobs the context has.
    manager: Option<u32>,
}

impl ContextBuilder {
    /// Which attempt it is, from 1; 0 counts as 1. Default is 1.
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.attempt = Some(attempt);
        self
    }

    /// How often the task is retried after its first attempt. Default is never; for a
    /// [job](Self::perform), what its [defaults](Job::defaults) say.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = Some(retries);
        self
    }

    /// How long the attempt has from now on. Default is no limit; for a [job](Self::perform), the
    /// timeout of its [defaults](Job::defaults).
    ///
    /// At that time the context's token is cancelled, if the context was made inside of a Tokio
    /// runtime. Nothing else ends the attempt.
    pub fn deadline(mut self, time: Duration) -> Self {
        self.deadline = Some(time);
        self
    }

    /// The name of the task. Default is "async task"; for a [job](Self::perform), its kind.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The attempt is asked to end from the start, for this reason. Default is that it is not.
    ///
    /// Cancel the context's [token](Context::token) to ask for it later.
    pub fn cancelled(mut self, reason: impl Into<String>) -> Self {
        self.cancelled = Some(reason.into());
        self
    }

    /// The way in that [`Context::jobs`] gives. Default is one that refuses every job, as if the
    /// manager was gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Context, Job, MemoryStore, TaskError, TaskManager, testing};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct Charge;
    /// # impl Job for Charge { const KIND: &'static str = "charge"; type Output = (); }
    /// # #[derive(Serialize, Deserialize)]
    /// # struct SendReceipt;
    /// # impl Job for SendReceipt { const KIND: &'static str = "send_receipt"; type Output = (); }
    ///
    /// async fn charge(_: Charge, cx: Context) -> Result<(), TaskError> {
    ///     cx.jobs().queue(SendReceipt).await?;
    ///     Ok(())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tasks = TaskManager::builder().store(MemoryStore::new()).build()?;
    /// let attempt = testing::context().jobs(&tasks.jobs());
    /// attempt.perform(&charge, Charge).await.unwrap();
    /// assert_eq!(testing::queued::<SendReceipt>(tasks.store()).await.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn jobs(mut self, jobs: &Jobs) -> Self {
        self.manager = jobs.number();
        self
    }

    /// Makes the context.
    #[must_use]
    pub fn build(self) -> Context {
        self.build_from(Options::default())
    }

    /// Calls the handler of a job with this context, as [`perform`] does.
    ///
    /// # Errors
    ///
    /// As [`perform`].
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Context, Job, TaskError, testing};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct Charge;
    /// # impl Job for Charge { const KIND: &'static str = "charge"; type Output = String; }
    ///
    /// async fn charge(_: Charge, cx: Context) -> Result<String, TaskError> {
    ///     Ok(format!("attempt {}, {} left", cx.attempt(), cx.attempts_left()))
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let third = testing::context().retries(5).attempt(3);
    /// assert_eq!(third.perform(&charge, Charge).await.unwrap(), "attempt 3, 3 left");
    /// # }
    /// ```
    pub async fn perform<J: Job>(
        self,
        handler: &impl JobHandler<J>,
        job: J,
    ) -> Result<J::Output, TaskError> {
        let payload = encode(&job).map_err(TaskError::fatal)?;
        let context = self.build_from(defaults(job));
        let job = J::decode(&payload)
            .map_err(|error| {
                CodecError::new::<J>("a payload", "come back from its encoding", error)
            })
            .map_err(TaskError::fatal)?;
        let output = handler.handle(job, context).await?;
        output
            .encode()
            .and_then(|result| J::Output::decode(&result))
            .map_err(|error| CodecError::new::<J>("a result", "come back from its encoding", error))
            .map_err(TaskError::fatal)
    }

    fn build_from(self, mut options: Options) -> Context {
        if let Some(retries) = self.retries {
            options.retries = retries;
        }
        if let Some(name) = self.name {
            options.set_name(name);
        }
        let time = self.deadline.or(options.timeout());
        let now = Tick::now();
        let deadline = time.map(|time| now.saturating_add(time));
        let details = Details::of_job(options, None, None, now);
        details.begin(now, |_, _| (deadline, ()));
        let reason = self.cancelled;
        if let Some(reason) = &reason {
            details.set_cancel_reason(reason.clone());
        }
        let context = apart(
            details,
            self.attempt.unwrap_or(1).max(1),
            self.manager.unwrap_or_default(),
        );
        let token = context.token();
        if reason.is_some() {
            token.cancel();
        }
        if let (Some(deadline), Ok(runtime)) = (deadline, Handle::try_current()) {
            runtime.spawn(async move {
                tokio::select! {
                    () = tokio::time::sleep_until(deadline.to_instant()) => token.cancel(),
                    () = token.cancelled() => {}
                }
            });
        }
        context
    }
}

/// The options of a job that sets none itself.
fn defaults<J: Job>(job: J) -> Options {
    let mut draft = IntoTask::<ByJob>::into_draft(job);
    // No manager takes a job whose queue has no name; here it has its own.
    let queue = draft.source.settings.queue.clone();
    let place = JobPlace {
        kind: const { kind_of::<J>() },
        queue: queue.unwrap_or(const { queue_of::<J>() }),
    };
    let options = &mut draft.details().options;
    options.set_place(place);
    options.clone()
}

/// The context of an attempt that no worker makes. No manager has the number 0.
fn apart(details: Details, attempt: u32, manager: u32) -> Context {
    let body = Once::new(pending::<Result<(), TaskError>>());
    let waiting = Waiting::alone(body, Identity::new(), Some(Box::new(details)));
    Context::new(waiting.cell().clone(), attempt, manager)
}
