//! `marionette doctor`: looks for damage in a store.

use anyhow::Result;
use marionette::store::JobState;
use marionette_sqlite::SqliteStore;
use serde_json::{Value, json};

use crate::console::text::{count, safe};
use crate::store::{Checkup, explain};

use super::operator::Operator;

/// How many tasks there are.
#[derive(Default)]
struct Tasks {
    waiting: u64,
    running: u64,
    ended: u64,
}

pub(super) async fn doctor(operator: &Operator) -> Result<u8> {
    let opened = &operator.opened;
    let checkup = opened.check_up().await?;
    let store = &*opened.store;
    let mut tasks = Tasks::default();
    for count in store.counts().await.map_err(explain)? {
        match count.state {
            JobState::Running => tasks.running += count.jobs,
            state if state.is_end() => tasks.ended += count.jobs,
            _ => tasks.waiting += count.jobs,
        }
    }
    let instances = store.instances().await.map_err(explain)?.len();
    let notes: Vec<_> = opened.note_of_readers().into_iter().collect();
    let console = &operator.console;
    if console.json {
        console.value(&value(operator, &checkup, &tasks, instances, &notes));
    } else {
        if !console.quiet || !checkup.is_clean() {
            console.result(&page(operator, &checkup, &tasks, instances));
        }
        for note in &notes {
            console.note(note);
        }
    }
    Ok(u8::from(!checkup.is_clean()))
}

fn page(operator: &Operator, checkup: &Checkup, tasks: &Tasks, instances: usize) -> String {
    let opened = &operator.opened;
    let version = if opened.is_shared() {
        String::new()
    } else {
        format!(", version {}", SqliteStore::VERSION)
    };
    let Tasks {
        waiting,
        running,
        ended,
    } = tasks;
    let mut lines = vec![
        format!("Store      {}{version}", opened.shown()),
        format!("Tasks      {waiting} waiting, {running} running, {ended} ended"),
        format!("Instances  {instances}"),
    ];
    let faults = checkup.faults.len() as u64 + checkup.more_faults;
    lines.push(match faults {
        0 if checkup.left_out.is_empty() => "Damage     none".to_owned(),
        0 => "Damage     none in what could be looked at".to_owned(),
        faults => format!(
            "Damage     {}",
            count(faults.try_into().unwrap_or(usize::MAX), "fault")
        ),
    });
    for fault in &checkup.faults {
        let about = fault
            .task
            .map_or_else(String::new, |task| format!("task {task} "));
        lines.push(format!("  {about}{}", safe(&fault.text)));
    }
    if checkup.more_faults > 0 {
        lines.push(format!("  and {} more", checkup.more_faults));
    }
    for left_out in &checkup.left_out {
        lines.push(format!("Not looked at: {}", safe(left_out)));
    }
    lines.join("\n")
}

fn value(
    operator: &Operator,
    checkup: &Checkup,
    tasks: &Tasks,
    instances: usize,
    notes: &[String],
) -> Value {
    let faults = checkup.faults.iter().map(|fault| {
        let task = fault.task.map(|task| task.to_string());
        json!({"task": task, "text": fault.text})
    });
    let kind = if operator.opened.is_shared() {
        "redis"
    } else {
        "sqlite"
    };
    json!({
        "store": operator.opened.shown(),
        "kind": kind,
        "clean": checkup.is_clean(),
        "tasks": {
            "waiting": tasks.waiting,
            "running": tasks.running,
            "ended": tasks.ended,
        },
        "instances": instances,
        "faults": faults.collect::<Vec<_>>(),
        "more_faults": checkup.more_faults,
        "left_out": checkup.left_out,
        "notes": notes,
    })
}
