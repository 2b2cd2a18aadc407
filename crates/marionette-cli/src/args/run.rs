//! What `marionette run` takes.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use marionette::store::StoredBackoff;

use super::outputs::OutputArguments;
use crate::command::quoted;
use crate::input::{
    self, Format, Options, Reader, Words, parse_backoff, parse_count, parse_positive,
    parse_retries, parse_run_name,
};

/// Run the commands of a file, or one command for many items; an interrupted run goes on
///
/// FILE has a command on each line, or tasks in TOML or JSON Lines. `-` reads standard input.
///
/// After `--` comes a command that runs once for each item. The items follow after `:::`, or come
/// from standard input: one on each line, or, with -0, each with a zero byte at its end. The
/// command and its items are words, never a line for a shell, whatever is in them. `{}` stands for
/// the item, `{.}` for the item without its extension, `{/}` without its folder, `{//}` for its
/// folder, `{/.}` for the item without both, `{#}` for the number of the task; without any of
/// these, the item is the last word. Several `:::` make every combination of their items, and
/// `{1}`, `{2}`, `{1.}` … stand for the item of one of them.
///
/// The run remembers what is done. Kill it at any moment and start it again with the same file: it
/// goes on where it was, and nothing that was done runs again. If the file has changed, its new
/// commands are added, and commands that it no longer has are cancelled. Once everything has
/// ended, the next run starts from the beginning, or, after a `marionette retry`, runs only what
/// was retried.
///
/// A list from a pipe has no name. It continues the unfinished list of this folder that shares a
/// command with it, whatever was added, left out or moved. If there is none, it is a new list, and
/// an older one stays as it is until `--resume` finishes it or `--drop` cancels it.
///
/// After the first SIGINT, SIGTERM or SIGHUP running commands may finish, the second ends them, and
/// after the third the program exits at once. A command that fails because it got the same signal
/// loses no attempt.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
#[allow(clippy::struct_excessive_bools, clippy::struct_field_names)] // As the options are named.
pub(crate) struct Run {
    /// The file of commands; `-` for standard input
    #[arg(required_unless_present_any = ["words", "resume", "drop"])]
    pub(crate) file: Option<PathBuf>,
    /// A command to run for each item, and the items after `:::`
    #[arg(last = true, value_name = "COMMAND", conflicts_with_all = ["resume", "drop", "format"])]
    pub(crate) words: Vec<OsString>,
    /// Each item on standard input ends with a zero byte, as `find -print0` writes them
    #[arg(long, short = '0', requires = "words")]
    pub(crate) null: bool,
    /// Print the commands, quoted for a shell, and run none of them; those that an earlier run has
    /// done are printed too
    #[arg(long, conflicts_with_all = ["resume", "drop"])]
    pub(crate) dry_run: bool,
    /// How many commands run at once [default: one for each processor]
    #[arg(long, short, value_name = "NUMBER", value_parser = parse_count::<NonZeroUsize>)]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// How the file is written [default: by its name: .toml, .jsonl, else lines]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// How often to retry a command that fails, unless the file says
    #[arg(long, value_name = "NUMBER", value_parser = parse_retries)]
    pub(crate) retries: Option<u32>,
    /// The pauses before retries: `none`, `10s`, or `1s..5m` for pauses that double
    #[arg(long, value_name = "PAUSE", value_parser = parse_backoff)]
    pub(crate) backoff: Option<StoredBackoff>,
    /// How long each attempt may run, like `90s` or `1h30m`, unless the file says
    #[arg(long, value_name = "TIME", value_parser = parse_positive)]
    pub(crate) timeout: Option<Duration>,
    /// Start over: cancel what still waits from an earlier run of this file
    #[arg(long)]
    pub(crate) anew: bool,
    /// Run again what failed in the last run of this file, and nothing else
    #[arg(long, conflicts_with = "anew")]
    pub(crate) retry_failed: bool,
    /// Finish an earlier run, whatever the list says now; with `-`, the last list from a pipe in
    /// this folder, without reading from a pipe
    #[arg(long, conflicts_with_all = ["anew", "retry_failed"])]
    pub(crate) resume: bool,
    /// Cancel the rest of an earlier run, and run nothing; with `-`, the rest of all lists from a
    /// pipe in this folder
    #[arg(long, conflicts_with_all = ["anew", "retry_failed", "resume"])]
    pub(crate) drop: bool,
    /// Remember the run by this name, not by its file or folder
    #[arg(long = "as", value_name = "NAME", value_parser = parse_run_name)]
    pub(crate) known_as: Option<String>,
    #[command(flatten)]
    pub(crate) outputs: OutputArguments,
}

