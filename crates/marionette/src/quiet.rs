//! Calls of listeners, which are code of the application's: a listener that panics changes nothing
//! for the task that it hears of.
//!
//! Spans and events go through here and through [`observe`](crate::observe), and nowhere else:
//! `cargo xtask tidy` sees to it.

use std::mem;

use tracing::{Dispatch, Id, Span};

use crate::outcome::panic::catch;

/// Calls code that tells a listener something. `None` if that panics.
#[inline]
pub(crate) fn quietly<R>(tell: impl FnOnce() -> R) -> Option<R> {
    catch(tell).ok()
}

/// A span whose subscriber may panic at any time: when the span is made, entered, left, cloned, or
/// dropped.
#[derive(Debug)]
pub(crate) struct QuietSpan(Span);

impl QuietSpan {
    /// No span.
    pub(crate) const NONE: Self = Self(Span::none());

    /// The span that `make` makes.
    pub(crate) fn new(make: impl FnOnce() -> Span) -> Self {
        quietly(make).map_or(Self::NONE, Self)
    }

    /// The span in which the caller runs.
    pub(crate) fn current() -> Self {
        Self::new(Span::current)
    }

    pub(crate) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn id(&self) -> Option<Id> {
        self.0.id()
    }

    /// Enters the span, until [`leave`](Self::leave) is called.
    pub(crate) fn enter(&self) {
        self.tell(|id, subscriber| subscriber.enter(id));
    }

    /// Leaves the span, even if it could not be entered: one part of the subscriber may have
    /// entered it before another one panicked.
    pub(crate) fn leave(&self) {
        self.tell(|id, subscriber| subscriber.exit(id));
    }

    #[cold]
    fn tell(&self, what: fn(&Id, &Dispatch)) {
        let _ = quietly(|| {
            self.0
                .with_subscriber(|(id, subscriber)| what(id, subscriber))
        });
    }
}

impl Clone for QuietSpan {
    fn clone(&self) -> Self {
        Self::new(|| self.0.clone())
    }
}

impl Drop for QuietSpan {
    fn drop(&mut self) {
        let span = mem::replace(&mut self.0, Span::none());
        let _ = quietly(|| drop(span));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_that_panics_is_heard_of_no_more() {
        assert_eq!(quietly(|| 1), Some(1));
        assert_eq!(quietly(|| panic!("the pipe is broken")), None::<()>);
    }
}
