//! The work of a manager: one call of the server for each method of the store.

mod insert;
mod claim;
mod renew;
mod settle;
mod sweep;
mod ended;
