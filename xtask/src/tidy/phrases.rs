//! Phrases of another language in English words do not come back, neither in comments and documents
//! nor in help and messages.

use std::path::{Path, PathBuf};

use super::finding::Finding;
use super::prose::{self, Mark, Word};
use super::source::Source;

/// Phrases that read as a translation, and what to write instead. `*` stands for up to three words.
const PHRASES: &[(&[&str], &str)] = &[
    (&["the", "begin"], "the start"),
    (&["its", "begin"], "its start"),
    (&["their", "begin"], "their start"),
    (&["a", "begin"], "a start"),
    (&["ever", "more", "seldom"], "less and less often"),
    (&["give", "*", "free"], "free"),
    (&["gives", "*", "free"], "frees"),
    (&["gave", "*", "free"], "freed"),
    (&["giving", "*", "free"], "freeing"),
    (&["given", "free"], "freed"),
    (&["worth", "to"], "worth doing"),
    (&["as", "ever"], "as before"),
    (&["in", "mid-attempt"], "during an attempt"),
    (&["in", "mid-work"], "while it works"),
    (&["also", "who"], WHOEVER),
    (&["by", "who"], WHOEVER),
    (&["for", "who"], WHOEVER),
    (&["from", "who"], WHOEVER),
    (&["of", "who"], WHOEVER),
    (&["than", "who"], WHOEVER),
    (&["to", "who"], WHOEVER),
    (&["with", "who"], WHOEVER),
    (&["at", "most", "so", "many"], NUMBER),
    (&["more", "than", "so", "many"], NUMBER),
    (&["out", "of", "so", "many"], NUMBER),
    (&["up", "to", "so", "many"], NUMBER),
    (&["so", "many", "at", "least"], NUMBER),
    (&["so", "many", "at", "most"], NUMBER),
];

/// Words that begin no sentence, unless it is a question.
const STARTS: &[(&[&str], &str)] = &[
    (&["Who"], WHOEVER),
    (&["So", "long"], "the name of the duration"),
    (&["So", "many"], NUMBER),
    (&["That", "of"], "the noun"),
    (&["Those", "of"], "the noun"),
];

const WHOEVER: &str = "the noun, or `whoever`";
const NUMBER: &str = "the name of the number";

/// `documents` are the paths and the texts of the files in Markdown.
pub(crate) fn check(sources: &[Source], documents: &[(PathBuf, String)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    // This file has to name them.
    let others = |source: &&Source| !source.path.ends_with("tidy/phrases.rs");
    for source in sources.iter().filter(others) {
        for paragraph in prose::comments(source) {
            findings.extend(phrases(&source.path, &paragraph));
            findings.extend(starts(&source.path, &paragraph));
        }
        for line in prose::messages(source) {
            findings.extend(phrases(&source.path, &line));
        }
    }
    for (path, text) in documents {
        for paragraph in prose::document(text) {
            findings.extend(phrases(path, &paragraph));
            findings.extend(starts(path, &paragraph));
        }
    }
    findings
}

fn phrases(path: &Path, words: &[Word<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let found = PHRASES
            .iter()
            .find(|(phrase, _)| begins_with(&words[at..], phrase, str::eq_ignore_ascii_case));
        findings.extend(found.map(|(phrase, instead)| finding(path, word, phrase, instead)));
    }
    findings
}

fn starts(path: &Path, words: &[Word<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, word) in words.iter().enumerate().filter(|(_, word)| word.begins) {
        let sentence = prose::sentence(&words[at..]);
        let is_question = sentence
            .last()
            .is_some_and(|last| last.mark == Mark::Question);
        let found = STARTS.iter().find(|(start, _)| {
            !is_question && begins_with(sentence, start, |word, other| word == other)
        });
        findings.extend(found.map(|(start, instead)| finding(path, word, start, instead)));
    }
    findings
}

/// Whether `words` begin with `phrase`, without a comma or a full stop within it.
fn begins_with(words: &[Word<'_>], phrase: &[&str], same: fn(&str, &str) -> bool) -> bool {
    let Some((first, rest)) = phrase.split_first() else {
        return true;
    };
    if *first == "*" {
        return (0..=3).any(|skipped| {
            let joined = words
                .iter()
                .take(skipped)
                .all(|word| word.mark == Mark::None);
            joined && words.len() > skipped && begins_with(&words[skipped..], rest, same)
        });
    }
    let Some((word, words)) = words.split_first() else {
        return false;
    };
    same(word.text, first)
        && (rest.is_empty() || word.mark == Mark::None && begins_with(words, rest, same))
}

fn finding(path: &Path, word: &Word<'_>, phrase: &[&str], instead: &str) -> Finding {
    let phrase = phrase.join(" ");
    let text = format!("`{phrase}` reads as a translation; write {instead}");
    Finding::new(path, word.line, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_code(text: &str) -> Vec<String> {
        let sources = [Source::new(Path::new("a.rs"), text.to_owned())];
        check(&sources, &[])
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn in_document(text: &str) -> Vec<String> {
        let findings = check(&[], &[(PathBuf::from("a.md"), text.to_owned())]);
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn phrases_are_found_across_lines_and_in_any_case() {
        let found = in_code("/// At the\n/// begin. The\n/// end.\nfn a() {}\n// FOR WHO asks\n");
        assert!(
            found[0].starts_with("a.rs:1: `the begin`") && found.len() == 2,
            "{found:?}"
        );
        assert!(found[1].starts_with("a.rs:5: `for who`"), "{found:?}");
        assert!(in_document("It is worth *to* wait.\n")[0].starts_with("a.md:1: `worth to`"));
        assert_eq!(
            in_code("const HELP: &str = \"Words for who asks\";\n").len(),
            1
        );
    }

    #[test]
    fn a_gap_has_three_words_at_most() {
        assert_eq!(
            in_document("It gives free. It gives its old place free.\n").len(),
            2
        );
        assert!(in_document("It gives what is here now free. It gives, and is free.\n").is_empty());
    }

    #[test]
    fn who_begins_questions_only() {
        assert_eq!(in_code("/// Nobody. Who asks gets it.\n").len(), 1);
        assert_eq!(
            in_document("| a | Who asks |\n\n- So many rows.\n\n## That of a\n").len(),
            3
        );
        assert!(in_document("Who asks? Nobody who asks.\n").is_empty());
    }

    #[test]
    fn other_sentences_and_code_are_left_alone() {
        let text = "/// Let the beginning be as everyone says: what for? Who knows?\n\
                    fn for_who() {}\n\n/// Of\n\n/// who\n";
        assert!(in_code(text).is_empty(), "{:?}", in_code(text));
        assert!(in_document("```text\nfor who\n```\n`the begin`\n").is_empty());
    }
}
