//! A claim about stores, and the code that checks it.

use std::pin::Pin;

use crate::bed::Bed;

/// One claim about stores, and the code that checks it.
pub(crate) struct Case {
    /// The claim.
    pub(crate) name: &'static str,
    /// Panics if the claim does not hold.
    pub(crate) run: fn(Bed) -> Pin<Box<dyn Future<Output = ()>>>,
}

/// Lists async functions over a [`Bed`] as cases.
macro_rules! claims {
    ($($name:ident),* $(,)?) => {
        vec![$($crate::case::Case {
            name: stringify!($name),
            run: |bed| Box::pin($name(bed)),
        }),*]
    };
}
pub(crate) use claims;
