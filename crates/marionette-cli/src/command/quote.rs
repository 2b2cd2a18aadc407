//! Quotes words so that a shell reads them back: safe to print on a terminal and to paste from it.

use std::borrow::Cow;
use std::fmt::Write;

use crate::console::text::is_obeyed;

/// Words that are no programs in the place of one.
const RESERVED: &[&str] = &[
    "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in",
    "select", "then", "time", "until", "while",
];

/// The word, quoted if a shell needs that.
///
/// A word with line ends or other control characters becomes `$'…'`, which bash, zsh, ksh and newer
/// POSIX shells understand; every shell understands all other words.
pub(crate) fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |char: char| char.is_alphanumeric() || "-_./:=,@%+".contains(char);
    if !word.is_empty() && !word.starts_with('=') && word.chars().all(is_plain) {
        return Cow::Borrowed(word);
    }
    if word.chars().any(is_obeyed) {
        return Cow::Owned(escaped(word));
    }
    Cow::Owned(in_quotes(word))
}

/// The word in the place of a program, where `if` and `A=b` have to be quoted as well.
pub(crate) fn quoted_program(word: &str) -> Cow<'_, str> {
    match quoted(word) {
        Cow::Borrowed(word) if word.contains('=') || RESERVED.contains(&word) => {
            Cow::Owned(in_quotes(word))
        }
        quoted => quoted,
    }
}

fn in_quotes(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn escaped(word: &str) -> String {
    let mut escaped = String::from("$'");
    for char in word.chars() {
        match char {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\'' | '\\' => escaped.extend(['\\', char]),
            char if is_obeyed(char) => {
                // Octal escapes have a fixed length, and bytes mean the same in every locale.
                for byte in char.encode_utf8(&mut [0; 4]).bytes() {
                    write!(escaped, "\\{byte:03o}").expect("a string takes all that is written");
                }
            }
            char => escaped.push(char),
        }
    }
    escaped.push('\'');
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_when_a_shell_needs_it() {
        assert_eq!(quoted("--level=9"), "--level=9");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("$HOME"), "'$HOME'");
        assert_eq!(quoted("=ls"), "'=ls'");
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_printed() {
        assert_eq!(quoted("two\nlines"), r"$'two\nlines'");
        assert_eq!(quoted("it's\x1b[31m"), r"$'it\'s\033[31m'");
        assert_eq!(quoted("a\u{202e}b"), r"$'a\342\200\256b'");
    }

    #[test]
    fn a_program_is_never_read_as_something_else() {
        assert_eq!(quoted_program("A=b"), "'A=b'");
        assert_eq!(quoted_program("if"), "'if'");
        assert_eq!(quoted_program("ls"), "ls");
    }
}
