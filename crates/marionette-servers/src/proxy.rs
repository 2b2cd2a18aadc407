//! Stands between clients and a server, sees each command and each answer, and lets a test decide
//! what becomes of it.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::server::RedisServer;

/// How far a command has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// The client has sent it, and the server does not know of it.
    Sent,
    /// The server has answered, and the client does not know of it.
    Answered,
    /// The client has got the answer.
    Told,
}

impl Border {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sent, Self::Answered, Self::Told];
}

/// What becomes of what comes to a border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It goes on.
    Pass,
    /// The connection ends, on both sides.
    Cut,
    /// Half of it goes on, and then the connection ends.
    Half,
}

/// A command that comes to a border.
#[derive(Clone, Debug)]
pub struct Passing {
    /// Its first two words, in capitals.
    pub command: String,
    /// The first comment of the script that it calls, if it calls one that was loaded here.
    pub script: Option<String>,
    /// How far it has come.
    pub border: Border,
}

type Decide = Box<dyn FnMut(&Passing) -> Act + Send>;

/// A proxy on a port of the loopback, in front of one server. It ends when this is dropped.
///
/// ```
/// use marionette_servers::{Act, Border, Connection, Proxy, RedisServer};
/// use std::time::Duration;
///
/// # fn main() {
/// let Some(server) = RedisServer::start() else { return };
/// // The server does what it is told, and nobody hears of it.
/// let proxy = Proxy::new(&server, |passing| match passing.border {
///     Border::Answered => Act::Cut,
///     _ => Act::Pass,
/// });
/// let mut client = Connection::open(proxy.port(), Duration::from_secs(5)).unwrap();
/// assert!(client.command(&["INCR", "visits"]).is_err());
/// assert_eq!(server.command(&["GET", "visits"]).int(), 1);
/// # }
/// ```
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    listens: Option<JoinHandle<()>>,
}

struct Shared {
    server: u16,
    decide: Mutex<Decide>,
    /// The hashes of the scripts that were loaded, and their first comments.
    scripts: Mutex<Vec<(String, String)>>,
    accepted: AtomicUsize,
    is_over: AtomicBool,
}

impl Proxy {
    /// A proxy in front of a server, which decides so. While nobody decides, nothing passes.
    ///
    /// # Panics
    ///
    /// If there is no port.
    pub fn new(server: &RedisServer, decide: impl FnMut(&Passing) -> Act + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("it has a port").port();
        let shared = Arc::new(Shared {
            server: server.port(),
            decide: Mutex::new(Box::new(decide)),
            scripts: Mutex::default(),
            accepted: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        });
        let own = Arc::clone(&shared);
        let listens = thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if own.is_over.load(Ordering::SeqCst) {
                    return;
                }
                own.accepted.fetch_add(1, Ordering::SeqCst);
                let shared = Arc::clone(&own);
                thread::spawn(move || shared.serve(&client));
            }
        });
        Self {
            port,
            shared,
            listens: Some(listens),
        }
    }

    /// The port that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address, for a server without a password.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// How many connections were made.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// The first comments of the scripts that were loaded, in their order.
    #[must_use]
    pub fn scripts(&self) -> Vec<String> {
        let scripts = lock(&self.shared.scripts);
        scripts.iter().map(|(_, comment)| comment.clone()).collect()
    }

    /// From now on it decides so.
    pub fn now(&self, decide: impl FnMut(&Passing) -> Act + Send + 'static) {
        *lock(&self.shared.decide) = Box::new(decide);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // It listens until somebody comes.
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let came = TcpStream::connect(address).is_ok();
        if let Some(listens) = self.listens.take().filter(|_| came) {
            listens.join().ok();
        }
    }
}

/// One client, and its connection to the server.
struct Pair<'a> {
    client: &'a TcpStream,
    server: &'a TcpStream,
    /// What the server has not answered yet.
    sent: Mutex<VecDeque<Command>>,
}

/// A command on its way.
struct Command {
    words: String,
    script: Option<String>,
    /// The first comment of the script that it loads.
    loads: Option<String>,
}

