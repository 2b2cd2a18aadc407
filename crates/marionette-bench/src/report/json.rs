//! The report for a program: one JSON document.

use serde_json::{Map, Value, json};

use crate::machine;
use crate::report::About;
use crate::run::{Cell, Row, Summary, Table};
use crate::sheet::Better;

/// The whole report.
pub(crate) fn report(about: &About, tables: &[Table]) -> Value {
    let versions: Map<String, Value> = about
        .versions
        .iter()
        .map(|&(name, version)| (name.to_owned(), Value::from(version)))
        .collect();
    json!({
        "machine": machine::describe(),
        "versions": versions,
        "rounds": about.rounds,
        "part": about.part,
        "tables": tables.iter().map(table).collect::<Vec<_>>(),
    })
}

fn table(table: &Table) -> Value {
    json!({
        "workload": table.sheet.id,
        "title": table.sheet.title,
        "base": table.sheet.base,
        "rows": table.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

fn row(row: &Row) -> Value {
    let contender = row.label;
    match &row.cell {
        Cell::Figures(summaries) => {
            let figures: Map<String, Value> = summaries.iter().map(summary).collect();
            json!({ "contender": contender, "figures": figures })
        }
        Cell::Cannot(why) => json!({ "contender": contender, "cannot": why }),
        Cell::Failed(what) => json!({ "contender": contender, "failed": what }),
    }
}

fn summary(summary: &Summary) -> (String, Value) {
    let limit = match summary.metric.better {
        Better::Less => "at_most",
        Better::More => "at_least",
    };
    let aim = summary
        .aim
        .map(|(aim, reached)| json!({ limit: aim.figure, "ratio": aim.ratio, "reached": reached }));
    let figure = json!({
        "median": summary.median(),
        "min": summary.min(),
        "max": summary.max(),
        "rounds": summary.rounds,
        "ratio": summary.ratio,
        "aim": aim,
    });
    (summary.metric.key.to_owned(), figure)
}
