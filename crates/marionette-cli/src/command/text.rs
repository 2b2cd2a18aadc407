//! A word of a command or a value of its environment: plain, secret, or looked up when it is used.

use std::borrow::Cow;
use std::path::PathBuf;
use std::{env, fmt, fs, io};

use serde::{Deserialize, Serialize};

use super::quote::quoted;

/// A word of a command or a value of its environment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub(crate) enum Text {
    /// As it is.
    Plain(String),
    /// Stored, but never shown.
    Secret(String),
    /// Not stored: each attempt looks it up. Never shown.
    From(Source),
}

/// Where a text is looked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum Source {
    /// A variable in the environment of the worker.
    Env(String),
    /// A file, without the line end at its end.
    File(PathBuf),
}

/// How a text is written down: a string, or a table that says what kind it is.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Plain(String),
    Secret { secret: String },
    From { from: Source },
}

impl Text {
    /// As it may be shown, quoted as a shell would need it.
    pub(crate) fn shown(&self) -> Cow<'_, str> {
        match self {
            Self::Plain(text) => quoted(text),
            Self::Secret(_) | Self::From(_) => Cow::Borrowed("***"),
        }
    }

    /// What is stored of it; nothing if it is looked up.
    pub(crate) fn stored(&self) -> Option<&str> {
        match self {
            Self::Plain(text) | Self::Secret(text) => Some(text),
            Self::From(_) => None,
        }
    }

    /// Whether it must not be shown.
    pub(crate) fn is_secret(&self) -> bool {
        !matches!(self, Self::Plain(_))
    }

    /// The text itself.
    pub(crate) fn resolve(&self) -> io::Result<String> {
        match self {
            Self::Plain(text) | Self::Secret(text) => Ok(text.clone()),
            Self::From(source) => source.read(),
        }
    }
}

impl Source {
    fn read(&self) -> io::Result<String> {
        match self {
            Self::Env(name) => env::var(name).map_err(|error| {
                io::Error::other(format!(
                    "the worker has no usable {name} in its environment: {error}"
                ))
            }),
            Self::File(path) => {
                let text = fs::read_to_string(path).map_err(|error| {
                    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
                })?;
                Ok(text.trim_end_matches(['\n', '\r']).to_owned())
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
            _ => Err(format!("{text:?} is neither `env:NAME` nor `file:/PATH`")),
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
            Self::Secret(_) | Self::From(_) => f.write_str("***"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_says_what_is_wrong_with_it() {
        let refused = |text: &str| Source::try_from(text.to_owned()).unwrap_err();
        assert_eq!(
            refused("TOKEN"),
            r#""TOKEN" is neither `env:NAME` nor `file:/PATH`"#
        );
        assert_eq!(
            refused("file:key"),
            r#""file:key": the path of a file must be absolute"#
        );
        assert_eq!(
            refused("env:"),
            r#""env:" is neither `env:NAME` nor `file:/PATH`"#
        );
    }

    #[test]
    fn what_is_looked_up_comes_without_its_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "s3cret\n").unwrap();
        let text = Text::From(Source::File(path.clone()));
        assert_eq!(text.resolve().unwrap(), "s3cret");
        fs::remove_file(&path).unwrap();
        let error = text.resolve().unwrap_err().to_string();
        assert!(error.starts_with(&path.display().to_string()), "{error}");
    }
}
