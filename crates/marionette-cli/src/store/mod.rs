//! The store that the options name, and the files beside it.

mod opening;
mod opened;
mod server;
mod backend;
mod checkup;
mod records;
mod trust;
mod new_store;
mod paths;
mod pages;
mod error;
mod by;
pub(crate) mod location;

pub(crate) use backend::Forgotten;
pub(crate) use by::by;
pub(crate) use checkup::Checkup;
pub(crate) use error::explain;
pub(crate) use location::{Location, state};
pub(crate) use opened::Opened;
pub(crate) use opening::{location, migrate, open_existing, open_or_make};
pub(crate) use pages::Pages;
pub(crate) use records::Records;
pub(crate) use trust::{Purpose, check_owner};
