//! How long a worker has had its thread: others get it once the time slice is over.

use std::time::Duration;

use crate::clock::Tick;
use crate::queue::pace::Pacer;

/// The tasks and the time since a worker got its thread.
pub(crate) struct TimeSlice {
    /// The end of the last attempt, which is the start of the next one unless there was a pause.
    last: Option<Tick>,
    began: Tick,
    tasks: u32,
    pub(crate) pacer: Pacer,
}

/// A worker yields its thread after this number of tasks that did not wait.
const SLICE_TASKS: u32 = 256;
/// A worker yields its thread after this time, if at least one task has ended in it.
const SLICE_TIME: Duration = Duration::from_micros(500);

impl TimeSlice {
    pub(crate) fn begin() -> Self {
        Self {
            last: None,
            began: Tick::now(),
            tasks: 0,
            pacer: Pacer::default(),
        }
    }

    /// The end of the last attempt, or the present after a pause: the start of the next attempt.
    pub(crate) fn now(&mut self) -> Tick {
        *self.last.get_or_insert_with(Tick::recent)
    }

    /// The worker has let go of the thread, and gets a whole time slice when it has it again.
    pub(crate) fn pause(&mut self) {
        self.last = None;
        self.tasks = 0;
    }

    /// Counts an attempt that ends now, and returns the present.
    pub(crate) fn ended(&mut self) -> Tick {
        let now = Tick::recent();
        let since = self.last.unwrap_or(now);
        if self.tasks == 0 {
            self.began = since;
        }
        self.pacer.ran(now.since(since));
        self.tasks += 1;
        self.last = Some(now);
        now
    }

    /// Whether others should have the thread; never before an attempt has ended in the time slice.
    pub(crate) fn is_over(&self) -> bool {
        let is_long = |last: Tick| last.since(self.began) >= SLICE_TIME;
        self.tasks >= SLICE_TASKS || (self.tasks > 0 && self.last.is_some_and(is_long))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_turn_is_over_after_its_time_and_not_after_a_pause() {
        let mut slice = TimeSlice::begin();
        slice.now();
        advance(SLICE_TIME).await;
        slice.ended();
        assert!(slice.is_over());
        slice.pause();
        advance(2 * SLICE_TIME).await;
        slice.now();
        assert!(!slice.is_over(), "it has only just begun");
    }
}
