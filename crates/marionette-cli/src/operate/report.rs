//! The result of a change: how many tasks were changed, and why others were not.

use std::collections::BTreeMap;

use anyhow::Result;
use marionette::store::{JobState, Name};
use serde_json::{Value, json};

use crate::args;
use crate::console::clock;
use crate::console::text::{count, safe};
use crate::input::to_job::DEFAULT_QUEUE;
use crate::store::explain;

use super::change::Change;
use super::operator::Operator;
use super::{queue, words};

/// Tasks that were not changed, and the reason.
#[derive(Debug)]
pub(super) struct Unchanged {
    /// `None` if the store does not know the task.
    pub(super) state: Option<JobState>,
    pub(super) why: &'static str,
    pub(super) tasks: usize,
    /// Only of tasks that were named one by one.
    pub(super) ids: Vec<String>,
}

/// The result of a change.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) matched: usize,
    pub(super) changed: u64,
    pub(super) unchanged: Vec<Unchanged>,
    /// The queues of the tasks that match, and whether they have commands.
    pub(super) queues: BTreeMap<Name, bool>,
}

impl Report {
    /// The commands to start so that the retried tasks run, and the runs that are under way
    /// already.
    async fn waits(&self, operator: &Operator) -> Result<(Vec<String>, Vec<String>)> {
        let (mut starts, mut goes_on) = (Vec::new(), Vec::new());
        let works = !operator
            .opened
            .store
            .instances()
            .await
            .map_err(explain)?
            .is_empty();
        for (queue, has_commands) in &self.queues {
            match operator.runs.of(queue) {
                Some(run) => match (run.process(), run.command()) {
                    (Some(process), _) => {
                        goes_on.push(format!("{}, which process {process} runs", run.name()));
                    }
                    (None, Some(command)) => starts.push(command),
                    (None, None) => {}
                },
                None if *has_commands && !works && *queue == DEFAULT_QUEUE => {
                    starts.push("marionette work".to_owned());
                }
                None if *has_commands && !works => {
                    starts.push(format!("marionette work --queue {}", safe(queue)));
                }
                None => {}
            }
        }
        starts.sort();
        starts.dedup();
        Ok((starts, goes_on))
    }
}

/// Names the paused ones of these queues, since nothing in them begins.
async fn tell_paused(operator: &Operator, report: &Report) -> Result<()> {
    let paused = operator
        .opened
        .store
        .paused_queues()
        .await
        .map_err(explain)?;
    for paused in paused
        .iter()
        .filter(|paused| report.queues.contains_key(&paused.queue))
    {
        operator.console.note(&queue::is_paused(paused));
    }
    Ok(())
}

/// The tasks that are not changed, by state and reason.
#[derive(Debug, Default)]
pub(super) struct Refusals(pub(super) Vec<Unchanged>);

impl Refusals {
    pub(super) fn add(&mut self, state: Option<JobState>, why: &'static str, id: &str) {
        let known = self
            .0
            .iter_mut()
            .find(|other| other.state == state && other.why == why);
        match known {
            Some(other) => {
                other.tasks += 1;
                other.ids.push(id.to_owned());
            }
            None => self.0.push(Unchanged {
                state,
                why,
                tasks: 1,
                ids: vec![id.to_owned()],
            }),
        }
    }

    pub(super) fn add_many(&mut self, state: JobState, why: &'static str, tasks: usize) {
        self.0.push(Unchanged {
            state: Some(state),
            why,
            tasks,
            ids: Vec::new(),
        });
    }
}

/// The tasks that somebody else changed between the question and the answer.
pub(super) fn faster(able: usize, changed: u64) -> Option<Unchanged> {
    let tasks = able.saturating_sub(usize::try_from(changed).unwrap_or(usize::MAX));
    (tasks > 0).then(|| Unchanged {
        state: None,
        why: "somebody else was faster",
        tasks,
        ids: Vec::new(),
    })
}

/// Prints the result, for a person or for a program.
pub(super) async fn tell(
    operator: &Operator,
    selection: &args::selection::Selection,
    change: &Change,
    report: &Report,
) -> Result<()> {
    let console = &operator.console;
    let is_retried = *change == Change::Retry && report.changed > 0;
    let (starts, goes_on) = if is_retried {
        report.waits(operator).await?
    } else {
        Default::default()
    };
    if console.json {
        console.value(&value(selection, change, report, &starts));
        return Ok(());
    }
    if selection.dry_run {
        let tasks = count(report.matched, "task");
        console.result(&format!("{tasks} would be {}", change.done()));
    } else if !console.quiet {
        let tasks = usize::try_from(report.changed).unwrap_or(usize::MAX);
        console.result(&format!("{} {}", change.done(), count(tasks, "task")));
    }
    for unchanged in &report.unchanged {
        let state = unchanged
            .state
            .map(|state| format!("{state}, "))
            .unwrap_or_default();
        let which = match unchanged.ids.as_slice() {
            [] => count(unchanged.tasks, "task"),
            ids => ids.iter().map(|id| safe(id)).collect::<Vec<_>>().join(", "),
        };
        console.warn(&format!(
            "not {}: {which}: {state}{}",
            change.done(),
            unchanged.why
        ));
    }
    let waits = if report.changed == 1 {
        "it waits"
    } else {
        "they wait"
    };
    if !starts.is_empty() {
        let starts: Vec<_> = starts.iter().map(|start| format!("`{start}`")).collect();
        console.note(&format!("{waits} for {}", starts.join(" and ")));
    }
    for run in goes_on {
        console.note(&format!("{waits} in the run of {run}"));
    }
    let waits_again = matches!(change, Change::Retry | Change::Reschedule(_));
    if waits_again && report.changed > 0 {
        tell_paused(operator, report).await?;
    }
    if let Change::Reschedule(due) = change
        && (report.changed > 0 || selection.dry_run)
    {
        console.note(&format!("due: {}", words::time(*due)));
    }
    Ok(())
}

fn value(
    selection: &args::selection::Selection,
    change: &Change,
    report: &Report,
    waits: &[String],
) -> Value {
    let unchanged: Vec<_> = report
        .unchanged
        .iter()
        .map(|unchanged| {
            json!({
                "state": unchanged.state,
                "why": unchanged.why,
                "tasks": unchanged.tasks,
                "ids": unchanged.ids,
            })
        })
        .collect();
    let due = match change {
        Change::Reschedule(due) => Some(clock::rfc3339(*due)),
        _ => None,
    };
    let mut value = json!({
        "verb": change.verb(),
        "dry_run": selection.dry_run,
        "matched": report.matched,
        "changed": report.changed,
        "unchanged": unchanged,
        "waits": waits,
    });
    if let Some(due) = due {
        value["due"] = due.into();
    }
    value
}
