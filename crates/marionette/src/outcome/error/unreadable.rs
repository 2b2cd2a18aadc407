//! The error of a job that is done without a result that can be read.

use std::error::Error as StdError;
use std::fmt;

use crate::outcome::error::chain;

/// The error of a job that is done, but whose result could not be stored or read back.
#[derive(Debug)]
pub(crate) struct UnreadableResult(String);

impl UnreadableResult {
    /// The result cannot be read, for this reason of its codec.
    pub(crate) fn new(why: &(dyn StdError + 'static)) -> Self {
        Self(format!(
            "the job is done, but its result cannot be read: {}",
            chain(why)
        ))
    }

    pub(crate) fn unkept(why: &str) -> Self {
        Self(format!(
            "the job is done, but its result could not be kept: {why}"
        ))
    }
}

impl fmt::Display for UnreadableResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for UnreadableResult {}
