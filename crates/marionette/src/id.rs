//! The id of a task: 128 bits, unique, ordered by time.

use std::cell::Cell;
use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

use crate::clock::Tick;

/// The identity of one task, from its acceptance to its end, through all its attempts.
///
/// It is a UUID of version 7 ([RFC 9562], method 3): 48 bits of Unix milliseconds, 12 bits of the
/// fraction of that millisecond, 32 bits of a counter, 30 bits that differ between processes.
/// Ids order by the time at which their tasks were made; those of two threads to within a
/// microsecond.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use marionette::{Context, TaskManager};
///
/// let tasks = TaskManager::new(Default::default())?;
/// tasks.start();
/// let first = tasks.queue(async |_: Context| Ok(())).await?;
/// let second = tasks.queue(async |_: Context| Ok(())).await?;
/// assert!(first.id() < second.id());
/// # Ok(())
/// # }
/// ```
///
/// [RFC 9562]: https://www.rfc-editor.org/rfc/rfc9562#section-6.2
///
/// Serialised, it is its text in formats for people, such as JSON, and 16 bytes in others. So it
/// can be part of a job's arguments, of a path that axum parses, or of an answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(Uuid);

impl TaskId {
    /// A new id.
    #[must_use]
    #[allow(clippy::new_without_default)] // No two are the same: there is no default.
    pub fn new() -> Self {
        Identity::new().id()
    }

    /// The id as a [`Uuid`].
    #[must_use]
    pub fn uuid(self) -> Uuid {
        self.0
    }

    /// When the task was made, by the clock of the process that made it, to within a microsecond.
    /// `None` for an id from a [`Uuid`] that tells no time.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use marionette::TaskId;
    ///
    /// let made = TaskId::new().timestamp().expect("it tells the time");
    /// let age = SystemTime::now().duration_since(made).unwrap_or_default();
    /// assert!(age < Duration::from_secs(60));
    /// ```
    #[must_use]
    pub fn timestamp(self) -> Option<SystemTime> {
        if self.0.get_version_num() != 7 {
            return None;
        }
        let (high, _) = self.0.as_u64_pair();
        // 48 bits of milliseconds, 4 of the version, 12 of the fraction.
        let (millis, fraction) = (high >> 16, high & 0xfff);
        let since_unix =
            Duration::from_millis(millis) + Duration::from_nanos(fraction * 1_000_000 / 4096);
        Some(UNIX_EPOCH + since_unix)
    }
}

/// Two words from which an id is derived when it is asked for, which it is for few tasks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    pub(crate) serial: Serial,
    pub(crate) created: Tick,
}

impl Identity {
    pub(crate) fn new() -> Self {
        Self::at(Tick::now())
    }

    #[inline]
    pub(crate) fn at(created: Tick) -> Self {
        Self {
            serial: Serial::next(),
            created,
        }
    }

    pub(crate) fn id(self) -> TaskId {
        let since_unix = self.created.since_unix();
        let millis = u64::try_from(since_unix.as_millis()).unwrap_or(u64::MAX);
        let fraction = since_unix.subsec_nanos() % 1_000_000;
        // Bounded by 4,095: the fraction is below a million.
        let [_, _, high, low] = (fraction * 4096 / 1_000_000).to_be_bytes();
        let [c0, c1, c2, c3] = self.serial.0.to_be_bytes();
        let [p0, p1, p2, p3] = PROCESS.to_be_bytes();
        // The builder overwrites the four bits of the version and the two of the variant. The
        // variant's lie at the top of the ninth byte, so the counter begins behind that byte's.
        let mut bytes = [high, low, p0, c0, c1, c2, c3, p1, p2, p3];
        bytes[2] &= 0x3f;
        TaskId(Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
    }
}

/// A number that tells this process from others that make ids in the same microsecond.
static PROCESS: LazyLock<u32> = LazyLock::new(|| fastrand::u32(..));

/// A counter that is cheap because each thread has its own; it begins at random, so that two
/// threads agree on it about once in four billion ids of the same quarter of a microsecond.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Serial(u32);

impl Serial {
    pub(crate) const fn number(self) -> u32 {
        self.0
    }

    pub(crate) const fn from_number(number: u32) -> Self {
        Self(number)
    }

    #[inline]
    pub(crate) fn next() -> Self {
        thread_local! {
            static NEXT: Cell<u32> = Cell::new(fastrand::u32(..=u32::MAX / 2));
        }
        NEXT.with(|next| {
            let serial = next.get();
            next.set(serial.wrapping_add(1));
            Self(serial)
        })
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskId({})", self.0)
    }
}

impl From<Uuid> for TaskId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

/// Reads an id as [`Uuid`] does: with or without hyphens.
impl std::str::FromStr for TaskId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl From<TaskId> for Uuid {
    fn from(id: TaskId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_version_7_uuid_of_its_moment() {
        let identity = Identity::new();
        let uuid = identity.id().uuid();
        assert_eq!(uuid.get_version_num(), 7);
        assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
        let (secs, nanos) = uuid.get_timestamp().expect("version 7 has one").to_unix();
        let told = Duration::new(secs, nanos);
        assert!(
            told.abs_diff(identity.created.since_unix()) < Duration::from_millis(2),
            "{told:?}"
        );
    }

    #[test]
    fn an_id_tells_its_moment_to_within_a_microsecond() {
        let identity = Identity::new();
        let made = UNIX_EPOCH + identity.created.since_unix();
        let told = identity.id().timestamp().expect("it is of version 7");
        let apart = made.duration_since(told).expect("it is rounded down");
        assert!(apart < Duration::from_micros(1), "{apart:?}");
        assert_eq!(TaskId::from(Uuid::nil()).timestamp(), None);
    }

    #[test]
    fn an_id_is_text_in_json() {
        let id = TaskId::new();
        let text = serde_json::to_string(&id).expect("it can be written");
        assert_eq!(text, format!("\"{id}\""));
        assert_eq!(serde_json::from_str::<TaskId>(&text).ok(), Some(id));
    }

    #[test]
    fn ids_are_unique_and_ordered_by_time() {
        let mut ids: Vec<_> = (0..10_000).map(|_| Identity::new().id()).collect();
        assert!(ids.is_sorted());
        ids.dedup();
        assert_eq!(ids.len(), 10_000);
    }
}
