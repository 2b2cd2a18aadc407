//! What the types of the ways in are, whatever a task captures.

use marionette::error::ManyError;
use marionette::future::{Inserting, InsertingMany, QueueingMany, Submitting};
use marionette::{JobHandle, JoinHandle, QueueError};

fn is_send<T: Send>() {}
fn is_sync<T: Sync>() {}
fn is_unpin<T: Unpin>() {}

/// Without any bound but `Send`: the compiler would refuse a hidden one.
#[allow(clippy::extra_unused_type_parameters)] // The point of it.
fn for_every<I: Send, H: Send, S: Send, T>() {
    is_send::<Submitting<'_, H, S, T>>();
    is_unpin::<Submitting<'_, H, S, T>>();
    is_send::<QueueingMany<'_, I, H, S, T>>();
    is_unpin::<QueueingMany<'_, I, H, S, T>>();
    is_send::<Inserting<'_, H, T>>();
    is_unpin::<Inserting<'_, H, T>>();
    is_send::<InsertingMany<'_, I, H, S>>();
    is_unpin::<InsertingMany<'_, I, H, S>>();
    is_send::<JoinHandle<T>>();
    is_sync::<JoinHandle<T>>();
    is_send::<JobHandle<T>>();
    is_sync::<JobHandle<T>>();
    is_send::<QueueError<H>>();
    is_sync::<QueueError<H>>();
    is_send::<ManyError<JoinHandle<T>, H>>();
    is_sync::<ManyError<JoinHandle<T>, H>>();
}

#[test]
fn the_futures_of_the_ways_in_are_send_and_unpin() {
    for_every::<std::vec::IntoIter<u8>, u8, u8, u8>();
}
