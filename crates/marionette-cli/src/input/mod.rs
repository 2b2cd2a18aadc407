//! Files of tasks: TOML, JSON Lines, or one command in each line. All three become the same tasks.

mod node;
mod toml;
mod jsonl;
mod lines;
mod draft;
mod value;

use std::fmt;
use std::fs;
use std::io::{Read, stdin};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use marionette::store::StoredBackoff;

use crate::command::Command;
use crate::text;
use crate::time::When;

pub(crate) use draft::Draft;
pub(crate) use value::{
    parse_backoff, parse_grace, parse_positive, parse_priority, parse_queue, parse_retries,
    parse_size, parse_variable,
};

/// The largest file that is read: 256 MiB.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// How many faults of a file are told.
const FAULTS_MAX: usize = 20;

/// How a file of tasks is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// `[[task]]` tables and `[defaults]`.
    Toml,
    /// One JSON object in each line.
    Jsonl,
    /// One command in each line.
    Lines,
}

/// A file of tasks that was read.
#[derive(Debug)]
pub(crate) struct File {
    /// Its canonical path; `None` for standard input.
    pub(crate) path: Option<PathBuf>,
    /// What it is called in messages.
    pub(crate) name: String,
    /// Its tasks, in its order.
    pub(crate) tasks: Vec<Task>,
}

/// One task of a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Task {
    /// In which line it begins.
    pub(crate) line: usize,
    /// What it is called, if it has a name of its own.
    pub(crate) name: Option<String>,
    /// What it runs.
    pub(crate) command: Command,
    /// How it is tried.
    pub(crate) options: Options,
}

/// How a task is tried.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Options {
    /// How often it is retried.
    pub(crate) retries: Option<u32>,
    /// The pauses before its retries.
    pub(crate) backoff: Option<StoredBackoff>,
    /// How long each attempt may run.
    pub(crate) timeout: Option<Duration>,
    /// How long it may take in total.
    pub(crate) give_up_after: Option<Duration>,
    /// How late it may be started.
    pub(crate) expires: Option<Duration>,
    /// Whether it goes before others.
    pub(crate) priority: Option<i8>,
    /// In which queue it waits.
    pub(crate) queue: Option<String>,
    /// When it is due; at once if not said.
    pub(crate) due: Option<Due>,
}

/// When a task is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// So long after it is accepted.
    After(Duration),
    /// At this time.
    At(When),
}

impl Options {
    /// These options, and where they say nothing, the others.
    pub(crate) fn or(self, other: &Self) -> Self {
        let other = other.clone();
        Self {
            retries: self.retries.or(other.retries),
            backoff: self.backoff.or(other.backoff),
            timeout: self.timeout.or(other.timeout),
            give_up_after: self.give_up_after.or(other.give_up_after),
            expires: self.expires.or(other.expires),
            priority: self.priority.or(other.priority),
            queue: self.queue.or(other.queue),
            due: self.due.or(other.due),
        }
    }
}

impl Task {
    /// What it is called: its name, or its command.
    pub(crate) fn title(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.command.shown())
    }
}

/// What is wrong in a line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Which line, from 1.
    pub(crate) line: usize,
    /// What, in words.
    pub(crate) text: String,
}

impl Fault {
    pub(crate) fn new(line: usize, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { line, text }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, text::safe(&self.text))
    }
}

/// Reads a file of tasks; `-` is standard input.
pub(crate) fn read(path: &Path, format: Option<Format>) -> Result<File> {
    let (name, path) = match path.to_str() {
        Some("-") => ("standard input".to_owned(), None),
        _ => (text::safe(&path.display().to_string()), Some(path)),
    };
    let text = match path {
        None => read_text(stdin().lock(), &name)?,
        Some(path) => {
            let file = fs::File::open(path).with_context(|| format!("cannot read {name}"))?;
            let is_folder = file.metadata()?.is_dir();
            ensure!(!is_folder, "{name} is a folder; name a file of tasks");
            read_text(file, &name)?
        }
    };
    let format = format.unwrap_or_else(|| format_of(path));
    let (folder, path) = match path {
        None => (
            std::env::current_dir().context("there is no current folder")?,
            None,
        ),
        Some(path) => {
            let path = path
                .canonicalize()
                .with_context(|| format!("cannot find {name}"))?;
            let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
            (folder, Some(path))
        }
    };
    let base = Draft::new(folder);
    let tasks = match format {
        Format::Toml => toml::read(&text, &base),
        Format::Jsonl => jsonl::read(&text, &base),
        Format::Lines => lines::read(&text, &base),
    };
    match tasks {
        Ok(tasks) if tasks.is_empty() => bail!("{name} has no task"),
        Ok(tasks) => Ok(File { path, name, tasks }),
        Err(faults) => bail!(told(&name, &faults)),
    }
}

fn read_text(from: impl Read, name: &str) -> Result<String> {
    let mut bytes = Vec::new();
    from.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {name}"))?;
    ensure!(
        bytes.len() as u64 <= FILE_BYTES_MAX,
        "{name} is larger than 256 MiB, the limit"
    );
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.split(|&byte| byte == b'\n').count();
        anyhow::anyhow!("{name}:{line}: it is not UTF-8")
    })
}

fn format_of(path: Option<&Path>) -> Format {
    let extension = path
        .and_then(Path::extension)
        .and_then(|extension| extension.to_str());
    match extension {
        Some("toml") => Format::Toml,
        Some("jsonl" | "ndjson" | "json") => Format::Jsonl,
        _ => Format::Lines,
    }
}

fn told(name: &str, faults: &[Fault]) -> String {
    let mut lines: Vec<_> = faults
        .iter()
        .take(FAULTS_MAX)
        .map(|fault| format!("{name}:{fault}"))
        .collect();
    if faults.len() > FAULTS_MAX {
        lines.push(format!("… and {} more", faults.len() - FAULTS_MAX));
    }
    lines.join("\n")
}
