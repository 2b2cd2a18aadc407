//! What every command of an operator works with.

use crate::console::Console;
use crate::run::Runs;
use crate::store::Opened;

/// What every command of an operator works with.
pub(super) struct Operator {
    pub(super) console: Console,
    pub(super) opened: Opened,
    /// Which queue is that of which file.
    pub(super) runs: Runs,
}
