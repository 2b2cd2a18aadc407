//! The program `commands`: many commands that do nothing, run by `marionette run` and by the
//! usual tools. The time of a command is then what the tool adds to it.

mod arguments;
mod runner;
mod promise;

mod measure;

use std::process::ExitCode;
use std::slice;

use clap::Parser;

use crate::commands::arguments::CommandsArguments;
use crate::commands::measure::CommandsMeasurement;
use crate::commands::runner::Runner;
use crate::report::{self, About};
use crate::run::{self, Cell, Table};
use crate::sheet::{Metric, Sheet, less, thousands};

const METRICS: &[Metric] = &[
    less("seconds", "seconds", 2),
    less("per_ms", "ms a command", 3),
    less("over_ms", "ms more than xargs", 3),
    less("cpu_ms", "CPU ms a command", 3),
];

/// The method, the same for all rows.
const METHOD: &str = "`true` does nothing, so the time is what is added to it;\n          \
                      what the commands and the contenders say goes to /dev/null";

/// The program `commands`.
#[must_use]
pub fn commands() -> ExitCode {
    let arguments = CommandsArguments::parse();
    let measure = match CommandsMeasurement::prepare(&arguments) {
        Ok(measure) => measure,
        Err(what) => {
            eprintln!("{what}");
            return ExitCode::FAILURE;
        }
    };
    let about = About {
        versions: runner::versions(&arguments.rows()),
        rounds: arguments.runs(),
        method: METHOD,
        part: arguments.part(),
    };
    let json = arguments.run.json;
    if !json {
        print!("{}", report::text::head(&about));
    }
    let table = table(&arguments, measure);
    if json {
        println!(
            "{:#}",
            report::json::report(&about, slice::from_ref(&table))
        );
    } else {
        print!("{}", report::text::table(&table));
        print!("{}", promise::text(&arguments.rows()));
    }
    conclude(&table)
}

fn table(arguments: &CommandsArguments, mut measure: CommandsMeasurement) -> Table {
    let (rows, runs) = (arguments.rows(), arguments.runs());
    let answers = run::rounds(&rows, runs, Runner::label, |round, row| {
        eprintln!("round {round}/{runs}: {}", row.label());
        measure.outcome(row)
    });
    run::table(sheet(arguments), &answers, |_, _| None)
}

fn sheet(arguments: &CommandsArguments) -> Sheet {
    let count = thousands(arguments.count());
    Sheet {
        id: "C1",
        title: format!("{count} times `true`, {} at once", arguments.at_once()),
        metrics: METRICS,
        base: Some(Runner::Xargs.label()),
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
