//! The record of a task's failures: the user's own error, and the error of every attempt.

mod record;
mod error_dict;
mod sources;
mod unreadable;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::iter::once;
use std::time::Duration;

use crate::clock::Tick;
use crate::outcome::{Failure, FailureKind, Reason};

pub use self::error_dict::ErrorDict;
pub(crate) use self::record::Record;
use self::record::{KEPT_FIRST, PLACES};
pub(crate) use self::sources::{chain, find, join_texts, sources};
pub(crate) use self::unreadable::UnreadableResult;

/// Any error, boxed: what a user's error becomes on its way in.
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// Why a task ended without a result: the user's error if one was given, how many attempts were
/// made, what became of each, and for how long it was tried.
///
/// It comes out of a [`JoinHandle`](crate::JoinHandle) and goes into the final log event.
/// All attempts are kept up to 128; beyond that the first 64 and the last 64.
///
/// # Examples
///
/// ```
/// use marionette::Error;
///
/// let mut error = Error::msg("could not send the welcome mail to ada@example.org");
/// error.append("connection refused");
/// error.append("mailbox is full");
/// assert_eq!(
///     error.to_string(),
///     "after 2 attempts: could not send the welcome mail to ada@example.org",
/// );
/// ```
///
/// # In a chain of errors
///
/// `Display` is the headline: `after 2 attempts: …` with the user's error,
/// `task failed after 2 attempts` without, and how the task ended if no attempt was made. The
/// [source](std::error::Error::source) is the last failure: the error that the last attempt
/// returned, or else the [`Failure`] that says how it ended. So a report that walks the sources, as
/// `anyhow` and `eyre` write it, has the cause exactly once, and so has `{:#}`.
///
/// ```
/// let mut error = marionette::Error::msg("no mail to ada");
/// error.append("connection refused");
/// assert_eq!(format!("{error:#}"), "after 1 attempt: no mail to ada: connection refused");
/// let report = anyhow::Error::from(error);
/// assert_eq!(format!("{report:#}"), "after 1 attempt: no mail to ada: connection refused");
/// ```
pub struct Error(pub(crate) Box<Record>);

impl Error {
    /// A record that carries the user's own error.
    pub fn new(error: impl Into<BoxError>) -> Self {
        let mut record = Self::empty();
        record.0.user = Some(error.into());
        record
    }

    /// A record that carries a message; `Error::msg(format!(…))` for one with values.
    pub fn msg(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(message.into().into_owned())
    }

    /// A record without a user's error and without attempts, as a task without `.error(…)` starts
    /// with. It is for tests of code that takes an `Error`.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::Error;
    ///
    /// let mut error = Error::empty();
    /// error.append("connection refused");
    /// assert!(error.user().is_none());
    /// assert_eq!(error.to_string(), "task failed after 1 attempt");
    /// ```
    #[must_use]
    pub fn empty() -> Self {
        Self(Box::new(Record {
            user: None,
            attempts: 0,
            nanos: 0,
            first: [const { None }; PLACES],
            rest: None,
        }))
    }

    /// Counts one attempt that failed, and keeps its error.
    pub fn append(&mut self, error: impl Into<BoxError>) {
        let failure = Failure::new(Reason::Failed(error.into()), Duration::ZERO);
        drop(self.push(failure));
    }

    /// Counts one attempt that did not fail.
    pub fn append_success(&mut self) {
        self.0.note_numbers();
        self.0.attempts += 1;
    }

    /// Sets for how long the task was tried, pauses included.
    pub fn set_duration(&mut self, duration: Duration) {
        self.0.nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    }

    /// Counts one attempt with its failure. Returns the failure that is no longer kept: its error
    /// is the user's, and must not be dropped here.
    #[inline]
    #[must_use]
    pub(crate) fn push(&mut self, failure: Failure) -> Option<Failure> {
        self.0.attempts += 1;
        if let Some(rest) = &mut self.0.rest
            && let Some(numbers) = &mut rest.numbers
        {
            numbers.push(self.0.attempts);
        }
        match self.0.place() {
            Some(place) => {
                *place = Some(failure);
                None
            }
            None => self.0.keep_last(failure),
        }
    }

    /// The record of a job as its store knows it: `attempts` were made, and these failures are
    /// kept. The missing ones lie behind the first `KEPT_FIRST`.
    pub(crate) fn restored(failures: Vec<Failure>, attempts: u32) -> Self {
        let mut error = Self::empty();
        for failure in failures {
            drop(error.push(failure));
        }
        let omitted = attempts.saturating_sub(error.0.attempts);
        if omitted > 0 {
            let rest = error.0.rest();
            rest.omitted += omitted;
            rest.kept_first = KEPT_FIRST;
        }
        error.0.attempts = attempts;
        error
    }

