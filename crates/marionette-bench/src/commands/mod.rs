//! The program `commands`: many commands that do nothing, run by `marionette run` and by what
//! people have used so far. What is measured is so what each adds to a command.

mod arguments;
mod row;
mod promise;

mod measure;

use std::process::ExitCode;
use std::slice;

use crate::commands::arguments::{Command, Plan};
use crate::commands::measure::Measure;
use crate::commands::row::Row;
use crate::report::{self, About};
use crate::run::{self, Cell, Table};
use crate::sheet::{Metric, Sheet, less, thousands};

const METRICS: &[Metric] = &[
    less("seconds", "seconds", 2),
    less("per_ms", "ms a command", 3),
    less("over_ms", "ms more than xargs", 3),
    less("cpu_ms", "CPU ms a command", 3),
];

/// What is the same for all.
const METHOD: &str = "`true` does nothing, so the time is what is added to it;\n          \
                      what the commands and the contenders say goes to /dev/null";

/// The program `commands`.
#[must_use]
pub fn commands() -> ExitCode {
    match arguments::parse() {
        Ok(Command::Run(plan)) => run(&plan),
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
    let measure = match Measure::prepare(plan) {
        Ok(measure) => measure,
        Err(what) => {
            eprintln!("{what}");
            return ExitCode::FAILURE;
        }
    };
    let about = About {
        versions: row::versions(&plan.rows),
        rounds: plan.runs,
        method: METHOD,
        part: plan.part,
    };
    if !plan.json {
        print!("{}", report::text::head(&about));
    }
    let table = table(plan, measure);
    if plan.json {
        println!(
            "{:#}",
            report::json::report(&about, slice::from_ref(&table))
        );
    } else {
        print!("{}", report::text::table(&table));
        print!("{}", promise::text(&plan.rows));
    }
    conclude(&table)
}

fn table(plan: &Plan, mut measure: Measure) -> Table {
    let answers = run::rounds(&plan.rows, plan.runs, Row::label, |round, row| {
        eprintln!("round {round}/{}: {}", plan.runs, row.label());
        measure.outcome(row)
    });
    run::table(sheet(plan), &answers, |_, _| None)
}

fn sheet(plan: &Plan) -> Sheet {
    let count = thousands(plan.count());
    Sheet {
        id: "C1",
        title: format!("{count} times `true`, {} at once", plan.at_once),
        metrics: METRICS,
        base: Some(Row::Xargs.label()),
    }
}

/// Says loudly what is missing; a failure only if it is ours.
fn conclude(table: &Table) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for row in &table.rows {
        if let Cell::Failed(what) = &row.cell {
            eprintln!("\nMISSING: {}: {what}", row.label);
            if row.label.starts_with("marionette") {
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}
