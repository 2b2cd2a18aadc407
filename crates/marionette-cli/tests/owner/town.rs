//! A folder that several users see, and the program as each of them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use crate::common::{Said, Sandbox, entries, now, pause, said};

/// The one who is attacked.
pub(crate) const ADA: u32 = 71_002;
/// The one who attacks.
pub(crate) const MALLORY: u32 = 71_001;
/// A group with more than one member.
pub(crate) const SHARED: u32 = 71_100;
pub(crate) const ROOT: u32 = 0;

/// Far longer than anything takes here, and far shorter than for ever.
const HANGS: Duration = Duration::from_secs(60);

/// Every verb that runs or writes something.
pub(crate) const CHANGING: &[&[&str]] = &[
    &["work", "--once"],
    &["add", "true"],
    &["run", "tasks.txt"],
    &["run", "--drop", "tasks.txt"],
    &["run", "--resume", "tasks.txt"],
    &["retry", "0123"],
    &["cancel", "0123"],
    &["delete", "0123"],
    &["reschedule", "0123", "tomorrow 06:00"],
    &["pause", "default"],
    &["resume", "default"],
    &["prune", "--older", "1d", "--yes"],
    &["migrate"],
    &["unit"],
];

/// Every verb that only looks.
pub(crate) const LOOKING: &[&[&str]] = &[
    &["list"],
    &["show", "it"],
    &["follow", "it", "--no-wait"],
    &["stats"],
    &["instances"],
];

pub(crate) struct Town {
    sandbox: Sandbox,
    program: PathBuf,
}

impl Town {
    /// `None`: this is not root, so there is only one user. In it is the folder `square`, in which
    /// everybody may make files, as in `/tmp`.
    pub(crate) fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED: only root can be two users");
            return None;
        }
        let sandbox = Sandbox::new();
        let mut town = Self {
            program: PathBuf::from(env!("CARGO_BIN_EXE_marionette")),
            sandbox,
        };
        mode(&town.path(""), 0o755);
        town.sandbox.write("tasks.txt", "true\n");
        mode(&town.path("tasks.txt"), 0o644);
        town.folder("square", ROOT, 0o1777);
        let can_start = town.command(ADA, &["--version"]).output();
        if !can_start.is_ok_and(|output| output.status.success()) {
            let copy = town.path("marionette");
            let copied = Command::new("cp").arg(&town.program).arg(&copy).status();
            assert!(copied.expect("there is `cp`").success());
            town.program = copy;
        }
        Some(town)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path(name)
    }

    /// The store that everybody's program uses, and what is beside it.
    pub(crate) fn store(&self, ending: &str) -> PathBuf {
        self.path(&format!("square/t.db{ending}"))
    }

    /// Makes a folder of this user.
    pub(crate) fn folder(&self, name: &str, user: u32, bits: u32) -> PathBuf {
        let path = self.path(name);
        fs::create_dir(&path).expect("root can make it");
        give(&path, user);
        mode(&path, bits);
        path
    }

    /// Makes the folder for the output of a task of hers, where the program has it.
    pub(crate) fn output(&self, id: &str) -> PathBuf {
        let bytes = uuid::Uuid::parse_str(id).expect("it is an id").into_bytes();
        let hash = bytes.iter().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        });
        let all = self.store("-output");
        let shard = all.join(format!("{:02x}", hash >> 24));
        let own = shard.join(id);
        for folder in [&all, &shard, &own] {
            if !folder.exists() {
                fs::create_dir(folder).expect("root can make it");
                give(folder, ADA);
                mode(folder, 0o700);
            }
        }
        own
    }

    /// The program as this user, not started yet.
    pub(crate) fn command(&self, user: u32, arguments: &[&str]) -> Command {
        let mut command = self.sandbox.command(arguments);
        let mut own = Command::new(&self.program);
        own.args(arguments).current_dir(self.path(""));
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => own.env(name, value),
                None => own.env_remove(name),
            };
        }
        own.env("HOME", self.path("home"))
            .env("MARIONETTE_STORE", self.store_name("square/t.db"))
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        command = own;
        if user != ROOT {
            command.uid(user).gid(user);
        }
        command
    }

    pub(crate) fn store_name(&self, name: &str) -> String {
        format!("sqlite:{}", self.path(name).display())
    }

    /// Runs the program as this user, and fails if it hangs.
    pub(crate) fn run(&self, user: u32, arguments: &[&str]) -> Said {
        let child = self.command(user, arguments).spawn();
        ended(child.expect("it starts"), &format!("{arguments:?}"))
    }

    /// As [`run`](Self::run), with the store of this name.
    pub(crate) fn run_on(&self, store: &str, user: u32, arguments: &[&str]) -> Said {
        let mut command = self.command(user, arguments);
        command.env("MARIONETTE_STORE", self.store_name(store));
        ended(
            command.spawn().expect("it starts"),
            &format!("{arguments:?}"),
        )
    }

    /// Makes the store as this user, with a task that is called `it` and tells who has run it.
    pub(crate) fn add(&self, user: u32) -> String {
        let line = format!("id -u >> {}", self.path("square/ran").display());
        let added = self.run(user, &["add", "--quiet", "--name", "it", &line]);
        assert_eq!(added.status, Some(0), "{added:?}");
        added.out.trim().to_owned()
    }

    /// The user who has run the task.
    pub(crate) fn ran(&self) -> String {
        fs::read_to_string(self.path("square/ran")).unwrap_or_default()
    }

    /// All that is in the square: names, owners, modes and contents.
    pub(crate) fn square(&self) -> Vec<String> {
        let mut all = Vec::new();
        describe(&self.path("square"), &mut all);
        all
    }
}

fn describe(path: &Path, all: &mut Vec<String>) {
    let found = fs::symlink_metadata(path).expect("it is there");
    let contents = if found.is_file() {
        fs::read(path).unwrap_or_default()
    } else {
        Vec::new()
    };
    let (shown, mode, user) = (path.display(), found.mode(), found.uid());
    all.push(format!("{shown} {mode:o} {user} {contents:?}"));
    if found.is_dir() {
        for entry in entries(path) {
            describe(&entry, all);
        }
    }
}

/// How a program ended, or a failure if it hangs.
pub(crate) fn ended(mut child: Child, what: &str) -> Said {
    let begin = now();
    while child.try_wait().expect("it can be asked").is_none() {
        if begin.elapsed() > HANGS {
            child.kill().expect("it is there");
            panic!("{what} hangs: {:?}", child.wait_with_output());
        }
        pause(Duration::from_millis(2));
    }
    said(child.wait_with_output().expect("it has ended"))
}

/// Makes a file of this user.
pub(crate) fn file(path: &Path, user: u32, text: &str) {
    fs::write(path, text).expect("root can write it");
    give(path, user);
    mode(path, 0o600);
}

pub(crate) fn give(path: &Path, user: u32) {
    std::os::unix::fs::lchown(path, Some(user), Some(user)).expect("root can give it away");
}

pub(crate) fn give_group(path: &Path, group: u32) {
    chown(path, None, Some(group)).expect("root can give it away");
}

pub(crate) fn mode(path: &Path, bits: u32) {
    fs::set_permissions(path, Permissions::from_mode(bits)).expect("root can change it");
}

/// Makes a named pipe of this user.
pub(crate) fn pipe(path: &Path, user: u32) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.expect("there is `mkfifo`").success());
    give(path, user);
}

/// Makes a symbolic link of this user.
pub(crate) fn link(to: &Path, path: &Path, user: u32) {
    std::os::unix::fs::symlink(to, path).expect("root can make it");
    give(path, user);
}
