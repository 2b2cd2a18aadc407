//! Where files have no owner that this library can ask for, nothing is looked at.

use std::path::Path;

use marionette::store::StoreError;

#[allow(clippy::unnecessary_wraps)] // Its twin refuses.
pub(crate) fn check(_path: &Path, _endings: &[&str]) -> Result<(), StoreError> {
    Ok(())
}

#[allow(clippy::unnecessary_wraps)] // As above.
pub(crate) fn check_kinds(_path: &Path) -> Result<(), StoreError> {
    Ok(())
}

#[allow(clippy::unnecessary_wraps)] // As above.
pub(crate) fn check_before(_path: &Path) -> Result<(), StoreError> {
    Ok(())
}

#[allow(clippy::unnecessary_wraps)] // As above.
pub(crate) fn check_after(_path: &Path) -> Result<(), StoreError> {
    Ok(())
}