    /// As `restored`, with `omitted` failures missing after the first `kept_first`.
    pub(crate) fn with_gap(
        failures: impl Iterator<Item = Failure>,
        attempts: u32,
        (kept_first, omitted): (usize, u32),
    ) -> Self {
        let mut error = Self::empty();
        failures.for_each(|failure| error.0.keep(failure));
        if omitted > 0 {
            let rest = error.0.rest();
            (rest.kept_first, rest.omitted) = (kept_first, omitted);
        }
        error.0.attempts = attempts;
        error
    }

    /// A copy with the texts of the errors instead of the errors, as a store would keep them.
    pub(crate) fn copy(&self) -> Self {
        let text = |failure: &Failure| {
            let reason = Reason::stored(failure.kind(), failure.to_string());
            Failure::new(reason, failure.duration())
        };
        let kept: Vec<Failure> = self.0.failures().map(text).collect();
        let gap = (self.0.kept_first(), self.0.omitted());
        let mut copy = Self::with_gap(kept.into_iter(), self.0.attempts, gap);
        if let Some(end) = self.0.end() {
            copy.end(text(end));
        }
        copy.0.nanos = self.0.nanos;
        copy.with_user(self.user().map(|user| chain(user).into()))
    }

    /// Adds how the task ended, where that was not its last attempt.
    pub(crate) fn end(&mut self, end: Failure) {
        self.0.rest().end = Some(end);
    }

    pub(crate) fn with_user(mut self, error: Option<BoxError>) -> Self {
        self.0.user = error;
        self
    }

    pub(crate) fn into_user(self) -> Option<BoxError> {
        self.0.user
    }

    pub(crate) fn set_since(&mut self, start: Tick) {
        self.0.nanos = Tick::now().nanos_since(start);
    }

    /// How many attempts were made: those that failed, and one in which the task was cancelled.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The failures in the order of the attempts, and last the reason why the task ended where
    /// that was not an attempt: a cancellation while it waited, an expiry, the end of its manager.
    pub fn failures(&self) -> impl DoubleEndedIterator<Item = &Failure> + Clone {
        self.0.failures().chain(self.0.end())
    }

    /// For how long the task was tried, pauses included. For a job whose record comes from its
    /// store, this is the time of the attempts that are kept.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.0.nanos)
    }

    /// The error that was given with `.error(…)`, if one was.
    #[must_use]
    pub fn user(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.0.user.as_deref()
    }

    /// What ended the task: the last of [`failures`](Self::failures).
    fn last(&self) -> Option<&Failure> {
        self.failures().next_back()
    }

    /// The failure that `Display` tells as a whole, so that it is no source: the end of a task
    /// without an attempt, and a job that is done.
    fn headline(&self) -> Option<&Failure> {
        let last = self.last()?;
        let is_told = self.0.attempts == 0 || last.kind() == FailureKind::Unreadable;
        (is_told && self.0.user.is_none()).then_some(last)
    }

    /// What ended the task: the kind of the last of [`failures`](Self::failures).
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Error, FailureKind};
    ///
    /// fn status(error: &Error) -> u16 {
    ///     match error.kind() {
    ///         FailureKind::TimedOut | FailureKind::Expired => 504,
    ///         FailureKind::Missing => 404,
    ///         FailureKind::Unreachable => 202, // it may still run
    ///         _ => 500,
    ///     }
    /// }
    ///
    /// let mut error = Error::empty();
    /// error.append("connection refused");
    /// assert_eq!(status(&error), 500);
    /// ```
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.last().map_or(FailureKind::Failed, Failure::kind)
    }

    fn ended_by(&self, kind: FailureKind) -> bool {
        self.kind() == kind
    }

    /// Whether the task was cancelled: by its handle, its parent context, or itself.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.ended_by(FailureKind::Cancelled)
    }

    /// Whether the last attempt panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        self.ended_by(FailureKind::Panicked)
    }

    /// Whether the task ran out of time: in its last attempt, or in total.
    #[must_use]
    pub fn is_timed_out(&self) -> bool {
        self.ended_by(FailureKind::TimedOut)
    }

    /// Whether the task was not started in time ([`expires_after`](crate::Submit::expires_after)).
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.ended_by(FailureKind::Expired)
    }

    /// Whether the manager (or its runtime) went away before the task came to an end.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.ended_by(FailureKind::Abandoned)
    }

    /// Whether the job is quarantined: three times, the instance that had it died.
    #[must_use]
    pub fn is_quarantined(&self) -> bool {
        self.ended_by(FailureKind::Quarantined)
    }

    /// Whether the store does not know the job: it was pruned or deleted, or never was there.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.ended_by(FailureKind::Missing)
    }

    /// Whether the store could not be asked how the job ended. The job may still run, or may be
    /// done: nobody may undo its work. Another handle
    /// ([`job_handle`](crate::TaskManager::job_handle)) can ask again later.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        self.ended_by(FailureKind::Unreachable)
    }

    /// Whether the job is done, and only its result could not be stored or read back. The job does
    /// not run again.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        self.ended_by(FailureKind::Unreadable)
    }

    /// Whether there is an `E` among the user's error, the errors of the attempts, and their
    /// sources.
    #[must_use]
    pub fn is<E: StdError + 'static>(&self) -> bool {
        self.downcast_ref::<E>().is_some()
    }

    /// The first `E`: among the user's error and its sources, then among the errors of the attempts
    /// and their sources.
    #[must_use]
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        let user = self.0.user.as_deref().and_then(|user| find(user));
        user.or_else(|| self.failures().find_map(|failure| find(failure.error()?)))
    }

    /// The whole record as one structured entry: what the final log event carries.
    #[must_use]
    pub fn dict(&self) -> ErrorDict {
        ErrorDict {
            error: self.0.user.as_deref().map(|user| chain(user)),
            attempts: self.0.attempts,
            errors: self
                .failures()
                .map(|failure| format!("{failure:#}"))
                .collect(),
            omitted: self.0.omitted(),
            duration: self.duration(),
        }
    }
}

