//! A command as a job: the program or line that runs, its folder and environment; and its secrets,
//! which are never shown.

mod secret;
mod text;
mod look_up;
mod veil;
mod resolved;
mod quote;
mod limits;
mod shell;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use marionette::{BoxError, Job, Payload};
use serde::{Deserialize, Serialize};

use crate::console::text::is_obeyed;

pub(crate) use quote::quoted;
use quote::quoted_program;
pub(crate) use resolved::Resolved;
pub(crate) use secret::Secret;
pub(crate) use shell::{Lack, Piece, Simple, pieces, simple_commands};
pub(crate) use text::{Source, Text};
pub(crate) use veil::{Stream, Veil};

/// Shown in place of a secret.
const MASK: &str = "***";

/// How long a command that was asked to end may go on before it is killed: 5 s.
pub(crate) const GRACE: Duration = Duration::from_secs(5);
/// The longest such grace.
pub(crate) const GRACE_MAX: Duration = Duration::from_secs(600);
/// How much of the start and of the end of an attempt's output is kept: 1 MiB each.
pub(crate) const OUTPUT_BYTES: u64 = 1024 * 1024;

/// A command as it is stored. It has nothing of the environment in which it was added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")] // Read and written by its `Payload` alone.
pub(crate) struct Command {
    /// The program or the line that runs.
    #[serde(flatten)]
    pub(crate) what: What,
    /// The folder in which it runs; absolute.
    pub(crate) cwd: PathBuf,
    /// The variables that are added to the environment of the instance.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) env: BTreeMap<String, Text>,
    /// How long it may go on after it was asked to end.
    #[serde(default = "grace", skip_serializing_if = "is_grace")]
    pub(crate) grace: Duration,
    /// How many bytes of each end of its output are kept.
    #[serde(default = "output_bytes", skip_serializing_if = "is_output_bytes")]
    pub(crate) output_bytes: u64,
}

/// A program with its arguments, or a line for the shell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// A program and its arguments; never empty.
    Command(Vec<Text>),
    /// A line for `sh -c`.
    Run(String),
}

/// The stored result of a command that succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Success {
    /// How many bytes it wrote.
    pub(crate) output_bytes: u64,
    /// Whether some of the output was not kept: the disk refused it, or did not answer in time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) output_is_cut: bool,
}

impl Job for Command {
    const KIND: &'static str = "command";
    type Output = Success;
}

impl Payload for Command {
    fn encode(&self) -> Result<Vec<u8>, BoxError> {
        let mut payload = Vec::new();
        Self::serialize(self, &mut serde_json::Serializer::new(&mut payload))?;
        Ok(payload)
    }

    /// Reads a command. JSON errors quote the input, which may have a secret, so only the place is
    /// told.
    fn decode(payload: &[u8]) -> Result<Self, BoxError> {
        let mut json = serde_json::Deserializer::from_slice(payload);
        let read = Self::deserialize(&mut json).and_then(|command| json.end().map(|()| command));
        read.map_err(|error| {
            let (line, column) = (error.line(), error.column());
            format!("no command of this version, from line {line}, column {column} on").into()
        })
    }
}

impl Command {
    /// A command with the default grace and limits.
    pub(crate) fn new(what: What, cwd: PathBuf) -> Self {
        Self {
            what,
            cwd,
            env: BTreeMap::new(),
            grace: GRACE,
            output_bytes: OUTPUT_BYTES,
        }
    }

    /// The command as a person would type it, without its secrets; not yet safe to print.
    pub(crate) fn shown(&self) -> String {
        let veil = Veil::stored(self);
        match &self.what {
            What::Run(line) => veil.over(line).into_owned(),
            What::Command(words) => {
                let mut shown: Vec<_> = words.iter().map(|word| word.shown(&veil)).collect();
                if let (Some(Text::Plain(program)), Some(first)) =
                    (words.first(), shown.first_mut())
                {
                    *first = quoted_program(&veil.over(program)).into_owned();
                }
                shown.join(" ")
            }
        }
    }

    /// The command as a line that a person in the folder `here` can paste into a shell: safe to
    /// print and without its secrets.
    pub(crate) fn typed(&self, here: &Path) -> String {
        let is_bare = self.cwd == here && self.env.is_empty();
        let veil = Veil::stored(self);
        let line = match &self.what {
            What::Run(line) if is_bare && !line.chars().any(is_obeyed) => return line.clone(),
            What::Run(line) => format!("sh -c {}", quoted(&veil.over(line))),
            What::Command(_) => self.shown(),
        };
        let variables = self.env.iter().map(|(name, value)| match value {
            Text::Plain(value) => {
                let value = veil.over(value);
                format!("{} ", quoted(&format!("{name}={value}")))
            }
            secret => format!("{}={} ", quoted(name), secret.shown(&veil)),
        });
        let variables: String = variables.collect();
        let line = match variables.as_str() {
            "" => line,
            variables => format!("env {variables}{line}"),
        };
        if self.cwd == here {
            return line;
        }
        let folder = self.cwd.to_string_lossy();
        format!("(cd {} && {line})", quoted(&folder))
    }

    /// Whether it has a stored secret that is too short to be hidden.
    pub(crate) fn has_short_secret(&self) -> bool {
        let is_short = |secret: &Secret| secret.reveal().chars().count() < veil::CHARS_MIN;
        veil::stored(self).any(is_short)
    }

    /// The identity of the command: all that decides what it does, and nothing of how it is tried.
    pub(crate) fn identity(&self) -> Result<Vec<u8>, BoxError> {
        Ok(serde_json::to_vec(&(&self.what, &self.cwd, &self.env))?)
    }
}

fn grace() -> Duration {
    GRACE
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference.
fn is_grace(grace: &Duration) -> bool {
    *grace == GRACE
}

fn output_bytes() -> u64 {
    OUTPUT_BYTES
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference.
fn is_output_bytes(bytes: &u64) -> bool {
    *bytes == OUTPUT_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curl() -> Command {
        let words = vec![
            Text::Plain("curl".to_owned()),
            Text::Secret(Secret::new("hunter 2")),
            Text::From(Source::Env("TOKEN".to_owned())),
            Text::Plain("it's".to_owned()),
        ];
        Command::new(What::Command(words), PathBuf::from("/srv"))
    }

    #[test]
    fn what_is_stored_can_be_read_and_is_small() {
        let command = curl();
        let stored = String::from_utf8(command.encode().expect("it is plain data")).unwrap();
        assert_eq!(
            stored,
            r#"{"command":["curl",{"secret":"hunter 2"},{"from":"env:TOKEN"},"it's"],"cwd":"/srv"}"#
        );
        assert_eq!(Command::decode(stored.as_bytes()).unwrap(), command);
    }

    #[test]
    fn secrets_are_never_shown() {
        assert_eq!(curl().shown(), "curl *** *** 'it'\\''s'");
        assert!(!format!("{:?}", curl()).contains("hunter"));
    }

    #[test]
    fn how_it_is_tried_is_no_part_of_what_it_is() {
        let mut other = curl();
        other.grace = Duration::from_secs(1);
        other.output_bytes = 5;
        assert_eq!(other.identity().unwrap(), curl().identity().unwrap());
        other.cwd = PathBuf::from("/");
        assert_ne!(other.identity().unwrap(), curl().identity().unwrap());
    }
}
