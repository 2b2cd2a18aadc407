//! A disk that gets full under `run` and `work`: they say so, nothing that was done is done again,
//! and they go on when there is room.
//!
//! The disk is a small file system in memory, which only a few processes see. Where the system
//! permits nobody to have one, these tests say that they are skipped.

mod common;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{Sandbox, janitor, pause, said, until};

/// A worker whose leases have lapsed gives up what the store has not heard of: after 15 s, and a
/// moment.
const LEASES_LAPSE: Duration = Duration::from_secs(18);

/// Besides the one that fills the disk: more than fit into the room that the files have already.
const COMMANDS: usize = 100;

/// A disk of 1 MiB, for as long as its keeper lives.
struct SmallDisk<'a> {
    sandbox: &'a Sandbox,
    keeper: Child,
}

impl<'a> SmallDisk<'a> {
    /// Nothing, and that is said, where it is not permitted.
    fn mount(sandbox: &'a Sandbox) -> Option<Self> {
        let folder = sandbox.path("disk");
        fs::create_dir(&folder).expect("it can be made");
        let script = "mount -t tmpfs -o size=1m none \"$0\" && echo there && exec cat";
        let keeper = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
            .arg(&folder)
            .env(janitor::VARIABLE, sandbox.path("").parent()?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut keeper) = keeper else {
            eprintln!("SKIPPED: there is no `unshare`, so there is no small disk");
            return None;
        };
        let mut line = String::new();
        let mut out = BufReader::new(keeper.stdout.take().expect("it is piped"));
        out.read_line(&mut line).expect("it is text");
        if line != "there\n" {
            keeper.wait().expect("it ends");
            eprintln!("SKIPPED: the system permits no name space of one's own to mount in");
            return None;
        }
        Some(Self { sandbox, keeper })
    }

    /// A file on it, as those see it that do not have it.
    fn path(&self, name: &str) -> PathBuf {
        let disk = self.sandbox.path("disk").join(name);
        let root = PathBuf::from(format!("/proc/{}/root", self.keeper.id()));
        root.join(disk.strip_prefix("/").expect("it is absolute"))
    }

