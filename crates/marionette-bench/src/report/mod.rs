//! What a run says, to a person or to a program.

pub(crate) mod text;
pub(crate) mod json;

/// What a report says before its tables, beside the machine.
pub(crate) struct About {
    /// The crates that matter.
    pub(crate) versions: Vec<(&'static str, &'static str)>,
    /// How often everybody is measured.
    pub(crate) rounds: u32,
    /// What is the same in all tables.
    pub(crate) method: &'static str,
    /// The divisor of the size of each workload.
    pub(crate) part: u32,
}
