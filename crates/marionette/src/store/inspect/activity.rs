//! The changes that people made: who made each, through what, and what it changed.

use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Deserializer, Serialize};

use crate::id::TaskId;
use crate::store::instance::cut_to;
use crate::store::name::Name;

/// The longest name and the longest way of a [`By`], in bytes.
const BY_BYTES_MAX: usize = 128;

/// The person who makes a change, and the program through which it is made.
///
/// Both are texts of the program that makes the change: the store keeps them and checks nothing.
/// Each is cut to 128 bytes.
///
/// # Examples
///
/// ```
/// use marionette::inspect::By;
///
/// let by = By::new("ada", "dashboard");
/// assert_eq!(by.to_string(), "ada via dashboard");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct By {
    name: String,
    via: String,
}

impl By {
    /// The person or the program with this `name`, which makes the change `via` a command, a
    /// dashboard or the like.
    #[must_use]
    pub fn new(name: impl Into<String>, via: impl Into<String>) -> Self {
        Self {
            name: cut_to(BY_BYTES_MAX, name.into()),
            via: cut_to(BY_BYTES_MAX, via.into()),
        }
    }

    /// The person who makes the change.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The means of the change, such as `command`.
    #[must_use]
    pub fn via(&self) -> &str {
        &self.via
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} via {}", self.name, self.via)
    }
}

impl<'de> Deserialize<'de> for By {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields {
            name: String,
            via: String,
        }
        let Fields { name, via } = Fields::deserialize(deserializer)?;
        Ok(Self::new(name, via))
    }
}

/// A change that somebody made to jobs or to a queue.
///
/// One call is one activity, however many jobs it changed. A call that changed nothing is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Activity {
    /// Its number: each activity has a higher one than those before it.
    pub number: u64,
    /// What was done.
    pub kind: ActivityKind,
    /// The person who did it, and the program.
    pub by: By,
    /// When it was done, by the store's clock.
    pub at: SystemTime,
    /// The queue that was paused or resumed.
    pub queue: Option<Name>,
    /// How many jobs were changed.
    pub jobs: u64,
    /// The changed jobs, the first [`ACTIVITY_IDS_MAX`] of them in no particular order.
    pub ids: Vec<TaskId>,
    /// The reason of a cancellation.
    pub reason: Option<String>,
}

/// The most ids that an [`Activity`] shows: 100.
pub const ACTIVITY_IDS_MAX: usize = 100;
/// How many activities a store keeps: the latest 10,000.
pub const ACTIVITIES_MAX: usize = 10_000;
/// For how many changed jobs a store knows their activities: the latest 100,000, or up to twice as
/// many.
pub const CHANGED_JOBS_MAX: usize = 100_000;

impl Activity {
    /// For authors of stores.
    #[must_use]
    pub fn new(number: u64, kind: ActivityKind, by: By, at: SystemTime) -> Self {
        Self {
            number,
            kind,
            by,
            at,
            queue: None,
            jobs: 0,
            ids: Vec::new(),
            reason: None,
        }
    }
}

/// The kind of an [`Activity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ActivityKind {
    /// Jobs were [retried](super::Inspect::retry).
    Retried,
    /// Jobs were [cancelled](super::Inspect::cancel).
    Cancelled,
    /// Jobs were [deleted](super::Inspect::delete).
    Deleted,
    /// Jobs were [rescheduled](super::Inspect::reschedule).
    Rescheduled,
    /// A queue was [paused](super::Inspect::pause_queue).
    Paused,
    /// A queue was [resumed](super::Inspect::resume_queue).
    Resumed,
}

impl ActivityKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::Retried,
        Self::Cancelled,
        Self::Deleted,
        Self::Rescheduled,
        Self::Paused,
        Self::Resumed,
    ];

    /// The word for the kind, as a store keeps it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retried => "retried",
            Self::Cancelled => "cancelled",
            Self::Deleted => "deleted",
            Self::Rescheduled => "rescheduled",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
        }
    }
}

impl fmt::Display for ActivityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which activities are asked for: all conditions that are set hold.
///
/// # Examples
///
/// ```
/// # use marionette::store::StoreError;
/// use marionette::TaskId;
/// use marionette::inspect::{ActivityFilter, Inspect};
///
/// # async fn tell(store: &dyn Inspect, id: TaskId) -> Result<(), StoreError> {
/// for activity in store.activity(ActivityFilter::new().job(id)).await? {
///     println!("{} by {}", activity.kind, activity.by); // cancelled by ada via dashboard
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActivityFilter {
    /// Those that changed this job, even if it is gone by now.
    pub job: Option<TaskId>,
    /// Those that paused or resumed this queue.
    pub queue: Option<String>,
    /// Those with a lower number, for the next page.
    pub before: Option<u64>,
    /// The most activities: 1 to 1,000, and the nearer of the two for a number beyond. Default is
    /// 100.
    pub limit: usize,
}

impl ActivityFilter {
    /// The latest 100 activities of all.
    #[must_use]
    pub fn new() -> Self {
        Self {
            job: None,
            queue: None,
            before: None,
            limit: 100,
        }
    }

    /// Only those that changed this job, even if it is gone by now.
    #[must_use]
    pub fn job(self, job: TaskId) -> Self {
        let job = Some(job);
        Self { job, ..self }
    }

    /// Only those that paused or resumed this queue: none, if no queue can have the name.
    #[must_use]
    pub fn queue(self, queue: impl Into<String>) -> Self {
        let queue = Some(queue.into());
        Self { queue, ..self }
    }

    /// Only those with a lower number, for the next page.
    #[must_use]
    pub fn before(self, number: u64) -> Self {
        let before = Some(number);
        Self { before, ..self }
    }

    /// The most activities: 1 to 1,000, and the nearer of the two for a number beyond.
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }
}

impl Default for ActivityFilter {
    fn default() -> Self {
        Self::new()
    }
}

/// A queue that is paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PausedQueue {
    /// The queue.
    pub queue: Name,
    /// Since when it is paused, by the store's clock.
    pub since: SystemTime,
    /// The person who paused it, and the program, if the store knows.
    pub by: Option<By>,
}

impl PausedQueue {
    /// For authors of stores.
    #[must_use]
    pub fn new(queue: Name, since: SystemTime) -> Self {
        Self {
            queue,
            since,
            by: None,
        }
    }
}
