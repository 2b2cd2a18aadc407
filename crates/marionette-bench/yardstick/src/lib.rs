//! What the benchmarks share: the clock, samples, figures; and for durable jobs the workloads,
//! written once, that every contender is measured with in a process of its own.
//!
//! A contender implements [`Contender`] and calls [`main`]. It is told what
//! to do by four words and a number or two ([`order`]), and answers with one `key=value` line for
//! each figure ([`figures`]).

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

/// The whole program of a contender.
pub fn main<C: Contender>() -> ! {
    match Order::read(env::args().skip(1)) {
        Ok(order) => child::answer(workload::measure::<C>(order)),
        Err(what) => {
            eprintln!("{what}");
            std::process::exit(2);
        }
    }
}
