//! What an operator asks of a store, and changes in it.

use anyhow::Result;
use clap::Subcommand;

use crate::args::Common;

/// The operator's commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {}

/// Does what an operator asks for, and returns the exit status.
#[allow(clippy::unused_async)] // The verbs to come ask the store.
pub(crate) async fn operate(_: &Common, verb: Verb) -> Result<u8> {
    match verb {}
}
