//! `Draft`: a task before it is accepted. `Maker` makes an `Offer` of it: a cell for a queue, which
//! gives the draft back if the cell is refused.

use std::fmt;

use crate::cell::body::Offered;
use crate::cell::context::DEFAULT_NAME;
use crate::cell::details::Details;
use crate::cell::join::JoinHandle;
use crate::cell::{Joined, Shared, Waiting};
use crate::clock::Tick;
use crate::id::Identity;
use crate::task::IntoTask;
use crate::task::encoded_job::Unstorable;
use crate::task::registry::Registry;

/// A task before it is accepted, with its options.
///
/// A draft becomes a cell when it is offered to a queue, and leaves the cell again when it is
/// refused.
#[doc(hidden)]
pub struct Draft<S> {
    pub(crate) source: S,
    pub(crate) details: Option<Box<Details>>,
    pub(crate) identity: Option<Identity>,
}

impl<S> Draft<S> {
    pub(crate) fn new(source: S) -> Self {
        Self {
            source,
            details: None,
            identity: None,
        }
    }

    pub(crate) fn details(&mut self) -> &mut Details {
        self.details.get_or_insert_default()
    }

    pub(crate) fn name(&self) -> &str {
        self.details
            .as_ref()
            .and_then(|details| details.options.name())
            .unwrap_or(DEFAULT_NAME)
    }
}

impl<S> fmt::Debug for Draft<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

/// The functions that make cells of tasks of one type, and take refused tasks back.
///
/// These are function pointers instead of a bound `H: IntoTask<M>`: the compiler forgets lifetimes
/// in what a future keeps across an await, and then cannot show that `H` is `'static`, which the
/// bound needs. Without the bound, the futures of `queue` and `queue_many` stay `Send` whatever a
/// task captures.
pub(crate) struct Maker<H, S, T> {
    make: fn(Draft<S>, &Registry, Tick) -> OfferedCell<S, T>,
    take_back: fn(Draft<S>) -> H,
}

/// An offer and its waiting side, or a draft that cannot become a cell, and why.
pub(crate) type OfferedCell<S, T> = Result<(Offer<S, T>, Waiting), (Box<Unstorable>, Draft<S>)>;

impl<H, S, T> Maker<H, S, T> {
    #[inline]
    pub(crate) fn new<M>() -> Self
    where
        H: IntoTask<M, Source = S, Output = T>,
    {
        Self {
            make: make::<H, M>,
            take_back: H::from_draft,
        }
    }

    /// Makes the cell of a draft, as of `now`, for a manager with these handlers.
    #[inline]
    pub(crate) fn make(
        &self,
        draft: Draft<S>,
        registry: &Registry,
        now: Tick,
    ) -> OfferedCell<S, T> {
        (self.make)(draft, registry, now)
    }

    pub(crate) fn take_back(&self, draft: Draft<S>) -> H {
        (self.take_back)(draft)
    }
}

#[inline]
pub(crate) fn make<H: IntoTask<M>, M>(
    mut draft: Draft<H::Source>,
    registry: &Registry,
    now: Tick,
) -> OfferedCell<H::Source, H::Output> {
    match H::prepare(&mut draft, registry) {
        Ok(()) => Ok(Offer::new::<M, H>(draft, now)),
        Err(unstorable) => Err((unstorable, draft)),
    }
}

/// A draft that has become a cell: it keeps the type of the task until the cell is accepted.
pub(crate) struct Offer<S, T> {
    cell: Shared<dyn Offered<S, T>>,
}

impl<S, T> Offer<S, T> {
    /// Makes the offer, as of `now`, and its waiting side, which a worker will run.
    #[inline]
    pub(crate) fn new<M, H>(draft: Draft<S>, now: Tick) -> (Self, Waiting)
    where
        H: IntoTask<M, Source = S, Output = T>,
    {
        let identity = draft.identity.unwrap_or_else(|| Identity::at(now));
        let body = H::into_body(draft.source);
        let (waiting, cell) = Waiting::offered(body, identity, draft.details);
        (Self { cell }, waiting)
    }

    /// The handle of the task, once the waiting side is accepted.
    pub(crate) fn into_handle(self) -> JoinHandle<T> {
        JoinHandle::new(Joined::new(self.cell))
    }

    /// Takes the draft out of the cell, once the waiting side is refused. `None` if the task was
    /// begun.
    pub(crate) fn into_draft(self) -> Option<Draft<S>> {
        let source = self.cell.withdraw()?;
        let details = self
            .cell
            .details()
            .map(|details| Box::new(details.salvage()));
        Some(Draft {
            source,
            details,
            identity: Some(self.cell.identity()),
        })
    }
}
