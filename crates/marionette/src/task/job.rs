//! A task as data, and the code that runs it.

use std::future::Future;
use std::ops::Deref;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cell::context::Context;
use crate::finite;
use crate::outcome::TaskError;
use crate::outcome::error::BoxError;
use crate::task::encoded_job::ByJob;
use crate::task::task_handler::TaskHandler;

/// A task as data: arguments that can be stored, under a name that says which [`JobHandler`] runs
/// them.
///
/// A job is what a manager with a store takes, since it outlives the process that queued it. A
/// manager without a store takes it as well, so a service can begin in memory and add the store
/// later. A type is a job or a [`Task`](crate::Task), not both.
///
/// The arguments travel between versions of a program: what was stored yesterday is read today.
/// Give a new field `#[serde(default)]`, and leave old names as they are.
///
/// # Examples
///
/// ```
/// use marionette::{Context, Job, TaskManager};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct SendMail {
///     to: String,
/// }
///
/// impl Job for SendMail {
///     const KIND: &'static str = "send_mail";
///     type Output = usize;
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tasks = TaskManager::builder()
///     .handle(async |mail: SendMail, _: Context| Ok(mail.to.len()))
///     .build()?;
/// tasks.start();
///
/// let sent = tasks.queue(SendMail { to: "ada@example.org".into() }).retries(3).await?;
/// assert_eq!(sent.await?, 15);
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Job`, so it cannot be stored",
    label = "not a `Job`",
    note = "a type is one when it implements `Job`, which needs `Serialize` and `Deserialize`",
    note = "a closure or a future is code, and cannot be stored: move what it captures into a \
            type, `#[derive(Serialize, Deserialize)] struct SendMail {{ to: String }}`, implement \
            `Job` for it, and register the code once, with \
            `TaskManager::builder().handle(|mail: SendMail, cx: Context| …)`",
    note = "a manager with a store takes jobs and nothing else; one without a store, \
            `TaskManager::new(Config::default())`, takes closures and futures as well"
)]
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    /// The name under which jobs of this type are stored. It outlives the process: choose it once,
    /// and do not change it while jobs wait. 1 to 128 of `A`–`Z`, `a`–`z`, `0`–`9`, `_.:-`.
    const KIND: &'static str;

    /// What a successful attempt results in.
    type Output: Serialize + DeserializeOwned + Send + 'static;

    /// The queue in which jobs of this type wait, unless one is told otherwise
    /// ([`Enqueue::in_queue`](crate::Enqueue::in_queue)). Default is "default". Named as kinds are.
    const QUEUE: &'static str = "default";

    /// What every job of this type asks for, unless it asks for something else itself. Default is
    /// nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use marionette::{ByJob, Job, TaskHandler};
    /// # use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct SendMail {
    ///     to: String,
    /// }
    ///
    /// impl Job for SendMail {
    ///     const KIND: &'static str = "send_mail";
    ///     type Output = ();
    ///
    ///     fn defaults(job: TaskHandler<Self, ByJob>) -> TaskHandler<Self, ByJob> {
    ///         job.retries(8).timeout(Duration::from_secs(30))
    ///     }
    /// }
    /// ```
    fn defaults(job: TaskHandler<Self, ByJob>) -> TaskHandler<Self, ByJob> {
        job
    }

    /// The arguments as they are stored. Default is JSON.
    ///
    /// What it gives is [decoded](Self::decode) once before the job is accepted: where that fails,
    /// the job is refused. JSON, for instance, has no keys that are not texts, and is read to a
    /// depth of 127. It has neither `NaN` nor infinity, so a job with one is refused too.
    ///
    /// # Errors
    ///
    /// They cannot be stored: the job is refused.
    fn encode(&self) -> Result<Vec<u8>, BoxError> {
        let payload = serde_json::to_vec(self)?;
        finite::check(self)?;
        Ok(payload)
    }

    /// The arguments from what was stored. Default is JSON.
    ///
    /// # Errors
    ///
    /// They cannot be read: the job is buried, with this error.
    fn decode(payload: &[u8]) -> Result<Self, BoxError> {
        Ok(serde_json::from_slice(payload)?)
    }

    /// The result as it is stored. Default is JSON.
    ///
    /// # Errors
    ///
    /// It cannot be stored: the job is done all the same, and who awaits it gets this error
    /// ([`Error::is_unreadable`](crate::Error::is_unreadable)).
    fn encode_output(output: &Self::Output) -> Result<Vec<u8>, BoxError> {
        let result = serde_json::to_vec(output)?;
        finite::check(output)?;
        Ok(result)
    }

    /// The result from what was stored. Default is JSON.
    ///
    /// # Errors
    ///
    /// It cannot be read: the job is done all the same, and who awaits it gets this error
    /// ([`Error::is_unreadable`](crate::Error::is_unreadable)).
    fn decode_output(result: &[u8]) -> Result<Self::Output, BoxError> {
        Ok(serde_json::from_slice(result)?)
    }
}

