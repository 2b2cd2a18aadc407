//! `with`: code together with the state that it needs, as a task or as the handler of a job.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use crate::cell::body::{Offered, Repeat};
use crate::cell::context::Context;
use crate::outcome::TaskError;
use crate::task::draft::Draft;
use crate::task::job::{Job, JobHandler};
use crate::task::task_handler::Unwrapped;
use crate::task::{IntoTask, Own, Repeatable};

/// Gives code the state that it needs: a client, a pool, a URL. Each attempt gets a clone of it.
///
/// The result is a task if the code takes the state and a [`Context`], and the handler of a job if
/// it takes the state, the job and a [`Context`]. Several values go into a tuple, or into a struct
/// that is `Clone`.
///
/// # Examples
///
/// A task:
///
/// ```
/// use marionette::{Context, TaskError, TaskManager, with};
///
/// async fn call_the_webhook(url: String, _: Context) -> Result<usize, TaskError> {
///     // … an HTTP request …
///     Ok(url.len())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tasks = TaskManager::new(Default::default())?;
/// tasks.start();
///
/// let url = String::from("https://example.org/hook");
/// let called = tasks.queue(with(url, call_the_webhook)).retries(5).await?;
/// assert_eq!(called.await?, 24);
/// # Ok(())
/// # }
/// ```
///
/// The handler of a job:
///
/// ```
/// use std::sync::Arc;
/// use marionette::{Context, Job, TaskError, TaskManager, with};
/// use serde::{Deserialize, Serialize};
/// # struct Mailer;
/// # impl Mailer { async fn send(&self, to: &str) -> std::io::Result<usize> { Ok(to.len()) } }
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
/// async fn send(mailer: Arc<Mailer>, mail: SendMail, _: Context) -> Result<usize, TaskError> {
///     Ok(mailer.send(&mail.to).await?)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mailer = Arc::new(Mailer);
/// let tasks = TaskManager::builder().handle(with(mailer, send)).build()?;
/// tasks.start();
/// assert_eq!(tasks.queue(SendMail { to: "ada@example.org".into() }).await?.await?, 15);
/// # Ok(())
/// # }
/// ```
pub fn with<S, F>(state: S, code: F) -> With<S, F>
where
    S: Clone + Send + 'static,
{
    With { state, code }
}

/// Code together with its state: made by [`with`].
#[derive(Clone)]
#[must_use = "code does nothing until it is queued or registered as a handler"]
pub struct With<S, F> {
    state: S,
    code: F,
}

impl<S, F> fmt::Debug for With<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("With").finish_non_exhaustive()
    }
}

/// Marks code [`with`] its state as a task.
#[doc(hidden)]
#[derive(Debug)]
pub struct ByWith<Fut, T>(PhantomData<fn() -> (Fut, T)>);

impl<Fut, T> Repeatable for ByWith<Fut, T> {}
impl<Fut, T> Unwrapped for ByWith<Fut, T> {}

impl<S, F, Fut, T> IntoTask<ByWith<Fut, T>> for With<S, F>
where
    S: Clone + Send + 'static,
    F: FnMut(S, Context) -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, TaskError>> + Send + 'static,
    T: Send + 'static,
{
    type Output = T;
    type Source = Self;

    fn into_body(source: Self) -> impl Offered<Self, T> + 'static {
        Repeat::new(Own(source), |Own(with): &mut Own<Self>, context| {
            (with.code)(with.state.clone(), context)
        })
    }

    fn into_draft(self) -> Draft<Self> {
        Draft::new(self)
    }

    fn from_draft(draft: Draft<Self>) -> Self {
        draft.source
    }
}

impl<S, F, J, Fut> JobHandler<J> for With<S, F>
where
    J: Job,
    S: Clone + Send + Sync + 'static,
    F: Fn(S, J, Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<J::Output, TaskError>> + Send,
{
    fn handle(
        &self,
        job: J,
        context: Context,
    ) -> impl Future<Output = Result<J::Output, TaskError>> + Send {
        (self.code)(self.state.clone(), job, context)
    }
}
