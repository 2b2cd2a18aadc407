//! The long questions that a sweep asks the reader first.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use marionette::store::StoreError;

use super::SqliteStore;
use crate::lanes::IdleLanes;
use crate::threads::writer::{self, DonePlace};

/// The pause between looks for idle lanes, if the last one found none.
const IDLE_LOOK: Duration = Duration::from_secs(10);
/// The pause between looks for idle lanes, if the last one found some.
const IDLE_AGAIN: Duration = Duration::from_secs(1);

impl SqliteStore {
    /// The newest done job beyond the number that is kept, if the writer does not count itself.
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

    /// The idle lanes; none if it is not time to look for them.
    pub(super) async fn idle_lanes(&self) -> Result<IdleLanes, StoreError> {
        let ask = self.read(|reader| Ok(IdleLanes::find(reader.connection)?));
        let idle = self.now_and_then(&self.inner.idle_at, ask).await?;
        if let Some(idle) = idle {
            // Closed lanes are to be deleted soon; otherwise there is no hurry.
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

    /// Asks the reader a long question, which may take a hundredth of the time; `None` if it is too
    /// soon.
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
