//! A PostgreSQL server for the tests: its data in a temporary directory, reached by a socket there,
//! and ended with this process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use tempfile::TempDir;

#[derive(Debug)]
pub(crate) struct PostgresServer {
    folder: TempDir,
    process: Mutex<Child>,
}

impl PostgresServer {
    /// `None` if there is no PostgreSQL here, and the output says so.
    pub(crate) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            eprintln!("SKIPPED: there is no PostgreSQL server on this machine");
            return None;
        };
        let folder = tempfile::tempdir().expect("a temporary directory");
        let data = folder.path().join("data");
        let command = |program: &str| as_nobody(&programs.join(program), folder.path());
        let made = command("initdb")
            .args([
                "-U",
                "marionette",
                "-A",
                "trust",
                "--no-locale",
                "-E",
                "UTF8",
                "-D",
            ])
            .arg(&data)
            .stdout(Stdio::null())
            .status();
        assert!(made.is_ok_and(|status| status.success()), "initdb failed");
        let process = command("postgres")
            .args([
                "-h",
                "",
                "-c",
                "fsync=off",
                "-c",
                "max_connections=300",
                "-k",
            ])
            .arg(folder.path())
            .arg("-D")
            .arg(&data)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it was found");
        let server = Self {
            folder,
            process: Mutex::new(process),
        };
        server.wait(&programs.join("pg_isready"));
        Some(server)
    }

    /// Where a store connects.
    pub(crate) fn address(&self) -> String {
        let folder = self.folder.path().display();
        format!("host={folder} user=marionette dbname=postgres")
    }

    fn wait(&self, is_ready: &Path) {
        loop {
            let mut ask = Command::new(is_ready);
            let ask = ask.arg("-q").arg("-h").arg(self.folder.path());
            if ask.status().is_ok_and(|status| status.success()) {
                return;
            }
            let mut process = self.process.lock().expect("nobody panics with it");
            let ended = process.try_wait().expect("it is our child");
            assert!(ended.is_none(), "the server ended: {ended:?}");
        }
    }

    /// Ends the server at once, and removes its data.
    pub(crate) fn stop(&self) {
        let mut process = self.process.lock().expect("nobody panics with it");
        let _ = process.kill();
        let _ = process.wait();
        let _ = std::fs::remove_dir_all(self.folder.path());
    }
}

/// Where the programs of the newest server are.
fn programs() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("MARIONETTE_POSTGRES") {
        return Some(folder.into());
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let versions = versions.filter_map(|entry| {
        let entry = entry.ok()?;
        let number: u32 = entry.file_name().to_str()?.parse().ok()?;
        Some((number, entry.path().join("bin")))
    });
    let (_, newest) = versions.max()?;
    newest.join("postgres").exists().then_some(newest)
}

/// PostgreSQL refuses to run as root, and no server outlives its test.
fn as_nobody(program: &Path, folder: &Path) -> Command {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| {
        use std::os::unix::fs::MetadataExt;
        own.uid() == 0
    });
    let mut command = Command::new("setpriv");
    command.arg("--pdeathsig=KILL").current_dir(folder);
    if is_root {
        std::os::unix::fs::chown(folder, Some(65_534), Some(65_534)).expect("root may do that");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    }
    command.arg(program);
    command
}
