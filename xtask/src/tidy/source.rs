//! A Rust file, taken apart into code and comments, so that a word in a string is neither.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::blocks;

/// The three texts have the same lines; characters that do not belong to a text are blank in it.
#[derive(Debug)]
pub(crate) struct Source {
    /// Relative to the workspace.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// Without comments and without what strings and characters contain.
    pub(crate) code: String,
    /// Only comments, those of the documentation among them.
    pub(crate) comments: String,
}

impl Source {
    pub(crate) fn new(path: &Path, text: String) -> Self {
        let mut splitter = Splitter::new(&text);
        splitter.split();
        let Splitter { code, comments, .. } = splitter;
        Self {
            path: path.to_owned(),
            text,
            code,
            comments,
        }
    }

    /// The line, counted from 1, of a place in `code`.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }

    /// Whether the file holds only tests.
    pub(crate) fn is_test(&self) -> bool {
        let path = self.path.with_extension("");
        path.iter().filter_map(OsStr::to_str).any(blocks::is_tests)
    }

    /// Whether a place in `code` belongs to tests.
    pub(crate) fn in_tests(&self, at: usize) -> bool {
        let modules = blocks::modules_around(&self.code, at);
        self.is_test() || modules.into_iter().any(blocks::is_tests)
    }
}

/// The text that a character goes to.
#[derive(Clone, Copy)]
enum To {
    Code,
    Comments,
    Nowhere,
}

struct Splitter {
    chars: Vec<char>,
    at: usize,
    code: String,
    comments: String,
}

impl Splitter {
    fn new(text: &str) -> Self {
        let (code, comments) = (String::new(), String::new());
        Self {
            chars: text.chars().collect(),
            at: 0,
            code,
            comments,
        }
    }

    fn split(&mut self) {
        while self.at < self.chars.len() {
            let begins = |char| matches!(char, '/' | '"' | '\'' | 'r');
            if !self.peek(0).is_some_and(begins) {
                self.take(1, To::Code);
            } else if self.is_next("//") {
                self.take_while(To::Comments, |char| char != '\n');
            } else if self.is_next("/*") {
                self.block_comment();
            } else if let Some(hashes) = self.raw_string() {
                self.take_raw_string(hashes);
            } else if self.is_next("\"") {
                self.quoted('"');
            } else if self.is_next("'") && self.is_char() {
                self.quoted('\'');
            } else {
                self.take(1, To::Code);
            }
        }
    }

    fn is_next(&self, text: &str) -> bool {
        text.chars()
            .enumerate()
            .all(|(i, char)| self.peek(i) == Some(char))
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    /// Whether the quote here opens a character, not a lifetime.
    fn is_char(&self) -> bool {
        self.peek(1) == Some('\\') || self.peek(2) == Some('\'')
    }

    /// The number of hashes when a raw string begins here.
    fn raw_string(&self) -> Option<usize> {
        let before = self.at.checked_sub(1).map(|before| self.chars[before]);
        let inside_word = |char: char| char.is_alphanumeric() || char == '_';
        // In `br""` and `cr""` the letter before the `r` belongs to the string.
        if self.peek(0) != Some('r') || before.is_some_and(|c| inside_word(c) && !"bc".contains(c))
        {
            return None;
        }
        let rest = self.chars[self.at + 1..].iter();
        let hashes = rest.take_while(|char| **char == '#').count();
        (self.peek(1 + hashes) == Some('"')).then_some(hashes)
    }

    fn take_raw_string(&mut self, hashes: usize) {
        let end = format!("\"{}", "#".repeat(hashes));
        self.take(2 + hashes, To::Code);
        while self.at < self.chars.len() && !self.is_next(&end) {
            self.take(1, To::Nowhere);
        }
        self.take(end.len(), To::Code);
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while self.at < self.chars.len() {
            let opens = self.is_next("/*");
            let closes = self.is_next("*/");
            self.take(if opens || closes { 2 } else { 1 }, To::Comments);
            depth += i32::from(opens) - i32::from(closes);
            if depth == 0 {
                return;
            }
        }
    }

    fn quoted(&mut self, quote: char) {
        self.take(1, To::Code);
        while let Some(char) = self.peek(0).filter(|char| *char != quote) {
            self.take(if char == '\\' { 2 } else { 1 }, To::Nowhere);
        }
        self.take(1, To::Code);
    }

    fn take_while(&mut self, to: To, wanted: fn(char) -> bool) {
        while self.peek(0).is_some_and(wanted) {
            self.take(1, to);
        }
    }

    fn take(&mut self, count: usize, to: To) {
        for char in self.chars.iter().skip(self.at).take(count) {
            let blank = if *char == '\n' { '\n' } else { ' ' };
            self.code
                .push(if matches!(to, To::Code) { *char } else { blank });
            self.comments.push(if matches!(to, To::Comments) {
                *char
            } else {
                blank
            });
        }
        self.at += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        Source::new(Path::new("a.rs"), text.to_owned()).code
    }

    #[test]
    fn comments_are_not_code() {
        let source = Source::new(
            Path::new("a.rs"),
            "a /* b /* c */ d */ e // f\ng".to_owned(),
        );
        assert_eq!(
            source.code.split_whitespace().collect::<Vec<_>>(),
            ["a", "e", "g"]
        );
        assert_eq!(source.comments.trim(), "/* b /* c */ d */   // f");
        assert_eq!(source.comments.lines().count(), source.code.lines().count());
    }

    #[test]
    fn what_strings_contain_is_not_code() {
        assert_eq!(code(r#"f("a\"b") + g"#), r#"f("    ") + g"#);
        assert_eq!(code("r#\"a\"b\"# c"), "r#\"   \"# c");
        assert_eq!(code("br\"a\\\" c"), "br\"  \" c");
        assert_eq!(code("\"a\nb\" c"), "\" \n \" c");
    }

    #[test]
    fn characters_and_lifetimes_are_told_apart() {
        assert_eq!(
            code("f('{', '\\'', '\"') 'a: g<'b>"),
            "f(' ', '  ', ' ') 'a: g<'b>"
        );
        assert_eq!(code("bar\"x\""), "bar\" \"");
        assert_eq!(code("r#type"), "r#type");
    }

    #[test]
    fn lines_count_from_one() {
        let source = Source::new(Path::new("a.rs"), "a\nb\n".to_owned());
        assert_eq!((source.line(0), source.line(2)), (1, 2));
    }

    #[test]
    fn tests_are_told_by_their_file_or_by_their_module() {
        let source = |path| Source::new(Path::new(path), "mod tests { a }\nb".to_owned());
        assert!(source("crates/a/tests/b.rs").is_test());
        assert!(source("src/memory/loom_tests.rs").is_test());
        let source = source("src/contests.rs");
        assert!(!source.is_test());
        assert!(source.in_tests(12) && !source.in_tests(16));
    }
}
