//! The program `durable`: jobs in a file and on a server, beside what SQLite and Redis can do at
//! best and beside the others who keep jobs in them. Each of them is a process of its own, and
//! the others a program of their own too, in `contenders/`.

mod arguments;
mod table;
mod workload;
mod setup;
mod aim;
mod note;

mod measure;
mod fleet;
mod killed;
mod versions;
mod server;
mod program;
mod built;
mod ours;
mod claims;
mod raw;
mod raw_redis;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::order;
use crate::durable::arguments::DurableArguments;
use crate::durable::measure::DurableMeasurement;
use crate::durable::program::Program;
use crate::durable::setup::Setup;
use crate::durable::workload::DurableWorkload;
use crate::report::{self, About};
use crate::run::{self, Cell, Table};

/// The program `durable`.
#[must_use]
pub fn durable() -> ExitCode {
    match order().map(Program::read) {
        Some(Ok((program, order))) => program.measure(order),
        Some(Err(what)) => {
            eprintln!("{what}");
            ExitCode::from(2)
        }
        None => run(&DurableArguments::parse()),
    }
}

fn run(arguments: &DurableArguments) -> ExitCode {
    let mut workloads = arguments.workloads();
    let is_on_a_server = |workload: &DurableWorkload| workload.is_on_a_server();
    if workloads.iter().any(is_on_a_server) && !server::is_here() {
        workloads.retain(|workload| !is_on_a_server(workload));
    }
    let measure = match DurableMeasurement::prepare(arguments, &workloads) {
        Ok(measure) => measure,
        Err(what) => {
            eprintln!("{what}");
            return ExitCode::FAILURE;
        }
    };
    let in_a_file = !workloads.iter().all(is_on_a_server);
    let on_a_server = workloads.iter().any(is_on_a_server);
    let about = About {
        versions: versions::all(in_a_file, on_a_server),
        rounds: arguments.runs(),
        method: table::method(in_a_file, on_a_server),
        part: arguments.part(),
    };
    let json = arguments.run.json;
    if !json {
        print!("{}", report::text::head(&about));
        println!("disk      {}", measure.disk());
    }
    let mut tables = Vec::new();
    for workload in workloads {
        let rows = workload.rows_among(&arguments.rows());
        if rows.is_empty() {
            continue;
        }
        let table = table(arguments, &measure, workload, &rows);
        if !json {
            print!("{}", report::text::table(&table));
            print!("{}", note::text(workload, &table));
        }
        tables.push(table);
    }
    if json {
        println!("{:#}", report::json::report(&about, &tables));
    }
    conclude(&tables)
}

/// Measures one workload.
fn table(
    arguments: &DurableArguments,
    measure: &DurableMeasurement,
    workload: DurableWorkload,
    rows: &[Setup],
) -> Table {
    let runs = arguments.runs().min(workload.runs_max());
    let answers = run::rounds(rows, runs, Setup::label, |round, row| {
        let (id, label) = (workload.id(), row.label());
        eprintln!("{id} round {round}/{runs}: {label}");
        measure.outcome(workload, row)
    });
    run::table(
        workload.sheet(arguments.part()),
        &answers,
        |label, metric| aim::goal(workload, label, metric),
    )
}

/// Says loudly what is missing; a failure only if it is ours or the floor below us.
fn conclude(tables: &[Table]) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for table in tables {
        for row in &table.rows {
            if let Cell::Failed(what) = &row.cell {
                eprintln!("\nMISSING in {}: {}: {what}", table.sheet.id, row.label);
                if Setup::is_in_this_program(row.label) {
                    code = ExitCode::FAILURE;
                }
            }
        }
    }
    code
}
