//! A fault and where it is.

use std::fmt;
use std::path::{Path, PathBuf};

/// Displays as `file:line: what is wrong and what to do`, which editors can follow.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    path: PathBuf,
    line: usize,
    text: String,
}

impl Finding {
    /// `line` counts from 1.
    pub(crate) fn new(path: &Path, line: usize, text: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            text: text.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.text)
    }
}

/// What `check` finds in a file called `path` with this text, as it would be printed.
#[cfg(test)]
pub(crate) fn found(
    check: fn(&super::source::Source) -> Vec<Finding>,
    path: &str,
    text: &str,
) -> Vec<String> {
    let source = super::source::Source::new(Path::new(path), text.to_owned());
    check(&source).iter().map(ToString::to_string).collect()
}
