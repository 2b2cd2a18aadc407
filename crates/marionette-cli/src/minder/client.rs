//! The instance's end of the minder: gives it orders and hears what became of them.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::group::Group;
use super::presence::clear_up_after;
use super::{ARGUMENT, Attempt, Ended, News, Order, SENT, TRUSTS, Unable};
use crate::console::clock;
use crate::files::{Place, Whose};

/// How long a minder may take to get ready.
const READY: Duration = Duration::from_secs(30);
/// How much longer than the grace of a command its minder may take to say how it ended. No wait
/// within the minder is as long.
const ANSWERS: Duration = Duration::from_secs(5);
/// How long a minder may take to end the commands that run, and to leave.
const LEAVES: Duration = Duration::from_secs(10);
/// How long its process may take to go after it has left or was killed.
const GOES: Duration = Duration::from_secs(2);
/// How long to go on reading the output of a minder whose process has ended.
const REST: Duration = Duration::from_millis(200);

/// Starts commands through a minder process, and starts another one if that dies.
/// [`close`](Self::close) ends all commands.
#[derive(Clone, Debug)]
pub(crate) struct Minder {
    /// The folder where the minders have their presences.
    place: Arc<Place>,
    state: Arc<Mutex<ClientState>>,
}

#[derive(Debug, Default)]
struct ClientState {
    /// The way to the minder; `None` while there is none.
    orders: Option<mpsc::UnboundedSender<Order>>,
    /// The number of the present minder, so that the end of one is not taken for the end of its
    /// successor.
    which: u64,
    /// The task that hears the present minder until it is gone.
    listener: Option<JoinHandle<()>>,
    /// Tells the listener that the minder does not answer and has to be killed.
    hangs: Option<Arc<Notify>>,
    /// The caller that waits until the minder is ready.
    ready: Option<oneshot::Sender<Result<(), Unable>>>,
    /// Why the minder cannot work; `None` once it has said that it can.
    unable: Option<String>,
    /// When the minder last got a signal that asks a process to end.
    signalled: Option<Instant>,
    /// The number of the last attempt.
    last: u64,
    running: HashMap<u64, RunningAttempt>,
    /// Attempts that have lost their minder by a fault of its own, such as too little memory.
    blameless: HashSet<u64>,
}

#[derive(Debug)]
struct RunningAttempt {
    ended: oneshot::Sender<Ended>,
    group: Option<Group>,
}

/// An attempt that has begun. Dropping it before it has ended kills its command.
#[derive(Debug)]
pub(crate) struct Begun {
    number: u64,
    minder: Minder,
    ended: oneshot::Receiver<Ended>,
}

impl Minder {
    /// A handle without a minder process; the first start makes one.
    pub(crate) fn new(place: Place) -> Self {
        Self {
            place: place.into(),
            state: Arc::default(),
        }
    }

    /// Starts a minder process, and waits until it is ready.
    pub(crate) async fn start(&self) -> Result<(), Unable> {
        let (ready, is_ready) = oneshot::channel();
        {
            let mut state = self.state();
            state.ready = Some(ready);
            let started = self.start_one(&mut state);
            started.map_err(|error| Unable::of(&error))?;
        }
        let Ok(told) = timeout(READY, is_ready).await else {
            self.hangs();
            let late = format!("it is not ready after {} s", READY.as_secs());
            return Err(Unable::of(&io::Error::other(late)));
        };
        let gone = io::Error::other("it ended as soon as it was started");
        told.unwrap_or_else(|_| Err(Unable::of(&gone)))
    }

    /// Why the minder could not work, if it could not; then nobody has killed it.
    pub(crate) fn unable(&self) -> Option<String> {
        self.state().unable.clone()
    }

    /// When the minder's process last got a signal that asks a process to end, which its commands
    /// have got as well. The minder says so before it says that a command failed by the signal.
    pub(crate) fn signalled(&self) -> Option<Instant> {
        self.state().signalled
    }

    /// Whether a command of this minder is running.
    pub(crate) fn runs_something(&self) -> bool {
        let state = self.state();
        state
            .running
            .values()
            .any(|running| running.group.is_some())
    }

