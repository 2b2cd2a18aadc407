//! A name is used for one type in a crate, so that a reader who knows it knows it everywhere.
//!
//! The programs of a package count with its library: they lie in one folder, and a search for a
//! name finds both. A type that a file declares twice is one type for two builds, and so is a type
//! of `enabled.rs` that `disabled.rs` stands in for.

use std::collections::BTreeMap;

use super::blocks;
use super::crates;
use super::finding::Finding;
use super::source::Source;
use super::words;

/// Each declaration of a name that another file of the crate has declared.
pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for krate in crates::all(sources) {
        let mut first = BTreeMap::new();
        for source in krate.built(sources) {
            for (at, name) in types(source) {
                let line = source.line(at);
                let (other, other_line) = *first.entry(name).or_insert((source, line));
                if is_twin(source, other) {
                    continue;
                }
                let text = format!(
                    "type `{name}` is also declared in {}:{other_line}; rename the one that fewer \
                     files use",
                    other.path.display()
                );
                findings.push(Finding::new(&source.path, line, text));
            }
        }
    }
    findings
}

/// The types that a file declares outside of its tests, and where. A `type` that is indented more
/// than the items of its module belongs to a trait.
fn types(source: &Source) -> Vec<(usize, &str)> {
    let code = source.code.as_str();
    let declared = |keyword: &'static str| {
        let name = move |at: usize| (at, words::name(&code[at + keyword.len()..]));
        words::places(code, keyword).into_iter().map(name)
    };
    let modules = blocks::blocks(code, "mod");
    let is_item = |at: usize| {
        let line = code[..at].rfind('\n').map_or(0, |end| end + 1);
        let indent = code[line..].len() - code[line..].trim_start().len();
        let around = blocks::around(&modules, at);
        indent == 4 * around.len() && !around.into_iter().any(blocks::is_tests)
    };
    let mut types: Vec<_> = ["struct", "enum", "union", "trait", "type"]
        .into_iter()
        .flat_map(declared)
        .filter(|(at, name)| !name.is_empty() && is_item(*at))
        .collect();
    types.sort_unstable();
    types
}

/// Whether two files are one, or the two sides of a feature.
fn is_twin(one: &Source, other: &Source) -> bool {
    let side = |source: &Source| {
        source.path.ends_with("enabled.rs") || source.path.ends_with("disabled.rs")
    };
    let sides = side(one) && side(other) && one.path.parent() == other.path.parent();
    one.path == other.path || sides
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let roots = [
            ("a/src/lib.rs", "mod b;\nmod c;\n"),
            ("d/src/main.rs", "mod e;\n"),
        ];
        let files = [&roots, files].concat();
        let findings = check(&crates::files(&files));
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_name_of_two_types_is_found() {
        let one = ("a/src/b.rs", "pub(crate) struct Pace;\n");
        for other in [
            "enum Pace {}",
            "#[x] pub trait Pace {}",
            "type Pace = u8;",
            "union Pace {}",
        ] {
            let found = found(&[one, ("a/src/c/d.rs", &format!("\n{other}\n"))]);
            let begin = "a/src/c/d.rs:2: type `Pace` is also declared in a/src/b.rs:1; ";
            assert!(found[0].starts_with(begin), "{found:?}");
        }
        assert_eq!(found(&[one, ("a/src/bin/f.rs", "struct Pace;\n")]).len(), 1);
    }

    #[test]
    fn other_crates_and_tests_have_names_of_their_own() {
        let text = "struct Pace;\nmod tests {\n    struct Turn;\n}\n";
        let others = "mod tests {\n    struct Pace;\n}\nstruct Turn;\n";
        let files = [
            ("a/src/b.rs", text),
            ("a/src/c.rs", others),
            ("a/src/c/loom_tests.rs", text),
            ("a/tests/b.rs", text),
            ("d/src/e.rs", text),
        ];
        assert!(found(&files).is_empty(), "{:?}", found(&files));
    }

    #[test]
    fn types_of_traits_of_functions_and_of_other_builds_are_none() {
        let text = "impl Task for A {\n    type Output = u8;\n}\nmod std {\n    struct Mutex;\n}\n\
                    mod loom {\n    struct Mutex;\n}\nfn f() {\n    struct Visitor;\n}\n";
        let files = [
            ("a/src/b.rs", text),
            (
                "a/src/c.rs",
                "struct Visitor;\nimpl Task for B {\n    type Output = u8;\n}\n",
            ),
            ("a/src/c/enabled.rs", "struct Guard;\n"),
            ("a/src/c/disabled.rs", "struct Guard;\n"),
        ];
        assert!(found(&files).is_empty(), "{:?}", found(&files));
    }
}