/// `{:#}` adds the sources.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attempts = self.0.attempts;
        let s = if attempts == 1 { "" } else { "s" };
        if let Some(headline) = self.headline() {
            return headline.fmt(f);
        }
        match &self.0.user {
            Some(user) => {
                let user: &(dyn StdError + 'static) = user.as_ref();
                write!(f, "after {attempts} attempt{s}: {}", join_texts(once(user)))?;
            }
            None => write!(f, "task failed after {attempts} attempt{s}")?,
        }
        match self.source() {
            Some(source) if f.alternate() => write!(f, ": {}", chain(source)),
            _ => Ok(()),
        }
    }
}

/// The record in full, one attempt a line: what `unwrap` and `{:?}` show.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.attempts == 0
            && let Some(headline) = self.headline()
        {
            return write!(f, "{headline:#}");
        }
        write!(f, "{self}")?;
        if let Some(user) = &self.0.user {
            let more = join_texts(sources(user.as_ref()).skip(1));
            if !more.is_empty() {
                write!(f, ": {more}")?;
            }
        }
        if self.0.nanos > 0 {
            write!(f, " (tried for {:?})", self.duration())?;
        }
        let (kept_first, omitted) = match &self.0.rest {
            Some(rest) if rest.omitted > 0 => (rest.kept_first, rest.omitted),
            _ => (usize::MAX, 0),
        };
        for (place, failure) in self.0.failures().enumerate() {
            if place == kept_first {
                write!(f, "\n  … {omitted} more")?;
            }
            write!(f, "\n  {}. {failure:#}", self.0.number(place))?;
        }
        if let Some(end) = self.0.end() {
            write!(f, "\n  end: {end:#}")?;
        }
        Ok(())
    }
}

/// The source is the last failure. What `Display` says already is left out, so that a chain has
/// each text once.
impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self.headline() {
            Some(headline) => headline.source(),
            None => self.last().map(Failure::link),
        }
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_small_block() {
        // glibc keeps blocks of up to 120 bytes in lists of their size, however many are free.
        assert!(size_of::<Record>() <= 120, "{}", size_of::<Record>());
    }

    #[test]
    fn each_error_has_the_number_of_its_attempt() {
        let mut error = Error::msg("no mail");
        error.append_success();
        error.append("second");
        assert!(format!("{error:?}").ends_with("\n  2. second"), "{error:?}");
        for nth in 3..=400_u32 {
            if nth % 2 == 0 {
                error.append(nth.to_string());
            } else {
                error.append_success();
            }
        }
        let text = format!("{error:?}");
        assert!(text.contains("\n  2. second\n  4. 4\n  6. 6\n"), "{text}");
        assert!(
            text.contains("\n  128. 128\n  … 72 more\n  274. 274\n"),
            "{text}"
        );
        assert!(text.ends_with("\n  400. 400"), "{text}");
    }

    #[test]
    fn what_is_not_kept_is_counted_where_it_was() {
        let mut error = Error::empty();
        for attempt in 1..=200 {
            let failure = Failure::new(Reason::Failed(attempt.to_string().into()), Duration::ZERO);
            let omitted = error.push(failure).map(|omitted| omitted.to_string());
            let expected = (attempt > 128).then(|| (attempt - 64).to_string());
            assert_eq!(omitted, expected);
        }
        let text = format!("{error:?}");
        assert!(
            text.contains("\n  64. 64\n  … 72 more\n  137. 137\n"),
            "{text}"
        );
        assert!(text.ends_with("\n  200. 200"), "{text}");
    }
}
