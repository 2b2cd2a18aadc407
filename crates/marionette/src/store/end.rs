//! How a job ended, as data.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a job ended that is not done.
///
/// A store keeps it beside the [state](crate::store::JobState), under the word of
/// [`as_str`](Self::as_str). A [reason](crate::inspect::JobSummary::reason) is for people, and no
/// program has to read it.
///
/// # Examples
///
/// ```
/// use marionette::inspect::JobSummary;
/// use marionette::store::EndKind;
///
/// /// Whether the job came too late, rather than went wrong.
/// fn came_too_late(job: &JobSummary) -> bool {
///     matches!(job.end, Some(EndKind::Expired | EndKind::GivenUp))
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EndKind {
    /// Its last attempt failed, and no other followed. The
    /// [outcome](crate::store::PastOutcome) of that attempt tells how.
    Failed,
    /// A person, its handler or its manager cancelled it.
    Cancelled,
    /// It was not started in time: its option `expires_after`.
    Expired,
    /// It was not done in time, all attempts and pauses counted: its option `give_up_after`.
    GivenUp,
    /// Its instance died three times while it had it, or its store can no longer read it.
    Quarantined,
}

impl EndKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::Failed,
        Self::Cancelled,
        Self::Expired,
        Self::GivenUp,
        Self::Quarantined,
    ];

    /// The word for the kind, which never changes: stores keep it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::GivenUp => "given_up",
            Self::Quarantined => "quarantined",
        }
    }

    /// The kind with this word; `None` for a word that this version does not know.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for EndKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_word() {
        for kind in EndKind::ALL {
            assert_eq!(EndKind::from_word(kind.as_str()), Some(kind));
            let json = serde_json::to_string(&kind).expect("a word");
            assert_eq!(json, format!("\"{kind}\""));
        }
        assert_eq!(EndKind::from_word("eaten"), None);
    }
}
