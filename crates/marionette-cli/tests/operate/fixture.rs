//! A place with a store, and the program at work on it.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use marionette_sqlite::SqliteStore;
use serde_json::Value;
use tempfile::TempDir;

use crate::janitor::{self, Janitor};

/// A directory that goes when the test ends, and the store in it.
pub(crate) struct Place {
    // Before the directory, which must not go while something still writes into it.
    _janitor: Janitor,
    pub(crate) directory: TempDir,
}

/// What the program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        Self {
            _janitor: Janitor::of(directory.path()),
            directory,
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("tasks.db")
    }

    pub(crate) async fn open(&self) -> SqliteStore {
        SqliteStore::open(self.path())
            .await
            .expect("it can be opened")
    }

    /// The program with these arguments, which works on the store, in a zone of its own.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_marionette"));
        command
            .args(args)
            .current_dir(self.directory.path())
            .env_clear()
            .env(janitor::VARIABLE, self.directory.path())
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "Asia/Kolkata")
            .env("MARIONETTE_STORE", "sqlite:tasks.db")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Said {
        let output = self.command(args).output().expect("it can be started");
        said(output)
    }

    /// What it says if all goes well.
    #[track_caller]
    pub(crate) fn good(&self, args: &[&str]) -> String {
        let said = self.run(args);
        assert_eq!(said.code, Some(0), "{args:?}: {said:?}");
        said.out
    }

    /// What it says to programs, a value for each line.
    #[track_caller]
    pub(crate) fn values(&self, args: &[&str]) -> Vec<Value> {
        let args: Vec<_> = args.iter().copied().chain(["--json"]).collect();
        let out = self.good(&args);
        let value = |line| serde_json::from_str(line).expect("each line is JSON");
        out.lines().map(value).collect()
    }

    /// What it says to programs, if that is one value.
    #[track_caller]
    pub(crate) fn value(&self, args: &[&str]) -> Value {
        let mut values = self.values(args);
        assert_eq!(values.len(), 1, "{args:?}: {values:?}");
        values.remove(0)
    }
}

pub(crate) fn said(output: Output) -> Said {
    let text = |bytes| String::from_utf8(bytes).expect("it writes UTF-8");
    Said {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}
