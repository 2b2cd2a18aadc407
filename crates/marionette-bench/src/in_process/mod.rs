//! The program `in-process`: every workload that needs no store.

mod arguments;
mod aim;
mod lineup;
mod workload;
mod contender;
mod work;

use std::process::ExitCode;

use marionette_yardstick::child::answer;
use marionette_yardstick::figures::Outcome;

use crate::in_process::arguments::{Command, Plan};
use crate::in_process::contender::name::Name;
use crate::in_process::workload::table::METHOD;
use crate::in_process::workload::{Size, Workload};
use crate::report::{self, About};
use crate::run::{self, Table};
use crate::{child, machine};

/// The program `in-process`.
#[must_use]
pub fn in_process() -> ExitCode {
    match arguments::parse() {
        Ok(Command::Run(plan)) => run(&plan),
        Ok(Command::Child(workload, name, size)) => answer(workload.measure(name, size)),
        Ok(Command::Help) => {
            print!("{}", arguments::HELP);
            ExitCode::SUCCESS
        }
        Err(what) => {
            eprintln!("{what}");
            ExitCode::from(2)
        }
    }
}

fn run(plan: &Plan) -> ExitCode {
    let about = About {
        versions: machine::versions(machine::LOCK, &machine::IN_PROCESS),
        rounds: plan.runs,
        method: METHOD,
        part: if plan.size == Size::Quick { 10 } else { 1 },
    };
    if !plan.json {
        print!("{}", report::text::head(&about));
    }
    let mut tables = Vec::new();
    for &workload in &plan.workloads {
        let table = table(plan, workload);
        if !plan.json {
            print!("{}", report::text::table(&table));
        }
        tables.push(table);
    }
    if plan.json {
        println!("{:#}", report::json::report(&about, &tables));
    }
    ExitCode::SUCCESS
}

/// Measures one workload.
fn table(plan: &Plan, workload: Workload) -> Table {
    let takes_part = |name: &Name| name.appears_in(workload) && plan.contenders.contains(name);
    let names: Vec<Name> = Name::ALL.into_iter().filter(takes_part).collect();
    let answers = run::rounds(&names, plan.runs, Name::label, |round, name| {
        let (id, label) = (workload.id(), name.label());
        eprintln!("{id} round {round}/{}: {label}", plan.runs);
        measured(workload, name, plan.size)
    });
    run::table(workload.sheet(plan.size), &answers, |label, metric| {
        aim::goal(workload, label, metric)
    })
}

fn measured(workload: Workload, name: Name, size: Size) -> Outcome {
    if let Some(why) = name.cannot(workload) {
        return Outcome::Cannot(why.to_owned());
    }
    child::ask(child::this_program().args(arguments::child_words(workload, name, size)))
}
