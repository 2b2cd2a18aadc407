//! What the operator's commands take.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use clap::{Subcommand, ValueHint};
use marionette::store::Name;

use super::selection::{Conditions, Selection, States, ends};
use crate::console::time::parse_duration;
use crate::input::{parse_count, parse_name};

/// The operator's commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Operation {
    List(List),
    Show(Show),
    Follow(Follow),
    Retry(Retry),
    Cancel(Cancel),
    Delete(Delete),
    Reschedule(Reschedule),
    Pause(Pause),
    Resume(Resume),
    Stats(Stats),
    Instances(Instances),
    Prune(Prune),
    Doctor(Doctor),
    Migrate(Migrate),
}

/// List tasks, the newest first
#[derive(Debug, clap::Args)]
#[command(after_long_help = LIST_HELP)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) conditions: Conditions,
    /// How many at most
    #[arg(
        long,
        short = 'n',
        value_name = "NUMBER",
        default_value = "50",
        value_parser = parse_count::<NonZeroUsize>
    )]
    pub(crate) limit: NonZeroUsize,
    /// All that match
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
}

const LIST_HELP: &str = "\
Examples:
  marionette list                                what came last
  marionette list --state failed                 what failed for good, and why
  marionette list --state waiting --queue mail --older 1h
  marionette list --text 'invoice 4711' --since yesterday
  marionette list --state dead --all --json | jq -r .reason | sort | uniq -c

The table shows a piece of each id. To name a task, 4 or more digits of its id are enough if no
other task has them; so is a name that no other task has. For tasks of `marionette run`, the queue
is the name of their file.

With --json each task is an object on a line of its own: id, short, kind, name, queue, run,
priority, state, accepted, due, started, ended, failed, crashes, instance, end, reason. Unknown
values are null; times follow RFC 3339. A task that ended without success has its `end`: failed,
cancelled, expired, given_up or quarantined. With --all the order is that of the ids: the newest
first, except for the tasks of `marionette run`.";

/// Show a task in full: its history, every attempt with its error, its output
#[derive(Debug, clap::Args)]
#[command(after_long_help = SHOW_HELP)]
pub(crate) struct Show {
    /// The id of a task, enough of it to be clear, or its name
    #[arg(required = true, value_name = "ID", value_hint = ValueHint::Other)]
    pub(crate) ids: Vec<String>,
    /// Payload, result and output in full, however long
    #[arg(long)]
    pub(crate) full: bool,
}

const SHOW_HELP: &str = "\
Examples:
  marionette show 3f9a01c2
  marionette show 3f9a01c2 --full --json | jq .attempts

Anything longer than 4 KiB is cut at its end (output at its start) unless --full is given. The
secret words of a command are never shown.

With --json each task is an object on a line of its own, with the fields of `list` and: options
(retries, backoff, timeout_ms, give_up_after_ms, expires_ms, keep_result_ms, error), payload,
payload_bytes, payload_cut, result, result_not_kept (why, if it could not be kept), attempts
(number, started, ended, ran_ms, outcome, error, instance; host and folder, where its output is, on
a store that machines share), output (attempt, file, bytes, text; of this machine). A payload that
is not JSON or was cut is a string.";

/// Print what a task writes, as it writes it, until it has ended
///
/// Prints the output that was kept of each attempt, one after the other. The exit status is 0 if
/// the task is done in the end, and 1 if it failed, was cancelled or does not exist.
#[derive(Debug, clap::Args)]
pub(crate) struct Follow {
    /// The id of a task, enough of it to be clear, or its name
    #[arg(value_hint = clap::ValueHint::Other)]
    pub(crate) id: String,
    /// Print what is there, and do not wait for more
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Print every byte as it was written, including terminal control sequences
    #[arg(long)]
    pub(crate) raw: bool,
}

/// Let tasks run again at once: failed ones from the beginning, others before their time
///
/// Tasks that are selected by conditions are shown first, and you are asked to confirm. Without
/// --state, the conditions select among the tasks that failed for good: dead and quarantined.
#[derive(Debug, clap::Args)]
#[command(after_long_help = RETRY_HELP)]
pub(crate) struct Retry {
    #[command(flatten)]
    pub(crate) selection: Selection,
}

