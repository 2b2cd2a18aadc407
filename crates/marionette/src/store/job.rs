//! A job as data: the row that is inserted, and its options.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::id::TaskId;
use crate::store::error::StoreError;
use crate::store::limits::{ERROR_BYTES_MAX, PAYLOAD_BYTES_MAX};
use crate::store::name::Name;

/// A job on its way into a store.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use marionette::store::{Due, JobOptions, Name, NewJob};
///
/// const SEND_MAIL: Name = Name::from_static("send_mail");
/// const MAILS: Name = Name::from_static("mails");
///
/// let mail = NewJob::new(SEND_MAIL, br#"{"to":"ada@example.org"}"#.to_vec())
///     .queue(MAILS)
///     .due(Due::After(Duration::from_secs(60)))
///     .options(JobOptions::new().retries(3));
/// assert_eq!(mail.options.retries, 3);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NewJob {
    /// Its id, by which a store knows a job that is inserted twice.
    pub id: TaskId,
    /// Its kind, which decides the handler that runs it.
    pub kind: Name,
    /// The queue in which it waits.
    pub queue: Name,
    /// Whether it goes before others.
    pub priority: Priority,
    /// When it may run.
    pub due: Due,
    /// Its arguments, at most [`PAYLOAD_BYTES_MAX`].
    pub payload: Vec<u8>,
    /// Its options.
    pub options: JobOptions,
    /// How many jobs may wait in its queue, this one included; `None` for no limit. Scheduled jobs
    /// count, running jobs do not.
    pub queue_limit: Option<u64>,
}

impl NewJob {
    /// Checks all that every store checks of a job before it accepts it: the size of its payload,
    /// and its options.
    ///
    /// A manager checks a job before it calls a store, and a store checks it again.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::Job;
    /// use marionette::store::PAYLOAD_BYTES_MAX;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct Mail;
    /// # impl Job for Mail { const KIND: &'static str = "mail"; type Output = (); }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut mail = marionette::wrap(Mail).into_new_job()?;
    /// assert!(mail.check().is_ok());
    /// mail.payload = vec![0; PAYLOAD_BYTES_MAX + 1];
    /// assert!(mail.check().is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [Refused](crate::store::StoreErrorKind::Refused), with the job and what is wrong with it.
    pub fn check(&self) -> Result<(), StoreError> {
        self.fault().map_or(Ok(()), |what| {
            let Self { id, kind, .. } = self;
            Err(StoreError::refused(format!("job {id} ({kind}): {what}")))
        })
    }

    /// What is wrong with the job, if something is.
    pub(crate) fn fault(&self) -> Option<String> {
        let bytes = self.payload.len();
        if bytes > PAYLOAD_BYTES_MAX {
            return Some(format!(
                "its payload has {bytes} bytes, the limit is {PAYLOAD_BYTES_MAX}"
            ));
        }
        self.options.fault()
    }

    /// A job with a new id in the queue "default", due at once, with the default options.
    #[must_use]
    pub fn new(kind: Name, payload: Vec<u8>) -> Self {
        Self {
            id: TaskId::new(),
            kind,
            queue: const { Name::from_static("default") },
            priority: Priority::default(),
            due: Due::Now,
            payload,
            options: JobOptions::default(),
            queue_limit: None,
        }
    }

    /// Its id. Default is a new one.
    #[must_use]
    pub fn id(self, id: TaskId) -> Self {
        Self { id, ..self }
    }

    /// Its kind.
    #[must_use]
    pub fn kind(self, kind: Name) -> Self {
        Self { kind, ..self }
    }

    /// The queue in which it waits. Default is "default".
    #[must_use]
    pub fn queue(self, queue: Name) -> Self {
        Self { queue, ..self }
    }

    /// Whether it goes before others. Default is 0.
    #[must_use]
    pub fn priority(self, priority: impl Into<Priority>) -> Self {
        let priority = priority.into();
        Self { priority, ..self }
    }

    /// When it may run. Default is at once.
    #[must_use]
    pub fn due(self, due: Due) -> Self {
        Self { due, ..self }
    }

    /// Its arguments.
    #[must_use]
    pub fn payload(self, payload: Vec<u8>) -> Self {
        Self { payload, ..self }
    }

    /// Its options. Default is [`JobOptions::new`].
    #[must_use]
    pub fn options(self, options: JobOptions) -> Self {
        Self { options, ..self }
    }

    /// How many jobs may wait in its queue, this one included. Default is no limit.
    #[must_use]
    pub fn queue_limit(self, jobs: impl Into<Option<u64>>) -> Self {
        let queue_limit = jobs.into();
        Self {
            queue_limit,
            ..self
        }
    }
}

/// When a job may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Due {
    /// At once.
    Now,
    /// This long after it is accepted.
    After(Duration),
    /// At this time of the wall clock.
    At(SystemTime),
}

/// The priority of a job: of the jobs that are due, the highest goes first. Default is 0.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Priority(i8);

