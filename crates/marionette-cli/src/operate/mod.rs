//! What an operator asks of a store, and changes in it: any store that a service uses, and that of
//! the commands.

mod args;
mod list;
mod show;
mod follow;
mod story;
mod change;
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

use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use marionette_sqlite::SqliteStore;
use rustix::fs::Access;

use crate::args::Common;
use crate::say::Say;
use crate::store::{self, Opened, told};
use crate::text::safe;

use change::Deed;

/// The operator's commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    List(args::List),
    Show(args::Show),
    Follow(follow::Follow),
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
        Verb::Follow(args) => follow::follow(&desk, &args).await,
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
    if path.is_dir() {
        bail!(
            "{} is a directory; name a file with --store",
            safe(&path.display().to_string())
        );
    }
    if path.is_file() {
        let version = SqliteStore::version_of(&path).await;
        let version = version.map_err(told).with_context(|| unusable(&path))?;
        if version.is_none() {
            bail!(
                "{0} is a database without tasks; name another with --store, or make it a store \
                 with `marionette migrate --store sqlite:{0}`",
                safe(&path.display().to_string())
            );
        }
    }
    existing(common, &path).await
}

/// Opens the store, with what is wrong with the file, if it is there.
async fn existing(common: &Common, path: &Path) -> Result<Opened> {
    let opened = store::open_existing(common.store.as_ref()).await;
    if path.exists() {
        opened.with_context(|| unusable(path))
    } else {
        opened
    }
}

/// What is said before what went wrong; and if it is a matter of permissions, what it takes.
fn unusable(path: &Path) -> String {
    let both = Access::READ_OK | Access::WRITE_OK;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let may = |path: &Path| rustix::fs::access(path, both).is_ok();
    let hint = match (may(path), may(folder.unwrap_or(Path::new(".")))) {
        (true, true) => "",
        (false, _) => " (you may not read and write the file; it takes both, even to look)",
        (true, false) => " (you may not write in its folder; it takes that, even to look)",
    };
    format!(
        "cannot use the store {}{hint}",
        safe(&path.display().to_string())
    )
}
