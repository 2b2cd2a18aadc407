//! What every store must do, as tests. A store is done when it passes, and only then.
//!
//! A store's crate has a test without a harness that names a [`Fixture`], the place where the store
//! keeps its data, and calls [`run`]:
//!
//! ```toml
//! [[test]]
//! name = "conformance"
//! harness = false
//! ```
//!
//! ```no_run
//! use std::process::ExitCode;
//! use std::sync::Arc;
//!
//! use marionette::MemoryStore;
//! use marionette::store::Store;
//! use marionette_conformance::{CommonOptions, Fixture, FixtureFuture, run, with_common_options};
//!
//! #[derive(Default)]
//! struct InMemory(MemoryStore);
//!
//! impl Fixture for InMemory {
//!     fn open(&self) -> FixtureFuture<'_, Arc<dyn Store>> {
//!         Box::pin(async { Arc::new(self.0.clone()) as Arc<dyn Store> })
//!     }
//!
//!     fn open_keeping(&self, done: usize) -> FixtureFuture<'_, Arc<dyn Store>> {
//!         let store = MemoryStore::options().keep_done_count(done as u64).build();
//!         Box::pin(async { Arc::new(store) as Arc<dyn Store> })
//!     }
//!
//!     fn open_with(&self, common: &CommonOptions) -> Option<FixtureFuture<'_, Arc<dyn Store>>> {
//!         let store = with_common_options!(MemoryStore::options(), common).build();
//!         Some(Box::pin(async { Arc::new(store) as Arc<dyn Store> }))
//!     }
//! }
//!
//! fn main() -> ExitCode {
//!     run(|| Box::new(InMemory::default()))
//! }
//! ```
//!
//! `tests/toy_store` of this crate is a whole store with its fixture, in its shortest form: begin
//! from it. A store may leave out the [parts](Part) of the contract that have a default.
//!
//! Each case is a test of its own, with a fixture of its own, and `cargo test` filters them by name
//! as usual. `MARIONETTE_MODEL_CASES` says how many random cases the model is compared with, and
//! `MARIONETTE_SEED` repeats those of a failure.

#[cfg(feature = "suite")]
mod suite;
#[cfg(feature = "suite")]
mod cases;
#[cfg(feature = "suite")]
mod model;
#[cfg(feature = "suite")]
mod case;
#[cfg(feature = "suite")]
mod bed;
pub mod crash;
mod fixture;
mod options;

mod faulty;
pub mod history;

pub use faulty::{CallSize, Fault, FaultyStore, Method};
pub use fixture::{Fixture, FixtureFuture, Part};
pub use options::CommonOptions;
#[cfg(feature = "suite")]
pub use suite::run;
