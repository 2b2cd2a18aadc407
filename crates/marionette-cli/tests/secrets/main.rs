//! No secret is in what Marionette says or keeps of a command, in whatever way that fails: the real
//! program on real commands, and a search through everything that is there afterwards.

#[path = "../common/mod.rs"]
mod common;
mod values;
mod place;
mod matrix;
mod begins;
mod killed;
mod mistakes;
mod surroundings;
