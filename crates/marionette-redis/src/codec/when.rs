//! When a job is due, as the scripts take it.

use marionette::store::Due;

use super::{length, micros};

/// How a time is meant, and its microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct When {
    pub(crate) how: &'static str,
    pub(crate) micros: Option<u64>,
}

impl When {
    /// At once.
    pub(crate) const NOW: Self = Self {
        how: "n",
        micros: None,
    };

    /// `None` for a kind of time that is newer than this library.
    pub(crate) fn of(due: Due) -> Option<Self> {
        let (how, micros) = match due {
            Due::Now => return Some(Self::NOW),
            Due::After(pause) if pause.is_zero() => return Some(Self::NOW),
            Due::After(pause) => ("a", length(pause)),
            Due::At(time) => ("t", micros(time)),
            _ => return None,
        };
        let micros = Some(micros);
        Some(Self { how, micros })
    }

    /// The microseconds as an argument.
    pub(crate) fn text(self) -> String {
        self.micros
            .map_or_else(String::new, |micros| micros.to_string())
    }
}