/// The code that runs jobs of one type: a closure over the job and a [`Context`], a type, or
/// [`blocking`](crate::task::blocking) code.
///
/// A handler has what the code needs and the arguments are not: a connection, a client, a key. It
/// is registered once ([`Builder::handle`](crate::Builder::handle)) and called for every attempt.
///
/// # Examples
///
/// A closure clones for each attempt what it lends out:
///
/// ```
/// # use std::sync::Arc;
/// use marionette::{Context, Job, TaskManager};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize)]
/// # struct SendMail { to: String }
/// # impl Job for SendMail { const KIND: &'static str = "send_mail"; type Output = (); }
/// # struct Mailer;
/// # impl Mailer { async fn send(&self, _: &str) -> std::io::Result<()> { Ok(()) } }
///
/// let mailer = Arc::new(Mailer);
/// let builder = TaskManager::builder().handle(move |mail: SendMail, _: Context| {
///     let mailer = Arc::clone(&mailer);
///     async move { Ok(mailer.send(&mail.to).await?) }
/// });
/// ```
///
/// A type lends its attempts what it has:
///
/// ```
/// use marionette::{Context, JobHandler, Job, TaskError, TaskManager};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize)]
/// # struct SendMail { to: String }
/// # impl Job for SendMail { const KIND: &'static str = "send_mail"; type Output = (); }
/// # struct Mailer;
/// # impl Mailer { async fn send(&self, _: &str) -> std::io::Result<()> { Ok(()) } }
///
/// impl JobHandler<SendMail> for Mailer {
///     async fn handle(&self, mail: SendMail, _: Context) -> Result<(), TaskError> {
///         Ok(self.send(&mail.to).await?)
///     }
/// }
///
/// let builder = TaskManager::builder().handle(Mailer);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot handle jobs of type `{J}`",
    label = "not a handler of `{J}`",
    note = "a closure takes the job and a `marionette::Context`, with their types: \
            `async |mail: SendMail, cx: Context| {{ …; Ok(()) }}`",
    note = "an async closure that captures something lends it to its future, and is no handler: \
            write \
            `move |mail: SendMail, cx: Context| {{ let m = mailer.clone(); async move {{ … }} }}`",
    note = "code that blocks its thread is a handler in \
            `blocking(|mail: SendMail, cx: Context| {{ …; Ok(()) }})`",
    note = "its result is `Result<_, marionette::TaskError>` with the `Output` of the job: every \
            error converts with `?`, and the result of another call with `Ok(call.await?)`"
)]
pub trait JobHandler<J: Job>: Send + Sync + 'static {
    /// One attempt.
    ///
    /// # Errors
    ///
    /// Any error fails the attempt; [`TaskError`] says what follows.
    ///
    /// # Cancel safety
    ///
    /// As for [`Task::run`](crate::Task::run).
    fn handle(
        &self,
        job: J,
        context: Context,
    ) -> impl Future<Output = Result<J::Output, TaskError>> + Send;

    /// One attempt of a handler that may outlive the attempt, as on a thread that goes on.
    #[doc(hidden)]
    fn handle_shared(
        shared: impl Deref<Target = Self> + Send + Sync + 'static,
        job: J,
        context: Context,
    ) -> impl Future<Output = Result<J::Output, TaskError>> + Send
    where
        Self: Sized,
    {
        async move { shared.handle(job, context).await }
    }
}

impl<J, F, Fut> JobHandler<J> for F
where
    J: Job,
    F: Fn(J, Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<J::Output, TaskError>> + Send,
{
    fn handle(
        &self,
        job: J,
        context: Context,
    ) -> impl Future<Output = Result<J::Output, TaskError>> + Send {
        self(job, context)
    }
}
