//! Finds and kills orphans: commands whose minder was killed, and processes that have left the
//! group of an ended command. They are known by entries of their environment, and after the end of
//! their minder by its session too.
//!
//! This works on Linux, where `/proc` shows both; elsewhere orphans live on, and so do those that
//! have shed environment and session.

use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};

use super::ARGUMENT;

/// The variable that names a command's minder, by the file of its presence.
pub(super) const VARIABLE: &str = "MARIONETTE_MINDER";
/// How many times to look: a process may start others meanwhile, but not for ever.
const ROUNDS: usize = 10;

/// The marks by which an orphan is known.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Lists of environment entries; a process with all entries of one list is an orphan.
    environments: Vec<Vec<Vec<u8>>>,
    /// The session of a minder that is gone.
    session: Option<Session>,
}

impl Marks {
    /// The marks of all commands of a minder.
    pub(super) fn of_minder(presence: &Path, session: Option<Session>) -> Self {
        Self {
            environments: vec![vec![entry(VARIABLE, presence.as_os_str().as_bytes())]],
            session,
        }
    }

    /// The marks of one attempt.
    pub(super) fn of_attempt(presence: &Path, job: &str, number: u32) -> Self {
        let entries = [
            entry(VARIABLE, presence.as_os_str().as_bytes()),
            entry("MARIONETTE_JOB", job.as_bytes()),
            entry("MARIONETTE_ATTEMPT", number.to_string().as_bytes()),
        ];
        Self {
            environments: vec![entries.to_vec()],
            ..Self::default()
        }
    }

    /// The marks of all of these attempts together.
    pub(super) fn any(all: Vec<Self>) -> Self {
        let environments = all.into_iter().flat_map(|marks| marks.environments);
        Self {
            environments: environments.collect(),
            ..Self::default()
        }
    }
}

fn entry(name: &str, value: &[u8]) -> Vec<u8> {
    [name.as_bytes(), b"=", value].concat()
}

/// The session that a minder has led: all its commands are in it, except those that began their
/// own.
///
/// The number of a session is that of a process, so it may be used again after a while. So the
/// session counts only within the boot and the process namespace in which it was noted, only for
/// processes that began later than the minder, and only while no other process has that number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    minder: i32,
    began: u64,
    place: String,
}

impl Session {
    /// The session of this process, where the system shows it.
    pub(super) fn own() -> Option<Self> {
        let stat = Stat::of(Path::new("/proc/self"))?;
        Some(Self {
            minder: stat.number,
            began: stat.began,
            place: place()?,
        })
    }

    /// The session as words, for a presence file.
    pub(super) fn words(&self) -> String {
        format!("{} {} {}", self.minder, self.began, self.place)
    }

    /// The session from its words.
    pub(super) fn read<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<Self> {
        Some(Self {
            minder: words.next()?.parse().ok().filter(|minder| *minder > 1)?,
            began: words.next()?.parse().ok()?,
            place: words.next()?.to_owned(),
        })
    }

    /// Whether the session can still be told from another one of its number. Its minder may still
    /// be there as an ended process that nobody has collected.
    fn counts(&self) -> bool {
        let leader = Stat::of(Path::new(&format!("/proc/{}", self.minder)));
        let is_ours = leader.is_none_or(|leader| leader.began == self.began);
        is_ours && Some(&self.place) == place().as_ref()
    }
}

/// The boot of the system and the process namespace of this process.
fn place() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = fs::metadata("/proc/self/ns/pid").ok()?.ino();
    Some(format!("{}/{space}", boot.trim()))
}

/// Kills all commands with these marks.
pub(super) fn kill(marks: &Marks) {
    let Some(looker) = Looker::new(marks) else {
        return;
    };
    for _ in 0..ROUNDS {
        let strays = looker.strays();
        if strays.is_empty() {
            return;
        }
        // All orphans are stopped before the first is killed: a shell that outlived its child, if
        // only for a moment, would go on with its next line.
        for &stray in &strays {
            // An error means that the process has just ended.
            let _ = kill_process(stray, Signal::STOP);
        }
        for stray in strays {
            // A stopped process does not end by itself, so from here on its number cannot change
            // owners.
            let signal = if looker.is_stray(stray) {
                Signal::KILL
            } else {
                Signal::CONT
            };
            let _ = kill_process(stray, signal);
        }
    }
}

