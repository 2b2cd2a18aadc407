//! The minder of the commands: a second process, which starts them, keeps their output, and ends
//! them when it is told to, or when the instance's process is gone.
//!
//! An instance that is killed cannot end its commands. So each has a minder, which is this program
//! started again, in a session of its own, without a terminal. Orders come in on its standard input
//! and news goes out on its standard output, each a line of JSON. When its input ends, it kills
//! whatever still runs: another instance may run those jobs again within a second, and must not
//! meet them.

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
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::command::Command;
use crate::files::Place;

pub(crate) use client::Minder;
pub(crate) use follow::Follower;
pub(crate) use log::{attempts, read_log, stem};
pub(crate) use presence::orphans_have_gone;
pub(crate) use serve::serve;

/// The argument by which this program knows that it is to be a minder.
pub(crate) const ARGUMENT: &str = "__minder";
/// The last argument of a minder that may use files of other users.
const TRUSTS: &str = "trust";

/// An order of an instance to its minder.
#[derive(Debug, Serialize, Deserialize)]
enum Order {
    /// Start this attempt; the number names it in all later messages.
    Start(u64, Box<Attempt>),
    /// Ask this attempt to end, and kill it after this grace.
    End(u64, Duration),
    /// The instance leaves in good order: the store knows of all that was done.
    Leave,
}

/// News of a minder for its instance.
#[derive(Debug, Serialize, Deserialize)]
enum News {
    /// The minder is ready, and has all that it needs for itself.
    Ready,
    /// The minder cannot work, for this reason.
    Unable(Unable),
    /// The minder got a signal that asks a process to end. Nobody sends one to a minder alone, so
    /// its commands have got it too.
    Signalled,
    /// This attempt runs, as this process, which is also its process group.
    Started(u64, i32),
    /// This attempt has ended, and nothing of its group is left.
    Ended(u64, Ended),
    /// The minder has done all that it was told, and leaves. A thread that hangs in the kernel may
    /// keep its process and its output for longer.
    Left,
}

/// Why a minder cannot work.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Unable {
    /// The reason, in words.
    pub(crate) why: String,
    /// Whether the only reason is a full disk, which may pass.
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
    #[serde(with = "Command")]
    pub(crate) command: Command,
    /// The id of its job, which the command finds in its environment.
    pub(crate) job: String,
    /// Which attempt it is, from 1.
    pub(crate) number: u32,
    /// The folder for the output of the job; made with the first output.
    pub(crate) output: Place,
}

/// How an attempt ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// The way in which it ended.
    pub(crate) how: How,
    /// Whether it had been asked to end, and could have heard that.
    pub(crate) was_asked: bool,
    /// How many bytes it wrote.
    pub(crate) output_bytes: u64,
    /// Whether some of the output was not kept: the disk refused it, or did not answer in time.
    pub(crate) is_cut: bool,
    /// The last line of its standard error, or of its standard output if the former is empty; safe
    /// to print.
    pub(crate) last_line: Option<String>,
    /// A hint that may help; safe to print.
    pub(crate) hint: Option<String>,
}

/// In which way an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum How {
    /// The command ended with this exit status.
    Exit(i32),
    /// The command ended by this signal.
    Signal(i32),
    /// The command could not be started, for this reason.
    NotStarted(String),
    /// The command could not be started, through no fault of its own: the system has no room for
    /// another process, or the minder none for another file.
    Hindered(String),
    /// The command was not started: its job is marked as done.
    WasDone,
}

/// The signals by which a process is ended from outside, by their numbers: HUP, INT, QUIT, KILL and
/// TERM, which are the same everywhere.
const SENT: [i32; 5] = [1, 2, 3, 9, 15];

impl How {
    /// Whether the command may have been ended from outside: by such a signal, or with the exit
    /// status by which shells report one.
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
