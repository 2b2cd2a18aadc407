//! `kill -9`, at any moment: a test starts processes on one store, which are its own program again
//! with other words in the environment, kills them, starts others, and at last checks the
//! [history](crate::history) that they wrote, the store, and what lies below it.
//!
//! The crate of a store says in a [`Ground`] how its store is opened and checked, and has a test
//! named `child::child`, which is where a process begins:
//!
//! ```ignore
//! mod child {
//!     #[test]
//!     fn child() {
//!         marionette_conformance::crash::child(&crate::GROUND);
//!     }
//! }
//! ```
//!
//! `MARIONETTE_KILLS` multiplies the number of kills; `MARIONETTE_SEED` repeats the choices of a
//! run, as far as the operating system lets it.

mod poison;
mod producers;
mod workers;
mod parent;
mod child;
mod work;
mod place;
mod clock;

pub use child::{Told, child, insert};
pub use parent::{Books, Parent, Process, times};
pub use place::{Ground, Place};
pub use poison::poison_is_quarantined;
pub use producers::kill_producers;
pub use work::{WORKERS, Way, Work, job, job_after, manager, mixed};
pub use workers::kill_workers;
