//! A running program that is ended, with everything that it started, when it takes too long.

use std::io::{self, IsTerminal};
use std::process::{self, ChildStdout, Command, ExitStatus};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::stopwatch::Elapsed;

#[derive(Debug)]
pub(crate) struct Child {
    process: process::Child,
    /// The argument for `kill`: a process, or a whole group.
    target: String,
}

impl Child {
    /// Starts the program. At a terminal it stays in our group, so that Ctrl-C reaches it.
    /// Elsewhere it gets a group of its own, so that a grandchild that hangs ends with it.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let grouped = !io::stdin().is_terminal() && own_group(command);
        let process = command.spawn()?;
        let id = process.id();
        let target = if grouped {
            format!("-{id}")
        } else {
            id.to_string()
        };
        Ok(Self { process, target })
    }

    /// Takes the program's standard output, once; it must be piped.
    pub(crate) fn stdout(&mut self) -> ChildStdout {
        self.process.stdout.take().expect("stdout is piped")
    }

    /// Waits for the program to end, and kills it after `limit`.
    pub(crate) fn wait(mut self, limit: Duration) -> Result<ExitStatus> {
        let (done, finished) = mpsc::channel::<()>();
        let watchdog = thread::spawn(move || {
            let hung = finished.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
            if hung {
                // If this fails, the wait for the process below does not end.
                drop(
                    Command::new("kill")
                        .args(["-KILL", "--", &self.target])
                        .output(),
                );
            }
            hung
        });
        let status = self.process.wait()?;
        drop(done);
        let hung = watchdog.join().expect("the watchdog does not panic");
        ensure!(
            !hung,
            "ended after {}: it hangs, or the limit is too low",
            Elapsed(limit)
        );
        Ok(status)
    }
}

/// Whether the program will run in a process group of its own.
#[cfg(unix)]
fn own_group(command: &mut Command) -> bool {
    std::os::unix::process::CommandExt::process_group(command, 0);
    true
}

#[cfg(not(unix))]
fn own_group(_: &mut Command) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_ended_and_said_so() {
        let child = Child::start(Command::new("sleep").arg("600")).unwrap();
        let err = child.wait(Duration::from_millis(50)).unwrap_err();
        assert!(err.to_string().contains("it hangs"), "{err}");
    }

    #[test]
    fn a_program_that_ends_in_time_is_left_alone() {
        let child = Child::start(&mut Command::new("false")).unwrap();
        assert_eq!(child.wait(Duration::from_secs(60)).unwrap().code(), Some(1));
    }
}
