//! Attends one command, from its start until nothing of it is left.

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

/// The size of the buffers for reading.
const BUFFER_BYTES: usize = 64 * 1024;
/// The most that a pipe holds, unless somebody with privileges has made it larger.
const PIPE_BYTES_MAX: usize = 1024 * 1024;
/// How often to look at a group that outlived its command.
const LOOK: Duration = Duration::from_millis(20);
/// How long a killed group may take to end; a process that stays longer hangs in the kernel, or
/// nobody collects it. Its output may take as long again to get into its files.
const GOING: Duration = Duration::from_millis(500);
/// How long the output may take to get into its files if nobody wants the attempt to end.
const WRITING: Duration = Duration::from_secs(10);

/// The means that all attempts of a minder share.
#[derive(Clone, Debug)]
pub(super) struct Means {
    /// The file of the minder's presence.
    pub(super) presence: Arc<Path>,
    /// A permit for each command that is being started.
    pub(super) places: Arc<Semaphore>,
}

/// Runs an attempt to its end. `on_start` gets the number of its process.
///
/// `asks` carries the grace after which the attempt is killed; a grace of zero kills at once.
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

/// Waits until the command runs or is given up.
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

/// Notes in the output why nothing ran, since the reason of a timed-out attempt does not say it.
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

/// A future that completes at the deadline of a wait.
type Deadline = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How a command ended that was killed and is still there: it hangs in the kernel, and will run no
/// further instruction once the kernel lets it go.
const HANGS: How = How::Signal(9);

/// Whether and when the attempt has to end.
struct Ending {
    asks: mpsc::UnboundedReceiver<Duration>,
    was_asked: bool,
    /// When the attempt is killed.
    kill: Option<Pin<Box<Sleep>>>,
    /// Whether the attempt was killed.
    was_killed: bool,
}

/// A running command, as its minder sees it.
struct WatchedCommand {
    group: Option<Group>,
    asked: Ending,
    recorder: Recorder,
    /// Takes the secrets out of the standard output that is kept.
    out: Stream,
    /// Takes the secrets out of the standard error that is kept.
    err: Stream,
    /// The last line of its standard output.
    said: LastLine,
    /// The last line of its standard error.
    complained: LastLine,
}

impl WatchedCommand {
    /// Waits for the command itself to end, and meanwhile keeps its output. `None` if the command
    /// was killed and does not go.
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

    /// Ends the processes that the command left behind in its group, and meanwhile keeps their
    /// output.
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

    /// Keeps the last output.
    async fn keep_the_rest(&mut self, child: &mut Child) {
        let mut limit = self.writing_limit();
        // A process that has left the group may hold the pipes open for ever, so only the bytes
        // that are in them now are read.
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

    /// How long the rest of the output may take to get into its files.
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

    /// Reads the bytes that are in a pipe, at most as many as a pipe holds, without waiting for
    /// more.
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

    /// Waits until all bytes that were heard are in their files; breaks off at `limit`, or when
    /// somebody wants the attempt to end.
    async fn is_written(&mut self, limit: &mut Deadline) -> bool {
        while !self.recorder.is_free() {
            tokio::select! {
                biased;
                () = self.recorder.written() => {}
                // The command itself has ended already, so this does not count as asking it.
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

    /// The output has ended.
    fn has_ended(&mut self) {
        self.out.end(|bytes| self.recorder.take(bytes));
        self.err.end(|bytes| self.recorder.take(bytes));
        self.recorder.write();
    }

    fn is_there(&self) -> bool {
        self.group.is_some_and(Group::is_there)
    }

    /// Somebody wants the attempt to end.
    fn ask(&mut self, grace: Duration) {
        // A command that is killed at once hears nothing: if it succeeds, it had succeeded before.
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

/// Reads the bytes that are there; `None` at the end. Without a pipe, waits for ever.
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
