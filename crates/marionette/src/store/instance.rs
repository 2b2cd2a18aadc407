//! Instances: the id of one, and what it tells about itself.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Tick;
use crate::id::TaskId;

/// The longest host and the longest build that an instance tells, in bytes; longer ones are cut.
const TEXT_BYTES_MAX: usize = 256;

/// The id of one manager from a start to its stop: new at each start, and never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceId(Uuid);

impl InstanceId {
    /// A new id.
    #[must_use]
    #[allow(clippy::new_without_default)] // No two are the same: there is no default.
    pub fn new() -> Self {
        Self(TaskId::new().uuid())
    }

    /// The id as a [`Uuid`].
    #[must_use]
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstanceId({})", self.0)
    }
}

impl From<Uuid> for InstanceId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl From<InstanceId> for Uuid {
    fn from(id: InstanceId) -> Self {
        id.0
    }
}

/// Reads an id as [`Uuid`] does: with or without hyphens.
impl FromStr for InstanceId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// An instance as it introduces itself. Only the id decides anything; the rest is for people.
///
/// Serialised, it is an object in which a reader of an older version finds all that it knows.
///
/// # Examples
///
/// ```
/// use marionette::store::{InstanceId, InstanceInfo};
///
/// let info = InstanceInfo::new(InstanceId::new(), "mailer", 8)
///     .process(std::process::id())
///     .host("mail-3")
///     .kinds(["send_mail"])
///     .build("mailer 2.4.1");
/// assert_eq!(info.workers, 8);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InstanceInfo {
    /// Its id.
    pub id: InstanceId,
    /// The name of its manager.
    pub server: String,
    /// How many jobs it runs at once.
    pub workers: usize,
    /// The id of its process; 0 if it did not tell.
    #[serde(default)]
    pub process: u32,
    /// The name of its machine.
    #[serde(default)]
    pub host: Option<String>,
    /// The kinds that it has handlers for.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// The queues that it works on; empty for all queues.
    #[serde(default)]
    pub queues: Vec<String>,
    /// The build of the application, in the application's own words, such as a version or a commit.
    #[serde(default)]
    pub build: Option<String>,
    /// The version of this library that it runs.
    #[serde(default)]
    pub library: Option<String>,
    /// When it was started, by its own clock.
    #[serde(default)]
    pub started: Option<SystemTime>,
}

impl InstanceInfo {
    /// The instance with this id, of a manager whose name is `server`, with this many workers.
    #[must_use]
    pub fn new(id: InstanceId, server: impl Into<String>, workers: usize) -> Self {
        Self {
            id,
            server: server.into(),
            workers,
            process: 0,
            host: None,
            kinds: Vec::new(),
            queues: Vec::new(),
            build: None,
            library: None,
            started: None,
        }
    }

    /// The id of its process. Default is 0, which stands for one that is not known.
    #[must_use]
    pub fn process(self, process: u32) -> Self {
        Self { process, ..self }
    }

    /// The name of its machine, cut to 256 bytes. Default is none.
    #[must_use]
    pub fn host(self, host: impl Into<String>) -> Self {
        let host = Some(cut(host.into()));
        Self { host, ..self }
    }

    /// The kinds that it has handlers for. Default is none.
    #[must_use]
    pub fn kinds(self, kinds: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let kinds = kinds.into_iter().map(Into::into).collect();
        Self { kinds, ..self }
    }

    /// The queues that it works on. Default is none, which stands for all queues.
    #[must_use]
    pub fn queues(self, queues: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let queues = queues.into_iter().map(Into::into).collect();
        Self { queues, ..self }
    }

    /// The build of the application, cut to 256 bytes. Default is none.
    #[must_use]
    pub fn build(self, build: impl Into<String>) -> Self {
        let build = Some(cut(build.into()));
        Self { build, ..self }
    }

    /// The version of this library that it runs. Default is none.
    #[must_use]
    pub fn library(self, version: impl Into<String>) -> Self {
        let library = Some(cut(version.into()));
        Self { library, ..self }
    }

    /// When it was started, by its own clock. Default is none.
    #[must_use]
    pub fn started(self, started: SystemTime) -> Self {
        let started = Some(started);
        Self { started, ..self }
    }

    /// Adds what is true of each instance in this process that starts now.
    pub(crate) fn here(self) -> Self {
        let told = self
            .process(std::process::id())
            .library(env!("CARGO_PKG_VERSION"))
            .started(UNIX_EPOCH + Tick::now().since_unix());
        match host_name() {
            Some(host) => told.host(host),
            None => told,
        }
    }
}

/// The name of this machine. The standard library does not ask the system for it, so it is read
/// where Linux shows it, and elsewhere from the variables in which systems put it.
fn host_name() -> Option<String> {
    let shown = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let variable = |name| std::env::var(name).ok();
    let host = shown
        .or_else(|| variable("HOSTNAME"))
        .or_else(|| variable("COMPUTERNAME"))?;
    let host = host.trim();
    (!host.is_empty()).then(|| host.to_owned())
}

fn cut(text: String) -> String {
    cut_to(TEXT_BYTES_MAX, text)
}

/// The text, cut between two characters to at most `bytes_max` bytes.
pub(crate) fn cut_to(bytes_max: usize, mut text: String) -> String {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_instance_tells_is_bounded_and_stays_text() {
        let info = InstanceInfo::new(InstanceId::new(), "mailer", 1).build("ä".repeat(1_000));
        assert_eq!(info.build.as_deref(), Some(&*"ä".repeat(128)));
    }

    #[test]
    fn an_instance_of_a_later_version_can_be_read() {
        let text = r#"{"id":"01990000-0000-7000-8000-000000000001","server":"mailer","workers":4,
            "host":"mail-3","mood":"good"}"#;
        let info: InstanceInfo = serde_json::from_str(text).expect("it has what is required");
        assert_eq!(info.host.as_deref(), Some("mail-3"));
        assert_eq!(info.build, None);
    }
}
