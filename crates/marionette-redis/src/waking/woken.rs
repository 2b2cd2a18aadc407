//! The wake-up that a caller gets.

use tokio::sync::mpsc;

use super::Event;

/// Jobs that a message was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Jobs {
    pub(crate) count: usize,
    pub(crate) kind: String,
    pub(crate) queue: String,
}

/// A wake-up: a claim may find a job now. If the caller is gone before it gets the wake-up, another
/// caller is woken for the job.
#[derive(Debug, Default)]
pub(crate) struct Woken {
    back: Option<(mpsc::UnboundedSender<Event>, Jobs)>,
}

impl Woken {
    /// A wake-up for one of these jobs.
    pub(super) fn by(events: &mpsc::UnboundedSender<Event>, jobs: &Jobs) -> Self {
        let one = Jobs {
            count: 1,
            ..jobs.clone()
        };
        let back = Some((events.clone(), one));
        Self { back }
    }

    /// Notes that the wake-up needs no other caller.
    pub(crate) fn accept(mut self) {
        self.back = None;
    }
}

impl Drop for Woken {
    fn drop(&mut self) {
        if let Some((events, job)) = self.back.take() {
            let _ = events.send(Event::Unused(job));
        }
    }
}
