//! `marionette list`: a table of tasks.

use std::cmp::Reverse;

use anyhow::Result;
use marionette::inspect::{Filter, Inspect, JobSummary};
use serde_json::Value;

use crate::console;
use crate::console::short_id;
use crate::console::table;
use crate::console::text::clip;
use crate::run::{ListOrder, Runs};
use crate::store::{Pages, explain};

use super::instances::mark_orphans;
use super::operator::Operator;
use super::{json, words};
use crate::args::operate::List;

/// The width from which on there is room for all columns.
const WIDE: usize = 100;
/// The width from which on the most important columns are shown; the reason has its own line.
const MEDIUM: usize = 60;
/// The width from which on the time of day is shown as well.
const WITH_TIMES: usize = 130;
/// The width of a name where there is room.
const NAME_COLUMNS: usize = 40;
/// How many jobs beyond the limit are held in memory at once.
const SURPLUS_MAX: usize = 10_000;

/// The indent of a reason on its own line, which puts it below the state.
const INDENT: &str = "          ";

/// A job and its name.
pub(super) type Named = (JobSummary, Option<String>);

pub(super) async fn list(operator: &Operator, args: &List) -> Result<u8> {
    let filter = args.conditions.filter()?;
    if args.all && operator.console.json {
        return every(operator, filter).await;
    }
    let store = &*operator.opened.store;
    let limit = if args.all {
        usize::MAX
    } else {
        args.limit.get()
    };
    let (mut jobs, has_more) = newest(operator, filter, limit).await?;
    mark_orphans(store, &mut jobs).await?;
    let jobs = named(store, jobs).await?;
    if operator.console.json {
        if !jobs.is_empty() {
            // An error means that nobody reads any more.
            let _ = console::print_values(&values(&jobs, &operator.runs));
        }
        return Ok(0);
    }
    if !jobs.is_empty() {
        operator.console.result(&rows(&jobs, &operator.runs));
    } else if args.conditions.is_empty() {
        operator.console.note("there are no tasks");
    } else {
        operator.console.note("no task matches");
    }
    if has_more {
        operator
            .console
            .note("there are more: --limit and --all show them");
    }
    Ok(0)
}

/// Prints all tasks that match, for programs: page by page, so that memory stays small.
async fn every(operator: &Operator, filter: Filter) -> Result<u8> {
    let store = &*operator.opened.store;
    let mut pages = Pages::all(filter);
    while let Some(mut jobs) = pages.next(store).await? {
        mark_orphans(store, &mut jobs).await?;
        let values = values(&named(store, jobs).await?, &operator.runs);
        if console::print_values(&values).is_err() {
            // Nobody reads any more.
            break;
        }
    }
    pages.tell_unreadable(&operator.console);
    Ok(0)
}

/// The jobs that were accepted last, and whether there are more.
///
/// Stores list by id, and an id of version 7 has the time at which it was made. The ids of `run`
/// are derived from their tasks and have no time, so all jobs are read if one of them occurs.
///
/// The jobs of one run were accepted together, and come in the order of its file.
async fn newest(
    operator: &Operator,
    filter: Filter,
    limit: usize,
) -> Result<(Vec<JobSummary>, bool)> {
    let store = &*operator.opened.store;
    let mut places = ListOrder::new(&operator.runs);
    let mut pages = Pages::first(filter.clone(), limit);
    let mut jobs = Vec::new();
    while let Some(page) = pages.next(store).await? {
        jobs.extend(page);
    }
    pages.tell_unreadable(&operator.console);
    let has_more = pages.has_more();
    if has_more && !jobs.iter().all(|job| job.id.uuid().get_version_num() == 7) {
        jobs.clear();
        let mut pages = Pages::all(filter);
        while let Some(page) = pages.next(store).await? {
            jobs.extend(page);
            if jobs.len() - limit.min(jobs.len()) > SURPLUS_MAX {
                keep_newest(&mut jobs, limit, &mut places);
            }
        }
    }
    keep_newest(&mut jobs, limit, &mut places);
    Ok((jobs, has_more))
}

fn keep_newest(jobs: &mut Vec<JobSummary>, limit: usize, places: &mut ListOrder<'_>) {
    jobs.sort_by_cached_key(|job| {
        let place = places.of(&job.queue, job.id);
        (Reverse(job.accepted), place, Reverse(job.id))
    });
    jobs.truncate(limit);
}

/// The jobs with their names; a job that was deleted meanwhile has none.
pub(super) async fn named(store: &dyn Inspect, jobs: Vec<JobSummary>) -> Result<Vec<Named>> {
    let mut named = Vec::with_capacity(jobs.len());
    for job in jobs {
        let details = store.job(job.id).await.map_err(explain)?;
        named.push((job, details.and_then(|details| details.options.name)));
    }
    Ok(named)
}

fn values(jobs: &[Named], runs: &Runs) -> Vec<Value> {
    jobs.iter()
        .map(|(job, name)| json::job(job, name.as_deref(), runs))
        .collect()
}

/// The table of these jobs, as wide as the terminal.
pub(super) fn rows(jobs: &[Named], runs: &Runs) -> String {
    let columns = table::columns().unwrap_or(usize::MAX);
    let (heads, flexible): (&[&str], _) = match columns {
        WIDE.. => (&["ID", "STATE", "TASK", "QUEUE", "TRIES", "WHEN", "WHY"], 6),
        MEDIUM..WIDE => (&["ID", "STATE", "WHEN", "TASK"], 3),
        _ => (&["ID", "STATE", "TASK"], 2),
    };
    let rows: Vec<Vec<String>> = jobs
        .iter()
        .map(|(job, name)| {
            let cell = |head: &&str| cell(head, job, name.as_deref(), columns, runs);
            heads.iter().map(cell).collect()
        })
        .collect();
    let table = table::show(heads, &rows, flexible);
    let mut lines = table.lines();
    let mut shown: Vec<String> = lines.next().map(str::to_owned).into_iter().collect();
    for (line, (job, _)) in lines.zip(jobs) {
        shown.push(coloured(line, job));
        let why = words::why(job);
        if columns < WIDE && !why.is_empty() {
            let why = clip(why, columns.saturating_sub(INDENT.len()));
            shown.push(clip(&format!("{INDENT}{why}"), columns));
        }
    }
    shown.join("\n")
}

fn cell(head: &str, job: &JobSummary, name: Option<&str>, columns: usize, runs: &Runs) -> String {
    let task = words::task(&job.kind, name);
    match head {
        "ID" => short_id::short(job.id),
        "STATE" => job.state.to_string(),
        "TASK" if columns >= WIDE => clip(&task, NAME_COLUMNS.min(columns / 4)),
        "TASK" => task,
        "QUEUE" if columns == usize::MAX => runs.name(&job.queue),
        "QUEUE" => clip(&runs.name(&job.queue), NAME_COLUMNS.min(columns / 4)),
        "TRIES" => words::tries(job).to_string(),
        "WHEN" if columns >= WITH_TIMES => format!("{}, {}", words::at(job), words::when(job)),
        "WHEN" => words::when(job),
        _ => words::why(job).to_owned(),
    }
}

/// A line of the table with its state in colour; nothing before the state can change its column.
fn coloured(line: &str, job: &JobSummary) -> String {
    let state = job.state.as_str();
    let place = short_id::SHORT_DIGITS + 2;
    match line.get(place..).and_then(|rest| rest.strip_prefix(state)) {
        Some(rest) => format!(
            "{}{}{rest}",
            &line[..place],
            words::coloured(job.state, state)
        ),
        None => line.to_owned(),
    }
}
