//! Where a rule does not hold yet. Each entry has a reason, and goes as soon as it is not needed:
//! one that excuses nothing is a fault too.

use std::path::Path;

use super::finding::Finding;

/// Whatever lies below a path, and why the rule does not hold there.
pub(crate) type Entry = (&'static str, &'static str);

/// The findings that no entry excuses. `list` is the file that has the entries.
pub(crate) fn excuse(entries: &[Entry], list: &str, findings: Vec<Finding>) -> Vec<Finding> {
    let mut left = findings;
    let mut unneeded = Vec::new();
    for (path, _) in entries {
        let before = left.len();
        left.retain(|finding| !finding.path().starts_with(path));
        if left.len() == before {
            let text = format!("the rule holds for {path} now; remove the entry from `PENDING`");
            unneeded.push(Finding::new(Path::new(list), 1, text));
        }
    }
    left.extend(unneeded);
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(findings: &[&str]) -> Vec<String> {
        let finding = |path: &&str| Finding::new(Path::new(path), 1, "a fault");
        let findings = findings.iter().map(finding).collect();
        let left = excuse(&[("crates/a/src", "waits for b")], "xtask/c.rs", findings);
        left.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_what_is_pending_is_excused() {
        let found = left(&["crates/a/src/b.rs", "crates/ab/src/c.rs"]);
        assert_eq!(found, ["crates/ab/src/c.rs:1: a fault"]);
    }

    #[test]
    fn an_entry_that_excuses_nothing_is_found() {
        assert!(left(&[])[0].starts_with("xtask/c.rs:1: the rule holds for crates/a/src now"));
    }
}
