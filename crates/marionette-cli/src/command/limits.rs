//! Checks whether a command can be started at all: it is not empty, and the system takes it.

use std::env;
use std::sync::OnceLock;

use rustix::process::{Resource, getrlimit};

use super::shell::is_blank;
use super::{Command, What};

/// The error for an empty command, wherever it comes from.
const EMPTY: &str = "the command is empty";
/// The longest word with which Linux starts a program: 32 pages of 4 KiB, less the zero byte at the
/// end.
const WORD_BYTES_MAX: usize = 131_071;
/// The bytes that the system needs for each word in addition: a pointer and a zero byte.
const BESIDE_WORD: usize = 9;
/// Room for the variables that the minder adds.
const MINDER_BYTES: usize = 8 * 1024;

impl Command {
    /// Refuses a command that could never be started.
    ///
    /// # Errors
    ///
    /// In words: the command is empty, has a zero byte, or is too long for the system.
    pub(crate) fn check(&self) -> Result<(), String> {
        let mut total = 0;
        match &self.what {
            What::Run(line) => {
                if is_blank(line) {
                    return Err(EMPTY.to_owned());
                }
                total += word(line, || "the line".to_owned())?;
            }
            What::Command(words) => {
                let program = words.first().map(super::Text::stored);
                if program.is_none_or(|program| program.is_some_and(|text| text.trim().is_empty()))
                {
                    return Err(EMPTY.to_owned());
                }
                for (text, number) in words.iter().zip(0..) {
                    let stored = text.stored().unwrap_or_default();
                    total += word(stored, || format!("word {number} of the command"))?;
                }
            }
        }
        for (name, value) in &self.env {
            let value = value.stored().unwrap_or_default();
            let what = || format!("the variable `{name}`");
            total += word(value, what)? + name.len() + 1;
        }
        let (own, limit) = *environment();
        if total + own > limit {
            return Err(format!(
                "the command has {total} bytes, and the environment {own}; together the system \
                 takes {limit}"
            ));
        }
        Ok(())
    }
}

/// The bytes of the limit that a word takes.
fn word(text: &str, what: impl Fn() -> String) -> Result<usize, String> {
    if text.contains('\0') {
        return Err(format!("{} contains a zero byte", what()));
    }
    if cfg!(target_os = "linux") && text.len() > WORD_BYTES_MAX {
        return Err(format!(
            "{} has {} bytes; the system takes {WORD_BYTES_MAX} in one word",
            what(),
            text.len()
        ));
    }
    Ok(text.len() + BESIDE_WORD)
}

/// The bytes that the environment of this process takes, and the limit for it and a command
/// together.
fn environment() -> &'static (usize, usize) {
    static ENVIRONMENT: OnceLock<(usize, usize)> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let variables = env::vars_os();
        let own = variables.map(|(name, value)| name.len() + 1 + value.len() + BESIDE_WORD);
        (own.sum::<usize>() + MINDER_BYTES, total_max())
    })
}

/// A quarter of the stack, but between 128 KiB and 6 MiB, as in Linux; other systems have a fixed
/// limit, of which this is the smallest.
fn total_max() -> usize {
    if !cfg!(target_os = "linux") {
        return 256 * 1024;
    }
    let stack = getrlimit(Resource::Stack).current.unwrap_or(u64::MAX);
    let quarter = usize::try_from(stack / 4).unwrap_or(usize::MAX);
    quarter.clamp(128 * 1024, 6 * 1024 * 1024)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::Text;
    use super::*;

    fn check(words: &[&str]) -> Result<(), String> {
        let words = words.iter().map(|word| Text::Plain((*word).to_owned()));
        Command::new(What::Command(words.collect()), PathBuf::from("/")).check()
    }

    #[test]
    fn an_empty_command_is_refused_in_every_form() {
        for words in [&[][..], &[""], &["  "], &["", "a"]] {
            assert_eq!(check(words), Err(EMPTY.to_owned()), "{words:?}");
        }
        for line in ["", "  ", "\t\n", "# only a comment", "\\\n"] {
            let command = Command::new(What::Run(line.to_owned()), PathBuf::from("/"));
            assert_eq!(command.check(), Err(EMPTY.to_owned()), "{line:?}");
        }
        check(&["echo", "", " "]).unwrap();
    }

    #[test]
    fn what_the_system_does_not_take_is_refused_with_the_limit() {
        check(&["echo", &"x".repeat(WORD_BYTES_MAX)]).unwrap();
        assert_eq!(
            check(&["echo", &"x".repeat(WORD_BYTES_MAX + 1)]),
            Err(
                "word 1 of the command has 131072 bytes; the system takes 131071 in one word"
                    .into()
            )
        );
        let many = vec!["x"; 1_000_000];
        let error = check(&many).unwrap_err();
        assert!(
            error.starts_with("the command has 10000000 bytes, and the environment "),
            "{error}"
        );
        assert_eq!(
            check(&["a\0b"]),
            Err("word 0 of the command contains a zero byte".into())
        );
    }
}
