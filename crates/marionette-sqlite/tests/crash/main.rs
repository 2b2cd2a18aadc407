//! `kill -9`, at any moment: no accepted job is lost, none is completed twice, and the jobs of a
//! dead process run again within a second.
//!
//! A test starts processes, which are this program again with other words in the environment, kills
//! them, starts others, and at last checks the [history](marionette_conformance::history) that they
//! wrote, the store, and the file.
//!
//! `MARIONETTE_KILLS` multiplies the number of kills; `MARIONETTE_SEED` repeats the choices of a
//! run, as far as the operating system lets it.

#![cfg(unix)]

mod child;
mod clock;
mod engine;
#[cfg(feature = "failpoints")]
mod failpoints;
mod lease;
mod parent;
mod poison;
mod producers;
mod tail;
mod work;
