//! A stand-in for the network: it passes bytes on, late, in one direction, or not at all, while the
//! sockets on both sides stay open.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::bed::now;

/// Listens until the process ends.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// In microseconds, for each direction.
    delay: AtomicU64,
    /// In milliseconds, before a connection is made.
    accept: AtomicU64,
    /// The size of the buffers of new connections, if not that of the system.
    buffer: AtomicUsize,
    accepted: AtomicUsize,
    held: Mutex<Held>,
    changed: Condvar,
}

/// Which connections pass nothing on.
#[derive(Default)]
struct Held {
    all: bool,
    /// By the order in which they came.
    some: Vec<usize>,
}

impl Proxy {
    pub(crate) fn new(server: u16) -> Self {
        Self::on("127.0.0.1:0", server)
    }

    /// A way from this address to the server of this port of the loopback.
    pub(crate) fn on(address: &str, server: u16) -> Self {
        let listener = TcpListener::bind(address).expect("a port");
        let address = listener.local_addr().expect("a port");
        let shared = Arc::new(Shared::default());
        let proxy = Self {
            address,
            shared: Arc::clone(&shared),
        };
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let number = shared.accepted.fetch_add(1, Ordering::SeqCst);
                let shared = Arc::clone(&shared);
                thread::spawn(move || join(&client, server, number, &shared));
            }
        });
        proxy
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections were made.
    pub(crate) fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// All that comes is passed on so much later, in both directions.
    pub(crate) fn delay(&self, time: Duration) {
        let time = u64::try_from(time.as_micros()).expect("it is short");
        self.shared.delay.store(time, Ordering::SeqCst);
    }

    /// A connection is made so much later than it is asked for.
    pub(crate) fn accept_after(&self, time: Duration) {
        let time = u64::try_from(time.as_millis()).expect("it is short");
        self.shared.accept.store(time, Ordering::SeqCst);
    }

    /// New connections have room for so many bytes on their way.
    pub(crate) fn buffer(&self, bytes: usize) {
        self.shared.buffer.store(bytes, Ordering::SeqCst);
    }

    /// Nothing is passed on any more on these connections, and nobody is told.
    pub(crate) fn hold(&self, numbers: impl IntoIterator<Item = usize>) {
        self.shared.held.lock().unwrap().some.extend(numbers);
    }

    /// The same for all connections, also new ones.
    pub(crate) fn hold_all(&self) {
        self.shared.held.lock().unwrap().all = true;
    }

    /// All is passed on again, and what was held arrives after all, as TCP sends it again.
    pub(crate) fn heal(&self) {
        *self.shared.held.lock().unwrap() = Held::default();
        self.shared.changed.notify_all();
    }
}

fn join(client: &TcpStream, server: u16, number: usize, shared: &Arc<Shared>) -> Option<()> {
    let accept = Duration::from_millis(shared.accept.load(Ordering::SeqCst));
    wait_until(now() + accept);
    let server = TcpStream::connect(("127.0.0.1", server)).ok()?;
    for stream in [client, &server] {
        stream.set_nodelay(true).ok()?;
        let buffer = shared.buffer.load(Ordering::SeqCst);
        if buffer > 0 {
            SockRef::from(stream).set_recv_buffer_size(buffer).ok()?;
            SockRef::from(stream).set_send_buffer_size(buffer).ok()?;
        }
    }
    for (from, to) in [(client, &server), (&server, client)] {
        let (mut from, mut to) = (from.try_clone().ok()?, to.try_clone().ok()?);
        // What is on its way does not keep what comes behind it from setting off. Bounded, so that
        // a full buffer on one side is felt on the other.
        let (sent, arrives) = mpsc::sync_channel::<(Instant, Vec<u8>)>(4096);
        let reads = Arc::clone(shared);
        thread::spawn(move || {
            let mut bytes = vec![0; 16 * 1024];
            while let Ok(length @ 1..) = from.read(&mut bytes) {
                let delay = Duration::from_micros(reads.delay.load(Ordering::SeqCst));
                if sent
                    .send((now() + delay, bytes[..length].to_vec()))
                    .is_err()
                {
                    break;
                }
            }
        });
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            while let Ok((at, bytes)) = arrives.recv() {
                wait_until(at);
                shared.is_let_through(number);
                if to.write_all(&bytes).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(std::net::Shutdown::Both);
        });
    }
    Some(())
}

impl Shared {
    fn is_let_through(&self, number: usize) {
        let held = self.held.lock().unwrap();
        let is_held = |held: &mut Held| held.all || held.some.contains(&number);
        drop(self.changed.wait_while(held, is_held));
    }
}

fn wait_until(time: Instant) {
    loop {
        let left = time.saturating_duration_since(now());
        if left.is_zero() {
            return;
        }
        thread::park_timeout(left);
    }
}
