//! `Failure`: why one attempt did not succeed, or why a task ended without an attempt.

use std::error::Error as StdError;
use std::fmt;
use std::iter::once;
use std::time::Duration;

use crate::outcome::Panic;
use crate::outcome::error::{BoxError, UnreadableResult, chain, join_texts};

/// Why one attempt did not succeed, or why a task ended without an attempt.
///
/// `{}` writes the failure itself, `{:#}` the failure and its sources in one line. As a
/// [`std::error::Error`], the failure of an attempt that returned an error has the text and the
/// source of that error.
///
/// # Examples
///
/// ```
/// use marionette::{Config, Context, FailureKind, TaskManager};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tasks = TaskManager::new(Config::default())?;
/// tasks.start();
/// let fetch = async |cx: Context| match cx.attempt() {
///     1 => Err::<(), _>("connection refused".into()),
///     _ => panic!("no page"),
/// };
/// let fetch = tasks.queue(fetch).retries(1).backoff(marionette::Backoff::none()).await?;
/// let error = fetch.await.unwrap_err();
///
/// let kinds: Vec<_> = error.failures().map(|failure| failure.kind()).collect();
/// assert_eq!(kinds, [FailureKind::Failed, FailureKind::Panicked]);
/// assert!(error.failures().last().unwrap().panic_location().is_some());
/// # Ok(())
/// # }
/// ```
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
    /// The store could not be asked how the job ended, by this error.
    Unreachable(BoxError),
    /// A reason that came from a store: its kind and its text.
    Stored(Box<(FailureKind, String)>),
}

/// The kinds of [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// The store does not know the job: it was pruned or deleted, or never was there.
    Missing,
    /// The store could not be asked how the job ended. The job may still run, or may be done.
    Unreachable,
    /// The job is done, and only its result could not be stored or read back. The job does not run
    /// again.
    Unreadable,
}

impl Reason {
    /// A reason that came from a store.
    pub(crate) fn stored(kind: FailureKind, text: impl Into<String>) -> Self {
        Self::Stored(Box::new((kind, text.into())))
    }

    pub(crate) fn kind(&self) -> FailureKind {
        match self {
            Self::Failed(error) if error.is::<UnreadableResult>() => FailureKind::Unreadable,
            Self::Failed(_) => FailureKind::Failed,
            Self::Panicked(_) => FailureKind::Panicked,
            Self::TimedOut(_) | Self::GivenUp(_) => FailureKind::TimedOut,
            Self::Cancelled(_) => FailureKind::Cancelled,
            Self::Expired(_) => FailureKind::Expired,
            Self::Abandoned => FailureKind::Abandoned,
            Self::Unreachable(_) => FailureKind::Unreachable,
            Self::Stored(told) => told.0,
        }
    }
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

    /// What kind of failure it was.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.reason.kind()
    }

    /// The error behind the failure: the one that the task returned, if it returned one; the
    /// store's, if the store could not be asked.
    #[must_use]
    pub fn error(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        match &self.reason {
            Reason::Failed(error) | Reason::Unreachable(error) => Some(error.as_ref()),
            _ => None,
        }
    }

    /// Where the task panicked, as `file:line:column`. `None` if it did not panic, if the program
    /// set a panic hook after it had made its first manager, and for a job whose attempts come
    /// from its store: there the place stands in the text.
    #[must_use]
    pub fn panic_location(&self) -> Option<&str> {
        match &self.reason {
            Reason::Panicked(panic) => panic.location.as_deref(),
            _ => None,
        }
    }

    /// How long the attempt ran; zero if there was no attempt.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.nanos)
    }

    /// The failure as a link of a chain of errors: the error that the task returned, if it returned
    /// one, so that its type can be found in the chain.
    pub(crate) fn link(&self) -> &(dyn StdError + 'static) {
        match &self.reason {
            Reason::Failed(error) => error.as_ref(),
            _ => self,
        }
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.reason {
            Reason::Failed(error) => error.source(),
            Reason::Unreachable(error) => Some(error.as_ref()),
            _ => None,
        }
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

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

/// `{:#}` adds the sources.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) if f.alternate() => f.write_str(&chain(error.as_ref())),
            Self::Failed(error) => {
                let error: &(dyn StdError + 'static) = error.as_ref();
                f.write_str(&join_texts(once(error)))
            }
            Self::Panicked(panic) => panic.fmt(f),
            Self::TimedOut(after) => write!(f, "timed out after {after:?}"),
            Self::GivenUp(after) => write!(f, "given up after {after:?} in total"),
            Self::Cancelled(why) => write!(f, "cancelled: {why}"),
            Self::Expired(late) => {
                write!(f, "expired: not started within {late:?} of its time")
            }
            Self::Abandoned => f.write_str("abandoned: the task manager is gone"),
            Self::Unreachable(error) => {
                f.write_str("the job may still run: its store could not be asked")?;
                if f.alternate() {
                    write!(f, ": {}", chain(error.as_ref()))?;
                }
                Ok(())
            }
            Self::Stored(told) => f.write_str(&told.1),
        }
    }
}
