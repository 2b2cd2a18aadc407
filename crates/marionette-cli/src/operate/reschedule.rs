//! `marionette reschedule`: another time for tasks that wait.

use anyhow::{Result, anyhow};
use clap::ValueHint;

use crate::clock;
use crate::time::parse_time;

use super::Desk;
use super::args::{Pick, Which};
use super::change::{self, Deed};

/// Give tasks that wait another time, like `marionette reschedule 3f9a01c2 "tomorrow 6am"`
///
/// What is named by conditions is shown first, and you are asked. Unless --state says otherwise,
/// those are then all that wait.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "marionette reschedule [OPTIONS] [ID]... <TIME>",
    after_long_help = HELP
)]
pub(crate) struct Reschedule {
    /// The ids of tasks, or enough of each, or their names; and last the time, written as for
    /// `add --at`
    #[arg(required = true, value_name = "ID|TIME", value_hint = ValueHint::Other)]
    words: Vec<String>,
    #[command(flatten)]
    pick: Pick,
    /// All tasks that wait, if nothing else is named
    #[arg(long)]
    all: bool,
    /// Only say what would be changed
    #[arg(long, help_heading = "How")]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short, help_heading = "How")]
    yes: bool,
}

const HELP: &str = "\
Examples:
  marionette reschedule 3f9a01c2 18:00
  marionette reschedule 3f9a01c2 91bc44e0 \"monday 06:00\"
  marionette reschedule --state retrying --queue mail --yes now
  marionette reschedule --all --dry-run \"in 1h\"

The limits in total of a task, and how late it may start, count from its new time.

Exit status: 0 if all were changed that were named, 1 if some were not, 2 if nothing was tried.
With --json one object: verb, dry_run, matched, changed, unchanged (state, why, tasks, ids), due.";

pub(super) async fn reschedule(desk: &Desk, args: &Reschedule) -> Result<u8> {
    let (text, ids) = args.words.split_last().expect("clap requires one word");
    let when = parse_time(text, &clock::here()).map_err(|error| match ids {
        [] => anyhow!("the time comes last: {error}"),
        _ => anyhow!(error),
    })?;
    if let Some(note) = &when.note {
        desk.say.note(note);
    }
    let which = Which {
        ids: ids.to_vec(),
        pick: args.pick.clone(),
        all: args.all,
        dry_run: args.dry_run,
        yes: args.yes,
    };
    change::change(desk, &which, &Deed::Reschedule(when.time)).await
}
