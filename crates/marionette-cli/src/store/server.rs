//! Connects to stores on servers.

use anyhow::Result;

use super::location::Address;
use super::opened::Opened;
use crate::common::Common;

/// Connects to a store on a server, and makes the store if there is none.
#[cfg(feature = "redis")]
pub(crate) async fn connect(common: &Common, address: Address) -> Result<Opened> {
    use anyhow::Context;
    use marionette_redis::RedisStore;

    use super::backend::Backend;
    use super::error::explain;
    use super::location::{self, Location};
    use super::trust::check_folders;

    let state = location::state().context("what commands write has no place")?;
    let store = RedisStore::connect(address.in_clear()).await;
    let store = store.map_err(explain).context("cannot use the store")?;
    let path = state.join(format!("redis-{}", store.data_name()));
    let whose = check_folders(common, &path)?;
    let location = Location::Redis(address);
    Ok(Opened::new(Backend::Redis(store), location, path, whose))
}

#[cfg(not(feature = "redis"))]
#[allow(clippy::unused_async)] // Its twin waits for the server.
pub(crate) async fn connect(_common: &Common, address: Address) -> Result<Opened> {
    anyhow::bail!("cannot use the store {address}: this program was built without Redis")
}
