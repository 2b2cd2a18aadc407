//! What must compile, beside `compile_fail`: every way in, with whatever a service shares among its
//! requests, from a future that must be `Send`; and a store of somebody else. Each is run as well.

// The time of a schedule is the system's, as in a service.
#![allow(clippy::disallowed_methods)]

mod app;
mod from;
mod ways;

mod auto_traits;
mod captures;
mod foreign_store;
mod held;
mod jobs;
mod places;
