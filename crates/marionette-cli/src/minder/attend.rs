//! One command, from its start until nothing of it is left.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::pin::Pin;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Sleep, sleep, timeout};

use super::begin::{Beginning, StartedCommand};
use super::group::Group;
use super::last_line::LastLine;
use super::recorder::Recorder;
use super::{Attempt, Ended, How, reason};
use crate::command::Stream;

/// How much is read at once.
const BUFFER_BYTES: usize = 64 * 1024;
/// How much a pipe holds at most, if nobody with privileges has made it larger.
const PIPE_BYTES_MAX: usize = 1024 * 1024;
/// How often a group that outlived its command is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How long a killed group may take to go; what stays for longer hangs in the kernel, or nobody
/// collects it. As long may its output take to get into its files.
const GOING: Duration = Duration::from_millis(500);
/// How long the output may take for that if nobody wants the attempt to end.
const WRITING: Duration = Duration::from_secs(10);

/// What a minder has for each of its attempts.
#[derive(Clone, Debug)]
pub(super) struct Means {
    /// The file of its presence.
    pub(super) presence: Arc<Path>,
    /// One for each command that is being started.
    pub(super) places: Arc<Semaphore>,
}

/// Runs an attempt to its end. `on_start` hears the number of its process.
///
/// What comes over `asks` is the grace after which it is killed; zero kills at once.
pub(super) async fn attend(
    attempt: Attempt,
    means: &Means,
    asks: mpsc::UnboundedReceiver<Duration>,
    on_start: impl FnOnce(i32),
) -> Ended {
    let attempt = Arc::new(attempt);
    let mut asked = Ending {
        asks,
        was_asked: false,
        kill: None,
        was_killed: false,
    };
    let begun = match until_begun(&attempt, means, &mut asked).await {
        Ok(begun) => begun,
        Err(how) => return not_started(how, asked.was_asked),
    };
    let StartedCommand {
        mut child,
        group,
        resolved,
    } = begun;
    if let Some(number) = child.id().and_then(|id| i32::try_from(id).ok()) {
        on_start(number);
    }
    let mut watch = WatchedCommand {
        group,
        asked,
        recorder: Recorder::of(&attempt),
        out: resolved.veil.stream(),
        err: resolved.veil.stream(),
        said: LastLine::default(),
        complained: LastLine::default(),
    };
    if watch.asked.was_killed {
        watch.kill();
    } else if watch.asked.kill.is_some() {
        watch.group.into_iter().for_each(Group::ask);
    }
    let status = watch.until_exit(&mut child).await;
    if status.is_some() {
        watch.end_the_rest(&mut child, attempt.command.grace).await;
    }
    watch.keep_the_rest(&mut child).await;
    let how = status.map_or(HANGS, how);
    let complained = watch.complained.get(&resolved.veil);
    let last_line = complained.or_else(|| watch.said.get(&resolved.veil));
    Ended {
        hint: reason::hint(&how, last_line.as_deref(), &resolved.shown_path),
        how,
        was_asked: watch.asked.was_asked,
        output_bytes: watch.recorder.total(),
        is_cut: watch.recorder.is_cut(),
        last_line,
    }
}

/// Waits until the command runs, or can be given up.
async fn until_begun(
    attempt: &Arc<Attempt>,
    means: &Means,
    asked: &mut Ending,
) -> Result<StartedCommand, How> {
    let mut beginning = Beginning::of(attempt, &means.presence, &means.places)?;
    loop {
        tokio::select! {
            biased;
            begun = beginning.begun() => return begun,
            Some(grace) = asked.asks.recv() => {
                asked.was_asked |= !grace.is_zero();
                if let Some(how) = beginning.give_up() {
                    return Err(noted(attempt, how).await);
                }
                asked.was_killed |= grace.is_zero();
                asked.kill = Some(Box::pin(sleep(grace.max(GOING))));
            }
            () = due(&mut asked.kill) => return Err(noted(attempt, beginning.kill()).await),
        }
    }
}

