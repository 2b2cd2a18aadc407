//! How an attempt ended, and what is kept of a failed one.

pub(crate) mod error;
pub(crate) mod panic;

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::outcome::error::{BoxError, chain};

/// What a task returns when it does not succeed. Any error converts into it, through `?`, and means
/// *retry*.
///
/// The four constructors mean something else. `TaskError` does not implement [`std::error::Error`],
/// so that every type that does can convert into it, as strings, `anyhow::Error` and `eyre::Report`
/// do.
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
pub struct TaskError(pub(crate) Said);

/// The vocabulary behind a [`TaskError`].
///
/// It is as large as its tag and one error, in whole words: every task returns one, and such a
/// value is moved fastest. The other enums of this module are built like it.
pub(crate) enum Said {
    Retry(BoxError),
    RetryAfter(Box<(Duration, BoxError)>),
    Fatal(BoxError),
    Snooze(Duration),
    Cancelled(Box<str>),
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
}

impl<E: Into<BoxError>> From<E> for TaskError {
    fn from(error: E) -> Self {
        Self(Said::Retry(error.into()))
    }
}

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

/// How one attempt ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The task returned `Ok`; its result lies in its cell.
    Done,
    /// The task returned `Err`.
    Failed(TaskError),
    Panicked(Box<Panic>),
    /// The attempt was out of time.
    TimedOut(Duration),
    /// The task was out of time in total.
    GivenUp(Duration),
    /// The task was asked to end, by its handle or its parent context.
    Cancelled(Box<str>),
    /// The manager stopped during the attempt.
    Interrupted,
}

/// The reason of a task that ends since its parent was cancelled.
pub(crate) const PARENT_CANCELLED: &str = "its parent context was cancelled";

/// A limit on time: of one attempt, or of the task in total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Attempt,
    Total,
}

/// A panic as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Panic {
    pub(crate) message: String,
    pub(crate) location: Option<String>,
}

impl Panic {
    /// What it said and where.
    pub(crate) fn told(&self) -> String {
        match &self.location {
            Some(location) => format!("{} at {location}", self.message),
            None => self.message.clone(),
        }
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked: {}", self.told())
    }
}

/// Why one attempt did not succeed, or why a task ended without an attempt.
pub struct Failure {
    reason: Reason,
    /// How long the attempt ran.
    nanos: u64,
}

#[derive(Debug)]
pub(crate) enum Reason {
    Failed(BoxError),
    Panicked(Box<Panic>),
    TimedOut(Duration),
    GivenUp(Duration),
    Cancelled(Box<str>),
    Expired(Duration),
    Abandoned,
    /// A reason that came from a store: its kind and its text.
    Stored(Box<(FailureKind, String)>),
}

impl Reason {
    /// A reason that came from a store.
    pub(crate) fn stored(kind: FailureKind, text: impl Into<String>) -> Self {
        Self::Stored(Box::new((kind, text.into())))
    }

    pub(crate) fn kind(&self) -> FailureKind {
        match self {
            Self::Failed(_) => FailureKind::Failed,
            Self::Panicked(_) => FailureKind::Panicked,
            Self::TimedOut(_) | Self::GivenUp(_) => FailureKind::TimedOut,
            Self::Cancelled(_) => FailureKind::Cancelled,
            Self::Expired(_) => FailureKind::Expired,
            Self::Abandoned => FailureKind::Abandoned,
            Self::Stored(told) => told.0,
        }
    }
}

/// The kinds of [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// The task returned an error.
    Failed,
    /// The task panicked.
    Panicked,
    /// The attempt, or the task in total, was out of time.
    TimedOut,
    /// The task was cancelled.
    Cancelled,
    /// The task was not started in time.
    Expired,
    /// The manager or its runtime went away.
    Abandoned,
    /// Three times, the instance that had the job died.
    Quarantined,
    /// The store does not know the job.
    Missing,
}

impl Failure {
    pub(crate) fn new(reason: Reason, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self::of_attempt(reason, nanos)
    }

    /// The failure of an attempt that ran for `nanos` nanoseconds.
    pub(crate) fn of_attempt(reason: Reason, nanos: u64) -> Self {
        Self { reason, nanos }
    }

    pub(crate) fn failed(error: BoxError, duration: Duration) -> Self {
        Self::new(Reason::Failed(error), duration)
    }

    /// What kind of failure it was.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.reason.kind()
    }

    /// The error that the task returned, if it returned one.
    #[must_use]
    pub fn error(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.reason {
            Reason::Failed(error) => Some(error.as_ref()),
            _ => None,
        }
    }

    /// How long the attempt ran; zero if there was no attempt.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.nanos)
    }
}

#[allow(clippy::missing_fields_in_debug)] // The duration is the field.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("reason", &self.reason)
            .field("duration", &self.duration())
            .finish()
    }
}

/// The error with its sources.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => f.write_str(&chain(error.as_ref())),
            Self::Panicked(panic) => panic.fmt(f),
            Self::TimedOut(after) => write!(f, "timed out after {after:?}"),
            Self::GivenUp(after) => write!(f, "given up after {after:?} in total"),
            Self::Cancelled(why) => write!(f, "cancelled: {why}"),
            Self::Expired(late) => {
                write!(f, "expired: not started within {late:?} of its time")
            }
            Self::Abandoned => f.write_str("abandoned: the task manager is gone"),
            Self::Stored(told) => f.write_str(&told.1),
        }
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    #[test]
    fn what_every_attempt_returns_is_as_large_as_its_tag_and_one_error() {
        const WORDS: usize = 3 * size_of::<usize>();
        assert_eq!(size_of::<Result<(), TaskError>>(), WORDS);
        assert_eq!(size_of::<Outcome>(), WORDS);
        assert_eq!(size_of::<Reason>(), WORDS);
        assert_eq!(size_of::<Option<Failure>>(), WORDS + size_of::<u64>());
    }
}
