//! Waits for jobs that may be claimed, for ends, and until other duties are due.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use marionette::TaskId;
use marionette::store::{Duty, StoreError, Wanted};
use tokio::sync::oneshot;

use crate::server::Server;
use crate::waking::{Event, Waiter, Woken};

/// The most jobs of one question for ends.
const STEP: usize = 2_500;

impl Server {
    /// Waits until a claim may find a wanted job: for at most a poll, unless the caller is patient
    /// and the server says after each poll that there is none.
    async fn wait(&self, wanted: Wanted, is_patient: bool) -> Result<Woken, StoreError> {
        let (reply, woken) = oneshot::channel();
        let waiter = Waiter {
            since: self.settings.clock.monotonic(),
            is_patient,
            reply,
        };
        self.waking.tell(Event::Waits(wanted, waiter));
        let gone = |_| StoreError::broken("the task that wakes others has ended");
        woken.await.map_err(gone)?
    }

    /// Waits until this duty is due again.
    pub(crate) async fn rest(&self, duty: Duty, is_patient: bool) -> Result<Woken, StoreError> {
        let timing = self.settings.timing;
        let pause = match duty {
            Duty::Claim(wanted) => return self.wait(wanted, is_patient).await,
            Duty::Ask(jobs) => {
                self.wait_for_ends(jobs).await?;
                return Ok(Woken::default());
            }
            Duty::Sweep => self.pause_of_sweeps(),
            _ => timing.lease / 3,
        };
        tokio::time::sleep(pause).await;
        Ok(Woken::default())
    }

    /// The time until the next sweep: up to a seventh less than the setting, so that processes that
    /// were started together drift apart; and less if an instance will have been silent for a lease
    /// before that.
    fn pause_of_sweeps(&self) -> Duration {
        let timing = self.settings.timing;
        let pause = timing.sweep.mul_f64(0.85 + fastrand::f64() * 0.15);
        let now = self.settings.clock.monotonic();
        let next = self.beats.borrow().next_silent(timing.lease, now);
        next.map_or(pause, |next| pause.min(next.duration_since(now)))
    }

    /// Waits until one of these jobs may have ended, for at most a poll.
    async fn wait_for_ends(&self, jobs: Vec<TaskId>) -> Result<(), StoreError> {
        let (reply, mut told) = oneshot::channel();
        // Before the question, so that no message is missed.
        self.waking.tell(Event::Asks(jobs.clone(), reply));
        for part in jobs.chunks(STEP) {
            let rows = self.ends(part, &self.process).await?;
            if rows.len() < part.len() || rows.iter().any(|row| row != b"w") {
                return Ok(());
            }
        }
        let mut slept = pin!(self.settings.clock.sleep(self.settings.timing.poll));
        poll_fn(|context| match Pin::new(&mut told).poll(context) {
            // Also if the task has ended: the next call says so.
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => slept.as_mut().poll(context),
        })
        .await;
        Ok(())
    }
}
