//! What explains the command: completions, the manual page, and what is said of options that cannot
//! be meant.

pub(crate) mod manual;
pub(crate) mod refuse;
