//! What an operator asks of a store, and changes in it: any store that a service uses, and that of
//! the commands.

mod args;
mod list;
mod show;
mod follow;
mod story;
mod change;
mod reschedule;
mod report;
mod confirm;
mod prune;
mod queue;
mod stats;
mod workers;
mod migrate;
mod pick;
mod ids;
mod words;
mod json;

use anyhow::Result;
use clap::Subcommand;

use crate::args::Common;
use crate::run::Runs;
use crate::say::Say;
use crate::store::{self, Opened, Purpose};

use change::Deed;

pub(crate) use ids::short as short_id;
pub(crate) use queue::is_paused;

/// The operator's commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    List(args::List),
    Show(args::Show),
    Follow(follow::Follow),
    Retry(args::Retry),
    Cancel(args::Cancel),
    Delete(args::Delete),
    Reschedule(reschedule::Reschedule),
    Pause(args::Pause),
    Resume(args::Resume),
    Stats(args::Stats),
    Workers(args::Workers),
    Prune(args::Prune),
    Migrate(args::Migrate),
}

impl Verb {
    fn purpose(&self) -> Purpose {
        match self {
            Self::List(_) | Self::Show(_) | Self::Follow(_) | Self::Stats(_) | Self::Workers(_) => {
                Purpose::Look
            }
            Self::Retry(_)
            | Self::Cancel(_)
            | Self::Delete(_)
            | Self::Reschedule(_)
            | Self::Pause(_)
            | Self::Resume(_)
            | Self::Prune(_)
            | Self::Migrate(_) => Purpose::Change,
        }
    }
}

/// What every command of an operator works with.
struct Desk {
    say: Say,
    opened: Opened,
    /// Which queue is that of which file.
    runs: Runs,
}

/// Does what an operator asks for, and returns the exit status.
pub(crate) async fn operate(common: &Common, verb: Verb) -> Result<u8> {
    if let Verb::Migrate(_) = verb {
        return migrate::migrate(common).await;
    }
    let opened = store::open_existing(common, verb.purpose()).await?;
    let desk = Desk {
        say: Say::new(common),
        runs: Runs::read(&opened.runs()),
        opened,
    };
    match verb {
        Verb::List(args) => list::list(&desk, &args).await,
        Verb::Show(args) => show::show(&desk, &args).await,
        Verb::Follow(args) => follow::follow(&desk, &args).await,
        Verb::Retry(args) => change::change(&desk, &args.which, &Deed::Retry).await,
        Verb::Cancel(args) => {
            let deed = Deed::Cancel(args.reason);
            change::change(&desk, &args.which, &deed).await
        }
        Verb::Delete(args) => change::change(&desk, &args.which, &Deed::Delete).await,
        Verb::Reschedule(args) => reschedule::reschedule(&desk, &args).await,
        Verb::Pause(args) => queue::pause(&desk, &args.queue).await,
        Verb::Resume(args) => queue::resume(&desk, &args.queue).await,
        Verb::Stats(args) => stats::stats(&desk, &args).await,
        Verb::Workers(_) => workers::workers(&desk).await,
        Verb::Prune(args) => prune::prune(&desk, &args).await,
        Verb::Migrate(_) => unreachable!("it came before the store was opened"),
    }
}
