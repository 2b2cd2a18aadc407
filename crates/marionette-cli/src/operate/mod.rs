//! What an operator asks of a store, and changes in it: any store that a service uses, and that of
//! the commands.

mod desk;
mod list;
mod show;
mod follow;
mod story;
mod change;
mod deed;
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

use crate::args::operate::Verb;
use crate::common::Common;
use crate::console::Say;
use crate::run::Runs;
use crate::store::{self, Purpose};

use deed::Deed;
use desk::Desk;

pub(crate) use queue::is_paused;

/// Does what an operator asks for, and returns the exit status.
pub(crate) async fn operate(common: &Common, verb: Verb) -> Result<u8> {
    if let Verb::Migrate(_) = verb {
        return migrate::migrate(common).await;
    }
    let opened = store::open_existing(common, purpose(&verb)).await?;
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

fn purpose(verb: &Verb) -> Purpose {
    match verb {
        Verb::List(_) | Verb::Show(_) | Verb::Follow(_) | Verb::Stats(_) | Verb::Workers(_) => {
            Purpose::Look
        }
        Verb::Retry(_)
        | Verb::Cancel(_)
        | Verb::Delete(_)
        | Verb::Reschedule(_)
        | Verb::Pause(_)
        | Verb::Resume(_)
        | Verb::Prune(_)
        | Verb::Migrate(_) => Purpose::Change,
    }
}
