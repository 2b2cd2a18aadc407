//! No glob imports: a reader must see where a name comes from.

use super::finding::Finding;
use super::source::Source;
use super::words;

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for at in words::places(&source.code, "use") {
        let statement = source.code[at..].split(';').next().unwrap_or_default();
        let own_parent = statement == "use super::*" && source.in_tests(at);
        // A bound such as `use<'a>` at the end of a type is not an import.
        let import = !statement["use".len()..].starts_with('<');
        if import && statement.contains('*') && !own_parent {
            let text =
                "glob import: name what is used (only `use super::*` in `mod tests` is fine)";
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
    fn globs_are_found_wherever_they_hide() {
        let text = "use a::*;\npub use b::{\n    c,\n    d::*,\n};\nuse super::*;\n\
                    mod tests {\n    use e::*;\n}\n";
        let found = found(check, "a.rs", text);
        let lines: Vec<_> = found
            .iter()
            .map(|text| text.split(':').nth(1).unwrap())
            .collect();
        assert_eq!(lines, ["1", "2", "6", "8"]);
    }

    #[test]
    fn tests_may_import_all_that_they_test() {
        let text = "use a::b;\nmod tests {\n    use super::*;\n    fn f(x: *mut u8) {}\n}\n\
                    fn g() -> impl A + use<'_> { x * y; }\n";
        assert!(found(check, "a.rs", text).is_empty());
    }
}
