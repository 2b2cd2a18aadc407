//! Whose files are worked with: two users on one machine, and what the one plants for the other.
//!
//! They have numbers and no accounts, so only root can be both of them. Elsewhere these tests say
//! that they were skipped.

#[path = "../common/mod.rs"]
mod common;

mod town;

mod strangers;
mod looking;
mod inside;
mod ordinary;
mod modes;
