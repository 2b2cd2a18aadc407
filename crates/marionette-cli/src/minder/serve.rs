//! The minder's own process: obeys orders until there are no more, and then ends what runs.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, getpgid, getppid, setpgid, setsid};
use rustix::stdio::{dup2_stderr, dup2_stdout};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinSet, spawn_blocking, yield_now};
use tokio::time::timeout;

use super::attend::{Means, attend};
use super::begin::BEGINNING_MAX;
use super::done::Done;
use super::leavers::Leavers;
use super::orphans::Marks;
use super::presence::Presence;
use super::{Attempt, How, News, Order, TRUSTS, Unable};
use crate::console;
use crate::files::{Place, Whose};
use crate::process::runtime;
use crate::process::signals::ignored;

/// How many threads may block at once: one for each command that is being started, and as many for
/// output that is being written.
const THREADS_MAX: usize = 2 * BEGINNING_MAX;
/// How long it may take to mark the jobs that are done, before this process ends.
const NOTING: Duration = Duration::from_secs(2);

/// Runs the minder until its parent, the instance's process, is gone. `folder` has its presence.
pub(crate) fn serve(folder: &Path, worker: &OsStr, trusts: &OsStr) -> ExitCode {
    let whose = if trusts == TRUSTS {
        Whose::Anybodys
    } else {
        Whose::Ours
    };
    let place = Place::new(folder, whose);
    let worker = worker.to_str().and_then(|worker| worker.parse().ok());
    let worker = worker.and_then(Pid::from_raw);
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder
        .max_blocking_threads(THREADS_MAX)
        // One thread stays for as long as this process, so that on a system without room for
        // another thread work waits and nothing panics.
        .thread_keep_alive(Duration::MAX);
    let runtime = runtime::begin(builder, is_unable);
    let runtime = runtime.inspect_err(|error| is_unable(&error.to_string()));
    let served = runtime.and_then(|runtime| {
        let served = runtime.block_on(mind(&place, worker));
        // A thread that hangs is not waited for.
        runtime.shutdown_background();
        served
    });
    if let Err(error) = &served {
        console::complain(&format!("the minder of commands: {error}"));
    }
    let_go();
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Lets go of the pipes that other processes read to their end. A thread that hangs in the kernel
/// keeps this process, and its open files, beyond its end.
fn let_go() {
    if let Ok(null) = File::options().write(true).open("/dev/null") {
        // After an error they stay open, and that is all.
        let _ = dup2_stdout(&null);
        let _ = dup2_stderr(&null);
    }
}

/// Tells the instance that the minder cannot even begin.
fn is_unable(why: &str) {
    let word = News::Unable(Unable {
        why: why.to_owned(),
        is_full: false,
    });
    if let Ok(mut line) = serde_json::to_vec(&word) {
        line.push(b'\n');
        // An error means that nobody listens.
        let _ = rustix::io::write(rustix::stdio::stdout(), &line);
    }
}

async fn mind(place: &Place, worker: Option<Pid>) -> io::Result<()> {
    // First of all: until the signals are caught, one that is meant for all processes would end
    // this one.
    let mut deaf = Deaf::new()?;
    let stdin = io::stdin().as_fd().try_clone_to_owned()?;
    let stdout = io::stdout().as_fd().try_clone_to_owned()?;
    let (words, told) = mpsc::unbounded_channel();
    let teller = tokio::spawn(tell(pipe::Sender::from_owned_fd(stdout)?, told));
    let presence = match begin(place, worker).await {
        Ok(presence) => presence,
        Err(error) => {
            drop(words.send(News::Unable(Unable::of(&error))));
            drop(words);
            let _ = teller.await;
            return Err(error);
        }
    };
    drop(words.send(News::Ready));
    let mut orders = BufReader::new(pipe::Receiver::from_owned_fd(stdin)?).lines();
    let mut minded = Minded::new(presence.path());
    loop {
        tokio::select! {
            line = orders.next_line() => match line {
                // An order of an instance that is gone may still lie in the pipe; the instance may
                // have gone before this process knew its parent.
                Ok(Some(line)) if getppid() == worker => {
                    minded.obey(order(&line)?, &words);
                }
                // The instance is gone. A process that takes over its jobs must find nothing of
                // them.
                _ => break,
            },
            Some(Ok(over)) = minded.attempts.join_next() => minded.forget(over),
            () = deaf.signalled() => drop(words.send(News::Signalled)),
        }
    }
    minded.close().await;
    drop(words.send(News::Left));
    drop(words);
    // Once the instance is gone nobody listens.
    let _ = timeout(NOTING, teller).await;
    Ok(())
}

/// Leaves the terminal of the instance, and takes the presence.
async fn begin(place: &Place, worker: Option<Pid>) -> io::Result<Presence> {
    leave_terminal()?;
    let place = place.clone();
    let taken = spawn_blocking(move || Presence::take(&place, worker)).await;
    taken.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// Begins a session without a terminal, for this process and all its commands, so that none can
/// wait at a terminal for an answer, or write to it past the output that is kept.
///
/// The leader of a session that opens a terminal gets it, so none is opened here without
/// `O_NOCTTY`.
fn leave_terminal() -> io::Result<()> {
    // The leader of a group cannot begin a session, so this process joins the group of its parent
    // first.
    if let Some(worker) = getppid() {
        // An error means that the parent has just gone; then the next call fails too.
        let _ = getpgid(Some(worker)).and_then(|group| setpgid(None, Some(group)));
    }
    setsid()?;
    Ok(())
}

/// Reads an order. Errors of JSON may quote the secret of a command, so only the column is told.
fn order(line: &str) -> io::Result<Order> {
    serde_json::from_str(line).map_err(|error| {
        let column = error.column();
        io::Error::other(format!("an order cannot be read from column {column} on"))
    })
}

/// How a killed command ends: by SIGKILL, whose number is the same everywhere.
const KILLED: How = How::Signal(9);

/// The commands that run.
struct Minded {
    means: Means,
    attempts: JoinSet<Over>,
    asks: HashMap<u64, mpsc::UnboundedSender<Duration>>,
    /// Ends the processes that have left the groups of ended commands.
    leavers: Arc<Leavers>,
    /// The jobs that succeeded last, which the store may not know of yet.
    done: Done,
}

/// An attempt that is over.
struct Over {
    number: u64,
    /// The folder of the job to mark as done, if the attempt succeeded.
    done: Option<Place>,
}

impl Minded {
    fn new(presence: &Path) -> Self {
        Self {
            means: Means {
                presence: presence.into(),
                places: Arc::new(Semaphore::new(BEGINNING_MAX)),
            },
            attempts: JoinSet::new(),
            asks: HashMap::new(),
            leavers: Arc::default(),
            done: Done::default(),
        }
    }

    fn obey(&mut self, order: Order, words: &mpsc::UnboundedSender<News>) {
        match order {
            Order::Start(number, attempt) => self.start(number, *attempt, words.clone()),
            Order::End(number, grace) => {
                if let Some(ask) = self.asks.get(&number) {
                    // An error means that the attempt has just ended.
                    let _ = ask.send(grace);
                }
            }
            Order::Leave => self.done = Done::default(),
        }
    }

    fn start(&mut self, number: u64, attempt: Attempt, words: mpsc::UnboundedSender<News>) {
        let (ask, asks) = mpsc::unbounded_channel();
        self.asks.insert(number, ask);
        let output = attempt.output.clone();
        let means = self.means.clone();
        let leavers = Arc::clone(&self.leavers);
        self.attempts.spawn(async move {
            let started = |process| drop(words.send(News::Started(number, process)));
            let (job, nth) = (attempt.job.clone(), attempt.number);
            let ended = attend(attempt, &means, asks, started).await;
            if ended.was_asked || ended.how == KILLED {
                leavers
                    .end(Marks::of_attempt(&means.presence, &job, nth))
                    .await;
            }
            let is_done = ended.failure().is_none() && !ended.was_asked;
            if ended.failure().is_some() {
                // A signal that came before this end is told before it; the system may show the end
                // first.
                yield_now().await;
            }
            drop(words.send(News::Ended(number, ended)));
            let done = is_done.then_some(output);
            Over { number, done }
        });
    }

    fn forget(&mut self, over: Over) {
        self.asks.remove(&over.number);
        if let Some(output) = over.done {
            self.done.push(output);
        }
    }

    async fn close(mut self) {
        for ask in self.asks.values() {
            let _ = ask.send(Duration::ZERO);
        }
        while let Some(over) = self.attempts.join_next().await {
            // An error means that the attempt panicked: then nothing is known of it.
            if let Ok(over) = over {
                self.forget(over);
            }
        }
        let done = self.done;
        let noted = spawn_blocking(move || done.write_down());
        // If a mark cannot be written, its job runs again, as after a loss of power.
        let _ = timeout(NOTING, noted).await;
    }
}

/// Sends the news to the instance, many at a time.
async fn tell(mut stdout: pipe::Sender, mut told: mpsc::UnboundedReceiver<News>) -> io::Result<()> {
    let mut words = Vec::new();
    let mut lines = Vec::new();
    while told.recv_many(&mut words, 256).await > 0 {
        for word in words.drain(..) {
            serde_json::to_writer(&mut lines, &word)?;
            lines.push(b'\n');
        }
        stdout.write_all(&lines).await?;
        lines.clear();
    }
    Ok(())
}

/// Signals that are meant for the instance, which decides what follows from them. They are caught
/// and not ignored, because commands would inherit an ignored signal; so are the signals that the
/// instance was started to ignore. Hence no command starts with an ignored signal.
struct Deaf {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    quit: Signal,
    /// The signals that the instance was started to ignore, such as a hangup by `nohup`.
    _ignored: Vec<Signal>,
}

impl Deaf {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
            // A signal that cannot be caught is ignored by no process.
            _ignored: ignored().filter_map(|kind| signal(kind).ok()).collect(),
        })
    }

    /// Waits for one of these signals.
    async fn signalled(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
            _ = self.quit.recv() => {}
        }
    }
}
