//! The limits of a worker are no fault of its tasks: at each of them no task loses an attempt
//! without having run, and it is said what is lacking.

#[path = "../common/mod.rs"]
mod common;

mod shell;
mod files;
mod processes;
mod sizes;
mod memory;
mod stuck;
