//! Our own locks on the files of a store, beside those of SQLite.
//!
//! SQLite's locks belong to the process, and the system drops them all when the process closes the
//! file anywhere: whoever reads the file of an open store, for a copy or a checksum, takes its
//! locks. To any other SQLite the file is closed then: it copies the WAL, removes it, and what is
//! accepted from then on would be lost. Locks of an open file stay as long as that is open.

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod disabled;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod enabled;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) use disabled::Guard;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use enabled::Guard;
