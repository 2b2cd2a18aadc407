//! An error as plain data.

use std::time::Duration;

/// An [`Error`](crate::Error) as plain data.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct ErrorDict {
    /// The user's error with its sources, if one was given.
    pub error: Option<String>,
    /// How many attempts were made.
    pub attempts: u32,
    /// The error of each attempt with its sources; how the task ended, if not by its last attempt.
    pub errors: Vec<String>,
    /// How many errors in the middle were not kept.
    pub omitted: u32,
    /// For how long the task was tried, pauses included.
    pub duration: Duration,
}
