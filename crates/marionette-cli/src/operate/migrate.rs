//! `marionette migrate`: brings the tables of a store to the version of this program.

use anyhow::Result;
use marionette_sqlite::SqliteStore;
use serde_json::json;

use crate::common::Common;
use crate::console::Console;
use crate::console::text;
use crate::store;

pub(super) async fn migrate(common: &Common) -> Result<u8> {
    let console = Console::new(common);
    let path = store::path(common)?;
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
