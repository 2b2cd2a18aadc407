//! `marionette doctor`: looks for damage in a store.

use std::fmt;

use anyhow::Result;
use marionette::inspect::Count;
use marionette::store::{JobState, StoreError, StoreErrorKind};
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

impl Tasks {
    fn of(counts: Vec<Count>) -> Self {
        let mut tasks = Self::default();
        for count in counts {
            match count.state {
                JobState::Running => tasks.running += count.jobs,
                state if state.is_end() => tasks.ended += count.jobs,
                _ => tasks.waiting += count.jobs,
            }
        }
        tasks
    }
}

impl fmt::Display for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            waiting,
            running,
            ended,
        } = self;
        write!(f, "{waiting} waiting, {running} running, {ended} ended")
    }
}

pub(super) async fn doctor(operator: &Operator) -> Result<u8> {
    let opened = &operator.opened;
    let checkup = opened.check_up().await?;
    let store = &*opened.store;
    let tasks = unless_damaged(&checkup, store.counts().await)?.map(Tasks::of);
    let instances = unless_damaged(&checkup, store.instances().await)?.map(|all| all.len());
    let notes: Vec<_> = opened.note_of_readers().into_iter().collect();
    let console = &operator.console;
    if console.json {
        console.value(&value(
            operator,
            &checkup,
            tasks.as_ref(),
            instances,
            &notes,
        ));
    } else {
        if !console.quiet || !checkup.is_clean() {
            console.result(&page(operator, &checkup, tasks.as_ref(), instances));
        }
        for note in &notes {
            console.note(note);
        }
    }
    Ok(u8::from(!checkup.is_clean()))
}

/// What a store answered; `None` if it cannot, since it is damaged.
fn unless_damaged<T>(checkup: &Checkup, answer: Result<T, StoreError>) -> Result<Option<T>> {
    match answer {
        Err(error) if error.kind() == StoreErrorKind::Broken && !checkup.is_clean() => Ok(None),
        answer => Ok(Some(answer.map_err(explain)?)),
    }
}

fn page(
    operator: &Operator,
    checkup: &Checkup,
    tasks: Option<&Tasks>,
    instances: Option<usize>,
) -> String {
    let opened = &operator.opened;
    let version = if opened.is_shared() {
        String::new()
    } else {
        format!(", version {}", SqliteStore::VERSION)
    };
    let uncounted = || "cannot be counted".to_owned();
    let tasks = tasks.map_or_else(uncounted, ToString::to_string);
    let instances = instances.map_or_else(uncounted, |instances| instances.to_string());
    let mut lines = vec![
        format!("Store      {}{version}", opened.shown()),
        format!("Tasks      {tasks}"),
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
    tasks: Option<&Tasks>,
    instances: Option<usize>,
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
        "tasks": tasks.map(|tasks| json!({
            "waiting": tasks.waiting,
            "running": tasks.running,
            "ended": tasks.ended,
        })),
        "instances": instances,
        "faults": faults.collect::<Vec<_>>(),
        "more_faults": checkup.more_faults,
        "left_out": checkup.left_out,
        "notes": notes,
    })
}
