//! Commands whose minder was killed, found by what they have in their environment.
//!
//! This is for Linux, where `/proc` shows it; elsewhere such commands live on.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

use super::ARGUMENT;

/// The variable that names a command's minder, by the file of its presence.
pub(super) const VARIABLE: &str = "MARIONETTE_MINDER";
/// A process may start others while it is looked for, but not for ever.
const ROUNDS: usize = 10;

/// Kills all commands of a minder that is gone.
pub(super) fn kill_commands_of(presence: &Path) {
    let mut variable = format!("{VARIABLE}=").into_bytes();
    variable.extend_from_slice(presence.as_os_str().as_bytes());
    for _ in 0..ROUNDS {
        let strays = strays(&variable);
        if strays.is_empty() {
            return;
        }
        // All of them stop before the first one dies: a shell that outlived its child, if only for
        // a moment, would go on with its next line.
        for signal in [Signal::STOP, Signal::KILL] {
            for &stray in &strays {
                // An error says that it has just ended.
                let _ = kill_process(stray, signal);
            }
        }
    }
}

fn strays(variable: &[u8]) -> Vec<Pid> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let processes = processes.flatten().filter_map(|process| {
        let number = process.file_name().to_str()?.parse().ok()?;
        let environment = fs::read(process.path().join("environ")).ok()?;
        let has_it = environment
            .split(|&byte| byte == 0)
            .any(|found| found == variable);
        // A command can be a runner with a minder, which ends with its input and clears up first.
        (has_it && !is_minder(&process.path())).then(|| Pid::from_raw(number))?
    });
    processes.collect()
}

fn is_minder(process: &Path) -> bool {
    let words = fs::read(process.join("cmdline")).unwrap_or_default();
    let mut words = words.split(|&byte| byte == 0);
    words.nth(1) == Some(ARGUMENT.as_bytes())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// How many there are between the one that dies first and the one that would go on.
    const BETWEEN: usize = 200;

    #[test]
    fn none_sees_another_one_die() {
        let folder = tempfile::tempdir().unwrap();
        let presence = folder.path().join("1");
        let begin = |line: &str, input: Stdio| -> Child {
            let mut shell = Command::new("sh");
            shell.args(["-c", line]).current_dir(folder.path());
            shell.env(VARIABLE, &presence);
            shell.stdin(input).stdout(Stdio::piped()).spawn().unwrap()
        };
        let mut first = begin("exec sleep 300", Stdio::null());
        let its_output = first.stdout.take().unwrap();
        let mut all = vec![first];
        all.extend((0..BETWEEN).map(|_| begin("exec sleep 300", Stdio::null())));
        all.push(begin("read -r _; echo went on > log", its_output.into()));
        // One that is just being started has no environment for a moment.
        let variable = format!("{VARIABLE}={}", presence.display());
        while strays(variable.as_bytes()).len() < all.len() {
            std::thread::yield_now();
        }

        kill_commands_of(&presence);

        for mut child in all {
            assert!(!child.wait().unwrap().success());
        }
        assert!(!folder.path().join("log").exists());
    }
}
