//! Ends what a test has started, however the test ends.
//!
//! A test that is killed runs no destructor, and the program that it started would live on. So each
//! folder has a janitor: a shell in a process group of its own, which waits at a pipe that the test
//! holds open. With the test the pipe closes, and the janitor kills all that has the folder in its
//! environment: the program, its minder, and every command of theirs.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The variable by which the janitor knows what it has to end; every process inherits it.
pub(crate) const VARIABLE: &str = "MARIONETTE_TEST_FOLDER";

/// A line says that the test has ended by itself. Else it was killed: then something may have been
/// in the middle of its start and is found at the second look, and the folder is still there.
///
/// A process that has ended has no environment, so one look is also the proof that all is gone.
const SCRIPT: &str = r#"
read -r _ && looks=1 || looks=2
while [ $looks -gt 0 ]; do
    found=$(grep -lsF "$1=$2" /proc/[0-9]*/environ)
    if [ -z "$found" ]; then
        looks=$((looks - 1))
        [ $looks = 0 ] || sleep 0.1
    fi
    for process in $found; do
        process=${process#/proc/}
        kill -KILL "${process%/environ}"
    done
done
rm -rf "$2"
"#;

/// Clears up when it is dropped, and when the test is killed.
#[derive(Debug)]
pub(crate) struct Janitor(Child);

impl Janitor {
    /// The janitor of this folder, and of all that has it in [`VARIABLE`].
    pub(crate) fn of(folder: &Path) -> Self {
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, "janitor", VARIABLE])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        Self(shell.expect("there is a shell"))
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        // An error says that somebody killed the janitor: then there is nothing to wait for.
        if let Some(mut pipe) = self.0.stdin.take() {
            let _ = pipe.write_all(b"\n");
        }
        let _ = self.0.wait();
    }
}
