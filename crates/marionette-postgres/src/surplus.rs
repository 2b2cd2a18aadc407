//! Done jobs beyond the number that is kept, as a process knows of them without counting each time.

/// What a process knows of done jobs beyond those that are kept.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Surplus {
    /// Whether there were as many as are kept when they were counted: from then on each that ends
    /// is one too many.
    pub(crate) is_full: bool,
    /// How many jobs this process has ended since it counted or pruned.
    pub(crate) ended: u64,
}
