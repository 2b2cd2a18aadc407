//! Counters and histograms through the [`metrics`] facade, with the feature `metrics`.
//!
//! | name | kind | labels | unit |
//! | --- | --- | --- | --- |
//! | `marionette_tasks_total` | counter | `server`, `outcome` | tasks |
//! | `marionette_retries_total` | counter | `server` | attempts |
//! | `marionette_queue_wait_seconds` | histogram | `server` | seconds from ready to started |
//! | `marionette_run_seconds` | histogram | `server`, `outcome` | seconds of the last attempt |
//!
//! An outcome is `done`, `failed`, `cancelled` or `abandoned`.
//!
//! [`metrics`]: https://docs.rs/metrics

#[cfg(not(feature = "metrics"))]
mod disabled;
#[cfg(feature = "metrics")]
mod enabled;

#[cfg(not(feature = "metrics"))]
pub(crate) use self::disabled::{ended, retried, started};
#[cfg(feature = "metrics")]
pub(crate) use self::enabled::{ended, retried, started};
