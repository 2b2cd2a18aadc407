//! A task that is being read: its possible keys, and the faults of their values.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::node::{Entry, Node, Value};
use super::options::OPTION_KEYS;
use super::value::{parse_grace, parse_size, parse_variable};
use super::{Fault, Options, Task, all_or_faults, hint};
use crate::command::{Command, GRACE, OUTPUT_BYTES, Secret, Source, Text, What};
use crate::console::text::nearest;

/// The keys of a task that are no defaults of a file.
const OWN_KEYS: &[&str] = &["run", "command", "name"];

/// A task that is being read.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// The folder of the file, from which relative folders start.
    folder: PathBuf,
    what: Option<What>,
    name: Option<String>,
    cwd: Option<PathBuf>,
    env: BTreeMap<String, Text>,
    grace: Duration,
    output_bytes: u64,
    options: Options,
}

/// The keys of the defaults of a file.
pub(super) fn defaults_keys() -> Vec<&'static str> {
    [&["cwd", "env"], OPTION_KEYS, &["grace", "output"]].concat()
}

/// Reads all tasks; else returns all faults.
pub(super) fn read_all(base: &Draft, nodes: &[Node]) -> Result<Vec<Task>, Vec<Fault>> {
    let mut tasks = Vec::with_capacity(nodes.len());
    let mut faults = Vec::new();
    let keys = [OWN_KEYS, &defaults_keys()].concat();
    for node in nodes {
        let mut draft = base.clone();
        match draft.fill(node, &keys) {
            Ok(()) => match draft.finish(node.line) {
                Ok(task) => tasks.push(task),
                Err(fault) => faults.push(fault),
            },
            Err(more) => faults.extend(more),
        }
    }
    all_or_faults(Ok(tasks), faults)
}

impl Draft {
    /// A task with nothing but the folder of its file and the options of the command line.
    pub(crate) fn new(folder: PathBuf, options: Options) -> Self {
        Self {
            folder,
            what: None,
            name: None,
            cwd: None,
            env: BTreeMap::new(),
            grace: GRACE,
            output_bytes: OUTPUT_BYTES,
            options,
        }
    }

    /// The task with this program or line to run.
    pub(super) fn with(self, what: What) -> Self {
        Self {
            what: Some(what),
            ..self
        }
    }

    /// Takes the values of a table.
    pub(super) fn fill(&mut self, node: &Node, keys: &[&str]) -> Result<(), Vec<Fault>> {
        let Value::Table(entries) = &node.value else {
            let text = format!("a task must be a table, and is {}", node.what());
            return Err(vec![node.fault(text)]);
        };
        let mut faults = both(entries, "run", "command");
        faults.extend(both(entries, "at", "delay"));
        for entry in entries {
            let key = entry.key.as_str();
            if keys.contains(&key) {
                faults.extend(self.set(key, &entry.node).err());
            } else {
                faults.push(Fault::new(entry.line, unknown(key, keys)));
            }
        }
        faults.sort_by_key(|fault| fault.line);
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }

    fn set(&mut self, key: &str, node: &Node) -> Result<(), Fault> {
        match key {
            "run" => self.what = Some(What::Run(line(node)?)),
            "command" => self.what = Some(What::Command(words(node)?)),
            "name" => self.name = Some(filled(node, key)?),
            "cwd" => self.cwd = Some(folder(node, &self.folder)?),
            "env" => {
                if let Value::List(_) = node.value {
                    let text =
                        "`env` must be a table, and is a list; write `env = { NAME = \"value\" }`";
                    return Err(node.fault(text));
                }
                for entry in node.table(key)? {
                    let name =
                        parse_variable(&entry.key).map_err(|text| Fault::new(entry.line, text))?;
                    self.env.insert(name, text(&entry.node, &entry.key)?);
                }
            }
            "grace" => self.grace = read(node, key, parse_grace)?,
            "output" => self.output_bytes = read(node, key, parse_size)?,
            key => read(node, key, |text| self.options.set(key, text))?,
        }
        Ok(())
    }

    /// The task, if it is complete.
    pub(crate) fn finish(self, line: usize) -> Result<Task, Fault> {
        let Some(what) = self.what else {
            let text = "a task needs `run` (a line for the shell) or `command` (a list of words)";
            return Err(Fault::new(line, text));
        };
        let cwd = self
            .folder
            .join(self.cwd.as_deref().unwrap_or(Path::new("")));
        if cwd.to_str().is_none() {
            let text = format!("the folder {} is not named in UTF-8", cwd.display());
            return Err(Fault::new(line, text));
        }
        let command = Command {
            env: self.env,
            grace: self.grace,
            output_bytes: self.output_bytes,
            ..Command::new(what, tidy(&cwd))
        };
        command.check().map_err(|error| Fault::new(line, error))?;
        Ok(Task {
            line,
            name: self.name,
            command,
            options: self.options,
            identity: None,
        })
    }
}

