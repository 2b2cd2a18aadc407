//! The program `durable`: jobs in a file, beside what SQLite can do at best and beside the others
//! who keep jobs in it. Each of them is a process of its own, and the others a program of their
//! own too, in `contenders/`.

mod arguments;
mod table;
mod workload;
mod row;
mod aim;
mod note;

mod measure;
mod killed;
mod program;
mod ours;
mod raw;

use std::process::ExitCode;

use crate::durable::arguments::{Command, Plan};
use crate::durable::measure::Measure;
use crate::durable::row::Row;
use crate::durable::workload::Workload;
use crate::report::{self, About};
use crate::run::{self, Cell, Table};

/// The program `durable`.
#[must_use]
pub fn durable() -> ExitCode {
    match arguments::parse() {
        Ok(Command::Run(plan)) => run(&plan),
        Ok(Command::Child(program, order)) => program.measure(order),
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
        versions: program::versions(),
        rounds: plan.runs,
        method: table::METHOD,
        part: plan.part,
    };
    if !plan.json {
        print!("{}", report::text::head(&about));
        println!("disk      {}", measure.disk());
    }
    let mut tables = Vec::new();
    let takes_part = |workload: &&Workload| {
        let mut rows = workload.rows().iter();
        rows.any(|row| plan.rows.contains(row))
    };
    for &workload in plan.workloads.iter().filter(takes_part) {
        let table = table(plan, &measure, workload);
        if !plan.json {
            print!("{}", report::text::table(&table));
            print!("{}", note::text(workload, &table));
        }
        tables.push(table);
    }
    if plan.json {
        println!("{:#}", report::json::report(&about, &tables));
    }
    conclude(&tables)
}

/// Measures one workload.
fn table(plan: &Plan, measure: &Measure, workload: Workload) -> Table {
    let rows: Vec<Row> = workload
        .rows()
        .iter()
        .copied()
        .filter(|row| plan.rows.contains(row))
        .collect();
    let runs = plan.runs.min(workload.runs_max());
    let answers = run::rounds(&rows, runs, Row::label, |round, row| {
        let (id, label) = (workload.id(), row.label());
        eprintln!("{id} round {round}/{runs}: {label}");
        measure.outcome(workload, row)
    });
    run::table(workload.sheet(plan.part), &answers, |label, metric| {
        aim::goal(workload, label, metric)
    })
}

/// Says loudly what is missing; a failure only if it is ours or the floor below us.
fn conclude(tables: &[Table]) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for table in tables {
        for row in &table.rows {
            if let Cell::Failed(what) = &row.cell {
                eprintln!("\nMISSING in {}: {}: {what}", table.sheet.id, row.label);
                if Row::is_in_this_program(row.label) {
                    code = ExitCode::FAILURE;
                }
            }
        }
    }
    code
}