    /// The program with its store on the disk; what it notes goes into the file `notes`.
    fn command(&self, arguments: &[&str]) -> Command {
        let ours = self.sandbox.command(&[]);
        let mut command = Command::new("nsenter");
        command
            .args(["--user", "--preserve-credentials", "--mount", "--target"])
            .arg(self.keeper.id().to_string())
            .args(["sh", "-c", "cd \"$0\" && exec \"$@\""])
            .arg(self.sandbox.path(""))
            .arg(ours.get_program())
            .args(arguments)
            .env(janitor::VARIABLE, self.sandbox.path("."))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(self.sandbox.path("notes")).expect("it can be made"));
        for (name, value) in ours.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.env(
            "MARIONETTE_STORE",
            format!("sqlite:{}", self.sandbox.path("disk/tasks.db").display()),
        );
        command
    }

    fn fill(&self) {
        // A large write may be refused while there is room for a small one.
        for bytes in [1024 * 1024, 4096, 1] {
            let mut options = File::options();
            let mut file = options.create(true).append(true).open(self.path("fill"));
            let file = file.as_mut().expect("it can be made");
            while file.write_all(&vec![0; bytes]).is_ok() {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.path("fill")).expect("it is there");
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        // An error says that it has ended.
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

/// Commands of which one fills the disk, and succeeds.
fn commands() -> Vec<String> {
    let mut commands: Vec<_> = (1..=COMMANDS)
        .map(|task| format!("echo {task} >> log"))
        .collect();
    commands.insert(5, "cat /dev/zero > disk/fill; echo full >> log".to_owned());
    commands
}

/// Waits until it says that the disk is full, and longer than the leases hold; then there is room.
/// It may also find room for all that is left, in what its files have already.
fn let_it_wait(disk: &SmallDisk, child: &mut Child) {
    let mut has_ended = false;
    until("it says that the disk is full, or ends", || {
        has_ended = child.try_wait().expect("it can be asked").is_some();
        let notes = disk.sandbox.read("notes");
        has_ended || notes.contains("; make room, and it goes on by itself\n")
    });
    if has_ended {
        println!("it ended on the full disk");
        return;
    }
    // It may be seen to be full while what fills it still writes.
    until("what filled it has ended", || {
        disk.sandbox.read("log").contains("full\n")
    });
    pause(LEASES_LAPSE);
    disk.make_room();
}

fn each_was_done_once(sandbox: &Sandbox) {
    let mut done: Vec<_> = sandbox.read("log").lines().map(str::to_owned).collect();
    let mut expected: Vec<_> = (1..=COMMANDS).map(|task| task.to_string()).collect();
    expected.push("full".to_owned());
    done.sort();
    expected.sort();
    assert_eq!(done, expected);
}

#[test]
fn a_run_waits_for_room_and_runs_nothing_twice() {
    let sandbox = Sandbox::new();
    let Some(disk) = SmallDisk::mount(&sandbox) else {
        return;
    };
    sandbox.write("tasks.txt", &commands().join("\n"));
    let run = disk.command(&["run", "-j", "2", "tasks.txt"]).spawn();
    let mut run = run.expect("it starts");
    let_it_wait(&disk, &mut run);
    let said = said(run.wait_with_output().expect("it ends"));
    assert_eq!(said.status, Some(0), "{said:?} {}", sandbox.read("notes"));
    let all = format!("{} done", COMMANDS + 1);
    assert!(said.out.contains(&all), "{said:?}");
    each_was_done_once(&sandbox);
}

#[test]
fn a_worker_waits_for_room_and_runs_nothing_twice() {
    let sandbox = Sandbox::new();
    let Some(disk) = SmallDisk::mount(&sandbox) else {
        return;
    };
    sandbox.write("tasks.txt", &commands().join("\n"));
    let added = disk.command(&["add", "--file", "tasks.txt"]).status();
    assert!(added.expect("it starts").success());
    let work = disk.command(&["work", "-j", "2", "--until-idle"]).spawn();
    let mut work = work.expect("it starts");
    let_it_wait(&disk, &mut work);
    let said = said(work.wait_with_output().expect("it ends"));
    assert_eq!(said.status, Some(0), "{said:?} {}", sandbox.read("notes"));
    each_was_done_once(&sandbox);
}

#[test]
fn what_cannot_be_stored_is_refused_with_what_to_do() {
    let sandbox = Sandbox::new();
    let Some(disk) = SmallDisk::mount(&sandbox) else {
        return;
    };
    let status = |arguments: &[&str]| {
        let ended = disk.command(arguments).output().expect("it starts");
        ended.status.code()
    };
    assert_eq!(status(&["add", "echo 1 >> log"]), Some(0));
    sandbox.write("tasks.txt", "echo 2 >> log\n");
    disk.fill();
    for refused in [
        ["add", "true"].as_slice(),
        &["run", "tasks.txt"],
        &["work", "--once"],
        &["list"],
    ] {
        assert_eq!(status(refused), Some(2), "{refused:?}");
        let notes = sandbox.read("notes");
        assert!(notes.contains("the disk is full: "), "{refused:?} {notes}");
        assert!(
            notes.contains("; make room on it and try again\n"),
            "{refused:?} {notes}"
        );
        assert_eq!(notes.lines().count(), 1, "{refused:?} {notes}");
    }
    assert_eq!(sandbox.read("log"), "", "nothing was run");
    disk.make_room();
    assert_eq!(status(&["work", "--once"]), Some(0));
    assert_eq!(status(&["run", "tasks.txt"]), Some(0));
    assert_eq!(sandbox.read("log"), "1\n2\n");
}
