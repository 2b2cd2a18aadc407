//! Files, functions and lines are no longer than a reader can hold in his head.

use super::blocks::{self, blocks};
use super::finding::Finding;
use super::source::Source;

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const LINE_COLUMNS_MAX: usize = 100;

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(file(source));
    findings.extend(functions(source));
    findings.extend(lines(source));
    findings
}

/// Tests and `lib.rs`, which is a tour, are read in parts and may be longer.
fn file(source: &Source) -> Option<Finding> {
    let lines = source.text.lines().count() - lines_of_tests(source);
    if source.is_test() || source.path.ends_with("lib.rs") || lines <= FILE_LINES_MAX {
        return None;
    }
    let text = format!(
        "{lines} lines without tests are over the limit of {FILE_LINES_MAX}; \
         find the second noun in it and give it a file"
    );
    Some(Finding::new(&source.path, 1, text))
}

fn lines_of_tests(source: &Source) -> usize {
    let tests = blocks(&source.code, "mod")
        .into_iter()
        .filter(|block| blocks::is_tests(block.name));
    tests
        .map(|block| source.code[block.range].lines().count())
        .sum()
}

fn functions(source: &Source) -> impl Iterator<Item = Finding> {
    blocks(&source.code, "fn")
        .into_iter()
        .filter_map(|function| {
            let lines = source.code[function.range.clone()].lines().count();
            let text = format!(
                "function `{}` has {lines} lines, over the limit of {FUNCTION_LINES_MAX}; \
             keep the branches and move a straight part out",
                function.name
            );
            (lines > FUNCTION_LINES_MAX)
                .then(|| Finding::new(&source.path, source.line(function.range.start), text))
        })
}

fn lines(source: &Source) -> impl Iterator<Item = Finding> {
    source.text.lines().enumerate().filter_map(|(line, text)| {
        let columns = text.chars().count();
        let text = format!("{columns} columns are over the limit of {LINE_COLUMNS_MAX}; break it");
        (columns > LINE_COLUMNS_MAX).then(|| Finding::new(&source.path, line + 1, text))
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::found;
    use super::*;

    #[test]
    fn long_files_are_found_unless_their_tests_make_them_long() {
        let long = "a;\n".repeat(501);
        assert!(found(check, "a.rs", &long)[0].starts_with("a.rs:1: 501 lines"));
        assert!(found(check, "src/lib.rs", &long).is_empty());
        assert!(found(check, "tests/a.rs", &long).is_empty());
        assert!(found(check, "a.rs", &format!("mod tests {{\n{long}}}\n")).is_empty());
    }

    #[test]
    fn long_functions_are_found() {
        let function = |lines| format!("\nfn a() {{\n{}}}\n", "b;\n".repeat(lines));
        assert!(found(check, "a.rs", &function(68)).is_empty());
        assert!(found(check, "a.rs", &function(69))[0].starts_with("a.rs:2: function `a` has 71"));
    }

    #[test]
    fn long_lines_are_found_in_columns_not_bytes() {
        assert!(found(check, "a.rs", &"ä".repeat(100)).is_empty());
        assert!(found(check, "a.rs", &"a".repeat(101))[0].starts_with("a.rs:1: 101 columns"));
    }
}
