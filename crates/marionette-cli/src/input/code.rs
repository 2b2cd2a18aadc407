//! Refuses items in words that a command takes as code, since the item would be code as well.

use crate::command::quoted;

use super::template::Template;

/// Programs with an option that takes code, the letters of the option, and its long names.
const INTERPRETERS: &[(&[&str], &str, &[&str])] = &[
    (
        &[
            "sh",
            "bash",
            "dash",
            "zsh",
            "ksh",
            "mksh",
            "ash",
            "fish",
            "csh",
            "tcsh",
            "python",
            "pypy",
            "pwsh",
            "su",
            "runuser",
            "script",
            "nix-shell",
        ],
        "c",
        &["--command", "--session-command", "--run", "-Command"],
    ),
    (
        &["ruby", "lua", "julia", "Rscript", "osascript"],
        "e",
        &["--eval", "--print"],
    ),
    (&["perl"], "eE", &[]),
    (&["node"], "ep", &["--eval", "--print"]),
    (&["php"], "r", &["--run"]),
    (&["env"], "S", &["--split-string"]),
];
/// Programs whose option may come behind other words.
const FREE_ORDER: &[&str] = &["su", "runuser", "script", "nix-shell"];
/// Options of shells and interpreters that take a value in the next word.
const WITH_VALUE: &[&str] = &[
    "-o",
    "+o",
    "-O",
    "+O",
    "-W",
    "-X",
    "-I",
    "--rcfile",
    "--init-file",
];
/// Options of `ssh` that take a value in the next word.
const WITH_VALUE_OF_SSH: &str = "BbcDEeFIiJLlmOoPpQRSWw";
/// Options of `flock` that take a value in the next word.
const WITH_VALUE_OF_FLOCK: &str = "wE";
/// Options of `awk` that take a value in the next word.
const WITH_VALUE_OF_AWK: &str = "Ffv";
/// Programs that run the program that their words name.
const WRAPPERS: &[&str] = &[
    "sudo", "doas", "env", "nice", "ionice", "nohup", "timeout", "time", "setsid", "stdbuf",
    "chrt", "taskset", "xargs", "sshpass",
];
const WITH_SHELL: &str = "sh -c 'gzip -k \"$1\"' sh {}";

/// Refuses a command that would make code of an item, and says what to write.
pub(super) fn check(command: &[String], template: &Template) -> Result<(), String> {
    for (program, place) in command.iter().zip(0..) {
        let name = name_of(program);
        for (names, letters, long) in INTERPRETERS {
            if !names.contains(&name) {
                continue;
            }
            let option = CodeOption {
                letters,
                long,
                is_free: FREE_ORDER.contains(&name),
            };
            let code = option.code(&command[place + 1..]);
            let Some(code) = code.map(|code| place + 1 + code) else {
                continue;
            };
            if template.takes_items(code) {
                return Err(format!(
                    "{} is code for `{name}`, and an item would become part of it; give it the \
                     item as a word of its own, like: {WITH_SHELL}",
                    command
                        .get(code)
                        .map_or("the item".into(), |word| quoted(word))
                ));
            }
        }
    }
    check_shells_of_others(command, template)
}

/// The name of a program without its folder and its version: `python3.11` is `python`.
fn name_of(program: &str) -> &str {
    let name = program.rsplit('/').next().unwrap_or(program);
    name.trim_end_matches(|char: char| char.is_ascii_digit() || char == '.')
}

/// Refuses items among the words of a program that passes these to a shell, or reads them as code.
fn check_shells_of_others(command: &[String], template: &Template) -> Result<(), String> {
    let is_before = |word: &&String| {
        WRAPPERS.contains(&name_of(word))
            || word.starts_with('-')
            || word.contains('=')
            || word.starts_with(|char: char| char.is_ascii_digit())
    };
    let place = command.iter().take_while(is_before).count();
    let Some(program) = command.get(place) else {
        return Ok(());
    };
    let words = &command[place + 1..];
    let takes_items = |from: usize| {
        // One place more, for an item that follows the command.
        (place + 1 + from..=command.len()).any(|word| template.takes_items(word))
    };
    let is_code = |from: Option<usize>| from.is_some_and(takes_items);
    match name_of(program) {
        name @ ("ssh" | "rsh" | "mosh") if takes_items(behind_host(words)) => Err(format!(
            "`{name}` gives its words to a shell on the other side, and an item would be code \
             there; quote it for that shell: bash -c '{name} HOST \"gzip ${{1@Q}}\"' bash {{}}"
        )),
        name @ "flock" if is_code(line_of_flock(words)) => Err(given_to_shell(name)),
        name @ ("eval" | "watch") if takes_items(0) => Err(given_to_shell(name)),
        "awk" | "gawk" | "mawk" | "nawk"
            if !words.iter().any(|word| word.starts_with("-f"))
                && template.takes_items(place + 1 + behind_options(words, WITH_VALUE_OF_AWK)) =>
        {
            Err(
                "the program of `awk` is code, and an item would become part of it; give it the \
                 item as a variable, like: awk -v item={} '$1 == item' FILE"
                    .to_owned(),
            )
        }
        _ => Ok(()),
    }
}

