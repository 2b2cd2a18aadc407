//! How much output is kept, for the commands that run tasks.

use crate::input::parse_kept;

/// Which outputs are kept.
#[derive(Debug, clap::Args)]
pub(crate) struct OutputArguments {
    /// The output of about how many tasks is kept, the latest: of more, that of tasks that are done
    /// goes first, that of tasks that have not ended never; at least 1,000
    #[arg(
        long,
        value_name = "NUMBER",
        value_parser = parse_kept,
        default_value_t = crate::output::KEPT,
    )]
    pub(crate) keep_outputs: u64,
}
