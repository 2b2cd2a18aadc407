//! What a sweep asks of the reader first, because it takes a while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use marionette::store::StoreError;

use super::SqliteStore;
use crate::lanes::IdleLanes;
use crate::threads::writer::{self, DonePlace};

/// How soon lanes without jobs are looked for again if there were none…
const IDLE_LOOK: Duration = Duration::from_secs(10);
/// …and if there were.
const IDLE_AGAIN: Duration = Duration::from_secs(1);

impl SqliteStore {
    /// The newest done job beyond the number that is kept, where the writer does not count itself.
    /// Counting takes at most a hundredth of the time.
    pub(super) async fn done_beyond(&self) -> Result<Option<DonePlace>, StoreError> {
        let kept = self.settings().keep_done_count;
        if writer::counted_here(kept) {
            return Ok(None);
        }
        let ask = self.read(move |reader| Ok(writer::done_beyond(reader.connection, kept)?));
        let beyond = self.now_and_then(&self.inner.count_at, ask).await?;
        Ok(beyond.flatten())
    }

    /// Lanes without jobs; none if they are not looked for now.
    pub(super) async fn idle_lanes(&self) -> Result<IdleLanes, StoreError> {
        let ask = self.read(|reader| Ok(IdleLanes::find(reader.connection)?));
        let idle = self.now_and_then(&self.inner.idle_at, ask).await?;
        if let Some(idle) = idle {
            // What was closed is to be deleted soon; else there is no hurry.
            let pause = if idle.is_empty() {
                IDLE_LOOK
            } else {
                IDLE_AGAIN
            };
            let mut at = lock(&self.inner.idle_at);
            *at = (*at).max(Some(self.clock().monotonic() + pause));
            return Ok(idle);
        }
        Ok(IdleLanes::default())
    }

    /// Asks the reader for something that costs it a while, for at most a hundredth of the time.
    async fn now_and_then<R>(
        &self,
        again: &Mutex<Option<Instant>>,
        ask: impl Future<Output = Result<R, StoreError>>,
    ) -> Result<Option<R>, StoreError> {
        let now = self.clock().monotonic();
        {
            let mut at = lock(again);
            if at.is_some_and(|at| now < at) {
                return Ok(None);
            }
            *at = Some(now + Duration::from_secs(60));
        }
        let answer = ask.await;
        let after = self.clock().monotonic();
        *lock(again) = Some(after + (after - now) * 100);
        answer.map(Some)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
