//! A command with all its values looked up, ready to be started.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process;

use super::{Command, MASK, Secret, Text, Veil, What, veil};

/// The shell that runs lines. It is not looked for in `PATH`, which a task may set for itself.
const SHELL: &str = "/bin/sh";

/// A command with all its values looked up.
#[derive(Debug)]
pub(crate) struct Resolved {
    program: Secret,
    arguments: Vec<Secret>,
    env: Vec<(String, Secret)>,
    /// Whether the command is a line for the shell.
    pub(crate) is_line: bool,
    /// The program to show; `None` if it is a secret.
    pub(crate) shown_program: Option<String>,
    /// The folders in which programs are searched, as far as they may be shown.
    pub(crate) shown_path: String,
    /// Hides the secrets in the output and the errors of the command.
    pub(crate) veil: Veil,
}

impl Resolved {
    /// Looks up all values; `seen` returns what a terminal shows of a line.
    ///
    /// # Errors
    ///
    /// If a value cannot be looked up; the error has no secrets.
    pub(crate) fn of(
        command: &Command,
        seen: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let mut lookup = Lookup::of(command);
        let words = match &command.what {
            What::Run(line) => Ok([SHELL, "-c", line].map(Secret::new).to_vec()),
            What::Command(words) => words.iter().map(|word| lookup.find(word)).collect(),
        };
        let env = command.env.iter().map(|(name, value)| {
            let value = lookup.find(value);
            let value = value.map_err(|why| format!("cannot look up {name}: {why}"))?;
            Ok((name.clone(), value))
        });
        let env = env.collect::<Result<Vec<_>, String>>();
        let veil = Veil::new(lookup.secrets.iter(), seen);
        let without_secrets = |why: String| veil.over(&why).into_owned();
        let mut words = words.map_err(without_secrets)?.into_iter();
        let env = env.map_err(without_secrets)?;
        let Some(program) = words.next() else {
            return Err("there is no program".to_owned());
        };
        Ok(Self {
            program,
            arguments: words.collect(),
            env,
            is_line: matches!(command.what, What::Run(_)),
            shown_program: shown_program(command, &veil),
            shown_path: shown_path(command, &veil),
            veil,
        })
    }

    /// The process to start, with all that the command says of it and nothing else.
    pub(crate) fn process(&self) -> process::Command {
        let mut process = process::Command::new(self.program.reveal());
        if self.is_line {
            // With this name the shell calls itself `sh` in its messages.
            process.arg0("sh");
        }
        process.args(self.arguments.iter().map(Secret::reveal));
        let variables = self.env.iter();
        process.envs(variables.map(|(name, value)| (name, value.reveal())));
        process
    }

    /// Searches for the program's file as the system will, so that a file system that does not
    /// answer blocks here already. Any other error of the file shows when the command starts.
    pub(crate) fn look_for_program(&self, cwd: &Path) {
        if let Some(file) = self.file(cwd) {
            let _ = file.metadata();
            return;
        }
        let program = self.program.reveal();
        let mut own = self.env.iter().filter(|(name, _)| name == "PATH");
        let path = match own.next_back() {
            Some((_, path)) => path.reveal().into(),
            None => std::env::var_os("PATH").unwrap_or_default(),
        };
        let mut folders = std::env::split_paths(&path);
        let _ = folders.find(|folder| cwd.join(folder).join(program).metadata().is_ok());
    }

    /// The file of the program, if its name is a path.
    pub(crate) fn file(&self, cwd: &Path) -> Option<PathBuf> {
        let program = self.program.reveal();
        program.contains('/').then(|| cwd.join(program))
    }
}

fn shown_program(command: &Command, veil: &Veil) -> Option<String> {
    match &command.what {
        What::Run(_) => Some(SHELL.to_owned()),
        What::Command(words) => match words.first()? {
            Text::Plain(program) => Some(veil.over(program).into_owned()),
            Text::Secret(_) | Text::From(_) => None,
        },
    }
}

fn shown_path(command: &Command, veil: &Veil) -> String {
    match command.env.get("PATH") {
        Some(Text::Plain(path)) => veil.over(path).into_owned(),
        Some(Text::Secret(_) | Text::From(_)) => MASK.to_owned(),
        None => {
            let own = std::env::var_os("PATH").unwrap_or_default();
            veil.over(&own.to_string_lossy()).into_owned()
        }
    }
}

/// Looks texts up, and remembers those that must not be shown.
struct Lookup {
    secrets: Vec<Secret>,
}

impl Lookup {
    /// Starts with the stored secrets, which are known before any value is looked up.
    fn of(command: &Command) -> Self {
        Self {
            secrets: veil::stored(command).cloned().collect(),
        }
    }

    fn find(&mut self, text: &Text) -> Result<Secret, String> {
        let found = text.look_up()?;
        if let Text::From(_) = text {
            self.secrets.push(found.clone());
        }
        Ok(found)
    }
}
