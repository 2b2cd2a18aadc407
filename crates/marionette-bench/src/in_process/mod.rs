//! The program `in-process`: every workload that needs no store.

mod arguments;
mod aim;
mod lineup;
mod workload;
mod contender;
mod work;

use std::process::ExitCode;

use clap::Parser;
use marionette_yardstick::child::answer;
use marionette_yardstick::figures::Outcome;

use crate::arguments::order;
use crate::in_process::arguments::{InProcessArguments, Trial};
use crate::in_process::contender::name::Name;
use crate::in_process::workload::table::METHOD;
use crate::in_process::workload::{Size, Workload};
use crate::report::{self, About};
use crate::run::{self, Table};
use crate::{child, machine};

/// The program `in-process`.
#[must_use]
pub fn in_process() -> ExitCode {
    match order().map(Trial::read) {
        Some(Ok(trial)) => answer(trial.workload.measure(trial.name, trial.size)),
        Some(Err(what)) => {
            eprintln!("{what}");
            ExitCode::from(2)
        }
        None => run(&InProcessArguments::parse()),
    }
}

fn run(arguments: &InProcessArguments) -> ExitCode {
    let about = About {
        versions: machine::versions(machine::LOCK, &machine::IN_PROCESS),
        rounds: arguments.runs(),
        method: METHOD,
        part: match arguments.size() {
            Size::Full => 1,
            Size::Quick => 10,
        },
    };
    let json = arguments.run.json;
    if !json {
        print!("{}", report::text::head(&about));
    }
    let mut tables = Vec::new();
    for workload in arguments.workloads() {
        let table = table(arguments, workload);
        if !json {
            print!("{}", report::text::table(&table));
        }
        tables.push(table);
    }
    if json {
        println!("{:#}", report::json::report(&about, &tables));
    }
    ExitCode::SUCCESS
}

/// Measures one workload.
fn table(arguments: &InProcessArguments, workload: Workload) -> Table {
    let (runs, size) = (arguments.runs(), arguments.size());
    let mut names = arguments.contenders();
    names.retain(|name| name.appears_in(workload));
    let answers = run::rounds(&names, runs, Name::label, |round, name| {
        eprintln!("{} round {round}/{runs}: {}", workload.id(), name.label());
        outcome(Trial {
            workload,
            name,
            size,
        })
    });
    run::table(workload.sheet(size), &answers, |label, metric| {
        aim::goal(workload, label, metric)
    })
}

fn outcome(trial: Trial) -> Outcome {
    if let Some(why) = trial.name.cannot(trial.workload) {
        return Outcome::Cannot(why.to_owned());
    }
    child::ask(child::this_program().args(trial.words()))
}
