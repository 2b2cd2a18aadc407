//! No test is switched off, and none passes because of any panic anywhere.

use super::finding::Finding;
use super::source::Source;

const REFUSED: [(&str, &str); 2] = [
    (
        "#[ignore",
        "a test that does not run proves nothing; make it fast or delete it",
    ),
    (
        "#[should_panic",
        "any panic passes this test; catch the panic and assert its message",
    ),
];

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (attribute, advice) in REFUSED {
        for (at, _) in source.code.match_indices(attribute) {
            let text = format!("`{attribute}]`: {advice}");
            findings.push(Finding::new(&source.path, source.line(at), text));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::finding::found;
    use super::*;

    #[test]
    fn switched_off_and_panicking_tests_are_found() {
        let text = "#[test]\n#[ignore = \"slow\"]\nfn a() {}\n#[should_panic]\nfn b() {}\n";
        let found = found(check, "a.rs", text);
        assert!(found[0].starts_with("a.rs:2: `#[ignore]`: "), "{found:?}");
        assert!(
            found[1].starts_with("a.rs:4: `#[should_panic]`: "),
            "{found:?}"
        );
        assert_eq!(found.len(), 2);
    }
}
