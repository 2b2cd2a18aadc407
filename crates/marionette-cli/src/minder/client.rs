//! The worker's side: it gives orders to its minder and hears what became of them.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::group::Group;
use super::presence::clear_up_after;
use super::{ARGUMENT, Attempt, Ended, Order, SENT, TRUSTS, Unable, Word};
use crate::clock;
use crate::folder::{Place, Whose};

/// Starts commands through a minder, and another one if that dies.
/// [`close`](Self::close) ends them all.
#[derive(Clone, Debug)]
pub(crate) struct Minder {
    /// Where it is seen which minders are there.
    place: Arc<Place>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// What it is told; `None` while there is no minder.
    orders: Option<mpsc::UnboundedSender<Order>>,
    /// Counts the minders, so that the end of one is not taken for that of its successor.
    which: u64,
    /// Hears that minder until it is gone.
    listener: Option<JoinHandle<()>>,
    /// Who waits until it is there.
    ready: Option<oneshot::Sender<Result<(), Unable>>>,
    /// Why it cannot work; `None` once it has said that it can.
    unable: Option<String>,
    /// When it got a signal that asks a process to end, for the last time.
    signalled: Option<Instant>,
    /// The number of the last attempt.
    last: u64,
    running: HashMap<u64, Running>,
    /// Attempts that have lost their minder by a fault of its own: it had no memory, or no room.
    blameless: HashSet<u64>,
}

#[derive(Debug)]
struct Running {
    ended: oneshot::Sender<Ended>,
    group: Option<Group>,
}

/// An attempt that has begun. Dropping it before it has ended kills it.
#[derive(Debug)]
pub(crate) struct Begun {
    number: u64,
    minder: Minder,
    ended: oneshot::Receiver<Ended>,
}

impl Minder {
    /// Nobody is started yet.
    pub(crate) fn new(place: Place) -> Self {
        Self {
            place: place.into(),
            state: Arc::default(),
        }
    }

    /// Starts it, and waits until it is there.
    pub(crate) async fn start(&self) -> Result<(), Unable> {
        let (ready, is_ready) = oneshot::channel();
        {
            let mut state = self.state();
            state.ready = Some(ready);
            let started = self.start_one(&mut state);
            started.map_err(|error| Unable::of(&error))?;
        }
        let gone = io::Error::other("it ended as soon as it was started");
        is_ready.await.unwrap_or_else(|_| Err(Unable::of(&gone)))
    }

    /// Why it could not work, if it could not: then nobody has killed it.
    pub(crate) fn unable(&self) -> Option<String> {
        self.state().unable.clone()
    }

    /// When its process got a signal that asks a process to end, and so its commands too. What it
    /// says of a command that fails by it, it says later.
    pub(crate) fn signalled(&self) -> Option<Instant> {
        self.state().signalled
    }

    /// Whether a command runs that it has started.
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
        let running = Running { ended, group: None };
        state.running.insert(number, running);
        state.tell(Order::Start(number, Box::new(attempt)));
        Ok(Begun {
            number,
            minder: self.clone(),
            ended: receiver,
        })
    }

    /// Ends what still runs, and waits until nothing of it is left. The store knows of all that was
    /// done.
    pub(crate) async fn close(&self) {
        let listener = {
            let mut state = self.state();
            state.tell(Order::Leave);
            // The writer ends with its channel, and with it the minder's input.
            state.orders = None;
            state.listener.take()
        };
        if let Some(listener) = listener {
            // An error says that it panicked: then there is nothing to wait for.
            let _ = listener.await;
        }
    }

    fn start_one(&self, state: &mut State) -> io::Result<()> {
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
        let listener = self.clone().listen(state.which, stdout, process);
        state.listener = Some(tokio::spawn(listener));
        Ok(())
    }

    /// Hears what the minder says until it says no more.
    async fn listen(self, which: u64, stdout: ChildStdout, mut process: Child) {
        let mut words = BufReader::new(stdout).lines();
        while let Ok(Some(line)) = words.next_line().await {
            match serde_json::from_str(&line) {
                Ok(word) => self.state().hear(word),
                // Only a minder of another version, or none, talks otherwise.
                Err(_) => break,
            }
        }
        let minder = process.id();
        // An error says that it was collected already.
        let status = process.wait().await;
        let is_own_fault = is_own_fault(&status);
        if !status.is_ok_and(|status| status.success())
            && let Some(minder) = minder
        {
            clear_up_after(&self.place, minder);
        }
        self.state().is_gone(which, is_own_fault);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can leave it half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Begun {
    /// How it ends; `None` if its minder is gone and it was killed.
    pub(crate) async fn ended(&mut self) -> Option<Ended> {
        (&mut self.ended).await.ok()
    }

    /// Whether its minder, which is gone, has ended by a fault of its own.
    pub(crate) fn is_blameless(&self) -> bool {
        self.minder.state().blameless.remove(&self.number)
    }

    /// Asks it to end, and makes it end after this grace.
    pub(crate) fn ask(&self, grace: Duration) {
        self.minder.state().tell(Order::End(self.number, grace));
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

impl State {
    fn tell(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // An error says that the minder is gone, which is heard elsewhere.
            let _ = orders.send(order);
        }
    }

    fn hear(&mut self, word: Word) {
        match word {
            Word::Ready => {
                self.unable = None;
                self.is_ready(Ok(()));
            }
            Word::Unable(unable) => {
                self.unable = Some(unable.why.clone());
                self.is_ready(Err(unable));
            }
            Word::Signalled => self.signalled = Some(clock::tick()),
            Word::Started(number, process) => {
                if let Some(running) = self.running.get_mut(&number) {
                    running.group = Group::of(process);
                }
            }
            Word::Ended(number, ended) => {
                if let Some(running) = self.running.remove(&number) {
                    // An error says that nobody waits for it any more.
                    let _ = running.ended.send(ended);
                }
            }
        }
    }

    fn is_ready(&mut self, ready: Result<(), Unable>) {
        if let Some(waiting) = self.ready.take() {
            // An error says that nobody waits for it any more.
            let _ = waiting.send(ready);
        }
    }

    /// Somebody killed the minder: nobody minds its commands, so they are killed here.
    fn is_gone(&mut self, which: u64, is_own_fault: bool) {
        if self.which != which {
            return;
        }
        self.orders = None;
        self.ready = None;
        for (number, running) in self.running.drain() {
            if is_own_fault {
                self.blameless.insert(number);
            }
            running.group.into_iter().for_each(Group::kill);
        }
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

/// Whether a minder ended by itself, and not because somebody killed it.
fn is_own_fault(status: &io::Result<ExitStatus>) -> bool {
    status.as_ref().is_ok_and(|status| match status.signal() {
        Some(signal) => !SENT.contains(&signal),
        None => !status.success(),
    })
}

/// This program, also when its file was replaced since it was started.
fn own_program() -> io::Result<std::path::PathBuf> {
    if cfg!(target_os = "linux") {
        return Ok("/proc/self/exe".into());
    }
    std::env::current_exe()
}
