//! The context of every command of an operator.

use crate::console::Console;
use crate::run::Runs;
use crate::store::Opened;

/// The context of every command of an operator.
pub(super) struct Operator {
    pub(super) console: Console,
    pub(super) opened: Opened,
    /// The runs that queues belong to.
    pub(super) runs: Runs,
}
