//! Compares what a document shows with what a command showed.
//!
//! Ids, durations, dates and times differ from run to run: each stands for any other one, and an id
//! stands for the same one from there on. A duration may have one part or several, as in `1d 5h`.
//! A line `…` stands for any lines, and `…` in a line for any words. Lines may come in another
//! order, since tasks run side by side.

use std::collections::HashMap;

/// The ids of a document, each with the one that it stands for.
#[derive(Debug, Default)]
pub(crate) struct Ids(HashMap<String, String>);

impl Ids {
    /// `command` with the ids of this run.
    pub(crate) fn translated(&self, command: &str) -> String {
        let mut command = command.to_owned();
        for (shown, real) in &self.0 {
            command = command.replace(shown, real);
        }
        command
    }

    /// # Errors
    ///
    /// A line that is missing or was not expected.
    pub(crate) fn compare(&mut self, expected: &[&str], shown: &str) -> Result<(), String> {
        let mut left: Vec<_> = shown
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        let lines = expected.iter().filter(|line| !line.trim().is_empty());
        let (gaps, lines): (Vec<_>, Vec<_>) = lines.partition(|line| line.trim() == "…");
        for line in lines {
            let words = words(line);
            let found = left
                .iter()
                .position(|other| matches(&words, &self::words(other)));
            let Some(found) = found else {
                return Err(format!("shows no line like\n{line}"));
            };
            self.learn(&words, &self::words(left.remove(found)));
        }
        match left.first() {
            Some(line) if gaps.is_empty() => Err(format!("shows more than it should:\n{line}")),
            _ => Ok(()),
        }
    }

    /// Notes the ids of a line, up to its first gap.
    fn learn(&mut self, words: &[&str], others: &[&str]) {
        let pairs = words.iter().zip(others);
        for (word, other) in pairs.take_while(|(word, _)| **word != "…") {
            if kind(word) == Kind::Id {
                self.0.insert((*word).to_owned(), (*other).to_owned());
            }
        }
    }
}

fn words(line: &str) -> Vec<&str> {
    let mut words: Vec<_> = line.split_whitespace().collect();
    words.dedup_by(|part, before| [part, before].map(|word| kind(word)) == [Kind::Duration; 2]);
    words
}

fn matches(expected: &[&str], shown: &[&str]) -> bool {
    match (expected.split_first(), shown.split_first()) {
        (None, None) => true,
        (Some((&"…", rest)), _) => {
            (0..=shown.len()).any(|skipped| matches(rest, &shown[skipped..]))
        }
        (Some((word, rest)), Some((other, others))) => {
            let alike = word == other || kind(word) != Kind::Word && kind(word) == kind(other);
            alike && matches(rest, others)
        }
        _ => false,
    }
}

/// What a word is, where it may differ from run to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Id,
    Duration,
    Date,
    Clock,
    Word,
}

fn kind(word: &str) -> Kind {
    let word = word.trim_end_matches([',', ';', ')']);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let hex = word
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let unit = word.trim_start_matches(|char: char| char.is_ascii_digit() || char == '.');
    if hex && matches!(word.len(), 8 | 36) {
        Kind::Id
    } else if unit.len() < word.len() && matches!(unit, "µs" | "ms" | "s" | "m" | "h" | "d") {
        Kind::Duration
    } else if word.len() == 10 && word.split('-').all(digits) {
        Kind::Date
    } else if word.len() == 8 && word.split(':').all(digits) {
        Kind::Clock
    } else {
        Kind::Word
    }
}

#[test]
fn what_differs_from_run_to_run_is_alike_and_what_matters_is_not() {
    let mut ids = Ids::default();
    let shown = "1e5f0c77  dead   slow  2.1s   timed out after 2s\ndone\n";
    let line = "aaaabbb1  dead slow 0.1s  timed out after 3s";
    assert_eq!(ids.compare(&["done", line], shown), Ok(()));
    assert_eq!(ids.translated("show aaaabbb1"), "show 1e5f0c77");
    assert_eq!(ids.compare(&["… dead … after 1s", "…"], shown), Ok(()));
    let in_the_morning = "runs at 2026-12-01 06:00:00, in 1d\n";
    let line = "runs at 2026-11-30 06:00:00, in 1d 5h";
    assert_eq!(ids.compare(&[line], in_the_morning), Ok(()));
    let fault = |expected: &[&str]| Ids::default().compare(expected, shown).unwrap_err();
    assert!(fault(&["done"]).starts_with("shows more"));
    assert!(fault(&["…", "failed"]).starts_with("shows no line like\nfailed"));
    assert!(fault(&["done", "done", "…"]).starts_with("shows no line"));
    assert!(fault(&["… dead … slow after 1s", "…"]).starts_with("shows no line"));
}
