//! Marionette beside its competitors, in one run, on one machine.
//!
//! Absolute figures move from machine to machine and from day to day: what counts is the ratio, in
//! one run. So every contender does the same work in the same minute, each measurement in a
//! process of its own, and the report states the machine, the versions, what we aimed at, and what
//! a competitor cannot do.
//!
//! ```text
//! cargo run --release -p marionette-bench --bin in-process -- --help
//! cargo run --release -p marionette-bench --bin durable -- --help
//! cargo run --release -p marionette-bench --bin commands -- --help
//! cargo bench -p marionette-bench --bench instructions
//! ```
//!
//! The first measures times, memory and CPU in one process; the second measures jobs in a file and
//! on a server; the third measures commands of a shell; the fourth counts instructions, for
//! continuous integration.
//!
//! All but the counting of instructions needs the feature `competitors`, which is on by default.

#![cfg(feature = "competitors")]

mod in_process;
mod durable;
mod commands;

mod arguments;
mod report;
mod run;
mod sheet;
mod child;
mod machine;

pub use commands::commands;
pub use durable::durable;
pub use in_process::in_process;
