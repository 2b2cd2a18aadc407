//! What an operator asks of a store, and changes in it: any store that a service uses, and that of
//! the commands.

mod operator;
mod list;
mod show;
mod follow;
mod story;
mod apply;
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

use crate::args::operate::Verb;
use crate::common::Common;
use crate::console::Console;
use crate::run::Runs;
use crate::store::{self, Purpose};

use change::Change;
use operator::Operator;

pub(crate) use queue::is_paused;

/// Does what an operator asks for, and returns the exit status.
pub(crate) async fn operate(common: &Common, verb: Verb) -> Result<u8> {
    if let Verb::Migrate(_) = verb {
        return migrate::migrate(common).await;
    }
    let opened = store::open_existing(common, purpose(&verb)).await?;
    let operator = Operator {
        console: Console::new(common),
        runs: Runs::read(&opened.runs()),
        opened,
    };
    match verb {
        Verb::List(args) => list::list(&operator, &args).await,
        Verb::Show(args) => show::show(&operator, &args).await,
        Verb::Follow(args) => follow::follow(&operator, &args).await,
        Verb::Retry(args) => apply::apply(&operator, &args.which, &Change::Retry).await,
        Verb::Cancel(args) => {
            let change = Change::Cancel(args.reason);
            apply::apply(&operator, &args.which, &change).await
        }
        Verb::Delete(args) => apply::apply(&operator, &args.which, &Change::Delete).await,
        Verb::Reschedule(args) => reschedule::reschedule(&operator, &args).await,
        Verb::Pause(args) => queue::pause(&operator, &args.queue).await,
        Verb::Resume(args) => queue::resume(&operator, &args.queue).await,
        Verb::Stats(args) => stats::stats(&operator, &args).await,
        Verb::Workers(_) => workers::workers(&operator).await,
        Verb::Prune(args) => prune::prune(&operator, &args).await,
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
