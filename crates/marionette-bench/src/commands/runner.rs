//! The rows of the table: the runners of commands, and how they are called.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::machine;

/// A runner of commands, a row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runner {
    /// `xargs -P`, with a shell for each line, as with every runner that reads lines.
    Xargs,
    /// `xargs -P`, the program alone.
    XargsBare,
    /// GNU parallel.
    Parallel,
    /// GNU parallel, with a log from which it can resume.
    ParallelLog,
    /// A loop of the shell, one at a time.
    Loop,
    /// `marionette run` on a file of lines.
    Ours,
    /// `marionette run` on JSON Lines: the program alone.
    OursBare,
}

/// The settings of a run, the same for all rows.
pub(super) struct Setting<'a> {
    /// The program `marionette`.
    pub(super) marionette: &'a Path,
    /// Where the files are; everything is written there as well.
    pub(super) folder: &'a Path,
    /// How many commands run at once.
    pub(super) at_once: usize,
}

/// The file with a command in each line.
pub(super) const LINES: &str = "commands.txt";
/// The file with a program and its arguments in each line, without a shell.
pub(super) const PROGRAMS: &str = "commands.jsonl";
/// The store of `marionette run`, in the folder of the files.
pub(super) const STORE: &str = "tasks.db";
/// The log of GNU parallel.
pub(super) const LOG: &str = "parallel.log";

impl Runner {
    /// All, in the order of the table. The first is the one that the others are compared with.
    pub(super) const ALL: [Self; 7] = [
        Self::Xargs,
        Self::XargsBare,
        Self::Parallel,
        Self::ParallelLog,
        Self::Loop,
        Self::Ours,
        Self::OursBare,
    ];

    /// The name as a person reads it, and as `--only` finds it.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Xargs => "xargs -P, sh -c",
            Self::XargsBare => "xargs -P, no shell",
            Self::Parallel => "GNU parallel",
            Self::ParallelLog => "GNU parallel --joblog",
            Self::Loop => "shell loop, one at a time",
            Self::Ours => "marionette run, sh -c",
            Self::OursBare => "marionette run, no shell",
        }
    }

    /// The program without which there is no such row; ours is built.
    pub(super) fn needs(self) -> Option<&'static str> {
        match self {
            Self::Xargs | Self::XargsBare => Some("xargs"),
            Self::Parallel | Self::ParallelLog => Some("parallel"),
            Self::Loop => Some("sh"),
            Self::Ours | Self::OursBare => None,
        }
    }

    /// The process that runs all commands.
    pub(super) fn command(self, setting: &Setting) -> Command {
        let at_once = setting.at_once.to_string();
        let words: Vec<&str> = match self {
            Self::Xargs => vec![
                "xargs", "-a", LINES, "-P", &at_once, "-I{}", "sh", "-c", "{}",
            ],
            // `-a` has a word for each line, of which one is added to each `true`.
            Self::XargsBare => vec!["xargs", "-a", LINES, "-P", &at_once, "-n", "1", "true"],
            Self::Parallel => vec!["parallel", "--will-cite", "-a", LINES, "-j", &at_once],
            Self::ParallelLog => vec![
                "parallel",
                "--will-cite",
                "-a",
                LINES,
                "-j",
                &at_once,
                "--joblog",
                LOG,
                "--resume",
            ],
            Self::Loop => vec![
                "sh",
                "-c",
                "while read -r line; do sh -c \"$line\"; done < \"$0\"",
                LINES,
            ],
            Self::Ours => return ours(setting, LINES),
            Self::OursBare => return ours(setting, PROGRAMS),
        };
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(setting.folder);
        command.stdin(Stdio::null());
        command
    }
}

fn ours(setting: &Setting, file: &str) -> Command {
    let mut command = Command::new(setting.marionette);
    command
        .args(["run", "--jobs", &setting.at_once.to_string(), file])
        .env("MARIONETTE_STORE", format!("sqlite:{STORE}"))
        .current_dir(setting.folder)
        .stdin(Stdio::null());
    command
}

/// What is measured, in which version.
pub(super) fn versions(rows: &[Runner]) -> Vec<(&'static str, &'static str)> {
    let mut versions = machine::versions(machine::LOCK, &["marionette-cli"]);
    let mut needed: Vec<_> = rows.iter().filter_map(|row| row.needs()).collect();
    needed.dedup();
    for program in needed.into_iter().filter(|program| *program != "sh") {
        versions.push((program, version(program).unwrap_or("not installed")));
    }
    versions
}

/// The last word of the first line of `--version`; `None` if there is no such program.
pub(super) fn version(program: &str) -> Option<&'static str> {
    let said = Command::new(program).arg("--version").output().ok()?;
    let said = String::from_utf8_lossy(&said.stdout);
    let version = said.lines().next()?.split_whitespace().last()?;
    // There are two of them in the life of this program.
    Some(version.to_owned().leak())
}