    /// Begins an attempt.
    pub(crate) fn begin(&self, attempt: Attempt) -> io::Result<Begun> {
        let mut state = self.state();
        if state.orders.is_none() {
            self.start_one(&mut state)?;
        }
        state.last += 1;
        let number = state.last;
        let (ended, receiver) = oneshot::channel();
        let running = RunningAttempt { ended, group: None };
        state.running.insert(number, running);
        state.tell(Order::Start(number, Box::new(attempt)));
        Ok(Begun {
            number,
            minder: self.clone(),
            ended: receiver,
        })
    }

    /// Ends the commands that still run, and waits until nothing of them is left; a minder that
    /// does not answer is killed. Call it once the store knows all that was done.
    pub(crate) async fn close(&self) {
        let listener = {
            let mut state = self.state();
            state.tell(Order::Leave);
            // The writer ends with its channel, and the minder's input with the writer.
            state.orders = None;
            state.listener.take()
        };
        let Some(mut listener) = listener else {
            return;
        };
        // An error means that the listener panicked: then there is nothing to wait for.
        if timeout(LEAVES, &mut listener).await.is_err() {
            self.hangs();
            let _ = listener.await;
        }
    }

    /// The minder does not answer. The listener kills it with its commands, and then treats it like
    /// any other minder that was killed.
    fn hangs(&self) {
        self.state()
            .hangs
            .iter()
            .for_each(|hangs| hangs.notify_one());
    }

    fn start_one(&self, state: &mut ClientState) -> io::Result<()> {
        let trusts = (self.place.whose() == Whose::Anybodys).then_some(TRUSTS);
        let mut process = Command::new(own_program()?)
            .arg(ARGUMENT)
            .arg(self.place.path())
            .arg(std::process::id().to_string())
            .args(trusts)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let stdin = process.stdin.take().expect("it was asked for");
        let stdout = process.stdout.take().expect("it was asked for");
        let (orders, told) = mpsc::unbounded_channel();
        tokio::spawn(write(stdin, told));
        state.which += 1;
        state.unable = Some("it ended as soon as it was started".to_owned());
        state.orders = Some(orders);
        let hangs = Arc::new(Notify::new());
        state.hangs = Some(Arc::clone(&hangs));
        let listener = self.clone().listen(state.which, stdout, process, hangs);
        state.listener = Some(tokio::spawn(listener));
        Ok(())
    }

    /// Hears the minder until it says no more.
    async fn listen(self, which: u64, stdout: ChildStdout, mut process: Child, hangs: Arc<Notify>) {
        let minder = process.id();
        let mut words = BufReader::new(stdout).lines();
        let (mut has_left, mut is_hung) = (false, false);
        let mut status = None;
        while !has_left {
            tokio::select! {
                biased;
                line = words.next_line() => {
                    let Ok(Some(line)) = line else { break };
                    match serde_json::from_str(&line) {
                        Ok(News::Left) => has_left = true,
                        Ok(word) => self.state().hear(word),
                        // Only a minder of another version, or another program, talks otherwise.
                        Err(_) => break,
                    }
                }
                // A process that hangs may hold the output open after the minder has ended.
                ended = process.wait(), if status.is_none() => status = Some(ended),
                () = sleep(REST), if status.is_some() => break,
                () = hangs.notified() => {
                    is_hung = true;
                    break;
                }
            }
        }
        if is_hung {
            // An error means that the process has just ended.
            let _ = process.start_kill();
        }
        // A process that hangs in the kernel goes when the kernel lets it; nothing waits for that.
        let status = match status {
            Some(status) => Ok(status),
            None => timeout(GOES, process.wait()).await,
        };
        let is_own_fault = status.as_ref().is_ok_and(is_own_fault);
        let has_failed = !matches!(status, Ok(Ok(status)) if status.success());
        if has_failed
            && !has_left
            && let Some(minder) = minder
        {
            clear_up(&self.place, minder).await;
        }
        self.state().is_gone(which, is_own_fault);
    }

    fn state(&self) -> MutexGuard<'_, ClientState> {
        // No holder of the lock can leave the data half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Begun {
    /// How the attempt ends; `None` if its minder is gone and the command was killed.
    pub(crate) async fn ended(&mut self) -> Option<Ended> {
        (&mut self.ended).await.ok()
    }

