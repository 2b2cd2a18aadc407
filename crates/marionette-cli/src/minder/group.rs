//! A process group: the command and all that it started, except processes that left the group.

use std::{fs, io};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

/// The group of one command. Its number is that of the command's first process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group(Pid);

impl Group {
    /// The group of this number; `None` if no group can have it.
    pub(crate) fn of(number: i32) -> Option<Self> {
        // Number 1 is the init process, and as a group it would mean every process there is.
        if number <= 1 {
            return None;
        }
        Pid::from_raw(number).map(Self)
    }

    /// Asks all processes of the group to end.
    pub(crate) fn ask(self) {
        self.send(Signal::TERM);
        // A stopped process gets the signal only when it continues.
        self.send(Signal::CONT);
    }

    /// Kills all processes of the group.
    pub(crate) fn kill(self) {
        self.send(Signal::KILL);
    }

    /// Whether a process of the group still runs.
    pub(crate) fn is_there(self) -> bool {
        test_kill_process_group(self.0).is_ok() && self.has_a_live_process().unwrap_or(true)
    }

    /// Whether a process of the group has not ended. An ended process belongs to its group until
    /// its parent collects it, which can take long in a container. `/proc` tells the two apart;
    /// without it, every process counts.
    fn has_a_live_process(self) -> io::Result<bool> {
        let group = self.0.as_raw_nonzero().get();
        let processes = fs::read_dir("/proc")?.flatten();
        // An entry that cannot be read has just ended, or is no process.
        let mut stats =
            processes.filter_map(|process| fs::read_to_string(process.path().join("stat")).ok());
        Ok(stats.any(|stat| running_in(&stat) == Some(group)))
    }

    fn send(self, signal: Signal) {
        // An error means that nothing of the group is left, or that the number belongs to somebody
        // else by now; there is nothing more to do in either case.
        let _: Result<(), io::Error> = kill_process_group(self.0, signal).map_err(Into::into);
    }
}

/// The group of a running process, from its line in `/proc`; `None` if the process has ended.
fn running_in(stat: &str) -> Option<i32> {
    // The name, in parentheses, may contain anything; behind it come state, parent and group.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let has_ended = matches!(fields.next()?, "Z" | "X");
    let group = fields.nth(1)?.parse().ok()?;
    (!has_ended).then_some(group)
}

/// The name of a signal, as `kill -l` has it.
pub(crate) fn signal_name(number: i32) -> String {
    let name = match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 => "SIGUSR1",
        11 => "SIGSEGV",
        12 => "SIGUSR2",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        number => return format!("signal {number}"),
    };
    format!("{name} (signal {number})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_group_is_every_process() {
        for number in [i32::MIN, -1, 0, 1] {
            assert!(Group::of(number).is_none(), "{number}");
        }
    }

    #[test]
    fn who_has_ended_runs_in_no_group() {
        assert_eq!(running_in("12 (a) b) S 1 34 34 0 -1"), Some(34));
        assert_eq!(running_in("12 (sh) Z 1 34 34 0 -1"), None);
        assert_eq!(running_in(""), None);
    }

    #[test]
    fn signals_have_their_names() {
        assert_eq!(signal_name(9), "SIGKILL (signal 9)");
        assert_eq!(signal_name(64), "signal 64");
    }
}
