//! The one word of a cell: phase, flags, and how many references there are.

pub(super) const PHASE: usize = 0b11;
pub(super) const WAITING: usize = 0b00;
pub(super) const RUNNING: usize = 0b01;
pub(super) const OVER: usize = 0b10;
pub(super) const CLOSING: usize = 0b11;

/// A `Joined` exists.
pub(super) const HANDLE: usize = 0b0100;
/// The waker of the `Joined` lies in the details.
pub(super) const JOIN_WAKER: usize = 0b1000;
/// Somebody asked the running task to end; the reason lies in the details.
pub(super) const CANCEL: usize = 0b1_0000;
/// Somebody asked to end the running task without waiting for it.
pub(super) const ABORT: usize = 0b10_0000;
/// The task has been started before.
pub(super) const STARTED: usize = 0b100_0000;

/// One reference; they are counted in the bits above the flags.
pub(super) const REFERENCE: usize = 0b1000_0000;
/// The most references there may be, half of the word: whoever finds more aborts the process, long
/// before the word overflows.
pub(super) const REFERENCES_MAX: usize = usize::MAX / 2;

/// Whether who has one reference has them all, and there is no handle: nobody else can reach the
/// cell then, and it may be changed without a locked instruction.
#[inline]
pub(super) fn is_alone(state: usize) -> bool {
    state & HANDLE == 0 && state / REFERENCE == 1
}
