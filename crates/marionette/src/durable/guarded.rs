//! Calls of a store, in which a panic is an error.

use crate::outcome::panic::caught;
use crate::store::{StoreError, StoreFuture};

/// The answer of a store. A panic in the store becomes an error that says so, and the caller goes
/// on as with any store that is unavailable.
pub(crate) async fn guarded<T>(asked: StoreFuture<'_, T>) -> Result<T, StoreError> {
    match caught(asked).await {
        Ok(answer) => answer,
        Err(panic) => Err(StoreError::unavailable(format!("the store {panic}"))),
    }
}
