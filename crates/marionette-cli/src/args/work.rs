//! What `marionette work` takes.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::input::parse_queue;
use crate::time::parse_duration;

/// Run what was added, until told to stop
///
/// Any number of these may run on one store. Each runs commands in a second process, which ends
/// them when this one is killed; their jobs then run again, here or elsewhere.
///
/// The first SIGINT, SIGTERM or SIGHUP lets the commands finish that run, the second ends them and
/// gives their jobs back, the third leaves at once. A command that gets such a signal itself while
/// the worker stops, as from systemd, and fails by it, goes back as well and has lost no attempt.
/// `marionette unit` prints a unit for systemd.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Work {
    /// How many commands run at once [default: one for each processor]
    #[arg(long, short, value_name = "NUMBER")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Which queues it works on
    #[arg(long, value_name = "QUEUE", value_parser = parse_queue, default_value = "default")]
    pub(crate) queue: Vec<String>,
    /// Stop when nothing is due and nothing runs; what waits for its time stays
    #[arg(long)]
    pub(crate) once: bool,
    /// Stop when nothing is left, also of what waits for its time
    #[arg(long, conflicts_with = "once")]
    pub(crate) until_idle: bool,
    /// How long commands may go on after a first signal, until they are ended as after a second
    /// [default: as long as they take]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) stop_within: Option<Duration>,
}

const AFTER_HELP: &str = "\
Exit status:
  0      it was told to stop; with --once and --until-idle: all that it ran is done
  1      with --once and --until-idle: tasks failed, were cancelled or were too late
  2      it could not begin, or the store cannot be used any more
  130    with --once and --until-idle: SIGINT ended it before everything was done (143: SIGTERM)";
