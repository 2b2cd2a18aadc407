//! How an attempt ended, and what is kept of a failed one.

pub(crate) mod task_error;
mod failure;
pub(crate) mod error;
pub(crate) mod panic;

use std::fmt;
use std::time::Duration;

pub(crate) use failure::Reason;
pub use failure::{Failure, FailureKind};
pub(crate) use task_error::Said;
pub use task_error::TaskError;

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
