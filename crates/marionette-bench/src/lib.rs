//! Marionette beside its competitors, in one run, on one machine.
//!
//! Absolute figures move from machine to machine and from day to day: what counts is the ratio, in
//! one run. So every contender does the same work in the same minute, each measurement in a
//! process of its own, and the report states the machine, the versions, what we aimed at, and what
//! a competitor cannot do.
//!
//! ```text
//! cargo run --release -p marionette-bench --bin in-process -- --help
//! cargo bench -p marionette-bench --bench instructions
//! ```
//!
//! The first measures times, memory and CPU; the second counts instructions, for continuous
//! integration.
//!
//! All but the counting of instructions needs the feature `competitors`, which is on by default.

#![cfg(feature = "competitors")]

mod arguments;
mod run;
mod child;
mod aim;
mod report;

mod work;
mod workload;
mod contender;

mod figures;
mod tally;
mod samples;
mod usage;
mod clock;
mod machine;

use std::process::ExitCode;

use crate::arguments::Command;

/// The program `in-process`.
#[must_use]
pub fn in_process() -> ExitCode {
    let plan = match arguments::parse() {
        Ok(Command::Run(plan)) => plan,
        Ok(Command::Child(workload, name, size)) => child::measure(workload, name, size),
        Ok(Command::Help) => {
            print!("{}", arguments::HELP);
            return ExitCode::SUCCESS;
        }
        Err(what) => {
            eprintln!("{what}");
            return ExitCode::from(2);
        }
    };
    if !plan.json {
        print!("{}", report::text::head(&plan));
    }
    let mut tables = Vec::new();
    for &workload in &plan.workloads {
        let table = run::table(&plan, workload, |round, name| {
            eprintln!(
                "{} round {round}/{}: {}",
                workload.id(),
                plan.runs,
                name.label()
            );
        });
        if !plan.json {
            print!("{}", report::text::table(&plan, &table));
        }
        tables.push(table);
    }
    if plan.json {
        println!("{:#}", report::json::report(&plan, &tables));
    }
    ExitCode::SUCCESS
}
