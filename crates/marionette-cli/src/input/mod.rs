//! Reads lists of tasks: TOML, JSON Lines, one command on each line, or a command with its items.
//! All become the same kind of tasks.

pub(crate) mod to_job;
mod source;
mod guess;
mod script;
mod toml;
mod jsonl;
mod lines;
mod words;
mod template;
mod code;
mod draft;
mod options;
mod hint;
mod node;
mod value;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::ValueEnum;
use marionette::BoxError;
use marionette::store::PAYLOAD_BYTES_MAX;

use crate::command::{Command, Veil};
use crate::console::text;

use draft::Draft;
use source::ListSource;

pub(crate) use options::{Due, OptionArguments, Options};
#[cfg(any(test, fuzzing))]
pub(crate) use value::parse_priority;
pub(crate) use value::{
    parse_backoff, parse_count, parse_grace, parse_kept, parse_name, parse_positive, parse_retries,
    parse_run_name, parse_size, parse_variable,
};
pub(crate) use words::Words;

/// How many faults of a file are listed.
const FAULTS_MAX: usize = 20;

/// How many bytes of a fault's text are kept.
const FAULT_BYTES_MAX: usize = 2_000;

/// The format of a file of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// `[[task]]` tables and `[defaults]`.
    Toml,
    /// One JSON object in each line.
    Jsonl,
    /// One command in each line.
    Lines,
}

/// A list of tasks that was read.
#[derive(Debug)]
pub(crate) struct File {
    /// The canonical path of its file; `None` for a list that is in no file.
    pub(crate) path: Option<PathBuf>,
    /// Its name in messages.
    pub(crate) name: String,
    /// Its tasks, in its order.
    pub(crate) tasks: Vec<Task>,
}

/// One task of a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Task {
    /// The line in which it begins.
    pub(crate) line: usize,
    /// Its own name, if it has one.
    pub(crate) name: Option<String>,
    /// The command that it runs.
    pub(crate) command: Command,
    /// How it is tried.
    pub(crate) options: Options,
    /// Its identity within the list, if that is not the identity of its command.
    pub(crate) identity: Option<Vec<u8>>,
}

impl Task {
    /// Its name, or else its command, without the secrets of the command.
    pub(crate) fn title(&self) -> String {
        match &self.name {
            Some(name) => Veil::stored(&self.command).over(name).into_owned(),
            None => self.command.shown(),
        }
    }

    /// The identity of the task within its list, wherever it stands.
    pub(crate) fn identity(&self) -> Result<Vec<u8>, BoxError> {
        match &self.identity {
            Some(identity) => Ok(identity.clone()),
            None => self.command.identity(),
        }
    }
}

/// A fault in a line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The line, from 1.
    pub(crate) line: usize,
    /// The fault in words.
    pub(crate) text: String,
}

impl Fault {
    pub(crate) fn new(line: usize, text: impl Into<String>) -> Self {
        let text = text.into();
        let text = text::shorten(&text, FAULT_BYTES_MAX, FAULT_BYTES_MAX / 2).into_owned();
        Self { line, text }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, text::safe(&self.text))
    }
}

/// The verb that reads a list, for hints on what to type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// `marionette run FILE`
    Run,
    /// `marionette add --file FILE`
    Add,
}

/// Reads a list of tasks from a file or a pipe; `-` is standard input. `options` apply to a task
/// unless the list sets its own.
pub(crate) fn read(
    path: &Path,
    format: Option<Format>,
    reader: Reader,
    options: Options,
) -> Result<File> {
    tasks_of(ListSource::read(path)?, path, format, reader, options)
}

/// Reads a list of tasks that is in memory, as if it were in a file of this name.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_bytes(name: &str, bytes: &[u8], format: Option<Format>) -> Result<File> {
    let path = Path::new("/").join(name);
    let source = ListSource {
        path: Some(path.clone()),
        name: name.to_owned(),
        folder: "/".into(),
        bytes: bytes.to_vec(),
    };
    tasks_of(source, &path, format, Reader::Run, Options::default())
}

fn tasks_of(
    source: ListSource,
    path: &Path,
    format: Option<Format>,
    reader: Reader,
    options: Options,
) -> Result<File> {
    let text = source.text()?;
    let base = Draft::new(source.folder.clone(), options);
    let tasks = match format.or_else(|| guess::by_name(source.path.as_deref())) {
        Some(Format::Toml) => toml::read(text, &base),
        Some(Format::Jsonl) => jsonl::read(text, &base),
        Some(Format::Lines) => lines::read(text, &base),
        None => {
            if let Some(refusal) = guess::refusal(&source, text, path, reader) {
                bail!(refusal);
            }
            lines::read_careful(text, &base)
        }
    };
    match tasks.and_then(told_apart) {
        Ok(tasks) if tasks.is_empty() => bail!("{} has no task", source.name),
        Ok(tasks) => Ok(File {
            path: source.path,
            name: source.name,
            tasks,
        }),
        Err(faults) => bail!(list_faults(&source.name, &faults)),
    }
}

/// Refuses two tasks with the same name, which nobody could tell apart.
fn told_apart(tasks: Vec<Task>) -> Result<Vec<Task>, Vec<Fault>> {
    let mut lines = HashMap::new();
    let mut faults = Vec::new();
    for task in &tasks {
        let Some(name) = &task.name else { continue };
        if let Some(line) = lines.insert(name, task.line) {
            let name = task.title();
            let text = format!("the task in line {line} is called `{name}` as well");
            faults.push(Fault::new(task.line, text));
        }
    }
    all_or_faults(Ok(tasks), faults)
}

/// The tasks if there is no fault, else all faults in the order of their lines.
fn all_or_faults(
    tasks: Result<Vec<Task>, Vec<Fault>>,
    mut faults: Vec<Fault>,
) -> Result<Vec<Task>, Vec<Fault>> {
    match tasks {
        Ok(tasks) if faults.is_empty() => return Ok(tasks),
        Ok(_) => {}
        Err(more) => faults.extend(more),
    }
    faults.sort_by_key(|fault| fault.line);
    Err(faults)
}

/// The message for a text that is too long for any command.
fn too_long(bytes: usize) -> String {
    format!("it has {bytes} bytes; the limit is {PAYLOAD_BYTES_MAX}")
}

fn list_faults(name: &str, faults: &[Fault]) -> String {
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
