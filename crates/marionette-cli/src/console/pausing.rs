//! How people read that a queue is paused.

use marionette::inspect::PausedQueue;

use super::clock;
use super::text::safe;
use super::time::show_duration;

/// The person who paused a queue, and when, in brackets; nothing if the store does not know.
pub(crate) fn who_paused(paused: &PausedQueue) -> String {
    let ago = show_duration(clock::since(paused.since));
    let by = paused.by.as_ref();
    by.map_or_else(String::new, |by| {
        format!(" (by {}, {ago} ago)", safe(&by.to_string()))
    })
}
