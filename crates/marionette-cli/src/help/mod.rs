//! Help for the command line: completions, the manual page, and messages about wrong options.

pub(crate) mod manual;
pub(crate) mod refuse;
