//! Nothing that is not ours reaches a terminal as it is: from no command, in no message.

#[path = "../common/mod.rs"]
mod common;
// It is linted where it belongs.
#[allow(
    clippy::semicolon_if_nothing_returned,
    clippy::cast_possible_truncation
)]
#[path = "../../../marionette-sqlite/tests/hostile/stores/mod.rs"]
mod stores_of_others;
mod seen;
mod words;
mod places;
mod files;
mod stores;
