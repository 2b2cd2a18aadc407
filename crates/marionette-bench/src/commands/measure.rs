//! One measurement: a process that runs all the commands, in a clean folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use marionette_yardstick::clock;
use marionette_yardstick::figures::Outcome;

use crate::child::beside_this_program;
use crate::commands::arguments::CommandsArguments;
use crate::commands::runner::{self, LINES, LOG, PROGRAMS, Runner, STORE, Setting};

/// The unit of CPU times in `/proc`, on every Linux machine that we measure on.
const TICK: Duration = Duration::from_millis(10);

/// The state that all measurements share.
pub(super) struct CommandsMeasurement {
    marionette: PathBuf,
    folder: PathBuf,
    count: u32,
    at_once: usize,
    /// What the first row took in this round.
    base: Option<Duration>,
}

impl CommandsMeasurement {
    /// A folder with the files of commands, and our program, which is built unless it is there.
    ///
    /// # Errors
    ///
    /// Why there is none of these. A competitor that is not installed is missing in the table.
    pub(super) fn prepare(arguments: &CommandsArguments) -> Result<Self, String> {
        let folder = arguments.file.folder.clone();
        let folder = folder.unwrap_or_else(|| beside_this_program().join("commands"));
        let told = |err| format!("{}: {err}", folder.display());
        fs::create_dir_all(&folder).map_err(told)?;
        let count = arguments.count();
        let lines = |line: &str| format!("{line}\n").repeat(count as usize);
        fs::write(folder.join(LINES), lines("true")).map_err(told)?;
        fs::write(folder.join(PROGRAMS), lines(r#"{"command":["true"]}"#)).map_err(told)?;
        let ours = arguments.rows().iter().any(|row| row.needs().is_none());
        Ok(Self {
            marionette: if ours { build()? } else { PathBuf::new() },
            folder,
            count,
            at_once: arguments.at_once(),
            base: None,
        })
    }

    /// What one row gives in one round.
    pub(super) fn outcome(&mut self, row: Runner) -> Outcome {
        if let Some(program) = row.needs().filter(|&program| is_missing(program)) {
            eprintln!("MISSING: {program} is not installed");
            return Outcome::Failed(format!("{program} is not installed"));
        }
        self.clear();
        let setting = Setting {
            marionette: &self.marionette,
            folder: &self.folder,
            at_once: self.at_once,
        };
        let outcome = match timed(&mut row.command(&setting)) {
            Ok((time, cpu)) => Outcome::Measured(self.figures(row, time, cpu)),
            Err(what) => Outcome::Failed(what),
        };
        self.clear();
        outcome
    }

    fn figures(&mut self, row: Runner, time: Duration, cpu: Duration) -> BTreeMap<String, f64> {
        if row == Runner::Xargs {
            self.base = Some(time);
        }
        let each = |time: Duration| time.as_secs_f64() * 1e3 / f64::from(self.count);
        let base = self.base.map_or(f64::NAN, each);
        BTreeMap::from([
            ("seconds".to_owned(), time.as_secs_f64()),
            ("per_ms".to_owned(), each(time)),
            ("over_ms".to_owned(), each(time) - base),
            ("cpu_ms".to_owned(), each(cpu)),
        ])
    }

    /// Removes what the last measurement left.
    fn clear(&self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(STORE) || name == LOG {
                // What cannot be removed makes the next measurement fail, which says why.
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                let _ = if is_folder {
                    fs::remove_dir_all(entry.path())
                } else {
                    fs::remove_file(entry.path())
                };
            }
        }
    }
}

fn is_missing(program: &str) -> bool {
    program != "sh" && runner::version(program).is_none()
}

/// The time that a command takes, and the processor time of it and all its children.
fn timed(command: &mut Command) -> Result<(Duration, Duration), String> {
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let cpu = cpu_of_children();
    let begin = clock::now();
    let output = command.output();
    let time = begin.elapsed();
    let cpu = cpu_of_children().saturating_sub(cpu);
    let output = output.map_err(|err| format!("it did not start: {err}"))?;
    if output.status.success() {
        return Ok((time, cpu));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "{}: {}",
        output.status,
        said.lines().last().unwrap_or_default()
    ))
}

/// The processor time of all ended children and of their children.
fn cpu_of_children() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in parentheses, may contain anything; behind it come the state and so on.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields.split_whitespace().skip(13).take(2);
    let ticks = ticks
        .filter_map(|ticks| ticks.parse::<u32>().ok())
        .sum::<u32>();
    TICK * ticks
}

/// Builds our program in release mode, beside this one.
fn build() -> Result<PathBuf, String> {
    eprintln!("marionette: is built unless it is there");
    let target = beside_this_program();
    let built = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
        .args([
            "build",
            "--release",
            "--locked",
            "--package",
            "marionette-cli",
        ])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let built = built.map_err(|err| format!("marionette cannot be built: cargo: {err}"))?;
    if built.status.success() {
        return Ok(target.join("release/marionette"));
    }
    let said = String::from_utf8_lossy(&built.stderr);
    let error = said.lines().find(|line| line.starts_with("error"));
    let line = error
        .or(said.lines().last())
        .unwrap_or("cargo said nothing");
    Err(format!("marionette cannot be built: {line}"))
}
