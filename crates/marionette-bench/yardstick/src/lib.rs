//! What the benchmarks share: the clock, samples, figures; and for durable jobs the workloads,
//! written once, that every contender is measured with in a process of its own.
//!
//! A contender implements [`Contender`] and calls [`main`], or [`main_with_sockets`]. It is told
//! what to do by four words and a number or two ([`mod@order`]), and answers with one `key=value`
//! line for each figure ([`figures`]).

#[cfg(feature = "apalis")]
pub mod apalis;
pub mod workload;
pub mod contender;
pub mod job;
pub mod order;

pub mod child;
pub mod figures;

pub mod log;
pub mod samples;
pub mod tally;
pub mod usage;
pub mod clock;

use std::env;

use crate::contender::Contender;
use crate::order::Order;

/// The whole program of a contender that keeps its jobs in a file.
pub fn main<C: Contender>() -> ! {
    child::answer(workload::measure::<C>(order()))
}

/// The whole program of a contender that keeps its jobs on a server.
pub fn main_with_sockets<C: Contender>() -> ! {
    child::answer_with_sockets(workload::measure::<C>(order()))
}

/// What this process is told to do.
fn order() -> Order {
    Order::read(env::args().skip(1)).unwrap_or_else(|what| {
        eprintln!("{what}");
        std::process::exit(2);
    })
}
