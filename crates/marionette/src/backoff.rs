//! How long a task waits before it is tried again: pure functions of policy, attempt and seed.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// A policy for the pause before each retry.
///
/// A policy is a value: a thousand tasks that have the same one share nothing.
/// The usual policies are types that convert into it ([`Exponential`], [`Constant`], [`Linear`],
/// [`Polynomial`]); [`Backoff::none`] retries at once, [`Backoff::from_fn`] is any other rule.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use marionette::Backoff;
/// use marionette::backoff::{Exponential, Jitter};
///
/// let backoff = Backoff::from(Exponential::default().jitter(Jitter::None));
/// assert_eq!(backoff.pause(1, 0), Some(Duration::from_millis(500)));
/// assert_eq!(backoff.pause(2, 0), Some(Duration::from_millis(750)));
/// assert_eq!(backoff.pause(100, 0), Some(Duration::from_secs(60)));
/// ```
#[derive(Clone)]
pub struct Backoff(pub(crate) BackoffPolicy);

#[derive(Clone)]
pub(crate) enum BackoffPolicy {
    None,
    Constant(Constant),
    Linear(Linear),
    Exponential(Exponential),
    Polynomial(Polynomial),
    Function(Arc<dyn Fn(u32) -> Option<Duration> + Send + Sync>),
}

impl Backoff {
    pub(crate) const NONE: Self = Self(BackoffPolicy::None);

    pub(crate) fn is_none(&self) -> bool {
        matches!(self.0, BackoffPolicy::None)
    }

    /// No pause: a failed task is tried again at once, on the same worker.
    #[must_use]
    pub fn none() -> Self {
        Self::NONE
    }

    /// The same pause every time: [`Constant`].
    #[must_use]
    pub fn constant(pause: Duration) -> Self {
        Constant::new(pause).into()
    }

    /// A pause that grows by `step` with each failed attempt: [`Linear`].
    #[must_use]
    pub fn linear(step: Duration) -> Self {
        Linear::new(step).into()
    }

    /// The default: 500 ms, × 1.5, ± 50 %, at most 60 s. [`Exponential`] has its settings.
    #[must_use]
    pub fn exponential() -> Self {
        Exponential::default().into()
    }

    /// Short pauses at first and long ones in the end: [`Polynomial::default`].
    #[must_use]
    pub fn polynomial() -> Self {
        Polynomial::default().into()
    }

    /// A rule of your own: from the number of attempts that failed so far (1 or more) to the
    /// pause, or to `None` for "no further retry", which ends the task with its failures.
    ///
    /// If the rule panics, the pause is that of the default policy.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use marionette::Backoff;
    ///
    /// let twice_then_stop =
    ///     Backoff::from_fn(|failed| (failed <= 2).then_some(Duration::from_secs(10)));
    /// assert_eq!(twice_then_stop.pause(3, 0), None);
    /// ```
    pub fn from_fn(rule: impl Fn(u32) -> Option<Duration> + Send + Sync + 'static) -> Self {
        Self(BackoffPolicy::Function(Arc::new(rule)))
    }

    /// The pause after `failed` attempts have failed (1 or more), or `None` for no further retry.
    ///
    /// The same policy, number and seed give the same pause; the seed decides the jitter alone.
    #[must_use]
    pub fn pause(&self, failed: u32, seed: u64) -> Option<Duration> {
        let failed = failed.max(1);
        match &self.0 {
            BackoffPolicy::None => Some(Duration::ZERO),
            BackoffPolicy::Constant(policy) => {
                Some(policy.jitter.apply(policy.pause, Duration::MAX, seed))
            }
            BackoffPolicy::Linear(policy) => Some(policy.jitter.apply(
                policy.step.saturating_mul(failed),
                policy.max,
                seed,
            )),
            BackoffPolicy::Exponential(policy) => Some(policy.pause(failed, seed)),
            BackoffPolicy::Polynomial(policy) => Some(policy.pause(failed, seed)),
            // A rule that panics must not take its worker along.
            BackoffPolicy::Function(rule) => catch_unwind(AssertUnwindSafe(|| rule(failed)))
                .unwrap_or_else(|_| Self::default().pause(failed, seed)),
        }
    }
}

/// The default is [`Exponential::default`].
impl Default for Backoff {
    fn default() -> Self {
        Exponential::default().into()
    }
}

impl fmt::Debug for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            BackoffPolicy::None => f.write_str("Backoff::none()"),
            BackoffPolicy::Constant(policy) => policy.fmt(f),
            BackoffPolicy::Linear(policy) => policy.fmt(f),
            BackoffPolicy::Exponential(policy) => policy.fmt(f),
            BackoffPolicy::Polynomial(policy) => policy.fmt(f),
            BackoffPolicy::Function(_) => f.write_str("Backoff::from_fn(..)"),
        }
    }
}

/// How chance spreads a pause, so that what failed together is not tried again together.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Jitter {
    /// The pause as it is.
    None,
    /// Anything within this share of the pause to both sides: 0.5 gives ± 50 %.
    /// Shares above 1 count as 1; shares below 0 and NaN count as 0.
    Share(f64),
    /// Anything from zero to the pause: "full jitter", M. Brooker, Exponential Backoff And Jitter,
    /// AWS Architecture Blog, 2015.
    Full,
}

