//! `marionette retry`, `cancel`, `delete` and `reschedule`: change tasks that are named, or all
//! that match.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use marionette::inspect::{Filter, JobSummary, Which};
use marionette::store::{JobState, Name};
use marionette::{Job, TaskId};

use crate::args;
use crate::command::Command;
use crate::console::clock;
use crate::console::text::count;
use crate::output;
use crate::store::{Pages, explain};

use super::change::Change;
use super::confirm::confirm;
use super::ids;
use super::list::{self, named};
use super::operator::Operator;
use super::report::{Refusals, Report, faster, tell};

/// How many of the tasks are shown with the question.
const PREVIEW: usize = 5;

/// Changes the tasks, and returns the exit status.
pub(super) async fn apply(
    operator: &Operator,
    selection: &args::selection::Selection,
    change: &Change,
) -> Result<u8> {
    let by_ids = !selection.ids.is_empty();
    let forgotten = operator.opened.forgotten();
    let report = match (by_ids, selection.conditions.is_empty(), selection.all) {
        (true, true, _) => named_ones(operator, selection, change).await?,
        (true, false, _) => bail!("name tasks by their ids or by conditions, not by both"),
        (false, true, false) => bail!(
            "nothing says which tasks to {0}: name their ids, or conditions like --state and \
             --kind, or --all (see `marionette {0} --help`)",
            change.verb()
        ),
        (false, ..) => {
            let Some(report) = matching(operator, selection, change).await? else {
                operator.console.note("nothing was changed");
                return Ok(1);
            };
            report
        }
    };
    output::forget(&operator.opened, &forgotten).await?;
    tell(operator, selection, change, &report).await?;
    let is_short = by_ids && !report.unchanged.is_empty();
    Ok(u8::from(is_short))
}

async fn named_ones(
    operator: &Operator,
    selection: &args::selection::Selection,
    change: &Change,
) -> Result<Report> {
    let store = &*operator.opened.store;
    let mut able: Vec<TaskId> = Vec::new();
    let mut unchanged = Refusals::default();
    let mut queues = BTreeMap::new();
    for (text, id) in ids::find(store, &selection.ids).await? {
        let job = match id {
            Some(id) => store.job(id).await.map_err(explain)?,
            None => None,
        };
        let Some(job) = job.map(|job| job.summary) else {
            unchanged.add(None, "there is no such task", text);
            continue;
        };
        match change.refuses(job.state) {
            Some(why) => unchanged.add(Some(job.state), why, &job.id.to_string()),
            None if able.contains(&job.id) => {}
            None => {
                note_queue(&mut queues, &job);
                able.push(job.id);
            }
        }
    }
    let tasks = able.len();
    let changed = match (selection.dry_run, tasks) {
        (true, _) | (_, 0) => 0,
        _ => change.perform(store, Which::Ids(able)).await?,
    };
    let mut unchanged = unchanged.0;
    if !selection.dry_run {
        unchanged.extend(faster(tasks, changed));
    }
    Ok(Report {
        matched: tasks,
        changed,
        unchanged,
        queues,
    })
}

/// Notes the queue of a task, and whether the task is a command.
fn note_queue(queues: &mut BTreeMap<Name, bool>, job: &JobSummary) {
    *queues.entry(job.queue.clone()).or_default() |= job.kind == Command::KIND;
}

/// Changes all tasks that match; `None` if the user was asked and does not want it.
async fn matching(
    operator: &Operator,
    selection: &args::selection::Selection,
    change: &Change,
) -> Result<Option<Report>> {
    let store = &*operator.opened.store;
    let mut filter = selection.conditions.filter()?;
    if filter.states.is_empty() {
        filter.states = change.usual();
    }
    // The user was not shown the tasks that are accepted after this.
    filter.accepted_before.get_or_insert_with(clock::now);
    let Survey {
        counts,
        preview,
        queues,
    } = survey(operator, &filter, change).await?;
    let mut refused = Refusals::default();
    for (state, tasks) in &counts {
        if let Some(why) = change.refuses(*state) {
            refused.add_many(*state, why, *tasks);
        }
    }
    filter
        .states
        .retain(|state| change.refuses(*state).is_none());
    let matched = filter
        .states
        .iter()
        .filter_map(|state| counts.get(state))
        .sum();
    let mut report = Report {
        matched,
        changed: 0,
        unchanged: refused.0,
        queues,
    };
    if selection.dry_run && !operator.console.json && matched > 0 {
        operator.console.result(&preview);
    }
    if selection.dry_run || matched == 0 {
        return Ok(Some(report));
    }
    let states = filter
        .states
        .iter()
        .filter_map(|state| counts.get_key_value(state));
    let states: Vec<_> = states
        .map(|(state, tasks)| format!("{tasks} {state}"))
        .collect();
    let tasks = count(matched, "task");
    let question = format!("{} {tasks} ({})", change.verb(), states.join(", "));
    if !selection.yes && !confirm(&preview, &question)? {
        return Ok(None);
    }
    report.changed = change.perform(store, Which::Matching(filter)).await?;
    report.unchanged.extend(faster(matched, report.changed));
    Ok(Some(report))
}

/// The tasks that match some conditions.
struct Survey {
    /// The number of tasks in each state.
    counts: BTreeMap<JobState, usize>,
    /// A few of the tasks that would be changed.
    preview: String,
    /// The queues of these tasks, and whether they have commands.
    queues: BTreeMap<Name, bool>,
}

async fn survey(operator: &Operator, filter: &Filter, change: &Change) -> Result<Survey> {
    let store = &*operator.opened.store;
    let mut queues = BTreeMap::new();
    let mut counts = BTreeMap::new();
    let mut few = Vec::new();
    let mut able = 0;
    let mut pages = Pages::all(filter.clone());
    while let Some(jobs) = pages.next(store).await? {
        for job in jobs {
            *counts.entry(job.state).or_default() += 1;
            if change.refuses(job.state).is_none() {
                able += 1;
                note_queue(&mut queues, &job);
                if few.len() < PREVIEW {
                    few.push(job);
                }
            }
        }
    }
    let more = able - few.len();
    let mut preview = list::rows(&named(store, few).await?, &operator.runs);
    if more > 0 {
        preview = format!("{preview}\n… and {more} more");
    }
    Ok(Survey {
        counts,
        preview,
        queues,
    })
}