/// The path without `.` and without a slash at its end, so that every spelling is the same.
fn tidy(path: &Path) -> PathBuf {
    path.components().collect()
}

fn both(entries: &[Entry], one: &str, other: &str) -> Vec<Fault> {
    let has = |key: &str| entries.iter().find(|entry| entry.key == key);
    match (has(one), has(other)) {
        (Some(one_entry), Some(other_entry)) => vec![Fault::new(
            one_entry.line.max(other_entry.line),
            format!("`{one}` and `{other}` exclude each other"),
        )],
        _ => Vec::new(),
    }
}

fn unknown(key: &str, keys: &[&str]) -> String {
    if let Some(hint) = hint::for_key(key) {
        return format!("`{key}` is not a key of a task; {hint}");
    }
    match nearest(key, keys.iter().copied()) {
        Some(nearest) => format!("`{key}` is not a key of a task; did you mean `{nearest}`?"),
        None => format!(
            "`{key}` is not a key of a task; there are {}",
            keys.join(", ")
        ),
    }
}

fn read<T>(
    node: &Node,
    key: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, Fault> {
    let text = node.text_or_number(key)?;
    parse(text).map_err(|error| node.fault(format!("`{key}`: {error}")))
}

fn filled(node: &Node, key: &str) -> Result<String, Fault> {
    let text = node.text(key)?;
    if text.trim().is_empty() {
        return Err(node.fault(format!("`{key}` is empty")));
    }
    without_zero(node, key, text)
}

fn without_zero(node: &Node, key: &str, text: &str) -> Result<String, Fault> {
    if text.contains('\0') {
        return Err(node.fault(format!("`{key}` contains a zero byte")));
    }
    Ok(text.to_owned())
}

/// Reads a line for the shell.
fn line(node: &Node) -> Result<String, Fault> {
    if let Value::List(_) = node.value {
        let text = "`run` must be a string, and is a list; a list of words is `command`";
        return Err(node.fault(text));
    }
    filled(node, "run")
}

/// Reads a folder, which has to exist.
fn folder(node: &Node, base: &Path) -> Result<PathBuf, Fault> {
    let cwd = PathBuf::from(filled(node, "cwd")?);
    let whole = base.join(&cwd);
    if whole.is_dir() {
        return Ok(cwd);
    }
    let home = if cwd.starts_with("~") {
        "; `~` is not understood here"
    } else {
        ""
    };
    Err(node.fault(format!(
        "`cwd`: there is no folder {}{home}",
        tidy(&whole).display()
    )))
}

fn words(node: &Node) -> Result<Vec<Text>, Fault> {
    if let Value::Text(_) = node.value {
        let text =
            "`command` must be a list of words, and is a string; a line for the shell is `run`";
        return Err(node.fault(text));
    }
    let nodes = node.list("command")?;
    if nodes.is_empty() {
        return Err(node.fault("`command` is empty; it begins with the program"));
    }
    nodes.iter().map(|node| text(node, "command")).collect()
}

/// Reads a plain text, `{ secret = "…" }`, or `{ from = "env:NAME" }`.
fn text(node: &Node, key: &str) -> Result<Text, Fault> {
    let Value::Table(entries) = &node.value else {
        let text = node.text_or_number(key)?;
        return without_zero(node, key, text).map(Text::Plain);
    };
    let wrong = || {
        node.fault(format!(
            "`{key}` must be a string, `{{ secret = \"…\" }}` or `{{ from = \"env:NAME\" }}`"
        ))
    };
    match entries.as_slice() {
        [entry] if entry.key == "secret" => {
            let secret = entry.node.text("secret")?;
            let secret = without_zero(&entry.node, "secret", secret)?;
            Ok(Text::Secret(Secret::new(secret)))
        }
        [entry] if entry.key == "from" => {
            let from = entry.node.text("from")?.to_owned();
            let source = Source::try_from(from);
            let source = source.map_err(|error| entry.node.fault(format!("`from`: {error}")))?;
            Ok(Text::From(source))
        }
        _ => Err(wrong()),
    }
}
