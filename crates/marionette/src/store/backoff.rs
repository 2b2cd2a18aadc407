//! Conversions between a backoff and its stored form, which has the same pauses.

use crate::backoff::{Backoff, BackoffPolicy, Constant, Exponential, Jitter, Linear, Polynomial};
use crate::store::job::{StoredBackoff, StoredJitter};

impl StoredBackoff {
    /// This backoff as data; `None` for [`Backoff::from_fn`], which is code.
    pub(crate) fn of(backoff: &Backoff) -> Option<Self> {
        Some(match &backoff.0 {
            BackoffPolicy::None => Self::None,
            BackoffPolicy::Constant(policy) => Self::Constant {
                pause: policy.pause,
                jitter: policy.jitter.into(),
            },
            BackoffPolicy::Linear(policy) => Self::Linear {
                step: policy.step,
                max: policy.max,
                jitter: policy.jitter.into(),
            },
            BackoffPolicy::Exponential(policy) => Self::Exponential {
                initial: policy.initial,
                // JSON has no infinity. The largest number reaches every maximum as fast.
                multiplier: policy.multiplier.min(f64::MAX),
                max: policy.max,
                jitter: policy.jitter.into(),
            },
            BackoffPolicy::Polynomial(policy) => Self::Polynomial {
                max: policy.max,
                jitter: policy.jitter.into(),
            },
            BackoffPolicy::Function(_) => return None,
        })
    }
}

impl From<StoredBackoff> for Backoff {
    fn from(stored: StoredBackoff) -> Self {
        match stored {
            StoredBackoff::None => Self::none(),
            StoredBackoff::Constant { pause, jitter } => {
                Constant::new(pause).jitter(jitter.into()).into()
            }
            StoredBackoff::Linear { step, max, jitter } => {
                Linear::new(step).max(max).jitter(jitter.into()).into()
            }
            StoredBackoff::Exponential {
                initial,
                multiplier,
                max,
                jitter,
            } => Exponential::default()
                .initial(initial)
                .multiplier(multiplier)
                .max(max)
                .jitter(jitter.into())
                .into(),
            StoredBackoff::Polynomial { max, jitter } => {
                Polynomial::default().max(max).jitter(jitter.into()).into()
            }
        }
    }
}

impl From<Jitter> for StoredJitter {
    fn from(jitter: Jitter) -> Self {
        match jitter {
            Jitter::None => Self::None,
            // The share is stored as it is applied. JSON has no number for NaN.
            Jitter::Share(share) if share.is_nan() => Self::Share(0.0),
            Jitter::Share(share) => Self::Share(share.clamp(0.0, 1.0)),
            Jitter::Full => Self::Full,
        }
    }
}

impl From<StoredJitter> for Jitter {
    fn from(stored: StoredJitter) -> Self {
        match stored {
            StoredJitter::None => Self::None,
            StoredJitter::Share(share) => Self::Share(share),
            StoredJitter::Full => Self::Full,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    fn durations() -> impl Strategy<Value = Duration> {
        prop_oneof![
            Just(Duration::ZERO),
            Just(Duration::MAX),
            (any::<u64>(), 0..1_000_000_000_u32)
                .prop_map(|(secs, nanos)| Duration::new(secs, nanos)),
            any::<u32>().prop_map(|millis| Duration::from_millis(millis.into())),
        ]
    }

    fn jitters() -> impl Strategy<Value = Jitter> {
        prop_oneof![
            Just(Jitter::None),
            Just(Jitter::Full),
            any::<f64>().prop_map(Jitter::Share),
            (0.0..=1.0).prop_map(Jitter::Share),
        ]
    }

    fn backoffs() -> impl Strategy<Value = Backoff> {
        prop_oneof![
            Just(Backoff::none()),
            (durations(), jitters())
                .prop_map(|(pause, jitter)| Constant::new(pause).jitter(jitter).into()),
            (durations(), durations(), jitters())
                .prop_map(|(step, max, jitter)| Linear::new(step).max(max).jitter(jitter).into()),
            (durations(), any::<f64>(), durations(), jitters()).prop_map(
                |(initial, multiplier, max, jitter)| Exponential::default()
                    .initial(initial)
                    .multiplier(multiplier)
                    .max(max)
                    .jitter(jitter)
                    .into()
            ),
            (durations(), jitters())
                .prop_map(|(max, jitter)| Polynomial::default().max(max).jitter(jitter).into()),
        ]
    }

    proptest! {
        #[test]
        fn a_backoff_that_was_stored_pauses_as_before(
            backoff in backoffs(), failed in any::<u32>(), seed in any::<u64>(),
        ) {
            let stored = StoredBackoff::of(&backoff).expect("it is no function");
            let text = serde_json::to_string(&stored).expect("it is plain data");
            let read: StoredBackoff = serde_json::from_str(&text).expect("it was written by us");
            prop_assert_eq!(read, stored);
            for failed in [1, 2, 10, failed] {
                let pause = Backoff::from(read).pause(failed, seed);
                prop_assert_eq!(pause, backoff.pause(failed, seed));
            }
        }
    }

    #[test]
    fn a_function_cannot_be_stored() {
        assert!(StoredBackoff::of(&Backoff::from_fn(|_| None)).is_none());
    }
}
