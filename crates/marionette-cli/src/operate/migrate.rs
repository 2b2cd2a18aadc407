//! `marionette migrate`: brings the tables of a store to the version of this program.

use anyhow::{Context, Result};
use marionette_sqlite::SqliteStore;
use serde_json::json;

use crate::args::Common;
use crate::say::Say;
use crate::store::{self, told};
use crate::text::safe;

use super::{existing, json, unusable};

pub(super) async fn migrate(common: &Common) -> Result<u8> {
    let say = Say::new(common);
    let path = store::path(common.store.as_ref())?;
    let shown = safe(&path.display().to_string());
    let from = if path.is_file() {
        let version = SqliteStore::version_of(&path).await;
        version.map_err(told).with_context(|| unusable(&path))?
    } else {
        None
    };
    // Opening it is what brings it there.
    existing(common, &path).await?;
    let version = SqliteStore::VERSION;
    if say.json {
        let value = json!({"store": path.display().to_string(), "from": from, "version": version});
        say.result(&json::line(&value));
    } else if !say.quiet {
        say.result(&match from {
            Some(from) if from == version => format!("{shown} has version {version} already"),
            Some(from) => format!("{shown} had version {from} and has version {version} now"),
            None => format!("{shown} had no tables and has those of version {version} now"),
        });
    }
    Ok(0)
}
