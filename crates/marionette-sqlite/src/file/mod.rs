//! The file of a store: how it is made and opened, what is in it, whose it is, and whether it is
//! still there.

pub(crate) mod checks;
pub(crate) mod creating;
pub(crate) mod opening;
pub(crate) mod schema;
mod blueprint;
mod statement;
pub(crate) mod allowance;
pub(crate) mod file_identity;
pub(crate) mod wal;
pub(crate) mod guard;
pub(crate) mod liveness;
pub(crate) mod lock;
pub(crate) mod owner;
