//! What an error of the store says.

use std::error::Error;

use anyhow::anyhow;
use marionette::store::StoreError;

use crate::console::text::{self, safe};
use crate::process::lack;

/// A longer error is shortened in its middle. What SQLite quotes in one can be as long as the file.
const TOLD_BYTES_MAX: usize = 4 * 1024;

/// An error of the store with its sources in one line: SQLite quotes what is in the file. What a
/// source says that stands there already is not said again.
#[allow(clippy::needless_pass_by_value)] // So it stands in `map_err` as it is.
pub(crate) fn explain(error: StoreError) -> anyhow::Error {
    let is_full = error.is_full();
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let lack = error.downcast_ref().and_then(lack::of);
        let text = lack.unwrap_or_else(|| error.to_string());
        let core = text.rsplit(": ").next().unwrap_or(&text);
        if !told.contains(core) {
            told = format!("{told}: {text}");
        }
        source = error.source();
    }
    let told = safe(&text::shorten(&told, TOLD_BYTES_MAX, TOLD_BYTES_MAX / 2));
    if is_full && told.contains(lack::BY_FILE_SIZE) {
        return anyhow!("{told}; allow larger files and try again");
    }
    if is_full {
        return anyhow!("the disk is full: {told}; make room on it and try again");
    }
    anyhow!(told)
}
