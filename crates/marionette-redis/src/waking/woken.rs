//! What a caller is given when it is woken.

use tokio::sync::mpsc;

use super::Event;

/// Jobs that a message was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Jobs {
    pub(crate) count: usize,
    pub(crate) kind: String,
    pub(crate) queue: String,
}

/// Says that a caller may find a job. If nobody takes it to the caller, the job that it was about
/// is told to another one.
#[derive(Debug, Default)]
pub(crate) struct Woken {
    back: Option<(mpsc::UnboundedSender<Event>, Jobs)>,
}

impl Woken {
    /// For one of these jobs.
    pub(super) fn by(events: &mpsc::UnboundedSender<Event>, jobs: &Jobs) -> Self {
        let one = Jobs {
            count: 1,
            ..jobs.clone()
        };
        let back = Some((events.clone(), one));
        Self { back }
    }

    /// The caller has it, or never had a chance.
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
