//! One command, from its start until nothing of it is left.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::io::Errno;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::time::{Sleep, sleep};

use super::group::Group;
use super::last_line::{self, LastLine};
use super::log::Log;
use super::{Attempt, Ended, How, reason, stray};
use crate::command::{Resolved, Stream};
use crate::{lack, text};

/// How much is read at once.
const BUFFER_BYTES: usize = 64 * 1024;
/// How much a pipe holds at most, if nobody with privileges has made it larger.
const PIPE_BYTES_MAX: usize = 1024 * 1024;
/// How often a group that outlived its command is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How long a killed group may take to go; what stays for longer hangs in the kernel, or nobody
/// collects it.
const GOING: Duration = Duration::from_millis(500);

/// Runs an attempt to its end, for the minder with this presence. `on_start` hears the number of
/// its process.
///
/// What comes over `asks` is the grace after which it is killed; zero kills at once.
pub(super) async fn attend(
    attempt: Attempt,
    presence: &Path,
    asks: mpsc::UnboundedReceiver<Duration>,
    on_start: impl FnOnce(i32),
) -> Ended {
    let resolved = Resolved::of(&attempt.command, last_line::seen);
    let resolved = resolved.map_err(|why| How::NotStarted(text::safe(&why)));
    let started = resolved.and_then(|resolved| {
        let child = start(&attempt, &resolved, presence)?;
        Ok((resolved, child))
    });
    let (resolved, mut child) = match started {
        Ok(started) => started,
        Err(how) => return not_started(how),
    };
    let number = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(number) = number {
        on_start(number);
    }
    let bound = attempt.command.output_bytes;
    let mut watch = Watch {
        group: number.and_then(Group::of),
        asks,
        was_asked: false,
        kill: None,
        log: Log::new(attempt.output, attempt.number, bound),
        out: resolved.veil.stream(),
        err: resolved.veil.stream(),
        said: LastLine::default(),
        complained: LastLine::default(),
    };
    let how = how(watch.until_exit(&mut child).await);
    watch.clear_up(&mut child, attempt.command.grace).await;
    watch.has_ended();
    let complained = watch.complained.get(&resolved.veil);
    let last_line = complained.or_else(|| watch.said.get(&resolved.veil));
    let ended = Ended {
        hint: reason::hint(&how, last_line.as_deref(), &resolved.shown_path),
        how,
        was_asked: watch.was_asked,
        output_bytes: watch.log.total(),
        last_line,
    };
    watch.log.finish();
    ended
}

fn start(attempt: &Attempt, resolved: &Resolved, presence: &Path) -> Result<Child, How> {
    let cwd = &attempt.command.cwd;
    let mut process = Command::from(resolved.process());
    process
        .env("MARIONETTE_JOB", &attempt.job)
        .env("MARIONETTE_ATTEMPT", attempt.number.to_string())
        .env(stray::VARIABLE, presence)
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

/// What the system says when it has no room for one more command: too many open files, of this
/// process or of all; too many processes; too little memory.
const OF_THE_SYSTEM: [Errno; 4] = [Errno::MFILE, Errno::NFILE, Errno::AGAIN, Errno::NOMEM];

fn not_started(how: How) -> Ended {
    Ended {
        how,
        was_asked: false,
        output_bytes: 0,
        last_line: None,
        hint: None,
    }
}

fn how(status: io::Result<ExitStatus>) -> How {
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => How::Exit(code),
            (None, Some(signal)) => How::Signal(signal),
            (None, None) => How::NotStarted("it ended in no known way".to_owned()),
        },
        Err(error) => How::NotStarted(error.to_string()),
    }
}

/// A command that runs, as its minder sees it.
struct Watch {
    group: Option<Group>,
    asks: mpsc::UnboundedReceiver<Duration>,
    was_asked: bool,
    /// When it is made to end.
    kill: Option<Pin<Box<Sleep>>>,
    log: Log,
    /// What takes its secrets out of what is kept of its standard output…
    out: Stream,
    /// …and of its standard error.
    err: Stream,
    /// On its standard output.
    said: LastLine,
    /// On its standard error.
    complained: LastLine,
}