const RETRY_HELP: &str = "\
Examples:
  marionette retry 3f9a01c2
  marionette retry --kind send_mail --text 'connection refused'
  marionette retry --state scheduled --queue reports --yes     now, not at their time
  marionette retry --all --dry-run

A task that is retried starts over: its retries and its total limits count from now. Its history
keeps the earlier attempts. A task of `marionette run` is run by that run, now or when it is started
again; the answer says which.

Exit status: 0 if every named task was changed, 1 if some were not, 2 if nothing was tried.
With --json one object: verb, dry_run, matched, changed, unchanged (state, why, tasks, ids), waits
(for which commands).";

/// Cancel tasks: a waiting task ends at once, a running one is asked to end
///
/// Tasks that are selected by conditions are shown first, and you are asked to confirm. Without
/// --state, the conditions select among the tasks that wait or run.
#[derive(Debug, clap::Args)]
#[command(after_long_help = CANCEL_HELP)]
pub(crate) struct Cancel {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// The reason, which the task keeps
    #[arg(
        long,
        short,
        value_name = "TEXT",
        default_value = "cancelled by an operator"
    )]
    pub(crate) reason: String,
}

const CANCEL_HELP: &str = "\
Examples:
  marionette cancel 3f9a01c2 --reason 'the customer has left'
  marionette cancel --queue imports --state waiting

The worker of a running task hears of it within seconds. A task that succeeds nevertheless is done.

Exit status: 0 if every named task was changed, 1 if some were not, 2 if nothing was tried.
With --json one object: verb, dry_run, matched, changed, unchanged (state, why, tasks, ids).";

/// Delete tasks with their history and output; running tasks stay
///
/// Tasks that are selected by conditions are shown first, and you are asked to confirm. Without
/// --state, the conditions select among the tasks that have ended.
#[derive(Debug, clap::Args)]
#[command(after_long_help = DELETE_HELP)]
pub(crate) struct Delete {
    #[command(flatten)]
    pub(crate) selection: Selection,
}

const DELETE_HELP: &str = "\
Examples:
  marionette delete 3f9a01c2
  marionette delete --state cancelled --queue imports
  marionette delete --state waiting --kind old_kind --yes

Exit status: 0 if every named task was changed, 1 if some were not, 2 if nothing was tried.
With --json one object: verb, dry_run, matched, changed, unchanged (state, why, tasks, ids).";

/// Change when waiting tasks run, like `marionette reschedule 3f9a01c2 "tomorrow 6am"`
///
/// Tasks that are selected by conditions are shown first, and you are asked to confirm. Without
/// --state, the conditions select among the tasks that wait.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "marionette reschedule [OPTIONS] [ID]... <TIME>",
    after_long_help = RESCHEDULE_HELP
)]
pub(crate) struct Reschedule {
    /// The ids or names of tasks, and last the time, written as for `add --at`
    #[arg(required = true, value_name = "ID|TIME", value_hint = ValueHint::Other)]
    pub(crate) words: Vec<String>,
    #[command(flatten)]
    pub(crate) conditions: Conditions,
    /// All waiting tasks, if no condition is named
    #[arg(long)]
    pub(crate) all: bool,
    /// Only say what would be changed
    #[arg(long, help_heading = "How")]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long, short, help_heading = "How")]
    pub(crate) yes: bool,
}

const RESCHEDULE_HELP: &str = "\
Examples:
  marionette reschedule 3f9a01c2 18:00
  marionette reschedule 3f9a01c2 91bc44e0 \"monday 06:00\"
  marionette reschedule --state retrying --queue mail --yes now
  marionette reschedule --all --dry-run \"in 1h\"

Its total limit, and how late it may start, count from the new time.

Exit status: 0 if every named task was changed, 1 if some were not, 2 if nothing was tried.
With --json one object: verb, dry_run, matched, changed, unchanged (state, why, tasks, ids), due.";

/// Pause a queue: running tasks go on, no other is started, and new ones are accepted
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
It stays paused, even when all workers restart, until `marionette resume QUEUE`.

With --json one object: queue, paused, changed.")]
pub(crate) struct Pause {
    /// Which queue
    #[arg(value_name = "QUEUE", value_hint = ValueHint::Other, value_parser = parse_name)]
    pub(crate) queue: Name,
}

