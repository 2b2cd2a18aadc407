//! What a task may ask for, and the parent from which it inherits.

#![deny(unsafe_code)]

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::cell::context::Context;
use crate::cell::leased_job::LeasedJob;
use crate::cell::packed::Length;
use crate::outcome::{Limit, Outcome};
use crate::quiet::QuietSpan;
use crate::store::Name;
use crate::vacancy;

/// What a task asks for, and what it is called.
///
/// Options that few tasks ask for are in a box of their own. That keeps the block small that all
/// tasks with options need: an allocator is quick with small blocks only.
#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) retries: u32,
    /// Whether the backoff is [`Backoff::none`].
    at_once: bool,
    timeout: Length,
    token: Option<CancellationToken>,
    /// The name, if it is a constant.
    name: Option<&'static str>,
    rare: Option<Box<Rare>>,
}

#[derive(Clone, Default)]
struct Rare {
    backoff: Option<Backoff>,
    give_up_after: Length,
    expires: Length,
    /// Boxed, since it is large.
    span: Option<Box<QuietSpan>>,
    name: Option<String>,
    leased: Option<Arc<LeasedJob>>,
    place: Option<JobPlace>,
}

/// Where a job belongs: its kind and its queue.
#[derive(Clone)]
pub(crate) struct JobPlace {
    pub(crate) kind: Name,
    pub(crate) queue: Name,
}

impl Options {
    /// The options of a task that asks for nothing.
    pub(crate) const NOTHING: Self = Self {
        retries: 0,
        at_once: false,
        timeout: Length::MISSING,
        token: None,
        name: None,
        rare: None,
    };

    fn rare(&self) -> Option<&Rare> {
        self.rare.as_deref()
    }

    fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// How long the task waits before a retry; the default if there is none.
    pub(crate) fn backoff(&self) -> Option<&Backoff> {
        if self.at_once {
            return Some(&Backoff::NONE);
        }
        self.rare()?.backoff.as_ref()
    }

    #[inline]
    pub(crate) fn set_backoff(&mut self, backoff: Backoff) {
        self.at_once = backoff.is_none();
        if !self.at_once {
            self.rare_mut().backoff = Some(backoff);
        }
    }

    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.timeout.get()
    }

    /// Zero counts as no timeout: for a task, for a job, and for a job that a store has kept.
    #[inline]
    pub(crate) fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout.filter(|timeout| !timeout.is_zero()).into();
    }

    pub(crate) fn give_up_after(&self) -> Option<Duration> {
        self.rare()?.give_up_after.get()
    }

    pub(crate) fn set_give_up_after(&mut self, limit: Option<Duration>) {
        self.rare_mut().give_up_after = limit.into();
    }

    pub(crate) fn expires_after(&self) -> Option<Duration> {
        self.rare()?.expires.get()
    }

    pub(crate) fn set_expires_after(&mut self, limit: Option<Duration>) {
        self.rare_mut().expires = limit.into();
    }

    /// Whether it matters when exactly an attempt begins.
    #[inline]
    pub(crate) fn has_time_limit(&self) -> bool {
        let in_all = || self.give_up_after().or(self.expires_after());
        self.timeout().or_else(in_all).is_some()
    }

    /// The outcome of an attempt that has reached this limit.
    pub(crate) fn out_of_time(&self, limit: Limit) -> Outcome {
        match limit {
            Limit::Attempt => Outcome::TimedOut(self.timeout().unwrap_or_default()),
            Limit::Total => Outcome::GivenUp(self.give_up_after().unwrap_or_default()),
        }
    }

    pub(crate) fn token(&self) -> Option<&CancellationToken> {
        self.token.as_ref()
    }

    pub(crate) fn span(&self) -> Option<&QuietSpan> {
        self.rare()?.span.as_deref()
    }

    #[inline]
    pub(crate) fn set_parent(&mut self, Parent { token, span }: Parent) {
        if token.is_some() {
            vacancy::may_end_with_parent();
        }
        self.token = token;
        if span.is_some() || self.rare.is_some() {
            self.rare_mut().span = span;
        }
    }

    pub(crate) fn is_parent_cancelled(&self) -> bool {
        self.token
            .as_ref()
            .is_some_and(CancellationToken::is_cancelled)
    }

    /// A token for an attempt, which is cancelled together with the parent's.
    pub(crate) fn child_token(&self) -> CancellationToken {
        self.token
            .as_ref()
            .map_or_else(CancellationToken::new, CancellationToken::child_token)
    }

    pub(crate) fn name(&self) -> Option<&str> {
        match self.name {
            Some(name) => Some(name),
            None => self.rare()?.name.as_deref(),
        }
    }

    /// The name, if it is a constant and not that of a job: it outlives the task.
    #[inline]
    pub(crate) fn constant_name(&self) -> Option<&'static str> {
        self.name.filter(|_| self.leased().is_none())
    }

    #[inline]
    pub(crate) fn set_name(&mut self, name: Cow<'static, str>) {
        match name {
            Cow::Borrowed(name) => self.name = Some(name),
            Cow::Owned(name) => {
                self.name = None;
                self.rare_mut().name = Some(name);
            }
        }
    }

    /// The job that this task is, if it came from a store.
    #[inline]
    pub(crate) fn leased(&self) -> Option<&Arc<LeasedJob>> {
        self.rare()?.leased.as_ref()
    }

    pub(crate) fn set_leased(&mut self, leased: Arc<LeasedJob>) {
        self.rare_mut().leased = Some(leased);
    }

    /// The kind and the queue, if the task is a job.
    pub(crate) fn place(&self) -> Option<&JobPlace> {
        self.rare()?.place.as_ref()
    }

    pub(crate) fn set_place(&mut self, place: JobPlace) {
        self.rare_mut().place = Some(place);
    }
}

