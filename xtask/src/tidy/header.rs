//! Every file says at its top what it is for.

use super::finding::Finding;
use super::source::Source;

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    if source.text.starts_with("//!") {
        return Vec::new();
    }
    let text = "the file does not begin with `//!`; say in two lines what it is for";
    vec![Finding::new(&source.path, 1, text)]
}

#[cfg(test)]
mod tests {
    use super::super::finding::found;
    use super::*;

    #[test]
    fn a_file_without_a_purpose_is_found() {
        assert!(found(check, "a.rs", "//! What it is for.\n").is_empty());
        let found = found(check, "a.rs", "// Not documentation.\n//! Too late.\n");
        assert!(
            found[0].starts_with("a.rs:1: the file does not begin with `//!`"),
            "{found:?}"
        );
    }
}