/// Resume a queue that was paused
#[derive(Debug, clap::Args)]
#[command(after_long_help = "With --json one object: queue, paused, changed.")]
pub(crate) struct Resume {
    /// Which queue
    #[arg(value_name = "QUEUE", value_hint = ValueHint::Other, value_parser = parse_name)]
    pub(crate) queue: Name,
}

/// Count tasks by queue, kind and state
#[derive(Debug, clap::Args)]
#[command(after_long_help = STATS_HELP)]
pub(crate) struct Stats {
    /// Print the counts again every SECONDS seconds
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = "2",
        value_parser = parse_count::<NonZeroU32>
    )]
    pub(crate) watch: Option<NonZeroU32>,
}

const STATS_HELP: &str = "\
Examples:
  marionette stats
  marionette stats --watch 5
  marionette stats --json | jq .totals.dead

With --json one object: counts (queue, run, kind, state, tasks), totals (by state), paused (queues),
oldest_ready (id, queue, kind, due, age_ms; null if nothing is ready). With --watch there
is one on each line.";

/// List the running instances: each is a `work`, a `run` or a service, from start to stop
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "workers",
    after_long_help = "\
With --json each instance is an object on a line of its own: id, server, process, workers, running,
since, seen."
)]
pub(crate) struct Instances {}

/// Delete tasks that ended long ago
///
/// A store does this by itself when tasks are older than its settings allow; this is for deleting
/// more. It works in small steps, so nobody who uses the store has to wait.
#[derive(Debug, clap::Args)]
#[command(after_long_help = PRUNE_HELP)]
pub(crate) struct Prune {
    /// Tasks that ended longer ago than this, like `7d`
    #[arg(long, value_name = "AGE", value_parser = parse_duration)]
    pub(crate) older: Duration,
    /// Only tasks in these states: done, dead, cancelled, quarantined, or failed [default: all]
    #[arg(
        long,
        short,
        value_name = "STATE",
        value_delimiter = ',',
        value_parser = ends(),
        hide_possible_values = true
    )]
    pub(crate) state: Vec<States>,
    /// Only of these kinds
    #[arg(
        long,
        short,
        value_name = "KIND",
        value_hint = ValueHint::Other,
        value_delimiter = ',',
        value_parser = parse_name
    )]
    pub(crate) kind: Vec<Name>,
    /// Only in these queues
    #[arg(
        long,
        value_name = "QUEUE",
        value_hint = ValueHint::Other,
        value_delimiter = ',',
        value_parser = parse_name
    )]
    pub(crate) queue: Vec<Name>,
    /// Only say what would be deleted
    #[arg(long, help_heading = "How")]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long, short, help_heading = "How")]
    pub(crate) yes: bool,
}

const PRUNE_HELP: &str = "\
Examples:
  marionette prune --older 7d --dry-run
  marionette prune --older 1h --state done --yes

With --json one object: verb, dry_run, matched, changed, by_state.";

/// Look for damage in a store, and say what is wrong in plain words
///
/// Reads every task and every index of the store, while others work with it, and changes nothing.
/// Look when tasks seem to be lost, after a disk was full or failed, and after a backup was brought
/// back.
#[derive(Debug, clap::Args)]
#[command(after_long_help = DOCTOR_HELP)]
pub(crate) struct Doctor {}

const DOCTOR_HELP: &str = "\
Examples:
  marionette doctor
  marionette doctor --quiet || echo 'look at the store' | mail -s marionette root

Of a file SQLite checks every page, index and reference. In a Redis every task has to be in one
place, and every list and count has to agree with that.

Exit status: 0 if nothing is wrong, 1 if something is, 2 if it could not be looked at.
With --json one object: store, kind, clean, tasks (waiting, running, ended), instances, faults
(task, text), more_faults, left_out, notes.";

/// Bring the tables of a store to the version of this program
///
/// Every program that opens a store does this by itself. Use this to do it at a moment of your
/// choice, or to make the tables in a database that has none.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Example:
  marionette migrate --store sqlite:/srv/shop/tasks.db

A store with a newer version than this program knows stays as it is, and the exit status is 2.
With --json one object: store, from (null if there were no tables), version.")]
pub(crate) struct Migrate {}