/// Looks for orphans.
struct Looker<'a> {
    marks: &'a Marks,
    session: Option<&'a Session>,
    /// The process namespace of this process.
    space: FileId,
    program: FileId,
    program_path: Option<PathBuf>,
}

/// The device and the inode of a file, which no other file has.
type FileId = (u64, u64);

fn identity(file: &Metadata) -> FileId {
    (file.dev(), file.ino())
}

impl<'a> Looker<'a> {
    fn new(marks: &'a Marks) -> Option<Self> {
        Some(Self {
            marks,
            session: marks.session.as_ref().filter(|session| session.counts()),
            space: identity(&fs::metadata("/proc/self/ns/pid").ok()?),
            program: identity(&fs::metadata("/proc/self/exe").ok()?),
            program_path: fs::read_link("/proc/self/exe").ok(),
        })
    }

    fn strays(&self) -> Vec<Pid> {
        let Ok(processes) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        let numbers = processes.flatten().filter_map(|process| {
            let number = process.file_name().to_str()?.parse().ok()?;
            Pid::from_raw(number)
        });
        let own = rustix::process::getpid();
        let others = numbers.filter(|number| *number != own);
        others.filter(|number| self.is_stray(*number)).collect()
    }

    fn is_stray(&self, number: Pid) -> bool {
        let process = PathBuf::from(format!("/proc/{}", number.as_raw_nonzero()));
        let is_marked = self.is_of_environment(&process) || self.is_of_session(&process);
        // In a container the same names and numbers mean other processes.
        let is_here = || {
            let space = fs::metadata(process.join("ns/pid"));
            space.is_ok_and(|space| identity(&space) == self.space)
        };
        // A command may itself be an instance with a minder, which ends with its input and clears
        // up first.
        is_marked && is_here() && !self.is_minder(&process)
    }

    fn is_of_environment(&self, process: &Path) -> bool {
        let Ok(environment) = fs::read(process.join("environ")) else {
            return false;
        };
        let has = |entry: &Vec<u8>| {
            let mut found = environment.split(|&byte| byte == 0);
            found.any(|found| found == entry)
        };
        let mut all = self.marks.environments.iter();
        all.any(|entries| entries.iter().all(has))
    }

    fn is_of_session(&self, process: &Path) -> bool {
        let Some(session) = self.session else {
            return false;
        };
        Stat::of(process).is_some_and(|stat| {
            !stat.has_ended && stat.session == session.minder && stat.began >= session.began
        })
    }

    /// Whether the process is a minder: this program, or this program before its file was replaced.
    fn is_minder(&self, process: &Path) -> bool {
        let words = fs::read(process.join("cmdline")).unwrap_or_default();
        let mut words = words.split(|&byte| byte == 0);
        if words.nth(1) != Some(ARGUMENT.as_bytes()) {
            return false;
        }
        let program = process.join("exe");
        let is_ours = fs::metadata(&program).is_ok_and(|file| identity(&file) == self.program);
        let path = fs::read_link(program).ok();
        is_ours || path.is_some() && without_mark(path) == without_mark(self.program_path.clone())
    }
}

/// The path of a program, without the mark that the system adds once the file is gone.
fn without_mark(path: Option<PathBuf>) -> Option<Vec<u8>> {
    let path = path?.into_os_string();
    let path = path.as_bytes();
    Some(path.strip_suffix(b" (deleted)").unwrap_or(path).to_owned())
}

/// The line of `/proc` about a process.
struct Stat {
    number: i32,
    has_ended: bool,
    session: i32,
    /// In clock ticks since the boot.
    began: u64,
}

