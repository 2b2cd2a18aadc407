//! The engine of jobs in a simulated world: several managers on one store, and every misfortune
//! that can befall them, all from one seed and on a clock that jumps.
//!
//! What runs is the real engine, with its claimer, settler, renewer and sweeper. The store is
//! [`MemoryStore`](marionette::MemoryStore) behind a link that loses requests and
//! answers, delays them, lets them arrive too late, and is cut now and then.
//! Managers crash, are stopped, and start again; persons cancel and retry; sweeps come at any time.
//! Wall clocks are off and jump, and machines are suspended.
//! After an hour of that all faults end, and every job must end soon; one that has a date, once the
//! wall clock of the store has come to it.
//!
//! No thread, no real clock and no order of a hash map has a say: a seed repeats its world to the
//! last line.
//!
//! What must hold: no job is claimed before its time by the clocks of the store, whatever these do;
//! no settlement is applied whose lease no longer holds, no job is taken from an instance that gave
//! a sign of life and named it, three deaths quarantine and no fewer; and I1 to I5 and I7 of the
//! [history](marionette_conformance::history).

mod world;
mod report;
mod process;
mod store;
mod work;
mod plan;
mod link;
mod board;
mod story;
mod clock;

pub use board::Seen;
pub use plan::Plan;
pub use report::Report;
pub use world::{run, story};
