//! Starts a command, on a thread that may block: the files with values, the folder and the program
//! that a task names may lie on a file system that does not answer.
//!
//! Before the kernel starts the command, no process exists for it, and it can be given up at once.
//! While the kernel starts it, its process may hang in its folder or in its program; that process
//! is killed, and so ends before it is the program. So no command runs later than its minder says.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::spawn_blocking;

use super::done::was_done;
use super::group::Group;
use super::{Attempt, How, last_line, orphans, reason};
use crate::command::{self, Resolved};
use crate::console::text;
use crate::process::lack;

/// How many commands may be on their way at once, with those that were given up and still hang.
/// Each has a thread.
pub(super) const BEGINNING_MAX: usize = 512;

/// An attempt that is being started.
#[derive(Debug)]
pub(super) struct Beginning {
    attempt: Arc<Attempt>,
    progress: Arc<StartProgress>,
    begun: oneshot::Receiver<Result<StartedCommand, How>>,
}

/// A command that was started.
#[derive(Debug)]
pub(super) struct StartedCommand {
    pub(super) child: Child,
    pub(super) group: Option<Group>,
    pub(super) resolved: Resolved,
}

impl Beginning {
    /// Starts an attempt for the minder with this presence, if there is a place for it.
    pub(super) fn of(
        attempt: &Arc<Attempt>,
        presence: &Arc<Path>,
        places: &Arc<Semaphore>,
    ) -> Result<Self, How> {
        let Ok(place) = Arc::clone(places).try_acquire_owned() else {
            return Err(How::Hindered(format!(
                "{BEGINNING_MAX} commands are being started and do not get there: a file system \
                 does not answer"
            )));
        };
        let progress = Arc::new(StartProgress::default());
        let (tell, begun) = oneshot::channel();
        let thread = Thread {
            attempt: Arc::clone(attempt),
            presence: Arc::clone(presence),
            progress: Arc::clone(&progress),
            _place: place,
        };
        spawn_blocking(move || {
            if let Err(Ok(late)) = tell.send(thread.begin()) {
                // The caller has given it up.
                late.group.into_iter().for_each(Group::kill);
            }
        });
        Ok(Self {
            attempt: Arc::clone(attempt),
            progress,
            begun,
        })
    }

    /// Waits until the command has started, or cannot start.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub(super) async fn begun(&mut self) -> Result<StartedCommand, How> {
        let begun = (&mut self.begun).await;
        begun.unwrap_or_else(|_| Err(How::NotStarted("its start panicked".to_owned())))
    }

    /// Gives the command up, unless the kernel is already starting it. Returns how the attempt
    /// ended.
    pub(super) fn give_up(&self) -> Option<How> {
        let step = self.progress.give_up()?;
        Some(self.given_up(&step))
    }

    /// Gives the command up even while the kernel is starting it.
    pub(super) fn kill(self) -> How {
        self.given_up(&self.progress.kill())
    }

    fn given_up(&self, step: &Step) -> How {
        let told = step.explain_failure(&self.attempt.command);
        How::NotStarted(text::safe(&format!("it was asked to end {told}")))
    }
}

/// The step at which a start is.
#[derive(Debug, Default)]
enum Step {
    /// It waits for a thread, or looks into the folder of the output.
    #[default]
    Output,
    /// It reads the files with the values.
    Values,
    /// It looks into the command's folder.
    Folder,
    /// It looks for the program.
    Program,
    /// The kernel starts the command, asked by this thread.
    Start(Option<Pid>),
    /// The caller has given it up.
    GivenUp,
}

impl Step {
    fn explain_failure(&self, command: &command::Command) -> String {
        match self {
            Self::Output => "before it began".to_owned(),
            Self::Values => "while its values were still being looked up".to_owned(),
            Self::Folder => format!(
                "while its folder {} was still being opened",
                command.cwd.display()
            ),
            Self::Program => "while its program was still being looked for".to_owned(),
            Self::Start(_) | Self::GivenUp => {
                "while the system was still entering its folder and loading its program".to_owned()
            }
        }
    }
}

/// The step of a start, as both its thread and its minder see it.
#[derive(Debug, Default)]
struct StartProgress(Mutex<Step>);

