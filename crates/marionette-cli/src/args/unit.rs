//! What `marionette unit` takes.

use std::num::NonZeroUsize;
use std::time::Duration;

use marionette::store::Name;

use crate::console::time::parse_duration;
use crate::input::{parse_count, parse_name};

/// Print a unit for systemd that keeps `marionette work` running
///
/// The unit names the path of this program and of the store, so print it as the user who will run
/// it, with the right `--store`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Unit {
    /// Print a unit for the systemd of a user, not of the system
    #[arg(long)]
    pub(crate) user: bool,
    /// How many commands run at once [default: one for each processor]
    #[arg(long, short, value_name = "NUMBER", value_parser = parse_count::<NonZeroUsize>)]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// The queues to work on [default: default]
    #[arg(long, value_name = "QUEUE", value_parser = parse_name)]
    pub(crate) queue: Vec<Name>,
    /// How long commands may run on after a stop, before they are ended and given back
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "1m")]
    pub(crate) stop_within: Duration,
}

const AFTER_HELP: &str = "\
For yourself, also while you are not logged in:
  mkdir -p ~/.config/systemd/user
  marionette unit --user > ~/.config/systemd/user/marionette.service
  systemctl --user daemon-reload
  systemctl --user enable --now marionette
  loginctl enable-linger

For the system, with the tasks of this user:
  marionette unit | sudo tee /etc/systemd/system/marionette.service
  sudo systemctl daemon-reload
  sudo systemctl enable --now marionette

A stop lets commands finish for --stop-within, then ends them and gives them back; none of them
loses an attempt. Commands may do all that their user may do; the unit
lists settings that confine them, to be turned on if your commands allow it.";
