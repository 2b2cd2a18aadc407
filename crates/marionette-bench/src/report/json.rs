//! The report for a program: one JSON document.

use serde_json::{Map, Value, json};

use crate::arguments::Plan;
use crate::machine;
use crate::run::{Cell, Row, Summary, Table};
use crate::workload::Size;

/// The whole report.
pub(crate) fn report(plan: &Plan, tables: &[Table]) -> Value {
    let versions: Map<String, Value> = machine::versions()
        .into_iter()
        .map(|(name, version)| (name.to_owned(), Value::from(version)))
        .collect();
    json!({
        "machine": machine::describe(),
        "versions": versions,
        "rounds": plan.runs,
        "quick": plan.size == Size::Quick,
        "tables": tables.iter().map(|t| table(plan, t)).collect::<Vec<_>>(),
    })
}

fn table(plan: &Plan, table: &Table) -> Value {
    json!({
        "workload": table.workload.id(),
        "title": table.workload.title(plan.size),
        "base": table.workload.base().map(crate::contender::name::Name::label),
        "rows": table.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

fn row(row: &Row) -> Value {
    let contender = row.name.label();
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
    let aim = summary.aim.map(
        |(aim, reached)| json!({ "at_most": aim.at_most, "ratio": aim.ratio, "reached": reached }),
    );
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