impl StartProgress {
    /// Goes on to the next step, unless the start was given up.
    fn reaches(&self, next: Step) -> Result<(), How> {
        let mut step = self.step();
        if matches!(*step, Step::GivenUp) {
            // The receiver is gone, so nobody hears this.
            return Err(How::NotStarted("nobody wants it any more".to_owned()));
        }
        *step = next;
        Ok(())
    }

    /// Gives the start up, unless the kernel is already starting the command.
    fn give_up(&self) -> Option<Step> {
        let mut step = self.step();
        match *step {
            Step::Start(_) => None,
            _ => Some(std::mem::replace(&mut *step, Step::GivenUp)),
        }
    }

    fn kill(&self) -> Step {
        let step = std::mem::replace(&mut *self.step(), Step::GivenUp);
        if let Step::Start(Some(thread)) = step {
            kill_beginning_of(thread);
        }
        step
    }

    fn step(&self) -> MutexGuard<'_, Step> {
        // No holder of the lock can leave the data half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Kills the process that `thread` is just starting, whose number is not known yet, where `/proc`
/// shows it. The thread may have started others before, which have become other programs by now;
/// this one still has the command line of this process.
fn kill_beginning_of(thread: Pid) {
    let thread = thread.as_raw_nonzero();
    let children = fs::read_to_string(format!("/proc/self/task/{thread}/children"));
    let Ok(own_words) = fs::read("/proc/self/cmdline") else {
        return;
    };
    for child in children.unwrap_or_default().split_ascii_whitespace() {
        let words = fs::read(format!("/proc/{child}/cmdline"));
        let is_beginning = words.is_ok_and(|words| words == own_words);
        if is_beginning && let Some(child) = child.parse().ok().and_then(Pid::from_raw) {
            // An error means that the process has just ended.
            let _ = kill_process(child, Signal::KILL);
        }
    }
}

/// The data of the thread that starts a command.
struct Thread {
    attempt: Arc<Attempt>,
    presence: Arc<Path>,
    progress: Arc<StartProgress>,
    _place: OwnedSemaphorePermit,
}

impl Thread {
    fn begin(&self) -> Result<StartedCommand, How> {
        self.progress.reaches(Step::Output)?;
        if was_done(&self.attempt.output) {
            return Err(How::WasDone);
        }
        let command = &self.attempt.command;
        self.progress.reaches(Step::Values)?;
        let resolved = Resolved::of(command, last_line::seen);
        let resolved = resolved.map_err(|why| match lack::now() {
            // A lack of the system, such as too many open files, is not the fault of the task.
            Some(lack) => How::Hindered(format!("cannot look up what a command needs: {lack}")),
            None => How::NotStarted(text::safe(&why)),
        })?;
        // Touches the folder while the command can still be given up, in case its file system does
        // not answer. Any other error of the folder shows when the command starts.
        self.progress.reaches(Step::Folder)?;
        let _ = fs::metadata(&command.cwd);
        self.progress.reaches(Step::Program)?;
        resolved.look_for_program(&command.cwd);
        self.progress.reaches(Step::Start(own_thread()))?;
        let child = self.start(&resolved)?;
        let number = child.id().and_then(|id| i32::try_from(id).ok());
        Ok(StartedCommand {
            child,
            group: number.and_then(Group::of),
            resolved,
        })
    }

    fn start(&self, resolved: &Resolved) -> Result<Child, How> {
        let cwd = &self.attempt.command.cwd;
        let mut process = Command::from(resolved.process());
        process
            .env("MARIONETTE_JOB", &self.attempt.job)
            .env("MARIONETTE_ATTEMPT", self.attempt.number.to_string())
            .env(orphans::VARIABLE, &*self.presence)
            .current_dir(cwd)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        process.spawn().map_err(|error| {
            let errno = Errno::from_io_error(&error);
            if errno.is_some_and(|errno| OF_THE_SYSTEM.contains(&errno)) {
                return How::Hindered(format!("cannot start a command: {}", lack::words(&error)));
            }
            How::NotStarted(reason::not_started(resolved, cwd, &error))
        })
    }
}

/// The number of this thread, where the kernel can list its children.
fn own_thread() -> Option<Pid> {
    cfg!(target_os = "linux").then(rustix::thread::gettid)
}

/// The errors of a kernel that has no room for one more command: too many open files, of this
/// process or of all; too many processes; too little memory.
const OF_THE_SYSTEM: [Errno; 4] = [Errno::MFILE, Errno::NFILE, Errno::AGAIN, Errno::NOMEM];
