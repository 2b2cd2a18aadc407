//! What a run says, to a person or to a program.

pub(crate) mod json;
pub(crate) mod text;
