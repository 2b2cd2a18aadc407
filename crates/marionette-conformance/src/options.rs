//! The options that every store has, by their names.

use std::time::Duration;

/// The options that every store has, as the contract lists them: see
/// [The options of a store](marionette::store#the-options-of-a-store). `None` is the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommonOptions {
    /// After how long without a sign of life an instance counts as dead.
    pub lease: Option<Duration>,
    /// How often an instance gives a sign of life.
    pub renew: Option<Duration>,
    /// How often each process sweeps.
    pub sweep: Option<Duration>,
    /// How long a change may go unnoticed.
    pub poll: Option<Duration>,
    /// How long done jobs are kept.
    pub keep_done: Option<Duration>,
    /// How many done jobs are kept.
    pub keep_done_count: Option<u64>,
    /// How long dead, cancelled and quarantined jobs are kept.
    pub keep_failed: Option<Duration>,
}

/// Sets [`CommonOptions`] in the options of a store, and gives these back. Does not compile unless
/// the store has all of them, under their names and with their types.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use marionette::{MemoryStore, store::Store};
/// use marionette_conformance::{CommonOptions, with_common_options};
///
/// let common = CommonOptions { lease: Some(Duration::from_secs(60)), ..Default::default() };
/// let store = with_common_options!(MemoryStore::options(), &common).build();
/// assert_eq!(store.timing().lease, Duration::from_secs(60));
/// ```
///
/// A store that lacks one of them is found by the compiler:
///
/// ```compile_fail,E0599
/// use std::time::Duration;
/// use marionette_conformance::{CommonOptions, with_common_options};
///
/// #[derive(Default)]
/// struct MyOptions;
///
/// impl MyOptions {
///     fn lease(self, _: Duration) -> Self { self }
///     fn renew(self, _: Duration) -> Self { self }
///     fn sweep(self, _: Duration) -> Self { self }
///     fn poll(self, _: Duration) -> Self { self }
///     fn keep_done(self, _: Duration) -> Self { self }
///     fn keep_failed(self, _: Duration) -> Self { self }
/// }
///
/// // No `keep_done_count`.
/// with_common_options!(MyOptions::default(), &CommonOptions::default());
/// ```
#[macro_export]
macro_rules! with_common_options {
    ($options:expr, $common:expr) => {{
        let (mut options, common) = ($options, $common);
        if let Some(value) = common.lease {
            options = options.lease(value);
        }
        if let Some(value) = common.renew {
            options = options.renew(value);
        }
        if let Some(value) = common.sweep {
            options = options.sweep(value);
        }
        if let Some(value) = common.poll {
            options = options.poll(value);
        }
        if let Some(value) = common.keep_done {
            options = options.keep_done(value);
        }
        if let Some(value) = common.keep_done_count {
            options = options.keep_done_count(value);
        }
        if let Some(value) = common.keep_failed {
            options = options.keep_failed(value);
        }
        options
    }};
}
