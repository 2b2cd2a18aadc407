//! The secrets of a command, taken out of what it wrote before that is shown.

use std::borrow::Cow;

use super::{Command, Text, What};

/// A shorter secret would take pieces out of texts that have nothing to do with it.
const CHARS_MIN: usize = 4;

/// What stands where a secret was.
const MASK: &str = "***";

/// Hides the secrets of one command. Whatever the command made of them, like their letters in
/// another order or encoding, is not known here.
#[derive(Clone, Default)]
pub(crate) struct Veil {
    /// The longest first, since one may be a piece of another.
    secrets: Vec<String>,
}

impl Veil {
    /// Hides the secrets that are stored with the command.
    pub(crate) fn stored(command: &Command) -> Self {
        Self::new(texts(command).filter_map(|text| match text {
            Text::Secret(secret) => Some(secret.clone()),
            _ => None,
        }))
    }

    /// Hides these, and those that are looked up, as they are where this runs.
    pub(crate) fn found(command: &Command) -> Self {
        let secrets = texts(command).filter(|text| text.is_secret());
        Self::new(secrets.filter_map(|text| text.resolve().ok()))
    }

    fn new(secrets: impl Iterator<Item = String>) -> Self {
        let mut lines: Vec<String> = Vec::new();
        for secret in secrets {
            let long = |line: &&str| line.chars().count() >= CHARS_MIN;
            lines.extend(secret.lines().filter(long).map(str::to_owned));
        }
        lines.sort_by_key(|line| std::cmp::Reverse(line.len()));
        Self { secrets: lines }
    }

    /// The text without the secrets.
    pub(crate) fn over<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut hidden = Cow::Borrowed(text);
        for secret in &self.secrets {
            if hidden.contains(secret.as_str()) {
                hidden = hidden.replace(secret.as_str(), MASK).into();
            }
        }
        hidden
    }
}

fn texts(command: &Command) -> impl Iterator<Item = &Text> {
    let words = match &command.what {
        What::Command(words) => words.as_slice(),
        What::Run(_) => &[],
    };
    words.iter().chain(command.env.values())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn secrets_are_taken_out_the_longest_first_and_short_ones_stay() {
        let secret = |text: &str| Text::Secret(text.to_owned());
        let words = [
            "hunter2",
            "hunter2 of the north",
            "abc",
            "-----\nbase64\nend",
        ]
        .map(secret);
        let mut command = Command::new(What::Command(words.to_vec()), PathBuf::from("/"));
        command.env.insert("TOKEN".to_owned(), secret("t0ken"));
        let veil = Veil::stored(&command);
        assert_eq!(
            veil.over("hunter2 of the north, hunter2, t0ken, abc, base64\nend"),
            "***, ***, ***, abc, ***\nend"
        );
        assert!(matches!(veil.over("nothing"), Cow::Borrowed("nothing")));
    }
}
