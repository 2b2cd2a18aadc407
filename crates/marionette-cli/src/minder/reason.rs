//! Why an attempt failed, in the words that are kept: how it ended, its last line, and where that
//! helps, what to do about it.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::group::signal_name;
use super::{Ended, How};
use crate::command::{Resolved, quoted};
use crate::console::text::{safe, shorten};

/// The exit status of a shell that did not find a program.
const NOT_FOUND: i32 = 127;
/// Said of output that is not complete.
const CUT: &str = "not all of its output is kept: the disk refused it, or did not answer";
/// A longer PATH is shortened in its middle.
const PATH_BYTES: usize = 200;
/// The number of the error for a file that the system does not know how to run, on Linux, macOS and
/// the BSDs.
const NO_EXECUTABLE: i32 = 8;

impl Ended {
    /// Why the attempt failed; `None` if it succeeded.
    pub(crate) fn failure(&self) -> Option<String> {
        let what = match &self.how {
            How::Exit(0) | How::WasDone => return None,
            How::Exit(status) => match by_shell(*status) {
                Some(signal) => format!("exit status {status} (128 + {signal})"),
                None => format!("exit status {status}"),
            },
            How::Signal(signal) => format!("killed by {}", signal_name(*signal)),
            How::NotStarted(why) | How::Hindered(why) => format!("cannot start: {why}"),
        };
        let line = self.last_line.iter().map(|line| format!(": {line}"));
        let cut = self.is_cut.then_some(CUT);
        let hints = self.hint.as_deref().into_iter().chain(cut);
        let hints = hints.map(|hint| format!(" ({hint})"));
        Some([what].into_iter().chain(line).chain(hints).collect())
    }
}

/// The signal that a shell reports with this exit status.
fn by_shell(status: i32) -> Option<String> {
    let name = signal_name(status.checked_sub(128)?);
    let (name, _) = name.split_once(" (")?;
    Some(name.to_owned())
}

/// A hint for a shell that did not find a program in this PATH.
pub(super) fn hint(how: &How, last_line: Option<&str>, path: &str) -> Option<String> {
    let is_missing = *how == How::Exit(NOT_FOUND) && last_line?.contains("not found");
    is_missing.then(|| where_to_look(path))
}

fn where_to_look(path: &str) -> String {
    let path = safe(&shorten(path, PATH_BYTES, PATH_BYTES / 2));
    format!("PATH is `{path}`; `add --env PATH=…`, or `env` in a file, sets another")
}

/// Why a program could not be started in this folder; safe to print and without the secrets.
pub(super) fn not_started(resolved: &Resolved, cwd: &Path, error: &io::Error) -> String {
    let why = why_not_started(resolved, cwd, error);
    safe(&resolved.veil.over(&why))
}

fn why_not_started(resolved: &Resolved, cwd: &Path, error: &io::Error) -> String {
    // The system does not say whether the folder or the program is missing.
    if !cwd.is_dir() {
        return format!("the folder {} is not there", cwd.display());
    }
    let Some(program) = &resolved.shown_program else {
        return format!("the program `***`, which is a secret: {error}");
    };
    let file = resolved.file(cwd);
    match error.kind() {
        io::ErrorKind::NotFound if resolved.is_line => {
            format!(
                "there is no shell `{program}` to run the line; name the one that is there in \
                     a command of several words"
            )
        }
        io::ErrorKind::NotFound => match file {
            None => {
                let path = where_to_look(&resolved.shown_path);
                format!("there is no program `{program}` ({path})")
            }
            Some(file) if file.exists() => format!(
                "`{program}`: what its first line names to run it is not there (a line end of \
                 Windows behind that name is part of it)"
            ),
            Some(_) => format!("there is no program `{program}`"),
        },
        io::ErrorKind::PermissionDenied if file.is_some_and(|file| is_plain_file(&file)) => {
            let program = quoted(program);
            format!("`{program}` may not be executed; `chmod +x {program}` allows it")
        }
        _ if error.raw_os_error() == Some(NO_EXECUTABLE) => format!(
            "`{program}` is no program for this machine, and has no first line like `#!/bin/sh` \
             that says what runs it; a script of the shell is run by: sh {}",
            quoted(program)
        ),
        _ => format!("`{program}`: {error}"),
    }
}

fn is_plain_file(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(how: How) -> Option<String> {
        let ended = Ended {
            how,
            was_asked: false,
            output_bytes: 0,
            is_cut: false,
            last_line: None,
            hint: None,
        };
        ended.failure()
    }

    #[test]
    fn a_status_that_says_a_signal_is_told_with_it() {
        for (status, told) in [
            (1, "exit status 1"),
            (128, "exit status 128"),
            (137, "exit status 137 (128 + SIGKILL)"),
            (141, "exit status 141 (128 + SIGPIPE)"),
            (200, "exit status 200"),
        ] {
            assert_eq!(failure(How::Exit(status)).as_deref(), Some(told));
        }
        assert_eq!(failure(How::Exit(0)), None);
        assert_eq!(
            failure(How::Signal(9)).as_deref(),
            Some("killed by SIGKILL (signal 9)")
        );
    }
}
