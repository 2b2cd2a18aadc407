//! Commands that take a word as code: an item in such a word would be code as well.

use crate::command::quoted;

use super::template::Template;

/// Programs with an option that takes code, and its letter.
const INTERPRETERS: &[(&[&str], char)] = &[
    (
        &[
            "sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "fish", "csh", "tcsh", "python",
            "pypy", "pwsh", "su", "runuser", "script",
        ],
        'c',
    ),
    (
        &[
            "perl",
            "ruby",
            "node",
            "lua",
            "julia",
            "Rscript",
            "osascript",
        ],
        'e',
    ),
    (&["perl"], 'E'),
    (&["php"], 'r'),
];
/// Of these programs the option may come behind other words.
const FREE_ORDER: &[&str] = &["su", "runuser", "script"];
/// Options of shells and interpreters that take the next word.
const WITH_VALUE: &[&str] = &["-o", "+o", "-O", "+O", "-W", "-X", "-I"];

/// Refuses a command that would make code of an item, and says what to write.
pub(super) fn check(command: &[String], template: &Template) -> Result<(), String> {
    for (program, place) in command.iter().zip(0..) {
        let name = program.rsplit('/').next().unwrap_or(program);
        // `python3.11` is `python`.
        let name = name.trim_end_matches(|char: char| char.is_ascii_digit() || char == '.');
        for (names, letter) in INTERPRETERS {
            if !names.contains(&name) {
                continue;
            }
            let is_free = FREE_ORDER.contains(&name);
            let code = code(&command[place + 1..], *letter, is_free);
            let Some(code) = code.map(|code| place + 1 + code) else {
                continue;
            };
            if template.takes_items(code) {
                return Err(format!(
                    "{} is code for `{name}`, and an item would become part of it; give it the \
                     item as a word of its own, like: sh -c 'gzip -k \"$1\"' sh {{}}",
                    command
                        .get(code)
                        .map_or("the item".into(), |word| quoted(word))
                ));
            }
        }
    }
    Ok(())
}

/// Which of the arguments of an interpreter is code.
fn code(arguments: &[String], letter: char, is_free: bool) -> Option<usize> {
    let mut is_code = false;
    let mut is_value = false;
    for (argument, place) in arguments.iter().zip(0..) {
        let is_option = argument.len() > 1 && argument.starts_with(['-', '+']);
        if is_option {
            let is_short = !argument.starts_with("--");
            is_code |= is_short && argument.contains(letter);
            is_value = WITH_VALUE.contains(&argument.as_str());
        } else if is_code && !is_value {
            return Some(place);
        } else if !is_value && !is_free {
            return None;
        } else {
            is_value = false;
        }
    }
    // An item that follows the command.
    (is_code && !is_value).then_some(arguments.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(line: &str) -> bool {
        let command: Vec<_> = line.split('|').map(str::to_owned).collect();
        let template = Template::parse(&command, 1).expect("it can be filled");
        check(&command, &template).is_err()
    }

    #[test]
    fn an_item_is_never_put_into_code() {
        for line in [
            "sh|-c|gzip {}",
            "sh|-c|{}",
            "sh|-c",
            "/bin/bash|-o|pipefail|-euc|gzip {} | wc",
            "bash|-c|-e|gzip {.}",
            "env|A=b|python3.11|-c|print('{}')",
            "sudo|sh|-c|--|{//}",
            "perl|-ne|print '{}'",
            "su|-|nobody|-c|ls {}",
        ] {
            assert!(is_refused(line), "{line}");
        }
        for line in [
            "sh|-c|gzip -k \"$1\"|sh|{}",
            "sh|-c|echo {#}|sh|{}",
            "gcc|-c|{}",
            "grep|-c|x|{}",
            "python3|convert.py|-c|{}",
            "sh|{}",
        ] {
            assert!(!is_refused(line), "{line}");
        }
    }
}
