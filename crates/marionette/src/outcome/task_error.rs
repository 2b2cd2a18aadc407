//! `TaskError`: what a task returns when it does not succeed.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::outcome::error::{BoxError, find};

/// What a task returns when it does not succeed. Any error converts into it, through `?`, and means
/// *retry*.
///
/// The four constructors mean something else.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use marionette::{Context, TaskError};
/// # struct Reply { status: u16 }
/// # async fn call() -> Result<Reply, std::io::Error> { Ok(Reply { status: 200 }) }
///
/// async fn call_the_webhook(_: Context) -> Result<(), TaskError> {
///     let reply = call().await?; // an I/O error: try again by the backoff
///     match reply.status {
///         200 => Ok(()),
///         410 => Err(TaskError::fatal("the receiver is gone")), // do not try again
///         429 => Err(TaskError::retry_after(Duration::from_secs(60), "too many requests")),
///         status => Err(format!("unexpected status {status}").into()),
///     }
/// }
/// ```
///
/// # Errors that become task errors
///
/// `?` takes every error that is `Send` and `Sync`, and texts: `ok_or("…")?` turns `None` into an
/// error, and `map_err(TaskError::fatal)?` gives up on errors that no retry can mend.
///
/// ```
/// use marionette::TaskError;
/// # #[derive(Clone)] struct User { mail: Option<String> }
/// # fn find_user(_: u32) -> std::io::Result<User> { Ok(User { mail: Some("ada@home".into()) }) }
/// # fn check_address(_: &str) -> Result<(), std::fmt::Error> { Ok(()) }
///
/// fn address_of(id: u32) -> Result<String, TaskError> {
///     let user = find_user(id)?; // an I/O error: retry
///     let address = user.mail.ok_or("the user has no address")?; // a text: retry
///     check_address(&address).map_err(TaskError::fatal)?; // a wrong address stays wrong
///     Ok(address)
/// }
/// # assert!(address_of(7).is_ok());
/// ```
///
/// `anyhow::Error`, `eyre::Report` and `Box<dyn Error + Send + Sync>` convert as well. A
/// `Box<dyn Error>` does not: a task may move to another thread, so its error has to be
/// `Send + Sync`.
///
/// ```compile_fail,E0277
/// fn load() -> Result<(), Box<dyn std::error::Error>> { Ok(()) } // add `+ Send + Sync`
///
/// fn run() -> Result<(), marionette::TaskError> {
///     load()?;
///     Ok(())
/// }
/// ```
///
/// # Task errors that become other errors
///
/// `TaskError` does not implement [`std::error::Error`], so that every type that does can convert
/// into it. For the same reason `?` does not turn a `TaskError` into an `anyhow::Error`. Let
/// helpers return an error of your own, and only the task itself a `TaskError`; where that is not
/// possible, [`into_error`](Self::into_error) gives the error inside:
///
/// ```
/// use marionette::TaskError;
///
/// fn check(amount: u32) -> Result<(), TaskError> {
///     (amount > 0).then_some(()).ok_or("nothing to pay")?;
///     Ok(())
/// }
///
/// fn pay(amount: u32) -> anyhow::Result<()> {
///     check(amount).map_err(|error| anyhow::Error::from_boxed(error.into_error()))?;
///     Ok(())
/// }
///
/// fn pay_later(amount: u32) -> Result<(), marionette::BoxError> {
///     check(amount).map_err(TaskError::into_error)?;
///     Ok(())
/// }
/// assert_eq!(pay(0).unwrap_err().to_string(), "nothing to pay");
/// assert_eq!(pay_later(0).unwrap_err().to_string(), "nothing to pay");
/// ```
pub struct TaskError(pub(crate) Said);

/// The vocabulary behind a [`TaskError`].
///
/// It is as large as its tag and one error, in whole words: every task returns one, and such a
/// value is moved fastest. The other enums of this folder are built like it.
pub(crate) enum Said {
    Retry(BoxError),
    RetryAfter(Box<(Duration, BoxError)>),
    Fatal(BoxError),
    Snooze(Duration),
    Cancelled(Box<str>),
}

/// What a [`TaskError`] asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskErrorKind {
    /// The attempt failed. A retry, if one is left, comes after the pause of the backoff.
    Retry,
    /// The attempt failed. A retry, if one is left, comes after this pause.
    RetryAfter(Duration),
    /// The attempt failed, and no retry follows.
    Fatal,
    /// The attempt does not count, and another one comes after this pause.
    Snooze(Duration),
    /// The task ends as cancelled.
    Cancelled,
}

