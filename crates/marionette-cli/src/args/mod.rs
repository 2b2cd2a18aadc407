//! What can be said on the command line.

mod add;
pub(crate) mod operate;
pub(crate) mod selection;
mod outputs;
mod run;
mod unit;
mod work;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use add::Add;
pub(crate) use run::Run;
pub(crate) use unit::Unit;
pub(crate) use work::Work;

use crate::common::Common;

/// Durable tasks for anyone with a shell: commands are retried, scheduled and timed out, and they
/// finish whatever is killed in between.
#[derive(Debug, Parser)]
#[command(
    name = "marionette",
    // Else the name of the program's file is shown, as it is.
    bin_name = "marionette",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Start with `marionette run FILE`, where FILE has a command on each line.",
    after_long_help = AFTER_HELP
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const AFTER_HELP: &str = "\
Examples:
  marionette run checks.toml              run the tasks of a file, and go on after a crash
  marionette run -j 8 -- optipng {} ::: *.png      one command for many items, without a shell
  marionette add --at \"tomorrow 06:00\" --retries 3 -- ./report.sh --send
  marionette work                         the daemon that runs what was added
  marionette list --state failed          what failed for good, and why
  marionette retry 3f9a01c2               run it again (a piece of its id is enough)

Exit status:
  0      everything is done; or `work` was told to stop
  1      some tasks failed, were cancelled, or were not found; or you answered a question with no
  2      it could not start or go on: wrong arguments, a bad file, a store that cannot be used
  130    ended by SIGINT before everything was done (143: by SIGTERM, 129: by SIGHUP)

Files:
  $XDG_STATE_HOME/marionette/tasks.db (else ~/.local/state/marionette/tasks.db) is the store unless
  --store or MARIONETTE_STORE names another, like `sqlite:jobs.db`, `sqlite:/srv/jobs.db` or
  `sqlite:~/jobs.db` (`sqlite://` before the path is the same). Beside it are `tasks.db-output`,
  with the output of the latest 100,000 commands, and `tasks.db-runs`, with the progress of `run`
  for each file. Only their owner can read them. Whoever can write them can run commands as you,
  so a store that somebody else owns or can change, or whose folder is open to others, is refused
  unless you say --trust-owner; commands that only read print a warning. Nothing of your environment
  is stored unless you ask for it, except the PATH in which a program was not found.

Several machines:
  A store in Redis or Valkey is named by its address: `redis://:PASSWORD@HOST:6379`, `rediss://` if
  it is encrypted, `redis+unix:///PATH`, `redis+sentinel://HOST1,HOST2/NAME`; behind it `?name=shop`
  names one of several stores on a server. Set it as MARIONETTE_STORE: everybody on this machine can
  read the arguments of a command. What commands write stays where they ran, in
  $XDG_STATE_HOME/marionette, and `show` says where that was. The progress of `run` is in the store:
  started again on any machine, it goes on.
  A server without a password is one to which anybody may have added commands, so `work` and `run`
  refuse it unless you say --trust-owner.";

/// What is to be done.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant)] // There is one of it, for a moment.
pub(crate) enum Verb {
    Run(Run),
    Add(Add),
    Work(Work),
    Unit(Unit),
    #[command(flatten)]
    Operate(operate::Operation),
    /// Print the completions for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_do_not_contradict_each_other() {
        Args::command().debug_assert();
    }
}
