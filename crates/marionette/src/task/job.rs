//! `Job`: a task as data. `JobHandler`: the code that runs jobs of one kind.

use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;

use crate::cell::context::Context;
use crate::outcome::TaskError;
use crate::store::{Name, is_name};
use crate::task::payload::Payload;
use crate::task::task_handler::TaskHandler;

/// A task as data: arguments that can be stored, under a name that says which [`JobHandler`] runs
/// them.
///
/// A manager with a store takes only jobs, since a job outlives the process that queued it. A
/// manager without a store takes jobs as well, so a service can begin in memory and add the store
/// later. A type is a job or a [`Task`](crate::Task), not both.
///
/// The arguments travel between versions of a program: today's version reads what yesterday's
/// stored. Give a new field `#[serde(default)]`, and leave old names as they are.
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
/// #[tokio::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let tasks = TaskManager::builder()
///         .handle(async |mail: SendMail, _: Context| Ok(mail.to.len()))
///         .build()?;
///     tasks.start();
///
///     let sent = tasks.queue(SendMail { to: "ada@example.org".into() }).retries(3).await?;
///     assert_eq!(sent.await?, 15);
///     Ok(())
/// }
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
pub trait Job: Payload {
    /// The name under which jobs of this type are stored. The name outlives the process: choose it
    /// once, and do not change it while jobs wait. 1 to 128 of `A`–`Z`, `a`–`z`, `0`–`9`, `_.:-`.
    ///
    /// Another name does not compile where such a job is queued or handled:
    ///
    /// ```compile_fail,E0080
    /// use marionette::{Context, Job, TaskManager};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct SendMail;
    /// impl Job for SendMail {
    ///     const KIND: &'static str = "send a mail";
    ///     type Output = ();
    /// }
    ///
    /// let tasks = TaskManager::builder().handle(async |_: SendMail, _: Context| Ok(()));
    /// ```
    const KIND: &'static str;

    /// The result of a successful attempt.
    type Output: Payload;

    /// The queue in which jobs of this type wait, unless a job asks for another
    /// ([`Submit::in_queue`](crate::Submit::in_queue)). Default is "default". Its name follows
    /// the rules of [`KIND`](Self::KIND).
    const QUEUE: &'static str = "default";

    /// The options of every job of this type, unless the job sets them itself. Default is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use marionette::{Job, TaskHandler};
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
    ///     fn defaults(job: TaskHandler<Self>) -> TaskHandler<Self> {
    ///         job.retries(8).timeout(Duration::from_secs(30))
    ///     }
    /// }
    /// ```
    fn defaults(job: TaskHandler<Self>) -> TaskHandler<Self> {
        job
    }
}

/// The name of the job's kind. In a constant: it fails to compile if the text cannot be a name.
pub(crate) const fn kind_of<J: Job>() -> Name {
    assert!(
        is_name(J::KIND),
        "`Job::KIND` has 1 to 128 characters, each one of A-Z, a-z, 0-9, _ . : -"
    );
    Name::from_static(J::KIND)
}

/// The name of the job's own queue. In a constant, as [`kind_of`].
pub(crate) const fn queue_of<J: Job>() -> Name {
    assert!(
        is_name(J::QUEUE),
        "`Job::QUEUE` has 1 to 128 characters, each one of A-Z, a-z, 0-9, _ . : -"
    );
    Name::from_static(J::QUEUE)
}

/// The code that runs jobs of one type: a closure over the job and a [`Context`], code
/// [`with`](crate::with) its state, a type, or [`blocking`](crate::blocking) code.
///
/// A handler owns what the code needs beside the arguments: a connection, a client, a key. Register
/// a handler once ([`TaskManagerBuilder::handle`](crate::TaskManagerBuilder::handle)); it is called
/// for every attempt.
///
/// # Examples
///
/// [`with`](crate::with) gives a function what it needs; each attempt gets a clone:
///
/// ```
/// use std::sync::Arc;
///
/// use marionette::{Context, Job, TaskError, TaskManager, with};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct SendMail {
///     to: String,
/// }
///
/// impl Job for SendMail {
///     const KIND: &'static str = "send_mail";
///     type Output = ();
/// }
///
/// struct Mailer;
///
/// impl Mailer {
///     async fn send(&self, to: &str) -> std::io::Result<()> {
///         println!("mail to {to}");
///         Ok(())
///     }
/// }
///
/// async fn send(mailer: Arc<Mailer>, mail: SendMail, _: Context) -> Result<(), TaskError> {
///     Ok(mailer.send(&mail.to).await?)
/// }
///
/// let builder = TaskManager::builder().handle(with(Arc::new(Mailer), send));
/// ```
///
/// A type lends its fields to its attempts:
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
            pass it what it needs, \
            `with(mailer, async |mailer: Mailer, mail: SendMail, cx: Context| {{ … }})`; each \
            attempt gets a clone",
    note = "code that blocks its thread is a handler in \
            `blocking(|mail: SendMail, cx: Context| {{ …; Ok(()) }})`",
    note = "its result is `Result<_, marionette::TaskError>` with the `Output` of the job: every \
            error converts with `?`, and the result of another call with `Ok(call.await?)`"
)]
pub trait JobHandler<J: Job>: Send + Sync + 'static {
    /// Makes one attempt.
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

    /// Makes one attempt that shares the handler, since it may leave a thread behind that still
    /// uses it.
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

/// A handler that several managers share, or that a service keeps as well.
impl<J: Job, H: JobHandler<J>> JobHandler<J> for Arc<H> {
    fn handle(
        &self,
        job: J,
        context: Context,
    ) -> impl Future<Output = Result<J::Output, TaskError>> + Send {
        H::handle(self, job, context)
    }

    fn handle_shared(
        shared: impl Deref<Target = Self> + Send + Sync + 'static,
        job: J,
        context: Context,
    ) -> impl Future<Output = Result<J::Output, TaskError>> + Send {
        H::handle_shared(Arc::clone(&shared), job, context)
    }
}