impl TaskError {
    /// Gives up: no retry, however many are left.
    pub fn fatal(error: impl Into<BoxError>) -> Self {
        Self(Said::Fatal(error.into()))
    }

    /// Fails this attempt and overrides the backoff: the retry, if one is left, comes after
    /// `pause`.
    pub fn retry_after(pause: Duration, error: impl Into<BoxError>) -> Self {
        Self(Said::RetryAfter(Box::new((pause, error.into()))))
    }

    /// Asks to be run again after `pause`, without having failed: it uses no attempt.
    ///
    /// A plain future cannot run twice; for one it is a failure.
    #[must_use]
    pub fn snooze(pause: Duration) -> Self {
        Self(Said::Snooze(pause))
    }

    /// Ends the task as cancelled, for this reason.
    pub fn cancelled(why: impl Into<String>) -> Self {
        Self(Said::Cancelled(why.into().into_boxed_str()))
    }

    /// What the task asks for. A test of a task can compare it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use marionette::TaskError;
    /// use marionette::error::TaskErrorKind;
    ///
    /// fn verdict(status: u16) -> TaskError {
    ///     match status {
    ///         410 => TaskError::fatal("the receiver is gone"),
    ///         429 => TaskError::retry_after(Duration::from_secs(60), "too many requests"),
    ///         _ => "unexpected status".into(),
    ///     }
    /// }
    /// let minute = Duration::from_secs(60);
    /// assert_eq!(verdict(410).kind(), TaskErrorKind::Fatal);
    /// assert_eq!(verdict(429).kind(), TaskErrorKind::RetryAfter(minute));
    /// assert_eq!(verdict(500).kind(), TaskErrorKind::Retry);
    /// ```
    #[must_use]
    pub fn kind(&self) -> TaskErrorKind {
        match &self.0 {
            Said::Retry(_) => TaskErrorKind::Retry,
            Said::RetryAfter(later) => TaskErrorKind::RetryAfter(later.0),
            Said::Fatal(_) => TaskErrorKind::Fatal,
            Said::Snooze(pause) => TaskErrorKind::Snooze(*pause),
            Said::Cancelled(_) => TaskErrorKind::Cancelled,
        }
    }

    /// The error inside; `None` for a snooze and a cancellation, which have none.
    #[must_use]
    pub fn error(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        match &self.0 {
            Said::Retry(error) | Said::Fatal(error) => Some(error.as_ref()),
            Said::RetryAfter(later) => Some(later.1.as_ref()),
            Said::Snooze(_) | Said::Cancelled(_) => None,
        }
    }

    /// The first `E` among the error inside and its sources.
    ///
    /// `anyhow` and `eyre` hide the type of an error that came in through them without a context.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    /// use marionette::TaskError;
    ///
    /// let error = TaskError::fatal(io::Error::from(io::ErrorKind::NotFound));
    /// let inside = error.downcast_ref::<io::Error>().expect("it is one");
    /// assert_eq!(inside.kind(), io::ErrorKind::NotFound);
    /// ```
    #[must_use]
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        find(self.error()?)
    }

    /// The error inside. A snooze and a cancellation become an error with their text, as
    /// `Display` writes it.
    #[must_use]
    pub fn into_error(self) -> BoxError {
        match self.0 {
            Said::Retry(error) | Said::Fatal(error) => error,
            Said::RetryAfter(later) => later.1,
            Said::Snooze(_) | Said::Cancelled(_) => self.to_string().into(),
        }
    }
}

impl<E: Into<BoxError>> From<E> for TaskError {
    fn from(error: E) -> Self {
        Self(Said::Retry(error.into()))
    }
}

/// The error inside, without its sources.
impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Said::Retry(error) | Said::Fatal(error) => error.fmt(f),
            Said::RetryAfter(later) => later.1.fmt(f),
            Said::Snooze(pause) => write!(f, "snoozed for {pause:?}"),
            Said::Cancelled(why) => write!(f, "cancelled: {why}"),
        }
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Said::Retry(error) => write!(f, "Retry({error:?})"),
            Said::RetryAfter(later) => write!(f, "RetryAfter({:?}, {:?})", later.0, later.1),
            Said::Fatal(error) => write!(f, "Fatal({error:?})"),
            Said::Snooze(pause) => write!(f, "Snooze({pause:?})"),
            Said::Cancelled(why) => write!(f, "Cancelled({why:?})"),
        }
    }
}
