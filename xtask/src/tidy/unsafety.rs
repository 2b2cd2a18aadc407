//! `unsafe` lives in the folder that is named here and nowhere else.

use super::finding::Finding;
use super::source::Source;
use super::words;

/// It has its proof in its header, its models, and its tests under the memory checkers of `ci`.
const ALLOWED: &str = "crates/marionette/src/cell";

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let folder = source.path.parent();
    if folder.is_some_and(|folder| folder.ends_with(ALLOWED)) {
        return Vec::new();
    }
    let text = format!("`unsafe` is allowed only in {ALLOWED}; do without it");
    let finding = |at| Finding::new(&source.path, source.line(at), text.clone());
    words::places(&source.code, "unsafe")
        .into_iter()
        .map(finding)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::finding::found;
    use super::*;

    #[test]
    fn unsafe_is_found_outside_its_place() {
        let text = "// unsafe\n#![deny(unsafe_code)]\nunsafe impl Send for A {}\n";
        assert!(found(check, "crates/marionette/src/cell/shared.rs", text).is_empty());
        let found = found(check, "crates/marionette/src/join.rs", text);
        assert!(
            found[0].starts_with("crates/marionette/src/join.rs:3: `unsafe`"),
            "{found:?}"
        );
        assert_eq!(found.len(), 1);
    }
}