impl Priority {
    /// The priority of this number.
    #[must_use]
    pub const fn new(priority: i8) -> Self {
        Self(priority)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i8 {
        self.0
    }
}

impl From<i8> for Priority {
    fn from(priority: i8) -> Self {
        Self(priority)
    }
}

impl From<Priority> for i8 {
    fn from(priority: Priority) -> Self {
        priority.0
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The answer to one job of an insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inserted {
    /// It is in the store now, and was not before.
    Accepted,
    /// It was in the store already, with the same kind, queue and arguments, and nothing has
    /// changed. A repeated call gets this answer.
    Known,
    /// Its id belongs to a job with another kind, queue or arguments, which stays as it is.
    Taken,
    /// Its queue is full; it is not in the store.
    Full,
}

impl Inserted {
    /// Whether the job is in the store: it was accepted now or before.
    #[must_use]
    pub fn is_accepted(self) -> bool {
        matches!(self, Self::Accepted | Self::Known)
    }
}

/// The options of a job. A store gives them back as they were, and reads `keep_result` alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct JobOptions {
    /// How often it is retried after its first attempt fails.
    #[serde(skip_serializing_if = "is_default")]
    pub retries: u32,
    /// How long it waits before each retry; `None` for the default.
    #[serde(skip_serializing_if = "is_default")]
    pub backoff: Option<StoredBackoff>,
    /// How long each attempt may run; zero means no limit.
    #[serde(skip_serializing_if = "is_default")]
    pub timeout: Option<Duration>,
    /// How long it may take in total, from when it was first due.
    #[serde(skip_serializing_if = "is_default")]
    pub give_up_after: Option<Duration>,
    /// How late it may be started.
    // The alias is its name in files of version 2 and older.
    #[serde(skip_serializing_if = "is_default", alias = "expires")]
    pub expires_after: Option<Duration>,
    /// What it is called in logs and reports; its kind, if it has no name.
    #[serde(skip_serializing_if = "is_default")]
    pub name: Option<String>,
    /// The error to report when it has failed for good.
    #[serde(skip_serializing_if = "is_default")]
    pub error: Option<String>,
    /// How long the store keeps the job and its result once it is done; `None` for as long as the
    /// store keeps done jobs.
    #[serde(skip_serializing_if = "is_default")]
    pub keep_result: Option<Duration>,
}

impl JobOptions {
    /// What no store can keep of them: texts that are too long, and numbers that are none.
    fn fault(&self) -> Option<String> {
        for (what, text) in [("name", &self.name), ("error", &self.error)] {
            let bytes = text.as_ref().map_or(0, String::len);
            if bytes > ERROR_BYTES_MAX {
                return Some(format!(
                    "its option `{what}` has {bytes} bytes, the limit is {ERROR_BYTES_MAX}"
                ));
            }
        }
        let is_number = self.backoff.is_none_or(StoredBackoff::is_finite);
        (!is_number).then(|| "its option `backoff` has a number that is not finite".to_owned())
    }

    /// The options of a job that asks for nothing in particular.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How often it is retried after its first attempt fails. Default is never.
    #[must_use]
    pub fn retries(self, retries: u32) -> Self {
        Self { retries, ..self }
    }

    /// How long it waits before each retry. Default is that of a [`Backoff`](crate::Backoff).
    #[must_use]
    pub fn backoff(self, backoff: StoredBackoff) -> Self {
        let backoff = Some(backoff);
        Self { backoff, ..self }
    }

    /// How long each attempt may run; zero means no limit. Default is what the job's handler says.
    #[must_use]
    pub fn timeout(self, attempt: Duration) -> Self {
        let timeout = Some(attempt);
        Self { timeout, ..self }
    }

    /// How long it may take in total, from when it was first due. Default is no limit.
    #[must_use]
    pub fn give_up_after(self, total: Duration) -> Self {
        let give_up_after = Some(total);
        Self {
            give_up_after,
            ..self
        }
    }

    /// How late it may be started. Default is no limit.
    #[must_use]
    pub fn expires_after(self, late: Duration) -> Self {
        let expires_after = Some(late);
        Self {
            expires_after,
            ..self
        }
    }

    /// What it is called in logs and reports. Default is its kind.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        let name = Some(name.into());
        Self { name, ..self }
    }

    /// The error to report when it has failed for good. Default is the error of its last attempt.
    #[must_use]
    pub fn error(self, error: impl Into<String>) -> Self {
        let error = Some(error.into());
        Self { error, ..self }
    }

    /// How long the store keeps the job and its result once it is done. Default is as long as the
    /// store keeps done jobs.
    #[must_use]
    pub fn keep_result(self, time: Duration) -> Self {
        let keep_result = Some(time);
        Self {
            keep_result,
            ..self
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A [`Backoff`](crate::Backoff) as data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[allow(missing_docs)] // The policies of the same names say what the fields mean.
pub enum StoredBackoff {
    None,
    Constant {
        pause: Duration,
        jitter: StoredJitter,
    },
    Linear {
        step: Duration,
        max: Duration,
        jitter: StoredJitter,
    },
    Exponential {
        initial: Duration,
        multiplier: f64,
        max: Duration,
        jitter: StoredJitter,
    },
    Polynomial {
        max: Duration,
        jitter: StoredJitter,
    },
}

impl StoredBackoff {
    fn is_finite(self) -> bool {
        let (number, jitter) = match self {
            Self::None => return true,
            Self::Exponential {
                multiplier, jitter, ..
            } => (multiplier, jitter),
            Self::Constant { jitter, .. }
            | Self::Linear { jitter, .. }
            | Self::Polynomial { jitter, .. } => (1.0, jitter),
        };
        let share = match jitter {
            StoredJitter::Share(share) => share,
            StoredJitter::None | StoredJitter::Full => 0.0,
        };
        number.is_finite() && share.is_finite()
    }
}

/// A [`Jitter`](crate::backoff::Jitter) as data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[allow(missing_docs)] // As above.
pub enum StoredJitter {
    None,
    Share(f64),
    Full,
}
