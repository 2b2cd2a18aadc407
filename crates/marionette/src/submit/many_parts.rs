//! What both `queue_many` share: the tasks that are still to come, the handles of those that were
//! accepted, and the end of the future, which gives back the rest.

use crate::submit::error::Refusal;
use crate::submit::many_error::ManyError;

/// The tasks `H` of an iterator `I` that are still to come, and the handles `A` of those that were
/// accepted. The function stands in place of a bound, for the reason that
/// [`Maker`](crate::task::draft::Maker) gives.
pub(crate) struct ManyParts<I, H, A> {
    /// `None` once the future has resolved.
    iter: Option<I>,
    collect: fn(I, &mut Vec<H>),
    pub(crate) accepted: Vec<A>,
}

impl<I: Iterator<Item = H>, H, A> ManyParts<I, H, A> {
    pub(crate) fn new(tasks: I) -> Self {
        Self {
            accepted: Vec::with_capacity(tasks.size_hint().0),
            iter: Some(tasks),
            collect: |tasks, refused| refused.extend(tasks),
        }
    }
}

impl<I, H, A> ManyParts<I, H, A> {
    /// The tasks that are still to come.
    pub(crate) fn rest(&mut self) -> &mut I {
        let iter = self.iter.as_mut();
        iter.expect("`queue_many` is not polled after it has resolved")
    }

    /// Ends with all tasks accepted.
    pub(crate) fn end(&mut self) -> Vec<A> {
        self.iter = None;
        std::mem::take(&mut self.accepted)
    }

    /// Ends with these tasks refused, and with them all that are still to come.
    pub(crate) fn refuse(&mut self, mut refused: Vec<H>, why: Refusal) -> ManyError<A, H> {
        if let Some(rest) = self.iter.take() {
            (self.collect)(rest, &mut refused);
        }
        ManyError::new(std::mem::take(&mut self.accepted), refused, why)
    }
}
