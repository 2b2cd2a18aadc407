//! A counted reference to a cell: an `Arc` whose count is in the cell's own word, so that a change
//! of the state and of the count is one instruction, and the first references cost none.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::abort;
use std::ptr::NonNull;

use crate::cell::Cell;
use crate::cell::body::{Body, Joinable, Offered};
use crate::cell::details::Details;
use crate::cell::state::{HANDLE, OVER, PHASE, REFERENCE, REFERENCES_MAX};
use crate::id::Identity;
use crate::sync::Ordering;

/// A counted reference to a cell. The last one frees it.
pub(crate) struct Shared<B: ?Sized>(NonNull<Cell<B>>);

// SAFETY: it gives shared access to the cell, which is `Sync` for such bodies, and the last
// reference drops the cell on its thread, which is why the body has to be `Send`.
unsafe impl<B: ?Sized + Send> Send for Shared<B> {}
// SAFETY: as above; a shared reference gives no more than a clone would.
unsafe impl<B: ?Sized + Send> Sync for Shared<B> {}

/// The references that a new cell counts: one for the side that waits.
const WITHOUT_HANDLE: usize = REFERENCE;
/// The references that a new cell with a handle counts: one for each side.
const WITH_HANDLE: usize = (2 * REFERENCE) | HANDLE;

/// A new task that nobody awaits: the side that waits.
pub(super) fn alone<B: Body + 'static>(
    body: B,
    identity: Identity,
    details: Option<Box<Details>>,
) -> Shared<dyn Body> {
    let cell = Box::new(Cell::new(WITHOUT_HANDLE, body, identity, details));
    Shared(NonNull::from(Box::leak(cell)))
}

/// A new task: the side that waits, and the side of the handle.
#[inline]
pub(super) fn pair<B, S, T>(
    body: B,
    identity: Identity,
    details: Option<Box<Details>>,
) -> (Shared<dyn Body>, Shared<dyn Offered<S, T>>)
where
    B: Offered<S, T> + 'static,
{
    let cell = NonNull::from(Box::leak(Box::new(Cell::new(
        WITH_HANDLE,
        body,
        identity,
        details,
    ))));
    (Shared(cell), Shared(cell))
}

impl<B: ?Sized> Shared<B> {
    /// Frees the cell if the reference that the caller has given back, by a change from `before`,
    /// was the last.
    ///
    /// # Safety
    ///
    /// The caller has subtracted the reference that it had.
    pub(super) unsafe fn given_back(cell: NonNull<Cell<B>>, before: usize) {
        if before < 2 * REFERENCE {
            // SAFETY: it was the last.
            unsafe { Self::free(cell) };
        }
    }

    /// Frees the cell.
    ///
    /// # Safety
    ///
    /// No reference is left but the caller's, as it has read with acquire.
    #[inline]
    pub(super) unsafe fn free(cell: NonNull<Cell<B>>) {
        // SAFETY: nobody reaches the cell any more; all changes of the word are acquire and
        // release, so what others did to the cell has happened. It came from a box.
        let cell = unsafe { Box::from_raw(cell.as_ptr()) };
        // Errors of attempts may lie in it. They are the user's, and dropping them may panic:
        // that harms nobody.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(cell)));
    }

    /// Gives this reference up without giving it back.
    pub(super) fn into_raw(self) -> NonNull<Cell<B>> {
        ManuallyDrop::new(self).0
    }
}

impl<S, T> Shared<dyn Offered<S, T>> {
    /// This reference as the handle has it, without the type of what was queued.
    pub(super) fn into_joinable(self) -> Shared<dyn Joinable<T>> {
        Shared(ManuallyDrop::new(self).0)
    }
}

impl<T> Shared<dyn Joinable<T>> {
    /// Gives back the reference together with the handle's right to the result, unless the task is
    /// over: then the result is the handle's, and so is the reference still.
    pub(super) fn give_up_handle(self) -> Result<(), Self> {
        let unless_over = |state| (state & PHASE != OVER).then_some(state - HANDLE - REFERENCE);
        match self.update(unless_over) {
            Ok(before) => {
                let cell = ManuallyDrop::new(self).0;
                // SAFETY: it was subtracted, with the flag.
                unsafe { Self::given_back(cell, before) };
                Ok(())
            }
            Err(_) => Err(self),
        }
    }
}

impl<B: ?Sized> Deref for Shared<B> {
    type Target = Cell<B>;

    #[inline]
    fn deref(&self) -> &Cell<B> {
        // SAFETY: the cell lives as long as a reference is counted, and this one is.
        unsafe { self.0.as_ref() }
    }
}

impl<B: ?Sized> Clone for Shared<B> {
    #[inline]
    fn clone(&self) -> Self {
        // Relaxed: whoever makes a new reference has one already.
        let before = self.state.fetch_add(REFERENCE, Ordering::Relaxed);
        if before > REFERENCES_MAX {
            // As in `Arc`: only a program that forgets contexts without end comes here.
            abort();
        }
        Self(self.0)
    }
}

impl<B: ?Sized> Drop for Shared<B> {
    #[inline]
    fn drop(&mut self) {
        let before = self.state.fetch_sub(REFERENCE, Ordering::AcqRel);
        // SAFETY: it was subtracted just now.
        unsafe { Self::given_back(self.0, before) };
    }
}
