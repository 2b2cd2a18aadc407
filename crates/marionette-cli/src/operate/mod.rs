//! What an operator asks of a store, and changes in it: any store that a service uses, and that of
//! the commands.

mod args;
mod list;
mod show;
mod story;
mod change;
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

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use marionette_sqlite::SqliteStore;

use crate::args::Common;
use crate::say::Say;
use crate::store::{self, Opened, told};

use change::Deed;

/// The operator's commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    List(args::List),
    Show(args::Show),
    Retry(args::Retry),
    Cancel(args::Cancel),
    Delete(args::Delete),
    Pause(args::Pause),
    Resume(args::Resume),
    Stats(args::Stats),
    Workers(args::Workers),
    Prune(args::Prune),
    Migrate(args::Migrate),
}

/// What every command of an operator works with.
struct Desk {
    say: Say,
    opened: Opened,
}

/// Does what an operator asks for, and returns the exit status.
pub(crate) async fn operate(common: &Common, verb: Verb) -> Result<u8> {
    if let Verb::Migrate(_) = verb {
        return migrate::migrate(common).await;
    }
    let desk = Desk {
        say: Say::new(common),
        opened: open(common).await?,
    };
    match verb {
        Verb::List(args) => list::list(&desk, &args).await,
        Verb::Show(args) => show::show(&desk, &args).await,
        Verb::Retry(args) => change::change(&desk, &args.which, &Deed::Retry).await,
        Verb::Cancel(args) => {
            let deed = Deed::Cancel(args.reason);
            change::change(&desk, &args.which, &deed).await
        }
        Verb::Delete(args) => change::change(&desk, &args.which, &Deed::Delete).await,
        Verb::Pause(args) => queue::pause(&desk, &args.queue).await,
        Verb::Resume(args) => queue::resume(&desk, &args.queue).await,
        Verb::Stats(args) => stats::stats(&desk, &args).await,
        Verb::Workers(_) => workers::workers(&desk).await,
        Verb::Prune(args) => prune::prune(&desk, &args).await,
        Verb::Migrate(_) => unreachable!("it came before the store was opened"),
    }
}

/// Opens the store as it is. A database that is somebody else's is not given our tables.
async fn open(common: &Common) -> Result<Opened> {
    let path = store::path(common.store.as_ref())?;
    if path.is_file() {
        let version = SqliteStore::version_of(&path).await;
        let version = version
            .map_err(told)
            .with_context(|| unusable(&path.display().to_string()))?;
        if version.is_none() {
            bail!(
                "{0} is a database without tasks; name another with --store, or make it a store \
                 with `marionette migrate --store sqlite:{0}`",
                path.display()
            );
        }
    }
    let opened = store::open_existing(common.store.as_ref()).await;
    opened.with_context(|| unusable(&path.display().to_string()))
}

fn unusable(path: &str) -> String {
    format!("cannot use the store {}", crate::text::safe(path))
}