    /// Whether the minder of this attempt has ended by a fault of its own.
    pub(crate) fn is_blameless(&self) -> bool {
        self.minder.state().blameless.remove(&self.number)
    }

    /// Asks the attempt to end, and kills it after this grace. `None` if its minder is gone, or
    /// does not answer and is killed now.
    pub(crate) async fn end(&mut self, grace: Duration) -> Option<Ended> {
        self.minder.state().tell(Order::End(self.number, grace));
        // Two limits, one after the other: if the machine sleeps, or the job is stopped and
        // continued, the first is over at once although the minder has not run meanwhile either,
        // and the second still gives it time.
        for limit in [grace, ANSWERS] {
            if let Ok(ended) = timeout(limit, self.ended()).await {
                return ended;
            }
        }
        self.minder.hangs();
        self.ended().await
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let mut state = self.minder.state();
        if state.running.remove(&self.number).is_some() {
            state.tell(Order::End(self.number, Duration::ZERO));
        }
    }
}

impl ClientState {
    fn tell(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // An error means that the minder is gone, which the listener notices.
            let _ = orders.send(order);
        }
    }

    fn hear(&mut self, word: News) {
        match word {
            News::Ready => {
                self.unable = None;
                self.is_ready(Ok(()));
            }
            News::Unable(unable) => {
                self.unable = Some(unable.why.clone());
                self.is_ready(Err(unable));
            }
            News::Left => {}
            News::Signalled => self.signalled = Some(clock::tick()),
            News::Started(number, process) => {
                if let Some(running) = self.running.get_mut(&number) {
                    running.group = Group::of(process);
                }
            }
            News::Ended(number, ended) => {
                if let Some(running) = self.running.remove(&number) {
                    // An error means that nobody waits for the attempt any more.
                    let _ = running.ended.send(ended);
                }
            }
        }
    }

    fn is_ready(&mut self, ready: Result<(), Unable>) {
        if let Some(waiting) = self.ready.take() {
            // An error means that nobody waits for the minder any more.
            let _ = waiting.send(ready);
        }
    }

    /// The minder is gone: its commands have nobody who minds them, so they are killed here.
    fn is_gone(&mut self, which: u64, is_own_fault: bool) {
        if self.which != which {
            return;
        }
        self.orders = None;
        self.hangs = None;
        self.ready = None;
        for (number, running) in self.running.drain() {
            if is_own_fault {
                self.blameless.insert(number);
            }
            running.group.into_iter().for_each(Group::kill);
        }
    }
}

/// Ends the commands that a killed minder left, on a thread of its own, so that a process that
/// hangs delays nothing.
async fn clear_up(place: &Place, minder: u32) {
    let place = place.clone();
    let (tell, is_clear) = oneshot::channel();
    let cleared = std::thread::Builder::new().spawn(move || {
        clear_up_after(&place, minder);
        // An error means that it took too long.
        let _ = tell.send(());
    });
    if cleared.is_ok() {
        // An error means that it panicked.
        let _ = timeout(GOES, is_clear).await;
    }
}

async fn write(mut stdin: ChildStdin, mut told: mpsc::UnboundedReceiver<Order>) -> io::Result<()> {
    let mut orders = Vec::new();
    let mut lines = Vec::new();
    while told.recv_many(&mut orders, 256).await > 0 {
        for order in orders.drain(..) {
            serde_json::to_writer(&mut lines, &order)?;
            lines.push(b'\n');
        }
        stdin.write_all(&lines).await?;
        lines.clear();
    }
    Ok(())
}

/// Whether a minder ended by itself, and was not killed.
fn is_own_fault(status: &io::Result<ExitStatus>) -> bool {
    status.as_ref().is_ok_and(|status| match status.signal() {
        Some(signal) => !SENT.contains(&signal),
        None => !status.success(),
    })
}

/// The path of this program, valid even if its file was replaced since it was started.
fn own_program() -> io::Result<std::path::PathBuf> {
    if cfg!(target_os = "linux") {
        return Ok("/proc/self/exe".into());
    }
    std::env::current_exe()
}
