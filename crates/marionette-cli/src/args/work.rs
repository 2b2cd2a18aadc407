//! What `marionette work` takes.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::outputs::OutputArguments;
use crate::console::time::parse_duration;
use crate::input::{parse_count, parse_name};

/// Run what was added, until told to stop
///
/// Any number of workers may run on one store. Each has a second process that runs its commands
/// and ends them if the worker is killed; their tasks then run again, in this or another worker.
///
/// What a worker cannot have (files, processes, memory, room on the disk) costs no task an attempt:
/// it is said with its limit, and the worker goes on when there is room.
///
/// When a command is ended, by a timeout, a cancellation or a stop, or because its worker was
/// killed, so is what it has started, in sessions of its own too, unless that has cleared its
/// environment. After a success, what has left its process group is left alone. A service that a
/// command starts on purpose should have a session of its own and no `MARIONETTE_MINDER` in its
/// environment: then it outlives the kill of a worker too.
///
/// The first SIGINT, SIGTERM or SIGHUP lets running commands finish, the second ends them and gives
/// their tasks back, the third leaves at once. A command that fails because it got the same signal
/// itself, as from systemd, is given back as well and loses no attempt.
/// `marionette unit` prints a unit for systemd.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Work {
    /// How many commands run at once [default: one for each processor]
    #[arg(long, short, value_name = "NUMBER", value_parser = parse_count::<NonZeroUsize>)]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Which queues it works on
    #[arg(long, value_name = "QUEUE", value_parser = parse_name, default_value = "default")]
    pub(crate) queue: Vec<String>,
    /// Stop when nothing is due and nothing runs; tasks that wait for their time stay
    #[arg(long)]
    pub(crate) once: bool,
    /// Stop when nothing is left, not even tasks that wait for their time
    #[arg(long, conflicts_with = "once")]
    pub(crate) until_idle: bool,
    /// How long commands may go on after the first signal before they are ended, as by a second one
    /// [default: as long as they take]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) stop_within: Option<Duration>,
    #[command(flatten)]
    pub(crate) outputs: OutputArguments,
}

const AFTER_HELP: &str = "\
Exit status:
  0      it was told to stop; with --once and --until-idle: all that it ran is done
  1      with --once and --until-idle: tasks failed, were cancelled or were too late
  2      it could not begin, or the store cannot be used any more; with --once and --until-idle:
         for 15 seconds nothing could be begun, or nothing be taken from the store or noted in it
  130    with --once and --until-idle: SIGINT ended it before everything was done (143: SIGTERM)";
