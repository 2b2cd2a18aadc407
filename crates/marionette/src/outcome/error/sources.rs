//! What an error and its sources are and say.

use std::error::Error as StdError;
use std::fmt::{self, Write};

use crate::outcome::panic::catch;

/// The first `E` among the error and its sources.
pub(crate) fn find<'a, E: StdError + 'static>(
    error: &'a (dyn StdError + 'static),
) -> Option<&'a E> {
    sources(error).find_map(|source| source.downcast_ref())
}

/// The error, and its sources behind it.
pub(crate) fn sources<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// An error and its sources, each after a colon.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    join_texts(sources(error))
}

/// The texts of these errors, each after a colon but the first. The texts and sources come from the
/// user's code, which may fail or panic; then the text says so.
pub(crate) fn join_texts<'a>(errors: impl Iterator<Item = &'a (dyn StdError + 'static)>) -> String {
    let mut text = String::new();
    let told = catch(|| {
        errors.enumerate().try_for_each(|(nth, error)| {
            let colon = if nth > 0 { ": " } else { "" };
            write!(text, "{colon}{error}")
        })
    });
    match told {
        Ok(Ok(())) => {}
        Ok(Err(fmt::Error)) => text.push_str("(this error has no text: writing it failed)"),
        Err(panic) => {
            write!(text, "(this error has no text: writing it {panic})")
                .expect("a string takes all");
        }
    }
    text
}
