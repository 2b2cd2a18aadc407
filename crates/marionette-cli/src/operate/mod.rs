//! Queries and changes of an operator, on the store of any service as well as the store of
//! commands.

mod operator;
mod list;
mod show;
mod follow;
mod readable;
mod elsewhere;
mod story;
mod apply;
mod change;
mod reschedule;
mod report;
mod confirm;
mod prune;
mod queue;
mod stats;
mod instances;
mod doctor;
mod migrate;
mod conditions;
mod ids;
mod options;
mod words;
mod json;

use anyhow::Result;

use crate::args::operate::Operation;
use crate::common::Common;
use crate::console::Console;
use crate::run::Runs;
use crate::store::{self, Purpose};

use change::Change;
use operator::Operator;

#[cfg(any(test, fuzzing))]
pub(crate) use ids::parse as parse_id;
pub(crate) use queue::is_paused;

/// Does what the operator asks, and returns the exit status.
pub(crate) async fn operate(common: &Common, verb: Operation) -> Result<u8> {
    if let Operation::Migrate(_) = verb {
        return migrate::migrate(common).await;
    }
    let opened = store::open_existing(common, purpose(&verb)).await?;
    let operator = Operator {
        console: Console::new(common),
        runs: Runs::read(&opened).await?,
        opened,
    };
    match verb {
        Operation::List(args) => list::list(&operator, &args).await,
        Operation::Show(args) => show::show(&operator, &args).await,
        Operation::Follow(args) => follow::follow(&operator, &args).await,
        Operation::Retry(args) => apply::apply(&operator, &args.selection, &Change::Retry).await,
        Operation::Cancel(args) => {
            let change = Change::Cancel(args.reason);
            apply::apply(&operator, &args.selection, &change).await
        }
        Operation::Delete(args) => apply::apply(&operator, &args.selection, &Change::Delete).await,
        Operation::Reschedule(args) => reschedule::reschedule(&operator, &args).await,
        Operation::Pause(args) => queue::pause(&operator, &args.queue).await,
        Operation::Resume(args) => queue::resume(&operator, &args.queue).await,
        Operation::Stats(args) => stats::stats(&operator, &args).await,
        Operation::Instances(_) => instances::instances(&operator).await,
        Operation::Prune(args) => prune::prune(&operator, &args).await,
        Operation::Doctor(_) => doctor::doctor(&operator).await,
        Operation::Migrate(_) => unreachable!("it came before the store was opened"),
    }
}

fn purpose(verb: &Operation) -> Purpose {
    match verb {
        Operation::List(_)
        | Operation::Show(_)
        | Operation::Follow(_)
        | Operation::Stats(_)
        | Operation::Instances(_)
        | Operation::Doctor(_) => Purpose::Look,
        Operation::Retry(_)
        | Operation::Cancel(_)
        | Operation::Delete(_)
        | Operation::Reschedule(_)
        | Operation::Pause(_)
        | Operation::Resume(_)
        | Operation::Prune(_)
        | Operation::Migrate(_) => Purpose::Change,
    }
}
