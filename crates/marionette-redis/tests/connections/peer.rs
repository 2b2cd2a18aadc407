//! A peer between a store and a server, which answers some commands as a test says.

use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use marionette_servers::copy_value;

/// What becomes of a command.
pub(crate) enum Act {
    /// The server answers it.
    Pass,
    /// This is the answer.
    Say(&'static str),
    /// Nobody answers, and nobody closes the connection.
    Nothing,
    /// The server does it, and the connection ends before its answer.
    Lose,
    /// The connection ends.
    Close,
}

type Decide = Box<dyn FnMut(&str) -> Act + Send>;

/// Listens until the process ends.
pub(crate) struct Peer {
    port: u16,
    decide: Arc<Mutex<Decide>>,
    accepted: Arc<AtomicUsize>,
}

impl Peer {
    /// A peer in front of the server of this port; `decide` gets each command with its first
    /// argument, in capitals.
    pub(crate) fn new(server: u16, decide: impl FnMut(&str) -> Act + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let peer = Self {
            port: listener.local_addr().expect("a port").port(),
            decide: Arc::new(Mutex::new(Box::new(decide))),
            accepted: Arc::default(),
        };
        let (decide, accepted) = (Arc::clone(&peer.decide), Arc::clone(&peer.accepted));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                accepted.fetch_add(1, Ordering::SeqCst);
                let decide = Arc::clone(&decide);
                std::thread::spawn(move || serve(client, server, &decide));
            }
        });
        peer
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// How many connections were made.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// From now on it does this.
    pub(crate) fn now(&self, decide: impl FnMut(&str) -> Act + Send + 'static) {
        *self.decide.lock().unwrap() = Box::new(decide);
    }
}

/// A port of the loopback that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("a port").port()
}

fn serve(client: TcpStream, server: u16, decide: &Mutex<Decide>) -> Option<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).ok()?;
    client.set_nodelay(true).ok()?;
    server.set_nodelay(true).ok()?;
    let mut out = client.try_clone().ok()?;
    let mut to_server = server.try_clone().ok()?;
    let (mut client, mut server) = (BufReader::new(client), BufReader::new(server));
    loop {
        let mut command = Vec::new();
        if copy_value(&mut client, &mut command).is_err() {
            return None;
        }
        let text = String::from_utf8_lossy(&command).to_ascii_uppercase();
        let words: Vec<_> = text.split("\r\n").skip(2).step_by(2).take(2).collect();
        let act = (decide.lock().unwrap())(&words.join(" "));
        match act {
            Act::Pass | Act::Lose => {
                let mut answer = Vec::new();
                to_server.write_all(&command).ok()?;
                copy_value(&mut server, &mut answer).ok()?;
                if let Act::Lose = act {
                    out.shutdown(Shutdown::Both).ok()?;
                    return None;
                }
                out.write_all(&answer).ok()?;
            }
            Act::Say(answer) => out.write_all(answer.as_bytes()).ok()?,
            Act::Nothing => {}
            Act::Close => out.shutdown(Shutdown::Both).ok()?,
        }
    }
}
