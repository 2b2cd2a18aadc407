//! The store that the options name, and the files beside it.

mod opening;
mod opened;
mod backend;
mod trust;
mod new_store;
mod paths;
mod pages;
mod error;
mod by;
pub(crate) mod location;

pub(crate) use backend::Forgotten;
pub(crate) use by::by;
pub(crate) use error::explain;
pub(crate) use opened::Opened;
pub(crate) use opening::{migrate, open_existing, open_or_make, path};
pub(crate) use pages::Pages;
pub(crate) use trust::{Purpose, check_owner};
