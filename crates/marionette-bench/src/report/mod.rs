//! What a run says, to a person or to a program.

pub(crate) mod text;
pub(crate) mod json;
