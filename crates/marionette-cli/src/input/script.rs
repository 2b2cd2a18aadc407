//! Recognises lines that only a script can use. In a list, where each line has a shell of its own,
//! they do nothing, and the lines behind them run in the wrong folder or with an empty variable.

use crate::command::{Piece, Simple, simple_commands};
use crate::console::text::clip;

/// The width of a line in a message.
const LINE_COLUMNS: usize = 60;
/// Commands whose only effect is on the lines behind them.
const FOR_LATER: &[&str] = &[
    "cd",
    "pushd",
    "popd",
    "set",
    "export",
    "unset",
    "source",
    ".",
    "alias",
    "unalias",
    "umask",
    "ulimit",
    "shopt",
    "setopt",
    "trap",
    "local",
    "declare",
    "typeset",
    "readonly",
    "return",
    "shift",
    "break",
    "continue",
    "read",
    "mapfile",
    "readarray",
    "let",
    "getopts",
    "setenv",
    "unsetenv",
];
/// Words that begin, continue or end a block of several lines.
const IN_BLOCKS: &[&str] = &[
    "then", "else", "elif", "fi", "do", "done", "esac", "{", "}", ";;",
];

const IF_SCRIPT: &str = "if this is a script, run it as one task: marionette add -- sh FILE; if it \
                         is not, say `--format lines`";

/// The refusal of a line that only a script can use.
pub(super) fn refusal(piece: &Piece<'_>) -> Option<String> {
    let text = piece.text.trim_end_matches([';', ' ', '\t']);
    let commands = simple_commands(piece.text);
    let words = || commands.iter().flat_map(|command| &command.words).copied();
    let first = words().next()?;
    let last = words().next_back()?;
    let shown = clip(text, LINE_COLUMNS);
    let has_function = first == "function" || text.contains("()");
    if is_piece_of_block(text, first) || last == "{" && has_function {
        return Some(format!(
            "`{shown}` is a piece of a script: a command has to stand in one line; {IF_SCRIPT}"
        ));
    }
    if is_key(first) {
        return Some(format!(
            "`{shown}` begins like a rule of a makefile or a key of YAML, and no command is called \
             `{first}`; if it is one, say `--format lines`"
        ));
    }
    if ends_for_later(&commands) {
        return Some(format!(
            "`{shown}` does nothing for the lines below it: each line has a shell of its own. \
             Join them with `&&`; {IF_SCRIPT}"
        ));
    }
    if let Some(argument) = piece.argument
        && !has_function
        && !words().any(|word| word == "set")
    {
        return Some(format!(
            "`${argument}` is an argument of a script, and a line of a list has none; {IF_SCRIPT}"
        ));
    }
    let joint = ["&&", "||", "|"]
        .into_iter()
        .find(|joint| text.ends_with(joint));
    joint.map(|joint| {
        format!("it ends with `{joint}`; a line that goes on in the next ends with `\\`")
    })
}

/// Whether a word is a target of a makefile or a key, like `all:`. `:` alone is a command.
pub(super) fn is_key(word: &str) -> bool {
    word.strip_suffix(':').is_some_and(|key| {
        let mut chars = key.chars();
        chars
            .next()
            .is_some_and(|char| char.is_ascii_alphabetic() || "._\"'".contains(char))
            && chars.all(|char| char.is_ascii_alphanumeric() || "._-\"'/%".contains(char))
    })
}

/// Whether a loop, a condition or a function begins in this line and does not end in it, or ends in
/// it and did not begin in it.
fn is_piece_of_block(text: &str, first: &str) -> bool {
    let begins = ["if", "while", "until", "for", "case", "select"].contains(&first);
    let ends = ["fi", "done", "esac"].iter().any(|end| has_word(text, end));
    IN_BLOCKS.contains(&first) && !(first == "{" && has_word(text, "}")) || begins && !ends
}

/// Whether the last command of a line is for the lines below, as in `mkdir a && cd a`. A command
/// for the case that it fails (`|| exit 1`, `|| { echo no; exit 1; }`) does not matter.
fn ends_for_later(commands: &[Simple<'_>]) -> bool {
    let mut commands = commands;
    while let [before @ .., last] = commands {
        if is_for_later(&last.words) {
            return true;
        }
        let begins_group = |command: &Simple<'_>| command.words.first() == Some(&"{");
        let group = commands.iter().rposition(begins_group);
        let begin = match group {
            Some(begin) if last.words.last() == Some(&"}") => begin,
            _ => before.len(),
        };
        if commands[begin].joint != "||" {
            return false;
        }
        commands = &commands[..begin];
    }
    false
}

fn is_for_later(words: &[&str]) -> bool {
    let is_redirection = |word: &&str| {
        let word = word.trim_start_matches(|char: char| char.is_ascii_digit());
        word.starts_with(['<', '>', '&'])
    };
    match words {
        ["command" | "builtin", first, ..] | [first, ..] if FOR_LATER.contains(first) => true,
        ["exec", rest @ ..] => rest.first().is_some_and(is_redirection),
        [] => false,
        words => words.iter().all(|word| is_assignment(word)),
    }
}

/// Whether a word is `A=b`, `A+=b` or `A[1]=b`.
fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        let name = name.strip_suffix('+').unwrap_or(name);
        let name = name.split('[').next().unwrap_or(name);
        !name.is_empty()
            && !name.starts_with(|char: char| char.is_ascii_digit())
            && name
                .chars()
                .all(|char| char.is_ascii_alphanumeric() || char == '_')
    })
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|char: char| char.is_whitespace() || ";&|()".contains(char))
        .any(|found| found == word)
}
