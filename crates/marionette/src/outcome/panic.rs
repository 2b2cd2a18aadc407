//! A panic as data: caught, with its message and the place where it happened.

use std::any::Any;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::panic::{self, AssertUnwindSafe};
use std::pin::pin;
use std::sync::Once;
use std::task::Poll;

use crate::outcome::Panic;

thread_local! {
    static LOCATION: Cell<Option<String>> = const { Cell::new(None) };
}

/// Notes where panics happen, from now on: the payload of a panic does not carry the place.
///
/// The hook that was there before is still called. A hook that is set later hides the place, and
/// nothing else.
pub(crate) fn note_locations() {
    static NOTED: Once = Once::new();
    NOTED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            LOCATION.set(info.location().map(ToString::to_string));
            before(info);
        }));
    });
}

/// Calls `f`; a panic in it is returned as data.
#[inline(always)]
#[allow(clippy::inline_always)] // Each attempt goes through it, and it is nothing but a frame.
pub(crate) fn catch<R>(f: impl FnOnce() -> R) -> Result<R, Box<Panic>> {
    panic::catch_unwind(AssertUnwindSafe(f)).map_err(describe)
}

/// Awaits the future. A panic in a poll of it is returned as data, and ends it.
pub(crate) async fn caught<F: Future>(future: F) -> Result<F::Output, Box<Panic>> {
    let mut future = pin!(future);
    poll_fn(|poller| match catch(|| future.as_mut().poll(poller)) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

#[cold]
#[allow(clippy::unnecessary_box_returns)] // It may come as one, and stays in it.
fn describe(payload: Box<dyn Any + Send>) -> Box<Panic> {
    let payload = match payload.downcast::<Panic>() {
        // The panic was caught on another thread before, and its place is known.
        Ok(panic) => return panic,
        Err(payload) => payload,
    };
    let message = if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a value that is not text".to_owned()
    };
    // Dropping a payload may panic too.
    let _ = panic::catch_unwind(AssertUnwindSafe(|| drop(payload)));
    Box::new(Panic {
        message,
        location: LOCATION.take(),
    })
}
