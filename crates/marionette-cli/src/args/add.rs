//! What `marionette add` takes.

use std::path::PathBuf;
use std::time::Duration;

use crate::command::Source;
use crate::input::{Format, OptionArguments, parse_grace, parse_size, parse_variable};

/// Add a command for `marionette work` to run: now, later, or at a time
///
/// One argument is a line for the shell; several, after `--`, are a program with its arguments.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Add {
    /// The command
    #[arg(
        required_unless_present = "file",
        conflicts_with = "file",
        value_name = "COMMAND"
    )]
    pub(crate) words: Vec<String>,
    /// Add the tasks of a file instead, written as for `marionette run`
    #[arg(long, short, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The format of that file [default: by its name: .toml, .jsonl, else lines]
    #[arg(long, value_name = "FORMAT", requires = "file")]
    pub(crate) format: Option<Format>,
    #[command(flatten)]
    pub(crate) options: OptionArguments,
    /// The folder in which it runs [default: the current one]
    #[arg(long, short = 'C', value_name = "FOLDER")]
    pub(crate) cwd: Option<PathBuf>,
    /// A variable for its environment, which is stored and shown
    #[arg(long, short, value_name = "NAME=VALUE", value_parser = parse_env)]
    pub(crate) env: Vec<(String, String)>,
    /// A variable that each attempt looks up and that is never stored: `TOKEN=file:/run/token` in a
    /// file, `TOKEN=env:API_TOKEN` in the environment of the worker, which all its commands inherit
    #[arg(long, value_name = "NAME=SOURCE", value_parser = parse_env_from)]
    pub(crate) env_from: Vec<(String, Source)>,
    /// The word of this number is secret: stored in clear text, but `***` wherever the task is
    /// shown and where its output is kept. The program is number 0. See "Secrets" in --help
    #[arg(long, value_name = "NUMBER")]
    pub(crate) secret: Vec<usize>,
    /// How long it may take to end after it was asked to, before it is killed
    #[arg(long, value_name = "TIME", value_parser = parse_grace)]
    pub(crate) grace: Option<Duration>,
    /// How much to keep of the start of its output, and of the end
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) output: Option<u64>,
}

const AFTER_HELP: &str = "\
Examples:
  marionette add 'make -C ~/src && ~/src/install.sh'
  marionette add --at \"tomorrow 06:00\" --retries 3 --backoff 1m..1h -- ./report.sh --send
  marionette add --env-from TOKEN=file:/run/token 'curl -H \"Authorization: $TOKEN\" …'

Secrets:
  A secret is `***` in names, reasons, lists and JSON, and in the output of its command as that is
  kept, wherever it is printed as it is: not if it is encoded, and not if it has fewer than 4
  characters. What --env-from looks up is stored nowhere. What --secret marks is in the file of the
  store in clear text, which only its owner can read, and in the arguments of this `add`, which all
  users see while it runs; a task from a file or a pipe (--file -) is in no arguments:
    {\"command\": [\"curl\", \"-u\", {\"secret\": \"…\"}]}    with --format jsonl
  The words of a command are in its own arguments for as long as it runs; its variables are not.

Processes that a command leaves in its process group (`nohup x &`) are killed when it ends. It has
no terminal and an empty standard input: a program that asks for a password fails at once.

Times; their parts may come in any order:
  18:00, 6pm, 1530, noon      the next time the clock shows this
  tomorrow 6am, tonight 23:00, day after tomorrow 06:00
  friday 18:00                the next one, today too; `next friday` is never today
  31 jul 10am, jul 31 2027    without a year it is the next such day
  2026-11-24 18:00, 24.11.2026 18:00
  tomorrow, friday, jul 31    a day alone means its start, 00:00; `tonight` alone means 20:00
  10m, +10m, in 10 minutes, now + 1 hour
  @1796000000                 seconds since 1970
  18:00 UTC, 18:00 +02:00, 18:00 Europe/Berlin, 2026-11-24T18:00:00Z
Without a zone, a time is in the local one: that of TZ, else that of the system. If the clocks skip
a time, the task runs later by as much as they skip; if a time comes twice, it runs at the first;
the answer says so. A time that has passed means at once. A task runs once: for one that recurs, let
cron add it.";

fn parse_env(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("write it like `NAME=VALUE`; nothing is taken from your environment")?;
    if value.contains('\0') {
        return Err("the value contains a zero byte".to_owned());
    }
    Ok((parse_variable(name)?, value.to_owned()))
}

fn parse_env_from(text: &str) -> Result<(String, Source), String> {
    let (name, source) = text
        .split_once('=')
        .ok_or("write it like `NAME=env:OTHER` or `NAME=file:/PATH`")?;
    Ok((parse_variable(name)?, source.to_owned().try_into()?))
}
