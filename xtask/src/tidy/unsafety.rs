//! `unsafe` code stands in the places that are named here and nowhere else.

use std::path::Path;

use super::finding::Finding;
use super::source::Source;
use super::words;

/// The folder has its proof in its header, its models, and its tests under the memory checkers of
/// `ci`; the first file reads a register; the second is a disk of the tests, which SQLite takes
/// only through its interface in C.
const ALLOWED: [&str; 3] = [
    "crates/marionette/src/cell",
    "crates/marionette/src/clock/recent/cycles.rs",
    "crates/marionette-sqlite/tests/writes/disk.rs",
];

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let is_allowed = |path: &Path| ALLOWED.iter().any(|allowed| path.ends_with(allowed));
    if source.path.ancestors().take(2).any(is_allowed) {
        return Vec::new();
    }
    let text = format!(
        "`unsafe` is allowed only in {}; do without it",
        ALLOWED.join(", ")
    );
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
        let found = found(check, "crates/marionette/src/observe/join.rs", text);
        assert!(
            found[0].starts_with("crates/marionette/src/observe/join.rs:3: `unsafe`"),
            "{found:?}"
        );
        assert_eq!(found.len(), 1);
    }
}