/// The parent of every attempt: what a task inherits from where it was made.
///
/// When the parent is cancelled, a running attempt is told and no further one starts; a task that
/// waits, in the queue, for its time or for its next attempt, has ended. The span
/// becomes the parent of the attempt's span, so that a trace goes from the request to its tasks.
///
/// It is made from a [`CancellationToken`], from the span in which the caller is
/// ([`current_span`](Self::current_span)), from both, or from the [`Context`] of another task.
///
/// # Examples
///
/// ```
/// use marionette::{CancellationToken, Context, TaskManager};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let tasks = TaskManager::new(Default::default())?;
/// # tasks.start();
/// let request = CancellationToken::new();
/// let handle = tasks
///     .queue(async |cx: Context| {
///         cx.cancelled().await;
///         Err::<(), _>("nobody waits for it any more".into())
///     })
///     .context(request.clone())
///     .await?;
/// request.cancel();
/// assert!(handle.await.unwrap_err().is_cancelled());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Parent {
    token: Option<CancellationToken>,
    /// Boxed, since it is large and rare.
    span: Option<Box<QuietSpan>>,
}

impl Parent {
    /// The span of `tracing` in which the caller is.
    ///
    /// For a span in which the caller is not, write `span.in_scope(Parent::current_span)`.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{CancellationToken, Context, Parent, TaskManager};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let tasks = TaskManager::new(Default::default())?;
    /// # tasks.start();
    /// let request = CancellationToken::new();
    /// let parent = Parent::current_span().token(request.clone()); // of the request's trace
    /// let handle = tasks.queue(async |_: Context| Ok(())).context(parent).await?;
    /// # Ok(handle.await?)
    /// # }
    /// ```
    pub fn current_span() -> Self {
        Self {
            token: None,
            span: Some(Box::new(QuietSpan::current())),
        }
    }

    /// The same parent, whose cancellation is that of this token.
    pub fn token(self, token: CancellationToken) -> Self {
        Self {
            token: Some(token),
            ..self
        }
    }
}

impl From<CancellationToken> for Parent {
    fn from(token: CancellationToken) -> Self {
        Self {
            token: Some(token),
            span: None,
        }
    }
}

/// A task that is made by a task ends when that one is told to.
impl From<&Context> for Parent {
    fn from(context: &Context) -> Self {
        Self {
            token: Some(context.token()),
            ..Self::current_span()
        }
    }
}

impl From<Context> for Parent {
    fn from(context: Context) -> Self {
        Self::from(&context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backoff::Exponential;

    #[test]
    fn the_last_choice_counts_wherever_it_is_kept() {
        let mut options = Options::default();
        for _ in 0..2 {
            options.set_backoff(Backoff::none());
            assert!(options.backoff().is_some_and(Backoff::is_none));
            options.set_backoff(Exponential::default().into());
            assert!(options.backoff().is_some_and(|backoff| !backoff.is_none()));
            options.set_name("constant".into());
            assert_eq!(options.name(), Some("constant"));
            options.set_name(String::from("made").into());
            assert_eq!(
                (options.name(), options.constant_name()),
                (Some("made"), None)
            );
        }
        options.set_parent(Parent::current_span());
        assert!(options.span().is_some());
        options.set_parent(CancellationToken::new().into());
        assert!(options.span().is_none());
    }

    #[test]
    fn a_time_of_centuries_is_no_limit() {
        let mut options = Options::default();
        let long = Duration::from_nanos(u64::MAX - 1);
        options.set_timeout(Some(long));
        assert_eq!(options.timeout(), Some(long));
        options.set_timeout(Some(Duration::MAX));
        assert_eq!(options.timeout(), None);
    }
}