impl Watch {
    /// Waits for the command itself, and keeps what it writes meanwhile.
    async fn until_exit(&mut self, child: &mut Child) -> io::Result<ExitStatus> {
        let (mut out, mut err) = (vec![0; BUFFER_BYTES], vec![0; BUFFER_BYTES]);
        let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
        let status = loop {
            tokio::select! {
                read = read(&mut stdout, &mut out) => match read {
                    Some(bytes) => self.heard(&out[..bytes]),
                    None => stdout = None,
                },
                read = read(&mut stderr, &mut err) => match read {
                    Some(bytes) => self.heard_complaint(&err[..bytes]),
                    None => stderr = None,
                },
                status = child.wait() => break status,
                Some(grace) = self.asks.recv() => self.ask(grace),
                () = due(&mut self.kill) => self.kill(),
            }
        };
        child.stdout = stdout;
        child.stderr = stderr;
        status
    }

    /// Ends what the command left behind in its group, and keeps what was written last.
    async fn clear_up(&mut self, child: &mut Child, grace: Duration) {
        let mut stdout = child.stdout.take();
        let mut stderr = child.stderr.take();
        if self.is_there() {
            if self.kill.is_none() {
                self.end(grace);
            }
            self.until_gone(&mut stdout, &mut stderr).await;
        }
        // Who has left the group may hold the pipes for ever: only what is there is read.
        if let Some(stdout) = stdout {
            rest(stdout, |bytes| self.heard(bytes));
        }
        if let Some(stderr) = stderr {
            rest(stderr, |bytes| self.heard_complaint(bytes));
        }
    }

    async fn until_gone(
        &mut self,
        stdout: &mut Option<ChildStdout>,
        stderr: &mut Option<ChildStderr>,
    ) {
        let (mut out, mut err) = (vec![0; BUFFER_BYTES], vec![0; BUFFER_BYTES]);
        let mut look = Box::pin(sleep(LOOK));
        let mut going = None;
        while self.is_there() {
            tokio::select! {
                read = read(stdout, &mut out) => match read {
                    Some(bytes) => self.heard(&out[..bytes]),
                    None => *stdout = None,
                },
                read = read(stderr, &mut err) => match read {
                    Some(bytes) => self.heard_complaint(&err[..bytes]),
                    None => *stderr = None,
                },
                Some(grace) = self.asks.recv() => self.ask(grace),
                () = due(&mut self.kill) => {
                    self.kill();
                    going = Some(Box::pin(sleep(GOING)));
                }
                () = due(&mut going) => return,
                () = &mut look => look = Box::pin(sleep(LOOK)),
            }
        }
    }

    fn heard(&mut self, bytes: &[u8]) {
        self.out.push(bytes, |bytes| self.log.write(bytes));
        self.said.push(bytes);
    }

    fn heard_complaint(&mut self, bytes: &[u8]) {
        self.err.push(bytes, |bytes| self.log.write(bytes));
        self.complained.push(bytes);
    }

    /// Nothing more comes.
    fn has_ended(&mut self) {
        self.out.end(|bytes| self.log.write(bytes));
        self.err.end(|bytes| self.log.write(bytes));
    }

    fn is_there(&self) -> bool {
        self.group.is_some_and(Group::is_there)
    }

    /// Somebody wants it to end.
    fn ask(&mut self, grace: Duration) {
        // One that is killed at once hears nothing: if it succeeds, it had before.
        self.was_asked |= !grace.is_zero();
        self.end(grace);
    }

    fn end(&mut self, grace: Duration) {
        if grace.is_zero() {
            self.kill();
        } else {
            self.group.into_iter().for_each(Group::ask);
        }
        self.kill = Some(Box::pin(sleep(grace)));
    }

    fn kill(&mut self) {
        self.kill = None;
        self.group.into_iter().for_each(Group::kill);
    }
}

/// Reads what is there; `None` at the end, and never when there is nothing to read from.
async fn read(from: &mut Option<impl AsyncRead + Unpin>, into: &mut [u8]) -> Option<usize> {
    let Some(from) = from else {
        return std::future::pending().await;
    };
    match from.read(into).await {
        Ok(0) | Err(_) => None,
        Ok(bytes) => Some(bytes),
    }
}

/// Reads what lies in a pipe, without waiting for more, and not more than a pipe holds.
fn rest(pipe: impl AsFd, mut heard: impl FnMut(&[u8])) {
    let mut buffer = vec![0; BUFFER_BYTES];
    for _ in 0..PIPE_BYTES_MAX / BUFFER_BYTES {
        match rustix::io::read(&pipe, &mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(bytes) => heard(&buffer[..bytes]),
        }
    }
}

async fn due(timer: &mut Option<Pin<Box<Sleep>>>) {
    match timer {
        Some(timer) => timer.as_mut().await,
        None => std::future::pending().await,
    }
}
