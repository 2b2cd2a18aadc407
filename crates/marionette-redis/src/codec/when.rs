//! When a job is due, as the scripts take it.

use marionette::store::Due;

use super::{length, micros};

/// How a time is meant, and its microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct When {
    pub(crate) how: &'static str,
    pub(crate) micros: Option<i64>,
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
        let micros = Some(i64::try_from(micros).unwrap_or(i64::MAX));
        Some(Self { how, micros })
    }

    /// When the job at this place of `count` is due, so that they run in this order: what is due at
    /// once some microseconds earlier, so that all are due at once; what is due later some
    /// microseconds later, so that none is early.
    pub(crate) fn in_turn(self, place: usize, count: usize) -> Self {
        let micros = |micros: usize| i64::try_from(micros).unwrap_or(i64::MAX);
        match self.micros {
            None => Self {
                how: "a",
                micros: Some(-micros(count - 1 - place)),
            },
            Some(due) => Self {
                how: self.how,
                micros: Some(due.saturating_add(micros(place))),
            },
        }
    }

    /// The microseconds as an argument.
    pub(crate) fn text(self) -> String {
        self.micros
            .map_or_else(String::new, |micros| micros.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn in_turn_all_are_due_at_once_and_none_is_early() {
        let texts = |due| {
            let when = When::of(due).unwrap();
            [0, 1, 2].map(|place| when.in_turn(place, 3).text())
        };
        assert_eq!(texts(Due::Now), ["-2", "-1", "0"]);
        assert_eq!(texts(Due::After(Duration::from_micros(7))), ["7", "8", "9"]);
    }
}