impl Stat {
    fn of(process: &Path) -> Option<Self> {
        Self::read(&fs::read_to_string(process.join("stat")).ok()?)
    }

    fn read(line: &str) -> Option<Self> {
        // The name, in parentheses, may contain anything. Behind it come state, parent, group and
        // session; the start time is the 22nd field of all.
        let (before, behind) = line.rsplit_once(')')?;
        let fields: Vec<_> = behind.split_ascii_whitespace().collect();
        Some(Self {
            number: before.split_ascii_whitespace().next()?.parse().ok()?,
            has_ended: matches!(*fields.first()?, "Z" | "X"),
            session: fields.get(3)?.parse().ok()?,
            began: fields.get(19)?.parse().ok()?,
        })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// The number of processes between the one that dies first and the one that would go on.
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
        // A process that is just being started has no environment for a moment.
        let marks = Marks::of_minder(&presence, None);
        let strays = || Looker::new(&marks).unwrap().strays();
        while strays().len() < all.len() {
            std::thread::yield_now();
        }

        kill(&marks);

        for mut child in all {
            assert!(!child.wait().unwrap().success());
        }
        assert!(!folder.path().join("log").exists());
    }

    /// Waits until the child has become the expected process.
    fn begun(child: &Child, is_so: impl Fn(&Path) -> bool) {
        let process = PathBuf::from(format!("/proc/{}", child.id()));
        while !is_so(&process) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_script_that_is_called_like_a_minder_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let presence = folder.path().join("1");
        fs::write(
            folder.path().join(ARGUMENT),
            "read -r _; echo lived on > log",
        )
        .unwrap();
        let mut shell = Command::new("sh");
        shell.arg(ARGUMENT).current_dir(folder.path());
        shell.env(VARIABLE, &presence).stdin(Stdio::piped());
        let mut script = shell.spawn().unwrap();
        let marks = Marks::of_minder(&presence, None);
        while Looker::new(&marks).unwrap().strays().is_empty() {
            std::thread::yield_now();
        }
        kill(&marks);
        drop(script.stdin.take());
        assert!(!script.wait().unwrap().success());
        assert!(!folder.path().join("log").exists());
    }

    #[test]
    fn who_has_shed_its_environment_is_found_by_the_session_of_its_minder() {
        let mut leader = Command::new("setsid");
        let line = "env -i sleep 300 & echo $!; read -r _";
        let mut leader = leader
            .args(["sh", "-c", line])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let out = leader.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut said).unwrap();
        let stray = Path::new("/proc").join(said.trim());
        begun(&leader, |_| {
            fs::read(stray.join("cmdline")).is_ok_and(|words| words.starts_with(b"sleep"))
        });
        let of_leader = Stat::of(&Path::new("/proc").join(leader.id().to_string())).unwrap();
        assert_eq!(of_leader.number, of_leader.session);
        let session = Session {
            minder: of_leader.number,
            began: of_leader.began,
            place: place().unwrap(),
        };
        let strays = |session: &Session| {
            let marks = Marks::of_minder(Path::new("/nowhere"), Some(session.clone()));
            Looker::new(&marks).unwrap().strays().len()
        };
        drop(leader.stdin.take());
        leader.wait().unwrap();
        let elsewhere = Session {
            place: "another start of the system".into(),
            ..session.clone()
        };
        assert_eq!(strays(&elsewhere), 0);
        let later = Session {
            began: u64::MAX,
            ..session.clone()
        };
        assert_eq!(strays(&later), 0);
        let read = Session::read(session.words().split(' '));
        assert_eq!(read.as_ref(), Some(&session));
        assert_eq!(strays(&session), 1);
        kill(&Marks::of_minder(Path::new("/nowhere"), Some(session)));
        // No process of ours collects it, so it may stay for a while as an ended one.
        while Stat::of(&stray).is_some_and(|stat| !stat.has_ended) {
            std::thread::yield_now();
        }
    }
}
