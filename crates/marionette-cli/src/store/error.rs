//! The text of an error of the store.

use std::error::Error;
use std::io::{self, ErrorKind};

use anyhow::anyhow;
use marionette::store::{StoreError, StoreErrorKind};

use crate::console::text::{self, safe};
use crate::process::lack;

/// The length above which an error is shortened in its middle: SQLite may quote as much as the
/// whole file.
const TOLD_BYTES_MAX: usize = 4 * 1024;

/// An error of the store and its sources in one safe line, since SQLite quotes the contents of the
/// file.
#[allow(clippy::needless_pass_by_value)] // So it stands in `map_err` as it is.
pub(crate) fn explain(error: StoreError) -> anyhow::Error {
    let is_full = error.kind() == StoreErrorKind::Full;
    let mut told = error.to_string();
    let (mut is_file_too_large, mut is_of_memory) = (false, false);
    let mut source = error.source();
    while let Some(error) = source {
        let of_system: Option<&io::Error> = error.downcast_ref();
        is_file_too_large |= of_system.is_some_and(|it| it.kind() == ErrorKind::FileTooLarge);
        is_of_memory |= of_system.is_some_and(|it| it.kind() == ErrorKind::OutOfMemory);
        if !of_system.is_some_and(is_kind_alone) {
            let lack = of_system.and_then(lack::of);
            let text = lack.unwrap_or_else(|| error.to_string());
            told = format!("{told}: {text}");
        }
        source = error.source();
    }
    let told = safe(&text::shorten(&told, TOLD_BYTES_MAX, TOLD_BYTES_MAX / 2));
    if is_full && is_file_too_large {
        return anyhow!("{told}; allow larger files and try again");
    }
    if is_full && is_of_memory {
        return anyhow!("{told}; give the server more, or delete tasks, and try again");
    }
    if is_full {
        return anyhow!("the disk is full: {told}; make room on it and try again");
    }
    anyhow!(told)
}

/// Whether an error has no text of its own, and only tells of what kind the store's error is.
fn is_kind_alone(error: &io::Error) -> bool {
    error.raw_os_error().is_none() && error.get_ref().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_may_not_grow_is_told_from_a_full_disk_by_its_cause_whatever_the_words() {
        let grown = StoreError::full("tasks.db: it cannot grow");
        let grown = grown.with_source(io::Error::from(ErrorKind::FileTooLarge));
        assert_eq!(
            explain(grown).to_string(),
            "tasks.db: it cannot grow; allow larger files and try again"
        );
        let full = StoreError::full("a folder called (ulimit -f): no space");
        assert_eq!(
            explain(full).to_string(),
            "the disk is full: a folder called (ulimit -f): no space; make room on it and try again"
        );
        let memory = StoreError::full("the memory of the server is full");
        let memory = memory.with_source(io::Error::from(ErrorKind::OutOfMemory));
        assert_eq!(
            explain(memory).to_string(),
            "the memory of the server is full; give the server more, or delete tasks, and try again"
        );
    }
}
