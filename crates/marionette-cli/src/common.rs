//! The options of every command.

use std::ffi::OsString;

use clap::ValueEnum;

/// What every command takes.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Everywhere")]
#[allow(clippy::struct_excessive_bools)] // Each is an option that is given or not.
pub(crate) struct Common {
    /// The store of the tasks: `sqlite:PATH` or `redis://HOST` [default: what `MARIONETTE_STORE`
    /// names]
    #[arg(long, global = true, value_name = "STORE")]
    pub(crate) store: Option<OsString>,
    /// Use a store that another user can write; whoever can write it can run commands as you
    #[arg(long, global = true)]
    pub(crate) trust_owner: bool,
    /// Use a store to whose tables an application has added triggers, indexes or foreign keys
    #[arg(long, global = true)]
    pub(crate) trust_additions: bool,
    /// Print JSON, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print only failures and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// When to use colours; by default on a terminal, unless `NO_COLOR` is set
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true
    )]
    pub(crate) color: ColorChoice,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    Auto,
    Always,
    Never,
}
