//! A word of a command or a value of its environment: plain, secret, or looked up when it is used.

use std::env::VarError;
use std::path::PathBuf;
use std::{env, fmt};

use serde::{Deserialize, Serialize};

use super::look_up;
use super::quote::quoted;
use super::{MASK, Secret, Veil};

/// A word of a command or a value of its environment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub(crate) enum Text {
    /// Stored and shown as it is.
    Plain(String),
    /// Stored, but never shown.
    Secret(Secret),
    /// Not stored, but looked up by each attempt. Never shown.
    From(Source),
}

/// The source of a text that is looked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum Source {
    /// A variable in the environment of the instance.
    Env(String),
    /// A file, without its last line end.
    File(PathBuf),
}

/// The stored form of a text: a string, or a table that names the kind.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Plain(String),
    Secret { secret: Secret },
    From { from: Source },
}

impl Text {
    /// The text as it may be shown, quoted as a shell needs it. A plain text may contain a secret
    /// of its command.
    pub(super) fn shown(&self, veil: &Veil) -> String {
        match self {
            Self::Plain(text) => quoted(&veil.over(text)).into_owned(),
            Self::Secret(_) | Self::From(_) => MASK.to_owned(),
        }
    }

    /// The stored text, to be measured; `None` if it is looked up.
    pub(super) fn stored(&self) -> Option<&str> {
        match self {
            Self::Plain(text) => Some(text),
            Self::Secret(secret) => Some(secret.reveal()),
            Self::From(_) => None,
        }
    }

    /// The text itself, or why there is none; the error has nothing of the text.
    pub(super) fn look_up(&self) -> Result<Secret, String> {
        match self {
            Self::Plain(text) => Ok(Secret::new(text.as_str())),
            Self::Secret(secret) => Ok(secret.clone()),
            Self::From(source) => source.read(),
        }
    }
}

/// The error for a text that is looked up and is not UTF-8.
const NOT_UTF_8: &str = "it is not UTF-8, which words and variables of a command have to be";

impl Source {
    /// Looks the text up. The errors of the standard library quote their input, so they are put in
    /// words of our own.
    fn read(&self) -> Result<Secret, String> {
        match self {
            Self::Env(name) => env::var(name).map(Secret::new).map_err(|error| {
                let why = match error {
                    VarError::NotPresent => "it is not set",
                    VarError::NotUnicode(_) => NOT_UTF_8,
                };
                format!("the worker has no usable {name} in its environment: {why}")
            }),
            Self::File(path) => {
                let told = |why: &dyn fmt::Display| format!("{}: {why}", path.display());
                let bytes = look_up::bytes_of(path).map_err(|error| told(&error))?;
                let text = String::from_utf8(bytes).map_err(|_| told(&NOT_UTF_8))?;
                if text.contains('\0') {
                    return Err(told(
                        &"it contains a zero byte, which no command can be given",
                    ));
                }
                Ok(Secret::new(text.trim_end_matches(['\n', '\r'])))
            }
        }
    }
}

impl TryFrom<String> for Source {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() && !name.contains('=') => {
                Ok(Self::Env(name.to_owned()))
            }
            Some(("file", path)) if path.starts_with('/') => Ok(Self::File(path.into())),
            Some(("file", _)) => Err(format!("{text:?}: the path of a file must be absolute")),
            // The input is not quoted: it may be the secret itself.
            _ => Err("it is neither `env:NAME` nor `file:/PATH`".to_owned()),
        }
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        match source {
            Source::Env(name) => format!("env:{name}"),
            Source::File(path) => format!("file:{}", path.display()),
        }
    }
}

impl From<Stored> for Text {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Plain(text) => Self::Plain(text),
            Stored::Secret { secret } => Self::Secret(secret),
            Stored::From { from } => Self::From(from),
        }
    }
}

impl From<Text> for Stored {
    fn from(text: Text) -> Self {
        match text {
            Text::Plain(text) => Self::Plain(text),
            Text::Secret(secret) => Self::Secret { secret },
            Text::From(from) => Self::From { from },
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) => text.fmt(f),
            Self::Secret(_) | Self::From(_) => f.write_str(MASK),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_source_says_what_is_wrong_with_it() {
        let refused = |text: &str| Source::try_from(text.to_owned()).unwrap_err();
        let unknown = "it is neither `env:NAME` nor `file:/PATH`";
        for text in ["TOKEN", "env:", "env:A=hunter2", "hunter2:x", ""] {
            assert_eq!(refused(text), unknown, "{text:?}");
        }
        assert_eq!(
            refused("file:key"),
            r#""file:key": the path of a file must be absolute"#
        );
    }

    #[test]
    fn what_is_looked_up_comes_without_its_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "s3cret\n").unwrap();
        let text = Text::From(Source::File(path.clone()));
        assert_eq!(text.look_up().unwrap().reveal(), "s3cret");
        fs::remove_file(&path).unwrap();
        let error = text.look_up().unwrap_err();
        assert!(error.starts_with(&path.display().to_string()), "{error}");
    }

    #[test]
    fn a_text_that_cannot_be_used_is_not_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let text = Text::From(Source::File(path.clone()));
        for (bytes, why) in [
            (&b"s3cret\xff"[..], NOT_UTF_8),
            (b"s3c\0ret", "a zero byte"),
        ] {
            fs::write(&path, bytes).unwrap();
            let error = text.look_up().unwrap_err();
            assert!(error.contains(why) && !error.contains("s3c"), "{error}");
        }
    }
}