impl Run {
    /// The file; standard input if there is none.
    pub(crate) fn file(&self) -> &Path {
        self.file.as_deref().unwrap_or(Path::new("-"))
    }

    /// How the tasks are tried of which the file does not say it.
    fn options(&self) -> Options {
        let mut options = Options::default();
        options.job.retries = self.retries.unwrap_or(0);
        options.job.backoff = self.backoff;
        options.job.timeout = self.timeout;
        options
    }

    /// Reads what is to be run.
    pub(crate) fn list(&self) -> Result<input::File> {
        let options = self.options();
        if self.words.is_empty() {
            return input::read(self.file(), self.format, Reader::Run, options);
        }
        if let Some(file) = self.file.as_deref().filter(|file| *file != Path::new("-")) {
            let file = quoted(&file.to_string_lossy()).into_owned();
            bail!(
                "a file of commands and a command exclude each other; if the items are in the \
                 file, one in each line: marionette run -- COMMAND {{}} < {file}"
            );
        }
        let words = Words {
            arguments: &self.words,
            is_null: self.null,
            options: &options,
        };
        words.read()
    }
}

const AFTER_HELP: &str = r#"A command for each item:
  marionette run -j 8 -- optipng {} ::: *.png
  find . -name '*.png' -print0 | marionette run -0 -- optipng {}
  marionette run -- cwebp {} -o {.}.webp ::: *.png
  marionette run -- ./render --scene {1} --size {2} ::: a b c ::: 720 1080
  marionette run -- sh -c 'gzip -k "$1" && rm "$1"' sh {} ::: *.log    # a shell, safely

Most programs take a word that begins with a dash for an option: write ./*.png for *.png.

A file in TOML:
  [defaults]                     # for tasks that do not set it themselves
  retries = 2
  backoff = "1s..1m"             # pauses that double; or "10s", or "none"
  cwd = ".."                     # relative to the file; the default is the folder of the file

  [[task]]
  name = "backup"
  run = "tar czf /tmp/home.tgz $HOME"    # a line for the shell…
  timeout = "10m"
  priority = 5                           # -128 to 127, the higher one first

  [[task]]
  command = ["curl", "-fsS", "https://example.org"]    # …or a program with its arguments
  env = { TOKEN = { from = "env:API_TOKEN" } }         # looked up by each attempt, never stored
  delay = "30s"                                        # or: at = "tomorrow 06:00"
  expires = "1h"                                       # do not start it later than that
  give_up_after = "1d"                                 # in total, with all its retries
  grace = "5s"                                         # from the request to end until it is killed
  output = "1MiB"                                      # kept of its start, and of its end

JSON Lines have an object with these keys on each line. A word or a value can be a secret, which is
`***` wherever the task is shown and where its output is kept: { secret = "…" } is in the file of
the store in clear text, { from = "file:/PATH" } and { from = "env:NAME" } are looked up by each
attempt and stored nowhere. All commands inherit the environment of this process, with what `env:`
names.

A `run` of several lines continues after a line that fails, unless it begins with `set -e`.

Commands find MARIONETTE_JOB and MARIONETTE_ATTEMPT in their environment. Processes that a command
leaves in its process group are killed when it ends. It has no terminal and an empty standard input:
a program that asks for a password fails at once.

If the system refuses files, processes, memory or room on the disk, no task loses an attempt, and a
message names the limit. If for 15 seconds nothing can be started, or nothing read from the store or
written to it, the run exits with 2, and goes on when it is started again. For room on a full disk
it waits.

When everything in a file has ended, the next run starts from the beginning."#;
