//! `marionette migrate`: brings the tables of a store to the version of this program.

use anyhow::{Result, bail};
use marionette_sqlite::SqliteStore;
use serde_json::json;

use crate::common::Common;
use crate::console::Console;
use crate::console::text;
use crate::store::{self, Location};

pub(super) async fn migrate(common: &Common) -> Result<u8> {
    let console = Console::new(common);
    let path = match store::location(common)? {
        Location::File(path) => path,
        Location::Redis(address) => {
            bail!("{address} has no tables; a store there is made by whoever connects to it")
        }
    };
    let shown = text::path(&path);
    let from = store::migrate(common, &path).await?;
    let version = SqliteStore::VERSION;
    if console.json {
        let value = json!({"store": path.display().to_string(), "from": from, "version": version});
        console.value(&value);
    } else if !console.quiet {
        console.result(&match from {
            Some(from) if from == version => format!("{shown} has version {version} already"),
            Some(from) => format!("{shown} had version {from} and has version {version} now"),
            None => format!("{shown} had no tables and has those of version {version} now"),
        });
    }
    Ok(0)
}
