//! `Place`: where a submitted task waits for a worker, which decides how it gets there and what
//! handle it has.

use std::sync::Arc;

use crate::durable::Durable;
use crate::engine::Engine;
use crate::submit::jobs::Jobs;

/// Where a [`Submit`](crate::Submit) brings its task: [`Here`], [`Stored`] or [`Anywhere`].
pub trait Place: private::Manages {}

/// Marks a task that waits in the memory of its manager.
#[derive(Debug)]
pub struct Here(());

/// Marks a job that waits in the store of its manager.
#[derive(Debug)]
pub struct Stored(());

/// Marks a job of [`Jobs`], which waits in the store of their manager, or in its memory if the
/// manager has no store.
#[derive(Debug)]
pub struct Anywhere(());

impl Place for Here {}
impl Place for Stored {}
impl Place for Anywhere {}

/// A place for jobs alone.
pub trait KeepsJobs: Place {
    #[doc(hidden)]
    fn jobs(manager: Self::Manager<'_>) -> Jobs;
}

impl KeepsJobs for Stored {
    fn jobs(manager: StoredIn<'_>) -> Jobs {
        Jobs::in_store(manager.0)
    }
}

impl KeepsJobs for Anywhere {
    fn jobs(manager: Jobs) -> Jobs {
        manager
    }
}

mod private {
    /// What a task on its way to a place needs of its manager.
    pub trait Manages: 'static {
        type Manager<'a>;
    }
}

/// A manager without a store.
#[doc(hidden)]
#[allow(missing_debug_implementations)] // Nobody outside of the crate can have one.
pub struct HereIn<'a>(pub(crate) &'a Engine);

/// A manager with a store.
#[doc(hidden)]
#[allow(missing_debug_implementations)] // Nobody outside of the crate can have one.
pub struct StoredIn<'a>(pub(crate) &'a Arc<Durable>);

impl private::Manages for Here {
    type Manager<'a> = HereIn<'a>;
}

impl private::Manages for Stored {
    type Manager<'a> = StoredIn<'a>;
}

impl private::Manages for Anywhere {
    type Manager<'a> = Jobs;
}
