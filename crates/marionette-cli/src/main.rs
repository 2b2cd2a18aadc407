//! The command `marionette`: durable tasks for who has a shell, and the operator's tool for every
//! store. Here is only which part runs and the exit status.
mod clock;
mod text;
mod time;
mod command;
mod input;
mod minder;
fn main() {}
