//! The options of a task as data, and back: what a store keeps of them. An option that a store
//! keeps is one line in each of the two functions.

use std::time::Duration;

use crate::cell::details::Details;
use crate::cell::options::Options;
use crate::outcome::error::chain;
use crate::store::{JobOptions, Name, NameError, Priority, StoredBackoff, clip_error};
use crate::task::encoded_job::Unstorable;

/// The options that only jobs have: where a job waits, and for how long it is kept.
#[doc(hidden)]
#[derive(Debug)]
pub struct JobSettings {
    /// The queue that was asked for, or why it has no name.
    pub(crate) queue: Result<Name, Box<NameError>>,
    pub(crate) priority: Priority,
    pub(crate) keep_result: Option<Duration>,
}

/// The options of a job of this kind as data, or why they are none.
pub(crate) fn stored(
    details: &mut Details,
    settings: &JobSettings,
    kind: &'static str,
) -> Result<JobOptions, Unstorable> {
    let options = &details.options;
    if options.token().is_some() || options.span().is_some() {
        return Err(Unstorable::Parent);
    }
    let backoff = match options.backoff() {
        Some(backoff) => Some(StoredBackoff::of(backoff).ok_or(Unstorable::Backoff)?),
        None => None,
    };
    // The error has to be taken to be read, and is put back for a job that is refused.
    let user = details.take_error().into_user();
    let error = user
        .as_ref()
        .map(|user| clip_error(chain(user.as_ref())).into_owned());
    if let Some(user) = user {
        details.set_user(user);
    }
    let options = &details.options;
    let name = options.name().filter(|&name| name != kind);
    Ok(JobOptions {
        retries: options.retries,
        backoff,
        timeout: options.timeout(),
        give_up_after: options.give_up_after(),
        expires_after: options.expires_after(),
        name: name.map(|name| clip_error(name).into_owned()),
        error,
        keep_result: settings.keep_result,
    })
}

/// The options of a job of this kind, as its store kept them. The error of the user goes with the
/// record of the attempts, and `keep_result` is the store's.
pub(crate) fn restored(stored: JobOptions, kind: &'static str) -> Options {
    let JobOptions {
        retries,
        backoff,
        timeout,
        give_up_after,
        expires_after,
        name,
        error: _,
        keep_result: _,
    } = stored;
    let mut options = Options::default();
    options.retries = retries;
    if let Some(backoff) = backoff {
        options.set_backoff(backoff.into());
    }
    options.set_timeout(timeout);
    options.set_give_up_after(give_up_after);
    options.set_expires_after(expires_after);
    options.set_name(name.map_or(kind.into(), Into::into));
    options
}

#[cfg(all(test, not(marionette_loom)))]
mod tests {
    use proptest::option;
    use proptest::prelude::{Just, Strategy, any, prop_compose, prop_oneof, proptest};
    use proptest::prop_assert_eq;

    use super::*;
    use crate::clock::Tick;
    use crate::store::StoredJitter;

    fn jitter() -> impl Strategy<Value = StoredJitter> {
        prop_oneof![
            Just(StoredJitter::None),
            Just(StoredJitter::Full),
            (0.0..=1.0).prop_map(StoredJitter::Share),
        ]
    }

    fn time() -> impl Strategy<Value = Duration> {
        // Up to what a limit can express; beyond that, it is none.
        (0..u64::MAX).prop_map(Duration::from_nanos)
    }

    fn backoff() -> impl Strategy<Value = StoredBackoff> {
        prop_oneof![
            Just(StoredBackoff::None),
            (time(), jitter())
                .prop_map(|(pause, jitter)| StoredBackoff::Constant { pause, jitter }),
            (time(), time(), jitter()).prop_map(|(step, max, jitter)| StoredBackoff::Linear {
                step,
                max,
                jitter
            }),
            (time(), 1.0..10.0, time(), jitter()).prop_map(|(initial, multiplier, max, jitter)| {
                StoredBackoff::Exponential {
                    initial,
                    multiplier,
                    max,
                    jitter,
                }
            }),
            (time(), jitter()).prop_map(|(max, jitter)| StoredBackoff::Polynomial { max, jitter }),
        ]
    }

    prop_compose! {
        fn options()(
            retries in any::<u32>(),
            backoff in option::of(backoff()),
            timeout in option::of(time()),
            give_up_after in option::of(time()),
            expires_after in option::of(time()),
            name in option::of(".{1,40}"),
            error in option::of(".{0,40}"),
            keep_result in option::of(time()),
        ) -> JobOptions {
            JobOptions {
                retries, backoff, timeout, give_up_after, expires_after, name, error, keep_result,
            }
        }
    }

    proptest! {
        #[test]
        fn the_options_of_a_job_come_back_from_its_store(kept in options()) {
            let user = kept.error.clone().map(Into::into);
            let settings = JobSettings {
                queue: Ok(Name::from_static("default")),
                priority: Priority::default(),
                keep_result: kept.keep_result,
            };
            let again = restored(kept.clone(), "a_kind");
            let mut details = Details::of_job(again, user, None, Tick::from_nanos(1));
            let again = stored(&mut details, &settings, "a_kind").expect("they are data");
            // Zero means that there is no timeout, and is stored as that.
            let timeout = kept.timeout.filter(|timeout| !timeout.is_zero());
            prop_assert_eq!(again, JobOptions { timeout, ..kept });
        }
    }
}
