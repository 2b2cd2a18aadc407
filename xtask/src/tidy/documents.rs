//! A document is as short as its reader's patience, and the files that it names exist.

use std::path::Path;

use super::finding::Finding;

/// The most bytes of a document: those with a limit of their own, then all others.
const BYTES_MAX: [(&str, usize); 4] = [
    ("README.md", 10_000),
    ("ARCHITECTURE.md", 13_000),
    ("CONTRIBUTING.md", 13_000),
    ("docs/decisions.md", 24_000),
];
const OTHER_BYTES_MAX: usize = 16_000;

/// A changelog grows with every release.
const UNLIMITED: &str = "CHANGELOG.md";

/// How paths of the repository begin.
const FOLDERS: [&str; 5] = ["crates/", "docs/", "examples/", "xtask/", "fuzz/"];

/// `exists` is asked about paths relative to the workspace.
pub(crate) fn check(path: &Path, text: &str, exists: impl Fn(&Path) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(size(path, text));
    for (line, text) in (1..).zip(text.lines()) {
        let code = text.split('`').skip(1).step_by(2);
        for named in code.filter(|code| is_path(code) && !exists(Path::new(code))) {
            let text = format!("`{named}` does not exist; name the file that took its place");
            findings.push(Finding::new(path, line, text));
        }
    }
    findings
}

fn size(path: &Path, text: &str) -> Option<Finding> {
    let limited = BYTES_MAX.iter().find(|(name, _)| path == Path::new(name));
    let limit = limited.map_or(OTHER_BYTES_MAX, |(_, limit)| *limit);
    if text.len() <= limit || path == Path::new(UNLIMITED) {
        return None;
    }
    let text = format!(
        "{} bytes are over the limit of {limit}; say it shorter, or where it belongs",
        text.len()
    );
    Some(Finding::new(path, 1, text))
}

/// Whether this is a path of the repository, and no pattern or command.
fn is_path(code: &str) -> bool {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "/._-".contains(char);
    FOLDERS.iter().any(|folder| code.starts_with(folder)) && code.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let exists = |path: &Path| path == Path::new("crates/there.rs");
        let findings = check(Path::new(path), text, exists);
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn long_documents_are_found_but_for_the_changelog() {
        let long = "a\n".repeat(5_001);
        assert!(found("README.md", &long)[0].starts_with("README.md:1: 10002 bytes"));
        assert!(found("docs/a.md", &long).is_empty());
        assert!(found("CHANGELOG.md", &long.repeat(9)).is_empty());
        assert_eq!(found("crates/a/README.md", &long.repeat(2)).len(), 1);
    }

    #[test]
    fn files_that_are_named_and_do_not_exist_are_found() {
        let text = "`crates/there.rs`\n`crates/gone.rs` and `crates/*/src`, crates/gone.rs\n";
        let found = found("docs/a.md", text);
        assert!(
            found[0].starts_with("docs/a.md:2: `crates/gone.rs` does not exist"),
            "{found:?}"
        );
        assert_eq!(found.len(), 1);
    }
}
