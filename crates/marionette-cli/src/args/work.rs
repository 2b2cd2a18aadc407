//! What `marionette work` takes.

use std::num::NonZeroUsize;
use std::time::Duration;

use marionette::store::Name;

use super::outputs::OutputArguments;
use crate::console::time::parse_duration;
use crate::input::{parse_count, parse_name};

/// Run the tasks that were added, until told to stop
///
/// Any number of workers may run on one store. Each has a second process that runs its commands
/// and ends them if the worker is killed; their tasks then run again, in this or another worker.
///
/// If the system refuses a worker files, processes, memory or room on the disk, no task loses an
/// attempt: a message names the limit, and the worker goes on when there is room.
///
/// When a command is ended by a timeout, a cancellation, a stop or the death of its worker, the
/// processes that it started are ended too, even in other sessions, unless they have cleared their
/// environment. After a success, processes that have left its process group are left alone. A
/// service that a command starts on purpose should have its own session and no `MARIONETTE_MINDER`
/// in its environment: then it also survives when the worker is killed.
///
/// After the first SIGINT, SIGTERM or SIGHUP running commands may finish, the second ends them and
/// gives their tasks back, and after the third the program exits at once. A command that fails
/// because it got the same signal, as from systemd, is given back as well and loses no attempt.
/// `marionette unit` prints a unit for systemd.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Work {
    /// How many commands run at once [default: one for each processor]
    #[arg(long, short, value_name = "NUMBER", value_parser = parse_count::<NonZeroUsize>)]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// The queues to work on
    #[arg(long, value_name = "QUEUE", value_parser = parse_name, default_value = "default")]
    pub(crate) queue: Vec<Name>,
    /// Stop when nothing is due and nothing runs; tasks for later stay
    #[arg(long)]
    pub(crate) once: bool,
    /// Stop when nothing is left, not even tasks for later
    #[arg(long, conflicts_with = "once")]
    pub(crate) until_idle: bool,
    /// How long commands may run on after the first signal before they are ended, as by a second
    /// one [default: as long as they take]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) stop_within: Option<Duration>,
    #[command(flatten)]
    pub(crate) outputs: OutputArguments,
}

const AFTER_HELP: &str = "\
Exit status:
  0      it was told to stop; with --once and --until-idle: all tasks that it ran are done
  1      with --once and --until-idle: tasks failed, were cancelled or were too late
  2      it could not start, or the store cannot be used any more; with --once and --until-idle:
         for 15 seconds nothing could be started, read from the store or written to it
  130    with --once and --until-idle: SIGINT ended it before everything was done (143: SIGTERM)";
