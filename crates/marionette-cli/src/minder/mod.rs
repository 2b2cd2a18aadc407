//! The minder of the commands: a second process, which starts them, keeps their output, and ends
//! them when it is told to, or when the process that it works for is gone.
//!
//! A worker that is killed can end nothing any more. So each has a minder, which is this program
//! started again, in a session of its own, without a terminal. Orders come in on its standard input
//! and words go out on its standard output, each a line of JSON. When its input ends, whatever
//! still runs is killed at once: another worker may run those jobs again within a second, and must
//! not meet them.

mod client;
mod serve;
mod attend;
mod begin;
mod recorder;
mod done;
mod presence;
mod orphans;
mod leavers;
mod group;
mod log;
mod reason;
mod last_line;
mod screen;
mod line;
mod follow;
#[cfg(test)]
mod fuzz;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::command::Command;
use crate::files::Place;

pub(crate) use client::Minder;
pub(crate) use follow::Follower;
pub(crate) use log::{attempts, read_log, stem};
pub(crate) use presence::orphans_have_gone;
pub(crate) use serve::serve;

/// The argument by which this program knows that it is a minder.
pub(crate) const ARGUMENT: &str = "__minder";
/// The last argument of one that works also with files of others.
const TRUSTS: &str = "trust";

/// What a worker tells its minder.
#[derive(Debug, Serialize, Deserialize)]
enum Order {
    /// Start this; it is called so in all that follows.
    Start(u64, Box<Attempt>),
    /// Ask it to end, and make it end after this grace.
    End(u64, Duration),
    /// The worker leaves in good order: the store knows of all that was done.
    Leave,
}

/// What a minder tells its worker.
#[derive(Debug, Serialize, Deserialize)]
enum News {
    /// It is there: whatever it needs for itself it has.
    Ready,
    /// It cannot work, for this reason.
    Unable(Unable),
    /// A signal came that asks a process to end. Nobody sends one to a minder alone, so its
    /// commands have got it too.
    Signalled,
    /// It runs, as this process, which is also its process group.
    Started(u64, i32),
    /// It has ended, and nothing of its group is left.
    Ended(u64, Ended),
    /// It has done all that it was told, and leaves. What hangs in the system may keep its process
    /// and its output for longer.
    Left,
}

/// Why a minder cannot work.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Unable {
    /// In words.
    pub(crate) why: String,
    /// Whether it is only that the disk is full, which may pass.
    pub(crate) is_full: bool,
}

impl Unable {
    fn of(error: &std::io::Error) -> Self {
        Self {
            why: crate::process::lack::words(error),
            is_full: error.kind() == std::io::ErrorKind::StorageFull,
        }
    }
}

/// One attempt of a command.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// The command.
    pub(crate) command: Command,
    /// The id of its job; it finds it in its environment.
    pub(crate) job: String,
    /// Which attempt it is, from 1.
    pub(crate) number: u32,
    /// The folder for the output of the job. It is made when there is something to keep.
    pub(crate) output: Place,
}

/// How an attempt ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// In which way.
    pub(crate) how: How,
    /// Whether it had been asked to end, and could have heard it.
    pub(crate) was_asked: bool,
    /// How many bytes it wrote.
    pub(crate) output_bytes: u64,
    /// Whether some of that was not kept: the disk refused it, or did not answer in time.
    pub(crate) is_cut: bool,
    /// What it said last, on its standard error if it said something there; safe to print.
    pub(crate) last_line: Option<String>,
    /// What may help; safe to print.
    pub(crate) hint: Option<String>,
}

/// In which way an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum How {
    /// With this exit status.
    Exit(i32),
    /// By this signal.
    Signal(i32),
    /// It could not be started.
    NotStarted(String),
    /// It could not be started, which is no fault of its own: the system has no room for another
    /// process, or its minder none for another file.
    Hindered(String),
    /// It was not started: it is written down that its job was done before.
    WasDone,
}

/// The signals by which somebody ends a process, by their numbers: HUP, INT, QUIT, KILL and TERM,
/// which are the same everywhere.
const SENT: [i32; 5] = [1, 2, 3, 9, 15];

impl How {
    /// Whether somebody may have ended it from outside: by a signal that says so, or it says that
    /// it got one, by the exit status that shells have for that.
    pub(crate) fn is_sent(&self) -> bool {
        match self {
            Self::Signal(signal) => SENT.contains(signal),
            Self::Exit(status) => SENT.contains(&(status - 128)),
            Self::NotStarted(_) | Self::Hindered(_) | Self::WasDone => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_its_own_is_not_sent_from_outside() {
        for how in [
            How::Signal(15),
            How::Signal(9),
            How::Exit(143),
            How::Exit(130),
        ] {
            assert!(how.is_sent(), "{how:?}");
        }
        // A segmentation fault, a pipe that nobody reads, and what any program may say.
        for how in [
            How::Signal(11),
            How::Signal(13),
            How::Exit(1),
            How::Exit(139),
        ] {
            assert!(!how.is_sent(), "{how:?}");
        }
    }
}
