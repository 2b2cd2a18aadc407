//! Asking a store: one that panics is one that fails.

use crate::outcome::panic::caught;
use crate::store::{StoreError, StoreFuture};

/// What a store answers. A panic in it is an error that says so: whoever asks goes on as with any
/// store that is unavailable.
pub(crate) async fn guarded<T>(asked: StoreFuture<'_, T>) -> Result<T, StoreError> {
    match caught(asked).await {
        Ok(answer) => answer,
        Err(panic) => Err(StoreError::unavailable(format!("the store {panic}"))),
    }
}
