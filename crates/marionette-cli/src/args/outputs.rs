//! How much output is kept, for the commands that run tasks.

use crate::input::parse_kept;

/// Which outputs are kept.
#[derive(Debug, clap::Args)]
pub(crate) struct OutputArguments {
    /// How many tasks to keep the output of, at least 1,000. Beyond that, the oldest output of done
    /// tasks goes first; output of tasks that have not ended stays
    #[arg(
        long,
        value_name = "NUMBER",
        value_parser = parse_kept,
        default_value_t = crate::output::KEPT,
    )]
    pub(crate) keep_outputs: u64,
}
