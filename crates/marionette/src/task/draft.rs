//! A task that has not been accepted yet, with what it asks for.

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

/// A task that has not been accepted yet, with what it asks for.
///
/// It becomes a cell when it is offered to a queue, and comes back out of it when it is refused.
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

/// How tasks of one type become cells, and are tasks again when they are refused.
///
/// Functions, where a bound `H: IntoTask<M>` would do: the compiler forgets lifetimes in what a
/// future keeps across an await, and then cannot show that `H` is `'static`, which the bound needs.
/// So the futures of the ways in have parameters without a bound, and stay `Send` whatever a task
/// captures.
pub(crate) struct Maker<H, S, T> {
    make: fn(Draft<S>, &Registry, Tick) -> OfferedCell<S, T>,
    take_back: fn(Draft<S>) -> H,
}

/// An offer and the side that waits, or what cannot be made one.
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

    /// Makes the cell, as of now, for a manager with these handlers.
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
        Err(unfit) => Err((unfit, draft)),
    }
}

/// A draft that became a cell: kept by type until it is accepted.
pub(crate) struct Offer<S, T> {
    cell: Shared<dyn Offered<S, T>>,
}

impl<S, T> Offer<S, T> {
    /// The offer, made now, and the side that waits and is run.
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

    /// The side that is awaited, once the other is accepted.
    pub(crate) fn into_handle(self) -> JoinHandle<T> {
        JoinHandle::new(Joined::new(self.cell))
    }

    /// The draft again, once the other side was refused.
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
