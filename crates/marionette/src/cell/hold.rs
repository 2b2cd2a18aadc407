//! The references of the side that waits or runs, and the one that it lends to an attempt.
//!
//! Every attempt gets a context, and with most tasks it is dropped on the worker's thread before
//! the attempt's first poll has returned. So a loan is noted on the thread: a context that ends
//! there gives its reference back without a locked instruction.

use std::cell::Cell as StdCell;
use std::mem::{self, ManuallyDrop};
use std::ops::Deref;
use std::ptr::null;

use crate::cell::Cell;
use crate::cell::body::Body;
use crate::cell::shared::Shared;
use crate::cell::state::{HANDLE, OVER, REFERENCE, RUNNING, STARTED};
use crate::sync::{Ordering, thread_local};

thread_local! {
    /// The cell that is lent on this thread, until its reference comes back.
    static LENT: StdCell<*const ()> = const { StdCell::new(null()) };
}

/// The reference of the side that waits or runs, and the spare one: it is for the context of an
/// attempt, and was counted when the cell was made.
pub(super) struct Hold {
    cell: Shared<dyn Body>,
    has_spare: bool,
}

impl Hold {
    /// The reference of the side that waits, and the spare one if the task was never started.
    ///
    /// # Safety
    ///
    /// The caller was the side that waits, and read this state before it started the task.
    #[inline]
    pub(super) unsafe fn new(cell: Shared<dyn Body>, state: usize) -> Self {
        Self {
            cell,
            has_spare: state & STARTED == 0,
        }
    }

    #[inline]
    pub(super) fn cell(&self) -> &Shared<dyn Body> {
        &self.cell
    }

    /// How many references it has.
    #[inline]
    pub(super) fn count(&self) -> usize {
        1 + usize::from(self.has_spare)
    }

    /// One more reference, noted on this thread until the loan ends.
    #[inline]
    pub(super) fn lend(&mut self) -> (Lent, Loan) {
        let cell = if mem::take(&mut self.has_spare) {
            // SAFETY: the spare one was counted, and is nobody's any more.
            unsafe { self.cell.counted() }
        } else {
            self.cell.clone()
        };
        // SAFETY: this copy is used only once the reference has come back, and is nobody's then.
        let lent = unsafe { ManuallyDrop::new(cell.counted()) };
        let outer = LENT.with(|noted| noted.replace(lent.address()));
        (Lent(ManuallyDrop::new(cell)), Loan { lent, outer })
    }

    /// Ends the loan; the reference is the spare one again, if it has come back.
    #[inline]
    pub(super) fn end_loan(&mut self, loan: Loan) {
        let mut loan = ManuallyDrop::new(loan);
        self.has_spare = loan.has_come_back();
    }

    pub(super) fn into_cell(mut self) -> Shared<dyn Body> {
        drop(self.take_spare());
        let this = ManuallyDrop::new(self);
        // SAFETY: `self` is not dropped, so its reference is nobody's.
        unsafe { this.cell.counted() }
    }

    fn take_spare(&mut self) -> Option<Shared<dyn Body>> {
        mem::take(&mut self.has_spare).then(|| {
            // SAFETY: as in `lend`.
            unsafe { self.cell.counted() }
        })
    }

    /// Goes from `RUNNING` to `OVER`, for a task whose result nobody will ask for.
    ///
    /// # Safety
    ///
    /// The caller was the one holder, and there is no handle.
    #[inline]
    pub(super) unsafe fn end(self) {
        let count = self.count();
        // SAFETY: its references are counted until they are subtracted below.
        let cell = unsafe { ManuallyDrop::new(self).cell.counted() };
        if is_alone(cell.state.load(Ordering::Acquire), count) {
            // SAFETY: there are no other references, and nobody can make one. All that the user
            // gave and got is dropped with the cell.
            return unsafe { Shared::free(cell.into_raw()) };
        }
        // SAFETY: the caller was the one holder.
        unsafe { cell.clear() };
        let change = count * REFERENCE - (OVER - RUNNING);
        let before = cell.state.fetch_sub(change, Ordering::AcqRel);
        // SAFETY: they were subtracted just now, all but one of them before the last.
        unsafe { Shared::given_back(cell.into_raw(), before - (count - 1) * REFERENCE) };
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        drop(self.take_spare());
    }
}

/// Whether `count` references are all there are, and there is no handle. Then nobody but their
/// holder can reach the cell, and it may be changed without a locked instruction.
#[inline]
pub(super) fn is_alone(state: usize, count: usize) -> bool {
    state & HANDLE == 0 && state / REFERENCE == count
}

/// The reference of a context.
pub(crate) struct Lent(ManuallyDrop<Shared<dyn Body>>);

impl Deref for Lent {
    type Target = Cell<dyn Body>;

    #[inline]
    fn deref(&self) -> &Cell<dyn Body> {
        &self.0
    }
}

impl Clone for Lent {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Drop for Lent {
    #[inline]
    fn drop(&mut self) {
        let came_back = LENT.with(|lent| {
            let is_lent = lent.get() == self.0.address();
            if is_lent {
                lent.set(null());
            }
            is_lent
        });
        if !came_back {
            // SAFETY: it is dropped once, here.
            unsafe { ManuallyDrop::drop(&mut self.0) };
        }
    }
}

/// The loan of a reference on this thread. A loan ends on the thread where it began, on unwinding
/// too, and loans of other cells that began meanwhile have ended by then.
pub(super) struct Loan {
    /// The reference that was lent, if it has come back.
    lent: ManuallyDrop<Shared<dyn Body>>,
    outer: *const (),
}

impl Loan {
    #[inline]
    fn has_come_back(&mut self) -> bool {
        LENT.with(|lent| lent.replace(self.outer)).is_null()
    }
}

impl Drop for Loan {
    #[cold]
    fn drop(&mut self) {
        if self.has_come_back() {
            // SAFETY: it is nobody's.
            unsafe { ManuallyDrop::drop(&mut self.lent) };
        }
    }
}
