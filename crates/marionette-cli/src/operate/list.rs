//! `marionette list`: tasks in lines.

use anyhow::Result;
use marionette::inspect::{Inspect, JobSummary};

use crate::store::told;
use crate::table;
use crate::text::clip;

use super::args::List;
use super::pick::Pages;
use super::{Desk, ids, json, words};

/// From so many columns on there is room for all heads…
const WIDE: usize = 100;
/// …from so many on for those that matter most; the reason has a line of its own.
const MEDIUM: usize = 60;
/// From so many on the time of day is shown as well.
const WITH_TIMES: usize = 130;
/// How much of a name is shown where there is room.
const NAME_COLUMNS: usize = 40;

/// Before a reason that has its own line: it stands below the state.
const INDENT: &str = "          ";

/// A job with its name.
pub(super) type Named = (JobSummary, Option<String>);

pub(super) async fn list(desk: &Desk, args: &List) -> Result<u8> {
    let filter = args.pick.filter()?;
    let mut pages = if args.all {
        Pages::all(filter)
    } else {
        Pages::first(filter, args.limit.get())
    };
    let store = &desk.opened.store;
    let mut all = Vec::new();
    while let Some(jobs) = pages.next(store).await? {
        let jobs = named(store, jobs).await?;
        if desk.say.json {
            lines(desk, &jobs);
        } else {
            all.extend(jobs);
        }
    }
    if desk.say.json {
        return Ok(0);
    }
    if !all.is_empty() {
        desk.say.result(&rows(&all));
    } else if args.pick.is_empty() {
        desk.say.note("there are no tasks");
    } else {
        desk.say.note("no task matches");
    }
    if pages.has_more() {
        desk.say.note("there are more: --limit and --all show them");
    }
    Ok(0)
}

/// The jobs with their names. One that is gone meanwhile has none.
pub(super) async fn named(store: &impl Inspect, jobs: Vec<JobSummary>) -> Result<Vec<Named>> {
    let mut named = Vec::with_capacity(jobs.len());
    for job in jobs {
        let details = store.job(job.id).await.map_err(told)?;
        named.push((job, details.and_then(|details| details.options.name)));
    }
    Ok(named)
}

fn lines(desk: &Desk, jobs: &[Named]) {
    let lines: Vec<_> = jobs
        .iter()
        .map(|(job, name)| json::line(&json::job(job, name.as_deref())))
        .collect();
    if !lines.is_empty() {
        desk.say.result(&lines.join("\n"));
    }
}

/// The table of these jobs, as wide as the terminal.
pub(super) fn rows(jobs: &[Named]) -> String {
    let columns = table::columns().unwrap_or(usize::MAX);
    let (heads, flexible): (&[&str], _) = match columns {
        WIDE.. => (&["ID", "STATE", "TASK", "QUEUE", "TRIES", "WHEN", "WHY"], 6),
        MEDIUM..WIDE => (&["ID", "STATE", "WHEN", "TASK"], 3),
        _ => (&["ID", "STATE", "TASK"], 2),
    };
    let rows: Vec<Vec<String>> = jobs
        .iter()
        .map(|(job, name)| {
            let cell = |head: &&str| cell(head, job, name.as_deref(), columns);
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

fn cell(head: &str, job: &JobSummary, name: Option<&str>, columns: usize) -> String {
    let task = words::task(&job.kind, name);
    match head {
        "ID" => ids::short(job.id),
        "STATE" => job.state.to_string(),
        "TASK" if columns >= WIDE => clip(&task, NAME_COLUMNS.min(columns / 4)),
        "TASK" => task,
        "QUEUE" => job.queue.clone(),
        "TRIES" => words::tries(job).to_string(),
        "WHEN" if columns >= WITH_TIMES => format!("{}, {}", words::at(job), words::when(job)),
        "WHEN" => words::when(job),
        _ => words::why(job).to_owned(),
    }
}

/// A line of the table with its state in colour, which is where nothing before can move it.
fn coloured(line: &str, job: &JobSummary) -> String {
    let state = job.state.as_str();
    let place = ids::SHORT_DIGITS + 2;
    match line.get(place..).and_then(|rest| rest.strip_prefix(state)) {
        Some(rest) => format!(
            "{}{}{rest}",
            &line[..place],
            words::coloured(job.state, state)
        ),
        None => line.to_owned(),
    }
}
