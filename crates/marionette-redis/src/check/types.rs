//! Whether each key of the store has the type that its name asks for: of one that has another,
//! nothing can be read.

use marionette::store::{StoreError, StoreErrorKind};

use super::report::CheckReport;
use crate::layout::Key;
use crate::server::Server;

/// The type of a key, as far as the store has keys of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyType {
    Hash,
    SortedSet,
    List,
    Set,
}

impl KeyType {
    const ALL: [Self; 4] = [Self::Hash, Self::SortedSet, Self::List, Self::Set];

    /// The type that this key has to have.
    fn of(key: Key) -> Self {
        match key {
            Key::Names
            | Key::Bodies
            | Key::States
            | Key::Attempts
            | Key::Ends
            | Key::Counts
            | Key::Cancels
            | Key::Awaited
            | Key::Paused
            | Key::Rooms
            | Key::Instances
            | Key::About
            | Key::Activity => Self::Hash,
            Key::Waiting
            | Key::Hints
            | Key::Suspects
            | Key::Retrying
            | Key::Failed
            | Key::ByTime
            | Key::Idle
            | Key::Until
            | Key::Subjects => Self::SortedSet,
            Key::Done => Self::List,
            Key::Gone => Self::Set,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Hash => "a hash",
            Self::SortedSet => "a sorted set",
            Self::List => "a list",
            Self::Set => "a set",
        }
    }

    /// A command that only keys of this type take; no key at all is taken too.
    fn command(self) -> &'static str {
        match self {
            Self::Hash => "HLEN",
            Self::SortedSet => "ZCARD",
            Self::List => "LLEN",
            Self::Set => "SCARD",
        }
    }
}

impl Server {
    /// Reports each key that has another type than it has to have; returns whether none has.
    pub(super) async fn check_types(&self, report: &mut CheckReport) -> Result<bool, StoreError> {
        let layout = self.scripts.layout();
        for key in Key::ALL {
            self.check_type(layout.key(key), KeyType::of(key), report)
                .await?;
        }
        if !report.is_clean() {
            return Ok(false);
        }
        for instance in self.instance_ids().await? {
            self.check_type(&layout.held(instance), KeyType::Hash, report)
                .await?;
        }
        Ok(report.is_clean())
    }

    async fn check_type(
        &self,
        key: &str,
        right: KeyType,
        report: &mut CheckReport,
    ) -> Result<(), StoreError> {
        if self.is_of_type(key, right).await? {
            return Ok(());
        }
        // The user need not have the right to ask for the type.
        let mut is = "of another type";
        for other in KeyType::ALL {
            if self.is_of_type(key, other).await? {
                is = other.words();
            }
        }
        let right = right.words();
        let text = format!(
            "the key `{key}` is {is} and has to be {right}, so every call that needs it fails"
        );
        report.add(None, text);
        Ok(())
    }

    async fn is_of_type(&self, key: &str, asked: KeyType) -> Result<bool, StoreError> {
        let mut command = redis::cmd(asked.command());
        match self.bulk.ask(command.arg(key)).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == StoreErrorKind::Broken => Ok(false),
            Err(error) => Err(error),
        }
    }
}
