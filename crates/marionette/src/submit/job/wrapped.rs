//! `IntoJob`: what a store can take, a job or one that was wrapped with its id and its options.
//! Also the options of a wrapped job that other tasks do not have.

use std::borrow::Cow;
use std::time::Duration;

use crate::store::{Due, NewJob, Priority};
use crate::submit::error::{QueueError, Refusal};
use crate::task::IntoTask;
use crate::task::encoded_job::ByJob;
use crate::task::job::Job;
use crate::task::task_handler::TaskHandler;

/// A value that a [`TaskManager`](crate::TaskManager) with a store accepts: a [`Job`], or one that
/// was [wrapped](crate::wrap), which keeps its id and its options.
///
/// The parameter `J` is the type of the job, and is never written.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored, and this manager has a store: it takes jobs",
    label = "neither a `Job`, nor one that was wrapped",
    note = "a manager without a store takes closures and futures as well: \
            `TaskManager::new(Config::default())`"
)]
pub trait IntoJob<J: Job>: Sized + Send + 'static {
    #[doc(hidden)]
    fn into_handler(self) -> TaskHandler<J, ByJob>;

    #[doc(hidden)]
    fn from_handler(handler: TaskHandler<J, ByJob>) -> Self;
}

impl<J: Job> IntoJob<J> for J {
    fn into_handler(self) -> TaskHandler<J, ByJob> {
        TaskHandler::from_draft(self.into_draft())
    }

    fn from_handler(handler: TaskHandler<J, ByJob>) -> J {
        J::from_draft(handler.draft)
    }
}

impl<J: Job> IntoJob<J> for TaskHandler<J, ByJob> {
    fn into_handler(self) -> Self {
        self
    }

    fn from_handler(handler: Self) -> Self {
        handler
    }
}

/// Options that only jobs have.
impl<J: Job> TaskHandler<J, ByJob> {
    /// See [`Enqueue::priority`](crate::Enqueue::priority). A manager without a store has no
    /// priorities.
    pub fn priority(mut self, priority: i8) -> Self {
        self.draft.source.priority = Priority(priority);
        self
    }

    /// See [`Enqueue::in_queue`](crate::Enqueue::in_queue). A manager without a store has one queue
    /// for all.
    pub fn in_queue(mut self, queue: impl Into<Cow<'static, str>>) -> Self {
        self.draft.source.queue = queue.into();
        self
    }

    /// See [`Enqueue::keep_result`](crate::Enqueue::keep_result). A manager without a store gives
    /// the result to the handle.
    pub fn keep_result(mut self, time: Duration) -> Self {
        self.draft.source.keep_result = Some(time);
        self
    }

    /// Makes the job a row, due at once, for a store that takes jobs inside a transaction of yours:
    /// the job is accepted if and only if the transaction commits.
    ///
    /// The fields of the row can be changed, for instance when it is due and how many jobs may wait
    /// in its queue.
    ///
    /// # Errors
    ///
    /// The job [cannot be stored](crate::error::QueueErrorKind::Unstorable).
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Job, TaskManager, wrap};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct SendMail { to: String }
    /// # impl Job for SendMail { const KIND: &'static str = "send_mail"; type Output = (); }
    ///
    /// let mail = SendMail { to: "ada@example.org".into() };
    /// let row = wrap(mail).retries(8).into_new_job()?;
    /// assert_eq!(row.kind, "send_mail");
    /// assert_eq!(row.payload, br#"{"to":"ada@example.org"}"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_new_job(mut self) -> Result<NewJob, QueueError<Self>> {
        match self.new_job(Due::Now) {
            Ok(job) => Ok(job),
            Err(unstorable) => Err(QueueError::new(Refusal::Unstorable(unstorable), self)),
        }
    }
}
