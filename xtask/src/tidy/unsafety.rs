//! `unsafe` lives in the files that are named here and nowhere else.

use super::finding::Finding;
use super::source::Source;
use super::words;

/// Each has its proof in its header, its models, and its tests under the memory checkers of `ci`.
const ALLOWED: [&str; 1] = ["crates/marionette/src/cell.rs"];

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    if ALLOWED.iter().any(|path| source.path.ends_with(path)) {
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
        assert!(found(check, ALLOWED[0], text).is_empty());
        let found = found(check, "crates/marionette/src/join.rs", text);
        assert!(
            found[0].starts_with("crates/marionette/src/join.rs:3: `unsafe`"),
            "{found:?}"
        );
        assert_eq!(found.len(), 1);
    }
}
