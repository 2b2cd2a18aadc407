//! The words that the command lines of the programs have in common.

/// A number from 1.
pub(crate) fn number(option: &str, text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|&number| number > 0);
    number.ok_or_else(|| format!("{option} needs a number from 1, not {text}"))
}

/// Those of all whose label contains this. `what` is what an error calls them.
pub(crate) fn containing<T: Copy>(
    what: &str,
    all: impl IntoIterator<Item = T>,
    label: fn(T) -> &'static str,
    part: &str,
) -> Result<Vec<T>, String> {
    let all = all.into_iter();
    let found: Vec<T> = all.filter(|one| label(*one).contains(part)).collect();
    if found.is_empty() {
        Err(format!("no {what}'s name contains {part}"))
    } else {
        Ok(found)
    }
}
