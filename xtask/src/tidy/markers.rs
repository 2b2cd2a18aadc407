//! Nothing unfinished: no placeholder in the code, no note to ourselves without an issue.

use super::finding::Finding;
use super::source::Source;
use super::words;

const MACROS: [(&str, &str); 3] = [
    ("todo", "write what is missing"),
    ("unimplemented", "write what is missing, or return an error"),
    ("dbg", "remove it; what operators need is a tracing event"),
];

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |at, text| findings.push(Finding::new(&source.path, source.line(at), text));
    for (name, advice) in MACROS {
        for at in words::places(&source.code, name) {
            if source.code[at + name.len()..].starts_with("!(") {
                find(at, format!("`{name}!`: {advice}"));
            }
        }
    }
    for (line, comment) in source.comments.lines().enumerate() {
        findings.extend(in_comment(comment).map(|text| Finding::new(&source.path, line + 1, text)));
    }
    findings
}

fn in_comment(comment: &str) -> Option<String> {
    let has = |word| !words::places(comment, word).is_empty();
    if let Some(word) = ["FIXME", "XXX"].into_iter().find(|word| has(word)) {
        return Some(format!(
            "`{word}`: mend it now, or file an issue and name it in a TODO"
        ));
    }
    let numbered = comment
        .split('#')
        .skip(1)
        .any(|after| after.starts_with(|char: char| char.is_ascii_digit()));
    (has("TODO") && !numbered).then(|| "`TODO` without an issue: write `TODO(#123)`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::finding::found;
    use super::*;

    #[test]
    fn placeholders_are_found_in_code_only() {
        let text = "fn a() { todo!(\"b\") }\nfn c() { unimplemented!() }\nfn d() { dbg!(e); }\n\
                    // Never write todo!() here.\nfn f() -> &str { \"dbg!(g)\" }\n";
        let found = found(check, "a.rs", text);
        assert!(found[0].starts_with("a.rs:1: `todo!`: "), "{found:?}");
        assert!(
            found[1].starts_with("a.rs:2: `unimplemented!`: "),
            "{found:?}"
        );
        assert!(found[2].starts_with("a.rs:3: `dbg!`: "), "{found:?}");
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn notes_are_found_in_comments_only() {
        let text = "// FIXME: a\n/* XXX */\n// TODO: b\n/// TODO(#12): c\n\"TODO FIXME XXX\"\n";
        let found = found(check, "a.rs", text);
        assert!(found[0].starts_with("a.rs:1: `FIXME`: "), "{found:?}");
        assert!(found[1].starts_with("a.rs:2: `XXX`: "), "{found:?}");
        assert!(
            found[2].starts_with("a.rs:3: `TODO` without an issue"),
            "{found:?}"
        );
        assert_eq!(found.len(), 3);
    }
}