fn given_to_shell(program: &str) -> String {
    format!(
        "`{program}` gives its words to a shell, and an item would be code there; use a shell \
         itself, with the item as a word of its own, like: {WITH_SHELL}"
    )
}

/// The place of the words that `ssh` passes to a shell.
fn behind_host(words: &[String]) -> usize {
    behind_options(words, WITH_VALUE_OF_SSH) + 1
}

/// The place of the line for a shell that `flock` takes behind its file.
fn line_of_flock(words: &[String]) -> Option<usize> {
    let option = behind_options(words, WITH_VALUE_OF_FLOCK) + 1;
    let is_line = words
        .get(option)
        .is_some_and(|word| word == "-c" || word == "--command");
    is_line.then_some(option + 1)
}

/// The place of the first word that is neither an option nor the value of one.
fn behind_options(words: &[String], with_value: &str) -> usize {
    let mut place = 0;
    while let Some(word) = words.get(place) {
        let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            break;
        };
        place += 1;
        if letters == "-" {
            break;
        }
        // The value may stand in the same word, as in `-p22`.
        let takes_next = letters.find(|char| with_value.contains(char)) == Some(letters.len() - 1);
        place += usize::from(takes_next);
    }
    place
}

/// An option that takes code.
struct CodeOption<'a> {
    letters: &'a str,
    long: &'a [&'a str],
    /// Whether the option may come behind other words.
    is_free: bool,
}

impl CodeOption<'_> {
    /// The place of the argument of an interpreter that is code.
    fn code(&self, arguments: &[String]) -> Option<usize> {
        let mut is_code = false;
        let mut is_value = false;
        for (argument, place) in arguments.iter().zip(0..) {
            let is_option = argument.len() > 1 && argument.starts_with(['-', '+']);
            if is_option {
                let long = argument.split_once('=').map(|(long, _)| long);
                if long.is_some_and(|long| self.long.contains(&long)) {
                    return Some(place);
                }
                let is_short = !argument.starts_with("--");
                is_code |= is_short && argument.contains(|char| self.letters.contains(char));
                is_code |= self.long.contains(&argument.as_str());
                is_value = WITH_VALUE.contains(&argument.as_str());
            } else if is_code && !is_value {
                return Some(place);
            } else if !is_value && !self.is_free {
                return None;
            } else {
                is_value = false;
            }
        }
        // An item that follows the command would be code.
        (is_code && !is_value).then_some(arguments.len())
    }
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
            "su|--command|ls {}",
            "su|--command=ls {}|nobody",
            "flock|lock|-c|ls {}",
            "bash|--rcfile|x|-c|ls {}",
            "node|-p|{}",
            "node|--eval|{}",
            "env|-S|gzip {}",
            "env|--split-string=gzip {}",
            "ssh|host|gzip {}",
            "ssh|-p|22|-oUser=x|host|gzip|{}",
            "ssh|host",
            "timeout|10|ssh|-p22|host|gzip|{}",
            "eval|gzip {}",
            "watch|-n|1|ls {}",
            "awk|-F|:|/{}/|f",
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
            "ssh|{}|uptime",
            "ssh|-p|22|{}|uptime",
            "cp|ssh|{}",
            "systemctl|restart|ssh|{}",
            "awk|-v|x={}|{ print x }|f",
            "awk|-f|p.awk|{}",
            "awk|{ print $1 }|{}",
            "env|A={}|make",
            "flock|lock|gcc|-c|{}",
            "node|app.js|-p|{}",
            "ruby|-E|UTF-8|x.rb|{}",
        ] {
            assert!(!is_refused(line), "{line}");
        }
    }
}