/// Notes in the output why nothing ran, since of an attempt that is out of time only that is told.
async fn noted(attempt: &Attempt, how: How) -> How {
    if let How::NotStarted(why) = &how {
        let mut recorder = Recorder::of(attempt);
        recorder.take(format!("[not started: {why}]\n").as_bytes());
        recorder.write();
        let mut is_kept = timeout(GOING, recorder.settled()).await.is_ok();
        if is_kept {
            recorder.finish();
            is_kept = timeout(GOING, recorder.settled()).await.is_ok();
        }
        if !is_kept {
            recorder.break_off();
        }
    }
    how
}

fn not_started(how: How, was_asked: bool) -> Ended {
    Ended {
        how,
        was_asked,
        output_bytes: 0,
        is_cut: false,
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

/// When no more is waited for.
type Deadline = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A command that was killed and is still there. It hangs in the system, which lets it do nothing
/// more once it goes on.
const HANGS: How = How::Signal(9);

/// Whether and when an attempt has to end.
struct Ending {
    asks: mpsc::UnboundedReceiver<Duration>,
    was_asked: bool,
    /// When it is made to end.
    kill: Option<Pin<Box<Sleep>>>,
    /// Whether it was.
    was_killed: bool,
}

/// A command that runs, as its minder sees it.
struct WatchedCommand {
    group: Option<Group>,
    asked: Ending,
    recorder: Recorder,
    /// What takes its secrets out of what is kept of its standard output…
    out: Stream,
    /// …and of its standard error.
    err: Stream,
    /// On its standard output.
    said: LastLine,
    /// On its standard error.
    complained: LastLine,
}

impl WatchedCommand {
    /// Waits for the command itself, and keeps what it writes meanwhile. `None` if it was killed
    /// and does not go.
    async fn until_exit(&mut self, child: &mut Child) -> Option<io::Result<ExitStatus>> {
        let mut going = None;
        let (mut out, mut err) = (vec![0; BUFFER_BYTES], vec![0; BUFFER_BYTES]);
        let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
        let status = loop {
            let is_free = self.recorder.is_free();
            tokio::select! {
                read = read(&mut stdout, &mut out), if is_free => match read {
                    Some(bytes) => self.heard(&out[..bytes]),
                    None => stdout = None,
                },
                read = read(&mut stderr, &mut err), if is_free => match read {
                    Some(bytes) => self.heard_complaint(&err[..bytes]),
                    None => stderr = None,
                },
                () = self.recorder.written() => {}
                status = child.wait() => break Some(status),
                Some(grace) = self.asked.asks.recv() => self.ask(grace),
                () = due(&mut self.asked.kill) => self.kill(),
                () = due(&mut going) => break None,
            }
            if self.asked.was_killed {
                going.get_or_insert_with(|| Box::pin(sleep(GOING)));
            }
        };
        child.stdout = stdout;
        child.stderr = stderr;
        status
    }

    /// Ends what the command left behind in its group, and keeps what that writes meanwhile.
    async fn end_the_rest(&mut self, child: &mut Child, grace: Duration) {
        let (mut out, mut err) = (vec![0; BUFFER_BYTES], vec![0; BUFFER_BYTES]);
        let (stdout, stderr) = (&mut child.stdout, &mut child.stderr);
        let mut look = Box::pin(sleep(LOOK));
        let mut going = None;
        while self.is_there() {
            if self.asked.was_killed {
                going.get_or_insert_with(|| Box::pin(sleep(GOING)));
            } else if self.asked.kill.is_none() {
                self.end(grace);
            }
            let is_free = self.recorder.is_free();
            tokio::select! {
                read = read(stdout, &mut out), if is_free => match read {
                    Some(bytes) => self.heard(&out[..bytes]),
                    None => *stdout = None,
                },
                read = read(stderr, &mut err), if is_free => match read {
                    Some(bytes) => self.heard_complaint(&err[..bytes]),
                    None => *stderr = None,
                },
                () = self.recorder.written() => {}
                Some(grace) = self.asked.asks.recv() => self.ask(grace),
                () = due(&mut self.asked.kill) => self.kill(),
                () = due(&mut going) => return,
                () = &mut look => look = Box::pin(sleep(LOOK)),
            }
        }
    }

    /// Keeps what was written last.
    async fn keep_the_rest(&mut self, child: &mut Child) {
        let mut limit = self.writing_limit();
        // A process that has left the group may hold the pipes for ever: only what is there is
        // read.
        if let Some(stdout) = child.stdout.take() {
            self.rest(stdout, Self::heard, &mut limit).await;
        }
        if let Some(stderr) = child.stderr.take() {
            self.rest(stderr, Self::heard_complaint, &mut limit).await;
        }
        self.is_written(&mut limit).await;
        self.has_ended();
        if self.is_written(&mut limit).await {
            self.recorder.finish();
            self.is_written(&mut limit).await;
        }
    }

    /// How long what it wrote may take to get into its files.
    fn writing_limit(&mut self) -> Deadline {
        match self.asked.kill.take() {
            Some(kill) => Box::pin(async {
                kill.await;
                sleep(GOING).await;
            }),
            None if self.asked.was_killed => Box::pin(sleep(GOING)),
            None => Box::pin(sleep(WRITING)),
        }
    }

    /// Reads what lies in a pipe, without waiting for more, and not more than a pipe holds.
    async fn rest(&mut self, pipe: impl AsFd, heard: fn(&mut Self, &[u8]), limit: &mut Deadline) {
        let mut buffer = vec![0; BUFFER_BYTES];
        for _ in 0..PIPE_BYTES_MAX / BUFFER_BYTES {
            let Ok(bytes @ 1..) = rustix::io::read(&pipe, &mut buffer) else {
                return;
            };
            self.is_written(limit).await;
            heard(self, &buffer[..bytes]);
        }
    }

    /// Waits until all that was heard is in its files, and breaks that off after this time, or
    /// when somebody wants the attempt to end.
    async fn is_written(&mut self, limit: &mut Deadline) -> bool {
        while !self.recorder.is_free() {
            tokio::select! {
                biased;
                () = self.recorder.written() => {}
                // The command itself has ended before, so it was not asked.
                Some(grace) = self.asked.asks.recv() => *limit = Box::pin(sleep(grace.max(GOING))),
                () = &mut *limit => {
                    self.recorder.break_off();
                    return false;
                }
            }
        }
        true
    }

    fn heard(&mut self, bytes: &[u8]) {
        self.out.push(bytes, |bytes| self.recorder.take(bytes));
        self.recorder.write();
        self.said.push(bytes);
    }

    fn heard_complaint(&mut self, bytes: &[u8]) {
        self.err.push(bytes, |bytes| self.recorder.take(bytes));
        self.recorder.write();
        self.complained.push(bytes);
    }

    /// Nothing more comes.
    fn has_ended(&mut self) {
        self.out.end(|bytes| self.recorder.take(bytes));
        self.err.end(|bytes| self.recorder.take(bytes));
        self.recorder.write();
    }

    fn is_there(&self) -> bool {
        self.group.is_some_and(Group::is_there)
    }

    /// Somebody wants it to end.
    fn ask(&mut self, grace: Duration) {
        // One that is killed at once hears nothing: if it succeeds, it had before.
        self.asked.was_asked |= !grace.is_zero();
        self.end(grace);
    }

    fn end(&mut self, grace: Duration) {
        if grace.is_zero() {
            self.kill();
        } else {
            self.group.into_iter().for_each(Group::ask);
        }
        self.asked.kill = Some(Box::pin(sleep(grace)));
    }

    fn kill(&mut self) {
        self.asked.kill = None;
        self.asked.was_killed = true;
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

async fn due(timer: &mut Option<Pin<Box<Sleep>>>) {
    match timer {
        Some(timer) => timer.as_mut().await,
        None => std::future::pending().await,
    }
}
