//! Nothing that is not ours reaches a terminal as it is: from no command, in no message.

#[path = "../common/mod.rs"]
mod common;
mod seen;
mod words;
mod places;
mod files;
