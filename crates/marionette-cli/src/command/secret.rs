//! A text that no format shows by accident.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A text that must not be shown: it has no `Display`, and `Debug` shows `***`. Code that needs the
/// text calls [`reveal`](Self::reveal), which can be searched for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the command that needs it and for nothing else.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(super::MASK)
    }
}