impl Shared {
    fn serve(&self, client: &TcpStream) {
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.server)) else {
            return;
        };
        client.set_nodelay(true).ok();
        server.set_nodelay(true).ok();
        let pair = Pair {
            client,
            server: &server,
            sent: Mutex::default(),
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                let _ = self.answers(&pair);
                pair.end();
            });
            let _ = self.commands(&pair);
            pair.end();
        });
    }

    /// Passes commands on.
    fn commands(&self, pair: &Pair<'_>) -> io::Result<()> {
        let mut from = BufReader::new(pair.client);
        loop {
            let mut bytes = Vec::new();
            copy_value(&mut from, &mut bytes)?;
            let command = self.command(&bytes);
            let act = self.decide(&command, Border::Sent);
            // Its confirmation comes as a message, not as an answer.
            if act == Act::Pass && !command.words.starts_with("SSUBSCRIBE") {
                lock(&pair.sent).push_back(command);
            }
            pass(act, &bytes, pair.server)?;
        }
    }

    /// Passes answers and messages on.
    fn answers(&self, pair: &Pair<'_>) -> io::Result<()> {
        let mut from = BufReader::new(pair.server);
        loop {
            let mut bytes = Vec::new();
            copy_value(&mut from, &mut bytes)?;
            let command = match bytes[0] {
                b'>' => None,
                _ => lock(&pair.sent).pop_front(),
            };
            let Some(command) = command else {
                pass(Act::Pass, &bytes, pair.client)?;
                continue;
            };
            self.learn(&command, &bytes);
            let act = self.decide(&command, Border::Answered);
            pass(act, &bytes, pair.client)?;
            if self.decide(&command, Border::Told) != Act::Pass {
                return Ok(());
            }
        }
    }

    fn command(&self, bytes: &[u8]) -> Command {
        let mut words = bytes.split(|byte| *byte == b'\n').skip(2).step_by(2);
        let mut word = || String::from_utf8_lossy(words.next().unwrap_or_default()).into_owned();
        let [first, second] = [word(), word()].map(|word| word.trim_end().to_owned());
        let scripts = lock(&self.scripts);
        let mut scripts = scripts.iter();
        let script = scripts.find(|(hash, _)| *hash == second);
        let script = script.map(|(_, comment)| comment.clone());
        let words = format!("{first} {second}").to_uppercase();
        let loads = (words == "SCRIPT LOAD").then(|| comment(bytes));
        Command {
            words,
            script,
            loads,
        }
    }

    /// Notes the hash of a script that was loaded.
    fn learn(&self, command: &Command, answer: &[u8]) {
        let Some(comment) = &command.loads else {
            return;
        };
        let answer = String::from_utf8_lossy(answer);
        let Some(hash) = answer.lines().nth(1) else {
            return;
        };
        let mut scripts = lock(&self.scripts);
        if scripts.iter().all(|(known, _)| known != hash) {
            scripts.push((hash.to_owned(), comment.clone()));
        }
    }

    fn decide(&self, command: &Command, border: Border) -> Act {
        let passing = Passing {
            command: command.words.clone(),
            script: command.script.clone(),
            border,
        };
        let mut decide = lock(&self.decide);
        decide(&passing)
    }
}

impl Pair<'_> {
    fn end(&self) {
        self.client.shutdown(Shutdown::Both).ok();
        self.server.shutdown(Shutdown::Both).ok();
    }
}

/// The first comment in a script.
fn comment(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix("-- "));
    line.unwrap_or_default().to_owned()
}

/// Passes on what an act says, and fails if that is the end of the connection.
fn pass(act: Act, bytes: &[u8], mut to: &TcpStream) -> io::Result<()> {
    match act {
        Act::Pass => to.write_all(bytes),
        Act::Half => {
            to.write_all(&bytes[..bytes.len() / 2])?;
            Err(io::ErrorKind::ConnectionAborted.into())
        }
        Act::Cut => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

/// Copies one value of the protocol, of its second or third version.
///
/// # Errors
///
/// If the other side ends before it, or is not heard.
pub fn copy_value(from: &mut impl BufRead, to: &mut Vec<u8>) -> io::Result<()> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    let Some((&kind, rest)) = line.split_first() else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    to.extend_from_slice(&line);
    let number = String::from_utf8_lossy(rest).trim().parse::<u64>();
    match (kind, number) {
        (b'$' | b'=' | b'!', Ok(length)) => {
            let copied = from.take(length + 2).read_to_end(to)?;
            if copied as u64 != length + 2 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        (b'*' | b'~' | b'>', Ok(count)) => {
            for _ in 0..count {
                copy_value(from, to)?;
            }
        }
        (b'%' | b'|', Ok(count)) => {
            for _ in 0..2 * count {
                copy_value(from, to)?;
            }
        }
        // A short value, or one that is nothing.
        _ => {}
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Proxy");
        shown.field("port", &self.port).finish_non_exhaustive()
    }
}
