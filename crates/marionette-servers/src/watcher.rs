//! Ends a server whose test was killed: a shell reads from a pipe that nobody writes to, and the
//! pipe ends with the process that holds its other end.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// What the shell does. Its arguments are the process and the directory.
const SCRIPT: &str = r#"read -r word; [ "$word" = done ] || { kill -9 "$1"; rm -rf "$2"; }"#;

/// Kills a process and removes a directory once this process has ended without dropping this.
#[derive(Debug)]
pub(crate) struct Watcher {
    shell: Child,
}

impl Watcher {
    pub(crate) fn new(process: u32, directory: &Path) -> Self {
        let mut command = Command::new("sh");
        command
            .args(["-c", SCRIPT, "marionette-watcher", &process.to_string()])
            .arg(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A signal for the group of the test leaves it alone.
            .process_group(0);
        let shell = command.spawn().expect("every system has a shell");
        Self { shell }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // If the shell is gone there is nothing to tell.
        if let Some(mut pipe) = self.shell.stdin.take() {
            pipe.write_all(b"done\n").ok();
        }
        self.shell.wait().ok();
    }
}
