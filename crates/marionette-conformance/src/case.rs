//! A claim about stores, and the code that checks it.

use std::pin::Pin;

use crate::bed::Bed;
use crate::fixture::Part;

/// One claim about stores, and the code that checks it.
pub(crate) struct Case {
    /// The claim.
    pub(crate) name: &'static str,
    /// The part of the contract that it is about, if a store may leave that part out.
    pub(crate) part: Option<Part>,
    /// Panics if the claim does not hold.
    pub(crate) run: fn(Bed) -> Pin<Box<dyn Future<Output = ()>>>,
}

/// Lists async functions over a [`Bed`] as cases: of every store, or of those that have a part.
macro_rules! claims {
    ($($name:ident),* $(,)?) => {
        $crate::case::claims!(None; $($name),*)
    };
    (of $part:expr; $($name:ident),* $(,)?) => {
        $crate::case::claims!(Some($part); $($name),*)
    };
    ($part:expr; $($name:ident),*) => {
        vec![$($crate::case::Case {
            name: stringify!($name),
            part: $part,
            run: |bed| Box::pin($name(bed)),
        }),*]
    };
}
pub(crate) use claims;