impl Jitter {
    /// The pause with chance applied, never above `max`.
    ///
    /// The upper end of the range is cut at `max` before drawing: cutting the drawn value would
    /// put half of all capped pauses at `max` exactly, and bring the herd back.
    fn apply(self, pause: Duration, max: Duration, seed: u64) -> Duration {
        let pause = pause.min(max);
        let (low, high) = match self {
            Self::None => return pause,
            Self::Full => (Duration::ZERO, pause),
            Self::Share(share) => {
                let share = if share.is_nan() {
                    0.0
                } else {
                    share.clamp(0.0, 1.0)
                };
                let spread = scale(pause, share);
                (
                    pause.saturating_sub(spread),
                    pause.saturating_add(spread).min(max),
                )
            }
        };
        let drawn = fastrand::Rng::with_seed(seed).f64();
        low.saturating_add(scale(high.saturating_sub(low), drawn))
            .min(max)
    }
}

/// `duration × factor`, or the longest duration where that is too long to express. No time stays no
/// time even if the factor is infinite; as numbers, their product would be NaN.
fn scale(duration: Duration, factor: f64) -> Duration {
    if duration.is_zero() {
        return Duration::ZERO;
    }
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

/// The same pause before every retry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constant {
    pub(crate) pause: Duration,
    pub(crate) jitter: Jitter,
}

impl Constant {
    /// This pause before every retry, without jitter.
    #[must_use]
    pub fn new(pause: Duration) -> Self {
        Self {
            pause,
            jitter: Jitter::None,
        }
    }

    /// How chance spreads the pause. Default is [`Jitter::None`].
    #[must_use]
    pub fn jitter(self, jitter: Jitter) -> Self {
        Self { jitter, ..self }
    }
}

/// Pauses that grow by the same step: one step, two steps, three.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Linear {
    pub(crate) step: Duration,
    pub(crate) max: Duration,
    pub(crate) jitter: Jitter,
}

impl Linear {
    /// Pauses that grow by `step`.
    #[must_use]
    pub fn new(step: Duration) -> Self {
        Self {
            step,
            max: Duration::MAX,
            jitter: Jitter::None,
        }
    }

    /// The longest pause. Default is no limit.
    #[must_use]
    pub fn max(self, max: Duration) -> Self {
        Self { max, ..self }
    }

    /// How chance spreads the pause. Default is [`Jitter::None`].
    #[must_use]
    pub fn jitter(self, jitter: Jitter) -> Self {
        Self { jitter, ..self }
    }
}

/// Pauses that grow by the same factor. The default is 500 ms, × 1.5, ± 50 %, at most 60 s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exponential {
    pub(crate) initial: Duration,
    pub(crate) multiplier: f64,
    pub(crate) max: Duration,
    pub(crate) jitter: Jitter,
}

impl Default for Exponential {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(500),
            multiplier: 1.5,
            max: Duration::from_secs(60),
            jitter: Jitter::Share(0.5),
        }
    }
}

impl Exponential {
    /// The pause after the first failure. Default is 500 ms.
    #[must_use]
    pub fn initial(self, initial: Duration) -> Self {
        Self { initial, ..self }
    }

    /// By how much each pause exceeds the one before. Default is 1.5.
    /// Values below 1 and NaN count as 1.
    #[must_use]
    pub fn multiplier(self, multiplier: f64) -> Self {
        Self {
            multiplier: multiplier.max(1.0),
            ..self
        }
    }

    /// The longest pause, jitter included. Default is 60 s.
    #[must_use]
    pub fn max(self, max: Duration) -> Self {
        Self { max, ..self }
    }

    /// How chance spreads the pause. Default is ± 50 %, `Jitter::Share(0.5)`.
    #[must_use]
    pub fn jitter(self, jitter: Jitter) -> Self {
        Self { jitter, ..self }
    }

    fn pause(&self, failed: u32, seed: u64) -> Duration {
        let exponent = i32::try_from(failed - 1).unwrap_or(i32::MAX);
        let pause = scale(self.initial, self.multiplier.powi(exponent));
        self.jitter.apply(pause, self.max, seed)
    }
}

/// Pauses of attempt⁴ seconds ± 10 %: 1 s, 16 s, 81 s, 4 min, 10 min, 22 min, … at most a week.
///
/// The rule of the big job systems, for failures that last: 25 attempts span three weeks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Polynomial {
    pub(crate) max: Duration,
    pub(crate) jitter: Jitter,
}

impl Default for Polynomial {
    fn default() -> Self {
        Self {
            max: Duration::from_secs(7 * 24 * 60 * 60),
            jitter: Jitter::Share(0.1),
        }
    }
}

impl Polynomial {
    /// The longest pause, jitter included. Default is 7 days.
    #[must_use]
    pub fn max(self, max: Duration) -> Self {
        Self { max, ..self }
    }

    /// How chance spreads the pause. Default is ± 10 %, `Jitter::Share(0.1)`.
    #[must_use]
    pub fn jitter(self, jitter: Jitter) -> Self {
        Self { jitter, ..self }
    }

    fn pause(&self, failed: u32, seed: u64) -> Duration {
        let seconds = u64::from(failed).saturating_pow(4);
        self.jitter
            .apply(Duration::from_secs(seconds), self.max, seed)
    }
}

macro_rules! into_backoff {
    ($($policy:ident),*) => {$(
        impl From<$policy> for Backoff {
            fn from(policy: $policy) -> Self {
                Self(BackoffPolicy::$policy(policy))
            }
        }
    )*};
}

into_backoff!(Constant, Linear, Exponential, Polynomial);
